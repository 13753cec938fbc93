/* test_fleet.c: a fleet's readings are what was asked for, and the same for the same seed. */
#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reading.h"
#include "support.h"

#define READINGS 200000u

static struct fleet fleet_of(const struct fleet_options *options)
{
    struct fleet fleet;
    fleet_init(&fleet, options);
    return fleet;
}

static void the_same_seed_gives_the_same_readings(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    struct fleet a = fleet_of(&options), b = fleet_of(&options);
    options.seed = 2;
    struct fleet other = fleet_of(&options);
    size_t differ = 0;
    for (int i = 0; i < 1000; i++) {
        struct fleet_reading x, y, z;
        fleet_next(&a, &x);
        fleet_next(&b, &y);
        fleet_next(&other, &z);
        assert_int_equal(x.device, y.device);
        assert_int_equal(x.anomalous, y.anomalous);
        assert_memory_equal(x.features, y.features, 3 * sizeof *x.features);
        differ += x.features[0] != z.features[0];
    }
    assert_true(differ > 900);
}

static void the_share_of_anomalies_is_as_asked(void **state)
{
    (void)state;
    const double shares[] = {0, 0.08, 0.5, 1};
    for (size_t i = 0; i < 4; i++) {
        struct fleet_options options = fleet_defaults();
        options.anomalies = shares[i];
        struct fleet fleet = fleet_of(&options);
        size_t anomalies = 0;
        for (size_t n = 0; n < READINGS; n++) {
            struct fleet_reading reading;
            fleet_next(&fleet, &reading);
            anomalies += reading.anomalous;
        }
        /* Five standard deviations of a binomial share. */
        double bound = 5 * sqrt(shares[i] * (1 - shares[i]) / READINGS);
        assert_true(fabs((double)anomalies / READINGS - shares[i]) <= bound);
    }
}

/* Mean and deviation of each feature, and how much lies within one deviation, as the options say. */
static void expect_normals(const struct fleet_options *options, const struct fleet_normals *normals)
{
    struct fleet fleet = fleet_of(options);
    double sum[3] = {0}, squares[3] = {0}, within[3] = {0};
    for (size_t n = 0; n < READINGS; n++) {
        struct fleet_reading reading;
        fleet_next(&fleet, &reading);
        for (size_t i = 0; i < 3; i++) {
            double z = (reading.features[i] - normals->mean[i]) / normals->deviation[i];
            sum[i] += z;
            squares[i] += z * z;
            within[i] += fabs(z) < 1;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(sum[i] / READINGS) < 0.012);
        assert_true(fabs(squares[i] / READINGS - 1) < 0.016);
        assert_true(fabs(within[i] / READINGS - 0.682689) < 0.006);
    }
}

static void normal_readings_have_the_normal_distributions(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    options.anomalies = 0;
    expect_normals(&options, &options.normal);
}

static void anomalous_readings_have_the_anomalous_distributions(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    options.anomalies = 1;
    expect_normals(&options, &options.anomalous);
}

static void all_devices_take_part_equally(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    struct fleet fleet = fleet_of(&options);
    size_t counts[5] = {0};
    for (size_t n = 0; n < READINGS; n++) {
        struct fleet_reading reading;
        fleet_next(&fleet, &reading);
        assert_true(reading.device < 5);
        counts[reading.device]++;
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(fabs((double)counts[i] / READINGS - 0.2) < 0.005);
    char name[32];
    assert_int_equal(fleet_device_name(&fleet, 0, name, sizeof name), 6);
    assert_string_equal(name, "edge-1");
}

static void one_device_may_stand_alone(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    options.device = "pump \"7\"";
    struct fleet fleet = fleet_of(&options);
    struct fleet_reading reading;
    fleet_next(&fleet, &reading);
    char text[FLEET_READING_BYTES_MAX];
    assert_true(fleet_write(&fleet, &reading, 0, text, sizeof text) > 0);
    static const char begin[] = "{\"device_id\":\"pump \\\"7\\\"\",";
    assert_memory_equal(text, begin, strlen(begin));
}

static void a_written_reading_is_read_as_the_same(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    struct fleet fleet = fleet_of(&options);
    const struct reading_shape shape = {.width = 3, .bytes_max = FLEET_READING_BYTES_MAX};
    for (int i = 0; i < 10000; i++) {
        struct fleet_reading reading;
        struct reading again;
        double features[3];
        char text[FLEET_READING_BYTES_MAX], name[32], reason[100];
        fleet_next(&fleet, &reading);
        size_t n = fleet_write(&fleet, &reading, 1763800000.12345, text, sizeof text);
        assert_int_equal(n, strlen(text));
        assert_int_equal(reading_decode(text, n, &shape, &again, features, reason, sizeof reason), READING_GOOD);
        assert_memory_equal(features, reading.features, sizeof features);
        assert_true(again.ts == 1763800000.123);
        fleet_device_name(&fleet, reading.device, name, sizeof name);
        assert_string_equal(again.device_id, name);
    }
}

static void a_reading_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    struct fleet_options options = fleet_defaults();
    struct fleet fleet = fleet_of(&options);
    struct fleet_reading reading;
    fleet_next(&fleet, &reading);
    char text[FLEET_READING_BYTES_MAX];
    size_t n = fleet_write(&fleet, &reading, 1.5, text, sizeof text);
    for (size_t size = 0; size <= n; size++)
        assert_int_equal(fleet_write(&fleet, &reading, 1.5, text, size), 0);
    assert_int_equal(fleet_write(&fleet, &reading, 1.5, text, n + 1), n);
}

static void distributions_are_read_as_written(void **state)
{
    (void)state;
    char why[200] = "";
    struct fleet_normals normals;
    assert_true(fleet_read_normals(&normals, "-50:5,1e-3:0", why, sizeof why));
    assert_int_equal(normals.width, 2);
    assert_true(normals.mean[0] == -50 && normals.deviation[0] == 5 && normals.mean[1] == 0.001 &&
                normals.deviation[1] == 0);
}

static void wrong_distributions_are_refused_and_leave_what_was(void **state)
{
    (void)state;
    const char *const texts[] = {"", "50", "50:", ":5", "50:-5", "50:5,", "50:5;100:10", "x:5", "50:5:5", "nan:1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fleet_normals normals = {.width = 7};
        char why[200] = "";
        if (fleet_read_normals(&normals, texts[i], why, sizeof why))
            fail_msg("\"%s\" was taken", texts[i]);
        assert_true(*why != '\0');
        assert_int_equal(normals.width, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_readings),
        cmocka_unit_test(the_share_of_anomalies_is_as_asked),
        cmocka_unit_test(normal_readings_have_the_normal_distributions),
        cmocka_unit_test(anomalous_readings_have_the_anomalous_distributions),
        cmocka_unit_test(all_devices_take_part_equally),
        cmocka_unit_test(one_device_may_stand_alone),
        cmocka_unit_test(a_written_reading_is_read_as_the_same),
        cmocka_unit_test(a_reading_is_written_whole_or_not_at_all),
        cmocka_unit_test(distributions_are_read_as_written),
        cmocka_unit_test(wrong_distributions_are_refused_and_leave_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
