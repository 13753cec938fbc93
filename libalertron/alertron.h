/* alertron.h: anomaly detection on streams of readings.
 *
 * This header is the whole public API of libalertron and its manual.
 *
 *     bytes -> alertron_model_load -> alertron_model_score -> alertron_model_severity
 *     rows  -> alertron_model_fit  -> alertron_model_save  -> bytes
 *     alertron_registry: counters, gauges and histograms in Prometheus' text formats
 *
 * Rules that hold for every function:
 *   - No I/O, no clock, no environment, no locale, no threads, no mutable globals. Bytes, time and
 *     seeds are passed in.
 *   - Input is never trusted: what is malformed is refused with a text that says what was wrong,
 *     where, and what to do. Only programmer errors (a NULL where none is allowed) are asserted.
 *   - On failure a function returns NULL or a status, fills *error if error is not NULL, and leaves
 *     its outputs untouched.
 *   - What `_new`, `_load` and `_fit` return belongs to the caller, who gives it to `_free`.
 *     `_free(NULL)` does nothing. Pointers returned by other functions live as long as their object.
 *   - Memory comes from the allocator given; NULL means malloc and free. Nothing is allocated by
 *     scoring, grading or updating a metric.
 */
#ifndef ALERTRON_H
#define ALERTRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ALERTRON_API __attribute__((visibility("default")))
#else
#define ALERTRON_API
#endif

#define ALERTRON_VERSION "0.1.0"

/* The version of the library that is linked, e.g. "0.1.0". */
ALERTRON_API const char *alertron_version(void);

/* ---------------------------------------------------------------------------------------------
 * Bounds. Whatever exceeds one is refused with ALERTRON_ERROR_LIMIT.
 */
#define ALERTRON_FEATURES_MAX 4096u        /* features of a row */
#define ALERTRON_TREES_MAX 65536u          /* trees of a forest */
#define ALERTRON_NODES_MAX 67108864u       /* nodes of a forest, all trees together */
#define ALERTRON_DEPTH_MAX 64u             /* nodes on a path from the root to a leaf */
#define ALERTRON_SAMPLES_MAX 16777216u     /* rows that one tree is grown on */
#define ALERTRON_FEATURE_NAME_MAX 256u     /* bytes of a feature's name */
#define ALERTRON_PROVENANCE_MAX 4096u      /* bytes of a provenance text */
#define ALERTRON_TESTS_MAX 65536u          /* bytes of the tests that a model carries */
#define ALERTRON_TEST_LINES_MAX 65536u     /* tests in one text */
#define ALERTRON_TEST_BYTES_MAX 131072u    /* bytes of a test's line */
#define ALERTRON_TESTS_WORK_MAX 134217728u /* work of the tests that a model carries, in nodes of trees */

/* ---------------------------------------------------------------------------------------------
 * Errors and memory
 */
typedef enum alertron_status {
    ALERTRON_OK = 0,
    ALERTRON_ERROR_MEMORY,      /* the allocator returned NULL */
    ALERTRON_ERROR_ARGUMENT,    /* a value given by the caller is out of range */
    ALERTRON_ERROR_FORMAT,      /* malformed, cut short or altered bytes */
    ALERTRON_ERROR_COMPRESSED,  /* zlib, gzip, ... around what may be a model: inflate it first */
    ALERTRON_ERROR_UNSUPPORTED, /* well-formed, but not a model that this library can score */
    ALERTRON_ERROR_LIMIT,       /* one of the bounds above, or a bound given by the caller */
    ALERTRON_ERROR_SELF_TEST    /* the model does not give the scores stored with it, or fails its tests */
} alertron_status;

#define ALERTRON_NO_OFFSET UINT64_MAX

typedef struct alertron_error {
    alertron_status status;
    uint64_t offset; /* byte of the input that is at fault, or ALERTRON_NO_OFFSET */
    char text[320];  /* one line for a person, without a newline; names the offset where there is one */
} alertron_error;

typedef struct alertron_allocator {
    void *(*allocate)(void *context, size_t bytes);             /* as malloc; bytes > 0; aligned as malloc's */
    void (*release)(void *context, void *memory, size_t bytes); /* bytes as they were asked for */
    void *context;
} alertron_allocator;

