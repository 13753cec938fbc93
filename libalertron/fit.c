/* fit.c: a model from rows: options, a forest grown on the rows, threshold and cuts from the rows' scores. */
#include "private.h"

#include <string.h>

/* Options with their defaults filled in, and what follows from the rows. */
struct plan {
    struct growth growth;
    double contamination;
    bool provisional_cuts;
};

static uint32_t nodes_max(const struct growth *growth)
{
    return 2 * growth->samples - 1;
}

/* --- options ------------------------------------------------------------------------------------- */

static alertron_status refuse(alertron_error *error, alertron_status status, const char *text)
{
    return alertron__error(error, status, ALERTRON_NO_OFFSET, "%s", text);
}

/* The bits of a float64 that is infinite or NaN, and of no other, carry into the sign bit. Numbers lie `stride` bytes
 * apart. Integers, so that compilers make vectors of it. */
static bool are_finite_float64(const unsigned char *numbers, size_t n, ptrdiff_t stride)
{
    uint64_t carried = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, numbers + (ptrdiff_t)i * stride, sizeof bits);
        carried |= (bits & UINT64_MAX >> 1) + ((uint64_t)1 << 52);
    }
    return carried >> 63 == 0;
}

static bool are_finite_float32(const unsigned char *numbers, size_t n, ptrdiff_t stride)
{
    uint32_t carried = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, numbers + (ptrdiff_t)i * stride, sizeof bits);
        carried |= (bits & UINT32_MAX >> 1) + ((uint32_t)1 << 23);
    }
    return carried >> 31 == 0;
}

static bool are_finite(const unsigned char *numbers, size_t n, ptrdiff_t stride, alertron_dtype dtype)
{
    /* A stride that the compiler knows is several times as fast. */
    if (dtype == ALERTRON_FLOAT32)
        return stride == 4 ? are_finite_float32(numbers, n, 4) : are_finite_float32(numbers, n, stride);
    return stride == 8 ? are_finite_float64(numbers, n, 8) : are_finite_float64(numbers, n, stride);
}

/* In the order in which the numbers lie in memory, in one run where there are no gaps. */
static bool rows_are_finite(const alertron_rows *rows)
{
    const ptrdiff_t size = rows->dtype == ALERTRON_FLOAT32 ? 4 : 8;
    const bool by_column = rows->row_stride == size;
    const ptrdiff_t stride = by_column ? rows->row_stride : rows->column_stride;
    const ptrdiff_t run_stride = by_column ? rows->column_stride : rows->row_stride;
    size_t n = by_column ? rows->rows : rows->width, n_runs = by_column ? rows->width : rows->rows;
    if (stride == size && run_stride == (ptrdiff_t)n * size) {
        n *= n_runs;
        n_runs = 1;
    }
    const unsigned char *run = rows->data;
    for (size_t i = 0; i < n_runs; i++, run += run_stride)
        if (!are_finite(run, n, stride, rows->dtype))
            return false;
    return true;
}

/* The first number that can't be taken, for rows that are not all finite. */
static alertron_status check_numbers(const alertron_rows *rows, bool missing_values, alertron_error *error)
{
    for (size_t row = 0; row < rows->rows; row++) {
        const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
        for (size_t column = 0; column < rows->width; column++, at += rows->column_stride) {
            const double x = alertron__load_number(at, rows->dtype);
            if (x - x == 0.0 || (x != x && missing_values))
                continue;
            return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "row %zu, feature %zu is %s: leave the row out or mend it%s", row, column,
                                   x != x ? "not a number" : "infinite", x != x ? ", or fit with missing values" : "");
        }
    }
    return ALERTRON_OK;
}

static alertron_status check_rows(const alertron_rows *rows, bool missing_values, alertron_error *error)
{
    if (rows->rows < 2 || rows->rows > UINT32_MAX)
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "an isolation forest needs at least 2 rows and at most 4294967295");
    if (rows->width == 0 || rows->width > ALERTRON_FEATURES_MAX)
        return refuse(error, rows->width ? ALERTRON_ERROR_LIMIT : ALERTRON_ERROR_ARGUMENT,
                      "the rows must have between 1 and 4096 features");
    return rows_are_finite(rows) ? ALERTRON_OK : check_numbers(rows, missing_values, error);
}

static uint32_t depth_for(uint32_t samples)
{
    uint32_t depth = 1;
    while (((uint64_t)1 << (depth - 1)) < samples)
        depth++;
    return depth;
}

static alertron_status check_options(const alertron_fit_options *options, alertron_error *error)
{
    const double features = options->features, contamination = options->contamination;
    if (options->trees > ALERTRON_TREES_MAX)
        return refuse(error, ALERTRON_ERROR_LIMIT, "trees must be between 1 and 65536");
    if (!(features >= 0.0 && features <= 1.0))
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "features, the share of the features a tree may use, must be above 0 and at most 1");
    if (!(contamination >= 0.0 && contamination <= 0.5))
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "contamination, the share of anomalies in the rows, must be above 0 and at most 0.5");
    if (options->provisional_cuts && contamination > 0.0)
        return refuse(error, ALERTRON_ERROR_ARGUMENT,
                      "a contamination needs the scores of the rows, which provisional_cuts leaves out: give one of "
                      "the two");
    return ALERTRON_OK;
}

