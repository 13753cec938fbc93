/* along.c: what a score does while one feature of a row takes every value there is.
 *
 * Of a tree's thresholds only those matter that stand on a path which the row can take by that feature alone. Between
 * two neighbours of them the score is the same, so one number there is enough, and the check is exact.
 */
#include "check.h"

/* A node that is looked at for its cut takes as long as so many that a row passes, where memory is slow. */
enum { CUT_NODES = 16 };

/* Of nodes that a kernel passes with many rows at a time, so many take as long as one that a row passes alone. */
enum { KERNEL_NODES = 4 };

/* Numbers that lie ready to be scored: rows of the model's width. */
enum { BATCH_NUMBERS = UINTPTR_MAX > 0xffffffff ? 16384 : 512, BATCH_ROWS_MAX = 256 };

struct along {
    struct checking *checking;
    const struct forest *forest;
    double *batch; /* batch_rows copies of the row that the check begins from, but for the feature's column */
    size_t batch_rows;
    double *cuts; /* of the feature, rising; behind one of them the score may be another */
    size_t n_cuts, cuts_max;
    double *scores; /* of the batch */

    size_t row, feature;
    double start, start_score;
    double highest, highest_at; /* of the scores so far, and for which number */

    bool shown_is_bad; /* what is in the result is a failure */
    double shown_highest, shown_highest_at;
    bool any_shown;
};

/* --- the cuts of a feature ------------------------------------------------------------------------------------------
 */

/* A node that some number reaches: those above `low` and up to `high`. */
struct reached {
    uint32_t index;
    double low, high;
};

static void note_cut(struct along *along, double cut)
{
    if (along->n_cuts < along->cuts_max)
        along->cuts[along->n_cuts] = cut + 0.0; /* of two zeros, one */
    along->n_cuts++;
}

/* Counts the nodes that it visits. */
static uint64_t cuts_of_tree(struct along *along, uint32_t tree, const double *row)
{
    struct reached stack[ALERTRON_DEPTH_MAX];
    uint32_t n = 0;
    uint64_t visited = 0;
    stack[n++] = (struct reached){0, -alertron__infinity(), alertron__infinity()};
    while (n > 0) {
        const struct reached at = stack[--n];
        const struct tree_node node = alertron__forest_node(along->forest, tree, at.index);
        visited++;
        if (node.left < 0)
            continue;
        if ((size_t)node.feature != along->feature) {
            stack[n++] = (struct reached){alertron__forest_step(&node, row[node.feature]), at.low, at.high};
            continue;
        }
        const double cut = node.threshold;
        if (cut > at.low)
            stack[n++] = (struct reached){(uint32_t)node.left, at.low, cut < at.high ? cut : at.high};
        if (cut < at.high)
            stack[n++] = (struct reached){(uint32_t)node.right, cut > at.low ? cut : at.low, at.high};
        if (cut > at.low && cut < at.high && cut < DBL_MAX)
            note_cut(along, cut);
    }
    return visited;
}

static alertron_status gather_cuts_along(struct along *along)
{
    along->n_cuts = 0;
    for (uint32_t tree = 0; tree < along->forest->n_trees; tree++) {
        alertron_status status =
            alertron__check_spend(along->checking, CUT_NODES, cuts_of_tree(along, tree, along->batch));
        if (status != ALERTRON_OK)
            return status;
    }
    return ALERTRON_OK;
}

/* Finds the cuts, once for their number where there is not room enough, and sorts them. */
static alertron_status find_cuts_along(struct along *along)
{
    const alertron_allocator *allocator = along->checking->allocator;
    alertron_status status = gather_cuts_along(along);
    if (status == ALERTRON_OK && along->n_cuts > along->cuts_max) {
        alertron__release(allocator, along->cuts, along->cuts_max, sizeof *along->cuts);
        along->cuts_max = 0;
        along->cuts = alertron__new(allocator, along->n_cuts, sizeof *along->cuts);
        if (!along->cuts)
            return alertron__error_memory(along->checking->error);
        along->cuts_max = along->n_cuts;
        status = gather_cuts_along(along);
    }
    if (status != ALERTRON_OK)
        return status;
    alertron__sort(along->cuts, along->n_cuts);
    size_t distinct = 0;
    for (size_t i = 0; i < along->n_cuts; i++)
        if (distinct == 0 || along->cuts[i] != along->cuts[distinct - 1])
            along->cuts[distinct++] = along->cuts[i];
    along->n_cuts = distinct;
    return ALERTRON_OK;
}

