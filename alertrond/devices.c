/* devices.c: the devices that have series of their own.
 *
 * A hash table with chains, and a list in the order of the last reading: the most silent device is its head, so
 * forgetting costs no search.
 */
#include "devices.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char OTHER[] = "_other";

struct entry {
    struct device device;
    struct entry *chain;           /* same bucket */
    struct entry *older, *younger; /* by last reading */
    double seen;
    uint64_t hash;
    char device_id[];
};

struct devices {
    struct metrics *metrics;
    struct entry **buckets;
    size_t n_buckets; /* a power of two */
    struct entry *oldest, *youngest;
    struct device other;
    size_t n, devices_max;
};

/* FNV-1a; names that collide on purpose only slow down their own fleet's look-ups, whose number is capped. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static struct device make_series(const struct metrics *metrics, const char *device_id)
{
    struct device device = {.score = alertron_gauge_with(metrics->device_scores, &device_id)};
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        device.anomalies[severity] = alertron_counter_with(
            metrics->device_anomalies,
            (const char *const[]){device_id, alertron_severity_name((alertron_severity)severity)});
    return device;
}

struct devices *devices_new(struct metrics *metrics, size_t devices_max)
{
    struct devices *devices = calloc(1, sizeof *devices);
    size_t n_buckets = 64;
    while (n_buckets < devices_max)
        n_buckets *= 2;
    struct entry **buckets = calloc(n_buckets, sizeof *buckets);
    if (!devices || !buckets) {
        free(devices);
        free(buckets);
        return NULL;
    }
    *devices =
        (struct devices){.metrics = metrics, .buckets = buckets, .n_buckets = n_buckets, .devices_max = devices_max};
    return devices;
}

void devices_free(struct devices *devices)
{
    if (!devices)
        return;
    for (struct entry *entry = devices->oldest, *next; entry; entry = next) {
        next = entry->younger;
        free(entry);
    }
    free(devices->buckets);
    free(devices);
}

static void unlink_age(struct devices *devices, struct entry *entry)
{
    *(entry->older ? &entry->older->younger : &devices->oldest) = entry->younger;
    *(entry->younger ? &entry->younger->older : &devices->youngest) = entry->older;
}

static void link_youngest(struct devices *devices, struct entry *entry, double now)
{
    entry->seen = now;
    entry->older = devices->youngest;
    entry->younger = NULL;
    *(devices->youngest ? &devices->youngest->younger : &devices->oldest) = entry;
    devices->youngest = entry;
}

static const struct device *other_device(struct devices *devices)
{
    if (!devices->other.score)
        devices->other = make_series(devices->metrics, OTHER);
    alertron_counter_add(devices->metrics->devices_overflowed, 1);
    return &devices->other;
}

static const struct device *meet(struct devices *devices, const char *device_id, uint64_t hash, double now)
{
    const size_t size = strlen(device_id) + 1;
    /* One that takes the shared name for its own must not remove the shared series by its silence. */
    const bool own = devices->n < devices->devices_max && strcmp(device_id, OTHER) != 0;
    struct entry *entry = own ? calloc(1, sizeof *entry + size) : NULL;
    if (!entry)
        return other_device(devices);
    memcpy(entry->device_id, device_id, size);
    entry->hash = hash;
    entry->device = make_series(devices->metrics, device_id);
    struct entry **bucket = &devices->buckets[hash & (devices->n_buckets - 1)];
    entry->chain = *bucket;
    *bucket = entry;
    link_youngest(devices, entry, now);
    alertron_gauge_set(devices->metrics->devices, (double)++devices->n);
    return &entry->device;
}

const struct device *devices_seen(struct devices *devices, const char *device_id, double now)
{
    const uint64_t hash = hash_of(device_id);
    struct entry *entry = devices->buckets[hash & (devices->n_buckets - 1)];
    while (entry && (entry->hash != hash || strcmp(entry->device_id, device_id) != 0))
        entry = entry->chain;
    if (!entry)
        return meet(devices, device_id, hash, now);
    unlink_age(devices, entry);
    link_youngest(devices, entry, now);
    return &entry->device;
}

static void forget(struct devices *devices, struct entry *entry)
{
    struct entry **at = &devices->buckets[entry->hash & (devices->n_buckets - 1)];
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    unlink_age(devices, entry);
    alertron_gauge_remove(devices->metrics->device_scores, entry->device.score);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        alertron_counter_remove(devices->metrics->device_anomalies, entry->device.anomalies[severity]);
    free(entry);
    alertron_gauge_set(devices->metrics->devices, (double)--devices->n);
}

void devices_forget(struct devices *devices, double since)
{
    while (devices->oldest && devices->oldest->seen < since)
        forget(devices, devices->oldest);
}

size_t devices_count(const struct devices *devices)
{
    return devices->n;
}
