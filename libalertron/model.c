/* model.c: what scores: a forest with its threshold, cuts, names and golden rows. */
#include "private.h"

#include <float.h>
#include <string.h>

/* --- golden rows: a model checks itself against them whenever it is made ------------------------ */

static size_t golden_width(const struct forest *forest)
{
    return (size_t)forest->n_features + 1;
}

/* Rows that stand exactly on thresholds, where a wrong comparison or a flipped bit shows first. */
static void make_golden_row(const struct forest *forest, uint32_t index, double *row)
{
    struct random_state random = alertron__random_new(0x676f6c64, index);
    for (uint32_t draw = 0; draw < 4 * forest->n_features; draw++) {
        const uint32_t at = alertron__random_below(&random, forest->n_nodes);
        const uint32_t tree = alertron__forest_tree_of(forest, at);
        const struct tree_node node = alertron__forest_node(forest, tree, at - forest->roots[tree]);
        if (node.left >= 0 && node.threshold - node.threshold == 0.0)
            row[node.feature] = node.threshold;
    }
    if (forest->missing_values && index % 4 == 3)
        row[index / 4 % forest->n_features] = alertron__double_of_bits(0x7ff8000000000000u);
}

static alertron_status check_golden_rows(const alertron_model *model, const double *golden, alertron_error *error)
{
    const size_t width = golden_width(model->forest);
    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        const double *row = golden + i * width;
        double path_length = alertron_model_path_length(model, row);
        if (alertron__bits_of_double(path_length) != alertron__bits_of_double(row[width - 1]))
            return alertron__error(error, ALERTRON_ERROR_SELF_TEST, ALERTRON_NO_OFFSET,
                                   "golden row %u does not give the path length that was stored with the model", i);
    }
    return ALERTRON_OK;
}

static alertron_status set_golden_rows(alertron_model *model, const double *golden, alertron_error *error)
{
    const size_t width = golden_width(model->forest);
    model->golden = alertron__new(&model->allocator, GOLDEN_ROWS * width, sizeof *model->golden);
    if (!model->golden)
        return alertron__error_memory(error);
    if (golden) {
        memcpy(model->golden, golden, GOLDEN_ROWS * width * sizeof *golden);
        return check_golden_rows(model, golden, error);
    }
    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        double *row = model->golden + i * width;
        make_golden_row(model->forest, i, row);
        row[width - 1] = alertron_model_path_length(model, row);
    }
    return ALERTRON_OK;
}

/* --- provisional cuts: for a forest whose anomalies nobody has seen yet -------------------------- */

/* The highest score among rows whose every feature lies beyond all others: up to 64 corners of the space. It is
 * the score of a row, so the bands below it can be reached. */
static alertron_status highest_score(const alertron_model *model, double *highest, alertron_error *error)
{
    const uint32_t n_features = model->forest->n_features;
    double *row = alertron__new(&model->allocator, n_features, sizeof *row);
    if (!row)
        return alertron__error_memory(error);
    *highest = 0.0;
    for (uint32_t corner = 0; corner < 64; corner++) {
        struct random_state random = alertron__random_new(0x636f726e, corner);
        for (uint32_t feature = 0; feature < n_features; feature++) {
            bool high = feature < 6 ? corner >> feature & 1 : alertron__random_next(&random) & 1;
            row[feature] = high ? DBL_MAX : -DBL_MAX;
        }
        double score = alertron_model_score(model, row);
        *highest = score > *highest ? score : *highest;
    }
    alertron__release(&model->allocator, row, n_features, sizeof *row);
    return ALERTRON_OK;
}

alertron_status alertron__model_provisional_cuts(alertron_model *model, alertron_error *error)
{
    double highest = 0.0;
    alertron_status status = highest_score(model, &highest, error);
    if (status != ALERTRON_OK)
        return status;
    if (!(highest > model->cuts.threshold))
        highest = 1.0;
    model->cuts.medium = model->cuts.threshold + (highest - model->cuts.threshold) / 3.0;
    model->cuts.high = model->cuts.threshold + (highest - model->cuts.threshold) * 2.0 / 3.0;
    model->cuts.n_scores = 0;
    return ALERTRON_OK;
}