/* ---------------------------------------------------------------------------------------------
 * Rows: a view of numbers that the caller owns. Nothing is copied: NumPy arrays of either order,
 * blocks of a data frame and Arrow columns are used where they lie. Memory need not be aligned.
 */
typedef enum alertron_dtype { ALERTRON_FLOAT64 = 0, ALERTRON_FLOAT32 = 1 } alertron_dtype;

typedef struct alertron_rows {
    const void *data;        /* the number at row 0, column 0 */
    alertron_dtype dtype;    /* of each number */
    size_t rows;             /* number of rows */
    size_t width;            /* number of columns: the model's features */
    ptrdiff_t row_stride;    /* bytes from a number to the same column of the next row; may be negative */
    ptrdiff_t column_stride; /* bytes from a number to the next column of the same row */
} alertron_rows;

/* A view of `rows` x `width` doubles that lie row after row without gaps. */
ALERTRON_API alertron_rows alertron_rows_of(const double *data, size_t rows, size_t width);

/* ---------------------------------------------------------------------------------------------
 * Severity: how far an anomaly stands out among anomalies.
 *
 * A score above the threshold is an anomaly. The bands above it are quantiles of anomalous scores:
 * by default the upper 20% of anomalies are at least medium, the upper 5% are high.
 */
typedef enum alertron_severity {
    ALERTRON_SEVERITY_NONE = 0, /* not an anomaly */
    ALERTRON_SEVERITY_LOW,
    ALERTRON_SEVERITY_MEDIUM,
    ALERTRON_SEVERITY_HIGH
} alertron_severity;

/* "none", "low", "medium" or "high". */
ALERTRON_API const char *alertron_severity_name(alertron_severity severity);

typedef enum alertron_cuts_origin {
    ALERTRON_CUTS_PROVISIONAL = 0, /* no anomalous scores seen: thirds of the way to the forest's highest score */
    ALERTRON_CUTS_TRAINING,        /* quantiles of the anomalous training scores */
    ALERTRON_CUTS_FILE,            /* calibrated from a file of readings */
    ALERTRON_CUTS_STREAM           /* calibrated from readings of the stream */
} alertron_cuts_origin;

/* "provisional", "training", "file" or "stream". */
ALERTRON_API const char *alertron_cuts_origin_name(alertron_cuts_origin origin);

typedef struct alertron_cuts {
    double threshold;       /* anomaly: score > threshold */
    double medium;          /* at least medium: anomaly and score >= medium */
    double high;            /* high: anomaly and score >= high */
    double medium_quantile; /* which quantiles of anomalous scores these are, e.g. 0.80 and 0.95 */
    double high_quantile;
    uint64_t n_scores; /* anomalous scores they were taken from; 0 if provisional */
    alertron_cuts_origin origin;
} alertron_cuts;

/* Fewer anomalous scores than these give no cuts. */
#define ALERTRON_CUTS_SCORES_MIN 10u

/* The band of a score. NaN (no score) is ALERTRON_SEVERITY_NONE. Any thread. */
ALERTRON_API alertron_severity alertron_cuts_severity(const alertron_cuts *cuts, double score);

/* Takes medium and high anew from scores: those above cuts->threshold, at the quantiles that stand in
 * *cuts (linear interpolation between order statistics, as numpy.quantile). Where both fall on the highest score,
 * which readings far outside share, that is high, and medium is the quantile of those below. `scores` is scratch and
 * is reordered. ALERTRON_ERROR_LIMIT, and *cuts as it was, where fewer than ALERTRON_CUTS_SCORES_MIN of
 * them are anomalous or too many are equal to tell three bands apart. */
ALERTRON_API alertron_status alertron_cuts_calibrate(alertron_cuts *cuts, double *scores, size_t n_scores,
                                                     alertron_cuts_origin origin, alertron_error *error);

/* ---------------------------------------------------------------------------------------------
 * Models. A model is immutable once its maker has returned it, and may then be used by any number of
 * threads at the same time without a lock. Scoring and explaining use up to 64 KiB of stack, 12 KiB
 * where pointers have 32 bits.
 */
typedef struct alertron_model alertron_model;

