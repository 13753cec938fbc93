/* diff.c: `alertrond diff`: how two models differ: what they are, and what they make of readings. */
#include "diff.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "modelstore.h"
#include "options.h"
#include "reading.h"
#include "scores.h"
#include "table.h"
#include "why.h"

#define WHY_BYTES 1024
#define ROWS_MAX 1000000 /* that change side and are told */
#define STATUS_DIFFERENT 3

struct diff_flags {
    const char *features;
    int64_t dtype, rows; /* dtype: alertron_input */
    bool json, exit_code;
};

static const struct options_usage usage = {
    .command = "diff",
    .operands = "A B [READINGS]",
    .summary = "Tells how two models differ: what they are, and what they make of readings.",
    .details = "A and B are alertron's own files, or scikit-learn's pickle or joblib files. With\n"
               "READINGS, a CSV with a header line or readings in JSON, both score them: how\n"
               "many rows are on the same side of the thresholds, the rank correlation of the\n"
               "scores, the severities, and the rows that change side. Each model takes the\n"
               "columns that it names, so B may have a feature that A has not.\n"
               "\n"
               "Exit status: 0 compared, 1 the work failed, 2 used wrongly; with --exit-code 3\n"
               "where the models may judge a reading differently: where forest, features, missing\n"
               "values, threshold or severity cuts differ. Names of files, provenance and tests\n"
               "do not count.\n"
               "\n"
               "Examples:\n"
               "  alertrond diff pump.alertron pump-next.alertron last_month.csv\n"
               "  alertrond diff iforest.joblib pump.alertron --exit-code   # was it converted well?\n"};

/* ---- what they are ---- */

static void add_fact(struct diff *diff, const char *key, const char *name, const char *a, const char *b, bool same)
{
    struct diff_fact *fact = &diff->facts[diff->n_facts++];
    *fact = (struct diff_fact){.key = key, .name = name, .same = same};
    snprintf(fact->a, sizeof fact->a, "%s", a);
    snprintf(fact->b, sizeof fact->b, "%s", b);
}

static bool add_text(struct diff *diff, const char *key, const char *name, const char *a, const char *b)
{
    const bool same = strcmp(a, b) == 0;
    add_fact(diff, key, name, a, b, same);
    return same;
}

static bool add_number(struct diff *diff, const char *key, const char *name, double a, double b)
{
    char text_a[32], text_b[32];
    reading_write_number(text_a, sizeof text_a, a);
    reading_write_number(text_b, sizeof text_b, b);
    return add_text(diff, key, name, text_a, text_b);
}

static void write_cuts_origin(const alertron_cuts *cuts, char out[DIFF_VALUE_BYTES])
{
    snprintf(out, DIFF_VALUE_BYTES, cuts->n_scores ? "%s, of %llu scores" : "%s",
             alertron_cuts_origin_name(cuts->origin), (unsigned long long)cuts->n_scores);
}

static void write_training_scores(const alertron_model *model, char out[DIFF_VALUE_BYTES])
{
    const uint64_t *counts = alertron_model_training_scores(model);
    double rows = 0;
    for (size_t i = 0; counts && i < ALERTRON_SCORE_BINS; i++)
        rows += (double)counts[i];
    snprintf(out, DIFF_VALUE_BYTES, counts ? "of %.0f rows" : "none", rows);
}

static void write_tests(const alertron_model *model, char out[DIFF_VALUE_BYTES])
{
    const size_t n = strlen(alertron_model_tests(model));
    snprintf(out, DIFF_VALUE_BYTES, n ? "%zu bytes" : "none", n);
}

/* What does not bear on any verdict. */
static void compare_extras(struct diff *diff)
{
    char a[DIFF_VALUE_BYTES], b[DIFF_VALUE_BYTES];
    write_cuts_origin(&diff->cuts_a, a);
    write_cuts_origin(&diff->cuts_b, b);
    add_text(diff, "origin", "cuts", a, b);
    const uint64_t *scores_a = alertron_model_training_scores(diff->a),
                   *scores_b = alertron_model_training_scores(diff->b);
    write_training_scores(diff->a, a);
    write_training_scores(diff->b, b);
    add_fact(diff, "training_scores", "training scores", a, b,
             scores_a && scores_b ? memcmp(scores_a, scores_b, ALERTRON_SCORE_BINS * sizeof *scores_a) == 0
                                  : scores_a == scores_b);
    write_tests(diff->a, a);
    write_tests(diff->b, b);
    add_fact(diff, "tests", "carried tests", a, b,
             strcmp(alertron_model_tests(diff->a), alertron_model_tests(diff->b)) == 0);
}

/* Whether both have names, and not the same: then each reads other columns. */
static bool is_renamed(const alertron_model *a, const alertron_model *b)
{
    for (size_t i = 0; alertron_model_feature_name(a, i) && alertron_model_feature_name(b, 0); i++)
        if (!diff_has_feature(b, alertron_model_feature_name(a, i)))
            return true;
    return false;
}

