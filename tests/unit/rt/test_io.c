/*
 * Files and sockets, the same on every back-end.
 */
#include "rt/rt.h"

#include "on_backends.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- files ---------------------------------------------------------------------------- */

static const char *in(const char *folder, const char *name)
{
    static char paths[4][256];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof(paths[0]), "%s/%s", folder, name);
    return p;
}

static void collect(void *arg, const char *name)
{
    strcat(strcat(arg, name), " ");
}

static void files(void *arg)
{
    const char *dir = arg;
    struct diag d;
    struct rt_file *f = NULL, *g = NULL;
    char p[64] = { 0 };
    uint64_t size = 0;
    CHECK(rt_open(in(dir, "none"), RT_OPEN_READ, &f, &d) == ERR_UNDEFINED_FILE);
    CHECK(strstr(d.message, "none") != NULL && strstr(d.message, "No such file") != NULL);
    CHECK_OK(rt_open(in(dir, "a"), RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_EXCL, &f, &d), &d);
    CHECK(rt_open(in(dir, "a"), RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_EXCL, &g, &d) == ERR_IO);
    CHECK(strcmp(rt_file_path(f), in(dir, "a")) == 0);

    CHECK_OK(rt_pwrite(f, "hello world", 11, 5, &d), &d);
    CHECK_OK(rt_pread(f, p, 16, 0, NULL, &d), &d);
    CHECK(memcmp(p, "\0\0\0\0\0hello world", 16) == 0);
    CHECK(rt_pread(f, p, 17, 0, NULL, &d) == ERR_IO);
    CHECK(strstr(d.message, "unexpected end of file") != NULL);
    size_t got = 99;
    CHECK_OK(rt_pread(f, p, 64, 10, &got, &d), &d);
    CHECK(got == 6);
    CHECK_OK(rt_pread(f, p, 64, 100, &got, &d), &d);
    CHECK(got == 0);

    const struct rt_iov iov[] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
    CHECK_OK(rt_pwritev(f, iov, 3, 0, &d), &d);
    CHECK_OK(rt_fdatasync(f, &d), &d);
    CHECK_OK(rt_pread(f, p, 7, 0, NULL, &d), &d);
    CHECK(memcmp(p, "abcdehe", 7) == 0);

    CHECK_OK(rt_file_size(f, &size, &d), &d);
    CHECK(size == 16);
    CHECK_OK(rt_allocate(f, 0, 100000, &d), &d);
    CHECK_OK(rt_file_size(f, &size, &d), &d);
    CHECK(size == 100000);
    CHECK_OK(rt_allocate(f, 10, 10, &d), &d);
    CHECK_OK(rt_pread(f, p, 1, 99999, NULL, &d), &d);
    CHECK(p[0] == 0);
    CHECK_OK(rt_truncate(f, 7, &d), &d);
    CHECK_OK(rt_file_size(f, &size, &d), &d);
    CHECK(size == 7);

    bool locked = false;
    CHECK_OK(rt_open(in(dir, "a"), RT_OPEN_WRITE, &g, &d), &d);
    CHECK_OK(rt_file_lock(f, 5, &locked, &d), &d);
    CHECK(locked);
    CHECK_OK(rt_file_lock(g, 5, &locked, &d), &d);
    CHECK(!locked);
    CHECK_OK(rt_file_lock(g, 6, &locked, &d), &d);
    CHECK(locked);
    rt_close(f);
    CHECK_OK(rt_file_lock(g, 5, &locked, &d), &d);
    CHECK(locked);
    rt_close(g);
    rt_close(NULL);

    CHECK_OK(rt_open(in(dir, "a"), RT_OPEN_READ, &f, &d), &d);
    CHECK(rt_pwrite(f, "x", 1, 0, &d) == ERR_IO);
    CHECK_OK(rt_open(in(dir, "a"), RT_OPEN_READ, &g, &d), &d);
    CHECK_OK(rt_file_lock(f, 5, &locked, &d), &d);
    CHECK(locked);
    CHECK_OK(rt_file_lock(g, 5, &locked, &d), &d);
    CHECK(locked); /* readers share it */
    rt_close(g);
    CHECK_OK(rt_open(in(dir, "a"), RT_OPEN_WRITE, &g, &d), &d);
    CHECK_OK(rt_file_lock(g, 5, &locked, &d), &d);
    CHECK(!locked);
    CHECK_OK(rt_file_lock(g, 6, &locked, &d), &d);
    CHECK(locked);
    CHECK_OK(rt_file_lock(f, 6, &locked, &d), &d);
    CHECK(!locked);
    rt_close(g);
    rt_close(f);
}