/* Loads a model from memory: libalertron's own file, or a pickle or joblib file of scikit-learn 1.0 to 1.9 with an
 * IsolationForest: alone, in a Pipeline behind scalers, or in a dict {"scaler", "model"} (whose other keys may hold
 * plain data); told apart by content. Nothing in the bytes is executed. They are not needed afterwards, and none may
 * follow the model. Compressed bytes are refused with ALERTRON_ERROR_COMPRESSED. While loading, memory stays below
 * 16 times n_bytes plus a mebibyte, and below 5 times n_bytes plus 513 MiB. NULL on failure. */
ALERTRON_API alertron_model *alertron_model_load(const void *bytes, size_t n_bytes, const alertron_allocator *allocator,
                                                 alertron_error *error);

/* The type of number that the Python caller handed to the model's scaler. It decides the last bit of what
 * scikit-learn computed, so it decides which side of a threshold a reading is on. */
typedef enum alertron_input {
    ALERTRON_INPUT_DEFAULT = 0, /* float32 for a dict of scaler and model, else float64 */
    ALERTRON_INPUT_FLOAT64,
    ALERTRON_INPUT_FLOAT32
} alertron_input;

typedef struct alertron_load_options {
    alertron_input input;
    bool skip_tests; /* load a model that fails the tests it carries, to look into it */
} alertron_load_options;

/* As alertron_model_load, with options; NULL options are the defaults. */
ALERTRON_API alertron_model *alertron_model_load_with(const void *bytes, size_t n_bytes,
                                                      const alertron_load_options *options,
                                                      const alertron_allocator *allocator, alertron_error *error);

typedef struct alertron_fit_options {
    uint32_t trees;         /* 0 means 100 */
    uint32_t samples;       /* rows drawn for each tree, without replacement; 0 means 256, at most all */
    double features;        /* share of the features each tree may use, (0, 1]; 0 means 1 */
    double contamination;   /* share of the rows that are to be anomalies, (0, 0.5]; 0 means a threshold of 0.5 */
    uint64_t seed;          /* the same seed and rows give the same model on every machine */
    double medium_quantile; /* 0 means 0.80 */
    double high_quantile;   /* 0 means 0.95 */
    const char *const *feature_names; /* one a column, UTF-8, or NULL */
    const char *provenance;           /* text to keep with the model, or NULL */
    bool provisional_cuts;            /* do not score the rows, for who wants the forest only: the threshold is 0.5, the
                                       * cuts above it are provisional; refused together with a contamination */
    bool bootstrap;      /* draw each tree's rows with replacement; a row drawn twice is one row of its tree, and c of
                          * the score is that of all draws, both as in scikit-learn */
    bool missing_values; /* NaN is a missing value, in the rows and in what is scored: a split sends it where one of the
                          * rows that it splits goes, drawn at random among those with a number. So a row is isolated by
                          * the numbers it has. Rows without NaN give the same trees as without this option */
} alertron_fit_options;

/* Fits an Isolation Forest (Liu, Ting and Zhou, 2008) to rows of finite numbers; NULL options are the
 * defaults. The trees do not depend on how many follow: a forest of more of them begins with the same. Threshold and
 * cuts come from the scores of the same rows. NULL on failure. */
ALERTRON_API alertron_model *alertron_model_fit(const alertron_rows *rows, const alertron_fit_options *options,
                                                const alertron_allocator *allocator, alertron_error *error);

typedef struct alertron_model_changes {
    const alertron_cuts *cuts;        /* threshold and severity cuts; with the origin provisional they are worked out */
    const char *const *feature_names; /* one a feature, UTF-8 */
    const uint64_t *training_scores;  /* ALERTRON_SCORE_BINS counts, as of alertron_model_training_scores */
    const char *provenance;           /* lines of "key: value", in place of the model's own with the same keys */
    const char *tests;                /* tests for the model to carry in place of its own, which need no file, other
                                       * model or clock; "" for none */
} alertron_model_changes;

/* A copy of the model, different in what *changes gives; what is NULL there stays. The forest, and so every score, is
 * the same. NULL on failure, ALERTRON_ERROR_SELF_TEST where the copy would fail the tests it carries. */
ALERTRON_API alertron_model *alertron_model_with(const alertron_model *model, const alertron_model_changes *changes,
                                                 const alertron_allocator *allocator, alertron_error *error);

