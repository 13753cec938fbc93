/* summary.c: what came of tests, for people. */
#include "suite.h"

#define INDENT "                 "
#define NAME_SHOWN_MAX 40u /* characters of a feature's name */
#define GREEN "\033[32m"
#define RED "\033[1;31m"
#define PLAIN "\033[0m"

static const char *colour(const struct summary *summary, const char *code)
{
    return summary->colour ? code : "";
}

void summary_case(struct summary *summary, const struct suite *suite, const struct suite_case *one)
{
    static const char *const words[] = {"ok", "FAILED", "ERROR"};
    if (summary->last != suite)
        fprintf(summary->out, "%s%s\n", summary->last ? "\n" : "", suite->name);
    summary->last = suite;
    bool passed = one->outcome == ALERTRON_TEST_PASSED;
    fprintf(summary->out, "  %s%-6s%s %6zu  %s\n", colour(summary, passed ? GREEN : RED), words[one->outcome],
            colour(summary, PLAIN), one->line, one->text);
    if (!passed)
        suite_tell(summary->out, one, summary->model, INDENT, NAME_SHOWN_MAX);
    else if (summary->verbose)
        fprintf(summary->out, INDENT "%-10s %s\n", "found", one->found);
    fflush(summary->out);
}

void summary_end(const struct summary *summary, const struct suite *suites, size_t n_suites)
{
    size_t n[3] = {0};
    double seconds = 0;
    for (size_t i = 0; i < n_suites; i++) {
        for (size_t outcome = 0; outcome < 3; outcome++)
            n[outcome] += suites[i].n_by_outcome[outcome];
        seconds += suites[i].seconds;
    }
    bool passed = n[ALERTRON_TEST_FAILED] + n[ALERTRON_TEST_ERROR] == 0;
    fprintf(summary->out, "%s%s%zu passed, %zu failed", summary->last ? "\n" : "",
            colour(summary, passed ? GREEN : RED), n[ALERTRON_TEST_PASSED], n[ALERTRON_TEST_FAILED]);
    if (n[ALERTRON_TEST_ERROR])
        fprintf(summary->out, ", %zu could not be run", n[ALERTRON_TEST_ERROR]);
    fprintf(summary->out, "%s in %.2f s\n", colour(summary, PLAIN), seconds);
}
