/*
 * Block files: created, extended, read past the end; a full disk; several
 * fibers open them at once.
 */
#include "../redo/sim_check.h"

#include "storage/block.h"
#include "storage/control.h"
#include "storage/files.h"

static void reader(void *arg)
{
    struct files *f = arg;
    struct diag d;
    uint8_t *b = rt_alloc_aligned(BLOCK_SIZE);
    for (uint32_t i = 0; i < 20; i++) {
        const uint32_t file = i % 2 == 0 ? FILE_DATA : FILE_UNDO_BASE + 1 + i % 5;
        CHECK_OK(files_read(f, dba_make(file, i), b, &d), &d);
        CHECK_OK(block_verify(b, dba_make(file, i), &d), &d);
    }
    rt_free_aligned(b, BLOCK_SIZE);
}

static void story(void *arg)
{
    struct files *f = NULL;
    struct diag d;
    uint64_t blocks = 0;
    uint8_t *b = rt_alloc_aligned(BLOCK_SIZE);
    CHECK_OK(control_create("/db", "test", &d), &d);
    CHECK_OK(files_open("/db", false, &f, &d), &d);
    CHECK(files_read(f, dba_make(FILE_DATA, 0), b, &d) == ERR_UNDEFINED_FILE);
    CHECK(files_read(f, dba_make(7, 0), b, &d) == ERR_CORRUPT); /* there is no such file number */
    CHECK_OK(files_create(f, FILE_DATA, 10, &d), &d);
    for (uint32_t t = 1; t <= 6; t++)
        CHECK_OK(files_create(f, FILE_UNDO_BASE + t, 4, &d), &d);
    block_format(b, dba_make(FILE_DATA, 9), BLOCK_HEAP, 1, 1);
    block_seal(b);
    CHECK_OK(files_write(f, dba_make(FILE_DATA, 9), b, &d), &d);
    CHECK_OK(files_extend(f, FILE_DATA, 30, &d), &d);
    CHECK_OK(files_extend(f, FILE_DATA, 20, &d), &d); /* never shrinks */
    CHECK_OK(files_size(f, FILE_DATA, &blocks, &d), &d);
    CHECK(blocks == 30);
    CHECK_OK(files_read(f, dba_make(FILE_DATA, 9), b, &d), &d);
    CHECK(block_header(b)->type == BLOCK_HEAP); /* extending kept it */
    memset(b, 1, BLOCK_SIZE);
    CHECK_OK(files_read(f, dba_make(FILE_DATA, 1000), b, &d), &d); /* past the end: zeroes */
    CHECK(block_header(b)->magic == 0);
    files_close(f);

    CHECK_OK(files_open("/db", false, &f, &d), &d);
    struct fiber *r[4];
    for (int i = 0; i < 4; i++) {
        const struct rt_spawn_options so = { .name = "reader", .worker = RT_WORKER_ANY };
        r[i] = rt_spawn(&so, reader, f);
    }
    for (int i = 0; i < 4; i++)
        rt_join(r[i]);
    sim_set_disk_limit(sim_self(), 2u << 20);
    CHECK(files_extend(f, FILE_DATA, 100000, &d) == ERR_DISK_FULL);
    CHECK_OK(files_size(f, FILE_DATA, &blocks, &d), &d);
    CHECK_OK(files_read(f, dba_make(FILE_DATA, 9), b, &d), &d);
    CHECK(block_header(b)->type == BLOCK_HEAP);
    files_close(f);
    rt_free_aligned(b, BLOCK_SIZE);
}

static void files_do_what_they_say(void **state)
{
    simulate_with(1, true, 0, story, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(files_do_what_they_say) };
    return cmocka_run_group_tests_name("storage/files", tests, NULL, NULL);
}
