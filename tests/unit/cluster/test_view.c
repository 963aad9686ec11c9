/*
 * The membership protocol as transcripts: a few machines, messages first in
 * first out, every action a line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cluster/core/view.h"

#define NODES 4u
#define QUEUE 512u

struct message {
    node_no from, to;
    enum view_event_type type;
    enum view_step step;
    epoch_t epoch;
    struct cluster_view view;
};

struct rig {
    struct view_core *core[NODES + 1];
    struct cluster_member member[NODES + 1];
    bool dead[NODES + 1];
    struct message *queue;
    uint32_t head, tail;
    struct buf text;
    bool hold_writes; /* epochs are not confirmed */
    bool quiet;
};

static void say(struct rig *r, const char *fmt, ...) PRINTF(2, 3);
static void say(struct rig *r, const char *fmt, ...)
{
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (!r->quiet)
        buf_put_str(&r->text, line);
}

static void feed(struct rig *r, node_no n, struct view_event ev);

static void send_message(struct rig *r, node_no from, const struct view_action *a, enum view_event_type type)
{
    struct message *m = &r->queue[r->tail++ % QUEUE];
    *m = (struct message){ from, a->to, type, a->step, a->epoch, { 0 } };
    if (type == VIEW_EV_STEP) {
        m->view = *view_target(r->core[from]);
        m->view.epoch = a->epoch;
    }
}

static void say_view(struct rig *r, const struct cluster_view *v)
{
    say(r, " {");
    for (uint32_t i = 0; i < v->n; i++)
        say(r, "%s%u", i > 0 ? " " : "", v->m[i].node);
    say(r, "}");
}

static void act(struct rig *r, node_no n, const struct view_action *a)
{
    switch (a->type) {
    case VIEW_DO_WRITE_EPOCH:
        say(r, "%u writes epoch %" PRIu64 "\n", n, a->epoch);
        if (!r->hold_writes)
            feed(r, n, (struct view_event){ .type = VIEW_EV_EPOCH_WRITTEN, .epoch = a->epoch });
        break;
    case VIEW_DO_SEND_STEP:
        send_message(r, n, a, VIEW_EV_STEP);
        break;
    case VIEW_DO_SEND_DONE:
        send_message(r, n, a, VIEW_EV_DONE);
        break;
    case VIEW_DO_RUN:
        say(r, "%u %s %" PRIu64, n, view_step_name(a->step), a->epoch);
        if (a->step == VIEW_INSTALL)
            say_view(r, view_target(r->core[n]));
        say(r, "\n");
        feed(r, n, (struct view_event){ .type = VIEW_EV_RAN, .step = a->step, .epoch = a->epoch });
        break;
    case VIEW_DO_JOINED:
        say(r, "%u is open\n", n);
        break;
    case VIEW_DO_LEFT:
        say(r, "%u has left\n", n);
        break;
    case VIEW_DO_FATAL:
        say(r, "%u stops: %s\n", n, view_fatal_text(r->core[n]));
        break;
    }
}

static void feed(struct rig *r, node_no n, struct view_event ev)
{
    struct view_output *out = malloc(sizeof(*out));
    view_step(r->core[n], &ev, out);
    for (uint32_t i = 0; i < out->n; i++)
        act(r, n, &out->a[i]);
    free(out);
}

static bool deliver_one(struct rig *r)
{
    if (r->head == r->tail)
        return false;
    struct message *m = &r->queue[r->head++ % QUEUE];
    if (r->dead[m->to] || r->dead[m->from])
        return true;
    struct view_event ev = { .type = m->type, .from = m->from, .step = m->step, .epoch = m->epoch, .view = &m->view };
    ev.incarnation = r->member[m->from].incarnation;
    feed(r, m->to, ev);
    return true;
}

static void deliver_all(struct rig *r)
{
    while (deliver_one(r))
        ;
}

/* Until the next line of that text has been said. */
static void deliver_until(struct rig *r, const char *line)
{
    for (;;) {
        buf_put(&r->text, "", 1);
        r->text.len--;
        if (strstr((const char *)r->text.p, line) != NULL)
            return;
        if (!deliver_one(r))
            fail_msg("\"%s\" was never said; so far:\n%s", line, (const char *)r->text.p);
    }
}

static void start(struct rig *r, node_no n, incarnation_t incarnation)
{
    r->member[n] = (struct cluster_member){ .node = n, .incarnation = incarnation, .redo_thread = n };
    snprintf(r->member[n].name, sizeof(r->member[n].name), "n%u", n);
    view_free(r->core[n]);
    r->core[n] = view_new(&r->member[n]);
    r->dead[n] = false;
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->queue = calloc(QUEUE, sizeof(*r->queue));
    buf_init(&r->text);
    for (unsigned n = 1; n <= NODES; n++)
        start(r, (node_no)n, 100 + n);
    return r;
}

