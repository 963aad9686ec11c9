/*
 * A catalogue of a few tables made in memory, for tests of the SQL front end:
 * looks tables up and counts references, takes no locks.
 */
#ifndef TESTS_FAKE_CATALOG_H
#define TESTS_FAKE_CATALOG_H

#include "catalog/catalog.h"

struct catalog *fake_catalog_new(void);
void fake_catalog_free(struct catalog *c);
int fake_catalog_references(const struct catalog *c); /* not yet released */
void fake_catalog_bump(struct catalog *c); /* the next generation */

#endif
