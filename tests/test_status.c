/* test_status.c: what the status page is told: flows, recent scores by device, the latest anomalies, bounds. */
#include "status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status_private.h"
#include "support.h"

enum { ROWS = 256, WIDTH = 3, DEVICES = 100 };

struct fixture {
    struct config config;
    struct metrics metrics;
    struct scorer_parts parts;
    struct scorer *scorer;
    struct status *status;
    double now;
    char *text; /* the last JSON, with a NUL */
};

static const struct explanation explanation = {.causes = {{2, 0.75f}, {0, 0.25f}}, .n = 2};

static alertron_model *trained(const char *const *names)
{
    double rows[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = i * 7919 % 101;
    const alertron_rows view = alertron_rows_of(rows, ROWS, WIDTH);
    const alertron_fit_options options = {.trees = 2, .contamination = 0.05, .seed = 1, .feature_names = names};
    alertron_error error;
    alertron_model *model = alertron_model_fit(&view, &options, NULL, &error);
    assert_non_null(model);
    return model;
}

static void begin(struct fixture *fixture, const char *const *names)
{
    static char topic[] = "readings", group[] = "alertrond";
    *fixture = (struct fixture){.now = 1000};
    fixture->config.severity.medium_quantile = 0.8;
    fixture->config.severity.high_quantile = 0.95;
    fixture->config.kafka.readings_topic = topic;
    fixture->config.kafka.group_id = group;
    fixture->config.limits.message_bytes = 65536;
    char why[512] = "";
    alertron_error error;
    alertron_model *model = trained(names);
    assert_true(metrics_open(&fixture->metrics, DEVICES, topic, &error));
    struct features *features = features_new("", model, &fixture->metrics, why, sizeof why);
    fixture->parts =
        (struct scorer_parts){.models = models_new(&fixture->config, &fixture->metrics, model, why, sizeof why),
                              .metrics = &fixture->metrics,
                              .devices = devices_new(&fixture->metrics, DEVICES),
                              .features = features,
                              .latest = latest_new(),
                              .device_seconds = 1e6};
    assert_string_equal(why, "");
    assert_non_null(fixture->scorer = scorer_new(&fixture->parts));
    assert_non_null(fixture->status = status_new(&fixture->config, &fixture->parts));
}

static void end(struct fixture *fixture)
{
    status_free(fixture->status);
    scorer_free(fixture->scorer);
    latest_free(fixture->parts.latest);
    devices_free(fixture->parts.devices);
    models_free(fixture->parts.models);
    features_free(fixture->parts.features);
    metrics_close(&fixture->metrics);
    free(fixture->text);
}

static void count(struct fixture *fixture, const char *device_id, double score)
{
    const size_t n = strlen(device_id);
    scorer_begin(fixture->scorer);
    const struct verdict verdict = scorer_grade(fixture->scorer, score, false, &explanation);
    scorer_count(fixture->scorer, device_id, n, scorer_expect(fixture->scorer, device_id, n), &verdict, fixture->now);
    scorer_show(fixture->scorer, 1e-6);
}

static const char *json(struct fixture *fixture)
{
    size_t n = 0;
    char *text = status_json(fixture->status, &n);
    assert_non_null(text);
    assert_true(n > 0);
    free(fixture->text);
    assert_non_null(fixture->text = realloc(text, n + 1));
    fixture->text[n] = 0;
    return fixture->text;
}

/* The sample of the next second, as JSON. */
static const char *sample(struct fixture *fixture)
{
    const struct pipeline_figures figures = {.partitions = 4, .lag = 17, .stalled = 1};
    status_sample(fixture->status, "", &figures, ++fixture->now);
    return json(fixture);
}

static void assert_has(const char *text, const char *piece)
{
    if (!strstr(text, piece))
        fail_msg("no %s in %s", piece, text);
}

/* The track of a device, or NULL. */
static const struct track *track_of(const struct fixture *fixture, const char *id)
{
    for (size_t i = 0; i < TRACKS_MAX; i++)
        if (strcmp(fixture->status->tracks.all[i].id, id) == 0)
            return &fixture->status->tracks.all[i];
    return NULL;
}

/* --- what flows ------------------------------------------------------------------------------------------------- */

static void it_can_be_read_before_the_first_sample(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    assert_has(json(&fixture), "\"ready\":false,\"trouble\":\"starting\"");
    assert_has(fixture.text, "\"per_second\":[]");
    end(&fixture);
}

static void readings_and_anomalies_are_told_second_by_second(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    sample(&fixture);
    for (int i = 0; i < 30; i++)
        count(&fixture, "a", 0.1);
    count(&fixture, "a", 0.99);
    fixture.now += 1; /* a sample that is a second late */
    const char *text = sample(&fixture);
    assert_has(text, "\"ready\":true,\"trouble\":\"\"");
    assert_has(text, "\"readings\":{\"total\":31,\"per_second\":[0,15.5]}");
    assert_has(text, "\"high\":{\"total\":1,\"per_second\":[0,1]}");
    assert_has(text, "\"low\":{\"total\":0,\"per_second\":[0,0]}");
    assert_has(text, "\"partitions\":4,\"stalled\":1,\"outputs_waiting\":0,\"lag\":17,\"lag_per_second\":[17,17]");
    assert_has(text, "\"uptime_seconds\":2");
    assert_has(text, "\"kind\":\"isolation forest\"");
    assert_has(text, "\"features\":3,\"trees\":2");
    assert_has(text, "\"candidate\":null");
    end(&fixture);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    status_sample(fixture.status, "no broker at \"x\"", &(struct pipeline_figures){0}, 1);
    assert_has(json(&fixture), "\"ready\":false,\"trouble\":\"no broker at \\\"x\\\"\"");
    end(&fixture);
}

static void the_text_is_written_once_a_sample(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    sample(&fixture);
    alertron_counter_add(fixture.metrics.dead_letters_of[TOMBSTONE], 7); /* which only the writer looks at */
    assert_has(json(&fixture), "\"dead_letters\":0");
    assert_has(sample(&fixture), "\"dead_letters\":7");
    end(&fixture);
}

/* --- devices -------------------------------------------------------------------------------------------------- */

static void seconds_without_a_reading_are_gaps(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    count(&fixture, "a", 0.3);
    sample(&fixture); /* finds it */
    count(&fixture, "a", 0.41);
    sample(&fixture);
    sample(&fixture);
    count(&fixture, "a", 0.99);
    count(&fixture, "a", 0.42);
    const char *text = sample(&fixture);
    /* The last reading of the last second was normal, but not the one that counts. */
    assert_has(text, "\"scores\":[null,0.41,null,0.99],\"severities\":\"0003\"");
    assert_has(text, "\"devices_known\":1");
    end(&fixture);
}

static void an_anomaly_that_was_not_noted_is_seen_by_its_severity(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    count(&fixture, "a", 0.3);
    sample(&fixture);
    for (int i = 0; i < LATEST_PER_SECOND; i++)
        count(&fixture, "b", 0.65);
    count(&fixture, "a", 0.99);
    count(&fixture, "a", 0.31);
    assert_has(sample(&fixture), "\"scores\":[null,0.31],\"severities\":\"03\"");
    end(&fixture);
}

static void a_device_with_an_anomaly_is_shown_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    sample(&fixture);
    count(&fixture, "a", 0.99);
    assert_has(sample(&fixture),
               "{\"device_id\":\"a\",\"readings\":1,\"anomalies\":1,\"scores\":[null,0.99],\"severities\":\"03\"}");
    end(&fixture);
}

