/* test_check.c: every kind of check finds what its definition says, and shows the row that matters. */
#include "support.h"

#include "check.h"
#include "synthetic.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400, WIDTH = 3 };

struct sample {
    double numbers[ROWS * WIDTH], scores[ROWS];
    unsigned char labels[ROWS];
    alertron_rows rows;
    alertron_model *model;
};

/* Rows on a coarse grid, so that many scores are equal; a label is likelier where a number is large. */
static int setup(void **state)
{
    struct sample *sample = calloc(1, sizeof *sample);
    assert_non_null(sample);
    struct random_state random = alertron__random_new(5, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        sample->numbers[i] =
            (double)alertron__random_below(&random, 6) + (alertron__random_below(&random, 40) ? 0.0 : 9.0);
    sample->rows = alertron_rows_of(sample->numbers, ROWS, WIDTH);
    static const char *const names[WIDTH] = {"temperature", "pressure", "\xc2\xb5m"};
    const alertron_fit_options options = {.trees = 50, .contamination = 0.1, .seed = 3, .feature_names = names};
    sample->model = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_non_null(sample->model);
    assert_int_equal(alertron_model_score_rows(sample->model, &sample->rows, sample->scores), ALERTRON_OK);
    for (size_t row = 0; row < ROWS; row++)
        sample->labels[row] = sample->numbers[row * WIDTH] > 5.0 || alertron__random_below(&random, 20) == 0;
    *state = sample;
    return 0;
}

static int teardown(void **state)
{
    struct sample *sample = *state;
    alertron_model_free(sample->model);
    free(sample);
    return 0;
}

static alertron_check_result make(const alertron_model *model, const alertron_check *check)
{
    alertron_check_result result;
    alertron_error error;
    alertron_status status = alertron_model_check(model, check, &result, NULL, &error);
    if (status != ALERTRON_OK)
        fail_msg("%s", error.text);
    assert_true(strlen(result.text) > 0 && !strchr(result.text, '\n'));
    return result;
}

static alertron_status refusal(const alertron_model *model, const alertron_check *check, const char *why)
{
    alertron_check_result result, before;
    memset(&result, 0x5a, sizeof result);
    before = result;
    alertron_error error = {.status = ALERTRON_OK};
    alertron_status status = alertron_model_check(model, check, &result, NULL, &error);
    assert_int_equal(status, error.status);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, error.text);
    assert_memory_equal(&result, &before, sizeof result);
    return status;
}

/* A passing check passes at the figure that it found and fails beyond. */
static void passes_up_to_its_figure(const alertron_model *model, alertron_check check, double figure)
{
    assert_float_equal(make(model, &check).figure, figure, 1e-12);
    const double exact = make(model, &check).figure;
    check.relation = ALERTRON_AT_LEAST;
    check.bound = exact;
    assert_true(make(model, &check).passed);
    check.bound = nextafter(exact, 2.0);
    assert_false(make(model, &check).passed);
    check.relation = ALERTRON_AT_MOST;
    check.bound = exact;
    assert_true(make(model, &check).passed);
    check.bound = nextafter(exact, -1.0);
    assert_false(make(model, &check).passed);
    check.relation = ALERTRON_IS;
    check.bound = exact + 0.25;
    check.tolerance = 0.26;
    assert_true(make(model, &check).passed);
    check.tolerance = 0.24;
    assert_false(make(model, &check).passed);
}

