/*
 * What the files of the simulation share.
 *
 * Virtual time: `sim.now` is the time up to which events have happened. Each
 * host has a clock of its own that runs ahead of it while the host computes;
 * a host is not scheduled again before `sim.now` has caught up.
 */
#ifndef RT_SIM_INT_H
#define RT_SIM_INT_H

#include "base/buf.h"
#include "rt/rt_int.h"
#include "rt/sim.h"

#define SIM_HOSTS_MAX 16u

struct sim_host;

struct sim_event {
    uint64_t at, seq;
    void (*fn)(struct sim *s, void *arg);
    void *arg;
};

struct sim_host {
    struct host base;
    struct sim *sim;
    uint64_t clock; /* true time, ns */
    int32_t drift_ppm; /* of what the host's fibers read, since clock_base */
    uint64_t clock_base, shown_base; /* true time; what was shown then */
    bool paused;
    uint64_t random[4];
    struct list late_timers; /* fibers (late_link) whose timer fired while the host was paused */
    struct list handles; /* open files */
    struct list listeners;
    struct list allocations; /* of rt_alloc_aligned() */
    uint16_t next_port;
};

struct sim {
    struct sim_options opt;
    uint64_t now, steps, trace;
    uint64_t random[4]; /* all decisions of the simulation itself */
    struct timers timers; /* of all fibers */
    struct stack_pool stacks;
    struct sim_host hosts[SIM_HOSTS_MAX + 1]; /* 0: the test */

    struct sim_event *events; /* binary heap by (at, seq) */
    uint32_t events_count, events_cap;
    uint64_t events_seq;

    struct worker **runnable; /* workers whose run queues are not empty, or whose fiber was interrupted */
    uint32_t runnable_count;

    bool cut[SIM_HOSTS_MAX + 1][SIM_HOSTS_MAX + 1];
    struct list links; /* sim_net.c */

    struct sim_disk *disk; /* sim_disk.c */
    bool broken[SIM_HOSTS_MAX + 1][SIM_HOSTS_MAX + 1]; /* a connection, and none has been made since */
    struct sim_trouble trouble;
};

/* A worker and what the simulation keeps beside it. */
struct sim_worker {
    struct worker base;
    struct fiber *interrupted; /* preempted in the middle of a turn; goes on before any other fiber of the worker */
    bool listed; /* in sim.runnable */
};

static inline struct sim_host *sim__host_of(struct worker *w) { return CONTAINER_OF(w->host, struct sim_host, base); }
static inline struct sim_host *sim__host(void) { return sim__host_of(rt__w()); }

uint64_t sim__random(struct sim *s); /* a decision */
uint64_t sim__range(struct sim *s, uint64_t min, uint64_t max); /* min..max */
static inline bool sim__chance(struct sim *s, uint32_t one_in) { return sim__random(s) % one_in == 0; }

void sim__event_at(struct sim *s, uint64_t at, void (*fn)(struct sim *, void *), void *arg);
/* ns from the running fiber's clock, or from sim.now outside fibers */
uint64_t sim__time(struct sim *s);

void sim__disk_init(struct sim *s);
void sim__disk_fini(struct sim *s);
void sim__disk_kill(struct sim *s, struct sim_host *h, bool power_loss);
void sim__disk_power_loss(struct sim *s);

void sim__net_init(struct sim *s);
void sim__net_kill(struct sim *s, struct sim_host *h, bool power_loss);
void sim__net_fini(struct sim *s);

/* the disk's and the network's part of the table */
extern const struct rt_ops sim__ops;

enum err sim__open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d);
void sim__close(struct rt_file *f);
enum err sim__pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d);
enum err sim__pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d);
enum err sim__fdatasync(struct rt_file *f, struct diag *d);
enum err sim__file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d);
enum err sim__allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d);
enum err sim__truncate(struct rt_file *f, uint64_t len, struct diag *d);
enum err sim__file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d);
enum err sim__mkdir(const char *path, struct diag *d);
enum err sim__rename(const char *from, const char *to, struct diag *d);
enum err sim__unlink(const char *path, struct diag *d);
enum err sim__sync_dir(const char *path, struct diag *d);
enum err sim__list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d);

enum err sim__listen(const char *address, struct rt_listener **ret, struct diag *d);
const char *sim__listener_address(const struct rt_listener *l);
enum err sim__accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d);
void sim__listener_close(struct rt_listener *l);
void sim__listener_free(struct rt_listener *l);
enum err sim__connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d);
void sim__conn_adopt(struct rt_conn *c);
enum err sim__recv(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d);
enum err sim__sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d);
void sim__conn_shutdown(struct rt_conn *c);
void sim__conn_close(struct rt_conn *c);
const char *sim__conn_peer(const struct rt_conn *c);
bool sim__conn_is_loopback(const struct rt_conn *c);

#endif
