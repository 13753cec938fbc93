/* test_testlines.c: each line of the language becomes the check that it says, and what is no line is refused with its
 * place and with what could stand there. */
#include "support.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static alertron_tests *parse(const char *text)
{
    alertron_error error;
    /* Bytes of exactly this size, so that reading beyond them shows. */
    const size_t n = strlen(text);
    char *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    memcpy(bytes, text, n);
    alertron_tests *tests = alertron_tests_parse(bytes, n, NULL, &error);
    free(bytes);
    if (!tests)
        fail_msg("%s: %s", text, error.text);
    return tests;
}

/* The only test of a text. */
static const struct model_test *one(const alertron_tests *tests)
{
    assert_int_equal(alertron_tests_count(tests), 1);
    return tests->first;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void expect_test(const char *text, const struct model_test *wanted)
{
    alertron_tests *tests = parse(text);
    const struct model_test *test = one(tests);
    const alertron_check *check = &test->check, *other = &wanted->check;
    const bool same =
        same_text(test->file, wanted->file) && same_text(test->model, wanted->model) &&
        same_text(test->feature, wanted->feature) && same_text(test->label_column, wanted->label_column) &&
        same_text(test->score_column, wanted->score_column) && check->kind == other->kind &&
        check->relation == other->relation && check->severity == other->severity && check->bound == other->bound &&
        fabs(check->tolerance - other->tolerance) <= 1e-9 * other->tolerance &&
        check->alarm_rate == other->alarm_rate && check->feature == other->feature &&
        check->direction == other->direction && check->by_score == other->by_score;
    if (!same)
        fail_msg("%s: kind %d, relation %d, severity %d, bound %g, tolerance %g", text, (int)check->kind,
                 (int)check->relation, (int)check->severity, check->bound, check->tolerance);
    assert_string_equal(test->text, text);
    assert_int_equal(test->line, 1);
    alertron_tests_free(tests);
}

static void refuse_text(const char *text, alertron_status status, const char *wanted)
{
    alertron_error error = {.status = ALERTRON_OK};
    alertron_tests *tests = alertron_tests_parse(text, strlen(text), NULL, &error);
    assert_null(tests);
    assert_int_equal(error.status, status);
    assert_string_equal(error.text, wanted);
}

static void malformed(const char *text, const char *wanted)
{
    refuse_text(text, ALERTRON_ERROR_FORMAT, wanted);
}

/* --- what can be written ---------------------------------------------------------------------------------------------
 */

static void the_manuals_first_example_is_read(void **state)
{
    (void)state;
    alertron_tests *tests = parse("# pump.tests: what the next version of this model must still do\n"
                                  "reading [50, 100, 0.5]            is none\n"
                                  "reading [70, 140, 0.9]            is at least medium\n"
                                  "file    normal_week.csv           alarms at most 1.5%\n"
                                  "file    labelled.csv              auroc at least 0.95\n"
                                  "every   feature rising from [50, 100, 0.5]   never makes it look more normal\n"
                                  "load    \"pump-previous.alertron\"  agrees on at least 99% of normal_week.csv\n");
    assert_int_equal(alertron_tests_count(tests), 6);
    const struct model_test *test = tests->first;
    for (size_t line = 2; test; test = test->next, line++)
        assert_int_equal(test->line, line);
    alertron_tests_free(tests);
}

static void severities_are_read(void **state)
{
    (void)state;
    struct model_test test = {.check = {.kind = ALERTRON_CHECK_SEVERITY}};
    expect_test("reading [1] is none", &test);
    expect_test("reading [1] is no anomaly", &test);
    test.check.severity = ALERTRON_SEVERITY_HIGH;
    expect_test("reading [1] is high", &test);
    test.check.relation = ALERTRON_AT_MOST;
    expect_test("reading [1] is at most high", &test);
    test.check.relation = ALERTRON_AT_LEAST;
    test.check.severity = ALERTRON_SEVERITY_LOW;
    expect_test("reading [1] is an anomaly", &test);
    expect_test("Reading [1] IS  At\tLeast LOW", &test);
    test.file = "a#b.csv";
    expect_test("file a#b.csv is at least low", &test);
}

static void scores_are_read(void **state)
{
    (void)state;
    struct model_test test = {.check = {.kind = ALERTRON_CHECK_SCORE, .bound = 0.4123, .tolerance = 0.00005}};
    expect_test("reading [1] scores 0.4123", &test);
    test.check.tolerance = 1e-9;
    expect_test("reading [1] scores 0.4123 within 1e-9", &test);
    expect_test("reading [1] scores 0.4123000000000", &test);
    expect_test("reading [1] scores 0.00000412300000000e5", &test);
    test.check.tolerance = 0.5e-5;
    expect_test("reading [1] scores 4.1230e-1", &test);
    test.check.tolerance = 1e-9;
    test.check.relation = ALERTRON_AT_LEAST;
    expect_test("reading [1] scores at least 0.4123", &test);
    test.check.relation = ALERTRON_AT_MOST;
    test.file = "x";
    expect_test("file x scores at most 0.4123", &test);
    test.check.relation = ALERTRON_IS;
    test.check.bound = 0.0;
    test.score_column = "the score";
    expect_test("file x scores as its column 'the score'", &test);
    test.check.tolerance = 0.01;
    expect_test("file x scores as its column \"the score\" within 0.01", &test);
}

static void shares_of_files_are_read(void **state)
{
    (void)state;
    struct model_test test = {
        .file = "x", .check = {.kind = ALERTRON_CHECK_ALARM_RATE, .relation = ALERTRON_AT_MOST, .bound = 0.015}};
    expect_test("file x alarms at most 1.5%", &test);
    expect_test("file x alarms at most 0.015", &test);
    test.check.relation = ALERTRON_AT_LEAST;
    test.check.severity = ALERTRON_SEVERITY_MEDIUM;
    expect_test("file x alarms of at least medium at least 1.5%", &test);
    test.check = (alertron_check){.kind = ALERTRON_CHECK_AUROC, .relation = ALERTRON_AT_LEAST, .bound = 0.95};
    expect_test("file x AUROC at least 0.95", &test);
    test.label_column = "is bad";
    expect_test("file x auroc at least 0.95 by its column \"is bad\"", &test);
    test.check.kind = ALERTRON_CHECK_AVERAGE_PRECISION;
    expect_test("file x average precision at least 0.95 by its column 'is bad'", &test);
    test.check.kind = ALERTRON_CHECK_RECALL;
    expect_test("file x recall at least 95% by its column 'is bad'", &test);
    test.check.alarm_rate = 0.01;
    expect_test("file x recall at least 95% at an alarm rate of 1% by its column 'is bad'", &test);
    test.label_column = NULL;
    expect_test("file x recall at least 95% at an alarm rate of 1%", &test);
}

static void changes_of_a_feature_are_read(void **state)
{
    (void)state;
    struct model_test test = {.feature = "temperature",
                              .check = {.kind = ALERTRON_CHECK_MONOTONE, .direction = ALERTRON_RISING}};
    expect_test("feature temperature rising from [1, 2] never makes it look more normal", &test);
    test.check.by_score = true;
    test.check.tolerance = 0.03;
    expect_test("feature temperature rising from [1, 2] never makes it look more normal by more than 0.03", &test);
    test.check.tolerance = 0;
    test.check.direction = ALERTRON_FALLING;
    expect_test("feature temperature falling from [1, 2] never makes it look more normal by more than 0", &test);
    test.feature = NULL;
    test.check = (alertron_check){.kind = ALERTRON_CHECK_INVARIANCE, .feature = ALERTRON_EVERY_FEATURE};
    expect_test("every feature varying from [1, 2] never changes the verdict", &test);
    test.check.by_score = true;
    test.check.tolerance = 0.5;
    test.file = "a, b.csv";
    expect_test("every feature varying from file 'a, b.csv' never changes the score by more than .5", &test);
}

static void other_models_are_read(void **state)
{
    (void)state;
    struct model_test test = {
        .file = "x",
        .model = "old one",
        .check = {.kind = ALERTRON_CHECK_AGREEMENT, .relation = ALERTRON_AT_LEAST, .bound = 0.99}};
    expect_test("load \"old one\" agrees on at least 99% of x", &test);
    test.check = (alertron_check){.kind = ALERTRON_CHECK_DURATION, .relation = ALERTRON_AT_MOST, .bound = 1.2};
    expect_test("file x takes at most 120% of the time of 'old one'", &test);
}

static void readings_are_read(void **state)
{
    (void)state;
    alertron_tests *tests = parse("reading [-1.5e3,+.5 ,NaN,  7. ] is none");
    const alertron_rows *rows = &one(tests)->check.rows;
    const double *numbers = rows->data;
    assert_int_equal(rows->rows, 1);
    assert_int_equal(rows->width, 4);
    assert_true(numbers[0] == -1500.0 && numbers[1] == 0.5 && numbers[2] != numbers[2] && numbers[3] == 7.0);
    alertron_tests_free(tests);
}

static void blanks_and_comments_do_not_matter(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "\n", "\n\n# a\n", "   \t\r\n#", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        alertron_tests *tests = parse(empty[i]);
        assert_int_equal(alertron_tests_count(tests), 0);
        alertron_tests_free(tests);
    }
    static const char *const same[] = {"\xef\xbb\xbfreading [1] is none", " reading [1] is none\r\n",
                                       "reading [1] is none # why\n"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        alertron_tests *tests = parse(same[i]);
        assert_string_equal(one(tests)->text, "reading [1] is none");
        alertron_tests_free(tests);
    }
    alertron_tests *tests = parse("file \"#1 pump's.csv\" is none #\"\n\nfile a'b is none");
    assert_string_equal(tests->first->file, "#1 pump's.csv");
    assert_string_equal(tests->first->next->file, "a'b");
    assert_int_equal(tests->first->next->line, 3);
    alertron_tests_free(tests);
}

