/* test_pump.c: the pump model's tests with cmocka, for who has his tests in C: test_pump MODEL NORMAL_WEEK.
 *
 *     cc -o test_pump test_pump.c -lcmocka -lalertron -lm
 *     ./test_pump pump.alertron normal_week.csv
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <alertron_cmocka.h>

#define WEEK_ROWS 1008 /* a reading every 10 minutes */
#define FEATURES 3

enum { TEMPERATURE, PRESSURE, VIBRATION };

static double week[WEEK_ROWS * FEATURES];

static void a_healthy_pump_does_not_alarm(void **state)
{
    assert_model_severity(*state, alertron_reading(50, 100, 0.5), ALERTRON_IS, ALERTRON_SEVERITY_NONE);
    assert_model_severity(*state, alertron_reading(52, 95, 0.55), ALERTRON_IS, ALERTRON_SEVERITY_NONE);
}

static void a_worn_bearing_is_an_anomaly(void **state)
{
    assert_model_severity(*state, alertron_reading(70, 140, 0.9), ALERTRON_AT_LEAST, ALERTRON_SEVERITY_MEDIUM);
}

static void a_normal_week_has_few_alarms(void **state)
{
    const alertron_rows rows = alertron_rows_of(week, WEEK_ROWS, FEATURES);
    assert_model_alarm_rate(*state, rows, ALERTRON_SEVERITY_LOW, ALERTRON_AT_MOST, 0.02);
    assert_model_alarm_rate(*state, rows, ALERTRON_SEVERITY_HIGH, ALERTRON_AT_MOST, 0.002);
}

static void hotter_is_never_healthier(void **state)
{
    assert_model_monotone(*state, alertron_reading(50, 100, 0.5), TEMPERATURE, ALERTRON_RISING);
    assert_model_monotone(*state, alertron_reading(50, 100, 0.5), VIBRATION, ALERTRON_RISING);
}

static void a_broken_pressure_sensor_alone_changes_nothing(void **state)
{
    assert_model_invariant(*state, alertron_reading(50, 100, 0.5), PRESSURE, ALERTRON_VARYING);
}

/* ---- files ---- */

static alertron_model *load(const char *path)
{
    static unsigned char bytes[1 << 22];
    FILE *file = fopen(path, "rb");
    if (!file)
        return perror(path), NULL;
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n, NULL, &error);
    if (!model)
        fprintf(stderr, "%s: %s\n", path, error.text);
    return model;
}

static int read_week(const char *path)
{
    char line[256];
    int row = 0;
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) /* the header */
        return perror(path), -1;
    for (; row < WEEK_ROWS && fgets(line, sizeof line, file); row++) {
        double *numbers = week + row * FEATURES;
        if (sscanf(line, "%lf,%lf,%lf", &numbers[0], &numbers[1], &numbers[2]) != FEATURES)
            break;
    }
    fclose(file);
    if (row < WEEK_ROWS)
        fprintf(stderr, "%s: %d rows of %d numbers; expected %d\n", path, row, FEATURES, WEEK_ROWS);
    return row < WEEK_ROWS ? -1 : 0;
}

static const char *model_path, *week_path;

static int setup(void **state)
{
    *state = load(model_path);
    return *state ? read_week(week_path) : -1;
}

static int teardown(void **state)
{
    alertron_model_free(*state);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_pump_does_not_alarm),
        cmocka_unit_test(a_worn_bearing_is_an_anomaly),
        cmocka_unit_test(a_normal_week_has_few_alarms),
        cmocka_unit_test(hotter_is_never_healthier),
        cmocka_unit_test(a_broken_pressure_sensor_alone_changes_nothing),
    };
    if (argc != 3)
        return fprintf(stderr, "Usage: test_pump MODEL NORMAL_WEEK\n"), 2;
    model_path = argv[1];
    week_path = argv[2];
    return cmocka_run_group_tests(tests, setup, teardown);
}
