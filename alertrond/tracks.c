/* tracks.c: the recent scores of some devices. */
#include "tracks.h"

#include <math.h>
#include <string.h>

static struct track_sample *sample_of(const struct tracks *tracks, struct track *track)
{
    return &track->samples[tracks->n % TRACK_SAMPLES];
}

static double count_anomalies(const struct device *device, int severity)
{
    return alertron_counter_value(device->anomalies[severity]);
}

static void begin(struct track *track, const struct device *device)
{
    *track = (struct track){.n_id = device->n_id, .hash = device->hash};
    memcpy(track->id, device->id, device->n_id + 1);
    for (size_t i = 0; i < TRACK_SAMPLES; i++)
        track->samples[i].score = NAN;
    track->readings = alertron_counter_value(device->readings);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        track->anomalies[severity] = count_anomalies(device, severity);
}

/* --- a sample ----------------------------------------------------------------------------------------------- */

static void sample(struct tracks *tracks, struct track *track)
{
    const struct device *device = devices_find(tracks->devices, track->id, track->n_id, track->hash);
    if (!device) {
        track->id[0] = 0;
        return;
    }
    struct track_sample taken = {.score = NAN};
    const double readings = alertron_counter_value(device->readings);
    if (readings != track->readings)
        taken.score = (float)alertron_gauge_value(device->score);
    track->readings = readings;
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++) {
        const double anomalies = count_anomalies(device, severity);
        if (anomalies > track->anomalies[severity])
            taken.severity = (unsigned char)severity;
        track->anomalies[severity] = anomalies;
    }
    if (taken.severity)
        track->alarmed = tracks->n;
    *sample_of(tracks, track) = taken;
    if (track_is_empty(track))
        track->id[0] = 0; /* another may have its room */
}

static struct track *find(struct tracks *tracks, const char *id)
{
    for (size_t i = 0; i < TRACKS_MAX; i++)
        if (strcmp(tracks->all[i].id, id) == 0)
            return &tracks->all[i];
    return NULL;
}

/* One that sends nothing goes with the next sample. */
static bool take_device(void *context, const struct device *device)
{
    struct tracks *tracks = context;
    struct track *room = find(tracks, "");
    if (room && !find(tracks, device->id))
        begin(room, device);
    return room != NULL;
}

void tracks_sample(struct tracks *tracks)
{
    metrics_lock(tracks->metrics);
    tracks->n++;
    for (size_t i = 0; i < TRACKS_MAX; i++)
        if (tracks->all[i].id[0])
            sample(tracks, &tracks->all[i]);
    if (find(tracks, ""))
        devices_visit(tracks->devices, &tracks->looked, TRACKS_LOOK_BUCKETS, take_device, tracks);
    metrics_unlock(tracks->metrics);
}

/* --- anomalies ---------------------------------------------------------------------------------------------- */

/* A free one, or that whose last anomaly is the longest ago. */
static struct track *make_room(struct tracks *tracks)
{
    struct track *oldest = &tracks->all[0];
    for (size_t i = 0; i < TRACKS_MAX; i++) {
        struct track *track = &tracks->all[i];
        if (!track->id[0])
            return track;
        if (track->alarmed < oldest->alarmed)
            oldest = track;
    }
    return oldest->alarmed == 0 || oldest->alarmed + TRACKS_KEEP_SECONDS < tracks->n ? oldest : NULL;
}

/* NULL where there is no room, or the device has no series. */
static struct track *take_alarming(struct tracks *tracks, const char *id)
{
    struct track *room = make_room(tracks);
    if (!room)
        return NULL;
    const size_t n_id = strlen(id);
    metrics_lock(tracks->metrics);
    const struct device *device = devices_find(tracks->devices, id, n_id, devices_hash(tracks->devices, id, n_id));
    if (device)
        begin(room, device);
    metrics_unlock(tracks->metrics);
    return device ? room : NULL;
}

void tracks_alarm(struct tracks *tracks, const char *id, double score, alertron_severity severity)
{
    struct track *track = find(tracks, id);
    if (!track && !(track = take_alarming(tracks, id)))
        return;
    struct track_sample *sample = sample_of(tracks, track);
    if (!(sample->score >= score))
        sample->score = (float)score;
    if (sample->severity < severity)
        sample->severity = (unsigned char)severity;
    track->alarmed = tracks->n;
}

bool track_is_empty(const struct track *track)
{
    for (size_t i = 0; i < TRACK_SAMPLES; i++)
        if (!isnan(track->samples[i].score))
            return false;
    return true;
}
