/* status_private.h: what status.c samples and status_json.c writes. */
#ifndef ALERTROND_STATUS_PRIVATE_H
#define ALERTROND_STATUS_PRIVATE_H

#include <pthread.h>

#include "latest.h"
#include "status.h"
#include "tracks.h"

enum { TROUBLE_BYTES = 640, KIND_BYTES = 64 };

/* What flowed in a second. */
struct flow {
    double readings; /* a second */
    double anomalies[SEVERITIES], lag;
};

struct status_model {
    char kind[KIND_BYTES], producer[KIND_BYTES], version[MODEL_VERSION_BYTES];
    char candidate[MODEL_VERSION_BYTES]; /* "": none */
    double share;                        /* of devices for which the candidate decides */
    uint32_t features, trees;
    alertron_cuts cuts;
};

struct status {
    const struct config *config;
    struct scorer_parts parts;
    double started;        /* by now */
    pthread_mutex_t mutex; /* over what follows */
    double now, time;      /* of the sample; time: seconds since 1970 */
    double readings, anomalies[SEVERITIES];
    struct flow flows[TRACK_SAMPLES]; /* of sample i at i % TRACK_SAMPLES, as the tracks count them */
    struct tracks tracks;
    struct anomaly latest[LATEST_MAX]; /* the newest first */
    size_t n_latest;
    struct status_model model;
    struct pipeline_figures figures;
    char trouble[TROUBLE_BYTES];
    /* the text, and of which sample it is */
    uint64_t written;
    size_t n_text;
    char *text;
};

/* Of escaped texts and numbers, all at their longest; what is left has fixed names and few numbers. */
#define STATUS_BYTES_MAX                                                     \
    (16384 + 6 * TROUBLE_BYTES + 5 * 24 * TRACK_SAMPLES +                    \
     TRACKS_MAX * (6 * READING_DEVICE_BYTES_MAX + 9 * TRACK_SAMPLES + 256) + \
     LATEST_MAX * (6 * READING_DEVICE_BYTES_MAX + CAUSES_MAX * (6 * ALERTRON_FEATURE_NAME_MAX + 64) + 256))

/* Writes what was sampled; returns the length, 0 where it does not fit. Under the mutex. */
size_t status_write(const struct status *status, char *out, size_t size);

#endif
