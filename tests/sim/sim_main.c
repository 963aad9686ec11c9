/*
 * Runs seeds of the simulation, each in a process of its own:
 *
 *     sim_run --seeds FROM[-TO] [--workload NAME] [--nodes N] [--calm | --restless] [--verbose] [--jobs N] [--limit SECONDS]
 *             [--repeat-check] [--expect-failure] [--trouble]
 *     sim_run --list
 *
 * --repeat-check runs each seed twice, the second time in a process whose
 * memory is laid out and filled differently, and compares the traces.
 * --trouble prints how often each fault happened, and fails if one never did.
 * --expect-failure succeeds as soon as a seed fails (a rule was taken out).
 */
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"
#include "workload.h"

#define JOBS_MAX 16u

struct options {
    uint64_t from, to;
    struct scenario_options scenario;
    unsigned jobs, limit_s;
    bool repeat_check, expect_failure, trouble;
    const char *program;
};

struct job {
    pid_t pid; /* 0: free */
    uint64_t seed;
    bool second; /* run of a seed */
    int output; /* file with what the child has written */
    struct scenario_result *result; /* shared with the child */
    uint64_t first_trace;
    double began;
};

struct totals {
    uint64_t runs, failures, acked, failed, unknown, steps, refused[WORLD_REFUSALS];
    struct sim_trouble trouble;
    uint32_t kills, power_losses, restarts, joins;
    double virtual_s, longest_s;
};

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- the child ------------------------------------------------------------------------- */

static void on_signal(int sig)
{
    void *frames[64];
    static const char limit_text[] = "the run takes too long; it is here:\n", crash_text[] = "crashed:\n";
    (void)!write(STDERR_FILENO, sig == SIGPROF ? limit_text : crash_text, sig == SIGPROF ? sizeof limit_text - 1 : sizeof crash_text - 1);
    backtrace_symbols_fd(frames, backtrace(frames, ARRAY_LEN(frames)), STDERR_FILENO);
    signal(sig, SIG_DFL);
    raise(sig == SIGPROF ? SIGKILL : sig);
}

/* A run must not depend on where memory lies or what it held before. */
static void disturb_memory(uint64_t seed)
{
    enum { PIECES = 20000 };
    static void *piece[PIECES];
    void *volatile gap = malloc((size_t)(seed * 7919 % 60000) * 16 + 16);
    (void)gap;
    for (size_t i = 0; i < PIECES; i++) {
        const size_t bytes = 16 + (i * 7919 + seed) % 2000;
        piece[i] = xmalloc(bytes);
        memset(piece[i], 0x5a, bytes);
    }
    for (size_t i = 0; i < PIECES; i++)
        free(piece[i]);
}

