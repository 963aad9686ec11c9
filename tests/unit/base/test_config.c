#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/config.h"
#include "base/toml.h"

static struct diag d;

static enum err toml(struct arena *a, const char *text, struct toml *ret)
{
    diag_clear(&d);
    return toml_parse(a, "t.toml", text, strlen(text), ret, &d);
}

static const struct toml_value *get(const struct toml *t, const char *path)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].path, path) == 0)
            return &t->v[i];
    fail_msg("no \"%s\"", path);
    return NULL;
}

static void values_of_every_kind(void **state)
{
    struct arena *a = arena_new("test", 0);
    struct toml t;
    assert_int_equal(toml(a,
                          "# comment\n"
                          "title = \"a\\tb\\u00e4\"\r\n"
                          "raw = 'C:\\dir'\n"
                          "multi = \"\"\"\nline one\nline \"two\" \\\n   on\"\"\"\n"
                          "n = -1_000\nhex = 0xff\nf = 6.5e-2\nyes = true\nwhen = 2026-01-02 03:04:05Z\n"
                          "[a.b]\nc.d = [1, [2, 3,], # two\n 4]\np = { x = 1, y = { z = 'q' } }\n"
                          "[[s]]\nk = 1\n[[s]]\nk = 2\n[s.sub]\nm = 3\n",
                          &t),
                     ERR_OK);
    assert_string_equal(get(&t, "title")->str, "a\tb\xc3\xa4");
    assert_string_equal(get(&t, "raw")->str, "C:\\dir");
    assert_string_equal(get(&t, "multi")->str, "line one\nline \"two\" on");
    assert_int_equal(get(&t, "n")->i, -1000);
    assert_int_equal(get(&t, "hex")->i, 255);
    assert_true(get(&t, "f")->f == 0.065);
    assert_int_equal(get(&t, "yes")->type, TOML_BOOLEAN);
    assert_int_equal(get(&t, "when")->type, TOML_DATETIME);
    assert_int_equal(get(&t, "a.b.c.d[1][1]")->i, 3);
    assert_int_equal(get(&t, "a.b.c.d[2]")->line, 15);
    assert_string_equal(get(&t, "a.b.p.y.z")->str, "q");
    assert_int_equal(get(&t, "s[1].k")->i, 2);
    assert_int_equal(get(&t, "s[1].sub.m")->i, 3);
    arena_free(a);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "a = 1\na = 2", "t.toml:2: \"a\" is set twice (first on line 1)" },
        { "[t]\n[t]", "t.toml:2: table \"t\" is defined twice (first on line 1)" },
        { "a = hello", "t.toml:1: \"hello\" is not a value (strings need quotes)" },
        { "a = \"x", "t.toml:1: unterminated string" },
        { "a = 1 b = 2", "t.toml:1: unexpected \"b\" after the value" },
        { "a", "t.toml:1: \"=\" was expected after the key" },
        { "= 1", "t.toml:1: a key was expected" },
        { "a = [1 2]", "t.toml:1: \",\" or \"]\" was expected in the array" },
        { "a = 01", "t.toml:1: \"01\" is not a value (strings need quotes)" },
        { "a = 1__0", "t.toml:1: \"1__0\" is not a value (strings need quotes)" },
        { "a = \"\\q\"", "t.toml:1: unknown escape \"\\q\"" },
        { "a = { b = 1 }\na.c = 2", "t.toml:2: \"a\" is already a table (line 1) and cannot be extended" },
        { "\n\na = \"\xff\"", "t.toml:3: not valid UTF-8" },
        { "a = 1\n[a.b]", "t.toml:2: \"a\" is already a integer (line 1) and cannot be extended" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new("test", 0);
        struct toml t;
        assert_int_equal(toml(a, bad[i].text, &t), ERR_CONFIG_FILE);
        assert_string_equal(d.message, bad[i].message);
        arena_free(a);
    }
}

static void nesting_has_a_bound(void **state)
{
    struct arena *a = arena_new("test", 0);
    char text[4096] = "a = ";
    memset(text + 4, '[', 4000);
    struct toml t;
    assert_int_equal(toml(a, text, &t), ERR_CONFIG_FILE);
    assert_non_null(strstr(d.message, "nested more than"));
    arena_free(a);
}

static enum err config(struct arena *a, const char *text, struct config *c)
{
    diag_clear(&d);
    return config_parse(a, "rac.toml", text, strlen(text), c, &d);
}

