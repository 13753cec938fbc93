/* test_sklearn.c: models that scikit-learn saved give scikit-learn's scores; damaged ones are refused. */
#include "support.h"

#include "sklearn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tests/data/sklearn/make.py made these; beside each is a CSV with scikit-learn's scores and labels. */
static const char *const models[] = {
    "1.0.2_bare_float64.pkl",
    "1.0.2_dict_standard_float32.joblib",
    "1.1.3_pipeline_minmax_clip_float64.joblib",
    "1.2.2_bare_features_float64.pkl",
    "1.2.2_dict_robust_float32.joblib",
    "1.3.2_bare_names_float64.joblib",
    "1.3.2_pipeline_maxabs_float64.pkl",
    "1.4.2_dict_minmax_float32.pkl",
    "1.5.2_pipeline_nested_float64.joblib",
    "1.6.1_bare_degenerate_float64.pkl",
    "1.6.1_bare_missing_float64.pkl",
    "1.6.1_pipeline_robust_float32.pkl",
    "1.7.1_bare_random_state_float64.pkl",
    "1.7.1_dict_standard_float32.joblib",
    "1.7.1_pipeline_standard_float32.pkl",
    "1.8.0_bare_without_rows_float64.pkl",
    "1.8.0_dict_standard_float32.pkl",
    "1.8.0_pipeline_four_float32.joblib",
    "1.8.0_pipeline_names_float64.pkl",
    "1.9.1_bare_deep_float64.pkl",
    "1.9.1_bare_missing_or_one_float64.joblib",
    "1.9.1_dict_big_endian_float32.pkl",
    "1.9.1_dict_keys_float32.pkl",
    "1.9.1_dict_objects_float32.pkl",
    "1.9.1_dict_standard_float32.joblib",
    "1.9.1_pipeline_empty_column_float64.pkl",
    "1.9.1_pipeline_half_floats_float64.pkl",
    "1.9.1_pipeline_maxabs_clip_float64.pkl",
};
enum { N_MODELS = sizeof models / sizeof *models };

/* The reference models that are not compressed, and the type of their rows where it isn't the default. */
static const struct {
    const char *name;
    alertron_input input;
} zoo[] = {
    {"s122_bare_f3.joblib", ALERTRON_INPUT_DEFAULT},      {"s132_bare_f8_ms32.pkl", ALERTRON_INPUT_DEFAULT},
    {"s132_dict_f3.joblib", ALERTRON_INPUT_DEFAULT},      {"s142_bare_f1.pkl", ALERTRON_INPUT_DEFAULT},
    {"s152_bare_f8_half.joblib", ALERTRON_INPUT_DEFAULT}, {"s161_bare_f3_nan.joblib", ALERTRON_INPUT_DEFAULT},
    {"s161_pipe_std_f3.joblib", ALERTRON_INPUT_FLOAT32},  {"s171_bare_f8.pkl", ALERTRON_INPUT_DEFAULT},
    {"s180_dict_f3.pkl", ALERTRON_INPUT_DEFAULT},         {"s191_bare_f3.joblib", ALERTRON_INPUT_DEFAULT},
    {"s191_dict_f3.joblib", ALERTRON_INPUT_DEFAULT},
};

static alertron_input input_of(const char *name)
{
    return strstr(name, "float32") ? ALERTRON_INPUT_FLOAT32 : ALERTRON_INPUT_FLOAT64;
}

static char *data_path(const char *name)
{
    const size_t size = strlen(ALERTRON_TESTS_DIR) + strlen(name) + 16;
    char *path = malloc(size);
    assert_non_null(path);
    snprintf(path, size, "%s/data/sklearn/%s", ALERTRON_TESTS_DIR, name);
    return path;
}

static unsigned char *data_bytes(const char *name, size_t *n)
{
    char *path = data_path(name);
    unsigned char *bytes = read_file(path, n);
    if (!bytes)
        fail_msg("%s can't be read", path);
    free(path);
    return bytes;
}

static alertron_model *load(const unsigned char *bytes, size_t n, alertron_input input)
{
    alertron_error error = {0};
    const alertron_load_options options = {.input = input};
    alertron_model *model = alertron_model_load_with(bytes, n, &options, NULL, &error);
    if (!model)
        fail_msg("%s", error.text);
    return model;
}

static alertron_model *load_data(const char *name, alertron_input input)
{
    size_t n;
    unsigned char *bytes = data_bytes(name, &n);
    alertron_model *model = load(bytes, n, input);
    free(bytes);
    return model;
}

static void replace_extension(char *path)
{
    strcpy(strrchr(path, '.'), ".csv");
}