static void rig_free(struct rig *r)
{
    for (unsigned n = 1; n <= NODES; n++)
        view_free(r->core[n]);
    buf_fini(&r->text);
    free(r->queue);
    free(r);
}

static void ask_join(struct rig *r, node_no to, node_no who)
{
    feed(r, to, (struct view_event){ .type = VIEW_EV_JOIN, .from = who, .incarnation = r->member[who].incarnation, .member = &r->member[who] });
}

static void all_hear_all(struct rig *r, node_no at)
{
    for (unsigned n = 1; n <= NODES; n++)
        feed(r, at, (struct view_event){ .type = VIEW_EV_HEARS, .from = (node_no)n, .incarnation = r->member[n].incarnation, .heard = 0xf });
}

static void ask_leave(struct rig *r, node_no to, node_no who)
{
    feed(r, to, (struct view_event){ .type = VIEW_EV_LEAVE, .from = who, .incarnation = r->member[who].incarnation });
}

static void failed(struct rig *r, node_no at, node_no who)
{
    feed(r, at, (struct view_event){ .type = VIEW_EV_FAILED, .from = who, .incarnation = r->member[who].incarnation, .text = "silence" });
}

/* A cluster of the nodes 1..n, all open. */
static void build(struct rig *r, node_no n)
{
    r->quiet = true;
    feed(r, 1, (struct view_event){ .type = VIEW_EV_FORM, .epoch = 4 });
    deliver_all(r);
    for (node_no j = 2; j <= n; j++) {
        all_hear_all(r, 1);
        ask_join(r, 1, j);
        feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
        deliver_all(r);
    }
    r->quiet = false;
}

static void expect(struct rig *r, const char *text)
{
    buf_put(&r->text, "", 1);
    if (strcmp((const char *)r->text.p, text) != 0)
        fail_msg("got:\n%s\nexpected:\n%s", (const char *)r->text.p, text);
    buf_reset(&r->text);
}

static void the_first_node_forms(void **state)
{
    struct rig *r = rig_new();
    feed(r, 1, (struct view_event){ .type = VIEW_EV_FORM, .epoch = 4 });
    deliver_all(r);
    expect(r, "1 writes epoch 5\n"
              "1 FREEZE 5\n"
              "1 INSTALL 5 {1}\n"
              "1 DECLARE 5\n"
              "1 OPEN 5\n"
              "1 is open\n");
    rig_free(r);
}

/* V1 */
static void no_epoch_is_used_before_it_is_durable(void **state)
{
    struct rig *r = rig_new();
    r->hold_writes = true;
    feed(r, 1, (struct view_event){ .type = VIEW_EV_FORM, .epoch = 4 });
    feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
    deliver_all(r);
    expect(r, "1 writes epoch 5\n");
    feed(r, 1, (struct view_event){ .type = VIEW_EV_EPOCH_WRITTEN, .epoch = 5 });
    deliver_until(r, "1 is open");
    rig_free(r);
}

/* V5 */
static void a_joiner_waits_until_all_hear_it(void **state)
{
    struct rig *r = rig_new();
    build(r, 2);
    feed(r, 1, (struct view_event){ .type = VIEW_EV_HEARS, .from = 2, .incarnation = 102, .heard = 0x3 });
    feed(r, 1, (struct view_event){ .type = VIEW_EV_HEARS, .from = 3, .incarnation = 103, .heard = 0x7 });
    ask_join(r, 1, 3);
    feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
    deliver_all(r);
    expect(r, "");
    char text[200];
    view_waits_for(r->core[1], text, sizeof(text));
    assert_string_equal(text, "node 3 wants to join, but not all members hear it yet");
    feed(r, 1, (struct view_event){ .type = VIEW_EV_HEARS, .from = 2, .incarnation = 102, .heard = 0x7 });
    deliver_all(r);
    expect(r, "1 writes epoch 7\n"
              "1 FREEZE 7\n"
              "2 FREEZE 7\n"
              "3 FREEZE 7\n"
              "1 INSTALL 7 {1 2 3}\n"
              "2 INSTALL 7 {1 2 3}\n"
              "3 INSTALL 7 {1 2 3}\n"
              "1 DECLARE 7\n"
              "2 DECLARE 7\n"
              "3 DECLARE 7\n"
              "1 OPEN 7\n"
              "1 is open\n"
              "2 OPEN 7\n"
              "2 is open\n"
              "3 OPEN 7\n"
              "3 is open\n");
    rig_free(r);
}

