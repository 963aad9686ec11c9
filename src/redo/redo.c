/*
 * Appending and writing of a redo thread.
 *
 * The log buffer is a ring of log blocks; position lsn lies at lsn modulo its
 * size. Appenders fill it under `spin`, which also orders SCNs; the writer
 * fiber seals what they have filled and writes it. It ends each flush on a
 * block boundary: appenders then go on in the next block, so the writer needs
 * no latch while it seals and writes, and what is durable is never touched.
 *
 * A second fiber, the provider, keeps log files allocated ahead.
 */
#include "redo/redo.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "redo/format.h"
#include "redo/logfiles.h"
#include "rt/rt.h"

#define LISTENERS_MAX 4u
#define WRITE_BEHIND_BYTES (1u << 20) /* the writer starts by itself when this much has been appended */
#define PROVIDER_RETRY_NS RT_MS(200)

static_assert(REDO_BUFFER_BYTES_MIN >= 3 * REDO_RECORD_MAX, "a largest record, its padding and one in flight fit");
static_assert(REDO_FILE_BYTES_MIN >= 4 * REDO_RECORD_MAX, "the urgent part of a file is a small share of it");

struct flush_waiter {
    struct list link;
    lsn_t upto;
    struct rt_future future;
};

struct room_waiter {
    struct list link;
    uint32_t charge;
    enum redo_need need;
    enum err err; /* the decision */
    struct rt_future future;
};

struct listener {
    _Atomic(void (*)(void *arg, lsn_t lsn)) fn; /* NULL: removed */
    void *arg;
};

struct redo {
    struct redo_options opt;
    struct log_chain *chain;
    uint8_t *buffer;
    uint64_t urgent_bytes; /* log space that only REDO_URGENT may use */

    struct rt_spin spin; /* protects what follows */
    lsn_t end; /* where the next record goes */
    lsn_t wanted; /* the writer has been asked to write up to here */
    bool kicked; /* a token is on its way to the writer */
    bool provider_kicked;
    uint64_t reserved; /* charged to open reservations */
    struct list flush_waiters; /* by rising upto */
    struct list room_waiters; /* first in, first out */
    enum err provide_err; /* why no log file could be allocated; ERR_OK: it could */
    struct diag provide_diag;
    lsn_t checkpoint;

    _Atomic lsn_t durable;
    struct rt_channel *kick; /* to the writer */
    struct rt_channel *provider_kick;
    struct fiber *writer, *provider;
    _Atomic bool closing;
    struct listener on_flush[LISTENERS_MAX], on_begin[LISTENERS_MAX];
    unsigned non_flush, non_begin;
    _Atomic bool listening; /* the writer is inside a listener */

#define X(name, unit, text) _Atomic uint64_t stat_##name;
    REDO_STATS(X)
#undef X
};

#define COUNT_UP(r, name, n) atomic_fetch_add_explicit(&(r)->stat_##name, (n), memory_order_relaxed)

static lsn_t block_up(lsn_t lsn)
{
    return ALIGN_UP(lsn, (lsn_t)REDO_LOG_BLOCK);
}

lsn_t redo_durable(const struct redo *r)
{
    return atomic_load_explicit(&((struct redo *)r)->durable, memory_order_acquire);
}

lsn_t redo_end(const struct redo *cr)
{
    struct redo *r = (struct redo *)cr;
    rt_spin_lock(&r->spin);
    const lsn_t end = r->end;
    rt_spin_unlock(&r->spin);
    return end;
}

/* ---- waking the two fibers ------------------------------------------------ */

/* Under the spin: true when the caller must send the token after it. */
static bool want_flush(struct redo *r, lsn_t upto)
{
    if (upto <= r->wanted)
        return false;
    r->wanted = upto;
    const bool send = !r->kicked;
    r->kicked = true;
    return send;
}

static void kick_writer(struct redo *r)
{
    if (!rt_channel_try_send(r->kick, r))
        assert(!"the writer's channel holds one token, and `kicked` admits one");
}

static void kick_provider(struct redo *r)
{
    rt_spin_lock(&r->spin);
    const bool send = !r->provider_kicked;
    r->provider_kicked = true;
    rt_spin_unlock(&r->spin);
    if (send && !rt_channel_try_send(r->provider_kick, r))
        assert(!"the provider's channel holds one token, and `provider_kicked` admits one");
}