/* Each row, alone and among the others, has the score and label that stand behind its features. */
static void check_scores(const alertron_model *model, const char *csv)
{
    size_t rows, columns;
    const size_t width = alertron_model_features(model);
    double *numbers = read_csv(csv, &rows, &columns), *scores = calloc(rows, sizeof *scores);
    assert_non_null(scores);
    assert_true(columns >= width + 2);
    alertron_rows view = alertron_rows_of(numbers, rows, width);
    view.row_stride = (ptrdiff_t)(columns * sizeof *numbers);
    assert_int_equal(alertron_model_score_rows(model, &view, scores), ALERTRON_OK);
    for (size_t i = 0; i < rows; i++) {
        const double *row = numbers + i * columns;
        const double score = alertron_model_score(model, row);
        assert_true(score == scores[i]);
        if (ulps_between(score, row[width]) > 2)
            fail_msg("%s: row %zu scores %.17g, not %.17g", csv, i, score, row[width]);
        const bool anomaly = alertron_model_severity(model, score) != ALERTRON_SEVERITY_NONE;
        if (anomaly != (row[width + 1] == 1.0))
            fail_msg("%s: row %zu is labelled %d", csv, i, anomaly);
        if (columns > width + 2) /* path_sum */
            assert_true(alertron_model_path_length(model, row) == row[width + 2]);
    }
    free(scores);
    free(numbers);
}

static void scores_what_each_scikit_learn_scored(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        alertron_model *model = load_data(models[i], input_of(models[i]));
        char *csv = data_path(models[i]);
        replace_extension(csv);
        check_scores(model, csv);
        free(csv);
        alertron_model_free(model);
    }
}

static void check_shared(const char *name, const char *csv_name, alertron_input input)
{
    size_t n;
    char *path = shared_path(name), *csv = shared_path(csv_name);
    unsigned char *bytes = read_file(path, &n);
    assert_non_null(bytes);
    alertron_model *model = load(bytes, n, input);
    check_scores(model, csv);
    alertron_model_free(model);
    free(bytes);
    free(csv);
    free(path);
}

static void scores_the_reference_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof zoo / sizeof *zoo; i++) {
        char name[80], csv[80];
        snprintf(name, sizeof name, "upstream/zoo/%s", zoo[i].name);
        strcpy(csv, name);
        replace_extension(csv);
        check_shared(name, csv, zoo[i].input);
    }
}

/* 2,000 rows: the sum over trees to the bit, the score within 2 ulp, the label. */
static void gives_the_upstream_models_path_sums(void **state)
{
    (void)state;
    check_shared("upstream/anomaly_iforest.joblib", "upstream/reference_scores.csv", ALERTRON_INPUT_DEFAULT);
}

static void reads_half_floats_exactly(void **state)
{
    (void)state;
    const struct {
        unsigned bits;
        double number;
    } halves[] = {{0x3c00, 1.0},      {0xc100, -2.5},     {0x3555, 0x1.554p-2}, {0x7bff, 65504.0},
                  {0x0400, 0x1p-14},  {0x0001, 0x1p-24},  {0x83ff, -0x3ffp-24}, {0x0000, 0.0},
                  {0x7c00, INFINITY}, {0xfc00, -INFINITY}};
    struct dtype half = {.kind = 'f', .size = 2};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        const unsigned bits = halves[i].bits;
        const unsigned char bytes[] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)bits};
        half.big_endian = false;
        assert_true(alertron__dtype_number(&half, bytes) == halves[i].number);
        half.big_endian = true;
        assert_true(alertron__dtype_number(&half, bytes + 1) == halves[i].number);
    }
    half.big_endian = false;
    assert_true(isnan(alertron__dtype_number(&half, (const unsigned char *)"\x01\x7c")));
    assert_true(signbit(alertron__dtype_number(&half, (const unsigned char *)"\0\x80")));
}

