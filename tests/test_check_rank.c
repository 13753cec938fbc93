/* test_check_rank.c: rankings of labelled rows are what their definitions say, and show the anomaly that is missed. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "check_support.h"

static void auroc_counts_pairs(void **state)
{
    const struct sample *sample = *state;
    double wins = 0.0, pairs = 0.0;
    for (size_t a = 0; a < ROWS; a++)
        for (size_t b = 0; b < ROWS; b++)
            if (sample->labels[a] && !sample->labels[b]) {
                pairs += 1.0;
                wins += sample->scores[a] > sample->scores[b]    ? 1.0
                        : sample->scores[a] == sample->scores[b] ? 0.5
                                                                 : 0.0;
            }
    passes_up_to_its_figure(
        sample->model, (alertron_check){.kind = ALERTRON_CHECK_AUROC, .rows = sample->rows, .labels = sample->labels},
        wins / pairs);
}

/* Alarms on all rows that score at least `score`, and how many of them have a label. */
static double alarms_from(const struct sample *sample, double score, double *found)
{
    double alarms = 0.0;
    *found = 0.0;
    for (size_t row = 0; row < ROWS; row++)
        if (sample->scores[row] >= score) {
            alarms += 1.0;
            *found += sample->labels[row] ? 1.0 : 0.0;
        }
    return alarms;
}

static double labelled(const struct sample *sample)
{
    double n = 0.0;
    for (size_t row = 0; row < ROWS; row++)
        n += sample->labels[row] ? 1.0 : 0.0;
    return n;
}

/* The score next below, or a negative number. */
static double score_below(const struct sample *sample, double score)
{
    double below = -1.0;
    for (size_t row = 0; row < ROWS; row++)
        if (sample->scores[row] < score && sample->scores[row] > below)
            below = sample->scores[row];
    return below;
}

static void average_precision_is_the_sum_over_scores(void **state)
{
    const struct sample *sample = *state;
    double sum = 0.0, recall_before = 0.0, found;
    for (double score = score_below(sample, 2.0); score > 0.0; score = score_below(sample, score)) {
        const double alarms = alarms_from(sample, score, &found), recall = found / labelled(sample);
        sum += (recall - recall_before) * (found / alarms);
        recall_before = recall;
    }
    passes_up_to_its_figure(
        sample->model,
        (alertron_check){.kind = ALERTRON_CHECK_AVERAGE_PRECISION, .rows = sample->rows, .labels = sample->labels},
        sum);
}

static void recall_takes_the_highest_scores_that_the_rate_allows(void **state)
{
    const struct sample *sample = *state;
    static const double rates[] = {0.0025, 0.01, 0.05, 0.07, 0.29, 0.5, 0.9975, 1.0};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double best = 0.0, found;
        for (double score = score_below(sample, 2.0); score > 0.0; score = score_below(sample, score))
            if (alarms_from(sample, score, &found) / ROWS <= rates[i])
                best = found;
        passes_up_to_its_figure(
            sample->model,
            (alertron_check){
                .kind = ALERTRON_CHECK_RECALL, .rows = sample->rows, .labels = sample->labels, .alarm_rate = rates[i]},
            best / labelled(sample));
    }
}

static void recall_without_a_rate_is_at_the_models_threshold(void **state)
{
    const struct sample *sample = *state;
    double found;
    alarms_from(sample, nextafter(alertron_model_cuts(sample->model).threshold, 2.0), &found);
    passes_up_to_its_figure(
        sample->model, (alertron_check){.kind = ALERTRON_CHECK_RECALL, .rows = sample->rows, .labels = sample->labels},
        found / labelled(sample));
}

static void rankings_show_the_anomaly_that_is_missed_most(void **state)
{
    const struct sample *sample = *state;
    const alertron_check check = {.kind = ALERTRON_CHECK_AUROC,
                                  .rows = sample->rows,
                                  .labels = sample->labels,
                                  .relation = ALERTRON_AT_LEAST,
                                  .bound = 1.0};
    const alertron_check_result result = check_made(sample->model, &check);
    assert_false(result.passed);
    assert_true(sample->labels[result.row]);
    assert_true(result.score == sample->scores[result.row] && result.feature == ALERTRON_NO_FEATURE);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(!sample->labels[row] || sample->scores[row] >= result.score);
    assert_non_null(strstr(result.text, "AUROC 0."));
    assert_non_null(strstr(result.text, "; at least 1 was wanted"));
}

static void labels_all_the_same_are_no_ranking(void **state)
{
    const struct sample *sample = *state;
    unsigned char labels[ROWS] = {0};
    alertron_check check = {.kind = ALERTRON_CHECK_AUROC, .rows = sample->rows, .labels = labels};
    for (int kind = ALERTRON_CHECK_AUROC; kind <= ALERTRON_CHECK_RECALL; kind++) {
        check.kind = (alertron_check_kind)kind;
        assert_int_equal(check_refused(sample->model, &check, "no row has a label"), ALERTRON_ERROR_ARGUMENT);
    }
    memset(labels, 1, sizeof labels);
    check.kind = ALERTRON_CHECK_AUROC;
    assert_int_equal(check_refused(sample->model, &check, "every row has a label"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_AVERAGE_PRECISION;
    assert_float_equal(check_made(sample->model, &check).figure, 1.0, 0.0);
}

static void sorting_sorts(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(8, 8);
    for (size_t n = 0; n < 200; n++) {
        double values[200], sums[2] = {0.0, 0.0};
        for (size_t i = 0; i < n; i++)
            sums[0] += values[i] = (double)alertron__random_below(&random, n % 3 ? 1000000 : 5) - 2.0;
        alertron__sort(values, n);
        for (size_t i = 0; i < n; i++) {
            sums[1] += values[i];
            assert_true(i == 0 || values[i - 1] <= values[i]);
        }
        assert_true(sums[0] == sums[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auroc_counts_pairs),
        cmocka_unit_test(average_precision_is_the_sum_over_scores),
        cmocka_unit_test(recall_takes_the_highest_scores_that_the_rate_allows),
        cmocka_unit_test(recall_without_a_rate_is_at_the_models_threshold),
        cmocka_unit_test(rankings_show_the_anomaly_that_is_missed_most),
        cmocka_unit_test(labels_all_the_same_are_no_ranking),
        cmocka_unit_test(sorting_sorts),
    };
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
