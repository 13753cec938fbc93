/* alertron_cmocka.h: unit tests of a model with cmocka (https://cmocka.org).
 *
 *     #include <setjmp.h>
 *     #include <stdarg.h>
 *     #include <stddef.h>
 *     #include <stdint.h>
 *     #include <cmocka.h>
 *     #include <alertron_cmocka.h>
 *
 *     static void worn_bearings_are_seen(void **state)
 *     {
 *         const alertron_model *model = *state;
 *         assert_model_severity(model, alertron_reading(70, 140, 0.9), ALERTRON_AT_LEAST, ALERTRON_SEVERITY_MEDIUM);
 *     }
 *
 * Each assertion makes one of alertron.h's checks; the sections "Checks" and "Tests" there say what it means. They
 * take the model, rows of its width as an alertron_rows (alertron_reading, alertron_rows_of), then what is wanted, in
 * the order of the check's words: `ALERTRON_AT_MOST, 0.015`. A check that does not pass, or can't be made, fails the
 * test at the line of the assertion and says what was found, the reading, its score, and the features that caused it.
 * Whatever a macro has no words for, assert_model_check has.
 *
 * C11, nothing but this file, alertron.h and cmocka 1.1 or later.
 */
#ifndef ALERTRON_CMOCKA_H
#define ALERTRON_CMOCKA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <alertron.h>

#define ALERTRON_CMOCKA_TEXT_MAX 900u   /* bytes of a message; cmocka prints up to 1,023 */
#define ALERTRON_CMOCKA_FEATURES_MAX 8u /* features in a message, those first that caused it */

/* One reading as rows, numbers in the model's order: alertron_reading(70, 140, 0.9). It lives as long as the block. */
#define alertron_reading(...) \
    alertron_rows_of((const double[]){__VA_ARGS__}, 1, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* Every row is, is at least, or is at most of the severity: ALERTRON_IS, ALERTRON_SEVERITY_NONE. */
#define assert_model_severity(model, of, relates, wanted)                                           \
    assert_model_check(model, .kind = ALERTRON_CHECK_SEVERITY, .rows = (of), .relation = (relates), \
                       .severity = (wanted))

/* Every row's score is `wanted`, give or take `within`. */
#define assert_model_score(model, of, wanted, within) \
    assert_model_check(model, .kind = ALERTRON_CHECK_SCORE, .rows = (of), .bound = (wanted), .tolerance = (within))

/* Share of rows that are at least `least`, such as ALERTRON_SEVERITY_LOW for all anomalies. */
#define assert_model_alarm_rate(model, of, least, relates, share)                                   \
    assert_model_check(model, .kind = ALERTRON_CHECK_ALARM_RATE, .rows = (of), .severity = (least), \
                       .relation = (relates), .bound = (share))

/* `are`: const unsigned char *, one a row, not 0 for an anomaly. */
#define assert_model_auroc(model, of, are, relates, wanted)                                                       \
    assert_model_check(model, .kind = ALERTRON_CHECK_AUROC, .rows = (of), .labels = (are), .relation = (relates), \
                       .bound = (wanted))
#define assert_model_average_precision(model, of, are, relates, wanted)                                \
    assert_model_check(model, .kind = ALERTRON_CHECK_AVERAGE_PRECISION, .rows = (of), .labels = (are), \
                       .relation = (relates), .bound = (wanted))
/* Where alarms are the highest scores, as many as the share `at` of all rows allows; 0: what is above the threshold. */
#define assert_model_recall(model, of, are, at, relates, wanted)                                                \
    assert_model_check(model, .kind = ALERTRON_CHECK_RECALL, .rows = (of), .labels = (are), .alarm_rate = (at), \
                       .relation = (relates), .bound = (wanted))

/* `index`: of a feature, or ALERTRON_EVERY_FEATURE. By severity; for scores use assert_model_check with by_score. */
#define assert_model_monotone(model, of, index, goes) \
    assert_model_check(model, .kind = ALERTRON_CHECK_MONOTONE, .rows = (of), .feature = (index), .direction = (goes))
#define assert_model_invariant(model, of, index, goes) \
    assert_model_check(model, .kind = ALERTRON_CHECK_INVARIANCE, .rows = (of), .feature = (index), .direction = (goes))

/* Share of rows on which the two models' verdicts agree. */
#define assert_model_agreement(model, of, with, relates, share)                                                       \
    assert_model_check(model, .kind = ALERTRON_CHECK_AGREEMENT, .rows = (of), .other = (with), .relation = (relates), \
                       .bound = (share))

/* Time to score all rows, in times of what the model `than` takes, by an alertron_clock. */
#define assert_model_duration(model, of, than, by, relates, times)                                           \
    assert_model_check(model, .kind = ALERTRON_CHECK_DURATION, .rows = (of), .other = (than), .clock = (by), \
                       .relation = (relates), .bound = (times))

/* Any check, by members of alertron_check. */
#define assert_model_check(model, ...)                                                      \
    do {                                                                                    \
        const alertron_check alertron_cmocka_check = {__VA_ARGS__};                         \
        char alertron_cmocka_text[ALERTRON_CMOCKA_TEXT_MAX];                                \
        if (!alertron_cmocka_passes((model), &alertron_cmocka_check, alertron_cmocka_text)) \
            fail_msg("%s", alertron_cmocka_text);                                           \
    } while (0)

/* Tests as text, of those that a model may carry: they need no file. Fails with the first that does not pass. */
#define assert_model_tests(model, text)                                           \
    do {                                                                          \
        char alertron_cmocka_text[ALERTRON_CMOCKA_TEXT_MAX];                      \
        if (!alertron_cmocka_passes_tests((model), (text), alertron_cmocka_text)) \
            fail_msg("%s", alertron_cmocka_text);                                 \
    } while (0)

/* ---- what the macros call ---- */

__attribute__((format(printf, 2, 3))) static inline void alertron_cmocka_add(char *text, const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, ALERTRON_CMOCKA_TEXT_MAX - n, format, arguments);
    va_end(arguments);
}

