/* junit.c: what came of tests, as the XML that JUnit writes and CI servers read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the character that begins at `at` of a string, or 0 where XML 1.0 can't hold it: control characters, what is
 * not UTF-8, surrogates, U+FFFE and U+FFFF. */
static size_t xml_character(const unsigned char *at)
{
    if (at[0] < 0x80)
        return at[0] >= 0x20 || at[0] == '\t' || at[0] == '\n';
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    uint32_t code = at[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool bad = code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || (code | 1) == 0xffff;
    return bad ? 0 : n;
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    default:
        return NULL;
    }
}

static void write_escaped(FILE *out, const char *text)
{
    while (*text) {
        size_t n = xml_character((const unsigned char *)text);
        const char *named = entity(*text);
        if (n == 0)
            fputs(REPLACEMENT, out);
        else if (named)
            fputs(named, out);
        else
            fwrite(text, 1, n, out);
        text += n ? n : 1;
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
    suite_tell(memory, one, model, "");
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
