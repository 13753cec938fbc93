/* test_sklearn_damage.c: models of scikit-learn's that were cut, altered or made to do harm. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that tests/data/sklearn/make.py made. */
static unsigned char *data_bytes(const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/sklearn/%s", ALERTRON_TESTS_DIR, name);
    unsigned char *bytes = read_file(path, n);
    if (!bytes)
        fail_msg("%s can't be read", path);
    return bytes;
}

static void refuses(const void *bytes, size_t n, alertron_status status, const char *expected)
{
    alertron_error error = {0};
    assert_null(alertron_model_load(bytes, n, NULL, &error));
    if (!strstr(error.text, expected))
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
    assert_int_equal(error.status, status);
}

static void refuses_every_file_that_is_cut(void **state)
{
    (void)state;
    const char *const cut[] = {"1.6.1_bare_degenerate_float64.pkl", "1.3.2_bare_names_float64.joblib",
                               "1.3.2_pipeline_maxabs_float64.pkl", "1.0.2_dict_standard_float32.joblib"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        size_t n;
        unsigned char *bytes = data_bytes(cut[i], &n);
        for (size_t length = 0; length < n; length++) {
            /* A copy of its own, so that a read past the end is seen. */
            unsigned char *part = malloc(length + 1);
            memcpy(part, bytes, length);
            part = realloc(part, length ? length : 1);
            alertron_error error = {0};
            assert_null(alertron_model_load(part, length, NULL, &error));
            assert_int_equal(error.status, ALERTRON_ERROR_FORMAT);
            free(part);
        }
        free(bytes);
    }
}

static void survives_every_byte_that_is_altered(void **state)
{
    (void)state;
    const char *const altered[] = {"1.6.1_bare_degenerate_float64.pkl", "1.6.1_bare_missing_float64.pkl",
                                   "1.0.2_dict_standard_float32.joblib", "1.3.2_bare_names_float64.joblib",
                                   "1.3.2_pipeline_maxabs_float64.pkl"};
    const unsigned char masks[] = {0x01, 0x80, 0xff};
    const double row[4096] = {1.5, -2.5, NAN};
    for (size_t i = 0; i < sizeof altered / sizeof *altered; i++) {
        size_t n;
        unsigned char *bytes = data_bytes(altered[i], &n);
        for (size_t at = 0; at < n; at++) {
            for (size_t mask = 0; mask < sizeof masks; mask++) {
                bytes[at] ^= masks[mask];
                failing_allocator counter = {0};
                const alertron_allocator allocator = failing_allocator_of(&counter);
                alertron_model *model = alertron_model_load(bytes, n, &allocator, NULL);
                if (model) {
                    double score = alertron_model_score(model, row);
                    assert_true(isnan(score) || (score >= 0.0 && score <= 1.0));
                }
                alertron_model_free(model);
                assert_int_equal(counter.bytes_held, 0);
                assert_true(counter.bytes_peak <= 16 * n + 1048576);
                bytes[at] ^= masks[mask];
            }
        }
        free(bytes);
    }
}

/* --- models with one thing wrong, made by scikit-learn ------------------------------------------------------ */

