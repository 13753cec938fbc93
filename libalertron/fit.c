/* fit.c: growing an Isolation Forest (Liu, Ting and Zhou, 2008) and taking its threshold and cuts from the scores of
 * the rows it was grown on.
 *
 * A tree splits its sample at a random feature that is not constant there, at a random place between its least
 * and greatest value, until rows are alone, equal, or as deep as a balanced tree would be. Each tree draws from
 * a random sequence of its own, so the model depends on the seed and the rows alone.
 */
#include "private.h"

#include <stdio.h>
#include <string.h>

/* Options with their defaults filled in, and what follows from the rows. */
struct plan {
    const alertron_rows *rows;
    uint32_t n_features, tree_features, trees, samples, depth;
    double contamination;
    uint64_t seed;
    const alertron_allocator *allocator;
};

/* What growing a tree needs; one for all trees. */
struct nursery {
    uint32_t *order;    /* of all rows: the sample is shuffled to the front, and back again */
    uint32_t *swaps;    /* what was swapped, to undo it */
    double *values;     /* of the sample: a column a feature */
    uint32_t *members;  /* rows of the sample, a node's lie together */
    uint32_t *features; /* of the model, the tree's first */
    struct tree_node *nodes;
    struct span *spans; /* of nodes that are not finished */
};

/* A node whose members are known and that is to be split or made a leaf. */
struct span {
    uint32_t node, first, n, depth;
};

static uint32_t nodes_max(const struct plan *plan)
{
    return 2 * plan->samples - 1;
}

/* --- options ------------------------------------------------------------------------------------- */

static alertron_status refuse(alertron_error *error, alertron_status status, const char *text)
{
    return alertron__error(error, status, ALERTRON_NO_OFFSET, "%s", text);
}

static alertron_status check_rows(const alertron_rows *rows, alertron_error *error)
{
    if (rows->rows < 2 || rows->rows > UINT32_MAX)
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "an isolation forest needs at least 2 rows and at most 4294967295");
    if (rows->width == 0 || rows->width > ALERTRON_FEATURES_MAX)
        return refuse(error, rows->width ? ALERTRON_ERROR_LIMIT : ALERTRON_ERROR_ARGUMENT,
                      "the rows must have between 1 and 4096 features");
    for (size_t row = 0; row < rows->rows; row++)
        for (size_t column = 0; column < rows->width; column++) {
            const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride +
                                      (ptrdiff_t)column * rows->column_stride;
            double x = alertron__load_number(at, rows->dtype);
            if (x - x != 0.0)
                return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                       "row %zu, feature %zu is not a finite number: leave the row out or mend it", row,
                                       column);
        }
    return ALERTRON_OK;
}

static uint32_t depth_for(uint32_t samples)
{
    uint32_t depth = 1;
    while (((uint64_t)1 << (depth - 1)) < samples)
        depth++;
    return depth;
}

static alertron_status make_plan(struct plan *plan, const alertron_rows *rows, const alertron_fit_options *options,
                                 alertron_error *error)
{
    const double features = options->features != 0.0 ? options->features : 1.0;
    plan->trees = options->trees ? options->trees : 100;
    plan->samples = options->samples ? options->samples : 256;
    plan->contamination = options->contamination;
    plan->seed = options->seed;
    if (plan->trees > ALERTRON_TREES_MAX)
        return refuse(error, ALERTRON_ERROR_LIMIT, "trees must be between 1 and 65536");
    if (!(features > 0.0 && features <= 1.0))
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "features, the share of the features a tree may use, must be above 0 and at most 1");
    if (!(plan->contamination >= 0.0 && plan->contamination <= 0.5))
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "contamination, the share of anomalies in the rows, must be above 0 and at most 0.5");
    alertron_status status = check_rows(rows, error);
    if (status != ALERTRON_OK)
        return status;
    plan->rows = rows;
    plan->n_features = (uint32_t)rows->width;
    plan->tree_features = (uint32_t)(features * (double)rows->width);
    plan->tree_features += plan->tree_features == 0;
    plan->samples = plan->samples < rows->rows ? plan->samples : (uint32_t)rows->rows;
    plan->depth = depth_for(plan->samples);
    if (plan->samples > ALERTRON_SAMPLES_MAX || plan->trees > ALERTRON_NODES_MAX / nodes_max(plan))
        return refuse(error, ALERTRON_ERROR_LIMIT,
                      "so many trees on so many samples each are more nodes than a forest may have");
    return ALERTRON_OK;
}

