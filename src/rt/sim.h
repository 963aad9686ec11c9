/*
 * The `sim` back-end: several hosts in one process, virtual time, a seeded
 * scheduler, a simulated network and one simulated shared disk. The same seed
 * gives the same run, instruction for instruction.
 *
 * The caller drives it from an ordinary thread: sim_new(), sim_host_start()
 * for each host, sim_run(). Everything rt.h declares then acts on the host
 * of the running fiber. Each host has its own address space of sockets:
 * "10.0.0.<host>:port"; paths are shared by all hosts.
 */
#ifndef RT_SIM_H
#define RT_SIM_H

#include "rt/rt.h"

struct sim;

struct sim_options {
    uint64_t seed;
    uint32_t hosts; /* 1..16, numbered from 1 */
    uint32_t workers; /* virtual workers a host */
    /* network, microseconds; each delivery takes min..max, in order within a connection */
    uint32_t net_delay_min_us, net_delay_max_us;
    double net_break_per_s; /* each open connection breaks with this rate (both ends see an error, what was in flight is lost) */
    /* disk, microseconds */
    uint32_t disk_min_us, disk_max_us, sync_min_us, sync_max_us;
    uint64_t disk_bytes_max; /* ERR_DISK_FULL beyond it; 0: no limit */
    bool preempt; /* fibers of different workers interleave at every runtime call, not only at waits */
    uint32_t cpu_ns_per_call; /* virtual time that each runtime call takes */
};

struct sim *sim_new(const struct sim_options *opt);
void sim_free(struct sim *s);

/* Starts a fiber on a host (0-based worker 0). */
void sim_host_start(struct sim *s, uint32_t host, void (*fn)(void *), void *arg);
/* Runs until all fibers of all hosts and of the test have ended (true), or virtual time passes until_ns (false), or nothing can run (panics: names the parked fibers). */
bool sim_run(struct sim *s, uint64_t until_ns);
/* Fibers of host 0 are the test itself: they start, stop and observe. sim_spawn_test runs one there. */
void sim_spawn_test(struct sim *s, void (*fn)(void *), void *arg);

/* From fibers of host 0: */
struct sim *sim_self(void); /* NULL outside the simulation */
uint32_t sim_host(void); /* host of the running fiber */
/* kill -9 of one host: its fibers vanish, its sockets break. What it had written (synced or not) stays readable: the disk has power. */
void sim_kill_host(struct sim *s, uint32_t host);
/* Power loss: all hosts but 0 vanish; each write that was not synced is kept, lost, or torn at a 512-byte boundary, at random; writes that
 * were in flight too. */
void sim_power_loss(struct sim *s);
uint64_t sim_unsynced(const struct sim *s); /* writes that a loss of power would now put at risk */
bool sim_host_idle(struct sim *s, uint32_t host); /* no fibers */
void sim_partition(struct sim *s, uint32_t a, uint32_t b, bool cut); /* both directions; connections stay, data waits; cut=false heals */
void sim_break_connections(struct sim *s, uint32_t a, uint32_t b);
void sim_pause_host(struct sim *s, uint32_t host, bool paused); /* SIGSTOP */
/* From now on the host's clocks run faster by this many millionths (or slower); its monotonic clock jumps ahead by advance_ns. */
void sim_set_clock(struct sim *s, uint32_t host, int32_t drift_ppm, uint64_t advance_ns);
uint64_t sim_time_ns(struct sim *s); /* true time, the same for all hosts: for checkers */
/* The next `count` writes (or syncs) by a host to a path that contains `part` fail with ERR_IO. */
void sim_fail_io(struct sim *s, uint32_t host, const char *part, bool sync, uint32_t count);
/* Flip one bit of a stored file, for tests of checksums. */
void sim_corrupt(struct sim *s, const char *path, uint64_t offset);
void sim_set_net_break(struct sim *s, double per_s);
void sim_set_disk_limit(struct sim *s, uint64_t bytes);
void sim_dump(const struct sim *s); /* all fibers and what they wait for, to stderr */
uint64_t sim_steps(const struct sim *s);

/* What has been done to the hosts so far: a test that wants trouble can see whether it had any. */
/* clang-format off */
#define SIM_TROUBLE(X) \
    X(interrupted,    "fibers interrupted at a call") \
    X(reordered,      "run queues put in another order") \
    X(packets_slow,   "packets under way for a millisecond or more") \
    X(packets_held,   "packets held back by a partition") \
    X(packets_lost,   "packets lost with their connection") \
    X(broken,         "connections broken") \
    X(reconnected,    "connections made after one between the same hosts was broken") \
    X(pauses,         "hosts paused") \
    X(clocks,         "clocks changed") \
    X(disk_slow,      "disk requests that took two milliseconds or more") \
    X(kills,          "hosts killed") \
    X(power_losses,   "losses of power") \
    X(writes_late,    "writes that landed after their process had been killed") \
    X(writes_dropped, "writes in flight that never landed") \
    X(writes_torn,    "writes torn") \
    X(unsynced_lost,  "unsynced writes lost") \
    X(unsynced_kept,  "unsynced writes kept")
/* clang-format on */
struct sim_trouble {
#define X(name, text) uint64_t name;
    SIM_TROUBLE(X)
#undef X
};
const struct sim_trouble *sim_trouble(const struct sim *s);
uint64_t sim_trace_hash(const struct sim *s); /* of all scheduling decisions so far: equal seeds give equal hashes */

#endif
