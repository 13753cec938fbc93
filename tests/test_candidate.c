/* test_candidate.c: a candidate decides for the same devices everywhere, as many as its share says, and is judged by
 * its rule.
 */
#include "candidate.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

enum { DEVICES = 10000 };

static size_t name_device(char *name, size_t size, const char *form, int i)
{
    return (size_t)snprintf(name, size, form, i);
}

static int count_decided(double share, const char *form)
{
    int n = 0;
    char name[64];
    for (int i = 0; i < DEVICES; i++)
        n += candidate_decides(share, name, name_device(name, sizeof name, form, i));
    return n;
}

/* Within four standard deviations of a binomial's mean; the names differ at the end, at the front, or hardly. */
static void a_share_of_devices_is_about_that_many(void **state)
{
    (void)state;
    static const char *const forms[] = {"pump-%d", "%d", "%08x.line-3.example.com", "a%db"};
    static const struct {
        double share;
        int slack;
    } shares[] = {{0.01, 40}, {0.1, 120}, {0.5, 200}, {0.9, 120}};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            const int n = count_decided(shares[j].share, forms[i]), mean = (int)(shares[j].share * DEVICES);
            if (n < mean - shares[j].slack || n > mean + shares[j].slack)
                fail_msg("%d of %d devices like %s for a share of %g", n, DEVICES, forms[i], shares[j].share);
        }
}

static void no_share_is_no_device_and_all_is_each(void **state)
{
    (void)state;
    assert_int_equal(count_decided(0, "pump-%d"), 0);
    assert_int_equal(count_decided(1, "pump-%d"), DEVICES);
}

static void a_larger_share_has_the_devices_of_a_smaller_one(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < DEVICES; i++) {
        const size_t n = name_device(name, sizeof name, "edge-%d", i);
        assert_true(!candidate_decides(0.1, name, n) || candidate_decides(0.2, name, n));
    }
}

/* Written down: another hash would hand devices over at an upgrade. */
static void devices_are_the_same_in_every_release(void **state)
{
    (void)state;
    char decided[64] = "", name[16];
    for (int i = 0; i < 20; i++)
        strcat(decided, candidate_decides(0.25, name, name_device(name, sizeof name, "pump-%d", i)) ? "1" : "0");
    assert_string_equal(decided, "00100000011000010000");
}

/* --- the rule -------------------------------------------------------------------------------------------------- */

static enum candidate_judgement judged(uint64_t normal, uint64_t anomalous, uint64_t primary, uint64_t candidate)
{
    const struct candidate_rule rule = {.readings = 1000, .agreement = 0.99, .alarm_ratio = 2};
    const uint64_t counts[COMPARISONS] = {
        [BOTH_NORMAL] = normal, [BOTH_ANOMALOUS] = anomalous, [PRIMARY_ONLY] = primary, [CANDIDATE_ONLY] = candidate};
    char why[400] = "";
    const enum candidate_judgement judgement = candidate_judge(&rule, counts, why, sizeof why);
    assert_true((judgement == CANDIDATE_TRIED) == (why[0] == 0));
    return judgement;
}

static void a_candidate_is_judged_after_so_many_readings(void **state)
{
    (void)state;
    assert_int_equal(judged(999, 0, 0, 0), CANDIDATE_TRIED);
    assert_int_equal(judged(0, 0, 999, 0), CANDIDATE_TRIED);
    assert_int_equal(judged(1000, 0, 0, 0), CANDIDATE_PASSED);
    assert_int_equal(judged(0, 0, 1000, 0), CANDIDATE_FAILED);
}

static void without_readings_there_is_no_rule(void **state)
{
    (void)state;
    const struct candidate_rule rule = {.agreement = 0.99, .alarm_ratio = 2};
    const uint64_t counts[COMPARISONS] = {1000000, 1000000, 0, 0};
    char why[400];
    assert_int_equal(candidate_judge(&rule, counts, why, sizeof why), CANDIDATE_TRIED);
}

static void agreement_has_a_least(void **state)
{
    (void)state;
    assert_int_equal(judged(900, 90, 5, 5), CANDIDATE_PASSED); /* 0.99 of 1000 */
    assert_int_equal(judged(900, 89, 6, 5), CANDIDATE_FAILED);
}

static void alarms_are_neither_many_more_nor_many_fewer(void **state)
{
    (void)state;
    assert_int_equal(judged(9900, 4, 0, 5), CANDIDATE_PASSED); /* 10 to 5, one more each */
    assert_int_equal(judged(9900, 4, 0, 6), CANDIDATE_FAILED);
    assert_int_equal(judged(9900, 4, 5, 0), CANDIDATE_PASSED);
    assert_int_equal(judged(9900, 4, 6, 0), CANDIDATE_FAILED);
    assert_int_equal(judged(9900, 0, 0, 0), CANDIDATE_PASSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_devices_is_about_that_many),
        cmocka_unit_test(no_share_is_no_device_and_all_is_each),
        cmocka_unit_test(a_larger_share_has_the_devices_of_a_smaller_one),
        cmocka_unit_test(devices_are_the_same_in_every_release),
        cmocka_unit_test(a_candidate_is_judged_after_so_many_readings),
        cmocka_unit_test(without_readings_there_is_no_rule),
        cmocka_unit_test(agreement_has_a_least),
        cmocka_unit_test(alarms_are_neither_many_more_nor_many_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