static void devices_with_anomalies_take_the_room_of_those_without(void **state)
{
    (void)state;
    struct fixture fixture;
    char name[16];
    begin(&fixture, NULL);
    for (int second = 0; second < 2; second++) {
        for (int i = 0; i < 50; i++) {
            snprintf(name, sizeof name, "calm-%d", i);
            count(&fixture, name, 0.3);
        }
        sample(&fixture);
    }
    assert_null(track_of(&fixture, "")); /* no room */
    for (int i = 0; i < (int)TRACKS_MAX; i++) {
        snprintf(name, sizeof name, "wild-%d", i);
        count(&fixture, name, 0.99);
        sample(&fixture);
        assert_non_null(track_of(&fixture, name));
    }
    /* The last ones have just had theirs; the first had its more than half a minute ago. */
    count(&fixture, "late", 0.99);
    sample(&fixture);
    assert_non_null(track_of(&fixture, "late"));
    assert_null(track_of(&fixture, "wild-0"));
    for (int i = 2; i < (int)TRACKS_MAX; i++) {
        snprintf(name, sizeof name, "wild-%d", i);
        assert_non_null(track_of(&fixture, name));
    }
    end(&fixture);
}

static void those_that_alarm_now_keep_their_room(void **state)
{
    (void)state;
    struct fixture fixture;
    char name[16];
    begin(&fixture, NULL);
    for (int i = 0; i < (int)TRACKS_MAX + 1; i++) {
        if (i % LATEST_PER_SECOND == 0)
            sample(&fixture);
        snprintf(name, sizeof name, "wild-%d", i);
        count(&fixture, name, 0.99);
    }
    sample(&fixture);
    assert_non_null(track_of(&fixture, "wild-0"));
    assert_null(track_of(&fixture, "wild-32"));
    end(&fixture);
}

