/*
 * The bytes of a redo thread: log files, log blocks, records.
 *
 * Pure: no I/O, no allocation. Decoders check every bound; they are fed with
 * whatever a disk returns.
 *
 *   log file    one REDO_LOG_BLOCK of file header, then log blocks
 *   log block   struct log_block_header, `used` bytes of the record stream, zeroes
 *   record      struct record_header, then each vector: struct vector_header, payload
 *
 * A record may cross log blocks; a block with `used` below LOG_BLOCK_PAYLOAD ends a flush and thereby a record.
 */
#ifndef REDO_FORMAT_H
#define REDO_FORMAT_H

#include "redo/redo.h"

#define LOG_BLOCK_MAGIC 0x424c5452u /* "RTLB" */
#define LOG_FILE_MAGIC 0x464c5452u /* "RTLF" */
#define LOG_FILE_FORMAT 1u

enum { LOG_BLOCK_OPEN = 1 }; /* flag: the first block of an owner; it holds no records */

struct log_block_header {
    uint32_t magic;
    uint32_t crc; /* crc32c of the block with this field zero */
    uint16_t thread;
    uint16_t used;
    uint16_t flags;
    uint16_t reserved;
    incarnation_t incarnation;
    lsn_t lsn; /* of this block */
    lsn_t durable; /* known durable when this block was written */
    uint64_t spare; /* encryption */
};
static_assert(sizeof(struct log_block_header) == 48, "on-disk format");

#define LOG_BLOCK_HEADER ((uint32_t)sizeof(struct log_block_header))
#define LOG_BLOCK_PAYLOAD (REDO_LOG_BLOCK - LOG_BLOCK_HEADER)

struct log_file_header {
    uint32_t magic;
    uint32_t crc; /* of the header block with this field zero */
    uint32_t format;
    uint16_t thread;
    uint16_t reserved;
    uint64_t sequence; /* the file's name */
    lsn_t start; /* position of its first log block */
    uint64_t data_bytes; /* log blocks in it, in bytes */
};
static_assert(sizeof(struct log_file_header) == 40, "on-disk format");

struct record_header {
    uint32_t length; /* of the whole record */
    uint32_t crc; /* crc32c of the vectors, then of this header with this field zero */
    uint8_t type; /* enum redo_record_type */
    uint8_t nvectors;
    uint16_t reserved;
    uint32_t reserved2;
    scn_t scn;
    uint64_t xid;
};
static_assert(sizeof(struct record_header) == 32, "on-disk format");

struct vector_header {
    uint64_t dba;
    scn_t before;
    uint16_t opcode;
    uint16_t reserved;
    uint32_t len;
};
static_assert(sizeof(struct vector_header) == 24, "on-disk format");

/* Sets magic and crc; the other fields are the caller's. */
void log_block_seal(void *block);
/* Magic, crc, sizes and thread are right: *ret is its header. The position is the caller's to check. */
bool log_block_valid(const void *block, uint16_t thread, struct log_block_header *ret);

void log_file_header_encode(void *block, const struct log_file_header *h);
bool log_file_header_decode(const void *block, uint16_t thread, struct log_file_header *ret);

/* The checksum over a record, in two steps: the vectors before the SCN is known, then the header. */
uint32_t record_crc_vectors(const struct redo_vector *v, unsigned n, struct vector_header *ret_headers);
uint32_t record_crc_finish(uint32_t crc_vectors, const struct record_header *h);

/* Length of the record that starts at p, when its header is complete and plausible; otherwise 0. Needs sizeof(struct record_header) bytes. */
uint32_t record_length(const uint8_t *p);
/* Decodes the record at p. Payloads point into p. False: damaged (*ret_why says how). start and end of *ret are the caller's. */
bool record_decode(const uint8_t *p, uint32_t len, struct redo_record *ret, const char **ret_why);
/* Writes a record into out (tests and tools; redo_append() writes straight into the log buffer). Returns its length. */
uint32_t record_encode(uint8_t *out, enum redo_record_type type, struct xid xid, scn_t scn, const struct redo_vector *v, unsigned n);

#endif
