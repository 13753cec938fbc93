/* test_scorer.c: metric names and records as the replaced system's clients know them, and severity cuts that are
 * learned from the stream or from a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models_support.h"

enum { CALIBRATION = 50 };

struct fixture {
    struct models_fixture models;
    struct scorer *scorer;
    double threshold; /* of the model */
};

/* A model from scikit-learn, which brings no severity cuts. */
static alertron_model *foreign(void)
{
    char *path = shared_path("upstream/anomaly_iforest.joblib");
    size_t n;
    unsigned char *bytes = read_file(path, &n);
    assert_non_null(bytes);
    alertron_error error;
    alertron_model *model = alertron_model_load(bytes, n, NULL, &error);
    assert_non_null(model);
    free(bytes);
    free(path);
    return model;
}

static void begin(struct fixture *fixture, alertron_model *model, char *calibration_file)
{
    fixture->threshold = alertron_model_cuts(model).threshold;
    models_begin(&fixture->models, 1); /* the least there is */
    fixture->models.config.severity.calibration_anomalies = CALIBRATION;
    if (calibration_file)
        fixture->models.config.severity.calibration_file = calibration_file;
    models_start(&fixture->models, model);
    assert_non_null(fixture->scorer = scorer_new(&fixture->models.parts));
}

static void end(struct fixture *fixture)
{
    scorer_free(fixture->scorer);
    models_end(&fixture->models);
}

/* Whether a line of the exposition begins with this. */
static bool exposes(struct fixture *fixture, const char *line)
{
    const char *text = exposition(&fixture->models);
    for (const char *at = text; (at = strstr(at, line)); at++)
        if (at == text || at[-1] == '\n')
            return true;
    return false;
}

/* Feature 1 stood out, and feature 0 a little. */
static const struct explanation explanation = {.causes = {{1, 0.9f}, {0, 0.1f}}, .n = 2};

static struct verdict count_score(struct fixture *fixture, const char *device_id, double score)
{
    const size_t n = strlen(device_id);
    scorer_begin(fixture->scorer);
    const struct verdict verdict = scorer_grade(fixture->scorer, score, false, &explanation);
    scorer_count(fixture->scorer, device_id, n, scorer_expect(fixture->scorer, device_id, n), &verdict, 1);
    scorer_show(fixture->scorer, 1e-6);
    return verdict;
}

static alertron_severity severity_of(struct fixture *fixture, double score)
{
    scorer_begin(fixture->scorer);
    return scorer_grade(fixture->scorer, score, false, NULL).severity;
}

/* --- metrics ----------------------------------------------------------------------------------------- */

static void metrics_have_the_names_and_labels_of_the_contract(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "# TYPE inference_latency_seconds histogram\n",
        "inference_latency_seconds_bucket{le=\"+Inf\"} 0\n",
        "inference_latency_seconds_count 0\n",
        "predictions_total 0\n",
        "kafka_messages_consumed_total{topic=\"readings\"} 0\n",
        "kafka_errors_total 0\n",
        "requests_total{status=\"200\"} 0\n",
        "alertrond_anomalies_total{severity=\"low\"} 0\n",
        "alertrond_anomalies_total{severity=\"medium\"} 0\n",
        "alertrond_anomalies_total{severity=\"high\"} 0\n",
        "alertrond_severity_cuts_origin{origin=\"training\"} 1\n",
        "alertrond_severity_cuts_origin{origin=\"stream\"} 0\n",
    };
    struct fixture fixture;
    begin(&fixture, train(WIDTH, 1, 1), NULL);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!exposes(&fixture, lines[i]))
            fail_msg("missing: %s", lines[i]);
    end(&fixture);
}

