/* tracks.h: the recent scores of some devices, for those who look: a sample a second, taken from what is counted of
 * them anyway, so that scoring has nothing to do with it.
 *
 * Devices with anomalies come first: one that has had none for TRACKS_KEEP_SECONDS makes room for one that has. Room
 * that is left goes to any device. One thread at a time.
 */
#ifndef ALERTROND_TRACKS_H
#define ALERTROND_TRACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices.h"

#define TRACKS_MAX 32u             /* devices */
#define TRACK_SAMPLES 120u         /* of a device: seconds */
#define TRACKS_LOOK_BUCKETS 65536u /* of the table of devices, looked through a second where there is room */
enum { TRACKS_KEEP_SECONDS = 30 };

/* What became of a device in a second. */
struct track_sample {
    float score;            /* the highest anomaly's that was told, else its last reading's; NaN: it sent none */
    unsigned char severity; /* enum alertron_severity: the worst among its readings */
};

struct track {
    char id[READING_DEVICE_BYTES_MAX + 1]; /* empty: this one is free */
    size_t n_id;
    uint64_t hash;
    uint64_t alarmed;                           /* the sample of its last anomaly, 0: none */
    double readings, anomalies[SEVERITIES];     /* counted at the last sample */
    struct track_sample samples[TRACK_SAMPLES]; /* sample i is at i % TRACK_SAMPLES */
};

struct tracks {
    struct devices *devices;
    struct metrics *metrics;
    uint64_t n;    /* samples that were taken */
    size_t looked; /* the bucket where the look for devices goes on */
    struct track all[TRACKS_MAX];
};

/* Takes the sample of this second, under metrics_lock. What it is given is zeroed at first but for devices and metrics.
 */
void tracks_sample(struct tracks *tracks);

/* After the sample: tells of an anomaly since the one before. Its device is tracked from then on, where it has series
 * and there is room. */
void tracks_alarm(struct tracks *tracks, const char *id, double score, alertron_severity severity);

/* Whether a device has sent anything in the seconds that are kept. */
bool track_is_empty(const struct track *track);

#endif