/* The features of a reading, falling by their share in its being isolated. Their shares are used up. */
static inline void alertron_cmocka_add_features(char *text, const alertron_model *model, const double *reading,
                                                double *shares)
{
    const size_t width = alertron_model_features(model);
    for (size_t n = 0; n < width && n < ALERTRON_CMOCKA_FEATURES_MAX; n++) {
        size_t best = 0;
        for (size_t i = 1; i < width; i++)
            best = shares[i] > shares[best] ? i : best;
        const char *name = alertron_model_feature_name(model, best);
        if (name && *name)
            alertron_cmocka_add(text, "\n  %-24.48s", name);
        else
            alertron_cmocka_add(text, "\n  feature %-16zu", best);
        alertron_cmocka_add(text, " %-12.9g %3.0f%%", reading[best], 100 * shares[best]);
        shares[best] = -1;
    }
    if (width > ALERTRON_CMOCKA_FEATURES_MAX)
        alertron_cmocka_add(text, "\n  and %zu more", width - ALERTRON_CMOCKA_FEATURES_MAX);
}

/* A reading, its score, the threshold, and the features that caused it. */
static inline void alertron_cmocka_add_reading(char *text, const alertron_model *model, const double *reading,
                                               double score)
{
    double *shares = (double *)malloc(alertron_model_features(model) * sizeof *shares);
    const alertron_severity severity = alertron_model_severity(model, score);
    alertron_cmocka_add(text, "\nthe reading scores %.6g, %s; the threshold is %.6g; %s", score,
                        alertron_severity_name(severity), alertron_model_cuts(model).threshold,
                        severity == ALERTRON_SEVERITY_NONE ? "its features (of no anomaly the shares say little):"
                                                           : "caused by");
    if (!shares)
        return;
    alertron_model_explain(model, reading, shares);
    alertron_cmocka_add_features(text, model, reading, shares);
    free(shares);
}

/* The result's row as it was scored, malloced; NULL where there is none. */
static inline double *alertron_cmocka_reading(const alertron_rows *rows, const alertron_check_result *result)
{
    double *reading = result->row == ALERTRON_NO_ROW ? NULL : (double *)malloc(rows->width * sizeof *reading);
    for (size_t i = 0; reading && i < rows->width; i++) {
        const char *at =
            (const char *)rows->data + (ptrdiff_t)result->row * rows->row_stride + (ptrdiff_t)i * rows->column_stride;
        float single;
        memcpy(&single, at, sizeof single);
        reading[i] = (double)single;
        if (rows->dtype == ALERTRON_FLOAT64)
            memcpy(&reading[i], at, sizeof *reading);
    }
    if (reading && result->feature != ALERTRON_NO_FEATURE)
        reading[result->feature] = result->value;
    return reading;
}

/* Whether the check passes; otherwise why not, in `text` of ALERTRON_CMOCKA_TEXT_MAX bytes. */
static inline bool alertron_cmocka_passes(const alertron_model *model, const alertron_check *check, char *text)
{
    alertron_check_result result;
    alertron_error error;
    text[0] = '\0';
    if (alertron_model_check(model, check, &result, NULL, &error) != ALERTRON_OK) {
        alertron_cmocka_add(text, "the check can't be made: %s", error.text);
        return false;
    }
    if (result.passed)
        return true;
    alertron_cmocka_add(text, "%s", result.text);
    double *reading = alertron_cmocka_reading(&check->rows, &result);
    if (reading)
        alertron_cmocka_add_reading(text, model, reading, result.score);
    free(reading);
    return false;
}

struct alertron_cmocka_first {
    const alertron_model *model;
    char *text;
};

static inline void alertron_cmocka_on_report(void *context, const alertron_test_report *report)
{
    const struct alertron_cmocka_first *first = (const struct alertron_cmocka_first *)context;
    if (report->outcome == ALERTRON_TEST_PASSED || first->text[0])
        return;
    alertron_cmocka_add(first->text, "line %zu, %.200s: %s", report->line, report->text,
                        report->outcome == ALERTRON_TEST_FAILED ? report->result.text : report->error.text);
    if (report->outcome == ALERTRON_TEST_FAILED && report->reading)
        alertron_cmocka_add_reading(first->text, first->model, report->reading, report->result.score);
}

/* As alertron_cmocka_passes, of tests. */
static inline bool alertron_cmocka_passes_tests(const alertron_model *model, const char *tests, char *text)
{
    struct alertron_cmocka_first first = {model, text};
    alertron_error error;
    text[0] = '\0';
    alertron_tests *parsed = alertron_tests_parse(tests, strlen(tests), NULL, &error);
    alertron_status status = ALERTRON_OK;
    if (parsed)
        status = alertron_tests_run(parsed, model, NULL, alertron_cmocka_on_report, &first, NULL, &error);
    alertron_tests_free(parsed);
    if ((!parsed || status != ALERTRON_OK) && !text[0])
        alertron_cmocka_add(text, "%s", error.text);
    return parsed && status == ALERTRON_OK;
}

#endif