static void compare_facts(struct diff *diff)
{
    alertron_model_info a, b;
    alertron_model_describe(diff->a, &a);
    alertron_model_describe(diff->b, &b);
    add_text(diff, "kind", "kind", a.kind, b.kind);
    add_text(diff, "producer", "producer", a.producer, b.producer);
    bool same = add_number(diff, "features", "features", a.features, b.features);
    same &= add_text(diff, "missing_values", "missing values", a.missing_values ? "scored" : "refused",
                     b.missing_values ? "scored" : "refused");
    add_number(diff, "trees", "trees", a.trees, b.trees);
    add_number(diff, "samples", "rows of a tree", a.samples, b.samples);
    add_number(diff, "nodes", "nodes", a.nodes, b.nodes);
    add_number(diff, "depth", "nodes on a path", a.depth, b.depth);
    same &= add_number(diff, "threshold", "anomaly above", diff->cuts_a.threshold, diff->cuts_b.threshold);
    same &= add_number(diff, "medium", "medium from", diff->cuts_a.medium, diff->cuts_b.medium);
    same &= add_number(diff, "high", "high from", diff->cuts_a.high, diff->cuts_b.high);
    compare_extras(diff);
    diff->same_verdicts = same && diff->same_forest && !diff->reordered && !is_renamed(diff->a, diff->b);
}

bool diff_has_feature(const alertron_model *model, const char *name)
{
    for (size_t i = 0; alertron_model_feature_name(model, i); i++)
        if (strcmp(alertron_model_feature_name(model, i), name) == 0)
            return true;
    return false;
}

static bool is_reordered(const alertron_model *a, const alertron_model *b)
{
    const size_t n = alertron_model_features(a);
    bool moved = false;
    for (size_t i = 0; i < n; i++) {
        const char *name_a = alertron_model_feature_name(a, i), *name_b = alertron_model_feature_name(b, i);
        if (n != alertron_model_features(b) || !name_a || !name_b || !diff_has_feature(b, name_a))
            return false;
        moved = moved || strcmp(name_a, name_b) != 0;
    }
    return moved;
}

const char *diff_next_line(const char *text, const char *other, size_t *n)
{
    for (; *text; text += *n + (text[*n] == '\n')) {
        *n = strcspn(text, "\n");
        bool found = *n == 0;
        for (const char *line = other; !found && *line; line += strcspn(line, "\n"), line += *line == '\n')
            found = strcspn(line, "\n") == *n && memcmp(line, text, *n) == 0;
        if (!found)
            return text;
    }
    return NULL;
}

/* ---- what they make of readings ---------------------------------------------------------------------------------- */

static int by_shift(const void *a, const void *b)
{
    const struct diff_row *x = a, *y = b;
    const double shift_x = fabs(x->b - x->a), shift_y = fabs(y->b - y->a);
    return shift_x != shift_y ? (shift_x < shift_y) - (shift_x > shift_y) : (x->row > y->row) - (x->row < y->row);
}

