/* devices.h: the devices that have series of their own, for all threads: capped, and held by those that know them. */
#ifndef ALERTROND_DEVICES_H
#define ALERTROND_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"

/* A device's series. They appear together when it is first held, at 0, and go when nobody holds it any more. */
struct device {
    alertron_gauge_child *score, *feature; /* of the last reading; of the last anomaly, -1: none yet */
    alertron_counter_child *readings;
    alertron_counter_child *anomalies[SEVERITIES]; /* by severity; that of "none" is NULL */
    struct device *chain;                          /* same bucket */
    uint64_t hash;
    size_t holders;
    size_t n_id;
    char id[]; /* with a NUL behind it; empty: the one that all devices beyond the cap share */
};

struct devices;

/* At most devices_max devices; all further ones, and any of that name, share the one named "_other". NULL where memory
 * has run out. */
struct devices *devices_new(struct metrics *metrics, size_t devices_max);
void devices_free(struct devices *devices);

/* Spreads names over tables; another in each process, so that nobody can prepare names that collide. */
uint64_t devices_hash(const struct devices *devices, const char *id, size_t n_id);

/* The device with this name, to be released; or the one that the others share, which need not be. Any thread; takes a
 * lock, so a thread remembers the devices it has met: device_map.h. */
struct device *devices_hold(struct devices *devices, const char *id, size_t n_id, uint64_t hash);
void devices_release(struct devices *devices, struct device *device);

/* For those who look on. Under metrics_lock, which the device is used under, too. */

/* NULL where no device of this name has series. */
const struct device *devices_find(const struct devices *devices, const char *id, size_t n_id, uint64_t hash);

/* Visits devices, bucket after bucket from *at on, round and round: at most n_buckets, or until visit returns false.
 * *at, which begins at 0, is where the next call goes on. */
void devices_visit(const struct devices *devices, size_t *at, size_t n_buckets,
                   bool (*visit)(void *context, const struct device *device), void *context);

size_t devices_count(const struct devices *devices);

#endif