/* A number of the interval behind `index` cuts. A cut belongs to the interval below it. */
static double number_in(const struct along *along, size_t index)
{
    if (index < along->n_cuts)
        return along->cuts[index];
    return alertron__double_of_rank(alertron__rank_of_double(along->cuts[index - 1]) + 1);
}

/* --- the scores ------------------------------------------------------------------------------------------------------
 */

/* Keeps what shows the check best: a failure before what is none, and the one that goes farthest. */
static void note_score(struct along *along, double number, double score)
{
    const alertron_check *check = along->checking->check;
    const alertron_model *model = along->checking->model;
    alertron_check_result *result = along->checking->result;
    const bool monotone = check->kind == ALERTRON_CHECK_MONOTONE;
    const double before = monotone ? along->highest : along->start_score;
    const double fall = before - score, change = !monotone && fall < 0.0 ? -fall : fall;
    const alertron_severity was = alertron_model_severity(model, before), is = alertron_model_severity(model, score);
    const bool bad = check->by_score ? change > check->tolerance : monotone ? is < was : is != was;
    if (!along->any_shown || bad > along->shown_is_bad || (bad == along->shown_is_bad && change > result->figure)) {
        along->any_shown = true;
        along->shown_is_bad = bad;
        along->shown_highest = before;
        along->shown_highest_at = monotone ? along->highest_at : along->start;
        result->figure = change > 0.0 ? change : 0.0;
        result->row = along->row;
        result->feature = along->feature;
        result->value = number;
        result->score = score;
    }
    if (score > along->highest) {
        along->highest = score;
        along->highest_at = number;
    }
}

/* Scores a number in each of the intervals from `first` on, n of them, in steps of 1 or -1. */
static alertron_status walk_intervals(struct along *along, size_t first, int step, size_t n)
{
    const size_t width = along->forest->n_features;
    alertron_status status = ALERTRON_OK;
    along->highest = along->start_score;
    along->highest_at = along->start;
    const uint64_t row_nodes = alertron__check_row_nodes(along->checking->model),
                   cost = along->forest->kernel ? row_nodes / KERNEL_NODES + 1 : row_nodes;
    for (size_t done = 0; done < n && status == ALERTRON_OK;) {
        const size_t left = n - done, in_batch = left < along->batch_rows ? left : along->batch_rows;
        for (size_t i = 0; i < in_batch; i++)
            along->batch[i * width + along->feature] = number_in(along, step > 0 ? first + done + i : first - done - i);
        status = alertron__check_spend(along->checking, in_batch, cost);
        if (status != ALERTRON_OK)
            break;
        const alertron_rows rows = alertron_rows_of(along->batch, in_batch, width);
        alertron_model_score_rows(along->checking->model, &rows, along->scores);
        for (size_t i = 0; i < in_batch; i++)
            note_score(along, along->batch[i * width + along->feature], along->scores[i]);
        done += in_batch;
    }
    for (size_t i = 0; i < along->batch_rows; i++)
        along->batch[i * width + along->feature] = along->start;
    return status;
}

static alertron_status refuse_start(const struct along *along)
{
    return alertron__error(along->checking->error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                           "row %zu has no number to begin from for %s: give one that has", along->row,
                           alertron__feature_shown(along->checking->model, along->feature).bytes);
}

static alertron_status go_along(struct along *along, size_t feature)
{
    const alertron_check *check = along->checking->check;
    along->feature = feature;
    along->start = along->batch[feature];
    const bool missing = along->start != along->start;
    if (missing && (check->kind == ALERTRON_CHECK_MONOTONE || check->direction != ALERTRON_VARYING))
        return refuse_start(along);
    alertron_status status = find_cuts_along(along);
    if (status != ALERTRON_OK || along->n_cuts == 0)
        return status;
    if (missing)
        return walk_intervals(along, 0, 1, along->n_cuts + 1);
    size_t below = 0;
    while (below < along->n_cuts && along->cuts[below] < along->start)
        below++;
    if (check->direction != ALERTRON_FALLING)
        status = walk_intervals(along, below + 1, 1, along->n_cuts - below);
    if (status == ALERTRON_OK && check->direction != ALERTRON_RISING && below > 0)
        status = walk_intervals(along, below - 1, -1, below);
    return status;
}

