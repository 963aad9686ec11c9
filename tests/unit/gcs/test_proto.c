/*
 * Messages that a sound peer never sends: by themselves, to a holder, to a master. Nothing is done then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gcs/core/holder.h"
#include "gcs/core/master.h"

#define SELF 2u

static void expect(struct gcs_msg m, node_no from, bool has_block, const char *fault)
{
    m.dba = dba_make(1, 7);
    const char *said = gcs_msg_fault(&m, from, SELF, has_block);
    assert_string_equal(said != NULL ? said : "sound", fault != NULL ? fault : "sound");
}

static void by_themselves(void **state)
{
    expect((struct gcs_msg){ .type = GCS_T_REQ, .mode = GCS_X }, 1, false, NULL);
    expect((struct gcs_msg){ .type = GCS_T_REQ, .mode = GCS_N }, 1, false, "a mode that it cannot have");
    expect((struct gcs_msg){ .type = GCS_T_REQ, .mode = 77 }, 1, false, "a mode that it cannot have");
    expect((struct gcs_msg){ .type = GCS_TYPE_COUNT }, 1, false, "unknown type");
    expect((struct gcs_msg){ .type = GCS_T_GRANT, .mode = GCS_S, .flags = GCS_F_HELD }, 1, false, NULL);
    expect((struct gcs_msg){ .type = GCS_T_GRANT, .mode = GCS_S, .flags = GCS_F_DIRTY }, 1, false, "a flag that it cannot have");
    expect((struct gcs_msg){ .type = GCS_T_FWD_S, .node = 3 }, 1, false, NULL);
    const node_no impossible[] = { 0, SELF, NODES_MAX + 1, 255 };
    for (size_t i = 0; i < ARRAY_LEN(impossible); i++) {
        expect((struct gcs_msg){ .type = GCS_T_FWD_S, .node = impossible[i] }, 1, false, "a node that it cannot name");
        expect((struct gcs_msg){ .type = GCS_T_FWD_X, .node = impossible[i] }, 1, false, "a node that it cannot name");
        expect((struct gcs_msg){ .type = GCS_T_COPY_ASK, .node = impossible[i] }, 1, false, "a node that it cannot name");
    }
    expect((struct gcs_msg){ .type = GCS_T_DONE, .node = 0 }, 1, false, NULL);
    expect((struct gcs_msg){ .type = GCS_T_DONE, .node = NODES_MAX + 1 }, 1, false, "a node that it cannot name");
    expect((struct gcs_msg){ .type = GCS_T_WRITE_ASK, .node = 3 }, 1, false, "a node that it cannot name"); /* asks for itself */
    expect((struct gcs_msg){ .type = GCS_T_SHIP, .mode = GCS_S, .flags = GCS_F_BLOCK }, 1, true, NULL);
    expect((struct gcs_msg){ .type = GCS_T_SHIP, .mode = GCS_S, .flags = GCS_F_BLOCK }, 1, false, "a block that it should not have, or none");
    expect((struct gcs_msg){ .type = GCS_T_SHIP, .mode = GCS_S }, 1, false, "a block that it should not have, or none");
    expect((struct gcs_msg){ .type = GCS_T_COPY }, 1, false, NULL);
    expect((struct gcs_msg){ .type = GCS_T_COPY }, 1, true, "a block that it should not have, or none");
    const struct gcs_msg nowhere = { .type = GCS_T_EVICT };
    assert_string_equal(gcs_msg_fault(&nowhere, 1, SELF, false), "no block");
}

static void holder_says(struct gcs_holder h, struct gcs_msg m, const char *fault)
{
    const struct gcs_self me = { .self = SELF, .master = 1 };
    const struct gcs_holder before = h;
    struct gcs_out out;
    out.n = 0;
    const char *said = gcs_holder_recv(&h, &me, &m, 1, &out);
    assert_string_equal(said != NULL ? said : "sound", fault != NULL ? fault : "sound");
    assert_true(fault == NULL || (out.n == 0 && memcmp(&h, &before, sizeof(h)) == 0));
}

static void to_a_holder(void **state)
{
    const struct gcs_holder nothing = { 0 };
    const struct gcs_holder wants_s = { .want = GCS_WANT_S }, wants_x = { .want = GCS_WANT_X };
    const struct gcs_holder reads = { .mode = GCS_S, .valid = true, .version = 5, .gno = 9 };
    struct gcs_holder h = reads;
    const struct gcs_msg ship_s = { .type = GCS_T_SHIP, .mode = GCS_S, .flags = GCS_F_BLOCK, .scn = 5, .gno = 1 };
    const struct gcs_msg ship_x = { .type = GCS_T_SHIP, .mode = GCS_X, .flags = GCS_F_BLOCK, .scn = 5, .gno = 1 };
    const struct gcs_msg grant_s = { .type = GCS_T_GRANT, .mode = GCS_S }, grant_x = { .type = GCS_T_GRANT, .mode = GCS_X };
    const struct gcs_msg clear = { .type = GCS_T_CLEAR, .gno = 1 };
    holder_says(nothing, ship_s, "not asked for");
    holder_says(wants_x, ship_s, "not asked for");
    holder_says(wants_s, ship_x, "not asked for");
    holder_says(wants_s, ship_s, NULL);
    holder_says(wants_s, grant_x, "not asked for");
    holder_says(nothing, grant_s, "not asked for");
    holder_says(wants_s, (struct gcs_msg){ .type = GCS_T_GRANT, .mode = GCS_S, .flags = GCS_F_HELD }, "not held");
    holder_says(nothing, clear, "not waited for");
    holder_says(wants_x, clear, NULL);
    h = wants_x;
    h.got = true;
    h.got_gno = 2;
    holder_says(h, clear, "not waited for");
    holder_says(h, ship_x, "it is here already");
    h = reads;
    h.want = GCS_WANT_X;
    h.version = 4;
    holder_says(h, ship_x, "another version than the one that is here");
    holder_says(nothing, (struct gcs_msg){ .type = GCS_T_PROMOTE, .scn = 3 }, "there is no such past image");
    holder_says(reads, (struct gcs_msg){ .type = GCS_T_FWD_X, .node = 3 }, "not owned here");
    h = reads;
    h.pins = 1;
    h.rv = GCS_RV_INVAL;
    holder_says(h, (struct gcs_msg){ .type = GCS_T_FWD_S, .node = 3 }, "another revocation is under way");
    holder_says(h, (struct gcs_msg){ .type = GCS_T_INVAL, .held = 9 }, "another revocation is under way");
    holder_says(nothing, (struct gcs_msg){ .type = GCS_T_DONE }, "not for a holder");
    holder_says(nothing, (struct gcs_msg){ .type = GCS_T_DECLARED }, "not for a holder");
}

