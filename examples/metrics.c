/* metrics.c: counters, a gauge and a histogram of one's own, written as Prometheus reads them.
 *
 *     cc -o metrics metrics.c $(pkg-config --cflags --libs alertron)
 *     ./metrics
 *
 * One thread updates; any number of threads may call alertron_registry_text at the same time.
 */
#include <alertron.h>

#include <stdio.h>
#include <stdlib.h>

/* Renders the registry; children may appear between two calls, hence the loop. */
static char *render(const alertron_registry *registry, size_t *n)
{
    size_t capacity = 4096;
    char *text = NULL;
    while ((text = malloc(capacity)) &&
           (*n = alertron_registry_text(registry, ALERTRON_TEXT, text, capacity)) > capacity) {
        free(text);
        capacity = *n + *n / 8;
    }
    return text;
}

int main(void)
{
    alertron_error error;
    alertron_registry *registry = alertron_registry_new(&(alertron_registry_options){.series_max = 1000}, NULL, &error);
    if (!registry) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }

    static const char *const labels[] = {"device_id", "severity"};
    static const double bounds[] = {1e-6, 1e-5, 1e-4, 1e-3};
    int status = 1;
    char *text = NULL;
    alertron_counter *anomalies =
        alertron_registry_counter(registry, "pump_anomalies_total", "Anomalies seen.", labels, 2, &error);
    alertron_gauge *last = alertron_registry_gauge(registry, "pump_last_score", "The last score.", NULL, 0, &error);
    alertron_histogram *latency = alertron_registry_histogram(registry, "pump_scoring_seconds", "Time to score a row.",
                                                              NULL, 0, bounds, sizeof bounds / sizeof *bounds, &error);
    if (!anomalies || !last || !latency) {
        fprintf(stderr, "%s\n", error.text);
        goto end;
    }

    /* Look a child up once and keep it: updating it takes no lock and allocates nothing. */
    alertron_counter_child *high = alertron_counter_with(anomalies, (const char *const[]){"pump-7", "high"});
    alertron_counter_add(high, 1);
    alertron_counter_add(high, 1);
    alertron_gauge_set(alertron_gauge_with(last, NULL), 0.76);
    alertron_histogram_observe(alertron_histogram_with(latency, NULL), 1.6e-6, 1);

    size_t n = 0;
    if (!(text = render(registry, &n))) {
        fprintf(stderr, "out of memory\n");
        goto end;
    }
    fwrite(text, 1, n, stdout);
    status = 0;
end:
    free(text);
    alertron_registry_free(registry);
    return status;
}