static void folders(void *arg)
{
    const char *dir = arg;
    struct diag d;
    struct rt_file *f = NULL;
    char names[200] = "";
    CHECK_OK(rt_mkdir(in(dir, "sub"), &d), &d);
    CHECK_OK(rt_mkdir(in(dir, "sub"), &d), &d);
    CHECK(rt_mkdir(in(dir, "no/sub"), &d) == ERR_UNDEFINED_FILE);
    for (int i = 9; i >= 1; i--) {
        char name[20];
        snprintf(name, sizeof(name), "sub/f%d", i);
        CHECK_OK(rt_open(in(dir, name), RT_OPEN_CREATE | RT_OPEN_WRITE, &f, &d), &d);
        rt_close(f);
    }
    CHECK_OK(rt_sync_dir(in(dir, "sub"), &d), &d);
    CHECK_OK(rt_rename(in(dir, "sub/f3"), in(dir, "sub/f1"), &d), &d);
    CHECK_OK(rt_unlink(in(dir, "sub/f2"), &d), &d);
    CHECK(rt_unlink(in(dir, "sub/f2"), &d) == ERR_UNDEFINED_FILE);
    CHECK(rt_rename(in(dir, "sub/f2"), in(dir, "sub/f1"), &d) == ERR_UNDEFINED_FILE);
    CHECK_OK(rt_list_dir(in(dir, "sub"), collect, names, &d), &d);
    CHECK(strcmp(names, "f1 f4 f5 f6 f7 f8 f9 ") == 0);
    CHECK(rt_list_dir(in(dir, "nowhere"), collect, names, &d) == ERR_UNDEFINED_FILE);
    CHECK(rt_sync_dir(in(dir, "nowhere"), &d) == ERR_UNDEFINED_FILE);
}

struct block_writer {
    struct rt_file *f;
    uint64_t first;
};

static void write_blocks(void *arg)
{
    const struct block_writer *w = arg;
    struct diag d;
    uint8_t *p = rt_alloc_aligned(8192), *q = rt_alloc_aligned(8192);
    for (uint64_t b = w->first; b < 96; b += 12) {
        memset(p, (int)b + 1, 8192);
        const struct rt_iov iov[] = { { p, 4096 }, { p + 4096, 4096 } };
        CHECK_OK(rt_pwritev(w->f, iov, 2, b * 8192, &d), &d);
        if (b % 5 == 0)
            CHECK_OK(rt_fdatasync(w->f, &d), &d);
        CHECK_OK(rt_pread(w->f, q, 8192, b * 8192, NULL, &d), &d);
        CHECK(memcmp(p, q, 8192) == 0);
    }
    rt_free_aligned(p, 8192);
    rt_free_aligned(q, 8192);
}

static void direct_io_from_many_fibers(void *arg)
{
    struct diag d;
    struct rt_file *f = NULL;
    struct block_writer w[12];
    struct fiber *fibers[12];
    CHECK_OK(rt_open(in(arg, "blocks"), RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, &d), &d);
    for (uint32_t i = 0; i < 12; i++) {
        w[i] = (struct block_writer){ f, i };
        fibers[i] = spawn_on(i % 3, "writer", write_blocks, &w[i]);
    }
    for (int i = 0; i < 12; i++)
        rt_join(fibers[i]);
    uint8_t *p = rt_alloc_aligned(8192 * 96);
    CHECK_OK(rt_pread(f, p, 8192 * 96, 0, NULL, &d), &d);
    for (size_t i = 0; i < 8192 * 96; i++)
        CHECK(p[i] == i / 8192 + 1);
    size_t got = 0;
    CHECK_OK(rt_pread(f, p, 8192, 8192 * 96, &got, &d), &d);
    CHECK(got == 0);
    rt_free_aligned(p, 8192 * 96);
    rt_close(f);
}

/* One fiber alone: the worker sleeps during each request and must hear of its end. */
static void sync_after_sync(void *arg)
{
    struct diag d;
    struct rt_file *f = NULL;
    uint8_t *p = rt_alloc_aligned(4096);
    CHECK_OK(rt_open(in(arg, "log"), RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, &d), &d);
    for (uint64_t i = 0; i < 300; i++) {
        if (i == 150)
            rt_set_prio(RT_PRIO_HIGH);
        CHECK_OK(rt_pwrite(f, p, 4096, i % 50 * 4096, &d), &d);
        CHECK_OK(rt_fdatasync(f, &d), &d);
        CHECK_OK(rt_pread(f, p, 4096, i % 50 * 4096, NULL, &d), &d);
    }
    rt_close(f);
    rt_free_aligned(p, 4096);
}

/* ---- sockets ------------------------------------------------------------------------------- */

struct server {
    struct rt_listener *l;
    int conns;
    bool on_own_worker;
};