/* ---- reservations ---------------------------------------------------------- */

/*
 * What a record of `bytes` may newly occupy: it can begin behind the padding of
 * a flush and end just inside a block. A flush pads one block at most, and only
 * after an append, whose charge covers that block.
 */
static uint32_t charge_for(uint32_t bytes)
{
    return ((bytes + LOG_BLOCK_PAYLOAD - 1) / LOG_BLOCK_PAYLOAD + 1) * REDO_LOG_BLOCK;
}

static bool room_in_buffer(const struct redo *r, uint32_t charge)
{
    return block_up(r->end) - redo_durable(r) + r->reserved + charge <= r->opt.buffer_bytes;
}

static bool room_on_disk(const struct redo *r, uint32_t charge, enum redo_need need)
{
    const uint64_t kept_back = need == REDO_URGENT ? 0 : r->urgent_bytes;
    return block_up(r->end) + r->reserved + charge + kept_back <= log_chain_end(r->chain);
}

/* Under the spin. True: decided (*ret_err). False: the caller waits. */
static bool try_reserve(struct redo *r, uint32_t charge, enum redo_need need, enum err *ret_err)
{
    if (!room_on_disk(r, charge, need)) {
        *ret_err = r->provide_err;
        return need == REDO_NORMAL && r->provide_err != ERR_OK;
    }
    if (!room_in_buffer(r, charge))
        return false;
    r->reserved += charge;
    *ret_err = ERR_OK;
    return true;
}

/* Serves waiters in order while there is room. */
static void serve_room_waiters(struct redo *r)
{
    struct list served;
    list_init(&served);
    rt_spin_lock(&r->spin);
    LIST_FOREACH_SAFE(it, &r->room_waiters) {
        struct room_waiter *w = LIST_ENTRY(it, struct room_waiter, link);
        if (!try_reserve(r, w->charge, w->need, &w->err))
            break;
        list_remove(&w->link);
        list_push_back(&served, &w->link);
    }
    /* Those that still wait need what has been appended to reach the disk, and nobody else may ask for it. */
    const bool send = !list_empty(&r->room_waiters) && want_flush(r, r->end);
    rt_spin_unlock(&r->spin);
    if (send)
        kick_writer(r);
    for (struct list *it = list_pop_front(&served); it != NULL; it = list_pop_front(&served)) {
        struct room_waiter *w = LIST_ENTRY(it, struct room_waiter, link);
        rt_future_set(&w->future, w->err);
    }
}

static enum err reserve_failed(struct redo *r, enum err err, struct diag *d)
{
    rt_spin_lock(&r->spin);
    const struct diag why = r->provide_diag;
    rt_spin_unlock(&r->spin);
    return diag_set(d, err, "no redo space left: %s", why.message);
}

enum err redo_reserve(struct redo *r, uint32_t bytes, enum redo_need need, struct diag *d)
{
    assert(bytes <= REDO_RECORD_MAX);
    const uint32_t charge = charge_for(bytes);
    struct room_waiter w = { .charge = charge, .need = need };
    enum err err = ERR_OK;

    rt_spin_lock(&r->spin);
    /* An urgent one does not queue behind those that wait for disk space: it is what makes room for them. */
    const bool decided = (list_empty(&r->room_waiters) || need == REDO_URGENT) && try_reserve(r, charge, need, &err);
    bool send = false;
    if (!decided) {
        rt_future_init(&w.future);
        if (need == REDO_URGENT)
            list_push_front(&r->room_waiters, &w.link);
        else
            list_push_back(&r->room_waiters, &w.link);
        send = want_flush(r, r->end);
    }
    rt_spin_unlock(&r->spin);
    if (!decided) {
        COUNT_UP(r, space_waits, 1);
        if (send)
            kick_writer(r);
        kick_provider(r);
        int64_t value = 0;
        err = rt_future_wait(&w.future, RT_FOREVER, false, &value);
        assert(err == ERR_OK);
        err = (enum err)value;
    }
    return err ? reserve_failed(r, err, d) : ERR_OK;
}

void redo_unreserve(struct redo *r, uint32_t bytes)
{
    const uint32_t charge = charge_for(bytes);
    rt_spin_lock(&r->spin);
    assert(r->reserved >= charge);
    r->reserved -= charge;
    const bool waiters = !list_empty(&r->room_waiters);
    rt_spin_unlock(&r->spin);
    if (waiters)
        serve_room_waiters(r);
}

