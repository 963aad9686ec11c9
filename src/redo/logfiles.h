/*
 * The files of one redo thread: redo/<thread>/<sequence>.log, each with a
 * header block that tells which positions it holds, so that sizes may differ.
 *
 * The owner keeps a chain of files from the one it appends to up to one that
 * is allocated ahead. A file is written completely once before it is used, so
 * that a sync of the log never has to write metadata. Files behind the
 * checkpoint are renamed and used again: their old log blocks carry positions
 * that no longer fit, and do not count.
 */
#ifndef REDO_LOGFILES_H
#define REDO_LOGFILES_H

#include "redo/format.h"
#include "rt/rt.h"

#define LOG_PATH_MAX 1024u

/* ---- what is there: opener, reader, tools -------------------------------- */

struct log_file_info {
    uint64_t sequence; /* from its name */
    bool valid; /* the header is intact and names this sequence */
    struct log_file_header header;
};
/* All *.log files of a thread, sorted by position (those with damaged headers last), xmalloc'ed. No folder: none. */
enum err log_files_list(const char *dir, uint16_t thread, struct log_file_info **ret, unsigned *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
void log_file_path(char path[LOG_PATH_MAX], const char *dir, uint16_t thread, uint64_t sequence);

/* ---- the owner's chain ---------------------------------------------------- */

struct log_file {
    struct log_file *next;
    uint64_t sequence;
    lsn_t start, end; /* of its log blocks */
    struct rt_file *f;
};

struct log_chain;

/*
 * The chain that holds `start`. Creates its first file where there is none. Files with other contents become spare ones; those that
 * lie wholly before `start` are free, since the control file names it as checkpoint.
 * Used by one fiber at a time (the provider), but for log_chain_find() and log_chain_end(), which may run anywhere.
 */
enum err log_chain_open(const char *dir, uint16_t thread, lsn_t start, uint64_t file_bytes, struct log_chain **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void log_chain_close(struct log_chain *c) MAY_YIELD; /* accepts NULL */
/* One more file at the end: a spare one, one wholly before `checkpoint`, or a new one. */
enum err log_chain_grow(struct log_chain *c, lsn_t checkpoint, struct diag *d) MAY_YIELD MUST_CHECK;
/* Position up to which log space is allocated. */
lsn_t log_chain_end(const struct log_chain *c);
/* The file that holds this position; it stays open while the position is not before the checkpoint. */
struct log_file *log_chain_find(struct log_chain *c, lsn_t lsn);

#endif