/* --- rankings -------------------------------------------------------------------------------------------------- */

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
    const alertron_check_result result = make(sample->model, &check);
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
        assert_int_equal(refusal(sample->model, &check, "no row has a label"), ALERTRON_ERROR_ARGUMENT);
    }
    memset(labels, 1, sizeof labels);
    check.kind = ALERTRON_CHECK_AUROC;
    assert_int_equal(refusal(sample->model, &check, "every row has a label"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_AVERAGE_PRECISION;
    assert_float_equal(make(sample->model, &check).figure, 1.0, 0.0);
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

/* --- severity, score, alarm rate ------------------------------------------------------------------------------ */

static bool as_wanted(alertron_relation relation, int is, int wanted)
{
    return relation == ALERTRON_AT_LEAST ? is >= wanted : relation == ALERTRON_AT_MOST ? is <= wanted : is == wanted;
}

static void severities_are_compared_row_by_row(void **state)
{
    const struct sample *sample = *state;
    for (size_t row = 0; row < ROWS; row++)
        for (int relation = ALERTRON_IS; relation <= ALERTRON_AT_MOST; relation++)
            for (int wanted = ALERTRON_SEVERITY_NONE; wanted <= ALERTRON_SEVERITY_HIGH; wanted++) {
                const alertron_check check = {.rows = alertron_rows_of(sample->numbers + row * WIDTH, 1, WIDTH),
                                              .relation = (alertron_relation)relation,
                                              .severity = (alertron_severity)wanted};
                const alertron_check_result result = make(sample->model, &check);
                const int is = (int)alertron_model_severity(sample->model, sample->scores[row]);
                assert_int_equal(result.passed, as_wanted(check.relation, is, wanted));
                assert_true(result.row == 0 && result.figure == sample->scores[row] && result.score == result.figure);
            }
}

static void a_severity_that_is_wrong_is_told(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {.rows = sample->rows, .relation = ALERTRON_AT_LEAST, .severity = ALERTRON_SEVERITY_LOW};
    const alertron_check_result result = make(sample->model, &check);
    size_t missed = 0;
    for (size_t row = 0; row < ROWS; row++) {
        missed += !(sample->scores[row] > alertron_model_cuts(sample->model).threshold);
        assert_true(sample->scores[row] >= result.score);
    }
    char end[64];
    alertron__text(end, sizeof end, "; at least low was wanted; so it is in %zu of 400 rows", missed);
    assert_non_null(strstr(result.text, " is none"));
    assert_non_null(strstr(result.text, end));
    check = (alertron_check){.rows = alertron_rows_of(sample->numbers, 1, WIDTH), .severity = ALERTRON_SEVERITY_HIGH};
    assert_non_null(strstr(make(sample->model, &check).text, " is none; high was wanted"));
}

static void scores_stand_to_their_bound(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {
        .kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .relation = ALERTRON_AT_LEAST, .bound = 1.0};
    for (size_t row = 0; row < ROWS; row++)
        check.bound = sample->scores[row] < check.bound ? sample->scores[row] : check.bound;
    assert_true(make(sample->model, &check).passed);
    check.bound = nextafter(check.bound, 1.0);
    assert_false(make(sample->model, &check).passed);
    check.relation = ALERTRON_AT_MOST;
    check.bound = sample->scores[7];
    const alertron_check_result result = make(sample->model, &check);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(sample->scores[row] <= result.figure);
}

static void golden_scores_are_each_rows_own(void **state)
{
    const struct sample *sample = *state;
    double golden[ROWS];
    memcpy(golden, sample->scores, sizeof golden);
    alertron_check check = {.kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .scores = golden, .bound = 0.123};
    assert_true(make(sample->model, &check).passed);
    golden[17] += 0.001;
    golden[18] += 0.01;
    check.tolerance = 0.0011;
    const alertron_check_result result = make(sample->model, &check);
    assert_false(result.passed);
    assert_int_equal(result.row, 18);
    assert_non_null(strstr(result.text, "of row 18; "));
    assert_non_null(strstr(result.text, "within 0.0011; so it is in 1 of 400 rows"));
    check.tolerance = 0.0101;
    assert_true(make(sample->model, &check).passed);
    golden[3] = NAN;
    assert_int_equal(refusal(sample->model, &check, "row 3 is not a number"), ALERTRON_ERROR_ARGUMENT);
}

static void alarm_rates_are_counted(void **state)
{
    const struct sample *sample = *state;
    for (int severity = ALERTRON_SEVERITY_NONE; severity <= ALERTRON_SEVERITY_HIGH; severity++) {
        const int least = severity ? severity : ALERTRON_SEVERITY_LOW;
        size_t alarms = 0;
        for (size_t row = 0; row < ROWS; row++)
            alarms += (int)alertron_model_severity(sample->model, sample->scores[row]) >= least;
        passes_up_to_its_figure(sample->model,
                                (alertron_check){.kind = ALERTRON_CHECK_ALARM_RATE,
                                                 .rows = sample->rows,
                                                 .severity = (alertron_severity)severity},
                                (double)alarms / ROWS);
    }
}

static void alarm_rates_show_the_row_nearest_to_what_is_wrong(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {.kind = ALERTRON_CHECK_ALARM_RATE, .rows = sample->rows, .relation = ALERTRON_AT_MOST};
    const alertron_check_result many = make(sample->model, &check);
    assert_false(many.passed);
    check.relation = ALERTRON_AT_LEAST;
    check.bound = 1.0;
    const alertron_check_result few = make(sample->model, &check);
    const double threshold = alertron_model_cuts(sample->model).threshold;
    for (size_t row = 0; row < ROWS; row++) {
        assert_true(sample->scores[row] <= many.score);
        assert_true(sample->scores[row] > threshold || sample->scores[row] <= few.score);
    }
    assert_true(few.score <= threshold);
    assert_non_null(strstr(few.text, "% of 400 rows; at least 100% was wanted"));
}

/* A figure just beside its bound must not look as if it stood on it. */
static void figures_are_told_apart_from_their_bound(void **state)
{
    (void)state;
    assert_string_equal(alertron__number_beside(0.912345, 0.95, 4).bytes, "0.9123");
    assert_string_equal(alertron__number_beside(0.9499999, 0.95, 4).bytes, "0.9499999");
    assert_string_equal(alertron__number_beside(0.95000001, 0.95, 4).bytes, "0.95000001");
    assert_string_equal(alertron__number_beside(0.95, 0.95, 4).bytes, "0.95");
    assert_string_equal(alertron__number_beside(1.0, 0.95, 4).bytes, "1");
    assert_string_equal(alertron__number_beside(nextafter(0.5, 0.0), 0.5, 4).bytes, "0.49999999999999994");
    assert_string_equal(alertron__number_beside(1e300, 0.5, 4).bytes, "1e+300");
}

/* --- agreement and duration ----------------------------------------------------------------------------------- */

static void agreement_is_about_sides(void **state)
{
    const struct sample *sample = *state;
    const alertron_fit_options options = {.trees = 20, .contamination = 0.2, .seed = 4};
    alertron_model *other = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_non_null(other);
    const double threshold = alertron_model_cuts(sample->model).threshold,
                 others = alertron_model_cuts(other).threshold;
    size_t agreed = 0, farthest = ROWS;
    double apart = -1.0;
    for (size_t row = 0; row < ROWS; row++) {
        const double score = alertron_model_score(other, sample->numbers + row * WIDTH);
        const bool same = (sample->scores[row] > threshold) == (score > others);
        agreed += same;
        if (!same && fabs(score - sample->scores[row]) > apart) {
            apart = fabs(score - sample->scores[row]);
            farthest = row;
        }
    }
    assert_in_range(agreed, 1, ROWS - 1);
    const alertron_check check = {.kind = ALERTRON_CHECK_AGREEMENT, .rows = sample->rows, .other = other};
    assert_int_equal(make(sample->model, &check).row, farthest);
    passes_up_to_its_figure(sample->model, check, (double)agreed / ROWS);
    const alertron_check same = {
        .kind = ALERTRON_CHECK_AGREEMENT, .rows = sample->rows, .other = sample->model, .bound = 1.0};
    assert_true(make(sample->model, &same).passed);
    alertron_model_free(other);
}

/* A clock by which the first model takes a millisecond a round and the second `ratio` of one; each round begins and
 * ends with a look at it. */
struct fake_clock {
    double now, steps[2];
    unsigned looks, n_steps;
};

static double look(void *context)
{
    struct fake_clock *clock = context;
    if (clock->looks++ % 2)
        clock->now += clock->steps[clock->n_steps++ % 2];
    return clock->now;
}

static void duration_is_what_the_clock_says(void **state)
{
    const struct sample *sample = *state;
    struct fake_clock clock = {.steps = {0.5, 0.75}}; /* the first look is at the other model, to find how often */
    const alertron_check check = {.kind = ALERTRON_CHECK_DURATION,
                                  .rows = sample->rows,
                                  .relation = ALERTRON_AT_MOST,
                                  .bound = 1.2,
                                  .other = sample->model,
                                  .clock = {look, &clock}};
    alertron_check_result result = make(sample->model, &check);
    assert_float_equal(result.figure, 1.5, 1e-12);
    assert_false(result.passed);
    assert_int_equal(result.row, ALERTRON_NO_ROW);
    assert_string_equal(result.text, "takes 150% of the other model's time; at most 120% was wanted");
    clock = (struct fake_clock){.steps = {0.75, 0.5}};
    assert_true(make(sample->model, &check).passed);
    clock = (struct fake_clock){.steps = {0.0, 0.0}};
    assert_int_equal(refusal(sample->model, &check, "stands still"), ALERTRON_ERROR_ARGUMENT);
    clock = (struct fake_clock){.steps = {1.0, -1.0}};
    assert_int_equal(refusal(sample->model, &check, "goes back"), ALERTRON_ERROR_ARGUMENT);
}

/* --- along a feature --------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Every number at which a score can change, and its neighbours; malloced. */
static double *every_number(const struct synthetic *synthetic, uint32_t feature, size_t *n)
{
    double *numbers = malloc(sizeof *numbers * (3 * (size_t)synthetic->n_nodes + 2));
    assert_non_null(numbers);
    *n = 0;
    numbers[(*n)++] = -DBL_MAX;
    numbers[(*n)++] = DBL_MAX;
    for (uint32_t i = 0; i < synthetic->n_nodes; i++) {
        const struct tree_node *node = &synthetic->nodes[i];
        if (node->left < 0 || node->feature != feature || !isfinite(node->threshold))
            continue;
        numbers[(*n)++] = node->threshold;
        if (node->threshold < DBL_MAX)
            numbers[(*n)++] = nextafter(node->threshold, INFINITY);
        if (node->threshold > -DBL_MAX)
            numbers[(*n)++] = nextafter(node->threshold, -INFINITY);
    }
    qsort(numbers, *n, sizeof *numbers, by_number);
    return numbers;
}

struct naive {
    double fall, change; /* the deepest and the largest */
    bool band_falls, band_changes;
};

static void go(const alertron_model *model, double *row, uint32_t feature, const double *numbers, size_t n, int step,
               struct naive *naive)
{
    const double start = row[feature], start_score = alertron_model_score(model, row);
    double highest = start_score;
    for (size_t i = 0; i < n; i++) {
        row[feature] = step > 0 ? numbers[i] : numbers[n - 1 - i];
        if (!(start != start) && (step > 0 ? row[feature] <= start : row[feature] >= start))
            continue;
        const double score = alertron_model_score(model, row);
        naive->fall = fmax(naive->fall, highest - score);
        naive->change = fmax(naive->change, fabs(score - start_score));
        naive->band_falls |= alertron_model_severity(model, score) < alertron_model_severity(model, highest);
        naive->band_changes |= alertron_model_severity(model, score) != alertron_model_severity(model, start_score);
        highest = fmax(highest, score);
    }
    row[feature] = start;
}

static void compare_along(const alertron_model *model, double *row, uint32_t feature, alertron_direction direction,
                          const struct naive *naive)
{
    alertron_check check = {.kind = ALERTRON_CHECK_INVARIANCE,
                            .rows = alertron_rows_of(row, 1, alertron_model_features(model)),
                            .feature = feature,
                            .direction = direction};
    if (row[feature] != row[feature] && direction != ALERTRON_VARYING) {
        assert_int_equal(refusal(model, &check, "no number to begin from"), ALERTRON_ERROR_ARGUMENT);
        return;
    }
    assert_int_equal(make(model, &check).passed, !naive->band_changes);
    check.by_score = true;
    alertron_check_result result = make(model, &check);
    assert_true(result.figure == naive->change);
    assert_int_equal(result.passed, !(naive->change > 0.0));
    if (naive->change > 0.0) {
        const double start = row[feature];
        row[feature] = result.value;
        assert_true(result.feature == feature && alertron_model_score(model, row) == result.score);
        row[feature] = start;
        check.tolerance = naive->change;
        assert_true(make(model, &check).passed);
    }
    if (row[feature] != row[feature])
        return;
    check.kind = ALERTRON_CHECK_MONOTONE;
    check.tolerance = 0.0;
    check.by_score = false;
    assert_int_equal(make(model, &check).passed, !naive->band_falls);
    check.by_score = true;
    result = make(model, &check);
    assert_true(result.figure == naive->fall);
    assert_int_equal(result.passed, !(naive->fall > 0.0));
}

static alertron_model *synthetic_model(const struct synthetic *synthetic)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct model_parts parts = {.forest = synthetic_forest(synthetic, NULL),
                                      .samples = 256,
                                      .normalizer = 10.0 * synthetic->n_trees,
                                      .cuts = {.threshold = 0.5,
                                               .medium = 0.6,
                                               .high = 0.7,
                                               .medium_quantile = 0.8,
                                               .high_quantile = 0.95,
                                               .origin = ALERTRON_CUTS_FILE}};
    assert_non_null(parts.forest);
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    return model;
}

/* Forests of all shapes: against the scores at every threshold of the forest and beside it. */
/* Every feature is each of them, from the row as it is. */
static void every_feature_is_each_of_them(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(78, 0);
    for (uint64_t index = 0; index < 2 * SYNTHETIC_SHAPES; index++) {
        struct synthetic synthetic = synthetic_new(32, index);
        alertron_model *model = synthetic_model(&synthetic);
        double *row = malloc(sizeof *row * synthetic.n_features), change = 0.0;
        assert_non_null(row);
        synthetic_rows(&synthetic, &random, ALERTRON_FLOAT64, 1, row);
        for (uint32_t i = 0; i < synthetic.n_features; i++)
            row[i] = isfinite(row[i]) ? row[i] : 0.0;
        alertron_check check = {.kind = ALERTRON_CHECK_INVARIANCE,
                                .rows = alertron_rows_of(row, 1, synthetic.n_features),
                                .by_score = true};
        for (; check.feature < synthetic.n_features && synthetic.n_features < 50; check.feature++) {
            const double figure = make(model, &check).figure;
            change = figure > change ? figure : change;
        }
        check.feature = ALERTRON_EVERY_FEATURE;
        if (synthetic.n_features < 50)
            assert_true(make(model, &check).figure == change);
        free(row);
        alertron_model_free(model);
        synthetic_free(&synthetic);
    }
}

static void no_interval_along_a_feature_is_missed(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(77, 0);
    for (uint64_t index = 0; index < 2 * SYNTHETIC_SHAPES; index++) {
        struct synthetic synthetic = synthetic_new(31, index);
        alertron_model *model = synthetic_model(&synthetic);
        double *rows = malloc(sizeof *rows * 2 * synthetic.n_features);
        assert_non_null(rows);
        synthetic_rows(&synthetic, &random, ALERTRON_FLOAT64, 2, rows);
        const uint32_t feature = alertron__random_below(&random, synthetic.n_features);
        size_t n;
        double *numbers = every_number(&synthetic, feature, &n);
        for (size_t r = 0; r < 2 && n < 4000; r++)
            for (int direction = ALERTRON_VARYING; direction <= ALERTRON_FALLING; direction++) {
                double *row = rows + r * synthetic.n_features;
                if (!isfinite(row[feature]) && !isnan(row[feature]))
                    row[feature] = 0.0;
                struct naive naive = {0};
                if (isnan(alertron_model_score(model, row)))
                    continue;
                if (direction != ALERTRON_FALLING)
                    go(model, row, feature, numbers, n, 1, &naive);
                if (direction != ALERTRON_RISING)
                    go(model, row, feature, numbers, n, -1, &naive);
                compare_along(model, row, feature, (alertron_direction)direction, &naive);
            }
        free(numbers);
        free(rows);
        alertron_model_free(model);
        synthetic_free(&synthetic);
    }
}

/* Splits below splits of the same feature: here a subtree that is overlooked shows. */
static void no_subtree_is_overlooked(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(78, 0);
    for (int i = 0; i < 300; i++) {
        struct tree_node nodes[31];
        uint32_t end = 31;
        for (uint32_t at = 0; at < end; at++) {
            const bool leaf = at >= 15;
            nodes[at] = (struct tree_node){.left = leaf ? -1 : 2 * (int64_t)at + 1,
                                           .right = leaf ? -1 : 2 * (int64_t)at + 2,
                                           .threshold = (double)alertron__random_below(&random, 12),
                                           .term = 10.0 * alertron__random_unit(&random)};
        }
        const struct synthetic synthetic = {
            .n_features = 1, .n_trees = 1, .n_nodes = end, .ends = &end, .nodes = nodes, .longest = 10.0};
        alertron_model *model = synthetic_model(&synthetic);
        size_t n;
        double *numbers = every_number(&synthetic, 0, &n), row = 0.5 * alertron__random_below(&random, 25);
        struct naive naive = {0};
        go(model, &row, 0, numbers, n, 1, &naive);
        go(model, &row, 0, numbers, n, -1, &naive);
        compare_along(model, &row, 0, ALERTRON_VARYING, &naive);
        free(numbers);
        alertron_model_free(model);
    }
}

/* x <= 1: score s1; 1 < x <= 2: s2; above: s3; by one tree. */
static alertron_model *staircase(double first, double second, double third)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct tree_node nodes[] = {{.left = 1, .right = 2, .feature = 1, .threshold = 1.0},
                                      {.left = -1, .right = -1, .term = first},
                                      {.left = 3, .right = 4, .feature = 1, .threshold = 2.0},
                                      {.left = -1, .right = -1, .term = second},
                                      {.left = -1, .right = -1, .term = third}};
    static const char *const names[] = {"still", "hot\nwater"};
    struct model_parts parts = {.forest = alertron__forest_new(2, 1, 5, &allocator, NULL),
                                .samples = 5,
                                .normalizer = 1.0,
                                .cuts = {0.3, 0.6, 0.7, 0.75, 0.9375, 20, ALERTRON_CUTS_FILE},
                                .feature_names = names};
    assert_non_null(parts.forest);
    assert_int_equal(alertron__forest_add_tree(parts.forest, nodes, 5, NULL), ALERTRON_OK);
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    return model;
}

