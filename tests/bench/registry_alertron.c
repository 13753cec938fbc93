/* registry_alertron.c: our side of the registry benchmark. Each side has a counter with 100,000 series (25,000 devices,
 * 4 severities) and a histogram of 16 buckets, and answers these commands on standard input with seconds an operation:
 *
 *     add         adds to a counter through its handle
 *     observe     observes values that are spread over the buckets
 *     lookup-1    finds one device's series by their label values, and adds 1
 *     lookup-all  the same among all series in a random order, so that most are not in the caches
 *     render      the whole registry as text
 *     series      how many series of the counter that text has
 */
#include "side.h"

#include <alertron.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 25000u
#define OPERATIONS 1000000
#define VALUES 1024

static const char *const severities[] = {"none", "low", "medium", "high"};
static const double bounds[] = {1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
                                5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1};

typedef struct registry_side {
    alertron_registry *registry;
    alertron_counter *counters;
    alertron_histogram_child *seconds;
    char (*ids)[16];
    char *text;
    size_t text_capacity, text_bytes;
    size_t allocations; /* asked of the library's allocator */
} registry_side;

static void *count_allocation(void *context, size_t bytes)
{
    ++*(size_t *)context;
    return malloc(bytes);
}

static void release(void *context, void *memory, size_t bytes)
{
    (void)context, (void)bytes;
    free(memory);
}

static void *made(void *object, const alertron_error *error)
{
    if (!object) {
        fprintf(stderr, "alertron: %s\n", error->text);
        exit(1);
    }
    return object;
}

static void fill(registry_side *side)
{
    static const char *const labels[] = {"device_id", "severity"};
    alertron_error error;
    side->counters =
        made(alertron_registry_counter(side->registry, "anomaly_count_total", "Anomalies.", labels, 2, &error), &error);
    alertron_histogram *family = made(alertron_registry_histogram(side->registry, "latency_seconds", "Latency.", NULL,
                                                                  0, bounds, sizeof bounds / sizeof *bounds, &error),
                                      &error);
    side->seconds = alertron_histogram_with(family, NULL);
    side->ids = side_allocate(DEVICES * sizeof *side->ids);
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(side->ids[i], sizeof *side->ids, "device-%05u", i);
        for (size_t severity = 0; severity < 4; severity++) {
            const char *const values[] = {side->ids[i], severities[severity]};
            alertron_counter_add(alertron_counter_with(side->counters, values), i);
        }
    }
    side->text_capacity = alertron_registry_text(side->registry, ALERTRON_TEXT, NULL, 0) + 65536;
    side->text = side_allocate(side->text_capacity);
}

static void add(registry_side *side)
{
    const char *const values[] = {side->ids[7], "low"};
    alertron_counter_child *child = alertron_counter_with(side->counters, values);
    for (int i = 0; i < OPERATIONS; i++)
        alertron_counter_add(child, 1);
}

static void observe(registry_side *side, const double *values)
{
    for (int i = 0; i < OPERATIONS; i++)
        alertron_histogram_observe(side->seconds, values[i % VALUES], 1);
}

static void lookup(registry_side *side, uint32_t among)
{
    uint32_t next = 1;
    for (int i = 0; i < OPERATIONS; i++) {
        next = next * 1664525u + 1013904223u;
        const char *const values[] = {side->ids[(uint64_t)next * among >> 32], severities[next & 3]};
        alertron_counter_add(alertron_counter_with(side->counters, values), 1);
    }
}

static void render(registry_side *side)
{
    side->text_bytes = alertron_registry_text(side->registry, ALERTRON_TEXT, side->text, side->text_capacity - 1);
    if (side->text_bytes >= side->text_capacity) {
        fprintf(stderr, "the text grew\n");
        exit(1);
    }
}

static double count_series(registry_side *side)
{
    render(side);
    side->text[side->text_bytes] = '\0';
    double n = 0;
    for (const char *at = side->text; (at = strstr(at, "\nanomaly_count_total{")); at++)
        n++;
    return n;
}

static void measure(registry_side *side, const char *what, const double *values)
{
    const size_t allocations = side->allocations;
    double operations = OPERATIONS;
    const double begun = side_now();
    if (strcmp(what, "add") == 0)
        add(side);
    else if (strcmp(what, "observe") == 0)
        observe(side, values);
    else if (strcmp(what, "lookup-1") == 0)
        lookup(side, 1);
    else if (strcmp(what, "lookup-all") == 0)
        lookup(side, DEVICES);
    else if (strcmp(what, "render") == 0)
        render(side), operations = 1;
    else
        operations = 0;
    const double seconds = (side_now() - begun) / operations;
    if (operations <= 0)
        side_answer_error("unknown command");
    else if (side->allocations != allocations)
        side_answer_error("the library allocated memory");
    else
        side_answer(seconds);
}

int main(void)
{
    registry_side side = {0};
    const alertron_allocator allocator = {count_allocation, release, &side.allocations};
    const alertron_registry_options options = {.series_max = DEVICES * 8};
    alertron_error error;
    side.registry = made(alertron_registry_new(&options, &allocator, &error), &error);
    fill(&side);
    double values[VALUES];
    uint32_t next = 1;
    for (size_t i = 0; i < VALUES; i++) {
        next = next * 1664525u + 1013904223u;
        values[i] = bounds[next >> 28] * 0.9;
    }
    side_command command;
    while (side_next(&command)) {
        if (strcmp(command.words[0], "version") == 0)
            side_answer_text(alertron_version());
        else if (strcmp(command.words[0], "series") == 0)
            side_answer(count_series(&side));
        else
            measure(&side, command.words[0], values);
    }
    free(side.text);
    free(side.ids);
    alertron_registry_free(side.registry);
    return 0;
}
