/* devices.c: the devices that have series of their own, for all threads. */
#include "devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed.h"

static const char OTHER[] = "_other";

struct devices {
    struct metrics *metrics;
    struct device **buckets;
    size_t n_buckets;     /* a power of two */
    struct device *other; /* NULL: nobody has needed it yet */
    size_t n, devices_max;
    uint64_t seed;
};

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

uint64_t devices_hash(const struct devices *devices, const char *id, size_t n_id)
{
    uint64_t hash = devices->seed ^ n_id, word;
    for (; n_id >= sizeof word; id += sizeof word, n_id -= sizeof word) {
        memcpy(&word, id, sizeof word);
        hash = mix(hash ^ word);
    }
    word = 0;
    for (size_t i = 0; i < n_id; i++)
        word |= (uint64_t)(unsigned char)id[i] << (8 * i);
    return mix(mix(hash ^ word));
}

static void make_series(const struct metrics *metrics, struct device *device, const char *name)
{
    device->score = alertron_gauge_with(metrics->device_scores, &name);
    device->feature = alertron_gauge_with(metrics->device_features, &name);
    alertron_gauge_set(device->feature, -1);
    device->readings = alertron_counter_with(metrics->device_readings, &name);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        device->anomalies[severity] =
            alertron_counter_with(metrics->device_anomalies,
                                  (const char *const[]){name, alertron_severity_name((alertron_severity)severity)});
}

struct devices *devices_new(struct metrics *metrics, size_t devices_max)
{
    struct devices *devices = calloc(1, sizeof *devices);
    size_t n_buckets = 64;
    while (n_buckets < devices_max)
        n_buckets *= 2;
    struct device **buckets = calloc(n_buckets, sizeof *buckets);
    struct device *other = calloc(1, sizeof *other + 1);
    if (!devices || !buckets || !other) {
        free(devices);
        free(buckets);
        free(other);
        return NULL;
    }
    *devices = (struct devices){.metrics = metrics,
                                .buckets = buckets,
                                .n_buckets = n_buckets,
                                .other = other,
                                .devices_max = devices_max,
                                .seed = seed_draw()};
    return devices;
}

void devices_free(struct devices *devices)
{
    if (!devices)
        return;
    for (size_t i = 0; i < devices->n_buckets; i++)
        for (struct device *device = devices->buckets[i], *next; device; device = next) {
            next = device->chain;
            free(device);
        }
    free(devices->other);
    free(devices->buckets);
    free(devices);
}

static struct device **bucket_of(const struct devices *devices, uint64_t hash)
{
    return &devices->buckets[hash & (devices->n_buckets - 1)];
}

static struct device *other_device(struct devices *devices)
{
    if (!devices->other->score)
        make_series(devices->metrics, devices->other, OTHER);
    return devices->other;
}

static struct device *meet(struct devices *devices, const char *id, size_t n_id, uint64_t hash)
{
    /* One that takes the shared name for its own must not remove the shared series by its silence. */
    const bool named_other = n_id == sizeof OTHER - 1 && memcmp(id, OTHER, n_id) == 0;
    struct device *device =
        devices->n < devices->devices_max && !named_other ? calloc(1, sizeof *device + n_id + 1) : NULL;
    if (!device && !named_other) /* a higher limit would have helped */
        alertron_counter_add(devices->metrics->devices_overflowed, 1);
    if (!device)
        return other_device(devices);
    memcpy(device->id, id, n_id);
    device->n_id = n_id;
    device->hash = hash;
    device->holders = 1;
    make_series(devices->metrics, device, device->id);
    struct device **bucket = bucket_of(devices, hash);
    device->chain = *bucket;
    *bucket = device;
    alertron_gauge_set(devices->metrics->devices, (double)++devices->n);
    return device;
}

static struct device *find(const struct devices *devices, const char *id, size_t n_id, uint64_t hash)
{
    struct device *device = *bucket_of(devices, hash);
    while (device && (device->hash != hash || device->n_id != n_id || memcmp(device->id, id, n_id) != 0))
        device = device->chain;
    return device;
}

const struct device *devices_find(const struct devices *devices, const char *id, size_t n_id, uint64_t hash)
{
    return find(devices, id, n_id, hash);
}

void devices_visit(const struct devices *devices, size_t *at, size_t n_buckets,
                   bool (*visit)(void *context, const struct device *device), void *context)
{
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < n_buckets && i < devices->n_buckets; i++, (*at)++)
        for (const struct device *device = devices->buckets[*at & (devices->n_buckets - 1)]; goes_on && device;
             device = device->chain)
            goes_on = visit(context, device);
}

struct device *devices_hold(struct devices *devices, const char *id, size_t n_id, uint64_t hash)
{
    metrics_lock(devices->metrics);
    struct device *device = find(devices, id, n_id, hash);
    if (device)
        device->holders++;
    else
        device = meet(devices, id, n_id, hash);
    metrics_unlock(devices->metrics);
    return device;
}

static void forget(struct devices *devices, struct device *device)
{
    struct device **at = bucket_of(devices, device->hash);
    while (*at != device)
        at = &(*at)->chain;
    *at = device->chain;
    alertron_gauge_remove(devices->metrics->device_scores, device->score);
    alertron_gauge_remove(devices->metrics->device_features, device->feature);
    alertron_counter_remove(devices->metrics->device_readings, device->readings);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        alertron_counter_remove(devices->metrics->device_anomalies, device->anomalies[severity]);
    free(device);
    alertron_gauge_set(devices->metrics->devices, (double)--devices->n);
}

void devices_release(struct devices *devices, struct device *device)
{
    if (device == devices->other)
        return;
    metrics_lock(devices->metrics);
    if (--device->holders == 0)
        forget(devices, device);
    metrics_unlock(devices->metrics);
}

size_t devices_count(const struct devices *devices)
{
    return devices->n;
}