static void echo(void *arg)
{
    struct rt_conn *c = arg;
    struct diag d;
    char *p = malloc(100000);
    size_t got = 0;
    rt_conn_adopt(c);
    while (rt_recv(c, p, 100000, RT_FOREVER, &got, &d) == ERR_OK && got > 0)
        if (rt_send(c, p, got, &d) != ERR_OK)
            break;
    free(p);
    rt_conn_close(c);
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct diag d;
    struct rt_conn *c = NULL;
    enum err err;
    struct fiber *f[64];
    int n = 0;
    while ((err = rt_accept(s->l, &c, &d)) == ERR_OK) {
        CHECK(rt_conn_is_loopback(c));
        CHECK(rt_conn_peer(c)[0] != '\0');
        CHECK(n < 64);
        f[n++] = spawn_on(RT_WORKER_ANY, "echo", echo, c);
    }
    CHECK(err == ERR_CLOSED);
    for (int i = 0; i < n; i++)
        rt_join(f[i]);
    s->conns = n;
}

static void send_much(void *arg)
{
    struct diag d;
    uint8_t *p = malloc(1000003);
    for (size_t i = 0; i < 1000003; i++)
        p[i] = (uint8_t)(i * 7);
    const struct rt_iov iov[] = { { p, 1 }, { p + 1, 500000 }, { p + 500001, 500002 } };
    CHECK_OK(rt_sendv(arg, iov, 3, &d), &d);
    free(p);
}

static void client(void *arg)
{
    const struct server *s = arg;
    struct diag d;
    struct rt_conn *c = NULL;
    char p[100];
    CHECK_OK(rt_connect(rt_listener_address(s->l), rt_now() + RT_SEC(10), &c, &d), &d);
    for (int i = 0; i < 30; i++) {
        snprintf(p, sizeof(p), "message number %d", i);
        CHECK_OK(rt_send(c, p, 20, &d), &d);
        char q[20];
        CHECK_OK(rt_recv_full(c, q, 20, rt_now() + RT_SEC(10), &d), &d);
        CHECK(memcmp(p, q, 20) == 0);
    }
    /* More than all buffers hold: one fiber writes, another one reads. */
    struct fiber *sender = spawn_on(RT_WORKER_ANY, "sender", send_much, c);
    uint8_t *big = malloc(1000003);
    CHECK_OK(rt_recv_full(c, big, 1000003, RT_FOREVER, &d), &d);
    for (size_t i = 0; i < 1000003; i++)
        CHECK(big[i] == (uint8_t)(i * 7));
    free(big);
    rt_join(sender);
    rt_conn_close(c);
}

static void echo_at(const char *address)
{
    struct diag d;
    struct server s = { .conns = 0 };
    struct fiber *clients[6];
    CHECK_OK(rt_listen(address, &s.l, &d), &d);
    struct fiber *server = spawn_on(1, "server", serve, &s);
    for (uint32_t i = 0; i < 6; i++)
        clients[i] = spawn_on(i % 3, "client", client, &s);
    for (int i = 0; i < 6; i++)
        rt_join(clients[i]);
    rt_listener_close(s.l);
    rt_join(server);
    CHECK(s.conns == 6);
    struct rt_conn *c = NULL;
    CHECK(rt_connect(rt_listener_address(s.l), RT_FOREVER, &c, &d) == ERR_CONNECTION);
    rt_listener_free(s.l);
}

static void echo_tcp(void *arg)
{
    echo_at("127.0.0.1:0");
}

static void echo_tcp6(void *arg)
{
    struct diag d;
    struct rt_listener *l = NULL;
    if (rt_listen("[::1]:0", &l, &d) != ERR_OK)
        return; /* no IPv6 here */
    rt_listener_free(l);
    echo_at("[::1]:0");
}

static void echo_unix(void *arg)
{
    char address[200];
    snprintf(address, sizeof(address), "unix:%s/socket", (const char *)arg);
    echo_at(address);
    echo_at(address);
}

static void cancel_after(void *arg)
{
    rt_sleep(RT_MS(3));
    rt_cancel(arg);
}

static void shutdown_after(void *arg)
{
    rt_sleep(RT_MS(3));
    rt_conn_shutdown(arg);
}

