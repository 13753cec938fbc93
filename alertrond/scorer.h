/* scorer.h: from features to verdicts and what is counted of them, for one thread: a worker, or those that answer HTTP,
 * in turn. It takes no lock but where a device or a line-up is new to it.
 */
#ifndef ALERTROND_SCORER_H
#define ALERTROND_SCORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#include "devices.h"
#include "explanation.h"
#include "latest.h"
#include "metrics.h"
#include "models.h"
#include "verdict.h"

struct scorer;

/* What all scorers share. */
struct scorer_parts {
    struct models *models;
    struct metrics *metrics;
    struct devices *devices;
    struct features *features;
    struct latest *latest; /* where anomalies are noted; NULL: nowhere */
    double device_seconds; /* silence after which a device is forgotten */
};

/* NULL where memory has run out. */
struct scorer *scorer_new(const struct scorer_parts *parts);
void scorer_free(struct scorer *scorer);

/* The readings that follow are of this shape, and scored by the models that are in force now. */
const struct reading_shape *scorer_begin(struct scorer *scorer);

/* A device's name as the calls below want it; said early, so that its series are near when they are needed. */
uint64_t scorer_expect(const struct scorer *scorer, const char *device_id, size_t n_device_id);

/* Scores n rows of features, one after the other, into scores; by the candidate, too, where there is one. */
void scorer_score(struct scorer *scorer, const double *features, size_t n, double *scores, double *candidate_scores);

/* Whether the candidate decides for this device; then its score counts. */
bool scorer_decides_candidate(const struct scorer *scorer, const char *device_id, size_t n_device_id);

/* The verdict on a score of whichever decides, by its cuts; where it is an anomaly's, with the explanation. Its
 * model_version lives until the next scorer_begin. */
struct verdict scorer_grade(const struct scorer *scorer, double score, bool by_candidate,
                            const struct explanation *explanation);

/* Whether a score is an anomaly's, by the cuts of whichever decides. */
bool scorer_alarms(const struct scorer *scorer, double score, bool by_candidate);

/* Which features isolated a reading, by the model of whichever decides: for anomalies, as it takes some microseconds.
 */
struct explanation scorer_explain(struct scorer *scorer, const double *features, bool by_candidate);

/* Counts a verdict for its device, and learns from it where the cuts are to be taken from the stream. `now` is in
 * seconds of a clock that does not go back. */
void scorer_count(struct scorer *scorer, const char *device_id, size_t n_device_id, uint64_t hash,
                  const struct verdict *verdict, double now);

/* Shows what was counted since the last call; `seconds` is what each of those readings took. */
void scorer_show(struct scorer *scorer, double seconds);

/* Forgets silent devices; about once a second. */
void scorer_tick(struct scorer *scorer, double now);

#endif
