/* test_devices.c: devices have series of their own, up to a cap, from their first reading until they are silent. */
#include "device_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { DEVICES_MAX = 3 };

struct fixture {
    struct metrics metrics;
    struct devices *devices;
    struct device_map *map;
};

static void begin(struct fixture *fixture, size_t devices_max)
{
    alertron_error error;
    assert_true(metrics_open(&fixture->metrics, devices_max, "readings", &error));
    fixture->devices = devices_new(&fixture->metrics, devices_max);
    assert_non_null(fixture->devices);
    fixture->map = device_map_new(fixture->devices);
    assert_non_null(fixture->map);
}

static const struct device *seen_by(struct device_map *map, const struct devices *devices, const char *id, double now)
{
    const size_t n = strlen(id);
    return device_map_seen(map, id, n, devices_hash(devices, id, n), now);
}

static const struct device *seen(struct fixture *fixture, const char *id, double now)
{
    return seen_by(fixture->map, fixture->devices, id, now);
}

static void end(struct fixture *fixture)
{
    device_map_free(fixture->map);
    assert_int_equal(devices_count(fixture->devices), 0);
    devices_free(fixture->devices);
    metrics_close(&fixture->metrics);
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

static void devices_whose_hashes_are_the_same_are_told_apart_by_name(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const uint64_t hash = UINT64_C(0x123456789abcdef0);
    const struct device *a = device_map_seen(fixture.map, "a", 1, hash, 1);
    const struct device *b = device_map_seen(fixture.map, "b", 1, hash, 1);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(device_map_seen(fixture.map, "a", 1, hash, 2), a);
    assert_ptr_equal(device_map_seen(fixture.map, "b", 1, hash, 2), b);
    end(&fixture);
}

static void all_series_of_a_device_appear_at_0_with_its_first_reading(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    assert_false(exposes(&fixture, "anomaly_count_total{"));
    const struct device *device = seen(&fixture, "pump-7", 1);
    assert_null(device->anomalies[ALERTRON_SEVERITY_NONE]);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"low\"} 0\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"medium\"} 0\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"pump-7\",severity=\"high\"} 0\n"));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"pump-7\"} 0\n"));
    assert_true(exposes(&fixture, "alertrond_devices 1\n"));
    assert_ptr_equal(seen(&fixture, "pump-7", 2), device);
    assert_int_equal(devices_count(fixture.devices), 1);
    end(&fixture);
}

static void devices_beyond_the_cap_share_one_that_is_named_other(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const char *const names[] = {"a", "b", "c", "d", "e", "d"};
    const struct device *met[6];
    for (int i = 0; i < 6; i++)
        met[i] = seen(&fixture, names[i], i);
    assert_int_equal(devices_count(fixture.devices), DEVICES_MAX);
    assert_ptr_equal(met[3], met[4]);
    assert_ptr_equal(met[3], met[5]);
    assert_ptr_not_equal(met[3], met[2]);
    alertron_counter_add(met[3]->anomalies[ALERTRON_SEVERITY_HIGH], 2);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"_other\",severity=\"high\"} 2\n"));
    assert_true(exposes(&fixture, "alertrond_devices_overflow_total 3\n"));
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"d\"}"));
    /* Those that had series before the cap was reached keep them. */
    assert_ptr_equal(seen(&fixture, "a", 9), met[0]);
    end(&fixture);
}

static void the_device_that_is_silent_longest_goes_first(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    seen(&fixture, "a", 1);
    seen(&fixture, "b", 2);
    seen(&fixture, "c", 3);
    seen(&fixture, "a", 4);
    device_map_forget(fixture.map, 2);
    assert_int_equal(devices_count(fixture.devices), 3);
    device_map_forget(fixture.map, 2.5);
    assert_int_equal(devices_count(fixture.devices), 2);
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"b\"}"));
    assert_false(exposes(&fixture, "anomaly_count_total{device_id=\"b\""));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"c\"}"));
    device_map_forget(fixture.map, 4);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\"}"));
    assert_int_equal(devices_count(fixture.devices), 1);
    device_map_forget(fixture.map, 100);
    assert_int_equal(devices_count(fixture.devices), 0);
    assert_true(exposes(&fixture, "alertrond_devices 0\n"));
    end(&fixture);
}

