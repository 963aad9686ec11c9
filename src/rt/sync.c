/*
 * Mutex, latch, condition, future, channel.
 *
 * Mutex and latch keep everything in one word, the lock of their wait queue
 * included: the store that lets the object go is the last access to it, so
 * that whoever takes it next may free it.
 */
#include "rt/rt_int.h"

#include <stdlib.h>

/* Another worker is likely to let go soon; waking a thread costs far more than this. */
#define SPIN_TRIES 40

static int spin_tries(void)
{
    return rt__w()->sim == NULL ? SPIN_TRIES : 0;
}

static uint32_t load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }

static bool swap(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* ---- mutex ------------------------------------------------------------------- */
/*
 * A free mutex goes to whoever comes; a fiber that was woken and found it
 * taken again goes to the front of the queue and is handed the mutex next
 * time. So a busy mutex does not stand still while a waiter wakes up, and
 * nobody starves.
 */

#define M_HELD 1u
#define M_WAITERS 2u
#define M_QUEUE 4u /* the queue is locked */

static void mutex_lock_slow(struct rt_mutex *m, struct fiber *self)
{
    if (__atomic_load_n(&m->owner, __ATOMIC_RELAXED) == self)
        panic("fiber \"%s\" locks a mutex that it holds", self->name);
    int tries = spin_tries();
    self->wait_kind = 0;
    for (;;) {
        const uint32_t s = load(&m->state);
        if ((s & (M_HELD | M_QUEUE)) == 0) {
            if (swap(&m->state, s, s | M_HELD))
                break;
            continue;
        }
        if (tries-- > 0 || (s & M_QUEUE) != 0) {
            if (tries < -100)
                rt__give_way((uint32_t)(-100 - tries));
            rt__pause();
            continue;
        }
        if (!swap(&m->state, s, s | M_WAITERS | M_QUEUE))
            continue;
        (void)rt__wait_begin(&m->q, self->wait_kind != 0, false);
        __atomic_fetch_and(&m->state, ~M_QUEUE, __ATOMIC_RELEASE);
        (void)rt__wait_end(NULL, RT_FOREVER, "mutex");
        if (self->wait_result != 0) /* handed over */
            return;
        self->wait_kind = 1;
        tries = 0;
    }
    __atomic_store_n(&m->owner, self, __ATOMIC_RELAXED);
}

static void mutex_lock(struct rt_mutex *m)
{
    struct fiber *self = rt_self();
    if (LIKELY(swap(&m->state, 0, M_HELD)))
        __atomic_store_n(&m->owner, self, __ATOMIC_RELAXED);
    else
        mutex_lock_slow(m, self);
}

static uint32_t lock_queue(uint32_t *word, uint32_t queue_bit, uint32_t subtract)
{
    for (uint32_t i = 1;; i++) {
        const uint32_t s = load(word);
        if ((s & queue_bit) == 0 && swap(word, s, (s - subtract) | queue_bit))
            return s - subtract;
        if (i % 128 == 0)
            rt__give_way(i / 128);
        else
            rt__pause();
    }
}

static void mutex_unlock(struct rt_mutex *m)
{
    assert(__atomic_load_n(&m->owner, __ATOMIC_RELAXED) == rt_self());
    assert((load(&m->state) & M_HELD) != 0);
    __atomic_store_n(&m->owner, NULL, __ATOMIC_RELAXED);
    if (LIKELY(swap(&m->state, M_HELD, 0)))
        return;

    (void)lock_queue(&m->state, M_QUEUE, 0);
    struct fiber *next = rt__q_pop(&m->q);
    uint32_t s = rt__q_empty(&m->q) ? 0 : M_WAITERS;
    if (next != NULL) {
        next->wait_result = next->wait_kind;
        if (next->wait_kind != 0) {
            s |= M_HELD;
            __atomic_store_n(&m->owner, next, __ATOMIC_RELAXED);
        }
    }
    __atomic_store_n(&m->state, s, __ATOMIC_RELEASE);
    if (next != NULL)
        rt__ready(next);
}

void rt_mutex_lock(struct rt_mutex *m)
{
    rt__call();
    mutex_lock(m);
}

bool rt_mutex_trylock(struct rt_mutex *m)
{
    rt__call();
    for (uint32_t i = 1;; i++) {
        const uint32_t s = load(&m->state);
        if ((s & M_HELD) != 0)
            return false;
        if ((s & M_QUEUE) == 0 && swap(&m->state, s, s | M_HELD))
            break;
        if (i % 128 == 0)
            rt__give_way(i / 128);
        rt__pause();
    }
    __atomic_store_n(&m->owner, rt_self(), __ATOMIC_RELAXED);
    return true;
}

void rt_mutex_unlock(struct rt_mutex *m)
{
    mutex_unlock(m);
    rt__call();
}

/* ---- latch ---------------------------------------------------------------------- */
/* First come first served: who must wait is granted the latch by the one that lets it go. */

#define L_WRITER (1u << 31)
#define L_WAITERS (1u << 30)
#define L_QUEUE (1u << 29)
#define L_READERS (L_QUEUE - 1)

static bool latch_is_free_for(uint32_t s, uint32_t how)
{
    return how == L_WRITER ? s == 0 : (s & (L_WRITER | L_WAITERS | L_QUEUE)) == 0;
}

static void latch_lock_slow(struct rt_latch *l, uint32_t how)
{
    struct fiber *self = rt__f();
    int tries = spin_tries();
    for (;;) {
        const uint32_t s = load(&l->state);
        if (latch_is_free_for(s, how)) {
            if (swap(&l->state, s, s + how))
                return;
            continue;
        }
        if (tries-- > 0 || (s & L_QUEUE) != 0) {
            if (tries < -100)
                rt__give_way((uint32_t)(-100 - tries));
            rt__pause();
            continue;
        }
        if (swap(&l->state, s, s | L_WAITERS | L_QUEUE))
            break;
    }
    self->wait_kind = how == L_WRITER;
    (void)rt__wait_begin(&l->q, false, false);
    __atomic_fetch_and(&l->state, ~L_QUEUE, __ATOMIC_RELEASE);
    (void)rt__wait_end(NULL, RT_FOREVER, how == L_WRITER ? "latch (exclusive)" : "latch (shared)");
}

static bool latch_try(struct rt_latch *l, uint32_t how)
{
    for (;;) {
        const uint32_t s = load(&l->state);
        if (!latch_is_free_for(s, how))
            return false;
        if (swap(&l->state, s, s + how))
            return true;
    }
}

/* Takes `how` off; what remains is granted to the head of the queue, and to its neighbours if they are readers. */
static void latch_unlock_slow(struct rt_latch *l, uint32_t how)
{
    const uint32_t s = lock_queue(&l->state, L_QUEUE, how);
    assert((s & L_WRITER) == 0);
    uint32_t holders = s & L_READERS;
    struct fiber *chain = NULL, **tail = &chain;
    while (!rt__q_empty(&l->q) && holders != L_WRITER) {
        const bool writer = rt__q_first(&l->q)->wait_kind != 0;
        if (writer && holders > 0)
            break;
        struct fiber *f = rt__q_pop(&l->q);
        assert(f != NULL); /* these waits have no deadline */
        holders = writer ? L_WRITER : holders + 1;
        *tail = f;
        tail = &f->remote_next;
    }
    *tail = NULL;
    __atomic_store_n(&l->state, holders | (rt__q_empty(&l->q) ? 0 : L_WAITERS), __ATOMIC_RELEASE);
    rt__ready_chain(chain);
}

void rt_latch_lock_s(struct rt_latch *l)
{
    rt__call();
    const uint32_t s = load(&l->state);
    if (LIKELY(latch_is_free_for(s, 1) && swap(&l->state, s, s + 1)))
        return;
    latch_lock_slow(l, 1);
}

void rt_latch_lock_x(struct rt_latch *l)
{
    rt__call();
    if (UNLIKELY(!swap(&l->state, 0, L_WRITER)))
        latch_lock_slow(l, L_WRITER);
}

bool rt_latch_try_s(struct rt_latch *l)
{
    rt__call();
    return latch_try(l, 1);
}

bool rt_latch_try_x(struct rt_latch *l)
{
    rt__call();
    return latch_try(l, L_WRITER);
}

void rt_latch_unlock_s(struct rt_latch *l)
{
    const uint32_t s = load(&l->state);
    assert((s & L_READERS) > 0);
    assert((s & L_WRITER) == 0);
    if (UNLIKELY((s & (L_WAITERS | L_QUEUE)) != 0 || !swap(&l->state, s, s - 1)))
        latch_unlock_slow(l, 1);
    rt__call();
}

void rt_latch_unlock_x(struct rt_latch *l)
{
    assert((load(&l->state) & L_WRITER) != 0);
    if (UNLIKELY(!swap(&l->state, L_WRITER, 0)))
        latch_unlock_slow(l, L_WRITER);
    rt__call();
}

/* ---- condition --------------------------------------------------------------------- */

enum err rt_cond_wait(struct rt_cond *c, struct rt_mutex *m, uint64_t deadline, bool cancellable)
{
    rt__call();
    rt__lock(&c->spin);
    enum err err = rt__wait_begin(&c->q, false, cancellable);
    rt__unlock(&c->spin);
    if (err != ERR_OK)
        return err;
    mutex_unlock(m);
    err = rt__wait_end(&c->spin, deadline, "condition");
    mutex_lock(m);
    return err;
}

void rt_cond_signal(struct rt_cond *c)
{
    rt__call();
    rt__lock(&c->spin);
    struct fiber *f = rt__q_pop(&c->q);
    rt__unlock(&c->spin);
    if (f != NULL)
        rt__ready(f);
}

void rt_cond_broadcast(struct rt_cond *c)
{
    rt__call();
    rt__wake_all(&c->q, &c->spin);
}

/* ---- future --------------------------------------------------------------------------- */

void rt_future_init(struct rt_future *f)
{
    *f = (struct rt_future){ 0 };
}

void rt_future_set(struct rt_future *f, int64_t value)
{
    rt__call();
    struct fiber *chain = NULL, **tail = &chain;
    rt__lock(&f->spin);
    assert(!f->done);
    f->value = value;
    f->done = true;
    for (struct fiber *w; (w = rt__q_pop(&f->q)) != NULL; tail = &w->remote_next)
        *tail = w;
    *tail = NULL;
    rt__unlock(&f->spin); /* the last access: a waiter may free the future as soon as it sees `done` under the spin */
    rt__ready_chain(chain);
}

enum err rt_future_wait(struct rt_future *f, uint64_t deadline, bool cancellable, int64_t *ret_value)
{
    rt__call();
    rt__lock(&f->spin);
    if (!f->done) {
        const enum err err = rt__wait(&f->q, &f->spin, deadline, cancellable, "future");
        if (err != ERR_OK)
            return err;
        assert(f->done);
        if (ret_value != NULL)
            *ret_value = f->value;
        return ERR_OK;
    }
    if (ret_value != NULL)
        *ret_value = f->value;
    rt__unlock(&f->spin);
    return ERR_OK;
}

/* ---- channel --------------------------------------------------------------------------- */

struct rt_channel {
    struct rt_spin spin; /* of everything below */
    bool closed;
    size_t capacity, count, head;
    struct rt_waitq senders; /* their item is in wait_value */
    struct rt_waitq receivers;
    void *items[];
};

enum { WOKEN_DONE, WOKEN_CLOSED }; /* wait_result */

struct rt_channel *rt_channel_new(size_t capacity)
{
    assert(capacity > 0);
    struct rt_channel *c = xcalloc(1, sizeof(*c) + capacity * sizeof(void *));
    c->capacity = capacity;
    return c;
}

void rt_channel_free(struct rt_channel *c)
{
    if (c == NULL)
        return;
    rt__lock(&c->spin); /* whoever used it last has let go */
    assert(rt__q_empty(&c->senders));
    assert(rt__q_empty(&c->receivers));
    free(c);
}

static void channel_push(struct rt_channel *c, void *item)
{
    c->items[(c->head + c->count++) % c->capacity] = item;
}

enum put { PUT_DONE, PUT_FULL, PUT_CLOSED };

/* Under the spin. *ret_wake is for after it. */
static enum put channel_put(struct rt_channel *c, void *item, struct fiber **ret_wake)
{
    *ret_wake = NULL;
    if (c->closed)
        return PUT_CLOSED;
    struct fiber *receiver = rt__q_pop(&c->receivers);
    if (receiver != NULL) {
        receiver->wait_value = item;
        receiver->wait_result = WOKEN_DONE;
        *ret_wake = receiver;
        return PUT_DONE;
    }
    if (c->count == c->capacity)
        return PUT_FULL;
    channel_push(c, item);
    return PUT_DONE;
}

static bool channel_get(struct rt_channel *c, void **ret_item, struct fiber **ret_wake)
{
    *ret_wake = NULL;
    if (c->count == 0)
        return false;
    *ret_item = c->items[c->head];
    c->head = (c->head + 1) % c->capacity;
    c->count--;
    struct fiber *sender = rt__q_pop(&c->senders);
    if (sender != NULL) {
        channel_push(c, sender->wait_value);
        sender->wait_result = WOKEN_DONE;
        *ret_wake = sender;
    }
    return true;
}

enum err rt_channel_send(struct rt_channel *c, void *item, uint64_t deadline)
{
    rt__call();
    struct fiber *wake;
    rt__lock(&c->spin);
    const enum put put = channel_put(c, item, &wake);
    if (put != PUT_FULL) {
        rt__unlock(&c->spin);
        if (wake != NULL)
            rt__ready(wake);
        return put == PUT_DONE ? ERR_OK : ERR_CLOSED;
    }
    struct fiber *self = rt__f();
    self->wait_value = item;
    const enum err err = rt__wait(&c->senders, &c->spin, deadline, false, "room in a channel");
    if (err != ERR_OK)
        return err;
    return self->wait_result == WOKEN_DONE ? ERR_OK : ERR_CLOSED;
}

bool rt_channel_try_send(struct rt_channel *c, void *item)
{
    rt__call();
    struct fiber *wake;
    rt__lock(&c->spin);
    const enum put put = channel_put(c, item, &wake);
    rt__unlock(&c->spin);
    if (wake != NULL)
        rt__ready(wake);
    return put == PUT_DONE;
}

enum err rt_channel_recv(struct rt_channel *c, void **ret_item, uint64_t deadline)
{
    rt__call();
    struct fiber *wake;
    rt__lock(&c->spin);
    const bool got = channel_get(c, ret_item, &wake);
    if (got || c->closed) {
        rt__unlock(&c->spin);
        if (wake != NULL)
            rt__ready(wake);
        return got ? ERR_OK : ERR_CLOSED;
    }
    struct fiber *self = rt__f();
    const enum err err = rt__wait(&c->receivers, &c->spin, deadline, false, "item in a channel");
    if (err != ERR_OK)
        return err;
    if (self->wait_result != WOKEN_DONE)
        return ERR_CLOSED;
    *ret_item = self->wait_value;
    return ERR_OK;
}

bool rt_channel_try_recv(struct rt_channel *c, void **ret_item)
{
    rt__call();
    struct fiber *wake;
    rt__lock(&c->spin);
    const bool got = channel_get(c, ret_item, &wake);
    rt__unlock(&c->spin);
    if (wake != NULL)
        rt__ready(wake);
    return got;
}

/* What is in the channel can still be received; senders that wait are refused. */
void rt_channel_close(struct rt_channel *c)
{
    rt__call();
    struct fiber *chain = NULL, **tail = &chain;
    rt__lock(&c->spin);
    c->closed = true;
    for (struct fiber *f; (f = rt__q_pop(&c->senders)) != NULL || (f = rt__q_pop(&c->receivers)) != NULL;
         tail = &f->remote_next) {
        f->wait_result = WOKEN_CLOSED;
        *tail = f;
    }
    *tail = NULL;
    rt__unlock(&c->spin);
    rt__ready_chain(chain);
}