static void refuses_models_that_cannot_be_right(void **state)
{
    (void)state;
    const struct {
        const char *name;
        alertron_status status;
        const char *expected;
    } models[] = {
        {"shared_trees", ALERTRON_ERROR_LIMIT, "its trees share them"},
        {"one_name", ALERTRON_ERROR_FORMAT, "no array of 2 names"},
        {"number_as_name", ALERTRON_ERROR_FORMAT, "no array of 2 names"},
        {"long_name", ALERTRON_ERROR_LIMIT, "the name of feature 1 at byte"},
        {"flat_scale", ALERTRON_ERROR_FORMAT, "StandardScaler: scale_: the array at byte"},
        {"short_scale", ALERTRON_ERROR_FORMAT, "is not one of 2 numbers"},
        {"objects_as_scale", ALERTRON_ERROR_FORMAT, "is not one of 2 numbers"},
        {"list_as_scale", ALERTRON_ERROR_FORMAT, "a list at byte"},
        {"other_width", ALERTRON_ERROR_UNSUPPORTED, "is fitted to 4 features, the forest to 2"},
        {"second_scaler", ALERTRON_ERROR_UNSUPPORTED, "the dict holds MinMaxScaler at byte"},
        {"another_tree", ALERTRON_ERROR_FORMAT, "is no tuple of one array a tree"},
        {"no_tree", ALERTRON_ERROR_FORMAT, "it is no ExtraTreeRegressor"},
        {"many_samples", ALERTRON_ERROR_LIMIT, "trees of 1099511627776 rows; at most 16777216"},
        {"text_as_flag", ALERTRON_ERROR_FORMAT, "with_mean at byte 90 is text, not a bool"},
        {"no_forest", ALERTRON_ERROR_UNSUPPORTED, "the model's end is StandardScaler"},
        {"not_fitted", ALERTRON_ERROR_UNSUPPORTED, "the IsolationForest at byte"},
        {"scaler_not_fitted", ALERTRON_ERROR_UNSUPPORTED, "was not fitted: call fit before saving it"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char name[80];
        size_t n;
        snprintf(name, sizeof name, "1.9.1_refused_%s_float64.pkl", models[i].name);
        unsigned char *bytes = data_bytes(name, &n);
        refuses(bytes, n, models[i].status, models[i].expected);
        free(bytes);
    }
}

/* --- one thing wrong at a time -------------------------------------------------------------------------------- */

/* The place behind the first `text` from `bytes` on. */
static unsigned char *behind_bytes(unsigned char *bytes, const unsigned char *end, const void *sought, size_t length)
{
    for (unsigned char *at = bytes; at + length < end; at++)
        if (memcmp(at, sought, length) == 0)
            return at + length;
    fail_msg("what is to be altered is not in the file");
    return NULL;
}

static unsigned char *behind(unsigned char *bytes, const unsigned char *end, const char *text)
{
    return behind_bytes(bytes, end, text, strlen(text));
}

struct damage {
    const char *place; /* what stands before it in the file */
    size_t skip, n;    /* bytes between (a name is put into the memo), and bytes that are replaced */
    const char *bytes;
    alertron_status status;
    const char *expected;
};

static void refuses_damage(const char *name, const struct damage *damage)
{
    size_t n;
    unsigned char *bytes = data_bytes(name, &n);
    unsigned char *at = behind(bytes, bytes + n, damage->place) + damage->skip;
    assert_true(at + damage->n <= bytes + n);
    assert_true(memcmp(at, damage->bytes, damage->n) != 0);
    memcpy(at, damage->bytes, damage->n);
    refuses(bytes, n, damage->status, damage->expected);
    free(bytes);
}

static void refuses_what_no_forest_says_of_itself(void **state)
{
    (void)state;
    const struct damage damages[] = {
        {"\x0b"
         "estimator",
         0, 1, "X", ALERTRON_ERROR_UNSUPPORTED, "was not fitted: call fit"},
        {"offset_", 2, 8, "\x7f\xf8\0\0\0\0\0\0", ALERTRON_ERROR_FORMAT, "offset_ at byte"},
        {"offset_", 2, 8, "\xff\xf0\0\0\0\0\0\0", ALERTRON_ERROR_FORMAT, "is no finite number"},
        {"max_samples_", 1, 2, ")\x85", ALERTRON_ERROR_FORMAT, "is no number of rows"},
        {"_max_features", 2, 1, "\x03", ALERTRON_ERROR_FORMAT, "_max_features at byte"},
        {"_max_features", 2, 1, "\x01", ALERTRON_ERROR_FORMAT, "not the forest's _max_features"},
        {"n_features_in_", 2, 1, "\0", ALERTRON_ERROR_FORMAT, "no number of features"},
        {"node_count", 2, 1, "\x01", ALERTRON_ERROR_FORMAT, "no array of node_count nodes"},
        {"_sklearn_version", 3, 5, "2.0.1", ALERTRON_ERROR_UNSUPPORTED, "1.0 to 1.9 can be read"},
        {"_sklearn_version", 3, 5, "one.1", ALERTRON_ERROR_FORMAT, "which scikit-learn"},
        {"right_chil", 0, 1, "X", ALERTRON_ERROR_FORMAT, "lack a field"},
        {"_decision_path_length", 0, 1, "X", ALERTRON_ERROR_FORMAT, "_decision_path_lengths at byte"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++)
        refuses_damage("1.9.1_bare_deep_float64.pkl", &damages[i]);
}

/* The two doubles of scale_ stand behind their count of bytes. */
static void refuses_scalers_that_do_not_rise(void **state)
{
    (void)state;
    const struct {
        uint64_t bits;
        const char *expected;
    } scales[] = {{0, "scale_ of feature 1 is 0;"},
                  {0xbff0000000000000, "scale_ of feature 1 is -1;"},
                  {0x7ff0000000000000, "scale_ of feature 1 is +Inf;"},
                  {0x7fe0000000000000, "no float32 may overflow"},
                  {0x0010000000000000, "must be above 0 and finite"}};
    size_t n;
    unsigned char *bytes = data_bytes("1.8.0_dict_standard_float32.pkl", &n);
    unsigned char *scale = behind(behind(bytes, bytes + n, "scale_"), bytes + n, "C\x10");
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        alertron__store_le(scale + 8, 8, scales[i].bits);
        refuses(bytes, n, ALERTRON_ERROR_UNSUPPORTED, scales[i].expected);
    }
    alertron__store_le(scale + 8, 8, 0x7ff8000000000000);
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "splits a feature of which the scaler has seen no number");
    free(bytes);
}

