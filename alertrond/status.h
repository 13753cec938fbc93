/* status.h: what the status page shows, as JSON: what flowed in the last two minutes, second by second, recent scores
 * by device, the latest anomalies, the model, and how the service is.
 *
 * The service's loop takes a sample a second from what is counted anyway. The text is written once a second at most,
 * however many look, and not at all while nobody does. Scoring has nothing to do with it: latest.h tells what it notes.
 */
#ifndef ALERTROND_STATUS_H
#define ALERTROND_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "pipeline.h"
#include "scorer.h"

struct status;

/* What it is given stays the caller's; the parts have what all scorers share, `latest` among it. NULL where memory has
 * run out. */
struct status *status_new(const struct config *config, const struct scorer_parts *parts);
void status_free(struct status *status);

/* Takes the sample of this second. `trouble` is what keeps readings from being dealt with, or ""; `now` is in seconds
 * of a clock that does not go back. One thread. */
void status_sample(struct status *status, const char *trouble, const struct pipeline_figures *figures, double now);

/* The JSON, n bytes to be freed; NULL where memory has run out. Any thread. */
char *status_json(struct status *status, size_t *n);

#endif
