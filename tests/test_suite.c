/* test_suite.c: what came of tests, as people, TAP readers and CI servers get it. */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define WIDTH 12u

static const char *const names[WIDTH] = {"temperature", "pressure", "vibration", "d", "e", "f",
                                         "g",           "h",        "i",         "j", "k", "l"};

static int setup(void **state)
{
    double rows[64 * WIDTH];
    for (size_t i = 0; i < 64 * WIDTH; i++)
        rows[i] = (double)(i * 7919 % 101);
    const alertron_rows view = alertron_rows_of(rows, 64, WIDTH);
    *state = alertron_model_fit(&view, &(alertron_fit_options){.trees = 5, .feature_names = names}, NULL, NULL);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    alertron_model_free(*state);
    return 0;
}

/* A suite of one test that passed, one that failed and one that could not be run. */
struct sample {
    double numbers[2 * WIDTH];
    struct suite_case cases[3];
    struct suite suite;
};

static void make_sample(struct sample *sample)
{
    *sample = (struct sample){.numbers = {70, -1.5, 0.9}};
    double *shares = sample->numbers + WIDTH;
    shares[2] = 0.61;
    shares[0] = 0.3;
    shares[11] = 0.09;
    sample->cases[0] = (struct suite_case){
        .line = 3, .text = (char *)"reading [1] is none", .found = (char *)"score 0.4 is none", .seconds = 0.25};
    sample->cases[1] = (struct suite_case){.line = 4,
                                           .text = (char *)"file \"a#b.csv\" is < & >",
                                           .outcome = ALERTRON_TEST_FAILED,
                                           .found = (char *)"score 0.6 is low; \"none\" was wanted",
                                           .reading = sample->numbers,
                                           .shares = shares,
                                           .score = 0.625,
                                           .severity = ALERTRON_SEVERITY_LOW,
                                           .file = (char *)"a#b.csv",
                                           .row = 17,
                                           .file_line = 19,
                                           .feature = 2};
    sample->cases[2] = (struct suite_case){.line = 9,
                                           .text = (char *)"file none.csv is none",
                                           .outcome = ALERTRON_TEST_ERROR,
                                           .found = (char *)"none.csv: No such file or directory"};
    sample->suite = (struct suite){.path = "p/x.y.tests",
                                   .name = (char *)"p/x.y.tests",
                                   .cases = sample->cases,
                                   .n_cases = 3,
                                   .n_by_outcome = {1, 1, 1},
                                   .seconds = 0.5};
}

static void expect_in(const char *text, const char *piece)
{
    if (!strstr(text, piece))
        fail_msg("\"%s\" is not in:\n%s", piece, text);
}

static char *tap_of(const alertron_model *model, const struct suite *suite)
{
    char *text = NULL;
    size_t n;
    struct tap tap = {.out = open_memstream(&text, &n), .model = model};
    assert_non_null(tap.out);
    tap_begin(&tap);
    tap_plan(&tap, suite->n_cases);
    for (size_t i = 0; i < suite->n_cases; i++)
        tap_case(&tap, suite, &suite->cases[i]);
    fclose(tap.out);
    return text;
}

static void tap_has_a_plan_and_a_line_for_each_test(void **state)
{
    struct sample sample;
    make_sample(&sample);
    char *text = tap_of(*state, &sample.suite);
    assert_ptr_equal(strstr(text, "TAP version 14\n1..3\nok 1 - p/x.y.tests:3: reading [1] is none\n"
                                  "not ok 2 - p/x.y.tests:4: "),
                     text);
    expect_in(text, "\nnot ok 3 - p/x.y.tests:9: file none.csv is none\n  ---\n  message: \"none.csv: No such file or");
    free(text);
}

static void tap_escapes_what_would_be_a_directive(void **state)
{
    struct sample sample;
    make_sample(&sample);
    sample.cases[1].text = (char *)"reading \"a\\b\" # TODO later";
    char *text = tap_of(*state, &sample.suite);
    expect_in(text, "reading \"a\\\\b\" \\# TODO later\n");
    free(text);
}

