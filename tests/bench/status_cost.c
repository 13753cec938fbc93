/* status_cost.c: what the status page costs those who score, and what it takes itself.
 *
 *     cmake --preset release && cmake --build --preset release --target status_cost && build/release/tests/status_cost
 *
 * A million verdicts a second are counted, by the clock that the scorer is told, 8% of them anomalies: without the list
 * of the latest anomalies, with it, and while another thread takes samples and reads them as fast as it can. CPU time
 * of the thread that counts, the least of ROUNDS.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scorer.h"
#include "status.h"

enum { ROUNDS = 9, VERDICTS = 4000000, BLOCK = 1024, DEVICES = 10000, NAME_BYTES = 16, ROWS = 256, WIDTH = 3 };

static char names[DEVICES][NAME_BYTES];
static atomic_bool enough;

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void count(struct scorer *scorer, size_t device, bool anomalous, double now)
{
    static const struct explanation explanation = {.causes = {{0, 0.6f}, {1, 0.3f}, {2, 0.1f}}, .n = 3};
    const size_t n = strlen(names[device]);
    const uint64_t hash = scorer_expect(scorer, names[device], n);
    const struct verdict verdict = scorer_grade(scorer, anomalous ? 0.99 : 0.3, false, &explanation);
    scorer_count(scorer, names[device], n, hash, &verdict, now);
}

/* Nanoseconds a verdict. */
static double measure(const struct scorer_parts *shared, struct latest *latest, size_t n_devices)
{
    struct scorer_parts parts = *shared;
    parts.latest = latest;
    struct scorer *scorer = scorer_new(&parts);
    for (size_t i = 0; i < n_devices; i++)
        count(scorer, i, false, 1000); /* it meets them */
    const double begun = cpu_seconds();
    for (size_t i = 0; i < VERDICTS; i++) {
        if (i % BLOCK == 0)
            scorer_begin(scorer);
        count(scorer, i % n_devices, i % 100 < 8, 1000 + (double)i * 1e-6);
        if (i % BLOCK == BLOCK - 1)
            scorer_show(scorer, 1e-6);
    }
    const double took = cpu_seconds() - begun;
    scorer_free(scorer);
    return took / VERDICTS * 1e9;
}

static void *look(void *context)
{
    struct status *status = context;
    const struct pipeline_figures figures = {0};
    for (double now = 1; !enough; now++) {
        size_t n;
        status_sample(status, "", &figures, now);
        free(status_json(status, &n));
    }
    return NULL;
}

static void compare(const struct scorer_parts *parts, struct latest *latest, struct status *status, size_t n_devices)
{
    double least[3] = {1e9, 1e9, 1e9};
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        const double off = measure(parts, NULL, n_devices), on = measure(parts, latest, n_devices);
        enough = false;
        pthread_create(&thread, NULL, look, status);
        const double read = measure(parts, latest, n_devices);
        enough = true;
        pthread_join(thread, NULL);
        least[0] = off < least[0] ? off : least[0];
        least[1] = on < least[1] ? on : least[1];
        least[2] = read < least[2] ? read : least[2];
    }
    printf("%zu devices: %.1f ns a verdict without the page, %.1f ns with it, %.1f ns while it is sampled and read "
           "all the time\n",
           n_devices, least[0], least[1], least[2]);
}

/* With as many devices as it shows. */
static void measure_page(const struct scorer_parts *parts, struct status *status)
{
    double sample = 1e9, text = 1e9, now = 1e6;
    size_t n = 0;
    struct scorer *scorer = scorer_new(parts);
    for (int second = 0; second < 300; second++, now++) {
        scorer_begin(scorer);
        for (size_t i = 0; i < DEVICES; i++)
            count(scorer, i, i < LATEST_PER_SECOND, now);
        const double begun = cpu_seconds();
        status_sample(status, "", &(struct pipeline_figures){0}, now);
        const double sampled = cpu_seconds();
        free(status_json(status, &n));
        const double written = cpu_seconds();
        if (second < 150)
            continue; /* the charts are not full yet */
        sample = sampled - begun < sample ? sampled - begun : sample;
        text = written - sampled < text ? written - sampled : text;
    }
    const double begun = cpu_seconds();
    for (int i = 0; i < 1000; i++)
        free(status_json(status, &n));
    printf("a sample %.1f us; the text, %zu bytes, %.0f us; a copy of it %.1f us\n", sample * 1e6, n, text * 1e6,
           (cpu_seconds() - begun) * 1e3);
    scorer_free(scorer);
}

static alertron_model *trained(void)
{
    double rows[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = i * 7919 % 101;
    const alertron_rows view = alertron_rows_of(rows, ROWS, WIDTH);
    const alertron_fit_options options = {.trees = 2, .contamination = 0.05, .seed = 1};
    alertron_error error;
    return alertron_model_fit(&view, &options, NULL, &error);
}

int main(void)
{
    static struct metrics metrics;
    struct config config;
    char why[512];
    alertron_error error;
    alertron_model *model = trained();
    if (!model || !config_defaults(&config) || !metrics_open(&metrics, DEVICES, "readings", &error))
        return 1;
    struct scorer_parts parts = {.metrics = &metrics, .device_seconds = 1e9};
    parts.features = features_new("", model, &metrics, why, sizeof why);
    parts.models = models_new(&config, &metrics, model, why, sizeof why);
    parts.devices = devices_new(&metrics, DEVICES);
    parts.latest = latest_new();
    struct status *status = status_new(&config, &parts);
    if (!parts.features || !parts.models || !parts.devices || !parts.latest || !status)
        return 1;
    for (size_t i = 0; i < DEVICES; i++)
        snprintf(names[i], NAME_BYTES, "device-%zu", i);
    compare(&parts, parts.latest, status, 1000);
    compare(&parts, parts.latest, status, DEVICES);
    measure_page(&parts, status);
    return 0;
}
