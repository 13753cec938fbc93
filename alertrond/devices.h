/* devices.h: the devices that have series of their own: found by name, capped, forgotten when silent. */
#ifndef ALERTROND_DEVICES_H
#define ALERTROND_DEVICES_H

#include <stddef.h>

#include "metrics.h"

/* A device's series. They appear together at its first reading, at 0, and go together. */
struct device {
    alertron_gauge_child *score;
    alertron_counter_child *anomalies[SEVERITIES]; /* by severity; that of "none" is NULL */
};

struct devices;

/* At most devices_max devices; all further ones, and any of that name, share the one named "_other". NULL where memory
 * has run out. */
struct devices *devices_new(struct metrics *metrics, size_t devices_max);
void devices_free(struct devices *devices);

/* The device with this name, whose last reading came now (seconds, of any clock that does not go back). */
const struct device *devices_seen(struct devices *devices, const char *device_id, double now);

/* Forgets devices that have been silent since before `since`. */
void devices_forget(struct devices *devices, double since);

size_t devices_count(const struct devices *devices);

#endif
