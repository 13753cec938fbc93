/* answers.c: see answers.h. It uses nothing but alertron.h and memory that is given to it. */
#include "answers.h"

enum { ROWS = 64, WIDTH = 3 };

static size_t failed(const char *why, char *out, size_t capacity)
{
    size_t n = 0;
    for (; why[n] && n + 1 < capacity; n++)
        out[n] = why[n];
    out[n] = 0;
    return 0;
}

/* Numbers whose every bit counts, the same everywhere: a / b is rounded once. */
static void fill(double *numbers, size_t n)
{
    uint32_t state = 12345;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (double)(state >> 8) / 123457.0;
    }
}

static alertron_gauge *gauge_of(alertron_registry *registry, const char *name, alertron_error *error)
{
    static const char *const labels[] = {"row"};
    return alertron_registry_gauge(registry, name, "Anomaly score of a row.", labels, 1, error);
}

/* Scores rows of WIDTH numbers; a wider model sees some of them again. */
static bool score(const alertron_model *model, const double *rows, const char *name, alertron_registry *registry,
                  alertron_error *error)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    alertron_gauge *gauge = gauge_of(registry, name, error);
    const size_t width = alertron_model_features(model);
    if (!gauge || width > (size_t)(ROWS - 8) * WIDTH)
        return false;
    for (size_t i = 0; i < 8; i++)
        alertron_gauge_set(alertron_gauge_with(gauge, &names[i]), alertron_model_score(model, rows + i * WIDTH));
    return true;
}

static bool score_fitted(const double *numbers, const alertron_allocator *allocator, alertron_registry *registry,
                         alertron_error *error)
{
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, WIDTH);
    const alertron_fit_options options = {.trees = 10, .samples = 32, .contamination = 0.25, .seed = 7};
    alertron_model *model = alertron_model_fit(&rows, &options, allocator, error);
    if (!model)
        return false;
    bool good = score(model, numbers, "fitted_score", registry, error);
    alertron_gauge *gauge = good ? alertron_registry_gauge(registry, "threshold", "Threshold.", NULL, 0, error) : NULL;
    if (gauge)
        alertron_gauge_set(alertron_gauge_with(gauge, NULL), alertron_model_cuts(model).threshold);
    alertron_model_free(model);
    return gauge != NULL;
}

static bool count(const double *numbers, alertron_registry *registry, alertron_error *error)
{
    static const double bounds[] = {25, 50, 75, 100, 125};
    alertron_counter *counter = alertron_registry_counter(registry, "rows_total", "Rows.", NULL, 0, error);
    alertron_histogram *histogram =
        counter ? alertron_registry_histogram(registry, "numbers", "Numbers.", NULL, 0, bounds, 5, error) : NULL;
    if (!histogram)
        return false;
    alertron_counter_add(alertron_counter_with(counter, NULL), ROWS);
    for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++)
        alertron_histogram_observe(alertron_histogram_with(histogram, NULL), numbers[i], 1);
    return true;
}

size_t answers(const void *model_file, size_t n_bytes, const alertron_allocator *allocator, char *out, size_t capacity)
{
    static double numbers[ROWS * WIDTH];
    alertron_error error = {ALERTRON_OK, 0, "something could not be asked"};
    fill(numbers, sizeof numbers / sizeof *numbers);
    alertron_registry *registry = alertron_registry_new(NULL, allocator, &error);
    alertron_model *model = registry ? alertron_model_load(model_file, n_bytes, allocator, &error) : NULL;
    size_t n = 0;
    if (model && score(model, numbers, "loaded_score", registry, &error) &&
        score_fitted(numbers, allocator, registry, &error) && count(numbers, registry, &error))
        n = alertron_registry_text(registry, ALERTRON_TEXT, out, capacity - 1);
    alertron_model_free(model);
    alertron_registry_free(registry);
    if (n == 0 || n >= capacity)
        return failed(n ? "the buffer is too small" : error.text, out, capacity);
    out[n] = 0;
    return n;
}
