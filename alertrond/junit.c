/* junit.c: what came of tests, as the XML that JUnit writes and CI servers read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "utf8.h"

static void write_escaped(FILE *out, const char *text)
{
    char character[UTF8_XML_BYTES];
    while (*text) {
        text += utf8_xml(text, character);
        fputs(character, out);
    }
}

static void write_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    write_escaped(out, value);
    fputc('"', out);
}

/* "pump" of "tests/pump.tests": dots would make packages of it. */
static void write_class(FILE *out, const struct suite *suite)
{
    const char *slash = strrchr(suite->name, '/');
    char class[128];
    snprintf(class, sizeof class, "%s", slash ? slash + 1 : suite->name);
    char *dot = strrchr(class, '.');
    if (dot && dot > class)
        *dot = '\0';
    for (char *at = class; *at; at++)
        *at = *at == '.' ? '_' : *at;
    write_attribute(out, "classname", class);
}

static void write_told(FILE *out, const struct suite_case *one, const alertron_model *model)
{
    char *told = NULL;
    size_t size;
    FILE *memory = open_memstream(&told, &size);
    if (!memory)
        return;
    suite_tell(memory, one, model, "", ALERTRON_FEATURE_NAME_MAX);
    fclose(memory);
    write_escaped(out, told ? told : "");
    free(told);
}

static void write_case(FILE *out, const alertron_model *model, const struct suite *suite, const struct suite_case *one)
{
    fputs("    <testcase", out);
    write_attribute(out, "name", one->text);
    write_class(out, suite);
    write_attribute(out, "file", suite->name);
    fprintf(out, " line=\"%zu\" time=\"%.6f\">\n", one->line, one->seconds);
    if (one->outcome == ALERTRON_TEST_PASSED) {
        fputs("      <system-out>", out);
        write_escaped(out, one->found);
        fputs("</system-out>\n", out);
    } else {
        const char *element = one->outcome == ALERTRON_TEST_ERROR ? "error" : "failure";
        fprintf(out, "      <%s", element);
        write_attribute(out, "message", one->found);
        fprintf(out, " type=\"%s\">", alertron_test_outcome_name(one->outcome));
        char where[64];
        snprintf(where, sizeof where, ":%zu: ", one->line);
        write_escaped(out, suite->name);
        write_escaped(out, where);
        write_escaped(out, one->text);
        fputc('\n', out);
        write_told(out, one, model);
        fprintf(out, "</%s>\n", element);
    }
    fputs("    </testcase>\n", out);
}

static void write_counts(FILE *out, size_t tests, size_t failures, size_t errors, double seconds)
{
    fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"%.6f\">\n", tests, failures,
            errors, seconds);
}

void junit_write(FILE *out, const alertron_model *model, const struct suite *suites, size_t n_suites)
{
    size_t tests = 0, failures = 0, errors = 0;
    double seconds = 0;
    for (size_t i = 0; i < n_suites; i++) {
        tests += suites[i].n_cases;
        failures += suites[i].n_by_outcome[ALERTRON_TEST_FAILED];
        errors += suites[i].n_by_outcome[ALERTRON_TEST_ERROR];
        seconds += suites[i].seconds;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"alertrond test\"", out);
    write_counts(out, tests, failures, errors, seconds);
    for (size_t i = 0; i < n_suites; i++) {
        const struct suite *suite = &suites[i];
        fputs("  <testsuite", out);
        write_attribute(out, "name", suite->name);
        write_counts(out, suite->n_cases, suite->n_by_outcome[ALERTRON_TEST_FAILED],
                     suite->n_by_outcome[ALERTRON_TEST_ERROR], suite->seconds);
        for (size_t c = 0; c < suite->n_cases; c++)
            write_case(out, model, suite, &suite->cases[c]);
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
}