/* The first node of a tree: left child 1, then the right child, the feature, the threshold, each of 8 bytes. */
static unsigned char *first_node(unsigned char *bytes, size_t n)
{
    const unsigned char left[8] = {1};
    for (size_t i = 0; i + 64 < n; i++)
        if (memcmp(bytes + i, left, 8) == 0 && bytes[i + 8] > 1 && alertron__load_le(bytes + i + 9, 7) == 0 &&
            alertron__load_le(bytes + i + 16, 8) < 2)
            return bytes + i;
    fail_msg("no node is in the file");
    return NULL;
}

static void refuses_trees_that_are_none(void **state)
{
    (void)state;
    const struct {
        size_t skip;
        uint64_t value;
        const char *expected;
    } damages[] = {
        {0, 0, "tree 0, node 0: its children are outside the tree or before it"},
        {0, 5000, "its children are outside"},
        {0, UINT64_MAX, "its children are outside"},
        {8, 1, "it hangs on no other node"},
        {8, 0x7fffffffffffffff, "its children are outside"},
        {16, 2, "its feature is out of range"},
        {16, UINT64_MAX - 1, "its feature is out of range"},
        {24, 0x7ff8000000000000, "its threshold is not a number"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        size_t n;
        unsigned char *bytes = data_bytes("1.9.1_bare_deep_float64.pkl", &n);
        alertron__store_le(first_node(bytes, n) + damages[i].skip, 8, damages[i].value);
        refuses(bytes, n, ALERTRON_ERROR_FORMAT, damages[i].expected);
        free(bytes);
    }
}

static void refuses_leaves_that_are_none(void **state)
{
    (void)state;
    const unsigned char leaf[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    size_t n;
    unsigned char *bytes = data_bytes("1.9.1_bare_deep_float64.pkl", &n);
    unsigned char *rows = behind_bytes(bytes, bytes + n, leaf, sizeof leaf) + 24;
    const uint64_t one = alertron__load_le(rows, 8);
    alertron__store_le(rows, 8, (uint64_t)1 << 40);
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "its number of rows is out of range");
    alertron__store_le(rows, 8, one + 1);
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "is not that of its rows");
    free(bytes);

    /* Before 1.3 the rows are all there is. */
    bytes = data_bytes("1.2.2_bare_features_float64.pkl", &n);
    rows = behind_bytes(bytes, bytes + n, leaf, sizeof leaf) + 24;
    alertron__store_le(rows, 8, UINT64_MAX);
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "its number of rows is out of range");
    free(bytes);
}