static void a_fall_is_told_with_where_it_was_higher(void **state)
{
    (void)state;
    alertron_model *model = staircase(2.0, 1.0, 3.0); /* scores 0.25, 0.5, 0.125 */
    const double row[] = {7.0, 0.0, 7.0, 0.5};
    alertron_check check = {.kind = ALERTRON_CHECK_MONOTONE,
                            .rows = alertron_rows_of(row, 2, 2),
                            .feature = ALERTRON_EVERY_FEATURE,
                            .direction = ALERTRON_RISING};
    alertron_check_result result = make(model, &check);
    assert_false(result.passed);
    assert_string_equal(result.text, "hot?water at 2.0000000000000004 scores 0.125, none; before, at 2, it was 0.5, "
                                     "low (row 0)");
    assert_true(result.row == 0 && result.feature == 1 && result.value > 2.0 && result.score == 0.125);
    check.direction = ALERTRON_FALLING;
    assert_true(make(model, &check).passed);
    check.kind = ALERTRON_CHECK_INVARIANCE;
    check.direction = ALERTRON_VARYING;
    check.feature = 0;
    assert_true(make(model, &check).passed);
    check.feature = 1;
    result = make(model, &check);
    assert_string_equal(result.text, "hot?water at 2 scores 0.5, low; unchanged, at 0, it was 0.25, none (row 0)");
    check.by_score = true;
    check.tolerance = 0.25;
    assert_true(make(model, &check).passed);
    check.tolerance = 0.24;
    assert_false(make(model, &check).passed);
    alertron_model_free(model);
}