/* Writes the model in libalertron's own format (docs/model-format.md) if it fits in `capacity` bytes.
 * Returns the bytes it takes, like snprintf; call with NULL, 0 to learn them. */
ALERTRON_API size_t alertron_model_save(const alertron_model *model, void *buffer, size_t capacity);

ALERTRON_API void alertron_model_free(alertron_model *model);

/* The anomaly score of one row of alertron_model_features() numbers, in the units the model was trained
 * on: in (0, 1], higher is more anomalous; equal to -score_samples() of scikit-learn within 2 ulp.
 *     score = 2 ** -(path_length / (trees * c(samples)))        [Liu, Ting and Zhou 2008, eq. 2]
 * NaN is a missing value: scored where the model takes them, otherwise the score is NaN. */
ALERTRON_API double alertron_model_score(const alertron_model *model, const double *row);

/* Scores each row into scores[0 .. rows->rows): the same bits as row by row, faster. The view must have
 * the model's width: otherwise ALERTRON_ERROR_ARGUMENT, and nothing is written. */
ALERTRON_API alertron_status alertron_model_score_rows(const alertron_model *model, const alertron_rows *rows,
                                                       double *scores);

/* The sum over trees, in their order, of (nodes on the row's path + c(rows in the leaf)) - 1: equal to
 * scikit-learn's to the bit. NaN as for the score. */
ALERTRON_API double alertron_model_path_length(const alertron_model *model, const double *row);

/* Which features isolated a row: shares[0 .. alertron_model_features()), each at least 0, their sum 1. With a row's
 * path through tree t over the nodes v_0 .. v_h, n(v) training rows in a node and f(v) the feature of its split:
 *     phi_f   = sum over t of (1/h) * sum over i < h with f(v_i) = f of (log2 n(v_i) - log2 n(v_i+1) - 1)
 *     share_f = max(phi_f, 0) / sum over g of max(phi_g, 0);  1/features each where no phi is above 0
 * A split that halves a node's rows tells one bit and earns nothing; one that cuts the row off with few others earns
 * what it tells beyond that; and short paths count more. The weight 1/h is that of local DIFFI [Carletti, Terzi and
 * Susto 2023], the credit by n(v_i) / n(v_i+1) that of ExIFFI [Arcudi et al. 2024], here in bits over a fair split. n
 * is taken from the leaves' path lengths and kept to within about 2%. For rows that are anomalies: of a normal row no
 * feature isolated it, and shares are noise. They compare features within one row, are no probabilities, and do not
 * grow with how far out a number is. NaN where the score is NaN. */
ALERTRON_API void alertron_model_explain(const alertron_model *model, const double *row, double *shares);

/* The band of a score by the model's own cuts; ALERTRON_SEVERITY_NONE where it is no anomaly. */
ALERTRON_API alertron_severity alertron_model_severity(const alertron_model *model, double score);

/* The model's own threshold and cuts. */
ALERTRON_API alertron_cuts alertron_model_cuts(const alertron_model *model);

/* How the scores of the training rows lie: counts[i] of them, ALERTRON_SCORE_BINS in all, in [i/256, (i+1)/256), 1 in
 * the last. NULL where nobody scored them: scikit-learn's files, and fits with provisional cuts. */
#define ALERTRON_SCORE_BINS 256u
ALERTRON_API const uint64_t *alertron_model_training_scores(const alertron_model *model);

/* The bin that a score in (0, 1] counts into: below ALERTRON_SCORE_BINS. */
ALERTRON_API size_t alertron_score_bin(double score);

/* The tests that the model carries, "" where it carries none: see alertron_tests below. */
ALERTRON_API const char *alertron_model_tests(const alertron_model *model);

/* Number of features of a row. */
ALERTRON_API size_t alertron_model_features(const alertron_model *model);

/* The name of feature `index`, or NULL where the model has no names. */
ALERTRON_API const char *alertron_model_feature_name(const alertron_model *model, size_t index);