static int by_row(const void *a, const void *b)
{
    const struct diff_row *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* The rows that change side, the largest change first; at most `most` are kept. */
static bool gather_rows(struct diff *diff, const struct scores *a, const struct scores *b, size_t most)
{
    const size_t n = diff->agreement.to_anomaly + diff->agreement.to_normal;
    diff->rows = calloc(n + 1, sizeof *diff->rows);
    if (!diff->rows)
        return false;
    for (size_t i = 0, at = 0; i < a->n; i++)
        if ((a->values[i] > diff->cuts_a.threshold) != (b->values[i] > diff->cuts_b.threshold))
            diff->rows[at++] = (struct diff_row){.row = i, .a = a->values[i], .b = b->values[i]};
    qsort(diff->rows, n, sizeof *diff->rows, by_shift);
    diff->n_rows = n < most ? n : most;
    return true;
}

/* Reads the file again as far as the rows that are told, for their lines and numbers. */
static bool read_rows(struct diff *diff, const char *features, char *why, size_t why_size)
{
    const size_t width = alertron_model_features(diff->a);
    struct table *table = table_open_for(diff->a, diff->readings, features, why, why_size);
    double *row = malloc(width * sizeof *row);
    bool good = table && row;
    qsort(diff->rows, diff->n_rows, sizeof *diff->rows, by_row);
    for (size_t i = 0, at = 0; good && at < diff->n_rows; i++) {
        const char *line;
        good = table_next(table, row, &line, why, why_size) == TABLE_ROW;
        if (!good || i != diff->rows[at].row)
            continue;
        struct diff_row *told = &diff->rows[at++];
        told->line = table_line(table);
        told->features = malloc(width * sizeof *row);
        good = told->features || why_say(why, why_size, "out of memory");
        if (good)
            memcpy(told->features, row, width * sizeof *row);
    }
    qsort(diff->rows, diff->n_rows, sizeof *diff->rows, by_shift);
    free(row);
    table_close(table);
    return good;
}

/* The file is read once for each model and once for the rows that are told. */
static bool can_be_read_again(const char *path, char *why, size_t why_size)
{
    struct stat about;
    if (strcmp(path, "-") != 0 && (stat(path, &about) != 0 || S_ISREG(about.st_mode)))
        return true; /* one that is not there is told of when it is opened */
    return why_say(why, why_size,
                   "%s is read more than once, so it must be a regular file: write the readings into one",
                   strcmp(path, "-") == 0 ? "standard input" : path);
}

/* Scores with one of the two, whose letter stands before what went wrong. */
static bool score(const struct diff *diff, char letter, const alertron_model *model, const char *features,
                  struct scores *scores, char *why, size_t why_size)
{
    char reason[WHY_BYTES - 8];
    return scores_of_file(scores, model, diff->readings, features, -INFINITY, reason, sizeof reason) ||
           why_say(why, why_size, "%c: %s", letter, reason);
}

static bool compare_readings(struct diff *diff, const struct diff_flags *flags, char *why, size_t why_size)
{
    struct scores a = {0}, b = {0};
    bool good = can_be_read_again(diff->readings, why, why_size) &&
                score(diff, 'A', diff->a, flags->features, &a, why, why_size) &&
                score(diff, 'B', diff->b, flags->features, &b, why, why_size);
    if (good && a.n != b.n)
        good = why_say(why, why_size, "%s has changed while it was read; compare again", diff->readings);
    if (good && !(agreement_of(&diff->agreement, a.values, b.values, a.n, &diff->cuts_a, &diff->cuts_b) &&
                  gather_rows(diff, &a, &b, (size_t)flags->rows)))
        good = why_say(why, why_size, "out of memory");
    scores_free(&b);
    scores_free(&a);
    return good && read_rows(diff, flags->features, why, why_size);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static alertron_model *load(const char *path, const struct diff_flags *flags, char *why, size_t why_size)
{
    const alertron_load_options options = {.input = (alertron_input)flags->dtype, .skip_tests = true};
    alertron_error error;
    alertron_model *model = modelstore_load_with(path, &options, &error);
    if (!model)
        why_say(why, why_size, "%s", error.text);
    return model;
}

static bool run(struct diff *diff, const struct diff_flags *flags, char *why, size_t why_size)
{
    diff->a = load(diff->path_a, flags, why, why_size);
    diff->b = diff->a ? load(diff->path_b, flags, why, why_size) : NULL;
    if (!diff->b)
        return false;
    diff->cuts_a = alertron_model_cuts(diff->a);
    diff->cuts_b = alertron_model_cuts(diff->b);
    diff->reordered = is_reordered(diff->a, diff->b);
    diff->same_forest = alertron_model_same_forest(diff->a, diff->b);
    compare_facts(diff);
    if (diff->readings && !compare_readings(diff, flags, why, why_size))
        return false;
    if (flags->json)
        diff_print_json(diff);
    else
        diff_print_text(diff);
    return true;
}

static enum options_outcome parse(struct diff_flags *flags, int argc, char **argv, const char *operands[3])
{
    const struct option options[] = {
        {"json", 0, OPTION_FLAG, &flags->json, NULL, "one JSON object on one line", 0, 0, NULL},
        {"rows", 0, OPTION_INTEGER, &flags->rows, "N", "tell at most so many rows that change side (default 10)", 0,
         ROWS_MAX, NULL},
        {"exit-code", 0, OPTION_FLAG, &flags->exit_code, NULL,
         "end with status 3 where the models may judge a reading differently", 0, 0, NULL},
        {"features", 0, OPTION_TEXT, &flags->features, "A,B,...", "the columns of READINGS, in the models' order", 0, 0,
         NULL},
        {"dtype", 0, OPTION_CHOICE, &flags->dtype, MODEL_INPUTS, MODEL_INPUTS_HELP, 0, 0, NULL},
    };
    size_t n_operands = 3;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, operands, &n_operands);
    if (outcome != OPTIONS_RUN)
        return outcome;
    if (flags->features && !operands[2])
        return options_wrong(&usage, "--features is for READINGS, which are missing");
    if (strcmp(operands[0], "-") == 0 && strcmp(operands[1], "-") == 0)
        return options_wrong(&usage, "A and B can't both be standard input");
    return OPTIONS_RUN;
}

static void free_diff(struct diff *diff)
{
    for (size_t i = 0; diff->rows && i < diff->n_rows; i++)
        free(diff->rows[i].features);
    free(diff->rows);
    alertron_model_free(diff->b);
    alertron_model_free(diff->a);
}

int command_diff(int argc, char **argv)
{
    struct diff_flags flags = {.rows = 10};
    const char *operands[3] = {NULL, NULL, NULL};
    enum options_outcome outcome = parse(&flags, argc, argv, operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    struct diff diff = {.path_a = operands[0], .path_b = operands[1], .readings = operands[2]};
    char why[WHY_BYTES];
    bool done = run(&diff, &flags, why, sizeof why);
    if (!done)
        fprintf(stderr, "alertrond diff: %s\n", why);
    const int status = !done ? 1 : flags.exit_code && !diff.same_verdicts ? STATUS_DIFFERENT : 0;
    free_diff(&diff);
    return status;
}
