/* tap.c: what came of tests, as TAP of version 14: https://testanything.org/tap-version-14-specification.html. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "reading.h"
#include "suite.h"

/* A string as JSON has it is one of YAML, too. */
static void write_string(FILE *out, const char *text)
{
    size_t size = 6 * strlen(text) + 3;
    char *string = malloc(size);
    fprintf(out, "%s\n", string && reading_write_string(string, size, text) ? string : "\"\"");
    free(string);
}

static void write_number(FILE *out, double value)
{
    char number[32];
    if (isinf(value))
        snprintf(number, sizeof number, "%s.inf", value < 0 ? "-" : "");
    else if (isnan(value))
        snprintf(number, sizeof number, ".nan");
    else
        reading_write_number(number, sizeof number, value);
    fprintf(out, "%s\n", number);
}

/* What follows a description's # would be a directive. */
static void write_description(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, "%s%c", *text == '#' || *text == '\\' ? "\\" : "", *text);
}

static void write_reading(FILE *out, const struct suite_case *one, const alertron_model *model)
{
    char where[SUITE_TEXT_MAX + 100];
    suite_where(one, where, sizeof where);
    if (*where) {
        fputs("  reading: ", out);
        write_string(out, where);
    }
    fputs("  score: ", out);
    write_number(out, one->score);
    fputs("  threshold: ", out);
    write_number(out, alertron_model_cuts(model).threshold);
    fprintf(out, "  verdict: %s\n  features:\n", alertron_severity_name(one->severity));
    struct suite_feature features[SUITE_SHOWN_MAX];
    size_t n = suite_features(one, model, features);
    for (size_t i = 0; i < n; i++) {
        fputs("    - name: ", out);
        write_string(out, features[i].name);
        fputs("      value: ", out);
        write_number(out, one->reading[features[i].index]);
        fprintf(out, "      share: %.3f\n", features[i].share);
        if (features[i].changed)
            fputs("      changed: true\n", out);
    }
}

static void write_diagnosis(const struct tap *tap, const struct suite *suite, const struct suite_case *one)
{
    FILE *out = tap->out;
    bool passed = one->outcome == ALERTRON_TEST_PASSED;
    fputs("  ---\n  message: ", out);
    write_string(out, one->found);
    if (!passed)
        fprintf(out, "  severity: %s\n", one->outcome == ALERTRON_TEST_ERROR ? "error" : "fail");
    fputs("  at:\n    file: ", out);
    write_string(out, suite->name);
    fprintf(out, "    line: %zu\n", one->line);
    if (!passed && one->reading)
        write_reading(out, one, tap->model);
    fprintf(out, "  duration_ms: %.3f\n  ...\n", 1000 * one->seconds);
}

void tap_begin(const struct tap *tap)
{
    fputs("TAP version 14\n", tap->out);
}

void tap_plan(const struct tap *tap, size_t n_tests)
{
    fprintf(tap->out, "1..%zu\n", n_tests);
}

void tap_case(struct tap *tap, const struct suite *suite, const struct suite_case *one)
{
    FILE *out = tap->out;
    bool passed = one->outcome == ALERTRON_TEST_PASSED;
    fprintf(out, "%sok %zu - ", passed ? "" : "not ", ++tap->n);
    write_description(out, suite->name);
    fprintf(out, ":%zu: ", one->line);
    write_description(out, one->text);
    fputc('\n', out);
    if (!passed || tap->verbose)
        write_diagnosis(tap, suite, one);
    fflush(out);
}

void tap_bail_out(const struct tap *tap, const char *why)
{
    fputs("Bail out! ", tap->out);
    do {
        const size_t n = strcspn(why, "\n");
        print_shown(tap->out, why, n);
        why += n + (why[n] == '\n');
        fputc(*why ? ' ' : '\n', tap->out);
    } while (*why);
}