static void names_of_our_own_have_a_prefix(void **state)
{
    (void)state;
    static const char *const contract[] = {"anomaly_count_total",
                                           "last_anomaly_score",
                                           "inference_latency_seconds",
                                           "predictions_total",
                                           "kafka_messages_consumed_total",
                                           "kafka_errors_total",
                                           "requests_total"};
    struct fixture fixture;
    begin(&fixture, train(WIDTH, 1, 1), NULL);
    for (const char *at = exposition(&fixture.models); (at = strstr(at, "# TYPE ")); at++) {
        const char *name = at + strlen("# TYPE ");
        const size_t n = strcspn(name, " ");
        bool known = strncmp(name, "alertrond_", 10) == 0 || strncmp(name, "process_", 8) == 0 ||
                     strncmp(name, "alertron_registry_", 18) == 0;
        for (size_t i = 0; i < sizeof contract / sizeof *contract; i++)
            known |= strlen(contract[i]) == n && strncmp(name, contract[i], n) == 0;
        if (!known)
            fail_msg("%.*s", (int)n, name);
    }
    end(&fixture);
}

/* The cap on devices is no cap on what is known beforehand. */
static void every_reason_and_partition_is_counted_under_its_own_name(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, train(WIDTH, 1, 1), NULL);
    for (int fault = READING_GOOD + 1; fault <= TOMBSTONE; fault++) {
        char line[128];
        snprintf(line, sizeof line, "alertrond_dead_letters_total{reason=\"%s\"} 0\n", dead_letter_reason(fault));
        assert_true(exposes(&fixture, line));
    }
    struct metrics *metrics = &fixture.models.metrics;
    for (int partition = 0; partition < 1000; partition++) {
        char number[16];
        snprintf(number, sizeof number, "%d", partition);
        alertron_gauge_set(alertron_gauge_with(metrics->lag, (const char *const[]){"readings", number}), 1);
    }
    assert_true(exposes(&fixture, "alertrond_consumer_lag_messages{topic=\"readings\",partition=\"999\"} 1\n"));
    assert_false(exposes(&fixture, "alertrond_consumer_lag_messages{topic=\"_other\""));
    end(&fixture);
}

static void a_verdict_is_counted_for_its_device_and_for_the_fleet(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, train(WIDTH, 1, 1), NULL);
    assert_false(count_score(&fixture, "a", 0.1).anomaly);
    assert_int_equal(count_score(&fixture, "a", 0.99).severity, ALERTRON_SEVERITY_HIGH);
    assert_true(count_score(&fixture, "b", 0.99).anomaly);
    assert_true(exposes(&fixture, "# TYPE anomaly_count_total counter\n"));
    assert_true(exposes(&fixture, "# TYPE last_anomaly_score gauge\n"));
    assert_true(exposes(&fixture, "predictions_total 3\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"a\",severity=\"high\"} 1\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"a\",severity=\"low\"} 0\n"));
    assert_true(exposes(&fixture, "last_anomaly_score{device_id=\"a\"} 0.99\n"));
    assert_true(exposes(&fixture, "anomaly_count_total{device_id=\"_other\",severity=\"high\"} 1\n"));
    assert_true(exposes(&fixture, "alertrond_anomalies_total{severity=\"high\"} 2\n"));
    assert_true(exposes(&fixture, "alertrond_device_readings_total{device_id=\"a\"} 2\n"));
    assert_true(exposes(&fixture, "alertrond_device_readings_total{device_id=\"_other\"} 1\n"));
    assert_true(exposes(&fixture, "alertrond_last_anomaly_feature{device_id=\"a\"} 1\n"));
    assert_true(exposes(&fixture, "alertrond_feature_info{index=\"1\",feature=\"feature_1\"} 1\n"));
    assert_true(exposes(&fixture, "alertrond_anomaly_features_total{feature=\"feature_1\"} 2\n"));
    assert_true(exposes(&fixture, "alertrond_anomaly_features_total{feature=\"feature_0\"} 0\n"));
    scorer_tick(fixture.scorer, 1000);
    assert_false(exposes(&fixture, "last_anomaly_score{device_id=\"a\"}"));
    assert_false(exposes(&fixture, "alertrond_device_readings_total{device_id=\"a\"}"));
    assert_false(exposes(&fixture, "alertrond_last_anomaly_feature{device_id=\"a\"}"));
    assert_true(exposes(&fixture, "alertrond_anomalies_total{severity=\"high\"} 2\n"));
    end(&fixture);
}