typedef struct alertron_model_info {
    const char *kind;       /* "isolation forest" */
    const char *producer;   /* e.g. "scikit-learn 1.7.1", "alertron 0.1.0" */
    const char *provenance; /* lines of "key: value": the parts of the file, fit options, the caller's text */
    const char *kernel;     /* which kernel scores, e.g. "portable"; "walk", slow, where none takes the model */
    uint32_t features;
    uint32_t trees;
    uint32_t nodes;      /* all trees together */
    uint32_t depth;      /* nodes on the longest path */
    uint32_t samples;    /* rows drawn for each tree */
    double normalizer;   /* trees * c(samples): the score's denominator */
    bool missing_values; /* NaN is scored */
    size_t bytes;        /* memory the model holds */
} alertron_model_info;

/* Fills *info; its strings live as long as the model. */
ALERTRON_API void alertron_model_describe(const alertron_model *model, alertron_model_info *info);

/* Whether two models have the same forest, node by node: then every row has the same score, to the bit. */
ALERTRON_API bool alertron_model_same_forest(const alertron_model *a, const alertron_model *b);

/* Kernels are ways to add up path lengths; all of them give the same bits. A model takes the fastest that suits it
 * and the machine. The name of the kernel at `index` among those that this machine can run, fastest first; NULL past
 * the last. */
ALERTRON_API const char *alertron_kernel_name(size_t index);

/* Makes the model score with the kernel of that name, for tests and benchmarks, before other threads use the model.
 * On failure, where there is no such kernel here or it does not suit the model, it stays as it was. */
ALERTRON_API alertron_status alertron_model_set_kernel(alertron_model *model, const char *name, alertron_error *error);

/* ---------------------------------------------------------------------------------------------
 * Checks: what a model must still do, as functions. A check says what is wanted of a model on rows; each
 * kind uses the members that it names, the others are not looked at.
 *
 *     const alertron_check check = {.kind = ALERTRON_CHECK_ALARM_RATE, .rows = normal,
 *                                   .relation = ALERTRON_AT_MOST, .bound = 0.015};
 *     alertron_check_result result;
 *     if (alertron_model_check(model, &check, &result, NULL, &error) != ALERTRON_OK)
 *         puts(error.text);        the check could not be made: rows of another width, labels all the same, ...
 *     else if (!result.passed)
 *         puts(result.text);       "alarms on 2.35% of 1008 rows; at most 1.5% was wanted"
 */
typedef enum alertron_check_kind {
    ALERTRON_CHECK_SEVERITY = 0,      /* every row is, is at least, or is at most `severity` */
    ALERTRON_CHECK_SCORE,             /* every row's score to `bound`, or to its own among `scores` */
    ALERTRON_CHECK_ALARM_RATE,        /* share of rows that are at least `severity`, of none: of low */
    ALERTRON_CHECK_AUROC,             /* area under the ROC curve, by `labels`; equal scores count half */
    ALERTRON_CHECK_AVERAGE_PRECISION, /* as scikit-learn's average_precision_score, by `labels` */
    ALERTRON_CHECK_RECALL,            /* share of rows with a label that are alarms, at `alarm_rate` */
    ALERTRON_CHECK_MONOTONE,          /* `feature` going `direction` from each row never makes it look more normal */
    ALERTRON_CHECK_INVARIANCE,        /* `feature` going `direction` from each row never changes the verdict */
    ALERTRON_CHECK_AGREEMENT, /* share of rows that model and `other` put on the same side of their thresholds */
    ALERTRON_CHECK_DURATION   /* time to score all rows, in times of what `other` takes, by `clock` */
} alertron_check_kind;

/* How what is found must stand to what is wanted; both ends belong to it. */
typedef enum alertron_relation {
    ALERTRON_IS = 0, /* equal: numbers within the check's tolerance */
    ALERTRON_AT_LEAST,
    ALERTRON_AT_MOST
} alertron_relation;

typedef enum alertron_direction { ALERTRON_VARYING = 0, ALERTRON_RISING, ALERTRON_FALLING } alertron_direction;

/* Time in seconds that never goes back; from when does not matter. */
typedef struct alertron_clock {
    double (*seconds)(void *context);
    void *context;
} alertron_clock;

#define ALERTRON_EVERY_FEATURE SIZE_MAX /* as a check's feature: each of them, one at a time */
#define ALERTRON_NO_ROW SIZE_MAX
#define ALERTRON_NO_FEATURE SIZE_MAX

