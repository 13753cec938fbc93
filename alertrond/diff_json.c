/* diff_json.c: how two models differ, for programs: one object on one line. Members are only ever added. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "print.h"

/* Names or lines that one has and the other has not, as an array. */
static void print_only(const char *name, const alertron_model *model, const alertron_model *other)
{
    size_t n = 0;
    printf("\"%s\":[", name);
    for (size_t i = 0; alertron_model_feature_name(model, i); i++)
        if (!diff_has_feature(other, alertron_model_feature_name(model, i))) {
            printf("%s", n++ ? "," : "");
            print_json_string(alertron_model_feature_name(model, i));
        }
    printf("]");
}

static void print_lines(const char *name, const char *text, const char *other)
{
    size_t n = 0, told = 0;
    printf("\"%s\":[", name);
    for (const char *line = text; (line = diff_next_line(line, other, &n)); line += n + (line[n] == '\n')) {
        char *copy = strndup(line, n);
        printf("%s", told++ ? "," : "");
        print_json_string(copy);
        free(copy);
    }
    printf("]");
}

static void print_model(const char *name, const char *path, const alertron_model *model, const alertron_cuts *cuts)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    printf("\"%s\":{", name);
    print_json_text("path", path);
    printf(",");
    print_json_text("kind", info.kind);
    printf(",");
    print_json_text("producer", info.producer);
    printf(",\"features\":%u,\"missing_values\":%s,\"trees\":%u,\"samples\":%u,\"nodes\":%u,\"depth\":%u,",
           info.features, info.missing_values ? "true" : "false", info.trees, info.samples, info.nodes, info.depth);
    print_json_number("threshold", cuts->threshold);
    printf(",");
    print_json_number("medium", cuts->medium);
    printf(",");
    print_json_number("high", cuts->high);
    printf(",\"origin\":\"%s\"},", alertron_cuts_origin_name(cuts->origin));
}

static void print_differences(const struct diff *diff)
{
    size_t n = 0;
    printf("\"same_forest\":%s,\"same_verdicts\":%s,\"differences\":[", diff->same_forest ? "true" : "false",
           diff->same_verdicts ? "true" : "false");
    for (size_t i = 0; i < diff->n_facts; i++)
        if (!diff->facts[i].same)
            printf("%s\"%s\"", n++ ? "," : "", diff->facts[i].key);
    printf("],\"feature_names\":{");
    print_only("only_a", diff->a, diff->b);
    printf(",");
    print_only("only_b", diff->b, diff->a);
    printf(",\"reordered\":%s},\"provenance\":{", diff->reordered ? "true" : "false");
    alertron_model_info a, b;
    alertron_model_describe(diff->a, &a);
    alertron_model_describe(diff->b, &b);
    print_lines("only_a", a.provenance, b.provenance);
    printf(",");
    print_lines("only_b", b.provenance, a.provenance);
    printf("}");
}

static void print_row(const struct diff *diff, const struct diff_row *row)
{
    printf("{\"line\":%zu,", row->line);
    print_json_number("score_a", row->a);
    printf(",");
    print_json_number("score_b", row->b);
    printf(",\"severity_a\":\"%s\",\"severity_b\":\"%s\",\"features\":[",
           alertron_severity_name(alertron_cuts_severity(&diff->cuts_a, row->a)),
           alertron_severity_name(alertron_cuts_severity(&diff->cuts_b, row->b)));
    for (size_t i = 0; i < alertron_model_features(diff->a); i++) {
        printf("%s", i ? "," : "");
        print_number(row->features[i]);
    }
    printf("]}");
}

static void print_agreement(const struct diff *diff)
{
    const struct agreement *agreement = &diff->agreement;
    printf("{");
    print_json_text("path", diff->readings);
    printf(",\"rows\":%zu,\"same_side\":%zu,\"to_anomaly\":%zu,\"to_normal\":%zu,", agreement->rows,
           agreement->same_side, agreement->to_anomaly, agreement->to_normal);
    print_json_number("spearman", agreement->spearman);
    printf(",");
    print_json_number("mean_shift", agreement->mean_shift);
    printf(",");
    print_json_number("mean_size", agreement->mean_size);
    printf(",");
    print_json_number("largest_shift", agreement->largest_shift);
    printf(",\"severities\":[");
    for (size_t a = 0; a < 4; a++)
        printf("%s[%zu,%zu,%zu,%zu]", a ? "," : "", agreement->severities[a][0], agreement->severities[a][1],
               agreement->severities[a][2], agreement->severities[a][3]);
    printf("],\"changed\":[");
    for (size_t i = 0; i < diff->n_rows; i++) {
        printf("%s", i ? "," : "");
        print_row(diff, &diff->rows[i]);
    }
    printf("]}");
}

void diff_print_json(const struct diff *diff)
{
    printf("{");
    print_model("a", diff->path_a, diff->a, &diff->cuts_a);
    print_model("b", diff->path_b, diff->b, &diff->cuts_b);
    print_differences(diff);
    printf(",\"readings\":");
    if (diff->readings)
        print_agreement(diff);
    else
        printf("null");
    printf("}\n");
}