static void tap_tells_a_failure_in_yaml(void **state)
{
    struct sample sample;
    make_sample(&sample);
    char *text = tap_of(*state, &sample.suite);
    expect_in(text, "  message: \"score 0.6 is low; \\\"none\\\" was wanted\"\n  severity: fail\n  at:\n"
                    "    file: \"p/x.y.tests\"\n    line: 4\n  reading: \"row 17 of a#b.csv (line 19)\"\n"
                    "  score: 0.625\n  threshold: 0.5\n  verdict: low\n  features:\n"
                    "    - name: \"vibration\"\n      value: 0.9\n      share: 0.610\n      changed: true\n"
                    "    - name: \"temperature\"\n      value: 70\n      share: 0.300\n"
                    "    - name: \"l\"\n");
    expect_in(text, "  severity: error\n");
    free(text);
}

static void tap_bails_out_in_one_line(void **state)
{
    char *text = NULL;
    size_t n;
    struct tap tap = {.out = open_memstream(&text, &n), .model = *state};
    assert_non_null(tap.out);
    tap_bail_out(&tap, "a.tests:1:2: no\n  1 | x");
    fclose(tap.out);
    assert_string_equal(text, "Bail out! a.tests:1:2: no   1 | x\n");
    free(text);
}

static char *junit_of(const alertron_model *model, const struct suite *suite)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    junit_write(out, model, suite, 1);
    fclose(out);
    return text;
}

