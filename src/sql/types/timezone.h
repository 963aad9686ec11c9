/*
 * Time zones: the offset from UTC at an instant or at a local time.
 *
 * A zone is read from the bytes of a TZif file (RFC 8536), from a POSIX TZ
 * rule, or is a fixed offset. Reading the file is the caller's job. A zone is
 * immutable and lives as long as the arena it was made in.
 */
#ifndef SQL_TYPES_TIMEZONE_H
#define SQL_TYPES_TIMEZONE_H

#include "base/arena.h"
#include "base/diag.h"

struct timezone;

enum err timezone_parse(struct arena *a, const char *name, const uint8_t *bytes, size_t len, const struct timezone **ret,
                        struct diag *d) MUST_CHECK;
/* "CET-1CEST,M3.5.0,M10.5.0/3" */
enum err timezone_posix(struct arena *a, const char *name, const char *rule, const struct timezone **ret,
                        struct diag *d) MUST_CHECK;
/* abbreviation: what to_char() prints; at most 15 bytes are kept */
const struct timezone *timezone_fixed(struct arena *a, const char *name, const char *abbreviation, int32_t secs_east);

const char *timezone_name(const struct timezone *tz);
/* Seconds east of UTC at an instant (seconds since 1970 UTC); ret_abbreviation may be NULL. */
int32_t timezone_offset_at(const struct timezone *tz, int64_t unix_secs, const char **ret_abbreviation);
/*
 * Seconds east of UTC at a local time (seconds since 1970 as the wall shows
 * them). A time that was skipped counts as if the clock had not yet been
 * moved; of a repeated one the later (standard) is taken: as PostgreSQL does.
 */
int32_t timezone_offset_of_local(const struct timezone *tz, int64_t local_secs);

#endif
