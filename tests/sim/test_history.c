/*
 * The checker of histories sees each anomaly when it is planted, and none
 * where there is none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "history.h"

/* A transaction in one piece: times, then what it does. */
struct story {
    struct history *h;
    uint32_t txn, stmt;
    uint64_t end;
};

static struct story begin_at(struct history *h, enum history_level level, uint64_t began, uint64_t ended)
{
    return (struct story){ h, history_begin(h, level, began), 0, ended };
}

static struct story snapshot_txn(struct history *h, uint64_t began, uint64_t ended) { return begin_at(h, HISTORY_SNAPSHOT, began, ended); }
static struct story statement_txn(struct history *h, uint64_t began, uint64_t ended) { return begin_at(h, HISTORY_STATEMENT, began, ended); }
static void appends(struct story *s, uint32_t key, uint32_t value) { history_append(s->h, s->txn, key, value); }
static void reads_between(struct story *s, uint32_t key, const char *list, uint64_t from, uint64_t to)
{
    history_read(s->h, s->txn, s->stmt++, from, to, key, list);
}
static void reads(struct story *s, uint32_t key, const char *list) { reads_between(s, key, list, s->end - 1, s->end); }
static void commits(struct story *s) { history_end(s->h, s->txn, HISTORY_COMMITTED, s->end); }
static void aborts(struct story *s) { history_end(s->h, s->txn, HISTORY_ABORTED, s->end); }

static void finally(struct history *h, uint64_t at, const char *list0, const char *list1)
{
    struct story last = snapshot_txn(h, at, at + 1);
    history_read(h, last.txn, 0, at, at + 1, 0, list0);
    history_read(h, last.txn, 0, at, at + 1, 1, list1);
    commits(&last);
}

static void assert_says(struct history *h, const char *expected)
{
    const char *verdict = history_check(h, false);
    assert_non_null(verdict);
    if (strstr(verdict, expected) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", verdict, expected);
    history_free(h);
}

static void assert_fine(struct history *h, bool serializable)
{
    const char *verdict = history_check(h, serializable);
    if (verdict != NULL)
        fail_msg("%s", verdict);
    history_free(h);
}

static void a_plain_history_is_fine(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), b = snapshot_txn(h, 20, 30), c = statement_txn(h, 5, 40);
    appends(&a, 0, 1);
    appends(&a, 1, 2);
    appends(&b, 0, 3);
    reads(&b, 1, "2,");
    reads(&b, 0, "1,3,");
    reads_between(&c, 0, "", 6, 7);
    reads_between(&c, 0, "1,", 11, 12);
    appends(&c, 1, 4);
    reads_between(&c, 1, "2,4,", 35, 36);
    commits(&a);
    commits(&b);
    commits(&c);
    finally(h, 50, "1,3,", "2,4,");
    assert_fine(h, true);
}

static void a_lost_update_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), b = snapshot_txn(h, 2, 11), r = snapshot_txn(h, 12, 13);
    appends(&a, 0, 1);
    appends(&b, 0, 2);
    reads(&r, 0, "1,");
    commits(&a);
    commits(&b);
    commits(&r);
    finally(h, 20, "2,", "");
    assert_says(h, "is not in list 0");
}

static void two_orders_of_versions_are_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), b = snapshot_txn(h, 2, 11), r = snapshot_txn(h, 12, 13);
    appends(&a, 0, 1);
    appends(&b, 0, 2);
    reads(&r, 0, "2,");
    commits(&a);
    commits(&b);
    commits(&r);
    finally(h, 20, "1,2,", "");
    assert_says(h, "an update was lost");
}

static void an_acknowledged_append_that_is_gone_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10);
    appends(&a, 0, 1);
    commits(&a);
    finally(h, 20, "", "");
    assert_says(h, "is committed and its 1 is not in list 0");
}

static void an_aborted_read_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), r = snapshot_txn(h, 5, 6);
    appends(&a, 0, 1);
    reads(&r, 0, "1,");
    aborts(&a);
    commits(&r);
    finally(h, 20, "", "");
    assert_says(h, "rolled back");
}

static void an_intermediate_read_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), r = snapshot_txn(h, 5, 6);
    appends(&a, 0, 1);
    appends(&a, 0, 2);
    reads(&r, 0, "1,");
    commits(&a);
    commits(&r);
    finally(h, 20, "1,2,", "");
    assert_says(h, "in the middle");
}

