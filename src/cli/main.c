/*
 * rustydb-cli: the operator's tool.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "server/config_file.h"

#define DEFAULT_CONFIG "/etc/rustydb/rac.toml"

static const char usage[] = "usage: rustydb-cli [--config FILE] COMMAND\n"
                            "\n"
                            "  cluster status        members of the running cluster\n"
                            "  cluster stop [NODE]   stop one node, or all of them\n"
                            "  cluster create        create an empty database in the configured data directory\n"
                            "  config check FILE     check a configuration file\n"
                            "  config show           every key with its default, as Markdown\n"
                            "  check DATA_DIR        verify a database that no node has open: every block, index and undo chain\n"
                            "\n"
                            "The configuration file is " DEFAULT_CONFIG " unless --config says otherwise.\n";

int cli_fail(const struct diag *d)
{
    fprintf(stderr, "rustydb-cli: %s\n", d->message);
    if (*d->detail)
        fprintf(stderr, "  %s\n", d->detail);
    if (*d->hint)
        fprintf(stderr, "  %s\n", d->hint);
    return EXIT_FAILURE;
}

static int config_check(struct arena *a, const char *path, struct diag *d)
{
    struct config c;
    if (config_file_read(a, path, &c, d))
        return cli_fail(d);
    printf("%s: ok\n", path);
    return EXIT_SUCCESS;
}

static int config_show(void)
{
    struct buf b;
    buf_init(&b);
    config_document(&b);
    fwrite(b.p, 1, b.len, stdout);
    buf_fini(&b);
    return EXIT_SUCCESS;
}

static bool is(char **argv, int argc, const char *group, const char *verb)
{
    return argc >= 2 && strcmp(argv[0], group) == 0 && strcmp(argv[1], verb) == 0;
}

static int no_command(char **argv, int argc)
{
    if (argc > 0) {
        fputs("rustydb-cli: there is no command \"", stderr);
        for (int i = 0; i < argc; i++)
            fprintf(stderr, "%s%s", i ? " " : "", argv[i]);
        fputs("\"\n\n", stderr);
    }
    fputs(usage, stderr);
    return 2;
}

static int run(struct arena *a, const char *config_path, char **argv, int argc, struct diag *d)
{
    if (argc == 3 && is(argv, argc, "config", "check"))
        return config_check(a, argv[2], d);
    if (argc == 2 && is(argv, argc, "config", "show"))
        return config_show();
    if (argc == 2 && strcmp(argv[0], "check") == 0)
        return cli_check(argv[1], d);
    const bool status = argc == 2 && is(argv, argc, "cluster", "status"), create = argc == 2 && is(argv, argc, "cluster", "create");
    const bool stop = (argc == 2 || argc == 3) && is(argv, argc, "cluster", "stop");
    if (!status && !create && !stop)
        return no_command(argv, argc);
    struct config c;
    if (config_file_read(a, config_path, &c, d))
        return cli_fail(d);
    return status ? cli_cluster_status(&c, d) : stop ? cli_cluster_stop(&c, argc == 3 ? argv[2] : NULL, d) : cli_cluster_create(&c, d);
}

int main(int argc, char **argv)
{
    const char *config_path = DEFAULT_CONFIG;
    int n = 0; /* arguments that are not options */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            config_path = argv[++i];
        else
            argv[n++] = argv[i];
    }
    if (n == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0)) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (n == 1 && strcmp(argv[0], "--version") == 0) {
        puts("rustydb-cli (RustyDB RAC) 0.1.0");
        return EXIT_SUCCESS;
    }
    struct arena *a = arena_new("cli", 0);
    struct diag d;
    diag_clear(&d);
    const int status = run(a, config_path, argv, n, &d);
    arena_free(a);
    return status;
}