static alertron_status make_plan(struct plan *plan, const alertron_rows *rows, const alertron_fit_options *options,
                                 alertron_error *error)
{
    alertron_status status = check_options(options, error);
    if (status == ALERTRON_OK)
        status = check_rows(rows, options->missing_values, error);
    if (status != ALERTRON_OK)
        return status;
    const uint32_t samples = options->samples ? options->samples : 256;
    const uint32_t tree_features = (uint32_t)(options->features * (double)rows->width);
    struct growth *growth = &plan->growth;
    growth->rows = rows;
    growth->trees = options->trees ? options->trees : 100;
    growth->samples = samples < rows->rows ? samples : (uint32_t)rows->rows;
    growth->tree_features = options->features == 0.0 ? (uint32_t)rows->width : tree_features + (tree_features == 0);
    growth->depth = depth_for(growth->samples);
    growth->seed = options->seed;
    growth->bootstrap = options->bootstrap;
    growth->missing_values = options->missing_values;
    plan->contamination = options->contamination;
    plan->provisional_cuts = options->provisional_cuts;
    if (growth->samples > ALERTRON_SAMPLES_MAX || growth->trees > ALERTRON_NODES_MAX / nodes_max(growth))
        return refuse(error, ALERTRON_ERROR_LIMIT,
                      "so many trees on so many samples each are more nodes than a forest may have");
    return ALERTRON_OK;
}

/* --- threshold and cuts ------------------------------------------------------------------------------ */

static alertron_status set_threshold(alertron_model *model, const struct plan *plan, alertron_error *error)
{
    const size_t n = plan->growth.rows->rows;
    double *scores = alertron__new(plan->growth.allocator, n, sizeof *scores);
    if (!scores)
        return alertron__error_memory(error);
    alertron_model_score_rows(model, plan->growth.rows, scores);
    if (!(model->training_scores = alertron__new(plan->growth.allocator, ALERTRON_SCORE_BINS, sizeof(uint64_t)))) {
        alertron__release(plan->growth.allocator, scores, n, sizeof *scores);
        return alertron__error_memory(error);
    }
    for (size_t i = 0; i < n; i++)
        model->training_scores[alertron_score_bin(scores[i])]++;
    if (plan->contamination > 0.0)
        model->cuts.threshold = alertron__quantile(scores, n, 1.0 - plan->contamination);
    /* Too few anomalous training scores: the cuts stay provisional, which they say of themselves. */
    alertron_cuts_calibrate(&model->cuts, scores, n, ALERTRON_CUTS_TRAINING, NULL);
    alertron__release(plan->growth.allocator, scores, n, sizeof *scores);
    return model->cuts.origin == ALERTRON_CUTS_TRAINING ? ALERTRON_OK : alertron__model_provisional_cuts(model, error);
}

/* The provenance text: what the plan was, then what the caller says. */
static alertron_status describe(const struct plan *plan, const char *callers_text, char *out, size_t size,
                                alertron_error *error)
{
    char contamination[ALERTRON_NUMBER_BYTES + 1] = "auto";
    if (plan->contamination > 0.0)
        contamination[alertron__number_text(plan->contamination, contamination)] = 0;
    const size_t n = alertron__text(out, size, "rows: %zu\nfeatures a tree: %u\ncontamination: %s\nseed: %llu\n%s%s",
                                    plan->growth.rows->rows, plan->growth.tree_features, contamination,
                                    (unsigned long long)plan->growth.seed,
                                    plan->growth.bootstrap ? "bootstrap: yes\n" : "", callers_text ? callers_text : "");
    if (n < size)
        return ALERTRON_OK;
    return refuse(error, ALERTRON_ERROR_LIMIT,
                  "the provenance text is too long: with the lines that tell of the fit it may have 4096 bytes");
}

alertron_model *alertron_model_fit(const alertron_rows *rows, const alertron_fit_options *options,
                                   const alertron_allocator *allocator, alertron_error *error)
{
    static const alertron_fit_options defaults = {0};
    const alertron_allocator memory = alertron__allocator(allocator);
    struct plan plan = {.growth.allocator = &memory};
    options = options ? options : &defaults;
    if (make_plan(&plan, rows, options, error) != ALERTRON_OK)
        return NULL;
    char provenance[ALERTRON_PROVENANCE_MAX + 1];
    if (describe(&plan, options->provenance, provenance, sizeof provenance, error) != ALERTRON_OK)
        return NULL;
    struct model_parts parts = {
        .samples = plan.growth.samples,
        .normalizer = (double)plan.growth.trees * alertron__average_path_length(plan.growth.samples),
        .cuts = {.threshold = 0.5,
                 .medium_quantile = options->medium_quantile != 0.0 ? options->medium_quantile : 0.80,
                 .high_quantile = options->high_quantile != 0.0 ? options->high_quantile : 0.95},
        .feature_names = options->feature_names,
        .producer = "alertron " ALERTRON_VERSION,
        .provenance = provenance,
    };
    if (alertron__quantiles_check(parts.cuts.medium_quantile, parts.cuts.high_quantile, error) != ALERTRON_OK ||
        !(parts.forest = alertron__grow(&plan.growth, error)))
        return NULL;
    alertron_model *model = alertron__model_new(&parts, &memory, error);
    if (model && !plan.provisional_cuts && set_threshold(model, &plan, error) != ALERTRON_OK) {
        alertron_model_free(model);
        model = NULL;
    }
    return model;
}
