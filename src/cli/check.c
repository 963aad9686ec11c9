/*
 * rustydb-cli check: verifies a database that no node has open.
 */
#include "check/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "rt/rt.h"

struct check_call {
    struct check_options opt;
    struct check_result result;
    struct diag *d;
    enum err err;
};

static void print_line(void *arg, enum check_kind kind, const char *text)
{
    printf("%s%s\n", kind == CHECK_NOTE ? "note: " : "", text);
}

static void check(void *arg)
{
    struct check_call *cc = arg;
    cc->err = check_run(&cc->opt, &cc->result, cc->d);
}

int cli_check(const char *data_dir, struct diag *d)
{
    struct check_call cc = { .opt = { .dir = data_dir, .line = print_line }, .d = d };
    const struct rt_options ro = { .workers = 1 };
    if (rt_run(&ro, check, &cc, d) || cc.err)
        return cli_fail(d);
    const struct check_result *r = &cc.result;
    printf("%" PRIu64 " blocks, %" PRIu64 " tables, %" PRIu64 " indexes checked: ", r->blocks, r->tables, r->indexes);
    if (r->problems)
        printf("%" PRIu64 " problems\n", r->problems);
    else
        puts("no problems");
    return r->problems ? EXIT_FAILURE : EXIT_SUCCESS;
}