typedef struct alertron_check {
    alertron_check_kind kind;
    alertron_rows rows;           /* of the model's width, at least one; a row that has no score, for a NaN in it, is
                                   * refused with ALERTRON_ERROR_ARGUMENT */
    alertron_relation relation;   /* not of monotone and invariance */
    alertron_severity severity;   /* of severity and alarm rate */
    double bound;                 /* of all that give a number: a score, a share in [0, 1], or times */
    double tolerance;             /* at least 0. Of a relation `is`: how far off a number may be. Of monotone and
                                   * invariance by score: how far it may fall or change */
    const unsigned char *labels;  /* of AUROC, average precision and recall: one a row, not 0 for an anomaly */
    const double *scores;         /* of score: what each row must score; NULL: bound */
    double alarm_rate;            /* of recall: alarms are the highest scores, as many as this share of all rows allows
                                   * (of equal ones, all or none); 0: what is above the model's threshold */
    size_t feature;               /* of monotone and invariance: an index or ALERTRON_EVERY_FEATURE */
    alertron_direction direction; /* of the same; varying: both ways */
    bool by_score;                /* of the same: look at the score, and not at the severity */
    const alertron_model *other;  /* of agreement and duration, of the same width */
    alertron_clock clock;         /* of duration */
} alertron_check;

typedef struct alertron_check_result {
    bool passed;
    double figure;  /* what was found. Of severity and score: the score of `row`; of monotone: how far the row's score
                     * fell below what it was before; of invariance: how far it changed */
    size_t row;     /* the row that shows it best, passed or not, or ALERTRON_NO_ROW */
    size_t feature; /* which number of that row the check changed, or ALERTRON_NO_FEATURE */
    double value;   /* to what */
    double score;   /* of the row, as changed; NaN where there is no row */
    char text[320]; /* one line for a person: what was found and, where it did not pass, what was wanted */
} alertron_check_result;

/* Makes the check. Whether the model passes is in *result; the status says only whether the check could be made, and
 * *error why not. Takes memory for a few numbers a row, and up to 8 KiB of stack more than
 * scoring. Any thread.
 *
 * Monotone and invariance are exact: a score changes along a feature only at the forest's thresholds, and one number
 * between each two is scored, to both ends of the finite doubles. Going from the row, the severity must at no number
 * be lower than it was at one before; by score, that must at no number be lower by more than the tolerance. Missing
 * and infinite numbers are not tried.
 *
 * Duration is the least of several rounds, the two models taking turns. */
ALERTRON_API alertron_status alertron_model_check(const alertron_model *model, const alertron_check *check,
                                                  alertron_check_result *result, const alertron_allocator *allocator,
                                                  alertron_error *error);

/* ---------------------------------------------------------------------------------------------
 * Tests: checks as text, a line each, that a model's owner writes: docs/model-tests.md is their manual.
 *
 *     reading [70, 140, 0.9]     is at least medium
 *     file    normal_week.csv    alarms at most 1.5%
 *
 * A model may carry those that need no file, other model or clock: alertron_model_with puts them in, and
 * alertron_model_load refuses a model that fails them.
 */
typedef struct alertron_tests alertron_tests;

/* Reads tests: UTF-8, n_bytes, which are not needed afterwards. ALERTRON_ERROR_FORMAT with the line, the column and
 * what could stand there for the first that can't be read. Memory stays below 32 times n_bytes plus 32 KiB. */
ALERTRON_API alertron_tests *alertron_tests_parse(const char *text, size_t n_bytes, const alertron_allocator *allocator,
                                                  alertron_error *error);
ALERTRON_API void alertron_tests_free(alertron_tests *tests);

/* Number of tests, which may be 0. */
ALERTRON_API size_t alertron_tests_count(const alertron_tests *tests);

/* What a file of readings holds. */
typedef struct alertron_tests_data {
    alertron_rows rows;          /* in the order of the model's features */
    const unsigned char *labels; /* one a row, not 0 for an anomaly; NULL where none were asked for */
    const double *scores;        /* one a row; NULL where none were asked for */
} alertron_tests_data;

/* What the tests name and only the program can get. A callback that is NULL makes errors of the tests that need it.
 * Callbacks return a status and fill *error as the library does; what they give must stay until alertron_tests_run
 * returns. They are asked for every test anew: who wants to read a file once keeps it. */
