/*
 * Offline verification of a database that no node has open: every block,
 * space, rows and their undo, overflow chains, B-trees, indexes against their
 * tables, the catalogue. Reads only. docs/CHECK.md lists what is checked.
 *
 * Memory: 8 bytes a block of the data file and 8 a block of undo, 16 bytes an
 * entry of each transaction table, and for one table at a time 8 bytes a row
 * and another 8 a row and index.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/diag.h"

enum check_kind {
    CHECK_PROBLEM, /* something is damaged */
    CHECK_NOTE, /* space that nothing uses: what a crash may leave behind */
};

struct check_options {
    const char *dir;
    void (*line)(void *arg, enum check_kind kind, const char *text); /* one problem or note: what and where; may be NULL */
    void *arg;
    uint64_t lines_max; /* of each kind; the rest is only counted. 0: 1,000 */
};

/* clang-format off */
#define CHECK_COUNTS(X) \
    X(blocks,    "blocks read of all files") \
    X(tables,    "tables checked, system tables included") \
    X(indexes,   "indexes checked") \
    X(sequences, "sequences checked") \
    X(rows,      "live rows") \
    X(entries,   "index entries that are not marked deleted") \
    X(undo,      "undo records read") \
    X(problems,  "problems found") \
    X(notes,     "notes")
/* clang-format on */
struct check_result {
#define X(name, text) uint64_t name;
    CHECK_COUNTS(X)
#undef X
};

/*
 * ERR_OK: it was checked, and ret->problems says how it is. Otherwise it could not be checked: there is no database, a node has it open
 * (ERR_OBJECT_IN_USE), it was not shut down cleanly (ERR_OBJECT_STATE: a start recovers it first). While it runs no node can start.
 */
enum err check_run(const struct check_options *opt, struct check_result *ret, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