static void the_specs_example_is_accepted(void **state)
{
    struct arena *a = arena_new("test", 0);
    struct config c;
    assert_int_equal(config(a,
                            "[cluster]\ncluster_name = \"production-rac\"\nnode_id = \"node1\"  # Unique per node\n"
                            "interconnect_address = \"10.0.1.101:5000\"\n"
                            "[rac]\nenable_cache_fusion = true\nenable_parallel_query = true\nmax_dop = 128\nheartbeat_interval_ms = 100\n"
                            "phi_threshold = 8.0\n[grd]\nnum_buckets = 65536\naffinity_enabled = true\nremastering_threshold = 150\n"
                            "[recovery]\nauto_recovery = true\nparallel_redo_threads = 8\nrecovery_window_secs = 5\n"
                            "[storage]\nbuffer_cache_size = \"64MB\"\n",
                            &c),
                     ERR_OK);
    assert_string_equal(c.node_id, "node1");
    assert_int_equal(c.buffer_cache_size, 64 << 20);
    assert_true(c.phi_threshold == 8.0);
    assert_int_equal(c.max_connections, 200);
    arena_free(a);
}

static void bad_settings_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "[cluster]\nnode_id = \"a\"\nnode_idd = 1", "rac.toml:3: unknown key \"cluster.node_idd\"" },
        { "[clutter]\nx = 1", "rac.toml:1: unknown section \"clutter\"" },
        { "[cluster]\nnode_id = 7", "rac.toml:2: [cluster] node_id must be a string, not integer" },
        { "[cluster]\nnode_id = \"a\"\n[rac]\nheartbeat_interval_ms = 5",
          "rac.toml:4: [rac] heartbeat_interval_ms: the value must be between 10 and 10000" },
        { "[cluster]\nnode_id = \"a\"\n[grd]\naffinity_enabled = false",
          "rac.toml:4: [grd] affinity_enabled: this version supports only the default (true)" },
        { "[cluster]\nnode_id = \"a\"\n[interconnect]\ntransport = \"rdma\"",
          "rac.toml:4: [interconnect] transport: this version supports only the default (tcp)" },
        { "[cluster]\nnode_id = \"a\"\n[storage]\nbuffer_cache_size = \"many\"",
          "rac.toml:4: [storage] buffer_cache_size must be a size: bytes, or a string such as \"256MB\", not many" },
        { "[cluster]\nnode_id = \"\"", "rac.toml:2: [cluster] node_id must be made of letters, digits, \"-\", \"_\" and \".\", not \"\"" },
        { "[cluster]\nnode_id = \"a b\"", "rac.toml:2: [cluster] node_id must be made of letters, digits, \"-\", \"_\" and \".\", not \"a b\"" },
        { "[cluster]\nnode_id = \"a\"\ninterconnect_address = \"nohost:1\"",
          "rac.toml:3: [cluster] interconnect_address must be a numeric address with a port, such as \"10.0.0.1:7000\", not \"nohost:1\"" },
        { "[cluster]\nnode_id = \"a\"\ninterconnect_address = \"127.0.0.1:65536\"",
          "rac.toml:3: [cluster] interconnect_address must be a numeric address with a port, such as \"10.0.0.1:7000\", not \"127.0.0.1:65536\"" },
        { "[cluster]\nnode_id = \"a\"\n[server]\nlisten_address = \"0.0.0.0:5432\"",
          "rac.toml:4: [server] listen_address must be a loopback address in numbers with a port, such as \"127.0.0.1:5432\": "
          "this version has no authentication and serves local clients only, not \"0.0.0.0:5432\"" },
        { "[cluster]\nnode_id = \"a\"\n[server]\nio_backend = \"aio\"", "rac.toml:4: [server] io_backend must be auto, uring or epoll, not \"aio\"" },
        { "[cluster]\nnode_id = \"a\"\n[server]\nlog_level = \"loud\"",
          "rac.toml:4: [server] log_level must be debug, info, warning or error, not \"loud\"" },
        { "[rac]\nmax_dop = 128", "rac.toml: [cluster] node_id is missing: give each node a name of its own" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new("test", 0);
        struct config c;
        assert_int_equal(config(a, bad[i].text, &c), ERR_CONFIG_FILE);
        assert_string_equal(d.message, bad[i].message);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(the_specs_example_is_accepted),
        cmocka_unit_test(bad_settings_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
