/* latest.h: the latest anomalies, for those who look: a bounded list that scorers note into.
 *
 * It costs scoring next to nothing: a scorer notes at most LATEST_PER_SECOND anomalies a second, and leaves one out
 * where the list is being read just then, so that it never waits.
 */
#ifndef ALERTROND_LATEST_H
#define ALERTROND_LATEST_H

#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#include "explanation.h"
#include "reading.h"

#define LATEST_MAX 32u /* anomalies */
enum { LATEST_PER_SECOND = 16 };

struct anomaly {
    uint64_t number; /* from 1, in the order that they were noted */
    double time;     /* when it was judged, seconds since 1970 */
    double score;
    alertron_severity severity;
    struct explanation explanation;
    char device_id[READING_DEVICE_BYTES_MAX + 1];
};

struct latest;

/* What a scorer may note yet; zeroed at first. */
struct latest_allowance {
    double since; /* the second began */
    int left;
};

/* NULL where memory has run out. */
struct latest *latest_new(void);
void latest_free(struct latest *latest);

/* `now` is in seconds of a clock that does not go back; `explanation` may be NULL. Any thread, with an allowance of its
 * own; never waits. */
void latest_note(struct latest *latest, struct latest_allowance *allowance, const char *device_id, size_t n_device_id,
                 double score, alertron_severity severity, const struct explanation *explanation, double now);

/* Copies the list, the newest first. Returns how many there are. Any thread. */
size_t latest_read(struct latest *latest, struct anomaly anomalies[LATEST_MAX]);

#endif