/* ---- appending -------------------------------------------------------------- */

static uint8_t *at(struct redo *r, lsn_t lsn)
{
    return r->buffer + lsn % r->opt.buffer_bytes;
}

/* Under the spin: bytes of the record stream, block headers skipped. */
static void put(struct redo *r, const void *p, uint32_t len)
{
    const uint8_t *from = p;
    while (len > 0) {
        if (r->end % REDO_LOG_BLOCK == 0)
            r->end += LOG_BLOCK_HEADER;
        const uint32_t n = MIN(len, (uint32_t)(REDO_LOG_BLOCK - r->end % REDO_LOG_BLOCK));
        memcpy(at(r, r->end), from, n);
        r->end += n;
        from += n;
        len -= n;
    }
}

scn_t redo_append(struct redo *r, enum redo_record_type type, struct xid xid, const struct redo_vector *v, unsigned n,
                  void (*on_scn)(void *arg, scn_t scn), void *on_scn_arg, lsn_t *ret_start, lsn_t *ret_end)
{
    struct vector_header vh[REDO_VECTORS_MAX];
    assert(n <= REDO_VECTORS_MAX);
    const uint32_t crc = record_crc_vectors(v, n, vh);
    struct record_header h = { .length = redo_record_size(v, n), .type = (uint8_t)type, .nvectors = (uint8_t)n, .xid = xid.v };
    assert(h.length <= REDO_RECORD_MAX);

    rt_spin_lock(&r->spin);
    assert(r->reserved >= charge_for(h.length));
    h.scn = scn_next(r->opt.scn);
    if (on_scn != NULL)
        on_scn(on_scn_arg, h.scn);
    h.crc = record_crc_finish(crc, &h);
    const lsn_t start = r->end;
    put(r, &h, sizeof(h));
    for (unsigned i = 0; i < n; i++) {
        assert(redo_opcode_formats(v[i].opcode) || v[i].before < h.scn);
        put(r, &vh[i], sizeof(vh[i]));
        for (unsigned k = 0; k < v[i].nparts; k++)
            put(r, v[i].part[k].p, v[i].part[k].len);
    }
    const lsn_t end = r->end;
    const bool send = end - redo_durable(r) >= WRITE_BEHIND_BYTES && want_flush(r, end);
    rt_spin_unlock(&r->spin);

    COUNT_UP(r, records, 1);
    COUNT_UP(r, bytes, h.length);
    if (send)
        kick_writer(r);
    if (ret_start != NULL)
        *ret_start = start;
    if (ret_end != NULL)
        *ret_end = end;
    return h.scn;
}

/* ---- flushing --------------------------------------------------------------- */

void redo_flush_start(struct redo *r, lsn_t upto)
{
    if (redo_durable(r) >= upto)
        return;
    rt_spin_lock(&r->spin);
    assert(upto <= block_up(r->end));
    const bool send = want_flush(r, upto);
    rt_spin_unlock(&r->spin);
    if (send)
        kick_writer(r);
}

void redo_flush(struct redo *r, lsn_t upto)
{
    if (redo_durable(r) >= upto)
        return;
    struct flush_waiter w = { .upto = upto };
    rt_future_init(&w.future);
    rt_spin_lock(&r->spin);
    assert(upto <= block_up(r->end));
    if (redo_durable(r) >= upto) {
        rt_spin_unlock(&r->spin);
        return;
    }
    struct list *after = r->flush_waiters.prev;
    while (after != &r->flush_waiters && LIST_ENTRY(after, struct flush_waiter, link)->upto > upto)
        after = after->prev;
    list_insert_after(after, &w.link);
    const bool send = want_flush(r, upto);
    rt_spin_unlock(&r->spin);
    if (send)
        kick_writer(r);
    COUNT_UP(r, flush_waits, 1);
    int64_t unused;
    const enum err err = rt_future_wait(&w.future, RT_FOREVER, false, &unused);
    assert(err == ERR_OK);
}

