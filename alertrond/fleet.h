/* fleet.h: readings like a fleet's, at random: devices that are normal and now and then are not. */
#ifndef ALERTROND_FLEET_H
#define ALERTROND_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_FEATURES_MAX 64u
#define FLEET_DEVICES_MAX 1000000u

/* Normal distributions, one a feature. */
struct fleet_normals {
    size_t width;
    double mean[FLEET_FEATURES_MAX], deviation[FLEET_FEATURES_MAX];
};

struct fleet_options {
    size_t devices;     /* "edge-1" ... */
    const char *device; /* the only one, by its name; NULL for all */
    double anomalies;   /* share of readings, [0, 1] */
    uint64_t seed;      /* the same seed and options give the same readings */
    struct fleet_normals normal, anomalous;
};

/* Five devices, 8% anomalies, normal N(50,5), N(100,10), N(0.5,0.05), anomalous N(70,6), N(140,12), N(0.9,0.1). */
struct fleet_options fleet_defaults(void);

/* Reads "50:5,100:10,0.5:0.05" (mean:deviation, ...). False, and why, on failure. */
bool fleet_read_normals(struct fleet_normals *normals, const char *text, char *why, size_t why_size);

/* One owner. */
struct fleet {
    struct fleet_options options; /* its strings are the caller's */
    uint64_t random[4];
    double spare; /* the second of two normal numbers, or NaN */
    double normal_scale[FLEET_FEATURES_MAX], anomalous_scale[FLEET_FEATURES_MAX];
    double ts; /* of the last reading that was written, and its text */
    char ts_text[32];
    size_t ts_size;
};

/* options->normal and options->anomalous must have the same width. */
void fleet_init(struct fleet *fleet, const struct fleet_options *options);

struct fleet_reading {
    size_t device; /* from 0 */
    bool anomalous;
    double features[FLEET_FEATURES_MAX];
};

/* The next reading; its numbers are rounded to four or five digits of a deviation, as sensors have. */
void fleet_next(struct fleet *fleet, struct fleet_reading *reading);

/* The name of a device, cut where it does not fit; returns its length. */
size_t fleet_device_name(const struct fleet *fleet, size_t device, char *out, size_t size);

/* Writes a reading as JSON with a NUL, without a newline; returns its length, or 0 where it does not fit. `ts`
 * is in seconds since 1970, and rounded to milliseconds. */
size_t fleet_write(struct fleet *fleet, const struct fleet_reading *reading, double ts, char *out, size_t size);

/* Bytes that are always enough for fleet_write. */
#define FLEET_READING_BYTES_MAX (2048u + 32u * FLEET_FEATURES_MAX)

#endif