/* `fault` is what a caller's mistake is called, or a file's. */
static alertron_status check_cuts(const alertron_cuts *cuts, alertron_status fault, alertron_error *error)
{
    alertron_status status = alertron__quantiles_check(cuts->medium_quantile, cuts->high_quantile, error);
    if (status != ALERTRON_OK)
        return status;
    if (!(cuts->threshold - cuts->threshold == 0.0))
        return alertron__error(error, fault, ALERTRON_NO_OFFSET, "the anomaly threshold is not finite");
    if ((unsigned)cuts->origin > ALERTRON_CUTS_STREAM)
        return alertron__error(error, fault, ALERTRON_NO_OFFSET, "the origin of the severity cuts is not known");
    if (cuts->origin != ALERTRON_CUTS_PROVISIONAL && !(cuts->medium <= cuts->high && cuts->high - cuts->medium < 2.0))
        return alertron__error(error, fault, ALERTRON_NO_OFFSET, "the severity cuts are not numbers in rising order");
    return ALERTRON_OK;
}

static alertron_status set_cuts(alertron_model *model, alertron_error *error)
{
    alertron_status status = check_cuts(&model->cuts, ALERTRON_ERROR_FORMAT, error);
    if (status != ALERTRON_OK || model->cuts.origin != ALERTRON_CUTS_PROVISIONAL)
        return status;
    return alertron__model_provisional_cuts(model, error);
}

/* --- making and freeing --------------------------------------------------------------------------- */

/* Names go to terminals, JSON and other languages' strings: whoever takes a model may rely on their being UTF-8. */
static alertron_status check_name(uint32_t feature, const char *name, alertron_error *error)
{
    if (strlen(name) > ALERTRON_FEATURE_NAME_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "the name of feature %u has %zu bytes; at most %u are allowed", feature, strlen(name),
                               ALERTRON_FEATURE_NAME_MAX);
    for (size_t at = 0, n; name[at]; at += n)
        if (!(n = alertron__text_character(name + at)))
            return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                                   "the name of feature %u is not UTF-8 at its byte %zu: write the name in UTF-8",
                                   feature, at);
    return ALERTRON_OK;
}

static alertron_status refuse_provenance(alertron_error *error)
{
    return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                           "the model's provenance has more than %u bytes: shorten it", ALERTRON_PROVENANCE_MAX);
}

static alertron_status set_names(alertron_model *model, const char *const *names, alertron_error *error)
{
    const alertron_allocator *allocator = &model->allocator;
    model->feature_names = alertron__new(allocator, model->forest->n_features, sizeof *model->feature_names);
    if (!model->feature_names)
        return alertron__error_memory(error);
    for (uint32_t i = 0; i < model->forest->n_features; i++) {
        alertron_status status = check_name(i, names[i], error);
        if (status != ALERTRON_OK)
            return status;
        if (!(model->feature_names[i] = alertron__copy_text(allocator, names[i], strlen(names[i]))))
            return alertron__error_memory(error);
    }
    return ALERTRON_OK;
}

static alertron_status set_texts(alertron_model *model, const struct model_parts *parts, alertron_error *error)
{
    const alertron_allocator *allocator = &model->allocator;
    const char *producer = parts->producer ? parts->producer : "";
    const char *provenance = parts->provenance ? parts->provenance : "";
    const char *tests = parts->tests ? parts->tests : "";
    if (strlen(producer) > ALERTRON_PROVENANCE_MAX || strlen(provenance) > ALERTRON_PROVENANCE_MAX)
        return refuse_provenance(error);
    model->producer = alertron__copy_text(allocator, producer, strlen(producer));
    model->provenance = alertron__copy_text(allocator, provenance, strlen(provenance));
    model->tests = alertron__copy_text(allocator, tests, strlen(tests));
    if (!model->producer || !model->provenance || !model->tests)
        return alertron__error_memory(error);
    return parts->feature_names ? set_names(model, parts->feature_names, error) : ALERTRON_OK;
}

