/* diff_text.c: how two models differ, for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "print.h"

#define LABEL_WIDTH 16
#define VALUE_WIDTH 28
#define FEATURES_SHOWN 6u

static void print_label(const char *label)
{
    printf("  %-*s  ", LABEL_WIDTH, label);
}

/* Names in lines of about 60 characters. */
static void print_same(const struct diff *diff)
{
    size_t at = 0;
    print_label("the same");
    for (size_t i = 0; i < diff->n_facts; i++) {
        const char *name = diff->facts[i].name;
        if (!diff->facts[i].same)
            continue;
        if (at > 50)
            printf(",\n%*s", LABEL_WIDTH + 4, "");
        at = at > 50 ? 0 : at;
        at += (size_t)printf("%s%s", at ? ", " : "", name);
    }
    printf("%s\n", at ? "" : "nothing");
}

static void print_facts(const struct diff *diff)
{
    bool any = false;
    for (size_t i = 0; i < diff->n_facts; i++) {
        const struct diff_fact *fact = &diff->facts[i];
        if (fact->same)
            continue;
        if (!any)
            printf("  %-*s  %-*s  B\n", LABEL_WIDTH, "", VALUE_WIDTH, "A");
        any = true;
        print_label(fact->name);
        print_shown(stdout, fact->a, strlen(fact->a));
        printf("%*s  ", strlen(fact->a) < VALUE_WIDTH ? (int)(VALUE_WIDTH - strlen(fact->a)) : 0, "");
        print_shown(stdout, fact->b, strlen(fact->b));
        printf("\n");
    }
    print_same(diff);
    print_label("forest");
    printf("%s\n", diff->same_forest ? "the same, node by node: every score is the same, to the bit" : "different");
}

/* Features that one has and the other has not. */
static size_t print_names(const char *label, const alertron_model *model, const alertron_model *other)
{
    size_t n = 0;
    for (size_t i = 0; i < alertron_model_features(model); i++) {
        const char *name = alertron_model_feature_name(model, i);
        if (!name || diff_has_feature(other, name))
            continue;
        if (n == 0)
            print_label(label);
        printf("%s", n++ ? ", " : "");
        print_shown(stdout, name, strlen(name));
    }
    if (n > 0)
        printf("\n");
    return n;
}

static void print_features(const struct diff *diff)
{
    const bool named_a = alertron_model_feature_name(diff->a, 0), named_b = alertron_model_feature_name(diff->b, 0);
    if (named_a && named_b) {
        print_names("features only A", diff->a, diff->b);
        print_names("features only B", diff->b, diff->a);
    } else if (named_a != named_b) {
        print_label("feature names");
        printf("only %c has some\n", named_a ? 'A' : 'B');
    }
    if (diff->reordered) {
        print_label("feature names");
        printf("the same in another order\n");
    }
}

static void print_lines(char mark, const char *text, const char *other, const char **label)
{
    size_t n = 0;
    for (const char *line = text; (line = diff_next_line(line, other, &n)); line += n + (line[n] == '\n')) {
        print_label(*label);
        *label = "";
        printf("%c ", mark);
        print_shown(stdout, line, n);
        printf("\n");
    }
}

static void print_provenance(const struct diff *diff)
{
    alertron_model_info a, b;
    alertron_model_describe(diff->a, &a);
    alertron_model_describe(diff->b, &b);
    const char *label = "from";
    print_lines('-', a.provenance, b.provenance, &label);
    print_lines('+', b.provenance, a.provenance, &label);
}

static void print_severities(const struct agreement *agreement)
{
    printf("\n  %-*s ", LABEL_WIDTH, "severity");
    for (alertron_severity b = ALERTRON_SEVERITY_NONE; b <= ALERTRON_SEVERITY_HIGH; b++)
        printf(" %s%9s", b == 0 ? "B" : " ", alertron_severity_name(b));
    printf("\n");
    for (alertron_severity a = ALERTRON_SEVERITY_NONE; a <= ALERTRON_SEVERITY_HIGH; a++) {
        printf("  %*s%s %-*s", LABEL_WIDTH - 8, "", a == 0 ? "A" : " ", 7, alertron_severity_name(a));
        for (alertron_severity b = ALERTRON_SEVERITY_NONE; b <= ALERTRON_SEVERITY_HIGH; b++)
            printf(" %10zu", agreement->severities[a][b]);
        printf("\n");
    }
}

static void print_row(const struct diff *diff, const struct diff_row *row)
{
    const size_t width = alertron_model_features(diff->a);
    printf("  %-8zu  %.4f %-6s  %.4f %-6s ", row->line, row->a,
           alertron_severity_name(alertron_cuts_severity(&diff->cuts_a, row->a)), row->b,
           alertron_severity_name(alertron_cuts_severity(&diff->cuts_b, row->b)));
    for (size_t i = 0; i < width && i < FEATURES_SHOWN; i++) {
        const char *name = alertron_model_feature_name(diff->a, i);
        printf(" ");
        if (name) {
            print_shown(stdout, name, strlen(name));
            printf("=");
        }
        printf("%g", row->features[i]);
    }
    printf("%s\n", width > FEATURES_SHOWN ? " ..." : "");
}

static void print_rows(const struct diff *diff)
{
    const size_t n = diff->agreement.to_anomaly + diff->agreement.to_normal;
    if (diff->n_rows == 0)
        return;
    if (diff->n_rows < n)
        printf("\n  %zu of the %zu rows that change side, the largest change first; --rows N tells more\n",
               diff->n_rows, n);
    else
        printf("\n  The rows that change side, the largest change first\n");
    printf("  %-8s  %-13s  %-13s  %s\n", "line", "A", "B", "features");
    for (size_t i = 0; i < diff->n_rows; i++)
        print_row(diff, &diff->rows[i]);
}

static void print_agreement(const struct diff *diff)
{
    const struct agreement *agreement = &diff->agreement;
    printf("\n");
    print_label("readings");
    printf("%s, %zu row%s\n", diff->readings, agreement->rows, agreement->rows == 1 ? "" : "s");
    print_label("agreement");
    printf("%.6g%%: %zu row%s on the same side of both thresholds\n",
           100 * (double)agreement->same_side / (double)agreement->rows, agreement->same_side,
           agreement->same_side == 1 ? " is" : "s are");
    print_label("change side");
    printf("%zu to anomaly, %zu to normal\n", agreement->to_anomaly, agreement->to_normal);
    print_label("rank correlation");
    if (isnan(agreement->spearman))
        printf("none: a model gives all rows the same score\n");
    else
        printf("%.6f (Spearman)\n", agreement->spearman);
    print_label("score, B - A");
    printf("mean %+.2g, mean size %.2g, largest %+.2g\n", agreement->mean_shift, agreement->mean_size,
           agreement->largest_shift);
    print_severities(agreement);
    print_rows(diff);
}

static void print_model(char letter, const char *path, const alertron_model *model)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    printf("%c  %s: %s, made by ", letter, path, info.kind);
    print_shown(stdout, info.producer, strlen(info.producer));
    printf("\n");
}

void diff_print_text(const struct diff *diff)
{
    print_model('A', diff->path_a, diff->a);
    print_model('B', diff->path_b, diff->b);
    printf("\n");
    print_facts(diff);
    print_features(diff);
    print_provenance(diff);
    if (diff->readings)
        print_agreement(diff);
}
