/*
 * Double write: whatever power loss does to a block in place, either the block
 * or its copy is whole.
 */
#include "../redo/sim_check.h"

#include "storage/block.h"
#include "storage/control.h"
#include "storage/dw.h"
#include "storage/files.h"

#define BLOCKS 40u

static uint64_t written[BLOCKS]; /* version that is durable in place */
static uint64_t newest; /* of all blocks at the last power loss: versions rise from there */

static void fill(uint8_t *page, uint32_t no, uint64_t version)
{
    block_format(page, dba_make(FILE_DATA, no), BLOCK_HEAP, 1, 1);
    block_header(page)->scn = version;
    memset(page + BLOCK_HEADER_SIZE, (int)(version & 0xff), BLOCK_BODY_SIZE);
    block_seal(page);
}

struct writer {
    struct dw *dw;
    struct files *files;
    uint32_t first; /* writes the blocks first, first + 5, ... */
};

static void write_round(struct writer *w, uint8_t *pages, uint64_t version)
{
    struct diag d;
    const void *block[BLOCKS / 5];
    uint32_t slot;
    for (uint32_t i = 0; i < BLOCKS / 5; i++) {
        uint8_t *page = pages + i * BLOCK_SIZE;
        fill(page, w->first + 5 * i, version);
        block[i] = page;
    }
    CHECK_OK(dw_write_batch(w->dw, block, BLOCKS / 5, &slot, &d), &d);
    for (uint32_t i = 0; i < BLOCKS / 5; i++)
        CHECK_OK(files_write(w->files, dba_make(FILE_DATA, w->first + 5 * i), block[i], &d), &d);
    CHECK_OK(files_sync(w->files, FILE_DATA, &d), &d);
    dw_done(w->dw, slot);
    for (uint32_t i = 0; i < BLOCKS / 5; i++)
        written[w->first + 5 * i] = version;
}

static void writer(void *arg)
{
    struct writer *w = arg;
    uint8_t *pages = rt_alloc_aligned(BLOCKS / 5 * BLOCK_SIZE);
    for (uint64_t version = newest + 10;; version++)
        write_round(w, pages, version);
}

static void host(void *arg)
{
    struct diag d;
    struct dw *dw = NULL;
    struct files *files = NULL;
    CHECK_OK(files_open("/db", false, &files, &d), &d);
    CHECK_OK(dw_open("/db", 1, &dw, &d), &d);
    for (uint32_t i = 0; i < 5; i++) { /* one more than there are slots */
        struct writer *w = calloc(1, sizeof(*w));
        *w = (struct writer){ dw, files, i };
        const struct rt_spawn_options so = { .name = "writer", .worker = RT_WORKER_ANY };
        rt_detach(rt_spawn(&so, writer, w));
    }
}

struct scan {
    uint64_t best[BLOCKS];
};

static enum err note_copy(void *arg, struct dba dba, const void *block, struct diag *d)
{
    struct scan *s = arg;
    CHECK(dba_block(dba) < BLOCKS);
    CHECK_OK(block_verify(block, dba, d), d);
    s->best[dba_block(dba)] = MAX(s->best[dba_block(dba)], block_scn(block));
    return ERR_OK;
}

static unsigned torn_seen;

static void story(void *arg)
{
    struct diag d;
    struct files *files = NULL;
    uint8_t *page = rt_alloc_aligned(BLOCK_SIZE);
    memset(written, 0, sizeof(written));
    newest = 0;
    CHECK_OK(control_create("/db", "test", &d), &d);
    CHECK_OK(files_open("/db", false, &files, &d), &d);
    CHECK_OK(files_create(files, FILE_DATA, BLOCKS, &d), &d);
    struct scan none = { { 0 } };
    CHECK_OK(dw_scan("/db", 1, note_copy, &none, &d), &d); /* there is no area yet */
    for (int round = 0; round < 4; round++) {
        sim_host_start(sim_self(), 1, host, NULL);
        rt_sleep(RT_MS(5) + rt_random() % RT_MS(30));
        sim_power_loss(sim_self());
        struct scan s = { { 0 } };
        CHECK_OK(dw_scan("/db", 1, note_copy, &s, &d), &d);
        for (uint32_t i = 0; i < BLOCKS; i++) {
            CHECK_OK(files_read(files, dba_make(FILE_DATA, i), page, &d), &d);
            const bool whole = block_verify(page, dba_make(FILE_DATA, i), &d) == ERR_OK;
            torn_seen += !whole;
            const uint64_t version = whole ? block_scn(page) : s.best[i];
            CHECK(version >= written[i]);
            CHECK(version > 0 || written[i] == 0);
            if (!whole) { /* what recovery does */
                fill(page, i, version);
                CHECK_OK(files_write(files, dba_make(FILE_DATA, i), page, &d), &d);
            }
            written[i] = version;
        }
        CHECK_OK(files_sync(files, FILE_DATA, &d), &d);
        for (uint32_t i = 0; i < BLOCKS; i++)
            newest = MAX(newest, written[i]);
    }
    files_close(files);
    rt_free_aligned(page, BLOCK_SIZE);
}

static void a_torn_block_has_a_copy(void **state)
{
    torn_seen = 0;
    for (uint64_t seed = 1; seed <= 15; seed++)
        simulate_with(seed, seed % 3 == 0, 0, story, NULL);
    assert_true(torn_seen > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_torn_block_has_a_copy) };
    return cmocka_run_group_tests_name("storage/dw", tests, NULL, NULL);
}