static alertron_status set_training_scores(alertron_model *model, const uint64_t *counts, alertron_error *error)
{
    if (!counts)
        return ALERTRON_OK;
    /* Whoever adds them up needs no check of his own, in integers or in doubles. */
    for (uint64_t i = 0, left = (uint64_t)1 << 53; i < ALERTRON_SCORE_BINS; left -= counts[i++])
        if (counts[i] > left)
            return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                                   "the histogram of training scores counts more than 2^53 rows");
    model->training_scores = alertron__new(&model->allocator, ALERTRON_SCORE_BINS, sizeof *counts);
    if (!model->training_scores)
        return alertron__error_memory(error);
    memcpy(model->training_scores, counts, ALERTRON_SCORE_BINS * sizeof *counts);
    return ALERTRON_OK;
}

static alertron_status check_counts(const struct model_parts *parts, alertron_error *error)
{
    const struct forest *forest = parts->forest;
    if (forest->n_trees == 0 || forest->n_trees != forest->trees_max || forest->n_nodes != forest->nodes_max)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               "the forest has %u trees and %u nodes where %u and %u were promised", forest->n_trees,
                               forest->n_nodes, forest->trees_max, forest->nodes_max);
    if (!(parts->normalizer >= 0.0 && parts->normalizer < 1e12))
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               "the path length normalizer is not a number in its range");
    if (parts->samples > ALERTRON_SAMPLES_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "trees grown on %u rows each; at most %u can be loaded", parts->samples,
                               ALERTRON_SAMPLES_MAX);
    return ALERTRON_OK;
}

alertron_model *alertron__model_new(const struct model_parts *parts, const alertron_allocator *allocator,
                                    alertron_error *error)
{
    alertron_model *model = alertron__new(allocator, 1, sizeof *model);
    if (!model) {
        alertron__error_memory(error);
        alertron__forest_free(parts->forest);
        return NULL;
    }
    *model = (alertron_model){.forest = parts->forest,
                              .cuts = parts->cuts,
                              .normalizer = parts->normalizer,
                              .samples = parts->samples,
                              .allocator = *allocator};
    if (check_counts(parts, error) != ALERTRON_OK)
        goto fail;
    if (alertron__forest_finish(model->forest, error) != ALERTRON_OK || set_texts(model, parts, error) != ALERTRON_OK ||
        set_training_scores(model, parts->training_scores, error) != ALERTRON_OK ||
        set_cuts(model, error) != ALERTRON_OK || set_golden_rows(model, parts->golden, error) != ALERTRON_OK)
        goto fail;
    return model;
fail:
    alertron_model_free(model);
    return NULL;
}

static void release_text(const alertron_allocator *allocator, char *text)
{
    if (text)
        alertron__release(allocator, text, strlen(text) + 1, 1);
}

void alertron_model_free(alertron_model *model)
{
    if (!model)
        return;
    alertron_allocator allocator = model->allocator;
    const uint32_t n_features = model->forest->n_features;
    if (model->feature_names)
        for (uint32_t i = 0; i < n_features; i++)
            release_text(&allocator, model->feature_names[i]);
    alertron__release(&allocator, model->feature_names, n_features, sizeof *model->feature_names);
    release_text(&allocator, model->producer);
    release_text(&allocator, model->provenance);
    release_text(&allocator, model->tests);
    alertron__release(&allocator, model->training_scores, ALERTRON_SCORE_BINS, sizeof *model->training_scores);
    alertron__release(&allocator, model->golden, GOLDEN_ROWS * golden_width(model->forest), sizeof *model->golden);
    alertron__forest_free(model->forest);
    alertron__release(&allocator, model, 1, sizeof *model);
}