static void says_where_a_model_comes_from(void **state)
{
    (void)state;
    alertron_model_info info;
    alertron_model *model = load_data("1.9.1_dict_standard_float32.joblib", ALERTRON_INPUT_DEFAULT);
    alertron_model_describe(model, &info);
    assert_string_equal(info.producer, "scikit-learn 1.9.1");
    assert_string_equal(info.provenance, "container: dict(StandardScaler, IsolationForest)\n"
                                         "contamination: 0.1\nmax_features: 1\nbootstrap: false\ninput: float32\n");
    assert_int_equal(info.samples, 16);
    assert_int_equal(info.trees, 2);
    assert_int_equal(info.features, 2);
    assert_true(info.missing_values);
    assert_true(info.normalizer == 2 * alertron__average_path_length(16));
    alertron_model_free(model);

    model = load_data("1.8.0_pipeline_four_float32.joblib", ALERTRON_INPUT_DEFAULT);
    alertron_model_describe(model, &info);
    assert_string_equal(info.provenance,
                        "container: Pipeline(RobustScaler, MinMaxScaler, StandardScaler, MaxAbsScaler, "
                        "IsolationForest)\ncontamination: auto\nmax_features: 1\nbootstrap: false\ninput: float64\n");
    alertron_model_free(model);

    model = load_data("1.9.1_dict_keys_float32.pkl", ALERTRON_INPUT_DEFAULT);
    alertron_model_describe(model, &info);
    assert_non_null(strstr(info.provenance, "\nignored keys: trained, features, auc, limits, version\n"));
    alertron_model_free(model);

    model = load_data("1.2.2_bare_features_float64.pkl", ALERTRON_INPUT_DEFAULT);
    alertron_model_describe(model, &info);
    assert_string_equal(info.provenance,
                        "container: IsolationForest\ncontamination: auto\nmax_features: 0.5\nbootstrap: false\n");
    assert_false(info.missing_values);
    alertron_model_free(model);
}

static void takes_over_the_threshold_and_leaves_the_cuts_provisional(void **state)
{
    (void)state;
    alertron_model *model = load_data("1.2.2_bare_features_float64.pkl", ALERTRON_INPUT_DEFAULT);
    const alertron_cuts cuts = alertron_model_cuts(model);
    assert_true(cuts.threshold == 0.5);
    assert_true(cuts.medium_quantile == 0.80 && cuts.high_quantile == 0.95);
    assert_int_equal(cuts.origin, ALERTRON_CUTS_PROVISIONAL);
    alertron_model_free(model);
}

static void keeps_feature_names(void **state)
{
    (void)state;
    const char *const named[] = {"1.3.2_bare_names_float64.joblib", "1.8.0_pipeline_names_float64.pkl"};
    for (size_t i = 0; i < 2; i++) {
        alertron_model *model = load_data(named[i], ALERTRON_INPUT_DEFAULT);
        assert_string_equal(alertron_model_feature_name(model, 0), "temperature");
        assert_string_equal(alertron_model_feature_name(model, 1), "druck (bar)");
        assert_string_equal(alertron_model_feature_name(model, 2), "gr\xc3\xb6\xc3\x9f"
                                                                   "e_\xc2\xb5");
        assert_null(alertron_model_feature_name(model, 3));
        alertron_model_free(model);
    }
    alertron_model *model = load_data("1.9.1_dict_standard_float32.joblib", ALERTRON_INPUT_DEFAULT);
    assert_null(alertron_model_feature_name(model, 0));
    alertron_model_free(model);
}

static size_t count_differing_scores(const char *name, alertron_input one, alertron_input other)
{
    alertron_model *first = load_data(name, one), *second = load_data(name, other);
    char *csv = data_path(name);
    replace_extension(csv);
    size_t rows, columns, differing = 0;
    double *numbers = read_csv(csv, &rows, &columns);
    for (size_t i = 0; i < rows; i++)
        differing +=
            alertron_model_score(first, numbers + i * columns) != alertron_model_score(second, numbers + i * columns);
    free(numbers);
    free(csv);
    alertron_model_free(first);
    alertron_model_free(second);
    return differing;
}

static void takes_float32_rows_for_a_dict_and_float64_for_a_pipeline(void **state)
{
    (void)state;
    const char *const dict = "1.7.1_dict_standard_float32.joblib";
    assert_int_equal(count_differing_scores(dict, ALERTRON_INPUT_DEFAULT, ALERTRON_INPUT_FLOAT32), 0);
    assert_true(count_differing_scores(dict, ALERTRON_INPUT_DEFAULT, ALERTRON_INPUT_FLOAT64) > 0);
    const char *const pipeline = "1.8.0_pipeline_names_float64.pkl";
    assert_int_equal(count_differing_scores(pipeline, ALERTRON_INPUT_DEFAULT, ALERTRON_INPUT_FLOAT64), 0);
    assert_true(count_differing_scores(pipeline, ALERTRON_INPUT_DEFAULT, ALERTRON_INPUT_FLOAT32) > 0);
    const char *const bare = "1.0.2_bare_float64.pkl";
    assert_int_equal(count_differing_scores(bare, ALERTRON_INPUT_FLOAT32, ALERTRON_INPUT_FLOAT64), 0);
}