/* --- what can't be
 * ---------------------------------------------------------------------------------------------------- */

static void what_could_stand_there_is_told(void **state)
{
    (void)state;
    malformed("# one\n\n  raeding [1] is none\n",
              "line 3, column 3: `raeding [1] is none`: what could stand here: reading, file, feature, every feature, "
              "load");
    malformed("reading [1] is at lest medium",
              "line 1, column 16: `at lest medium`: what could stand here: no anomaly, an anomaly, at least, at most, "
              "none, low, medium, high");
    malformed("reading [1] is at least meduim",
              "line 1, column 25: `meduim`: what could stand here: none, low, medium, high");
    malformed("reading [1]", "line 1, column 12: the line ends where this could stand: is, scores");
    malformed("reading [1] auroc at least 0.5",
              "line 1, column 13: `auroc at least 0.5`: what could stand here: is, scores");
    malformed("reading 1 is none", "line 1, column 9: `1 is none`: what could stand here: `[`");
    malformed("reading [1, x] is none",
              "line 1, column 13: `x] is none`: what could stand here: a number, or nan for a missing one");
    malformed("reading [1, 2 is none", "line 1, column 15: `is none`: what could stand here: `,`, `]`");
    malformed("reading [1] is none at all", "line 1, column 21: `at all`: what could stand here: the end of the line");
    malformed("reading [1] scores 0.4 wihtin 0.1",
              "line 1, column 24: `wihtin 0.1`: what could stand here: within, the end of the line");
    malformed("file x", "line 1, column 7: the line ends where this could stand: is, scores, alarms, auroc, average "
                        "precision, recall, takes");
    malformed("file # x", "line 1, column 6: the line ends where this could stand: the name of a file");
    malformed("file x alarms below 1%",
              "line 1, column 15: `below 1%`: what could stand here: of at least, at least, at "
              "most");
    malformed("feature t rising from [1] never looks more normal",
              "line 1, column 27: `never looks more normal`: what could stand here: never makes it look more normal, "
              "never changes the verdict, never changes the score by more than");
    malformed("feature t up from [1] never changes the verdict",
              "line 1, column 11: `up from [1] never changes the verdict`: what could stand here: rising, falling, "
              "varying");
}