static NORETURN void run_child(const struct options *opt, const struct job *job)
{
    static uint8_t stack[256 * 1024];
    const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < 4; i++) {
        const struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
        sigaction((const int[]){ SIGPROF, SIGSEGV, SIGBUS, SIGFPE }[i], &act, NULL);
    }
    if (!opt->scenario.verbose)
        dup2(job->output, STDERR_FILENO);
    setitimer(ITIMER_PROF, &(struct itimerval){ .it_value = { .tv_sec = opt->limit_s } }, NULL); /* of processor time: others may use the machine */
    if (job->second)
        disturb_memory(job->seed);
    struct scenario_options so = opt->scenario;
    so.seed = job->seed;
    scenario_run(&so, job->result);
    _exit(job->result->finished ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void start_job(const struct options *opt, struct job *job, uint64_t seed, bool second)
{
    if (!second)
        memset(job->result, 0, sizeof *job->result);
    job->first_trace = job->result->trace;
    memset(job->result, 0, sizeof *job->result);
    job->seed = seed;
    job->second = second;
    job->began = seconds();
    job->output = memfd_create("output", MFD_CLOEXEC);
    job->pid = fork();
    if (job->pid == 0)
        run_child(opt, job);
    if (job->pid < 0 || job->output < 0) {
        perror("sim_run");
        exit(2);
    }
}

/* ---- the parent ---------------------------------------------------------------------------- */

static void copy_output(int fd)
{
    char text[8192];
    lseek(fd, 0, SEEK_SET);
    for (ssize_t n; (n = read(fd, text, sizeof text)) > 0;)
        (void)!write(STDERR_FILENO, text, (size_t)n);
}

static void report_failure(const struct options *opt, const struct job *job, int status, const char *why)
{
    copy_output(job->output);
    fprintf(stderr, "seed %" PRIu64 " FAILED: %s", job->seed, why);
    if (WIFSIGNALED(status))
        fprintf(stderr, " (signal %d)", WTERMSIG(status));
    fprintf(stderr, "; workloads %s, trace %016" PRIx64 "\nreplay: %s --seeds %" PRIu64 " --verbose", job->result->workloads, job->result->trace,
            opt->program, job->seed);
    if (opt->scenario.workload != NULL)
        fprintf(stderr, " --workload %s", opt->scenario.workload);
    if (opt->scenario.nodes > 0)
        fprintf(stderr, " --nodes %u", opt->scenario.nodes);
    fprintf(stderr, "%s%s\n", opt->scenario.calm ? " --calm" : opt->scenario.restless ? " --restless" : "", job->second ? " --repeat-check" : "");
}

static void add_up(struct totals *t, const struct scenario_result *r, double took)
{
    t->acked += r->acked;
    t->failed += r->failed;
    for (size_t i = 0; i < WORLD_REFUSALS; i++)
        t->refused[i] += r->refused[i];
#define X(name, text) t->trouble.name += r->trouble.name;
    SIM_TROUBLE(X)
#undef X
    t->unknown += r->unknown;
    t->steps += r->steps;
    t->kills += r->kills;
    t->power_losses += r->power_losses;
    t->restarts += r->restarts;
    t->joins += r->joins;
    t->virtual_s += (double)r->virtual_ns / 1e9;
    t->longest_s = MAX(t->longest_s, took);
}

/* True: the same seed is to run again. */
static bool finish_job(const struct options *opt, struct job *job, int status, struct totals *t)
{
    const bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const bool differs = fine && job->second && job->result->trace != job->first_trace;
    job->pid = 0;
    t->runs++;
    add_up(t, job->result, seconds() - job->began);
    if (!fine || differs) {
        t->failures++;
        report_failure(opt, job, status, differs ? "the second run took another course" : WIFSIGNALED(status) ? "ended" : "a check");
    } else if (opt->scenario.verbose || opt->from == opt->to) {
        const struct scenario_result *r = job->result;
        printf("seed %" PRIu64 ": %s, %u nodes, %" PRIu64 " committed, %" PRIu64 " aborted, %" PRIu64 " unknown, %u kills, %u power losses, %u joins, %"
               PRIu64 " steps, %.3f s virtual, %.2f s, trace %016" PRIx64 "\n", job->seed, r->workloads, r->nodes, r->acked, r->failed, r->unknown, r->kills,
               r->power_losses, r->joins, r->steps, (double)r->virtual_ns / 1e9, seconds() - job->began, r->trace);
    }
    close(job->output);
    return fine && opt->repeat_check && !job->second;
}

static struct job *job_of(struct job *jobs, pid_t pid)
{
    for (unsigned i = 0; i < JOBS_MAX; i++)
        if (jobs[i].pid == pid)
            return &jobs[i];
    return NULL;
}

static void run_seeds(const struct options *opt, struct totals *t)
{
    struct job jobs[JOBS_MAX] = { 0 };
    struct scenario_result *results = mmap(NULL, sizeof *results * JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED) {
        perror("sim_run");
        exit(2);
    }
    for (unsigned i = 0; i < JOBS_MAX; i++)
        jobs[i].result = &results[i];
    uint64_t next = opt->from;
    unsigned running = 0;
    for (;;) {
        const bool enough = opt->expect_failure && t->failures > 0;
        while (running < opt->jobs && next <= opt->to && !enough) {
            start_job(opt, job_of(jobs, 0), next++, false);
            running++;
        }
        if (running == 0)
            return;
        int status;
        const pid_t pid = wait(&status);
        struct job *job = job_of(jobs, pid);
        running--;
        if (finish_job(opt, job, status, t)) {
            start_job(opt, job, job->seed, true);
            running++;
        }
    }
}

/* ---- arguments ---------------------------------------------------------------------------------- */

/* What the clients and the simulation have seen. True: some of everything. */
static bool print_trouble(const struct totals *t)
{
    const struct {
        const char *text;
        uint64_t n;
        bool must_happen;
    } all[] = {
#define X(sqlstate, text, must_happen) { "refused: " text " (" sqlstate ")", 0, must_happen },
        WORLD_REFUSED(X)
#undef X
#define X(name, text) { text, t->trouble.name, true },
        SIM_TROUBLE(X)
#undef X
    };
    bool none_missing = true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const uint64_t n = i < WORLD_REFUSALS ? t->refused[i] : all[i].n;
        printf("%12" PRIu64 " %s\n", n, all[i].text);
        none_missing &= n > 0 || !all[i].must_happen;
    }
    return none_missing;
}