static void scores_missing_values_from_1_6_on(void **state)
{
    (void)state;
    const double row[] = {NAN, 1.0, 2.0};
    alertron_model *model = load_data("1.6.1_bare_missing_float64.pkl", ALERTRON_INPUT_DEFAULT);
    assert_true(alertron_model_score(model, row) > 0);
    alertron_model_free(model);
    model = load_data("1.5.2_pipeline_nested_float64.joblib", ALERTRON_INPUT_DEFAULT);
    assert_true(isnan(alertron_model_score(model, row)));
    alertron_model_free(model);
}

/* --- refusals -------------------------------------------------------------------------------------------- */

static void refuses(const void *bytes, size_t n, alertron_status status, const char *expected)
{
    alertron_error error = {0};
    assert_null(alertron_model_load(bytes, n, NULL, &error));
    if (!strstr(error.text, expected))
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
    assert_int_equal(error.status, status);
}

static void refuses_compressed_bytes_by_name(void **state)
{
    (void)state;
    const struct {
        const char *bytes, *name;
    } beginnings[] = {{"\x78\x01", "zlib"},
                      {"\x78\x5e", "zlib"},
                      {"\x78\x9c", "zlib"},
                      {"\x78\xda", "zlib"},
                      {"\x1f\x8b", "gzip"},
                      {"\xfd"
                       "7zXZ",
                       "xz"},
                      {"\x5d\0\0", "lzma"},
                      {"BZh9", "bz2"},
                      {"\x04\x22\x4d\x18", "lz4"},
                      {"\x28\xb5\x2f\xfd", "zstd"}};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        char bytes[16] = {0};
        strcpy(bytes, beginnings[i].bytes);
        refuses(bytes, sizeof bytes, ALERTRON_ERROR_COMPRESSED, beginnings[i].name);
    }
}

static void refuses_the_compressed_reference_model(void **state)
{
    (void)state;
    size_t n;
    char *path = shared_path("upstream/zoo/s171_dict_f3_z3.joblib");
    unsigned char *bytes = read_file(path, &n);
    refuses(bytes, n, ALERTRON_ERROR_COMPRESSED, "compressed with zlib");
    free(bytes);
    free(path);
}

static void refuses_bytes_of_other_kinds(void **state)
{
    (void)state;
    refuses("", 0, ALERTRON_ERROR_FORMAT, "the file is empty");
    refuses("\x80", 1, ALERTRON_ERROR_FORMAT, "neither");
    refuses("{\"model\": 1}", 12, ALERTRON_ERROR_FORMAT, "neither");
    refuses("\x93NUMPY\1\0", 8, ALERTRON_ERROR_UNSUPPORTED, "a NumPy array");
    refuses("PK\3\4", 4, ALERTRON_ERROR_UNSUPPORTED, "zip");
}

static void survives_every_allocation_that_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        size_t n;
        unsigned char *bytes = data_bytes(models[i], &n);
        alertron_model *model = NULL;
        for (size_t nth = 1; !model; nth++) {
            failing_allocator failing = {.nth = nth};
            const alertron_allocator allocator = failing_allocator_of(&failing);
            alertron_error error = {0};
            model = alertron_model_load(bytes, n, &allocator, &error);
            if (!model)
                assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
            alertron_model_free(model);
            assert_int_equal(failing.bytes_held, 0);
            assert_true(nth < 1000);
        }
        free(bytes);
    }
}

static void loads_within_sixteen_bytes_a_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        size_t n;
        unsigned char *bytes = data_bytes(models[i], &n);
        failing_allocator counter = {0};
        const alertron_allocator allocator = failing_allocator_of(&counter);
        alertron_model_free(alertron_model_load(bytes, n, &allocator, NULL));
        assert_in_range(counter.bytes_peak, 1, 16 * n + 1048576);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_what_each_scikit_learn_scored),
        cmocka_unit_test(scores_the_reference_models),
        cmocka_unit_test(gives_the_upstream_models_path_sums),
        cmocka_unit_test(reads_half_floats_exactly),
        cmocka_unit_test(says_where_a_model_comes_from),
        cmocka_unit_test(takes_over_the_threshold_and_leaves_the_cuts_provisional),
        cmocka_unit_test(keeps_feature_names),
        cmocka_unit_test(takes_float32_rows_for_a_dict_and_float64_for_a_pipeline),
        cmocka_unit_test(scores_missing_values_from_1_6_on),
        cmocka_unit_test(refuses_compressed_bytes_by_name),
        cmocka_unit_test(refuses_the_compressed_reference_model),
        cmocka_unit_test(refuses_bytes_of_other_kinds),
        cmocka_unit_test(survives_every_allocation_that_fails),
        cmocka_unit_test(loads_within_sixteen_bytes_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