/* Falls within a band do not look more normal, unless the check is about the score. */
static void a_severity_that_stays_is_not_more_normal(void **state)
{
    (void)state;
    alertron_model *model = staircase(3.0, 2.0, 2.5);
    const double row[] = {0.0, 0.0};
    alertron_check check = {.kind = ALERTRON_CHECK_MONOTONE,
                            .rows = alertron_rows_of(row, 1, 2),
                            .feature = 1,
                            .direction = ALERTRON_RISING};
    assert_true(make(model, &check).passed);
    check.by_score = true;
    check.tolerance = 0.01;
    assert_false(make(model, &check).passed);
    alertron_model_free(model);
}

/* --- refusals ------------------------------------------------------------------------------------------------------
 */

static void what_can_not_be_checked_is_refused(void **state)
{
    const struct sample *sample = *state;
    const alertron_model *model = sample->model;
    const alertron_check good = {.kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .bound = 0.5};
    alertron_check check = good;
    check.rows.width = 2;
    assert_int_equal(refusal(model, &check, "rows of 2 numbers; the model has 3 features"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.rows.rows = 0;
    assert_int_equal(refusal(model, &check, "no row"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.bound = NAN;
    assert_int_equal(refusal(model, &check, "bound"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.tolerance = -1.0;
    assert_int_equal(refusal(model, &check, "tolerance"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = (alertron_check_kind)(ALERTRON_CHECK_DURATION + 1);
    assert_int_equal(refusal(model, &check, "kind"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.relation = (alertron_relation)3;
    assert_int_equal(refusal(model, &check, "relation"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = ALERTRON_CHECK_RECALL;
    assert_int_equal(refusal(model, &check, "labels"), ALERTRON_ERROR_ARGUMENT);
    check.labels = sample->labels;
    check.alarm_rate = 1.5;
    assert_int_equal(refusal(model, &check, "alarm rate"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = ALERTRON_CHECK_MONOTONE;
    check.feature = WIDTH;
    assert_int_equal(refusal(model, &check, "feature"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_AGREEMENT;
    assert_int_equal(refusal(model, &check, "another model"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_DURATION;
    check.other = model;
    assert_int_equal(refusal(model, &check, "clock"), ALERTRON_ERROR_ARGUMENT);
    alertron_model *narrow = staircase(1.0, 1.0, 1.0);
    check.other = narrow;
    assert_int_equal(refusal(model, &check, "another number of features"), ALERTRON_ERROR_ARGUMENT);
    alertron_model_free(narrow);
}

static void a_row_without_a_score_is_refused_by_every_kind(void **state)
{
    const struct sample *sample = *state;
    double numbers[2 * WIDTH] = {1, 2, 3, 4, NAN, 6}, golden[2] = {0.5, 0.5};
    const unsigned char labels[2] = {0, 1};
    struct fake_clock clock = {.steps = {1.0, 1.0}};
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_DURATION; kind++) {
        const alertron_check check = {.kind = (alertron_check_kind)kind,
                                      .rows = alertron_rows_of(numbers, 2, WIDTH),
                                      .labels = labels,
                                      .scores = golden,
                                      .other = sample->model,
                                      .clock = {look, &clock}};
        assert_int_equal(refusal(sample->model, &check, "row 1 has no score"), ALERTRON_ERROR_ARGUMENT);
    }
}

static void rows_are_read_where_they_lie(void **state)
{
    const struct sample *sample = *state;
    float columns[WIDTH * ROWS];
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < WIDTH; column++)
            columns[column * ROWS + ROWS - 1 - row] = (float)sample->numbers[row * WIDTH + column];
    const alertron_rows view = {columns + ROWS - 1,
                                ALERTRON_FLOAT32,
                                ROWS,
                                WIDTH,
                                -(ptrdiff_t)sizeof(float),
                                (ptrdiff_t)(ROWS * sizeof(float))};
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_AGREEMENT; kind++) {
        alertron_check check = {.kind = (alertron_check_kind)kind,
                                .rows = sample->rows,
                                .relation = ALERTRON_AT_LEAST,
                                .bound = 0.97,
                                .labels = sample->labels,
                                .feature = ALERTRON_EVERY_FEATURE,
                                .other = sample->model};
        const alertron_check_result plain = make(sample->model, &check);
        check.rows = view;
        const alertron_check_result turned = make(sample->model, &check);
        assert_string_equal(plain.text, turned.text);
        assert_true(plain.figure == turned.figure && plain.row == turned.row);
    }
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    const struct sample *sample = *state;
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_AGREEMENT; kind++) {
        bool done = false;
        for (size_t nth = 1; !done; nth++) {
            failing_allocator failing = {.nth = nth};
            const alertron_allocator allocator = failing_allocator_of(&failing);
            const alertron_check check = {.kind = (alertron_check_kind)kind,
                                          .rows = alertron_rows_of(sample->numbers, 50, WIDTH),
                                          .labels = sample->labels,
                                          .feature = ALERTRON_EVERY_FEATURE,
                                          .other = sample->model};
            alertron_check_result result;
            alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
            alertron_status status = alertron_model_check(sample->model, &check, &result, &allocator, &error);
            done = status == ALERTRON_OK;
            assert_true(done || status == ALERTRON_ERROR_MEMORY);
            assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
            assert_int_equal(failing.bytes_held, 0);
            assert_true(done || nth < 100);
        }
    }
}

static void a_golden_score_is_shown_with_the_digits_that_differ(void **state)
{
    const struct sample *sample = *state;
    const alertron_check check = {.kind = ALERTRON_CHECK_SCORE,
                                  .rows = alertron_rows_of(sample->numbers, 1, WIDTH),
                                  .bound = sample->scores[0] + 3e-8,
                                  .tolerance = 1e-8};
    const alertron_check_result result = make(sample->model, &check);
    assert_false(result.passed);
    const double shown = strtod(result.text + strlen("score "), NULL);
    assert_true(fabs(shown - sample->scores[0]) <= 0.6e-8);
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
        cmocka_unit_test(severities_are_compared_row_by_row),
        cmocka_unit_test(a_severity_that_is_wrong_is_told),
        cmocka_unit_test(scores_stand_to_their_bound),
        cmocka_unit_test(golden_scores_are_each_rows_own),
        cmocka_unit_test(alarm_rates_are_counted),
        cmocka_unit_test(alarm_rates_show_the_row_nearest_to_what_is_wrong),
        cmocka_unit_test(figures_are_told_apart_from_their_bound),
        cmocka_unit_test(agreement_is_about_sides),
        cmocka_unit_test(duration_is_what_the_clock_says),
        cmocka_unit_test(no_interval_along_a_feature_is_missed),
        cmocka_unit_test(every_feature_is_each_of_them),
        cmocka_unit_test(no_subtree_is_overlooked),
        cmocka_unit_test(a_fall_is_told_with_where_it_was_higher),
        cmocka_unit_test(a_severity_that_stays_is_not_more_normal),
        cmocka_unit_test(what_can_not_be_checked_is_refused),
        cmocka_unit_test(a_row_without_a_score_is_refused_by_every_kind),
        cmocka_unit_test(rows_are_read_where_they_lie),
        cmocka_unit_test(a_golden_score_is_shown_with_the_digits_that_differ),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
