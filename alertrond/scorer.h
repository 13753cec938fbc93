/* scorer.h: from a reading to its verdict: the model, the severity cuts in force, and the metrics that tell of both.
 *
 * One owner at a time: scorer_lock before, scorer_unlock after. The consumer holds it for a block of readings, an
 * HTTP request for one. The scrape needs no lock.
 */
#ifndef ALERTROND_SCORER_H
#define ALERTROND_SCORER_H

#include <alertron.h>

#include "config.h"
#include "metrics.h"
#include "reading.h"

struct scorer;

struct verdict {
    double score;
    bool anomaly;
    alertron_severity severity;
};

/* Takes cuts from severity.calibration_file where the configuration names one. The model stays the caller's.
 * NULL, and why, on failure. */
struct scorer *scorer_new(const struct config *config, const alertron_model *model, char *why, size_t why_size);
void scorer_free(struct scorer *scorer);

void scorer_lock(struct scorer *scorer);
void scorer_unlock(struct scorer *scorer);

const alertron_model *scorer_model(const struct scorer *scorer);
struct metrics *scorer_metrics(struct scorer *scorer);
const struct reading_shape *scorer_shape(const struct scorer *scorer);

/* The verdict on a score by the cuts in force. */
struct verdict scorer_grade(const struct scorer *scorer, double score);

/* Counts a verdict for its device, and learns from it where the cuts are to be taken from the stream. `now` is in
 * seconds of a clock that does not go back. */
void scorer_count(struct scorer *scorer, const struct reading *reading, const struct verdict *verdict, double now);

/* Forgets silent devices and takes the process's figures; about once a second. */
void scorer_tick(struct scorer *scorer, double now);

/* The record of a verdict as JSON: the fields of the system that this one replaces, then, where `source` is not
 * NULL, the message it comes from. Returns the length, or 0 where it does not fit. */
struct source {
    const char *topic;
    long partition;
    long long offset;
};
size_t verdict_write(char *out, size_t size, const struct reading *reading, const struct verdict *verdict,
                     const struct source *source);

/* Enough for any verdict: a device_id escaped, a topic name, and numbers. */
#define VERDICT_BYTES_MAX (6 * READING_DEVICE_BYTES_MAX + 249 + 512)

#endif