static void wake_flush_waiters(struct redo *r)
{
    struct list ready;
    list_init(&ready);
    rt_spin_lock(&r->spin);
    const lsn_t durable = redo_durable(r);
    LIST_FOREACH_SAFE(it, &r->flush_waiters) {
        if (LIST_ENTRY(it, struct flush_waiter, link)->upto > durable)
            break;
        list_remove(it);
        list_push_back(&ready, it);
    }
    rt_spin_unlock(&r->spin);
    for (struct list *it = list_pop_front(&ready); it != NULL; it = list_pop_front(&ready))
        rt_future_set(&LIST_ENTRY(it, struct flush_waiter, link)->future, 0);
}

/* Under the spin: ends the present block, so that the writer owns everything before the new end. */
static lsn_t close_block(struct redo *r)
{
    const lsn_t end = r->end, closed = block_up(end);
    if (closed > end) {
        memset(at(r, end), 0, (size_t)(closed - end));
        r->end = closed;
    }
    return end;
}

/* Headers and checksums of the blocks in [from, to); records end at `used_to`. */
static void seal_blocks(struct redo *r, lsn_t from, lsn_t to, lsn_t used_to)
{
    for (lsn_t lsn = from; lsn < to; lsn += REDO_LOG_BLOCK) {
        const lsn_t upto = MIN(used_to, lsn + REDO_LOG_BLOCK);
        struct log_block_header *h = (struct log_block_header *)at(r, lsn);
        *h = (struct log_block_header){ .thread = r->opt.thread,
                                        .used = (uint16_t)(upto - lsn - LOG_BLOCK_HEADER),
                                        .incarnation = r->opt.incarnation,
                                        .lsn = lsn,
                                        .durable = from };
        log_block_seal(h);
    }
}

/* Writes [from, to), which lies in one file, durably: in one piece, or in two where the ring wraps. */
static enum err write_to_file(struct redo *r, struct log_file *lf, lsn_t from, lsn_t to, struct diag *d)
{
    const uint64_t offset = REDO_LOG_BLOCK + (from - lf->start);
    const size_t to_wrap = (size_t)(r->opt.buffer_bytes - from % r->opt.buffer_bytes), len = (size_t)(to - from);
    if (len <= to_wrap)
        return rt_pwrite_durable(lf->f, at(r, from), len, offset, d);
    enum err err = rt_pwrite(lf->f, at(r, from), to_wrap, offset, d);
    if (!err)
        err = rt_pwrite(lf->f, r->buffer, len - to_wrap, offset + to_wrap, d);
    return err ? err : rt_fdatasync(lf->f, d);
}

/* Writes [from, to) and makes it durable, file by file. */
static enum err write_range(struct redo *r, lsn_t from, lsn_t to, struct diag *d)
{
    while (from < to) {
        struct log_file *lf = log_chain_find(r->chain, from);
        const lsn_t file_to = MIN(to, lf->end);
        const enum err err = write_to_file(r, lf, from, file_to, d);
        if (err)
            return err;
        from = file_to;
    }
    return ERR_OK;
}

static NORETURN void die(struct redo *r, struct diag *d, enum err err, lsn_t at_lsn)
{
    diag_wrap(d, err, "writing redo thread %u at position %" PRIu64, r->opt.thread, at_lsn);
    if (r->opt.fatal != NULL)
        r->opt.fatal(r->opt.fatal_arg, d);
    panic("%s", d->message);
}

static void call_listeners(struct redo *r, struct listener *l, unsigned n, lsn_t lsn)
{
    atomic_store(&r->listening, true);
    for (unsigned i = 0; i < n; i++) {
        void (*fn)(void *arg, lsn_t lsn) = atomic_load(&l[i].fn);
        if (fn != NULL)
            fn(l[i].arg, lsn);
    }
    atomic_store(&r->listening, false);
}

/* One flush of all that has been appended. False: there was nothing. */
static bool flush_once(struct redo *r)
{
    const lsn_t from = redo_durable(r);
    rt_spin_lock(&r->spin);
    const lsn_t used_to = close_block(r);
    const lsn_t to = r->end;
    r->wanted = MAX(r->wanted, to);
    rt_spin_unlock(&r->spin);
    if (to == from)
        return false;

    const uint64_t began = rt_now();
    call_listeners(r, r->on_begin, r->non_begin, to);
    seal_blocks(r, from, to, used_to);
    struct diag d;
    const enum err err = write_range(r, from, to, &d);
    if (err)
        die(r, &d, err, from);
    atomic_store_explicit(&r->durable, to, memory_order_release);
    COUNT_UP(r, flushes, 1);
    COUNT_UP(r, flush_ns, rt_now() - began);

    call_listeners(r, r->on_flush, r->non_flush, to);
    wake_flush_waiters(r);
    serve_room_waiters(r);
    if (log_chain_end(r->chain) - to < r->opt.file_bytes)
        kick_provider(r);
    return true;
}

