/* registry.c: the public face of metrics: families by name, updates, and when memory may be freed.
 *
 * Scrapers read while the owner removes children. So what was unlinked is freed only after every scraper
 * that came in before has gone. Time is cut into epochs: a scraper counts itself into the epoch it finds,
 * and out of the same one. To free, the owner begins a new epoch; whoever comes in after that can't reach
 * what was unlinked before it, and once as many have left the old epoch as had entered it, nobody can.
 * Scrapers that overlap without end can't put that off for ever, and nobody waits.
 */
#include "registry.h"

#include <string.h>

#define SERIES_MAX_DEFAULT 10000
#define ONE_SCRAPER 2u /* bit 0 of `entered` is the epoch; so counts may overflow, and still agree */

/* The public types of families and children are never defined: they are struct metric_family and struct
 * metric_child, each under three names, so that the compiler tells a counter from a gauge. */

/* --- epochs --- */

unsigned alertron__registry_enter(const alertron_registry *registry)
{
    /* To count oneself in changes nothing that a caller could see. */
    alertron_registry *shared = (alertron_registry *)registry;
    return (unsigned)(atomic_fetch_add(&shared->entered, ONE_SCRAPER) & 1);
}

void alertron__registry_leave(const alertron_registry *registry, unsigned epoch)
{
    alertron_registry *shared = (alertron_registry *)registry;
    atomic_fetch_add(&shared->left[epoch], ONE_SCRAPER);
}

static void free_retired(struct metric_child *child)
{
    while (child) {
        struct metric_child *next = child->next_retired;
        alertron__child_free(child);
        child = next;
    }
}

void alertron__registry_reclaim(alertron_registry *registry)
{
    for (;;) {
        size_t epoch = atomic_load(&registry->entered) & 1;
        _Atomic size_t *left_before = &registry->left[1 - epoch];
        if (atomic_load(left_before) != registry->awaited)
            return;
        atomic_store(left_before, 0);
        registry->awaited = 0;
        free_retired(registry->retired_before);
        registry->retired_before = registry->retired;
        registry->retired = NULL;
        if (!registry->retired_before)
            return;
        registry->awaited = atomic_exchange(&registry->entered, 1 - epoch) - epoch;
    }
}

void alertron__registry_retire(alertron_registry *registry, struct metric_child *child)
{
    child->next_retired = registry->retired;
    registry->retired = child;
    alertron__registry_reclaim(registry);
}

/* --- registry --- */

static const char *const overflow_labels[] = {"family"};
static const struct metric_spec overflow_spec = {
    .kind = METRIC_COUNTER,
    .name = "alertron_registry_overflow_total",
    .help = "Times that label values found no room in a family and its _other child was given out instead.",
    .labels = overflow_labels,
    .n_labels = 1,
};

alertron_registry *alertron_registry_new(const alertron_registry_options *options, const alertron_allocator *allocator,
                                         alertron_error *error)
{
    if (options && options->shared && !ALERTRON_CELL_EXCHANGES) {
        alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                        "this machine has no atomic words of 64 bits: let one thread update the registry");
        return NULL;
    }
    alertron_allocator memory = alertron__allocator(allocator);
    alertron_registry *registry = alertron__new(&memory, 1, sizeof *registry);
    if (!registry) {
        alertron__error_memory(error);
        return NULL;
    }
    registry->allocator = memory;
    registry->seed = options ? options->seed : 0;
    registry->series_max = options && options->series_max ? options->series_max : SERIES_MAX_DEFAULT;
    registry->shared = options && options->shared;
    registry->end = &registry->first;
    registry->overflows = alertron__family_new(registry, &overflow_spec);
    if (!registry->overflows) {
        alertron__release(&memory, registry, 1, sizeof *registry);
        alertron__error_memory(error);
        return NULL;
    }
    return registry;
}

void alertron_registry_free(alertron_registry *registry)
{
    if (!registry)
        return;
    free_retired(registry->retired);
    free_retired(registry->retired_before);
    struct metric_family *family = atomic_load(&registry->first);
    while (family) {
        struct metric_family *next = atomic_load(&family->next);
        alertron__family_free(family);
        family = next;
    }
    alertron__family_free(registry->overflows);
    alertron_allocator memory = registry->allocator;
    alertron__release(&memory, registry, 1, sizeof *registry);
}

/* --- families --- */

static alertron_status refuse_taken(const struct metric_family *family, const struct metric_spec *spec,
                                    alertron_error *error)
{
    const char *kind = alertron__exposition_kind(family->kind);
    if (strcmp(family->name, spec->name) != 0)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "metric %s: its samples could not be told from those of %s %s: choose another name",
                               spec->name, kind, family->name);
    return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                           "metric %s is there already, as a %s with %zu labels%s: ask for it with the same labels%s, "
                           "or choose another name",
                           spec->name, kind, family->n_labels,
                           family->kind == METRIC_HISTOGRAM ? " and buckets of its own" : "",
                           family->kind == METRIC_HISTOGRAM ? " and bounds" : "");
}

static void link_family(struct metric_family *family)
{
    alertron_registry *registry = family->registry;
    if (family->overflows)
        alertron__child_link(family->overflows);
    if (family->n_labels == 0)
        alertron__child_link(family->permanent);
    atomic_store_explicit(registry->end, family, memory_order_release);
    registry->end = &family->next;
    registry->n_families++;
}