static void half_a_transaction_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10);
    appends(&a, 0, 1);
    appends(&a, 1, 2);
    history_end(h, a.txn, HISTORY_UNKNOWN, 10);
    finally(h, 20, "1,", "");
    assert_says(h, "is not in list 1");
}

static void a_torn_snapshot_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), r = snapshot_txn(h, 5, 15);
    appends(&a, 0, 1);
    appends(&a, 1, 2);
    reads(&r, 0, "1,");
    reads(&r, 1, "");
    commits(&a);
    commits(&r);
    finally(h, 20, "1,", "2,");
    assert_says(h, "cycle");
}

static void a_stale_read_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), r = statement_txn(h, 11, 13);
    appends(&a, 0, 1);
    reads_between(&r, 0, "", 12, 13);
    commits(&a);
    commits(&r);
    finally(h, 20, "1,", "");
    assert_says(h, "cycle");
}

/* R2: what a reader has seen, later readers see, even before the writer's client has heard of it. */
static void a_commit_seen_and_then_not_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 100), r1 = statement_txn(h, 10, 11), r2 = statement_txn(h, 20, 21);
    appends(&a, 0, 1);
    reads_between(&r1, 0, "1,", 10, 11);
    reads_between(&r2, 0, "", 20, 21);
    commits(&a);
    commits(&r1);
    commits(&r2);
    finally(h, 200, "1,", "");
    assert_says(h, "cycle");
}

/* Two readers see two commits in different orders. */
static void a_long_fork_is_seen(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 50), b = snapshot_txn(h, 1, 50), r1 = snapshot_txn(h, 2, 50), r2 = snapshot_txn(h, 2, 50);
    appends(&a, 0, 1);
    appends(&b, 1, 2);
    reads(&r1, 0, "1,");
    reads(&r1, 1, "");
    reads(&r2, 0, "");
    reads(&r2, 1, "2,");
    commits(&a);
    commits(&b);
    commits(&r1);
    commits(&r2);
    finally(h, 100, "1,", "2,");
    assert_says(h, "cycle");
}

static struct history *write_skew(void)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10), b = snapshot_txn(h, 2, 11);
    reads(&a, 0, "");
    reads(&b, 1, "");
    appends(&a, 1, 1);
    appends(&b, 0, 2);
    commits(&a);
    commits(&b);
    finally(h, 20, "2,", "1,");
    return h;
}

static void write_skew_is_allowed_by_snapshots_alone(void **state)
{
    assert_fine(write_skew(), false);
    struct history *h = write_skew();
    assert_non_null(history_check(h, true));
    history_free(h);
}

static void a_value_of_nobody_and_twice_the_same_are_seen(void **state)
{
    struct history *h = history_new(2);
    finally(h, 20, "7,", "");
    assert_says(h, "nobody");
    h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10);
    appends(&a, 0, 1);
    commits(&a);
    finally(h, 20, "1,1,", "");
    assert_says(h, "twice");
}

static void own_appends_must_be_read(void **state)
{
    struct history *h = history_new(2);
    struct story a = snapshot_txn(h, 1, 10);
    appends(&a, 0, 1);
    reads(&a, 0, "");
    commits(&a);
    finally(h, 20, "1,", "");
    assert_says(h, "read 0 of them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_history_is_fine),
        cmocka_unit_test(a_lost_update_is_seen),
        cmocka_unit_test(two_orders_of_versions_are_seen),
        cmocka_unit_test(an_acknowledged_append_that_is_gone_is_seen),
        cmocka_unit_test(an_aborted_read_is_seen),
        cmocka_unit_test(an_intermediate_read_is_seen),
        cmocka_unit_test(half_a_transaction_is_seen),
        cmocka_unit_test(a_torn_snapshot_is_seen),
        cmocka_unit_test(a_stale_read_is_seen),
        cmocka_unit_test(a_commit_seen_and_then_not_is_seen),
        cmocka_unit_test(a_long_fork_is_seen),
        cmocka_unit_test(write_skew_is_allowed_by_snapshots_alone),
        cmocka_unit_test(a_value_of_nobody_and_twice_the_same_are_seen),
        cmocka_unit_test(own_appends_must_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