static void numbers_out_of_their_range_are_refused(void **state)
{
    (void)state;
    malformed("file x alarms at most 15", "line 1, column 23: a share is from 0 to 1, or up to 100 with "
                                          "a % behind it");
    malformed("reading [1] scores 41", "line 1, column 20: scores and what they differ by are from 0 to 1");
    malformed("reading [1] scores 41%",
              "line 1, column 20: `41%`: what could stand here: at least, at most, a number from 0 to 1");
    malformed("reading [1e999] is none",
              "line 1, column 10: `1e999] is none`: what could stand here: a number, or nan for a missing one");
    malformed("file x takes at most -1 of the time of y", "line 1, column 22: a time is not below 0");
    malformed("file x recall at least 1 at an alarm rate of 0",
              "line 1, column 46: an alarm rate of 0 leaves no alarm to be right");
    malformed("file x alarms of at least none at most 1%",
              "line 1, column 27: every reading is at least none: alarms are of at least low, medium or high");
    malformed("file 'x is none", "line 1, column 6: a name that begins with a quote needs one at its end");
    malformed("file '' is none", "line 1, column 6: `'' is none`: what could stand here: the name of a file");
}

static void odd_bytes_are_harmless_in_errors(void **state)
{
    (void)state;
    malformed("\x01\xc3\xa4", "line 1, column 1: ` \xc3\xa4`: what could stand here: reading, file, feature, every "
                              "feature, load");
    char text[64] = "123456789012345678901234567890123456789";
    memcpy(text + 38, "\xe2\x82\xac\xe2\x82\xac", 6);
    malformed(text, "line 1, column 1: `12345678901234567890123456789012345678`: what could stand here: reading, file, "
                    "feature, every feature, load");
    alertron_error error;
    assert_null(alertron_tests_parse("file a\0b is none", 16, NULL, &error));
    assert_string_equal(error.text, "line 1, column 1: a byte that is zero: is this a text?");
    assert_int_equal(error.offset, 0);
}

