/* device_map.h: the devices that one thread has met lately: found by name without a lock, forgotten when silent. */
#ifndef ALERTROND_DEVICE_MAP_H
#define ALERTROND_DEVICE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "devices.h"

struct device_map;

/* NULL where memory has run out. */
struct device_map *device_map_new(struct devices *devices);
/* Releases the devices. */
void device_map_free(struct device_map *map);

/* Says that the device with this hash will be asked for soon. */
void device_map_expect(const struct device_map *map, uint64_t hash);

/* The device with this name and devices_hash, whose last reading came now: seconds of a clock that does not go back. It
 * is good until device_map_forget. */
const struct device *device_map_seen(struct device_map *map, const char *id, size_t n_id, uint64_t hash, double now);

/* Forgets devices that have been silent since before `since`. A large map is gone through in parts, one a call. */
void device_map_forget(struct device_map *map, double since);

#endif