/* --- a model with changes ---------------------------------------------------------------------------- */

static alertron_status check_changes(const alertron_model *model, const alertron_model_changes *changes,
                                     alertron_error *error)
{
    if (changes->tests && strlen(changes->tests) > ALERTRON_TESTS_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "tests of %zu bytes; a model carries at most %u", strlen(changes->tests),
                               ALERTRON_TESTS_MAX);
    alertron_status status = ALERTRON_OK;
    for (uint32_t i = 0; changes->feature_names && i < model->forest->n_features && status == ALERTRON_OK; i++)
        status = check_name(i, changes->feature_names[i], error);
    if (status == ALERTRON_OK && changes->cuts)
        status = check_cuts(changes->cuts, ALERTRON_ERROR_ARGUMENT, error);
    return status;
}

/* Bytes of a line, its newline included. */
static size_t line_bytes(const char *line)
{
    size_t n = 0;
    while (line[n] && line[n] != '\n')
        n++;
    return n + (line[n] != 0);
}

/* Whether one of the text's lines has the key of this one: what stands before a colon. */
static bool has_key_of(const char *text, const char *line)
{
    const char *colon = memchr(line, ':', line_bytes(line));
    const size_t n = colon ? (size_t)(colon - line) + 1 : 0;
    for (; n > 0 && *text; text += line_bytes(text))
        if (strncmp(text, line, n) == 0)
            return true;
    return false;
}

/* The model's own lines whose keys are not added anew, and those that are added. */
static alertron_status join_provenance(const alertron_model *model, const char *added, char *out, size_t size,
                                       alertron_error *error)
{
    size_t n = 0;
    added = added ? added : "";
    for (const char *line = model->provenance; *line; line += line_bytes(line)) {
        if (has_key_of(added, line))
            continue;
        memcpy(out + n, line, line_bytes(line));
        n += line_bytes(line);
    }
    const char *newline = *added && n && out[n - 1] != '\n' ? "\n" : "";
    if (alertron__text(out + n, size - n, "%s%s", newline, added) < size - n)
        return ALERTRON_OK;
    return refuse_provenance(error);
}

/* What is changed is put into a shallow copy, and that goes out to a file in memory and in again: the reader checks
 * it as it checks any file. */
alertron_model *alertron_model_with(const alertron_model *model, const alertron_model_changes *changes,
                                    const alertron_allocator *allocator, alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    char provenance[ALERTRON_PROVENANCE_MAX + 1];
    if (check_changes(model, changes, error) != ALERTRON_OK ||
        join_provenance(model, changes->provenance, provenance, sizeof provenance, error) != ALERTRON_OK)
        return NULL;
    alertron_model changed = *model;
    changed.provenance = provenance;
    if (changes->cuts)
        changed.cuts = *changes->cuts;
    if (changes->feature_names)
        changed.feature_names = (char **)changes->feature_names;
    if (changes->training_scores)
        changed.training_scores = (uint64_t *)changes->training_scores;
    if (changes->tests)
        changed.tests = (char *)changes->tests;
    const size_t n_bytes = alertron_model_save(&changed, NULL, 0);
    unsigned char *bytes = alertron__new(&memory, n_bytes, 1);
    if (!bytes) {
        alertron__error_memory(error);
        return NULL;
    }
    alertron_model_save(&changed, bytes, n_bytes);
    alertron_model *made = alertron__modelfile_load(bytes, n_bytes, &memory, error);
    alertron__release(&memory, bytes, n_bytes, 1);
    return alertron__model_tested(made, error);
}

/* --- scoring --------------------------------------------------------------------------------------- */

double alertron_model_path_length(const alertron_model *model, const double *row)
{
    return alertron__path_length(model->forest, row);
}

double alertron_model_score(const alertron_model *model, const double *row)
{
    return alertron__score(alertron_model_path_length(model, row), model->normalizer);
}

