/* suite.h: the tests of one file, or of a model: read, run, and what came of each; as a summary for people, as TAP and
 * as JUnit's XML. */
#ifndef ALERTROND_SUITE_H
#define ALERTROND_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <alertron.h>

#define SUITE_BYTES_MAX ((size_t)1 << 24) /* of a tests file */
#define SUITE_TEXT_MAX 300u               /* bytes of a test's text that are shown */

/* A test that was run. Texts are UTF-8 without control characters. */
struct suite_case {
    size_t line;
    char *text; /* the test with single blanks */
    alertron_test_outcome outcome;
    char *found; /* what was found and, where it did not pass, what was wanted; or why it could not be run */
    double seconds;
    /* The reading that shows it best, with what the model makes of it; all 0 where there is none. */
    double *reading, *shares; /* one a feature */
    double score;
    alertron_severity severity;
    char *file; /* whose row it is, or NULL: the test's own */
    size_t row, file_line;
    size_t feature; /* which number was changed to what it is, or ALERTRON_NO_FEATURE */
};

struct suite {
    const char *path;
    char *name; /* as messages have it: UTF-8 without control characters */
    char *text;
    size_t n_bytes;
    alertron_tests *tests;
    struct suite_case *cases;
    size_t n_cases;
    size_t n_by_outcome[3];
    double seconds;
};

/* Reads tests from a file, or from standard input for "-". False, and what to say in *message, which is malloced and
 * may have several lines, where they can't be read; with the line and a caret for a mistake in one. */
bool suite_read(struct suite *suite, const char *path, char **message);
/* The tests that a model carries; `path` is the model's. As suite_read. */
bool suite_of_model(struct suite *suite, const char *path, const alertron_model *model, char **message);
void suite_free(struct suite *suite);

struct suite_options {
    const char *features; /* as suite_files_options has it */
    alertron_input input;
    bool carried; /* no files: a model that is only looked into can't have others read */
};

/* Told of each test as soon as it is run: the last one in suite->cases. */
typedef void suite_callback(void *context, const struct suite *suite, const struct suite_case *one);

/* Runs them. False, and why, where memory has run out; whether tests have failed is in n_by_outcome. */
bool suite_run(struct suite *suite, const alertron_model *model, const struct suite_options *options,
               suite_callback *each, void *context, char *why, size_t why_size);

size_t suite_not_passed(const struct suite *suite);

/* ---- what reports share: suite_shown.c ---- */

#define SUITE_SHOWN_MAX 10u /* features of a reading, those first that caused it */

/* A model's feature in a reading. */
struct suite_feature {
    size_t index;
    char name[ALERTRON_FEATURE_NAME_MAX + 1]; /* "feature 3" where the model has no names */
    char value[32];
    double share;
    bool changed;
};

/* The features of a test's reading, falling by share, at most SUITE_SHOWN_MAX. */
size_t suite_features(const struct suite_case *one, const alertron_model *model, struct suite_feature *features);

/* "row 17 of normal.csv (line 19)", or "" where the reading is the test's own. */
void suite_where(const struct suite_case *one, char *out, size_t size);

/* What was found, the reading, its score and the features that caused it, as lines that begin so; of a name that has
 * more characters than that, the middle is left out. */
void suite_tell(FILE *out, const struct suite_case *one, const alertron_model *model, const char *indent,
                size_t name_max);

/* ---- for people: summary.c ---- */

struct summary {
    FILE *out;
    const alertron_model *model;
    bool colour, verbose; /* verbose: what was found stands below tests that passed, too */
    const struct suite *last;
};
void summary_case(struct summary *summary, const struct suite *suite, const struct suite_case *one);
/* "12 passed, 1 failed in 0.03 s" */
void summary_end(const struct summary *summary, const struct suite *suites, size_t n_suites);

/* ---- TAP, version 14 (https://testanything.org/tap-version-14-specification.html): tap.c ---- */

struct tap {
    FILE *out;
    const alertron_model *model;
    bool verbose; /* what was found stands below tests that passed, too */
    size_t n;     /* tests so far */
};
void tap_begin(const struct tap *tap);
void tap_plan(const struct tap *tap, size_t n_tests);
void tap_case(struct tap *tap, const struct suite *suite, const struct suite_case *one);
/* Instead of all that would follow. */
void tap_bail_out(const struct tap *tap, const char *why);

/* ---- JUnit's XML, as CI servers read it: junit.c ---- */

void junit_write(FILE *out, const alertron_model *model, const struct suite *suites, size_t n_suites);

#endif