static void the_offset_is_that_of_the_column(void **state)
{
    (void)state;
    alertron_error error;
    const char *text = "reading [1] is none\nreading [1] was none";
    assert_null(alertron_tests_parse(text, strlen(text), NULL, &error));
    assert_int_equal(error.offset, 20 + 12);
    assert_null(alertron_tests_parse(text, strlen(text), NULL, NULL));
}

/* --- bounds and memory
 * ------------------------------------------------------------------------------------------------- */

/* n times a piece between two others, malloced. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after)
{
    const size_t length = strlen(piece);
    char *text = malloc(strlen(before) + n * length + strlen(after) + 1), *at = text;
    assert_non_null(text);
    at += strlen(strcpy(at, before));
    for (size_t i = 0; i < n; i++, at += length)
        memcpy(at, piece, length);
    strcpy(at, after);
    return text;
}

static void bounds_hold(void **state)
{
    (void)state;
    char *text = repeated("reading [1", ",1", ALERTRON_FEATURES_MAX - 1, "] is none");
    alertron_tests *tests = parse(text);
    assert_int_equal(one(tests)->check.rows.width, ALERTRON_FEATURES_MAX);
    alertron_tests_free(tests);
    free(text);
    text = repeated("reading [1", ",1", ALERTRON_FEATURES_MAX, "] is none");
    refuse_text(text, ALERTRON_ERROR_LIMIT,
                "line 1, column 9: the reading has more numbers than a model may have features");
    free(text);
    text = repeated("reading [1] is none", " ", ALERTRON_TEST_BYTES_MAX - 19, "");
    alertron_tests_free(parse(text));
    free(text);
    text = repeated("reading [1] is none", " ", ALERTRON_TEST_BYTES_MAX - 18, "");
    refuse_text(text, ALERTRON_ERROR_LIMIT, "line 1, column 1: a line of more than 131072 bytes: divide what it holds");
    free(text);
    text = repeated("", "file a is low\n", ALERTRON_TEST_LINES_MAX, "");
    tests = parse(text);
    assert_int_equal(alertron_tests_count(tests), ALERTRON_TEST_LINES_MAX);
    alertron_tests_free(tests);
    free(text);
    text = repeated("", "file a is low\n", ALERTRON_TEST_LINES_MAX + 1, "");
    refuse_text(text, ALERTRON_ERROR_LIMIT, "line 65537, column 1: more than 65536 tests in one text: divide them");
    free(text);
}

static void memory_is_bounded_by_the_text(void **state)
{
    (void)state;
    static const char *const pieces[] = {"file a is low\n",
                                         "reading[1]is low\n",
                                         "\n",
                                         "#\n",
                                         "reading [1,1,1,1,1,1,1] is low\n",
                                         "load a agrees on at least 1 of a\n"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        for (size_t n = 0; n < 20000; n = n * 3 + 1) {
            failing_allocator counting = {0};
            const alertron_allocator allocator = failing_allocator_of(&counting);
            char *text = repeated("", pieces[i], n, "");
            alertron_tests *tests = alertron_tests_parse(text, strlen(text), &allocator, NULL);
            assert_non_null(tests);
            assert_true(counting.bytes_peak <= 32 * strlen(text) + 32768);
            alertron_tests_free(tests);
            assert_int_equal(counting.bytes_held, 0);
            free(text);
        }
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    (void)state;
    char *text = repeated("", "reading [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] is none\n", 300, "");
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_tests *tests = alertron_tests_parse(text, strlen(text), &allocator, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = tests != NULL;
        alertron_tests_free(tests);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(nth > 2 || !done);
    }
    alertron_tests_free(NULL);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manuals_first_example_is_read),
        cmocka_unit_test(severities_are_read),
        cmocka_unit_test(scores_are_read),
        cmocka_unit_test(shares_of_files_are_read),
        cmocka_unit_test(changes_of_a_feature_are_read),
        cmocka_unit_test(other_models_are_read),
        cmocka_unit_test(readings_are_read),
        cmocka_unit_test(blanks_and_comments_do_not_matter),
        cmocka_unit_test(what_could_stand_there_is_told),
        cmocka_unit_test(numbers_out_of_their_range_are_refused),
        cmocka_unit_test(odd_bytes_are_harmless_in_errors),
        cmocka_unit_test(the_offset_is_that_of_the_column),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(memory_is_bounded_by_the_text),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