typedef struct alertron_tests_sources {
    /* Readings of the file `name`. Where `labels` is true, their labels: from the column `label_column`, or where that
     * is NULL as the program finds them; where score_column is not NULL, their scores from it. */
    alertron_status (*data)(void *context, const char *name, bool labels, const char *label_column,
                            const char *score_column, alertron_tests_data *data, alertron_error *error);
    alertron_status (*model)(void *context, const char *name, const alertron_model **model, alertron_error *error);
    void *context;        /* of data and model */
    alertron_clock clock; /* seconds may be NULL */
} alertron_tests_sources;

typedef enum alertron_test_outcome {
    ALERTRON_TEST_PASSED = 0,
    ALERTRON_TEST_FAILED,
    ALERTRON_TEST_ERROR /* it could not be run, so nobody knows */
} alertron_test_outcome;

/* "passed", "failed" or "error". */
ALERTRON_API const char *alertron_test_outcome_name(alertron_test_outcome outcome);

typedef struct alertron_test_report {
    size_t line;      /* of the text, from 1 */
    const char *text; /* the test as it was written, without comment and blanks around it */
    alertron_test_outcome outcome;
    alertron_error error;         /* why it could not be run; status ALERTRON_OK where it could */
    alertron_check_result result; /* of a test that was run */
    const char *file;             /* whose row it is, or NULL: the reading in the test */
    const double *reading;        /* that row, one number a feature, as changed and scored; NULL where there is none */
} alertron_test_report;

typedef void alertron_test_report_callback(void *context, const alertron_test_report *report);

/* Runs the tests in their order and reports each; the report lives for the call. ALERTRON_OK if all passed,
 * ALERTRON_ERROR_SELF_TEST where one failed or could not be run, with the first of them in *error. `report` may be
 * NULL: then what stands behind that first one is not run. `sources` may be NULL. Tests may be run by many threads. */
ALERTRON_API alertron_status alertron_tests_run(const alertron_tests *tests, const alertron_model *model,
                                                const alertron_tests_sources *sources,
                                                alertron_test_report_callback *report, void *context,
                                                const alertron_allocator *allocator, alertron_error *error);

/* ---------------------------------------------------------------------------------------------
 * Metrics: counters, gauges and histograms with labels, in Prometheus' text formats.
 *
 * One owner creates families and children, updates and removes them. At the same time any number of
 * threads may render the registry with alertron_registry_text: no call waits for another. Owner means
 * one thread at a time. In a shared registry any number of threads may update children as well.
 */
typedef struct alertron_registry alertron_registry;
typedef struct alertron_counter alertron_counter;
typedef struct alertron_gauge alertron_gauge;
typedef struct alertron_histogram alertron_histogram;
typedef struct alertron_counter_child alertron_counter_child;
typedef struct alertron_gauge_child alertron_gauge_child;
typedef struct alertron_histogram_child alertron_histogram_child;

#define ALERTRON_LABELS_MAX 16u        /* labels of a family */
#define ALERTRON_BUCKETS_MAX 64u       /* buckets of a histogram, +Inf not counted */
#define ALERTRON_LABEL_BYTES_MAX 1024u /* bytes of a label's value; longer ones are cut at a character */
#define ALERTRON_FAMILIES_MAX 1024u    /* families of a registry */

typedef struct alertron_registry_options {
    size_t series_max; /* children of one family before new ones go to its overflow child; 0 means 10,000 */
    bool shared;       /* several threads update at a time: a counter's update then costs a locked instruction, 5 ns
                          or so. An error on machines without atomic words of 64 bits. */
    uint64_t seed;     /* of the tables that find children: a random number where label values come from strangers, who
                          could choose them to collide if they knew it; 0 is as good a one where they don't */
} alertron_registry_options;

/* NULL options are the defaults. NULL on failure. */
ALERTRON_API alertron_registry *alertron_registry_new(const alertron_registry_options *options,
                                                      const alertron_allocator *allocator, alertron_error *error);

/* Frees the registry with all its families and children. Nobody may be using it. */
ALERTRON_API void alertron_registry_free(alertron_registry *registry);

