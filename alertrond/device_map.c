/* device_map.c: the devices that one thread has met lately: a hash table with open addressing. What is looked at for
 * every reading lies together, and once a second all of it is gone through in a row.
 */
#include "device_map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 64, FORGET_SLOTS = 1 << 18 /* at most in a call: a millisecond or so */ };

struct slot {
    struct device *device; /* NULL: empty */
    uint32_t hash;
    float seen; /* seconds since the map's beginning */
};

struct device_map {
    struct devices *devices;
    struct slot *slots;
    size_t n_slots; /* a power of two, at least twice as many as devices */
    size_t n;
    size_t next; /* where forgetting goes on */
    double begun;
    bool has_begun;
};

struct device_map *device_map_new(struct devices *devices)
{
    struct device_map *map = calloc(1, sizeof *map);
    struct slot *slots = calloc(SLOTS_MIN, sizeof *slots);
    if (!map || !slots) {
        free(map);
        free(slots);
        return NULL;
    }
    *map = (struct device_map){.devices = devices, .slots = slots, .n_slots = SLOTS_MIN};
    return map;
}

void device_map_free(struct device_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].device)
            devices_release(map->devices, map->slots[i].device);
    free(map->slots);
    free(map);
}

void device_map_expect(const struct device_map *map, uint64_t hash)
{
    __builtin_prefetch(&map->slots[hash & (map->n_slots - 1)]);
}

static void put(struct slot *slots, size_t n_slots, struct slot slot)
{
    size_t i = slot.device->hash & (n_slots - 1);
    while (slots[i].device)
        i = (i + 1) & (n_slots - 1);
    slots[i] = slot;
}

/* Keeps half of the slots empty. False where memory has run out. */
static bool make_room(struct device_map *map)
{
    if (2 * (map->n + 1) <= map->n_slots)
        return true;
    const size_t n_slots = 2 * map->n_slots;
    struct slot *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].device)
            put(slots, n_slots, map->slots[i]);
    free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    map->next = 0;
    return true;
}

static const struct device *meet(struct device_map *map, const char *id, size_t n_id, uint64_t hash, float seen)
{
    struct device *device = devices_hold(map->devices, id, n_id, hash);
    if (device->n_id == 0)
        return device; /* the one that is shared: there may be no end of names */
    if (!make_room(map)) {
        /* Held for good, so that its series stay; the next reading tries again. */
        return device;
    }
    put(map->slots, map->n_slots, (struct slot){.device = device, .hash = (uint32_t)(hash >> 32), .seen = seen});
    map->n++;
    return device;
}

static float since_begin(struct device_map *map, double now)
{
    if (!map->has_begun) {
        map->begun = now;
        map->has_begun = true;
    }
    return (float)(now - map->begun);
}

const struct device *device_map_seen(struct device_map *map, const char *id, size_t n_id, uint64_t hash, double now)
{
    const float seen = since_begin(map, now);
    const size_t mask = map->n_slots - 1;
    for (size_t i = hash & mask; map->slots[i].device; i = (i + 1) & mask) {
        struct slot *slot = &map->slots[i];
        if (slot->hash != (uint32_t)(hash >> 32) || slot->device->n_id != n_id ||
            memcmp(slot->device->id, id, n_id) != 0)
            continue;
        slot->seen = seen;
        return slot->device;
    }
    return meet(map, id, n_id, hash, seen);
}

/* Empties a slot; those behind it move up, so that each is still found from its own place. */
static void empty(struct device_map *map, size_t hole)
{
    const size_t mask = map->n_slots - 1;
    devices_release(map->devices, map->slots[hole].device);
    map->n--;
    for (size_t i = (hole + 1) & mask; map->slots[i].device; i = (i + 1) & mask) {
        const size_t home = map->slots[i].device->hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole].device = NULL;
}

void device_map_forget(struct device_map *map, double since)
{
    const float least = (float)(since - map->begun);
    size_t n = map->n_slots < FORGET_SLOTS ? map->n_slots : FORGET_SLOTS;
    for (; n > 0; n--) {
        const size_t i = map->next & (map->n_slots - 1);
        /* Another may have moved into the slot. */
        while (map->slots[i].device && map->slots[i].seen < least)
            empty(map, i);
        map->next = i + 1;
    }
}