static void waits_on_sockets_end(void *arg)
{
    struct diag d;
    struct rt_listener *l = NULL;
    struct rt_conn *a = NULL, *b = NULL;
    char p[10];
    size_t got = 99;
    CHECK(rt_listen("nonsense", &l, &d) != ERR_OK || sim_self() != NULL);
    CHECK_OK(rt_listen("127.0.0.1:0", &l, &d), &d);
    CHECK_OK(rt_connect(rt_listener_address(l), RT_FOREVER, &a, &d), &d);
    CHECK_OK(rt_accept(l, &b, &d), &d);
    CHECK(rt_recv(b, p, 10, rt_now() + RT_MS(2), &got, &d) == ERR_TIMED_OUT);
    CHECK_OK(rt_send(a, "xyz", 3, &d), &d);
    CHECK_OK(rt_recv(b, p, 10, RT_FOREVER, &got, &d), &d);
    CHECK(got == 3);

    for (uint32_t worker = 0; worker < 2; worker++) {
        struct fiber *f = spawn_on(worker, "canceler", cancel_after, rt_self());
        CHECK(rt_recv(b, p, 10, RT_FOREVER, &got, &d) == ERR_CANCELED);
        rt_join(f);
        f = spawn_on(worker, "canceler", cancel_after, rt_self());
        struct rt_conn *c = NULL;
        CHECK(rt_accept(l, &c, &d) == ERR_CANCELED);
        rt_join(f);
    }
    struct fiber *f = spawn_on(1, "shutdown", shutdown_after, b);
    CHECK_OK(rt_recv(b, p, 10, RT_FOREVER, &got, &d), &d);
    CHECK(got == 0);
    CHECK(rt_send(b, p, 1, &d) == ERR_CONNECTION_FAILURE);
    CHECK_OK(rt_recv(a, p, 10, RT_FOREVER, &got, &d), &d);
    CHECK(got == 0);
    CHECK(rt_recv_full(a, p, 10, RT_FOREVER, &d) == ERR_CLOSED);
    rt_join(f);
    rt_conn_close(a);
    rt_conn_close(b);

    /* The end of the stream comes behind the data, however late it is read. */
    CHECK_OK(rt_connect(rt_listener_address(l), RT_FOREVER, &a, &d), &d);
    CHECK_OK(rt_accept(l, &b, &d), &d);
    CHECK(rt_recv(b, p, 10, rt_now() + RT_MS(1), &got, &d) == ERR_TIMED_OUT);
    CHECK_OK(rt_send(a, "bye", 3, &d), &d);
    rt_conn_close(a);
    rt_sleep(RT_MS(5));
    CHECK_OK(rt_recv(b, p, 10, RT_FOREVER, &got, &d), &d);
    CHECK(got == 3);
    CHECK_OK(rt_recv(b, p, 10, RT_FOREVER, &got, &d), &d);
    CHECK(got == 0);
    rt_conn_close(b);
    rt_listener_close(l);
    CHECK(rt_accept(l, &b, &d) == ERR_CLOSED);
    rt_listener_free(l);
}

/* ---- growing where the file system cannot reserve space --------------------------------- */

/* This process has no fallocate() from here on. */
static bool forbid_fallocate(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { ARRAY_LEN(rules), rules };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct growers {
    const char *path;
    _Atomic uint64_t next;
};

static void grower(void *arg)
{
    struct growers *g = arg;
    struct rt_file *f = NULL;
    struct diag d;
    CHECK_OK(rt_open(g->path, RT_OPEN_CREATE | RT_OPEN_WRITE, &f, &d), &d);
    for (int i = 0; i < 2000; i++) {
        const uint64_t bytes = atomic_fetch_add(&g->next, 4096) + 4096;
        uint64_t size = 0;
        CHECK_OK(rt_allocate(f, 0, bytes, &d), &d);
        CHECK_OK(rt_file_size(f, &size, &d), &d);
        CHECK(size >= bytes); /* whatever others make of it: it never shrinks */
    }
    rt_close(f);
}

static void grow_together(void *arg)
{
    struct growers g = { .path = in(arg, "grown") };
    struct fiber *f[4];
    for (int i = 0; i < 4; i++) {
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "grower", .worker = RT_WORKER_ANY }, grower, &g);
        CHECK(f[i] != NULL);
    }
    for (int i = 0; i < 4; i++)
        rt_join(f[i]);
}

/* In a process of its own: what is forbidden stays forbidden. */
static void a_file_that_others_grow_never_shrinks(void **state)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char folder[] = "/tmp/rt-test-XXXXXX", command[64];
        struct diag d;
        if (mkdtemp(folder) == NULL || !forbid_fallocate())
            _exit(77);
        CHECK_OK(rt_run(&(struct rt_options){ .backend = RT_EPOLL, .workers = 4 }, grow_together, folder, &d), &d);
        snprintf(command, sizeof(command), "rm -rf %s", folder);
        _exit(system(command) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* no filters of system calls here */
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(files),
        ON_ALL(folders),
        ON_ALL(direct_io_from_many_fibers),
        ON_ALL(sync_after_sync),
        ON_ALL(echo_tcp),
        ON_ONE(echo_tcp6, ON_EPOLL),
        ON_ALL(echo_unix),
        ON_ALL(waits_on_sockets_end),
        cmocka_unit_test(a_file_that_others_grow_never_shrinks),
    };
    return cmocka_run_group_tests_name("rt/io", tests, NULL, NULL);
}