/* Under the spin at its start: is somebody waiting for more than is durable? */
static bool more_wanted(struct redo *r)
{
    rt_spin_lock(&r->spin);
    const bool more = r->wanted > redo_durable(r);
    if (!more)
        r->kicked = false; /* from here on a new wish sends a token */
    rt_spin_unlock(&r->spin);
    return more;
}

static void writer_main(void *arg)
{
    struct redo *r = arg;
    void *token;
    while (rt_channel_recv(r->kick, &token, RT_FOREVER) == ERR_OK) {
        while (more_wanted(r) && flush_once(r))
            ;
    }
}

void redo_on_flush(struct redo *r, void (*fn)(void *arg, lsn_t durable), void *arg)
{
    assert(r->non_flush < LISTENERS_MAX);
    r->on_flush[r->non_flush].arg = arg;
    r->on_flush[r->non_flush++].fn = fn;
}

void redo_on_flush_begin(struct redo *r, void (*fn)(void *arg, lsn_t upto), void *arg)
{
    assert(r->non_begin < LISTENERS_MAX);
    r->on_begin[r->non_begin].arg = arg;
    r->on_begin[r->non_begin++].fn = fn;
}

void redo_remove_listeners(struct redo *r, void *arg)
{
    for (unsigned i = 0; i < LISTENERS_MAX; i++) {
        if (r->on_flush[i].arg == arg)
            atomic_store(&r->on_flush[i].fn, NULL);
        if (r->on_begin[i].arg == arg)
            atomic_store(&r->on_begin[i].fn, NULL);
    }
    while (atomic_load(&r->listening))
        rt_sleep(RT_US(50));
}

/* ---- log space ---------------------------------------------------------------- */

void redo_set_checkpoint(struct redo *r, lsn_t checkpoint)
{
    assert(checkpoint <= redo_durable(r));
    rt_spin_lock(&r->spin);
    r->checkpoint = MAX(r->checkpoint, checkpoint);
    rt_spin_unlock(&r->spin);
    kick_provider(r);
}

bool redo_is_short(struct redo *r)
{
    rt_spin_lock(&r->spin);
    const bool is_short = r->provide_err != ERR_OK;
    rt_spin_unlock(&r->spin);
    return is_short;
}

static bool needs_file(struct redo *r, lsn_t *ret_checkpoint)
{
    rt_spin_lock(&r->spin);
    const bool needs = log_chain_end(r->chain) - block_up(r->end) < r->opt.file_bytes || !list_empty(&r->room_waiters);
    *ret_checkpoint = r->checkpoint;
    const bool disk_short = log_chain_end(r->chain) - block_up(r->end) < 2 * r->opt.file_bytes;
    rt_spin_unlock(&r->spin);
    return needs && disk_short;
}

/* Allocates what is missing. False: it could not, try again later. */
static bool provide(struct redo *r)
{
    lsn_t checkpoint;
    while (!atomic_load(&r->closing) && needs_file(r, &checkpoint)) {
        struct diag d;
        diag_clear(&d);
        const enum err err = log_chain_grow(r->chain, checkpoint, &d);
        rt_spin_lock(&r->spin);
        const bool news = err != r->provide_err;
        r->provide_err = err;
        r->provide_diag = d;
        rt_spin_unlock(&r->spin);
        serve_room_waiters(r);
        if (err) {
            if (news)
                log_diag(r->opt.log, LOG_ERROR, &d, "redo thread %u cannot allocate log space", r->opt.thread);
            return false;
        }
    }
    return true;
}

static void provider_main(void *arg)
{
    struct redo *r = arg;
    bool done = true;
    while (!atomic_load(&r->closing)) {
        void *token;
        const enum err err = rt_channel_recv(r->provider_kick, &token, done ? RT_FOREVER : rt_now() + PROVIDER_RETRY_NS);
        if (err == ERR_CLOSED)
            return;
        if (err == ERR_OK) {
            rt_spin_lock(&r->spin);
            r->provider_kicked = false;
            rt_spin_unlock(&r->spin);
        }
        done = provide(r);
    }
}

