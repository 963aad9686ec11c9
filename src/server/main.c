/*
 * rusty-db-server: one instance.
 *
 *     rusty-db-server [--config FILE]     (default /etc/rustydb/rac.toml)
 *     rusty-db-server --version
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "rt/rt.h"
#include "server/config_file.h"
#include "server/instance.h"

#define DEFAULT_CONFIG "/etc/rustydb/rac.toml"

struct server {
    const char *config_path;
    struct config config;
    struct arena *arena;
    struct log *log;
    _Atomic(struct instance *) instance; /* once it has started */
    _Atomic(int) asked; /* the signal that came before */
    int status;
};

static void to_stderr(void *arg, enum log_level level, const char *line, size_t len) { (void)!write(STDERR_FILENO, line, len); }
static uint64_t wall(void *arg) { return rt_wall_us(); }

static void on_fatal(void *arg, const char *why)
{
    fprintf(stderr, "rusty-db-server: %s\n", why);
    _exit(EXIT_FAILURE); /* nothing may be written after this: the others, or the next start, recover */
}

static void signal_fiber(void *arg)
{
    struct server *s = arg;
    for (;;) {
        const int sig = rt_wait_signal();
        struct instance *i = s->instance;
        if (sig == SIGHUP) {
            log_info(s->log, "signal %d: the configuration is read when the server starts; nothing is done", sig);
        } else if (i) {
            log_info(s->log, "signal %d: stopping", sig);
            instance_ask_stop(i);
        } else if (s->asked) {
            on_fatal(s, "ended by a second signal while starting");
        } else {
            log_info(s->log, "signal %d: stopping as soon as the start is complete; a second one ends the process at once", sig);
            s->asked = sig;
            if (s->instance) /* complete just now */
                instance_ask_stop(s->instance);
        }
    }
}

/* A member that dies takes the others with it: from the beginning on, signals are asked to wait. */
static void watch_signals(struct server *s)
{
    struct fiber *f = rt_spawn(&(struct rt_spawn_options){ .name = "signals", .worker = 0, .prio = RT_PRIO_HIGH }, signal_fiber, s);
    if (f)
        rt_detach(f);
    rt_yield();
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct diag d;
    diag_clear(&d);
    const struct instance_options io = { .config = &s->config, .log = s->log, .fatal = on_fatal, .fatal_arg = s };
    struct instance *instance;
    watch_signals(s);
    enum err err = instance_start(&io, &instance, &d);
    if (err) {
        log_diag(s->log, LOG_FATAL, &d, "the server cannot start");
        on_fatal(s, d.message);
    }
    s->instance = instance;
    if (s->asked)
        instance_ask_stop(instance);
    instance_wait_stop(instance);
    err = instance_stop(instance, &d);
    if (err) {
        log_diag(s->log, LOG_FATAL, &d, "stopping");
        on_fatal(s, d.message);
    }
    _exit(EXIT_SUCCESS); /* the signal fiber never ends */
}

static int bad(const struct diag *d)
{
    fprintf(stderr, "rusty-db-server: %s\n", d->message);
    return EXIT_FAILURE;
}

static const char usage[] = "usage: rusty-db-server [--config FILE] | --version | --help\n"
                            "\n"
                            "The configuration file is " DEFAULT_CONFIG " unless --config says otherwise; rustydb-cli config show lists its keys.\n";

int main(int argc, char **argv)
{
    static struct server s = { .config_path = DEFAULT_CONFIG };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("rusty-db-server (RustyDB RAC) 0.1.0");
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            s.config_path = argv[++i];
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    struct diag d;
    diag_clear(&d);
    s.arena = arena_new("server", 0);
    if (config_file_read(s.arena, s.config_path, &s.config, &d))
        return bad(&d);
    s.log = log_new(s.config.node_id, config_log_level(&s.config), to_stderr, wall, NULL);
    const struct rt_options ro = config_rt_options(&s.config);
    if (rt_run(&ro, serve, &s, &d))
        return bad(&d);
    return s.status;
}
