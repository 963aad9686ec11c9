/*
 * rusty-db-server: one instance.
 *
 *     rusty-db-server [--config FILE]     (default /etc/rustydb/rac.toml)
 *     rusty-db-server --version
 */
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
    struct instance *instance;
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
    const int sig = rt_wait_signal();
    log_info(s->log, "signal %d: stopping", sig);
    instance_ask_stop(s->instance);
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct diag d;
    diag_clear(&d);
    const struct instance_options io = { .config = &s->config, .log = s->log, .fatal = on_fatal, .fatal_arg = s };
    enum err err = instance_start(&io, &s->instance, &d);
    if (err) {
        log_diag(s->log, LOG_FATAL, &d, "the server cannot start");
        on_fatal(s, d.message);
    }
    struct fiber *f = rt_spawn(&(struct rt_spawn_options){ .name = "signals", .worker = 0, .prio = RT_PRIO_HIGH }, signal_fiber, s);
    if (f)
        rt_detach(f);
    instance_wait_stop(s->instance);
    err = instance_stop(s->instance, &d);
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
