/*
 * The configuration file (TOML): every section and key, its type, default,
 * bounds and meaning in one table. Unknown keys, wrong types and values out of
 * range are errors with file and line. A key whose feature does not exist yet
 * is refused unless it has its default.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/arena.h"
#include "base/diag.h"

/*
 * INT and SIZE: default, least, greatest. SIZE also takes "256MB". `ready`: false = only the default is accepted so far.
 *   member                     kind    section            key                     default   least  greatest      ready  meaning
 */
/* clang-format off */
#define CONFIG_KEYS(X) \
    X(cluster_name,             STRING, "cluster",        "cluster_name",          "rustydb",            0, 63,           true,  "name of the cluster; checked against the control file") \
    X(node_id,                  STRING, "cluster",        "node_id",               "",                   1, 63,           true,  "this node's name, unique in the cluster (required)") \
    X(interconnect_address,     STRING, "cluster",        "interconnect_address",  "127.0.0.1:0",        1, 127,          true,  "address for the other nodes; port 0: any") \
    X(secret_file,              STRING, "cluster",        "secret_file",           "",                   0, 4000,         true,  "shared secret of the nodes; empty: control/secret in the data directory") \
    X(data_dir,                 STRING, "storage",        "data_dir",              "/var/lib/rustydb/data", 1, 4000,      true,  "shared directory with the database") \
    X(buffer_cache_size,        SIZE,   "storage",        "buffer_cache_size",     "256MB",        8388608, INT64_C(1) << 46, true,  "memory for blocks, bytes or \"256MB\"") \
    X(redo_file_size,           SIZE,   "storage",        "redo_file_size",        "64MB",         1048576, INT64_C(1) << 36, true,  "size of one redo log file") \
    X(undo_retention_secs,      INT,    "storage",        "undo_retention_secs",   "0",                  0, 31536000,     true,  "undo is kept at least this long") \
    X(workers,                  INT,    "storage",        "workers",               "0",                  0, 64,           true,  "worker threads; 0: one a processor") \
    X(listen_address,           STRING, "server",         "listen_address",        "127.0.0.1:5432",     1, 127,          true,  "address for PostgreSQL clients (loopback only until there is authentication)") \
    X(max_connections,          INT,    "server",         "max_connections",       "200",                1, 10000,        true,  "client connections of this instance") \
    X(io_backend,               STRING, "server",         "io_backend",            "auto",               1, 7,            true,  "auto, uring or epoll") \
    X(spin_us,                  INT,    "server",         "spin_us",               "50",                 0, 10000,        true,  "an idle worker polls this long at most before it sleeps") \
    X(log_level,                STRING, "server",         "log_level",             "info",               1, 7,            true,  "debug, info, warning or error") \
    X(enable_cache_fusion,      BOOL,   "rac",            "enable_cache_fusion",   "true",               0, 0,            false, "blocks travel from memory to memory") \
    X(enable_parallel_query,    BOOL,   "rac",            "enable_parallel_query", "true",               0, 0,            false, "queries run on several nodes") \
    X(rac_max_dop,              INT,    "rac",            "max_dop",               "128",                1, 128,          false, "greatest degree of parallelism") \
    X(heartbeat_interval_ms,    INT,    "rac",            "heartbeat_interval_ms", "100",               10, 10000,        true,  "time between heartbeats") \
    X(phi_threshold,            FLOAT,  "rac",            "phi_threshold",         "8.0",                1, 16,           true,  "suspicion level of the failure detector") \
    X(num_buckets,              INT,    "grd",            "num_buckets",           "65536",           1024, 1048576,      true,  "hash buckets of the global resource directory; equal on all nodes") \
    X(affinity_enabled,         BOOL,   "grd",            "affinity_enabled",      "true",               0, 0,            false, "masters move to the node that uses them most") \
    X(remastering_threshold,    INT,    "grd",            "remastering_threshold", "150",                1, 1000000,      false, "remote accesses before a master moves") \
    X(affinity_threshold,       INT,    "grd",            "affinity_threshold",    "150",                1, 1000000,      false, "the same, under its older name") \
    X(load_balance_threshold,   FLOAT,  "grd",            "load_balance_threshold", "0.20",              0, 1,            false, "imbalance that starts a rebalance") \
    X(auto_recovery,            BOOL,   "recovery",       "auto_recovery",         "true",               0, 0,            false, "failed instances are recovered without being asked") \
    X(parallel_redo_threads,    INT,    "recovery",       "parallel_redo_threads", "8",                  1, 64,           true,  "fibers that apply redo in parallel") \
    X(recovery_window_secs,     INT,    "recovery",       "recovery_window_secs",  "5",                  1, 3600,         false, "time that online recovery aims for") \
    X(zero_copy_enabled,        BOOL,   "cache_fusion",   "zero_copy_enabled",     "true",               0, 0,            false, "blocks are sent from their frames") \
    X(prefetch_enabled,         BOOL,   "cache_fusion",   "prefetch_enabled",      "true",               0, 0,            false, "scans ask for blocks ahead") \
    X(max_retries,              INT,    "cache_fusion",   "max_retries",           "3",                  0, 100,          false, "attempts of a transfer") \
    X(tcp_nodelay,              BOOL,   "interconnect",   "tcp_nodelay",           "true",               0, 0,            false, "send at once") \
    X(send_buffer_size,         INT,    "interconnect",   "send_buffer_size",      "262144",          4096, 1 << 30,      false, "socket buffer, bytes") \
    X(recv_buffer_size,         INT,    "interconnect",   "recv_buffer_size",      "262144",          4096, 1 << 30,      false, "socket buffer, bytes") \
    X(message_batch_size,       INT,    "interconnect",   "message_batch_size",    "100",                1, 100000,       false, "messages in one write") \
    X(batch_window_ms,          INT,    "interconnect",   "batch_window_ms",       "1",                  0, 1000,         false, "longest wait for a batch") \
    X(transport,                STRING, "interconnect",   "transport",             "tcp",                1, 15,           false, "tcp") \
    X(rdma_queue_depth,         INT,    "interconnect",   "rdma_queue_depth",      "128",                1, 65536,        false, "work requests in flight") \
    X(pq_max_dop,               INT,    "parallel_query", "max_dop",               "128",                1, 128,          false, "greatest number of parallel workers") \
    X(pq_min_dop,               INT,    "parallel_query", "min_dop",               "4",                  1, 128,          false, "least number for a parallel plan") \
    X(auto_dop,                 BOOL,   "parallel_query", "auto_dop",              "true",               0, 0,            false, "the planner chooses the degree")

#define CONFIG_CTYPE_STRING const char *
#define CONFIG_CTYPE_INT int64_t
#define CONFIG_CTYPE_SIZE int64_t
#define CONFIG_CTYPE_FLOAT double
#define CONFIG_CTYPE_BOOL bool
/* clang-format on */

struct config {
#define X(member, kind, section, key, dflt, least, greatest, ready, text) CONFIG_CTYPE_##kind member;
    CONFIG_KEYS(X)
#undef X
};

/* Strings live in the arena. ERR_CONFIG_FILE: "file:line: [section] key: what is wrong". */
enum err config_parse(struct arena *a, const char *file_name, const char *text, size_t len, struct config *ret, struct diag *d) MUST_CHECK;
void config_defaults(struct config *ret);
/* The table as Markdown, for docs/CONFIGURATION.md. */
struct buf;
void config_document(struct buf *b);

#endif