static void a_device_goes_when_it_is_forgotten_or_silent(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, NULL);
    count(&fixture, "a", 0.99);
    sample(&fixture);
    assert_non_null(track_of(&fixture, "a"));
    for (int i = 0; i < (int)TRACK_SAMPLES - 1; i++)
        sample(&fixture);
    assert_has(fixture.text, "\"devices\":[{\"device_id\":\"a\"");
    assert_has(sample(&fixture), "\"devices\":[]");
    count(&fixture, "b", 0.99);
    sample(&fixture);
    assert_non_null(track_of(&fixture, "b"));
    scorer_tick(fixture.scorer, 3e6);
    assert_has(sample(&fixture), "\"devices_known\":0,\"devices\":[]");
    end(&fixture);
}

static void silent_devices_leave_their_room_to_others(void **state)
{
    (void)state;
    struct fixture fixture;
    char name[16];
    begin(&fixture, NULL);
    for (int second = 0; second < 2; second++) {
        for (int i = 0; i < (int)TRACKS_MAX; i++) {
            snprintf(name, sizeof name, "calm-%d", i);
            count(&fixture, name, 0.3);
        }
        sample(&fixture);
    }
    count(&fixture, "late", 0.3);
    sample(&fixture);
    assert_null(track_of(&fixture, "late"));
    for (int i = 0; i < (int)TRACK_SAMPLES; i++)
        sample(&fixture);
    for (int i = 0; i < 4; i++) {
        count(&fixture, "late", 0.3);
        sample(&fixture);
    }
    assert_has(fixture.text, "\"device_id\":\"late\"");
    end(&fixture);
}

/* --- anomalies ------------------------------------------------------------------------------------------------ */

static void anomalies_are_told_with_their_causes_the_newest_first(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, (const char *const[]){"temperature", "\"p\"", "vibration"});
    count(&fixture, "a", 0.3);
    count(&fixture, "a", 0.98);
    count(&fixture, "<b>\"", 0.99);
    const char *text = sample(&fixture), *first = strstr(text, "\"latest\":[{\"number\":2,"),
               *second = strstr(text, "{\"number\":1,");
    assert_non_null(first);
    assert_true(second > first);
    assert_has(first, "\"device_id\":\"<b>\\\"\",\"score\":0.99,\"severity\":\"high\",\"contributions\":["
                      "{\"feature\":\"vibration\",\"share\":0.75},{\"feature\":\"temperature\",\"share\":0.25}]}");
    assert_null(strstr(text, "{\"number\":3,"));
    end(&fixture);
}

static void a_scorer_notes_so_many_a_second_and_no_more(void **state)
{
    (void)state;
    struct fixture fixture;
    struct anomaly anomalies[LATEST_MAX];
    begin(&fixture, NULL);
    for (int i = 0; i < 1000; i++)
        count(&fixture, "a", 0.99);
    assert_int_equal(latest_read(fixture.parts.latest, anomalies), LATEST_PER_SECOND);
    fixture.now += 0.9;
    count(&fixture, "b", 0.99);
    assert_int_equal(latest_read(fixture.parts.latest, anomalies), LATEST_PER_SECOND);
    for (int second = 0; second < 5; second++) {
        fixture.now += 1;
        count(&fixture, "c", 0.99);
    }
    assert_int_equal(latest_read(fixture.parts.latest, anomalies), LATEST_PER_SECOND + 5);
    assert_string_equal(anomalies[0].device_id, "c");
    assert_int_equal(anomalies[0].number, LATEST_PER_SECOND + 5);
    for (int second = 0; second < 10; second++, fixture.now += 1)
        for (int i = 0; i < LATEST_PER_SECOND; i++)
            count(&fixture, "d", 0.99);
    assert_int_equal(latest_read(fixture.parts.latest, anomalies), LATEST_MAX);
    for (size_t i = 1; i < LATEST_MAX; i++)
        assert_int_equal(anomalies[i].number, anomalies[0].number - i);
    end(&fixture);
}