/* ---- opening -------------------------------------------------------------------- */

/* The mark of a new owner, written before anything else of it: what earlier owners left from here on is void. */
static enum err write_open_block(struct redo *r, struct diag *d)
{
    const lsn_t start = r->opt.start;
    struct log_block_header *h = (struct log_block_header *)at(r, start);
    memset(h, 0, REDO_LOG_BLOCK);
    *h = (struct log_block_header){
        .thread = r->opt.thread, .flags = LOG_BLOCK_OPEN, .incarnation = r->opt.incarnation, .lsn = start, .durable = start
    };
    log_block_seal(h);
    const enum err err = write_range(r, start, start + REDO_LOG_BLOCK, d);
    if (err)
        return diag_wrap(d, err, "opening redo thread %u", r->opt.thread);
    r->end = r->wanted = start + REDO_LOG_BLOCK;
    r->checkpoint = start; /* so says the control file: on a full disk the files before it are what the rollback writes to */
    atomic_store(&r->durable, r->end);
    return ERR_OK;
}

static void redo_free(struct redo *r)
{
    log_chain_close(r->chain);
    rt_channel_free(r->kick);
    rt_channel_free(r->provider_kick);
    rt_free_aligned(r->buffer, r->opt.buffer_bytes);
    free((char *)r->opt.dir);
    free(r);
}

static enum err start_fibers(struct redo *r, struct diag *d)
{
    const struct rt_spawn_options w = { .name = "log writer", .worker = RT_WORKER_ANY, .prio = RT_PRIO_HIGH };
    const struct rt_spawn_options p = { .name = "log space", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
    r->writer = rt_spawn(&w, writer_main, r);
    if (r->writer != NULL)
        r->provider = rt_spawn(&p, provider_main, r);
    if (r->provider != NULL)
        return ERR_OK;
    rt_channel_close(r->kick);
    if (r->writer != NULL)
        rt_join(r->writer);
    return diag_set(d, ERR_RESOURCES, "too many fibers to start the log writer of redo thread %u", r->opt.thread);
}

enum err redo_open(const struct redo_options *opt, struct redo **ret, struct diag *d)
{
    assert(opt->start % REDO_LOG_BLOCK == 0);
    assert(opt->buffer_bytes % REDO_LOG_BLOCK == 0);
    assert(opt->buffer_bytes >= REDO_BUFFER_BYTES_MIN);
    struct redo *r = xcalloc(1, sizeof(*r));
    r->opt = *opt;
    r->opt.dir = xstrdup(opt->dir);
    r->opt.file_bytes = ALIGN_UP(MAX(opt->file_bytes, (uint64_t)REDO_FILE_BYTES_MIN), (uint64_t)REDO_LOG_BLOCK);
    r->buffer = rt_alloc_aligned(opt->buffer_bytes);
    r->kick = rt_channel_new(1);
    r->provider_kick = rt_channel_new(1);
    list_init(&r->flush_waiters);
    list_init(&r->room_waiters);
    r->urgent_bytes = MAX(r->opt.file_bytes / 8, (uint64_t)charge_for(REDO_RECORD_MAX));

    enum err err = log_chain_open(opt->dir, opt->thread, opt->start, r->opt.file_bytes, &r->chain, d);
    if (!err)
        err = write_open_block(r, d);
    if (!err)
        err = start_fibers(r, d);
    if (err) {
        redo_free(r);
        return err;
    }
    kick_provider(r);
    *ret = r;
    return ERR_OK;
}

void redo_close(struct redo *r)
{
    redo_flush(r, redo_end(r));
    atomic_store(&r->closing, true);
    rt_channel_close(r->kick);
    rt_join(r->writer);
    rt_channel_close(r->provider_kick);
    rt_join(r->provider);
    assert(list_empty(&r->flush_waiters));
    assert(list_empty(&r->room_waiters));
    redo_free(r);
}

void redo_stats(const struct redo *cr, struct redo_stats *ret)
{
    struct redo *r = (struct redo *)cr;
#define X(name, unit, text) ret->name = atomic_load_explicit(&r->stat_##name, memory_order_relaxed);
    REDO_STATS(X)
#undef X
}