static void master_says(struct gcs_master *m, const struct gcs_msg *msg, node_no from, const char *fault)
{
    uint64_t next_gno = 100;
    const struct gcs_master_env env = { .self = 1, .open = true, .next_gno = &next_gno };
    struct gcs_out out;
    out.n = 0;
    const char *said = gcs_master_recv(m, &env, msg, from, &out);
    assert_string_equal(said != NULL ? said : "sound", fault != NULL ? fault : "sound");
    assert_true(fault == NULL || out.n == 0);
}

static void to_a_master(void **state)
{
    struct gcs_master m;
    const struct gcs_msg req = { .type = GCS_T_REQ, .mode = GCS_X };
    const struct gcs_msg owns = { .type = GCS_T_DECLARE, .mode = GCS_XCUR, .held = 1 };
    gcs_master_init(&m, dba_make(1, 7));
    master_says(&m, &owns, 2, NULL);
    master_says(&m, &owns, 3, "another node has declared that it owns the block");
    master_says(&m, &req, 3, NULL); /* is forwarded to 2 */
    master_says(&m, &req, 3, "its last request has not been answered yet");
    master_says(&m, &req, 4, NULL);
    master_says(&m, &req, 4, "its last request has not been answered yet");
    master_says(&m, &owns, 2, "the view has opened already");
    master_says(&m, &(struct gcs_msg){ .type = GCS_T_NOHAVE, .gno = 100 }, 2, "it has the block: its EVICT would have come before");
    master_says(&m, &(struct gcs_msg){ .type = GCS_T_SHIP }, 2, "not for a master");
    master_says(&m, &(struct gcs_msg){ .type = GCS_T_DECLARED }, 2, "not for a master");
    gcs_master_fini(&m);
}

static void a_request_is_done_before_read_copies_are_gone(void **state)
{
    struct gcs_master m;
    const struct gcs_msg reads = { .type = GCS_T_DECLARE, .mode = GCS_S, .held = 1 }, req = { .type = GCS_T_REQ, .mode = GCS_X };
    const struct gcs_msg done = { .type = GCS_T_DONE, .gno = 100 }, ack = { .type = GCS_T_INVACK, .gno = 100 };
    gcs_master_init(&m, dba_make(1, 7));
    master_says(&m, &reads, 2, NULL);
    master_says(&m, &req, 3, NULL);
    master_says(&m, &done, 3, "not all read copies are gone yet");
    master_says(&m, &ack, 2, NULL);
    master_says(&m, &done, 3, NULL);
    gcs_master_fini(&m);
}

/* As many nodes as there can be, each with a past image and a read copy: more messages come of one step than nodes. */
static void a_step_about_all_nodes(void **state)
{
    struct gcs_master m;
    uint64_t next_gno = 100;
    const struct gcs_master_env env = { .self = 1, .open = true, .next_gno = &next_gno };
    struct gcs_out out;
    gcs_master_init(&m, dba_make(1, 7));
    for (node_no n = 1; n <= NODES_MAX; n++) {
        const struct gcs_msg holds = { .type = GCS_T_DECLARE, .mode = GCS_S, .held = n, .scn = n, .gno = NODES_MAX + 1 };
        const struct gcs_master_env closed = { .self = 1, .next_gno = &next_gno };
        out.n = 0;
        assert_null(gcs_master_recv(&m, &closed, &holds, n, &out));
    }
    const struct gcs_master_env closed = { .self = 1, .next_gno = &next_gno };
    const struct gcs_msg req = { .type = GCS_T_REQ, .mode = GCS_X };
    out.n = 0;
    assert_null(gcs_master_recv(&m, &closed, &req, 1, &out));
    gcs_master_open(&m, &env, &out);
    assert_int_equal(out.n, NODES_MAX + NODES_MAX - 1);
    gcs_master_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_themselves),
        cmocka_unit_test(to_a_holder),
        cmocka_unit_test(to_a_master),
        cmocka_unit_test(a_request_is_done_before_read_copies_are_gone),
        cmocka_unit_test(a_step_about_all_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