static void a_member_leaves(void **state)
{
    struct rig *r = rig_new();
    build(r, 3);
    ask_leave(r, 1, 2);
    deliver_all(r);
    expect(r, "1 writes epoch 8\n"
              "1 FREEZE 8\n"
              "2 FREEZE 8\n"
              "3 FREEZE 8\n"
              "1 INSTALL 8 {1 3}\n"
              "3 INSTALL 8 {1 3}\n"
              "2 has left\n"
              "1 DECLARE 8\n"
              "3 DECLARE 8\n"
              "1 OPEN 8\n"
              "1 is open\n"
              "3 OPEN 8\n"
              "3 is open\n");
    rig_free(r);
}

/* V2: the old coordinator leads itself out; the next one has waited. */
static void the_coordinator_leaves(void **state)
{
    struct rig *r = rig_new();
    build(r, 3);
    for (node_no n = 1; n <= 3; n++) {
        all_hear_all(r, n);
        ask_join(r, n, 4);
    }
    deliver_all(r);
    buf_reset(&r->text);
    for (node_no n = 1; n <= 4; n++) {
        ask_leave(r, n, 1);
        ask_leave(r, n, 3);
    }
    deliver_all(r);
    expect(r, "1 writes epoch 9\n"
              "1 FREEZE 9\n"
              "2 FREEZE 9\n"
              "3 FREEZE 9\n"
              "4 FREEZE 9\n"
              "2 INSTALL 9 {2 3 4}\n"
              "3 INSTALL 9 {2 3 4}\n"
              "4 INSTALL 9 {2 3 4}\n"
              "2 DECLARE 9\n"
              "3 DECLARE 9\n"
              "4 DECLARE 9\n"
              "2 OPEN 9\n"
              "2 is open\n"
              "2 writes epoch 10\n"
              "3 OPEN 9\n"
              "3 is open\n"
              "4 OPEN 9\n"
              "4 is open\n"
              "2 FREEZE 10\n"
              "3 FREEZE 10\n"
              "4 FREEZE 10\n"
              "1 has left\n"
              "2 INSTALL 10 {2 4}\n"
              "4 INSTALL 10 {2 4}\n"
              "3 has left\n"
              "2 DECLARE 10\n"
              "4 DECLARE 10\n"
              "2 OPEN 10\n"
              "2 is open\n"
              "4 OPEN 10\n"
              "4 is open\n");
    rig_free(r);
}

static void the_last_one_leaves(void **state)
{
    struct rig *r = rig_new();
    build(r, 2);
    for (node_no n = 1; n <= 2; n++)
        for (node_no who = 1; who <= 2; who++)
            ask_leave(r, n, who);
    deliver_all(r);
    expect(r, "1 writes epoch 7\n"
              "1 FREEZE 7\n"
              "2 FREEZE 7\n"
              "2 INSTALL 7 {2}\n"
              "2 DECLARE 7\n"
              "2 OPEN 7\n"
              "2 is open\n"
              "2 has left\n"
              "1 has left\n");
    rig_free(r);
}

/* V3 */
static void a_joiner_dies_in_each_step(void **state)
{
    static const char *const until[] = { "3 FREEZE 7", "3 INSTALL 7", "3 DECLARE 7" };
    for (size_t i = 0; i < ARRAY_LEN(until); i++) {
        struct rig *r = rig_new();
        build(r, 2);
        all_hear_all(r, 1);
        ask_join(r, 1, 3);
        deliver_until(r, until[i]);
        r->dead[3] = true;
        buf_reset(&r->text);
        failed(r, 2, 3); /* who does not lead waits for who does */
        failed(r, 1, 3);
        deliver_all(r);
        expect(r, "1 writes epoch 8\n"
                  "1 FREEZE 8\n"
                  "2 FREEZE 8\n"
                  "1 INSTALL 8 {1 2}\n"
                  "2 INSTALL 8 {1 2}\n"
                  "1 DECLARE 8\n"
                  "2 DECLARE 8\n"
                  "1 OPEN 8\n"
                  "1 is open\n"
                  "2 OPEN 8\n"
                  "2 is open\n");
        start(r, 3, 303); /* it comes back */
        all_hear_all(r, 1);
        ask_join(r, 1, 3);
        deliver_until(r, "3 is open");
        rig_free(r);
    }
}