static struct metric_family *family_of(alertron_registry *registry, const struct metric_spec *spec,
                                       alertron_error *error)
{
    if (alertron__family_check(spec, error))
        return NULL;
    const struct metric_family *clash =
        alertron__family_clashes(registry->overflows, spec) ? registry->overflows : NULL;
    struct metric_family *family = atomic_load_explicit(&registry->first, memory_order_relaxed);
    for (; family; family = atomic_load_explicit(&family->next, memory_order_relaxed)) {
        if (strcmp(family->name, spec->name) == 0 && alertron__family_matches(family, spec))
            return family;
        if (!clash && alertron__family_clashes(family, spec))
            clash = family;
    }
    if (clash) {
        refuse_taken(clash, spec, error);
        return NULL;
    }
    if (registry->n_families >= ALERTRON_FAMILIES_MAX) {
        alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET, "metric %s: there are %u families already",
                        spec->name, ALERTRON_FAMILIES_MAX);
        return NULL;
    }
    alertron__registry_reclaim(registry);
    family = alertron__family_new(registry, spec);
    if (!family) {
        alertron__error_memory(error);
        return NULL;
    }
    link_family(family);
    return family;
}

alertron_counter *alertron_registry_counter(alertron_registry *registry, const char *name, const char *help,
                                            const char *const *labels, size_t n_labels, alertron_error *error)
{
    struct metric_spec spec = {
        .kind = METRIC_COUNTER, .name = name, .help = help, .labels = labels, .n_labels = n_labels};
    return (alertron_counter *)family_of(registry, &spec, error);
}

alertron_gauge *alertron_registry_gauge(alertron_registry *registry, const char *name, const char *help,
                                        const char *const *labels, size_t n_labels, alertron_error *error)
{
    struct metric_spec spec = {
        .kind = METRIC_GAUGE, .name = name, .help = help, .labels = labels, .n_labels = n_labels};
    return (alertron_gauge *)family_of(registry, &spec, error);
}

alertron_histogram *alertron_registry_histogram(alertron_registry *registry, const char *name, const char *help,
                                                const char *const *labels, size_t n_labels, const double *bounds,
                                                size_t n_bounds, alertron_error *error)
{
    struct metric_spec spec = {.kind = METRIC_HISTOGRAM,
                               .name = name,
                               .help = help,
                               .labels = labels,
                               .n_labels = n_labels,
                               .bounds = bounds,
                               .n_bounds = n_bounds};
    return (alertron_histogram *)family_of(registry, &spec, error);
}

/* --- children --- */

alertron_counter_child *alertron_counter_with(alertron_counter *family, const char *const *values)
{
    return (alertron_counter_child *)alertron__child_with((struct metric_family *)family, values);
}

alertron_gauge_child *alertron_gauge_with(alertron_gauge *family, const char *const *values)
{
    return (alertron_gauge_child *)alertron__child_with((struct metric_family *)family, values);
}

alertron_histogram_child *alertron_histogram_with(alertron_histogram *family, const char *const *values)
{
    return (alertron_histogram_child *)alertron__child_with((struct metric_family *)family, values);
}

void alertron_counter_remove(alertron_counter *family, alertron_counter_child *child)
{
    alertron__child_remove((struct metric_family *)family, (struct metric_child *)child);
}

void alertron_gauge_remove(alertron_gauge *family, alertron_gauge_child *child)
{
    alertron__child_remove((struct metric_family *)family, (struct metric_child *)child);
}

void alertron_histogram_remove(alertron_histogram *family, alertron_histogram_child *child)
{
    alertron__child_remove((struct metric_family *)family, (struct metric_child *)child);
}

/* --- updates --- */

/* Unless the registry is shared only the owner writes a cell, so that none of these needs a locked instruction. */

static void add_to_double(struct metric_cell *cell, double amount, bool shared)
{
    uint64_t before = alertron__cell_load(cell), after;
    do {
        after = alertron__bits_of_double(alertron__double_of_bits(before) + amount);
        if (!shared) {
            alertron__cell_store(cell, after);
            return;
        }
    } while (!alertron__cell_exchange(cell, &before, after));
}

static void add_to_count(struct metric_cell *cell, uint64_t amount, bool shared)
{
    uint64_t before = alertron__cell_load(cell);
    if (!shared) {
        alertron__cell_store(cell, before + amount);
        return;
    }
    while (!alertron__cell_exchange(cell, &before, before + amount))
        ;
}

static double child_value(const struct metric_child *child)
{
    return alertron__double_of_bits(alertron__cell_load(&child->cells[0]));
}

void alertron_counter_add(alertron_counter_child *child, double amount)
{
    struct metric_child *counter = (struct metric_child *)child;
    if (amount > 0 && amount < alertron__infinity())
        add_to_double(&counter->cells[0], amount, counter->shared);
}

double alertron_counter_value(const alertron_counter_child *child)
{
    return child_value((const struct metric_child *)child);
}

void alertron_gauge_set(alertron_gauge_child *child, double value)
{
    alertron__cell_store(&((struct metric_child *)child)->cells[0], alertron__bits_of_double(value));
}

double alertron_gauge_value(const alertron_gauge_child *child)
{
    return child_value((const struct metric_child *)child);
}

/* How many bounds the value is not within: as they rise, the index of its bucket. NaN is within none. */
static size_t bucket_of(const double *bounds, size_t n, double value)
{
    const double *at = bounds;
    while (n > 1) {
        size_t half = n / 2;
        at += value <= at[half - 1] ? 0 : half;
        n -= half;
    }
    return (size_t)(at - bounds) + (n && !(value <= *at));
}

void alertron_histogram_observe(alertron_histogram_child *handle, double value, uint64_t times)
{
    if (times == 0)
        return;
    struct metric_child *child = (struct metric_child *)handle;
    const struct metric_family *family = child->family;
    struct metric_cell *bucket = &child->cells[1 + bucket_of(family->bounds, family->n_bounds, value)];
    add_to_count(bucket, times, child->shared);
    add_to_double(&child->cells[0], value * (double)times, child->shared);
}
