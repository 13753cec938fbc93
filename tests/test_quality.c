/* test_quality.c: forests find anomalies as well as scikit-learn's do. */
#include "support.h"

#include <math.h>
#include <stdlib.h>

struct labelled {
    double score;
    bool anomaly;
};

static int by_score(const void *a, const void *b)
{
    const double x = ((const struct labelled *)a)->score, y = ((const struct labelled *)b)->score;
    return (x > y) - (x < y);
}

/* The chance that an anomaly scores higher than a normal row; ties count half. */
static double auroc_of(struct labelled *rows, size_t n)
{
    qsort(rows, n, sizeof *rows, by_score);
    double normal_below = 0, wins = 0, n_anomalies = 0;
    for (size_t i = 0, end; i < n; i = end) {
        double anomalies = 0, normal = 0;
        for (end = i; end < n && !(rows[i].score < rows[end].score); end++)
            *(rows[end].anomaly ? &anomalies : &normal) += 1;
        wins += anomalies * (normal_below + normal / 2);
        normal_below += normal;
        n_anomalies += anomalies;
    }
    return wins / (n_anomalies * normal_below);
}

/* Mean over ten seeds of forests with the default options. The file's last column is the label. */
static double mean_auroc(const char *name)
{
    enum { SEEDS = 10 };
    char *path = shared_path(name);
    size_t n, columns;
    double *numbers = read_csv(path, &n, &columns), *scores = malloc(n * sizeof *scores), sum = 0;
    struct labelled *labelled = malloc(n * sizeof *labelled);
    assert_true(scores && labelled);
    alertron_rows rows = alertron_rows_of(numbers, n, columns);
    rows.width--;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const alertron_fit_options options = {.seed = seed};
        alertron_model *model = alertron_model_fit(&rows, &options, NULL, NULL);
        assert_non_null(model);
        assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
        for (size_t i = 0; i < n; i++)
            labelled[i] = (struct labelled){scores[i], numbers[i * columns + columns - 1] == 1.0};
        sum += auroc_of(labelled, n);
        alertron_model_free(model);
    }
    free(labelled);
    free(scores);
    free(numbers);
    free(path);
    return sum / SEEDS;
}

static void assert_auroc(const char *name, double mean, double deviation)
{
    const double got = mean_auroc(name);
    if (fabs(got - mean) > deviation)
        fail_msg("%s: %.4f, not %.4f within %.4f", name, got, mean, deviation);
}

/* Means and standard deviations over 40 seeds of scikit-learn 1.7.1's forests with their default options. */
static void annthyroid_is_ranked_as_well_as_by_scikit_learn(void **state)
{
    (void)state;
    assert_auroc("datasets/tabular/annthyroid.csv", 0.8205, 0.016);
}

static void mammography_is_ranked_as_well_as_by_scikit_learn(void **state)
{
    (void)state;
    assert_auroc("datasets/tabular/mammography.csv", 0.8605, 0.009);
}

static void shuttle_is_ranked_as_well_as_by_scikit_learn(void **state)
{
    (void)state;
    assert_auroc("datasets/tabular/shuttle.csv", 0.997, 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annthyroid_is_ranked_as_well_as_by_scikit_learn),
        cmocka_unit_test(mammography_is_ranked_as_well_as_by_scikit_learn),
        cmocka_unit_test(shuttle_is_ranked_as_well_as_by_scikit_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