static void a_member_dies(void **state)
{
    struct rig *r = rig_new();
    build(r, 3);
    failed(r, 2, 3);
    failed(r, 2, 3);
    expect(r, "2 stops: node \"n3\" (number 3) has failed: silence\n");
    rig_free(r);
}

/* V4 */
static void a_member_comes_back_before_its_death_was_noticed(void **state)
{
    struct rig *r = rig_new();
    build(r, 2);
    start(r, 2, 202);
    all_hear_all(r, 1);
    ask_join(r, 1, 2);
    expect(r, "1 stops: node \"n2\" (number 2) has been started again without having left the cluster\n");
    rig_free(r);
}

static void a_leaver_that_dies_has_left(void **state)
{
    struct rig *r = rig_new();
    build(r, 3);
    for (node_no n = 1; n <= 3; n++)
        ask_leave(r, n, 2);
    r->dead[2] = true;
    failed(r, 3, 2);
    failed(r, 1, 2);
    deliver_all(r);
    expect(r, "1 writes epoch 8\n"
              "1 FREEZE 8\n"
              "3 FREEZE 8\n"
              "1 INSTALL 8 {1 3}\n"
              "3 INSTALL 8 {1 3}\n"
              "1 DECLARE 8\n"
              "3 DECLARE 8\n"
              "1 OPEN 8\n"
              "1 is open\n"
              "3 OPEN 8\n"
              "3 is open\n");
    rig_free(r);
}

/* In each step of a change for somebody else. */
static void a_leaver_that_dies_during_another_change(void **state)
{
    static const char *const steps[] = { "1 FREEZE 9", "1 INSTALL 9", "1 DECLARE 9", "1 OPEN 9" };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct rig *r = rig_new();
        build(r, 4);
        for (node_no n = 1; n <= 4; n++)
            ask_leave(r, n, 4);
        deliver_until(r, steps[i]);
        for (node_no n = 1; n <= 3; n++)
            ask_leave(r, n, 3);
        r->dead[3] = true;
        for (int report = 0; report < 4; report++) {
            failed(r, 2, 3);
            failed(r, 1, 3);
            feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
            deliver_all(r);
        }
        for (node_no n = 1; n <= 2; n++) {
            assert_int_equal(view_installed(r->core[n])->n, 2);
            assert_false(view_is_changing(r->core[n]));
            assert_string_equal(view_fatal_text(r->core[n]), "");
        }
        deliver_until(r, "4 has left");
        rig_free(r);
    }
}

static void a_coordinator_that_dies_before_it_leads_its_leave(void **state)
{
    struct rig *r = rig_new();
    build(r, 3);
    ask_leave(r, 2, 1);
    ask_leave(r, 3, 1);
    r->dead[1] = true;
    failed(r, 2, 1);
    expect(r, "2 stops: node 1 has failed before it could lead the change that it wanted to leave with: silence\n");
    rig_free(r);
}

/* Any message may be lost: the tick repeats it. Duplicates change nothing. */
static void lost_messages_are_repeated(void **state)
{
    for (uint32_t lose = 0; lose < 16; lose++) {
        struct rig *r = rig_new();
        build(r, 2);
        all_hear_all(r, 1);
        ask_join(r, 1, 3);
        for (uint32_t i = 0; i < lose; i++)
            (void)deliver_one(r);
        r->head++; /* this one */
        deliver_all(r);
        for (int tick = 0; tick < 3; tick++) {
            feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
            feed(r, 1, (struct view_event){ .type = VIEW_EV_TICK });
            deliver_all(r);
        }
        deliver_until(r, "3 is open");
        assert_int_equal(view_installed(r->core[3])->epoch, 7);
        for (node_no n = 1; n <= 3; n++)
            assert_false(view_is_changing(r->core[n]));
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_node_forms),
        cmocka_unit_test(no_epoch_is_used_before_it_is_durable),
        cmocka_unit_test(a_joiner_waits_until_all_hear_it),
        cmocka_unit_test(a_member_leaves),
        cmocka_unit_test(the_coordinator_leaves),
        cmocka_unit_test(the_last_one_leaves),
        cmocka_unit_test(a_joiner_dies_in_each_step),
        cmocka_unit_test(a_member_dies),
        cmocka_unit_test(a_member_comes_back_before_its_death_was_noticed),
        cmocka_unit_test(a_leaver_that_dies_has_left),
        cmocka_unit_test(a_leaver_that_dies_during_another_change),
        cmocka_unit_test(a_coordinator_that_dies_before_it_leads_its_leave),
        cmocka_unit_test(lost_messages_are_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