static NORETURN void usage(void)
{
    fprintf(stderr, "usage: sim_run --seeds FROM[-TO] [--workload NAME] [--nodes N] [--calm | --restless] [--verbose] [--jobs N] [--limit SECONDS]\n"
                    "               [--repeat-check] [--expect-failure] [--trouble]\n"
                    "       sim_run --list\n");
    exit(2);
}

static void list_workloads(void)
{
#define X(name, text) printf("%-10s %s\n", #name, text);
    WORKLOADS(X)
#undef X
}

static bool is_workload(const char *name)
{
#define X(known, text) \
    if (strcmp(name, #known) == 0) \
        return true;
    WORKLOADS(X)
#undef X
    return false;
}

static void parse_seeds(struct options *opt, const char *text)
{
    char *end;
    opt->from = opt->to = strtoull(text, &end, 10);
    if (*end == '-')
        opt->to = strtoull(end + 1, &end, 10);
    if (*end != 0 || opt->to < opt->from)
        usage();
}

static void parse(int argc, char **argv, struct options *opt)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(a, "--list") == 0) {
            list_workloads();
            exit(0);
        } else if (strcmp(a, "--calm") == 0) {
            opt->scenario.calm = true;
        } else if (strcmp(a, "--restless") == 0) {
            opt->scenario.restless = true;
        } else if (strcmp(a, "--verbose") == 0) {
            opt->scenario.verbose = true;
        } else if (strcmp(a, "--trouble") == 0) {
            opt->trouble = true;
        } else if (strcmp(a, "--repeat-check") == 0) {
            opt->repeat_check = true;
        } else if (strcmp(a, "--expect-failure") == 0) {
            opt->expect_failure = true;
        } else {
            i++;
            if (strcmp(a, "--seeds") == 0)
                parse_seeds(opt, value);
            else if (strcmp(a, "--workload") == 0 && is_workload(value))
                opt->scenario.workload = value;
            else if (strcmp(a, "--nodes") == 0)
                opt->scenario.nodes = (uint32_t)atoi(value);
            else if (strcmp(a, "--jobs") == 0)
                opt->jobs = (unsigned)atoi(value);
            else if (strcmp(a, "--limit") == 0)
                opt->limit_s = (unsigned)atoi(value);
            else
                usage();
        }
    }
    if (opt->from == 0 || opt->jobs < 1 || opt->jobs > JOBS_MAX || opt->scenario.nodes > NODES_IN_WORLD_MAX)
        usage();
}

int main(int argc, char **argv)
{
    struct options opt = { .jobs = 1, .limit_s = 60, .program = argv[0] };
    struct totals t = { 0 };
    parse(argc, argv, &opt);
    const double began = seconds();
    run_seeds(&opt, &t);
    printf("%" PRIu64 " runs, %" PRIu64 " failed: %" PRIu64 " transactions committed, %" PRIu64 " aborted, %" PRIu64 " of unknown outcome; %u kills, "
           "%u power losses, %u restarts, %u joins; %.0f s of virtual time in %.0f s, longest run %.1f s\n", t.runs, t.failures, t.acked, t.failed, t.unknown,
           t.kills, t.power_losses, t.restarts, t.joins, t.virtual_s, seconds() - began, t.longest_s);
    if (opt.trouble && !print_trouble(&t)) {
        printf("some fault never happened\n");
        return EXIT_FAILURE;
    }
    return (t.failures > 0) == opt.expect_failure ? EXIT_SUCCESS : EXIT_FAILURE;
}