alertron_status alertron_model_score_rows(const alertron_model *model, const alertron_rows *rows, double *scores)
{
    if (rows->width != model->forest->n_features)
        return ALERTRON_ERROR_ARGUMENT;
    alertron__path_lengths(model->forest, rows, scores);
    for (size_t row = 0; row < rows->rows; row++)
        scores[row] = alertron__score(scores[row], model->normalizer);
    return ALERTRON_OK;
}

void alertron_model_explain(const alertron_model *model, const double *row, double *shares)
{
    alertron__explain(model->forest, row, shares);
}

alertron_severity alertron_model_severity(const alertron_model *model, double score)
{
    return alertron_cuts_severity(&model->cuts, score);
}

/* --- what it is ------------------------------------------------------------------------------------- */

alertron_cuts alertron_model_cuts(const alertron_model *model)
{
    return model->cuts;
}

size_t alertron_model_features(const alertron_model *model)
{
    return model->forest->n_features;
}

const char *alertron_model_feature_name(const alertron_model *model, size_t index)
{
    return model->feature_names && index < model->forest->n_features ? model->feature_names[index] : NULL;
}

const uint64_t *alertron_model_training_scores(const alertron_model *model)
{
    return model->training_scores;
}

const char *alertron_model_tests(const alertron_model *model)
{
    return model->tests;
}

static size_t text_bytes(const alertron_model *model)
{
    size_t bytes = strlen(model->producer) + 1 + strlen(model->provenance) + 1 + strlen(model->tests) + 1;
    if (model->feature_names)
        for (uint32_t i = 0; i < model->forest->n_features; i++)
            bytes += sizeof *model->feature_names + strlen(model->feature_names[i]) + 1;
    return bytes;
}

void alertron_model_describe(const alertron_model *model, alertron_model_info *info)
{
    const struct forest *forest = model->forest;
    *info = (alertron_model_info){
        .kind = "isolation forest",
        .producer = model->producer,
        .provenance = model->provenance,
        .kernel = forest->kernel ? forest->kernel->name : "walk",
        .features = forest->n_features,
        .trees = forest->n_trees,
        .nodes = forest->n_nodes,
        .depth = forest->depth,
        .samples = model->samples,
        .normalizer = model->normalizer,
        .missing_values = forest->missing_values,
        .bytes = sizeof *model + alertron__forest_bytes(forest) +
                 GOLDEN_ROWS * golden_width(forest) * sizeof *model->golden + text_bytes(model) +
                 (model->training_scores ? ALERTRON_SCORE_BINS * sizeof *model->training_scores : 0),
    };
}

static bool is_same_node(struct tree_node a, struct tree_node b)
{
    if (a.left < 0 || b.left < 0)
        return a.left == b.left && alertron__bits_of_double(a.term) == alertron__bits_of_double(b.term);
    return a.left == b.left && a.right == b.right && a.feature == b.feature && a.missing_left == b.missing_left &&
           alertron__bits_of_double(a.threshold) == alertron__bits_of_double(b.threshold);
}

bool alertron_model_same_forest(const alertron_model *a, const alertron_model *b)
{
    const struct forest *x = a->forest, *y = b->forest;
    bool same = x->n_features == y->n_features && x->n_trees == y->n_trees && x->n_nodes == y->n_nodes &&
                x->missing_values == y->missing_values && a->normalizer == b->normalizer;
    for (uint32_t tree = 0; same && tree < x->n_trees; tree++) {
        const uint32_t n = alertron__forest_tree_nodes(x, tree);
        same = n == alertron__forest_tree_nodes(y, tree);
        for (uint32_t i = 0; same && i < n; i++)
            same = is_same_node(alertron__forest_node(x, tree, i), alertron__forest_node(y, tree, i));
    }
    return same;
}

alertron_status alertron_model_set_kernel(alertron_model *model, const char *name, alertron_error *error)
{
    return alertron__kernel_set(model->forest, name, error);
}
