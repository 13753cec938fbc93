/* latest.c: the latest anomalies. */
#include "latest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

struct latest {
    pthread_mutex_t mutex; /* over all that follows */
    uint64_t n;            /* noted since the start; the last is at (n - 1) % LATEST_MAX */
    struct anomaly ring[LATEST_MAX];
};

struct latest *latest_new(void)
{
    struct latest *latest = calloc(1, sizeof *latest);
    if (latest)
        pthread_mutex_init(&latest->mutex, NULL);
    return latest;
}

void latest_free(struct latest *latest)
{
    if (!latest)
        return;
    pthread_mutex_destroy(&latest->mutex);
    free(latest);
}

static bool is_allowed(struct latest_allowance *allowance, double now)
{
    if (allowance->left == 0 && now - allowance->since < 1)
        return false;
    if (now - allowance->since >= 1)
        *allowance = (struct latest_allowance){.since = now, .left = LATEST_PER_SECOND};
    allowance->left--;
    return true;
}

void latest_note(struct latest *latest, struct latest_allowance *allowance, const char *device_id, size_t n_device_id,
                 double score, alertron_severity severity, const struct explanation *explanation, double now)
{
    if (!is_allowed(allowance, now) || pthread_mutex_trylock(&latest->mutex) != 0)
        return;
    struct anomaly *anomaly = &latest->ring[latest->n++ % LATEST_MAX];
    anomaly->number = latest->n;
    anomaly->time = clock_time();
    anomaly->score = score;
    anomaly->severity = severity;
    anomaly->explanation = explanation ? *explanation : (struct explanation){0};
    memcpy(anomaly->device_id, device_id, n_device_id);
    anomaly->device_id[n_device_id] = 0;
    pthread_mutex_unlock(&latest->mutex);
}

size_t latest_read(struct latest *latest, struct anomaly anomalies[LATEST_MAX])
{
    pthread_mutex_lock(&latest->mutex);
    const size_t n = latest->n < LATEST_MAX ? (size_t)latest->n : LATEST_MAX;
    for (size_t i = 0; i < n; i++)
        anomalies[i] = latest->ring[(latest->n - 1 - i) % LATEST_MAX];
    pthread_mutex_unlock(&latest->mutex);
    return n;
}