static void a_device_that_comes_back_begins_at_0(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    const struct device *device = seen(&fixture, "a", 1);
    alertron_counter_add(device->anomalies[ALERTRON_SEVERITY_LOW], 5);
    alertron_gauge_set(device->score, 0.7);
    device_map_forget(fixture.map, 2);
    seen(&fixture, "a", 3);
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
        seen(&fixture, name, i);
    }
    device_map_forget(fixture.map, 1);
    seen(&fixture, "pump-4", 5);
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
    const struct device *named = seen(&fixture, "_other", 1);
    assert_true(exposes(&fixture, "alertrond_devices_overflow_total 0\n"));
    alertron_counter_add(named->anomalies[ALERTRON_SEVERITY_LOW], 1);
    for (int i = 0; i < DEVICES_MAX; i++)
        seen(&fixture, (const char *const[]){"a", "b", "c"}[i], 2);
    const struct device *shared = seen(&fixture, "d", 2);
    device_map_forget(fixture.map, 100);
    alertron_counter_add(shared->anomalies[ALERTRON_SEVERITY_LOW], 1);
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"_other\",severity=\"low\"} 2\n"));
    end(&fixture);
}

static void names_from_outside_are_escaped(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    seen(&fixture, "a\"b\\c\nd", 1);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\\\"b\\\\c\\nd\"} 0\n"));
    end(&fixture);
}

static void as_many_as_are_allowed_are_found_again_and_forgotten(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct fixture fixture;
    begin(&fixture, MANY);
    static const struct device *met[MANY];
    char name[32];
    for (int i = 0; i < 2 * MANY; i++) {
        snprintf(name, sizeof name, "device-%d", i);
        const struct device *device = seen(&fixture, name, i);
        if (i < MANY)
            met[i] = device;
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "device-%d", i);
        assert_ptr_equal(seen(&fixture, name, 2 * MANY + i), met[i]);
    }
    assert_int_equal(devices_count(fixture.devices), MANY);
    device_map_forget(fixture.map, 2 * MANY + MANY / 2);
    assert_int_equal(devices_count(fixture.devices), MANY / 2);
    end(&fixture);
}

static void a_device_that_two_threads_know_goes_when_both_have_forgotten_it(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, DEVICES_MAX);
    struct device_map *other = device_map_new(fixture.devices);
    assert_non_null(other);
    const struct device *device = seen(&fixture, "a", 1);
    assert_ptr_equal(seen_by(other, fixture.devices, "a", 5), device);
    assert_int_equal(devices_count(fixture.devices), 1);
    device_map_forget(fixture.map, 3);
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\"} 0\n"));
    device_map_forget(other, 3);
    assert_int_equal(devices_count(fixture.devices), 1);
    device_map_forget(other, 6);
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"a\"}"));
    device_map_free(other);
    end(&fixture);
}

/* Holes that forgetting leaves must not hide those that lie behind them. */
static void whoever_is_not_silent_is_found_again_whatever_was_forgotten(void **state)
{
    (void)state;
    enum { MANY = 300, ROUNDS = 200 };
    struct fixture fixture;
    begin(&fixture, MANY);
    const struct device *met[MANY] = {NULL};
    double at[MANY] = {0};
    unsigned draw = 1;
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < 40; i++) {
            draw = draw * 1103515245u + 12345u;
            const unsigned which = (draw >> 16) % MANY;
            char name[32];
            snprintf(name, sizeof name, "device-%u", which);
            const struct device *device = seen(&fixture, name, round);
            if (met[which])
                assert_ptr_equal(device, met[which]);
            assert_string_equal(device->id, name);
            assert_int_equal(device->holders, 1); /* it is in the map once */
            met[which] = device;
            at[which] = round;
        }
        device_map_forget(fixture.map, round - 5);
        size_t n = 0;
        for (int i = 0; i < MANY; i++) {
            if (at[i] < round - 5)
                met[i] = NULL;
            n += met[i] != NULL;
        }
        assert_int_equal(devices_count(fixture.devices), n);
    }
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_two_threads_know_goes_when_both_have_forgotten_it),
        cmocka_unit_test(whoever_is_not_silent_is_found_again_whatever_was_forgotten),
        cmocka_unit_test(devices_whose_hashes_are_the_same_are_told_apart_by_name),
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