/* --- cuts ------------------------------------------------------------------------------------------- */

static void cuts_that_nobody_measured_are_learned_from_the_stream(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, foreign(), NULL);
    const double threshold = fixture.threshold;
    assert_true(exposes(&fixture, "alertrond_severity_cuts_origin{origin=\"provisional\"} 1\n"));
    for (int i = 0; i < 1000; i++)
        count_score(&fixture, "a", threshold); /* the threshold itself is no anomaly: nothing to learn from */
    for (int i = 1; i <= CALIBRATION; i++) {
        assert_true(exposes(&fixture, "alertrond_severity_cuts_origin{origin=\"provisional\"} 1\n"));
        count_score(&fixture, "a", threshold + i * 1e-3);
    }
    assert_true(exposes(&fixture, "alertrond_severity_cuts_origin{origin=\"stream\"} 1\n"));
    /* Quantiles 0.8 and 0.95 of 1..50 are 40.2 and 47.55. */
    assert_int_equal(severity_of(&fixture, threshold), ALERTRON_SEVERITY_NONE);
    assert_int_equal(severity_of(&fixture, threshold + 40e-3), ALERTRON_SEVERITY_LOW);
    assert_int_equal(severity_of(&fixture, threshold + 41e-3), ALERTRON_SEVERITY_MEDIUM);
    assert_int_equal(severity_of(&fixture, threshold + 47e-3), ALERTRON_SEVERITY_MEDIUM);
    assert_int_equal(severity_of(&fixture, threshold + 48e-3), ALERTRON_SEVERITY_HIGH);
    for (int i = 0; i < 1000; i++)
        count_score(&fixture, "a", threshold + 1);
    assert_int_equal(severity_of(&fixture, threshold + 48e-3), ALERTRON_SEVERITY_HIGH);
    end(&fixture);
}

/* Writes a file of readings and gives its name, to be unlinked. */
static void write_csv(char *path, double anomalous)
{
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    fprintf(file, "f0,f1,f2\n");
    for (int i = 0; i < 100; i++)
        fprintf(file, "%g,%g,%g\n", 50 + anomalous * (10 + i * 0.1), 100 + anomalous * (20 + i * 0.2),
                0.5 + anomalous * (0.2 + i * 0.002));
    fclose(file);
}

static void cuts_are_taken_from_a_file_of_readings(void **state)
{
    (void)state;
    char path[] = "/tmp/test_scorer.XXXXXX";
    alertron_model *model = foreign();
    write_csv(path, 1);
    struct fixture fixture;
    begin(&fixture, model, path);
    unlink(path);
    assert_true(exposes(&fixture, "alertrond_severity_cuts_origin{origin=\"file\"} 1\n"));
    end(&fixture);
}

static void a_calibration_file_without_anomalies_is_said_to_be_of_no_use(void **state)
{
    (void)state;
    char path[] = "/tmp/test_scorer.XXXXXX";
    alertron_model *model = foreign();
    write_csv(path, 0);
    char why[512] = "";
    struct models_fixture fixture;
    models_begin(&fixture, 1);
    fixture.config.severity.calibration_file = path;
    assert_null(models_new(&fixture.config, &fixture.metrics, model, why, sizeof why));
    models_end(&fixture);
    unlink(path);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "100 rows"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_have_the_names_and_labels_of_the_contract),
        cmocka_unit_test(names_of_our_own_have_a_prefix),
        cmocka_unit_test(every_reason_and_partition_is_counted_under_its_own_name),
        cmocka_unit_test(a_verdict_is_counted_for_its_device_and_for_the_fleet),
        cmocka_unit_test(cuts_that_nobody_measured_are_learned_from_the_stream),
        cmocka_unit_test(cuts_are_taken_from_a_file_of_readings),
        cmocka_unit_test(a_calibration_file_without_anomalies_is_said_to_be_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
