/* test_devices.c: devices have series of their own, up to a cap, from their first reading until they are silent. */
#include "devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { ROWS = 256, DEVICES_MAX = 3 };

static alertron_model *a_model(void)
{
    double rows[ROWS];
    for (int i = 0; i < ROWS; i++)
        rows[i] = i % 16;
    const alertron_rows view = alertron_rows_of(rows, ROWS, 1);
    alertron_error error;
    alertron_model *model = alertron_model_fit(&view, &(alertron_fit_options){.trees = 5, .seed = 1}, NULL, &error);
    assert_non_null(model);
    return model;
}

struct fixture {
    alertron_model *model;
    struct metrics metrics;
    struct devices *devices;
};

static void begin(struct fixture *fixture, size_t devices_max)
{
    alertron_error error;
    fixture->model = a_model();
    assert_true(metrics_open(&fixture->metrics, devices_max, "readings", fixture->model, &error));
    fixture->devices = devices_new(&fixture->metrics, devices_max);
    assert_non_null(fixture->devices);
}

static void end(struct fixture *fixture)
{
    devices_free(fixture->devices);
    metrics_close(&fixture->metrics);
    alertron_model_free(fixture->model);
}

/* Whether a line of the exposition begins with this. */
static bool exposes(const struct fixture *fixture, const char *line)
{
    const size_t n = alertron_registry_text(fixture->metrics.registry, ALERTRON_TEXT, NULL, 0);
    char *text = malloc(n + 1);
    assert_non_null(text);
    assert_int_equal(alertron_registry_text(fixture->metrics.registry, ALERTRON_TEXT, text, n + 1), n);
    text[n] = 0;
    bool found = false;
    for (const char *at = text; !found && (at = strstr(at, line)); at++)
        found = at == text || at[-1] == '\n';
    free(text);
    return found;
}

static void all_series_of_a_device_appear_at_0_with_its_first_reading(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    assert_false(exposes(&fixture, "anomaly_count_total{"));
    const struct device *device = devices_seen(fixture.devices, "pump-7", 1);
    assert_null(device->anomalies[ALERTRON_SEVERITY_NONE]);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"low\"} 0\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"medium\"} 0\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"high\"} 0\n"));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"pump-7\"} 0\n"));
    assert_true(exposes(&fixture, "alertrond_devices 1\n"));
    assert_ptr_equal(devices_seen(fixture.devices, "pump-7", 2), device);
    assert_int_equal(devices_count(fixture.devices), 1);
    end(&fixture);
}

static void devices_beyond_the_cap_share_one_that_is_named_other(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const char *const names[] = {"a", "b", "c", "d", "e", "d"};
    const struct device *seen[6];
    for (int i = 0; i < 6; i++)
        seen[i] = devices_seen(fixture.devices, names[i], i);
    assert_int_equal(devices_count(fixture.devices), DEVICES_MAX);
    assert_ptr_equal(seen[3], seen[4]);
    assert_ptr_equal(seen[3], seen[5]);
    assert_ptr_not_equal(seen[3], seen[2]);
    alertron_counter_add(seen[3]->anomalies[ALERTRON_SEVERITY_HIGH], 2);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"_other\",severity=\"high\"} 2\n"));
    assert_true(exposes(&fixture, "alertrond_devices_overflow_total 3\n"));
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"d\"}"));
    /* Those that had series before the cap was reached keep them. */
    assert_ptr_equal(devices_seen(fixture.devices, "a", 9), seen[0]);
    end(&fixture);
}

static void the_device_that_is_silent_longest_goes_first(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    devices_seen(fixture.devices, "a", 1);
    devices_seen(fixture.devices, "b", 2);
    devices_seen(fixture.devices, "c", 3);
    devices_seen(fixture.devices, "a", 4);
    devices_forget(fixture.devices, 2);
    assert_int_equal(devices_count(fixture.devices), 3);
    devices_forget(fixture.devices, 2.5);
    assert_int_equal(devices_count(fixture.devices), 2);
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"b\"}"));
    assert_false(exposes(&fixture, "anomaly_count_total{device_id=\"b\""));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"c\"}"));
    devices_forget(fixture.devices, 4);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\"}"));
    assert_int_equal(devices_count(fixture.devices), 1);
    devices_forget(fixture.devices, 100);
    assert_int_equal(devices_count(fixture.devices), 0);
    assert_true(exposes(&fixture, "alertrond_devices 0\n"));
    end(&fixture);
}

static void a_device_that_comes_back_begins_at_0(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const struct device *device = devices_seen(fixture.devices, "a", 1);
    alertron_counter_add(device->anomalies[ALERTRON_SEVERITY_LOW], 5);
    alertron_gauge_set(device->score, 0.7);
    devices_forget(fixture.devices, 2);
    devices_seen(fixture.devices, "a", 3);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"a\",severity=\"low\"} 0\n"));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\"} 0\n"));
    end(&fixture);
}

static void room_that_is_free_again_is_given_to_the_next(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "pump-%d", i);
        devices_seen(fixture.devices, name, i);
    }
    devices_forget(fixture.devices, 1);
    devices_seen(fixture.devices, "pump-4", 5);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"pump-4\"} 0\n"));
    assert_int_equal(devices_count(fixture.devices), DEVICES_MAX);
    end(&fixture);
}

/* A name from outside must not take away, by its silence, the series that all devices beyond the cap share. */
static void a_device_that_calls_itself_other_is_one_of_them(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const struct device *named = devices_seen(fixture.devices, "_other", 1);
    alertron_counter_add(named->anomalies[ALERTRON_SEVERITY_LOW], 1);
    for (int i = 0; i < DEVICES_MAX; i++)
        devices_seen(fixture.devices, (const char *const[]){"a", "b", "c"}[i], 2);
    const struct device *shared = devices_seen(fixture.devices, "d", 2);
    devices_forget(fixture.devices, 100);
    alertron_counter_add(shared->anomalies[ALERTRON_SEVERITY_LOW], 1);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"_other\",severity=\"low\"} 2\n"));
    end(&fixture);
}

static void names_from_outside_are_escaped(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    devices_seen(fixture.devices, "a\"b\\c\nd", 1);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\\\"b\\\\c\\nd\"} 0\n"));
    end(&fixture);
}

static void as_many_as_are_allowed_are_found_again_and_forgotten(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct fixture fixture;
    begin(&fixture, MANY);
    static const struct device *seen[MANY];
    char name[32];
    for (int i = 0; i < 2 * MANY; i++) {
        snprintf(name, sizeof name, "device-%d", i);
        const struct device *device = devices_seen(fixture.devices, name, i);
        if (i < MANY)
            seen[i] = device;
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "device-%d", i);
        assert_ptr_equal(devices_seen(fixture.devices, name, 2 * MANY + i), seen[i]);
    }
    assert_int_equal(devices_count(fixture.devices), MANY);
    devices_forget(fixture.devices, 2 * MANY + MANY / 2);
    assert_int_equal(devices_count(fixture.devices), MANY / 2);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_series_of_a_device_appear_at_0_with_its_first_reading),
        cmocka_unit_test(devices_beyond_the_cap_share_one_that_is_named_other),
        cmocka_unit_test(the_device_that_is_silent_longest_goes_first),
        cmocka_unit_test(a_device_that_comes_back_begins_at_0),
        cmocka_unit_test(room_that_is_free_again_is_given_to_the_next),
        cmocka_unit_test(a_device_that_calls_itself_other_is_one_of_them),
        cmocka_unit_test(names_from_outside_are_escaped),
        cmocka_unit_test(as_many_as_are_allowed_are_found_again_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