/* --- bounds --------------------------------------------------------------------------------------------------- */

/* The longest names there are, of characters that JSON escapes, in every place. */
static void the_longest_there_is_fits(void **state)
{
    (void)state;
    struct fixture fixture;
    char names[WIDTH][ALERTRON_FEATURE_NAME_MAX + 1], id[READING_DEVICE_BYTES_MAX + 1], trouble[TROUBLE_BYTES];
    for (int i = 0; i < WIDTH; i++) {
        memset(names[i], '"', ALERTRON_FEATURE_NAME_MAX);
        names[i][ALERTRON_FEATURE_NAME_MAX - 1] = (char)('a' + i);
        names[i][ALERTRON_FEATURE_NAME_MAX] = 0;
    }
    begin(&fixture, (const char *const[]){names[0], names[1], names[2]});
    memset(trouble, '\x01', sizeof trouble - 1);
    trouble[sizeof trouble - 1] = 0;
    memset(id, '\x01', READING_DEVICE_BYTES_MAX);
    id[READING_DEVICE_BYTES_MAX] = 0;
    for (int second = 0; second < (int)TRACK_SAMPLES; second++) {
        for (int i = 0; i < (int)TRACKS_MAX; i++) {
            id[0] = (char)('A' + i);
            count(&fixture, id, 0.999);
        }
        status_sample(fixture.status, trouble, &(struct pipeline_figures){.lag = 1ull << 52}, ++fixture.now);
    }
    const char *text = json(&fixture);
    assert_true(strlen(text) > STATUS_BYTES_MAX / 2); /* it is a test of the bound */
    assert_int_equal(text[strlen(text) - 2], '}');
    for (int i = 0; i < (int)TRACKS_MAX; i++) {
        id[0] = (char)('A' + i);
        assert_non_null(track_of(&fixture, id));
    }
    end(&fixture);
}

/* --- threads -------------------------------------------------------------------------------------------------- */

static atomic_bool enough;

static void *look(void *context)
{
    struct status *status = context;
    while (!enough) {
        size_t n;
        free(status_json(status, &n));
    }
    return NULL;
}

static void *take_samples(void *context)
{
    const struct pipeline_figures figures = {0};
    for (double now = 1; !enough; now++)
        status_sample(context, "", &figures, now);
    return NULL;
}

static void scoring_sampling_and_looking_go_on_at_a_time(void **state)
{
    (void)state;
    struct fixture fixture;
    pthread_t threads[3];
    begin(&fixture, NULL);
    enough = false;
    pthread_create(&threads[0], NULL, look, fixture.status);
    pthread_create(&threads[1], NULL, look, fixture.status);
    pthread_create(&threads[2], NULL, take_samples, fixture.status);
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "d-%d", i % 90);
        fixture.now += 0.1;
        count(&fixture, name, i % 3 ? 0.3 : 0.99);
        scorer_tick(fixture.scorer, fixture.now);
    }
    enough = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_can_be_read_before_the_first_sample),
        cmocka_unit_test(readings_and_anomalies_are_told_second_by_second),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(the_text_is_written_once_a_sample),
        cmocka_unit_test(seconds_without_a_reading_are_gaps),
        cmocka_unit_test(an_anomaly_that_was_not_noted_is_seen_by_its_severity),
        cmocka_unit_test(a_device_with_an_anomaly_is_shown_at_once),
        cmocka_unit_test(devices_with_anomalies_take_the_room_of_those_without),
        cmocka_unit_test(those_that_alarm_now_keep_their_room),
        cmocka_unit_test(a_device_goes_when_it_is_forgotten_or_silent),
        cmocka_unit_test(silent_devices_leave_their_room_to_others),
        cmocka_unit_test(anomalies_are_told_with_their_causes_the_newest_first),
        cmocka_unit_test(a_scorer_notes_so_many_a_second_and_no_more),
        cmocka_unit_test(the_longest_there_is_fits),
        cmocka_unit_test(scoring_sampling_and_looking_go_on_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