/* Families. Names and label names as Prometheus wants them; help is mandatory; a counter's name ends in
 * "_total". Asking again with the same name, kind, labels and bounds gives the same family, whose help stays;
 * with others it is an error, and so is a name whose samples could be taken for another family's (a histogram
 * x and a gauge x_count). A family without labels (n_labels 0) has its one child from the start, at 0; one
 * with labels is not in the exposition while it has no child. Strings are copied. */
ALERTRON_API alertron_counter *alertron_registry_counter(alertron_registry *registry, const char *name,
                                                         const char *help, const char *const *labels, size_t n_labels,
                                                         alertron_error *error);
ALERTRON_API alertron_gauge *alertron_registry_gauge(alertron_registry *registry, const char *name, const char *help,
                                                     const char *const *labels, size_t n_labels, alertron_error *error);
/* `bounds`: finite upper bounds of the buckets, strictly rising; +Inf is added. */
ALERTRON_API alertron_histogram *alertron_registry_histogram(alertron_registry *registry, const char *name,
                                                             const char *help, const char *const *labels,
                                                             size_t n_labels, const double *bounds, size_t n_bounds,
                                                             alertron_error *error);

/* The child with these label values, n_labels of them (NULL for none), made at 0 where it is new; keep the
 * handle, it is the fast way. Never NULL: where the family is full (series_max) or memory has run out it is
 * the family's overflow child, whose label values are all "_other"; it is in the exposition once it was given
 * out. alertron_registry_overflow_total{family} tells how often that happened: the registry's own counter,
 * there at 0 from the start for each family with labels. Values that are not UTF-8 have the offending bytes
 * replaced by U+FFFD; values that thus become the same have the same child. */
ALERTRON_API alertron_counter_child *alertron_counter_with(alertron_counter *family, const char *const *values);
ALERTRON_API alertron_gauge_child *alertron_gauge_with(alertron_gauge *family, const char *const *values);
ALERTRON_API alertron_histogram_child *alertron_histogram_with(alertron_histogram *family, const char *const *values);

/* Takes a child out of the exposition; its handle is dead from then on, and the same label values begin
 * anew at 0. The overflow child and the child of a family without labels stay. */
ALERTRON_API void alertron_counter_remove(alertron_counter *family, alertron_counter_child *child);
ALERTRON_API void alertron_gauge_remove(alertron_gauge *family, alertron_gauge_child *child);
ALERTRON_API void alertron_histogram_remove(alertron_histogram *family, alertron_histogram_child *child);

/* Updates: no allocation, no lock. A counter ignores amounts that are negative, infinite or NaN. */
ALERTRON_API void alertron_counter_add(alertron_counter_child *child, double amount);
ALERTRON_API double alertron_counter_value(const alertron_counter_child *child);
ALERTRON_API void alertron_gauge_set(alertron_gauge_child *child, double value);
ALERTRON_API double alertron_gauge_value(const alertron_gauge_child *child);
/* Observes `value` `times` times. NaN counts into +Inf and makes the sum NaN, as in other client libraries. */
ALERTRON_API void alertron_histogram_observe(alertron_histogram_child *child, double value, uint64_t times);

typedef enum alertron_exposition {
    ALERTRON_TEXT,       /* text/plain; version=0.0.4; charset=utf-8 */
    ALERTRON_OPENMETRICS /* application/openmetrics-text; version=1.0.0; charset=utf-8 */
} alertron_exposition;

/* The Content-Type of a format, as an HTTP header's value. */
ALERTRON_API const char *alertron_exposition_content_type(alertron_exposition format);

/* Writes the exposition into buffer if it fits in `capacity` bytes, in an order that is the same each time
 * (families and children as they were made), without a NUL. Returns the bytes it takes, like snprintf: where
 * that exceeds capacity, the buffer's content is of no use; ask again with some room to spare, as children
 * may appear in between. A histogram's count is always that of its +Inf bucket; its sum may lack an
 * observation that is being made. In OpenMetrics a histogram with a negative bound has neither sum nor count,
 * as that format demands. Any thread, while the owner writes. */
ALERTRON_API size_t alertron_registry_text(const alertron_registry *registry, alertron_exposition format, char *buffer,
                                           size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