/* --- growing --------------------------------------------------------------------------------------- */

static void close_nursery(struct nursery *nursery, const struct plan *plan)
{
    const alertron_allocator *allocator = plan->allocator;
    alertron__release(allocator, nursery->spans, nodes_max(plan), sizeof *nursery->spans);
    alertron__release(allocator, nursery->nodes, nodes_max(plan), sizeof *nursery->nodes);
    alertron__release(allocator, nursery->features, plan->n_features, sizeof *nursery->features);
    alertron__release(allocator, nursery->members, plan->samples, sizeof *nursery->members);
    alertron__release(allocator, nursery->values, (size_t)plan->samples * plan->n_features, sizeof *nursery->values);
    alertron__release(allocator, nursery->swaps, plan->samples, sizeof *nursery->swaps);
    alertron__release(allocator, nursery->order, plan->rows->rows, sizeof *nursery->order);
}

static alertron_status open_nursery(struct nursery *nursery, const struct plan *plan, alertron_error *error)
{
    const alertron_allocator *allocator = plan->allocator;
    *nursery = (struct nursery){
        .order = alertron__new(allocator, plan->rows->rows, sizeof *nursery->order),
        .swaps = alertron__new(allocator, plan->samples, sizeof *nursery->swaps),
        .values = alertron__new(allocator, (size_t)plan->samples * plan->n_features, sizeof *nursery->values),
        .members = alertron__new(allocator, plan->samples, sizeof *nursery->members),
        .features = alertron__new(allocator, plan->n_features, sizeof *nursery->features),
        .nodes = alertron__new(allocator, nodes_max(plan), sizeof *nursery->nodes),
        .spans = alertron__new(allocator, nodes_max(plan), sizeof *nursery->spans),
    };
    if (!nursery->order || !nursery->swaps || !nursery->values || !nursery->members || !nursery->features ||
        !nursery->nodes || !nursery->spans) {
        close_nursery(nursery, plan);
        return alertron__error_memory(error);
    }
    for (uint32_t row = 0; row < plan->rows->rows; row++)
        nursery->order[row] = row;
    return ALERTRON_OK;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Draws the tree's rows without replacement and copies their numbers, a column a feature. */
static void draw_sample(struct nursery *nursery, const struct plan *plan, struct random_state *random)
{
    const alertron_rows *rows = plan->rows;
    for (uint32_t i = 0; i < plan->samples; i++) {
        nursery->swaps[i] = i + alertron__random_below(random, (uint32_t)rows->rows - i);
        swap(&nursery->order[i], &nursery->order[nursery->swaps[i]]);
    }
    for (uint32_t i = 0; i < plan->samples; i++) {
        const unsigned char *row = (const unsigned char *)rows->data + (ptrdiff_t)nursery->order[i] * rows->row_stride;
        for (uint32_t feature = 0; feature < plan->n_features; feature++)
            nursery->values[(size_t)feature * plan->samples + i] =
                alertron__load_number(row + feature * rows->column_stride, rows->dtype);
        nursery->members[i] = i;
    }
    for (uint32_t i = plan->samples; i-- > 0;)
        swap(&nursery->order[i], &nursery->order[nursery->swaps[i]]);
}

static void draw_features(struct nursery *nursery, const struct plan *plan, struct random_state *random)
{
    for (uint32_t feature = 0; feature < plan->n_features; feature++)
        nursery->features[feature] = feature;
    if (plan->tree_features < plan->n_features)
        for (uint32_t i = 0; i < plan->tree_features; i++)
            swap(&nursery->features[i], &nursery->features[i + alertron__random_below(random, plan->n_features - i)]);
}

struct range {
    double least, greatest;
};

static struct range range_of(const double *column, const uint32_t *members, uint32_t n)
{
    struct range range = {column[members[0]], column[members[0]]};
    for (uint32_t i = 1; i < n; i++) {
        const double x = column[members[i]];
        range.least = x < range.least ? x : range.least;
        range.greatest = x > range.greatest ? x : range.greatest;
    }
    return range;
}

/* A random feature that is not constant among the members; false where all are. Features that were tried move to the
 * back of the tree's list. */
static bool draw_split(struct nursery *nursery, const struct plan *plan, const struct span *span,
                       struct random_state *random, struct tree_node *node)
{
    for (uint32_t left = plan->tree_features; left > 0; left--) {
        const uint32_t pick = alertron__random_below(random, left);
        const uint32_t feature = nursery->features[pick];
        swap(&nursery->features[pick], &nursery->features[left - 1]);
        const struct range range =
            range_of(nursery->values + (size_t)feature * plan->samples, nursery->members + span->first, span->n);
        if (!(range.least < range.greatest))
            continue;
        const double share = alertron__random_unit(random);
        double threshold = range.least * (1.0 - share) + range.greatest * share;
        if (!(threshold >= range.least && threshold < range.greatest))
            threshold = range.least;
        *node = (struct tree_node){.feature = feature, .threshold = threshold};
        return true;
    }
    return false;
}

/* Members that go left to the front; returns how many. */
static uint32_t part_members(uint32_t *members, uint32_t n, const double *column, double threshold)
{
    uint32_t n_left = 0;
    for (uint32_t i = 0; i < n; i++)
        if (column[members[i]] <= threshold)
            swap(&members[i], &members[n_left++]);
    return n_left;
}

static uint32_t grow_tree(struct nursery *nursery, const struct plan *plan, struct random_state *random)
{
    uint32_t n_nodes = 1, n_spans = 1;
    nursery->spans[0] = (struct span){.node = 0, .first = 0, .n = plan->samples, .depth = 1};
    while (n_spans > 0) {
        const struct span span = nursery->spans[--n_spans];
        struct tree_node *node = &nursery->nodes[span.node];
        if (span.n < 2 || span.depth == plan->depth || !draw_split(nursery, plan, &span, random, node)) {
            const double term = (double)span.depth + alertron__average_path_length(span.n) - 1.0;
            *node = (struct tree_node){.left = -1, .right = -1, .term = term};
            continue;
        }
        const uint32_t n_left = part_members(nursery->members + span.first, span.n,
                                             nursery->values + (size_t)node->feature * plan->samples, node->threshold);
        node->left = n_nodes++;
        node->right = n_nodes++;
        nursery->spans[n_spans++] =
            (struct span){(uint32_t)node->right, span.first + n_left, span.n - n_left, span.depth + 1};
        nursery->spans[n_spans++] = (struct span){(uint32_t)node->left, span.first, n_left, span.depth + 1};
    }
    return n_nodes;
}

/* Grows all trees; how many nodes they have shows only then, so they are gathered in a forest that has room for the
 * most there can be, and copied into one that fits. */
static struct forest *grow_forest(const struct plan *plan, alertron_error *error)
{
    struct nursery nursery;
    if (open_nursery(&nursery, plan, error) != ALERTRON_OK)
        return NULL;
    struct forest *forest =
        alertron__forest_new(plan->n_features, plan->trees, plan->trees * nodes_max(plan), plan->allocator, error);
    for (uint32_t tree = 0; forest && tree < plan->trees; tree++) {
        struct random_state random = alertron__random_new(plan->seed, tree);
        draw_sample(&nursery, plan, &random);
        draw_features(&nursery, plan, &random);
        const uint32_t n_nodes = grow_tree(&nursery, plan, &random);
        if (alertron__forest_add_tree(forest, nursery.nodes, n_nodes, error) != ALERTRON_OK) {
            alertron__forest_free(forest);
            forest = NULL;
        }
    }
    close_nursery(&nursery, plan);
    return forest ? alertron__forest_fitted(forest, error) : NULL;
}

/* --- threshold and cuts ------------------------------------------------------------------------------ */

static alertron_status set_threshold(alertron_model *model, const struct plan *plan, alertron_error *error)
{
    const size_t n = plan->rows->rows;
    double *scores = alertron__new(plan->allocator, n, sizeof *scores);
    if (!scores)
        return alertron__error_memory(error);
    alertron_model_score_rows(model, plan->rows, scores);
    if (plan->contamination > 0.0)
        model->cuts.threshold = alertron__quantile(scores, n, 1.0 - plan->contamination);
    /* Too few anomalous training scores: the cuts stay provisional, which they say of themselves. */
    alertron_cuts_calibrate(&model->cuts, scores, n, ALERTRON_CUTS_TRAINING, NULL);
    alertron__release(plan->allocator, scores, n, sizeof *scores);
    return model->cuts.origin == ALERTRON_CUTS_TRAINING ? ALERTRON_OK : alertron__model_provisional_cuts(model, error);
}

/* The provenance text: what the plan was, then what the caller says. */
static alertron_status describe(const struct plan *plan, const char *callers_text, char *out, size_t size,
                                alertron_error *error)
{
    char contamination[ALERTRON_NUMBER_BYTES + 1] = "auto";
    if (plan->contamination > 0.0)
        contamination[alertron__number_text(plan->contamination, contamination)] = 0;
    const int n =
        snprintf(out, size, "rows: %zu\nfeatures a tree: %u\ncontamination: %s\nseed: %llu\n%s", plan->rows->rows,
                 plan->tree_features, contamination, (unsigned long long)plan->seed, callers_text ? callers_text : "");
    if (n >= 0 && (size_t)n < size)
        return ALERTRON_OK;
    return refuse(error, ALERTRON_ERROR_LIMIT,
                  "the provenance text is too long: with the lines that tell of the fit it may have 4096 bytes");
}

alertron_model *alertron_model_fit(const alertron_rows *rows, const alertron_fit_options *options,
                                   const alertron_allocator *allocator, alertron_error *error)
{
    static const alertron_fit_options defaults = {0};
    const alertron_allocator memory = alertron__allocator(allocator);
    struct plan plan = {.allocator = &memory};
    options = options ? options : &defaults;
    if (make_plan(&plan, rows, options, error) != ALERTRON_OK)
        return NULL;
    char provenance[ALERTRON_PROVENANCE_MAX + 1];
    if (describe(&plan, options->provenance, provenance, sizeof provenance, error) != ALERTRON_OK)
        return NULL;
    struct model_parts parts = {
        .samples = plan.samples,
        .normalizer = (double)plan.trees * alertron__average_path_length(plan.samples),
        .cuts = {.threshold = 0.5,
                 .medium_quantile = options->medium_quantile != 0.0 ? options->medium_quantile : 0.80,
                 .high_quantile = options->high_quantile != 0.0 ? options->high_quantile : 0.95},
        .feature_names = options->feature_names,
        .producer = "alertron " ALERTRON_VERSION,
        .provenance = provenance,
    };
    if (alertron__quantiles_check(parts.cuts.medium_quantile, parts.cuts.high_quantile, error) != ALERTRON_OK ||
        !(parts.forest = grow_forest(&plan, error)))
        return NULL;
    alertron_model *model = alertron__model_new(&parts, &memory, error);
    if (model && set_threshold(model, &plan, error) != ALERTRON_OK) {
        alertron_model_free(model);
        model = NULL;
    }
    return model;
}