static alertron_status go_from_row(struct along *along, size_t row)
{
    const alertron_check *check = along->checking->check;
    const alertron_rows *rows = &check->rows;
    const size_t width = rows->width;
    const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
    for (size_t column = 0; column < width; column++, at += rows->column_stride)
        along->batch[column] = alertron__load_number(at, rows->dtype);
    for (size_t i = 1; i < along->batch_rows; i++)
        memcpy(along->batch + i * width, along->batch, width * sizeof *along->batch);
    along->row = row;
    along->start_score = along->checking->scores[row];
    if (check->feature != ALERTRON_EVERY_FEATURE)
        return go_along(along, check->feature);
    alertron_status status = ALERTRON_OK;
    for (size_t feature = 0; feature < width && status == ALERTRON_OK; feature++)
        status = go_along(along, feature);
    return status;
}

/* --- the result ------------------------------------------------------------------------------------------------------
 */

static const char *severity_of(const struct along *along, double score)
{
    return alertron_severity_name(alertron_model_severity(along->checking->model, score));
}

static void tell(const struct along *along)
{
    const alertron_check *check = along->checking->check;
    alertron_check_result *result = along->checking->result;
    const bool monotone = check->kind == ALERTRON_CHECK_MONOTONE;
    result->passed = !along->shown_is_bad;
    if (result->passed) {
        alertron__text(result->text, sizeof result->text, "%s by more than %s",
                       monotone ? "no score falls" : "no score changes",
                       alertron__number_beside(result->figure, check->tolerance, 4).bytes);
        return;
    }
    size_t n = alertron__text(result->text, sizeof result->text, "%s at %s scores %s, %s; %s, at %s, it was %s, %s",
                              alertron__feature_shown(along->checking->model, result->feature).bytes,
                              alertron__number_shown(result->value).bytes,
                              alertron__number_beside(result->score, along->shown_highest, 4).bytes,
                              severity_of(along, result->score), monotone ? "before" : "unchanged",
                              alertron__number_shown(along->shown_highest_at).bytes,
                              alertron__number_beside(along->shown_highest, result->score, 4).bytes,
                              severity_of(along, along->shown_highest));
    if (check->rows.rows > 1)
        n += alertron__text(result->text + n, sizeof result->text - n, " (row %zu)", result->row);
    if (check->by_score)
        alertron__text(result->text + n, sizeof result->text - n, "; %s of at most %s was wanted",
                       monotone ? "a fall" : "a change", alertron__number_shown(check->tolerance).bytes);
}

alertron_status alertron__check_along(struct checking *checking)
{
    const size_t width = checking->model->forest->n_features, fit = BATCH_NUMBERS / width;
    struct along along = {.checking = checking,
                          .forest = checking->model->forest,
                          .batch_rows = fit > BATCH_ROWS_MAX ? BATCH_ROWS_MAX
                                        : fit > 1            ? fit
                                                             : 1};
    checking->result->row = 0;
    checking->result->score = checking->scores[0];
    along.batch = alertron__new(checking->allocator, along.batch_rows * width, sizeof *along.batch);
    along.scores = alertron__new(checking->allocator, along.batch_rows, sizeof *along.scores);
    alertron_status status = along.batch && along.scores ? ALERTRON_OK : alertron__error_memory(checking->error);
    for (size_t row = 0; row < checking->check->rows.rows && status == ALERTRON_OK; row++)
        status = go_from_row(&along, row);
    if (status == ALERTRON_OK)
        tell(&along);
    alertron__release(checking->allocator, along.cuts, along.cuts_max, sizeof *along.cuts);
    alertron__release(checking->allocator, along.scores, along.batch_rows, sizeof *along.scores);
    alertron__release(checking->allocator, along.batch, along.batch_rows * width, sizeof *along.batch);
    return status;
}