/* The depth of each node, 1 and 2 at first, and c(rows), of 120 rows at first. */
static void refuses_tables_that_do_not_fit_the_tree(void **state)
{
    (void)state;
    const unsigned char depths[16] = {[0] = 1, [8] = 2};
    unsigned char path[8];
    size_t n;
    unsigned char *bytes = data_bytes("1.9.1_bare_deep_float64.pkl", &n);
    unsigned char *depth =
        behind_bytes(behind(bytes, bytes + n, "_decision_path_lengths"), bytes + n, depths, sizeof depths);
    for (size_t i = 0; i < 64; i++)
        depth[8 * i] ^= 0x40;
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "its _decision_path_lengths is not that of its place in the tree");
    for (size_t i = 0; i < 64; i++)
        depth[8 * i] ^= 0x40;
    alertron__store_le(path, 8, alertron__bits_of_double(alertron__average_path_length(120)));
    unsigned char *paths = behind_bytes(behind(bytes, bytes + n, "_average_path_length_per_tree"), bytes + n, path, 8);
    for (size_t i = 0; i < 64; i++)
        alertron__store_le(paths + 8 * i, 8, alertron__bits_of_double(9.75));
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "its _average_path_length_per_tree is not that of its rows");
    free(bytes);
}

static void refuses_arrays_that_are_none(void **state)
{
    (void)state;
    size_t n;
    unsigned char *bytes = data_bytes("1.8.0_dict_standard_float32.pkl", &n);
    unsigned char *shape = behind(behind(bytes, bytes + n, "mean_"), bytes + n, "K\x01K");
    *shape = 1;
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "has a shape that its data don't fit");
    *shape = 2;
    /* A field at byte 40 of a node is put past the node's end. */
    *(behind(bytes, bytes + n, "K(\x86") - 2) = 0xf9;
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "its nodes lack a field");
    free(bytes);

    bytes = data_bytes("1.9.1_refused_one_name_float64.pkl", &n);
    *behind(behind(bytes, bytes + n, "feature_names_in_"), bytes + n, "K\x01K") = 2;
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "has a shape that its data don't fit");
    free(bytes);

    bytes = data_bytes("1.2.2_bare_features_float64.pkl", &n);
    unsigned char *subset = behind(behind(bytes, bytes + n, "estimators_features_"), bytes + n, "C\x10");
    alertron__store_le(subset, 8, 4);
    refuses(bytes, n, ALERTRON_ERROR_FORMAT, "estimators_features_ is out of range");
    free(bytes);
}

/* Of joblib's arrays, the shape and the type are kept in a dict that the pickle can get at again from its memo, once
 * the data have been read: {"zz": memo[i] with "shape" or "dtype" anew}. Whichever of the memo's is such a dict. */
static void refuses_arrays_that_change_once_they_are_read(void **state)
{
    (void)state;
    static const char shape[] = "X\x02\0\0\0zzj\0\0\0\0X\x05\0\0\0shapeJ\xff\xff\xff\x7f\x85ss.";
    static const char type[] = "X\x02\0\0\0zzj\0\0\0\0X\x05\0\0\0dtypecnumpy\ndtype\nX\x0a\0\0\0V100000000\x85Rss.";
    enum { MEMO_AT = 8, MEMO_MAX = 200 };
    const struct {
        const char *bytes;
        size_t n;
    } ends[] = {{shape, sizeof shape - 1}, {type, sizeof type - 1}};
    size_t n, changed = 0;
    unsigned char *bytes = data_bytes("1.0.2_dict_standard_float32.joblib", &n);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (unsigned memo = 0; memo < MEMO_MAX; memo++) {
            unsigned char *evil = malloc(n - 1 + ends[i].n);
            memcpy(evil, bytes, n - 1);
            memcpy(evil + n - 1, ends[i].bytes, ends[i].n);
            evil[n - 1 + MEMO_AT] = (unsigned char)memo;
            alertron_error error = {0};
            alertron_model *model = alertron_model_load(evil, n - 1 + ends[i].n, NULL, &error);
            changed += !model && strstr(error.text, "has a shape that its data don't fit") != NULL;
            alertron_model_free(model);
            free(evil);
        }
    assert_true(changed >= 2);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_file_that_is_cut),
        cmocka_unit_test(survives_every_byte_that_is_altered),
        cmocka_unit_test(refuses_models_that_cannot_be_right),
        cmocka_unit_test(refuses_what_no_forest_says_of_itself),
        cmocka_unit_test(refuses_scalers_that_do_not_rise),
        cmocka_unit_test(refuses_trees_that_are_none),
        cmocka_unit_test(refuses_leaves_that_are_none),
        cmocka_unit_test(refuses_tables_that_do_not_fit_the_tree),
        cmocka_unit_test(refuses_arrays_that_are_none),
        cmocka_unit_test(refuses_arrays_that_change_once_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
