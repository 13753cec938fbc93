/* test_watch.c: a partition in which readings wait and none is dealt with is found out. */
#include "watch.h"

#include "support.h"

static void a_partition_in_which_nothing_moves_while_readings_wait_is_stalled(void **state)
{
    (void)state;
    struct watch *watch = watch_new(60);
    const struct watch_report first = watch_see(watch, 3, 10, 5, 0);
    assert_false(first.stalled || first.changed || first.moved);
    assert_false(watch_see(watch, 3, 10, 5, 59).stalled);
    const struct watch_report report = watch_see(watch, 3, 10, 5, 60);
    assert_true(report.stalled && report.changed && !report.moved);
    assert_int_equal(watch_stalled(watch), 1);
    assert_false(watch_see(watch, 3, 10, 5, 61).changed);
    const struct watch_report moved = watch_see(watch, 3, 11, 4, 62);
    assert_true(moved.moved && moved.changed && !moved.stalled);
    assert_int_equal(watch_stalled(watch), 0);
    watch_free(watch);
}

static void a_partition_without_readings_is_not(void **state)
{
    (void)state;
    struct watch *watch = watch_new(60);
    for (int now = 0; now < 1000; now += 10)
        assert_false(watch_see(watch, 0, 10, 0, now).stalled);
    assert_false(watch_see(watch, 0, 10, 1, 1000).stalled); /* the first that waits has waited for no time yet */
    assert_false(watch_see(watch, 0, -1, -1, 2000).stalled);
    watch_free(watch);
}

static void a_partition_of_which_nobody_knows_whether_readings_wait_is_after_as_long(void **state)
{
    (void)state;
    struct watch *watch = watch_new(60);
    assert_false(watch_see(watch, 0, -1, -1, 0).stalled); /* as when it has just come */
    assert_false(watch_see(watch, 0, -1, -1, 59).stalled);
    assert_true(watch_see(watch, 0, -1, -1, 60).stalled);
    assert_false(watch_see(watch, 0, -1, 0, 61).stalled);
    assert_false(watch_see(watch, 0, -1, -1, 120).stalled); /* nothing waited 59 s ago */
    assert_true(watch_see(watch, 0, -1, -1, 121).stalled);
    watch_free(watch);
}

static void each_partition_has_its_own_watchdog(void **state)
{
    (void)state;
    struct watch *watch = watch_new(60);
    for (int now = 0; now <= 60; now += 10) {
        assert_false(watch_see(watch, 0, now, 5, now).stalled);
        watch_see(watch, 7, 10, 5, now);
    }
    assert_int_equal(watch_stalled(watch), 1);
    watch_forget(watch, 7);
    watch_forget(watch, 8);
    assert_int_equal(watch_stalled(watch), 0);
    assert_false(watch_see(watch, 7, 10, 5, 61).stalled);
    watch_free(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_in_which_nothing_moves_while_readings_wait_is_stalled),
        cmocka_unit_test(a_partition_without_readings_is_not),
        cmocka_unit_test(a_partition_of_which_nobody_knows_whether_readings_wait_is_after_as_long),
        cmocka_unit_test(each_partition_has_its_own_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