static void junit_counts_and_names_what_ran(void **state)
{
    struct sample sample;
    make_sample(&sample);
    char *text = junit_of(*state, &sample.suite);
    expect_in(text,
              "<testsuites name=\"alertrond test\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"0.5");
    expect_in(text, "<testsuite name=\"p/x.y.tests\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"0.5");
    expect_in(text,
              "<testcase name=\"reading [1] is none\" classname=\"x_y\" file=\"p/x.y.tests\" line=\"3\" time=\"0.25");
    expect_in(text, "<failure message=\"score 0.6 is low; &quot;none&quot; was wanted\" type=\"failed\">");
    expect_in(text, "<error message=\"none.csv: No such file or directory\" type=\"error\">");
    free(text);
}

static void junit_escapes_what_xml_takes_for_its_own(void **state)
{
    struct sample sample;
    make_sample(&sample);
    char *text = junit_of(*state, &sample.suite);
    expect_in(text, "name=\"file &quot;a#b.csv&quot; is &lt; &amp; &gt;\"");
    expect_in(text, ">p/x.y.tests:4: file &quot;a#b.csv&quot; is &lt; &amp; &gt;\n");
    free(text);
}

static void junit_replaces_what_xml_cannot_hold(void **state)
{
    struct sample sample;
    make_sample(&sample);
    /* A control character, a byte that is not UTF-8, a surrogate, U+FFFE, a character cut short; and what is right. */
    sample.cases[0].text = (char *)"a\x01"
                                   "b\xff"
                                   "c\xed\xa0\x80"
                                   "d\xef\xbf\xbe"
                                   "e\xc3\xa9"
                                   "f\xf0\x9f\x98\x80"
                                   "g\xe2\x82";
#define R "\xef\xbf\xbd"
    char *text = junit_of(*state, &sample.suite);
    expect_in(text, "name=\"a" R "b" R "c" R R R "d" R "e\xc3\xa9"
                    "f\xf0\x9f\x98\x80"
                    "g" R R "\"");
    free(text);
}

static char *summary_of(const alertron_model *model, const struct suite *suite, bool colour)
{
    char *text = NULL;
    size_t n;
    struct summary summary = {.out = open_memstream(&text, &n), .model = model, .colour = colour};
    assert_non_null(summary.out);
    for (size_t i = 0; i < suite->n_cases; i++)
        summary_case(&summary, suite, &suite->cases[i]);
    summary_end(&summary, suite, 1);
    fclose(summary.out);
    return text;
}

static void the_summary_shows_a_failure_with_its_reading(void **state)
{
    struct sample sample;
    make_sample(&sample);
    char *text = summary_of(*state, &sample.suite, false);
    expect_in(text, "p/x.y.tests\n  ok          3  reading [1] is none\n  FAILED      4  file ");
    expect_in(text, "found      score 0.6 is low; \"none\" was wanted\n");
    expect_in(text, "reading    row 17 of a#b.csv (line 19)\n");
    expect_in(text, "score      0.6250: low (anomalies are above 0.5000, medium from 0.");
    expect_in(text, "caused by  vibration     0.9   61%  changed to this\n");
    expect_in(text, "           temperature    70   30%\n");
    expect_in(text, "           l               0    9%\n");
    expect_in(text, "           and 2 more\n");
    expect_in(text, "ERROR       9  file none.csv is none\n");
    expect_in(text, "why        none.csv: No such file");
    expect_in(text, "\n1 passed, 1 failed, 1 could not be run in 0.50 s\n");
    assert_null(strchr(text, '\033'));
    free(text);
    text = summary_of(*state, &sample.suite, true);
    expect_in(text, "\033[32mok    \033[0m");
    expect_in(text, "\033[1;31mFAILED\033[0m");
    free(text);
}

/* A model whose first features have names that differ only at their end. */
static alertron_model *with_long_names(const alertron_model *model, char tags[3][ALERTRON_FEATURE_NAME_MAX + 1])
{
    const char *changed[WIDTH];
    memcpy(changed, names, sizeof changed);
    for (size_t i = 0; i < 3; i++) {
        memset(tags[i], 'x', ALERTRON_FEATURE_NAME_MAX);
        memcpy(tags[i] + ALERTRON_FEATURE_NAME_MAX - 4, "/\xc3\xbc", 3);
        tags[i][ALERTRON_FEATURE_NAME_MAX - 1] = (char)('0' + i);
        tags[i][ALERTRON_FEATURE_NAME_MAX] = '\0';
        changed[i] = tags[i];
    }
    return alertron_model_with(model, &(alertron_model_changes){.feature_names = changed}, NULL, NULL);
}

static void long_names_are_whole_for_programs_and_keep_their_end_for_people(void **state)
{
    char tags[3][ALERTRON_FEATURE_NAME_MAX + 1];
    alertron_model *model = with_long_names(*state, tags);
    struct sample sample;
    make_sample(&sample);
    char *tap = tap_of(model, &sample.suite), *junit = junit_of(model, &sample.suite);
    char *summary = summary_of(model, &sample.suite, false);
    expect_in(tap, tags[0]);
    expect_in(junit, tags[2]);
    expect_in(summary, "caused by  xxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxx/\xc3\xbc"
                       "2   0.9   61%  changed to this\n");
    expect_in(summary, "...xxxxxxxxxxxxxxx/\xc3\xbc"
                       "0    70   30%\n");
    expect_in(summary, "           l                                            0    9%\n");
    free(summary);
    free(junit);
    free(tap);
    alertron_model_free(model);
}

static void a_score_near_a_cut_has_digits_enough_to_tell_them_apart(void **state)
{
    struct sample sample;
    make_sample(&sample);
    sample.cases[1].score = 0.5000001;
    char *text = summary_of(*state, &sample.suite, false);
    expect_in(text, "score      0.5000001: low (anomalies are above 0.5000000, ");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tap_has_a_plan_and_a_line_for_each_test),
        cmocka_unit_test(tap_escapes_what_would_be_a_directive),
        cmocka_unit_test(tap_tells_a_failure_in_yaml),
        cmocka_unit_test(tap_bails_out_in_one_line),
        cmocka_unit_test(junit_counts_and_names_what_ran),
        cmocka_unit_test(junit_escapes_what_xml_takes_for_its_own),
        cmocka_unit_test(junit_replaces_what_xml_cannot_hold),
        cmocka_unit_test(the_summary_shows_a_failure_with_its_reading),
        cmocka_unit_test(long_names_are_whole_for_programs_and_keep_their_end_for_people),
        cmocka_unit_test(a_score_near_a_cut_has_digits_enough_to_tell_them_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
