/* verdict.h: the record of a verdict, as it goes to Kafka and to whoever asked over HTTP. */
#ifndef ALERTROND_VERDICT_H
#define ALERTROND_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

#include "explanation.h"
#include "reading.h"
#include "writer.h"

struct verdict {
    double score;
    bool anomaly;
    alertron_severity severity;
    const char *model_version;             /* of the model that decided */
    bool by_candidate;                     /* which it was */
    const struct explanation *explanation; /* of an anomaly, else NULL */
    const struct features *features;       /* where there is an explanation */
};

/* The message that a verdict comes from. */
struct source {
    const char *topic;
    long partition;
    long long offset;
};

/* Writes the record as JSON: the fields of the system that this one replaces, then, where `source` is not NULL, the
 * message it comes from, the model that decided, and of an anomaly the
 * features that contributed most. `ts` is in seconds since 1970, NaN for none. Returns the length, or
 * 0 where it does not fit.
 */
size_t verdict_write(char *out, size_t size, const char *device_id, double ts, const struct verdict *verdict,
                     const struct source *source);

/* A member of that record: ,"contributions":[{"feature":"vibration","share":0.7}], the largest share first. */
void verdict_write_causes(struct writer *writer, const struct explanation *explanation,
                          const struct features *features);

/* Enough for any verdict: a device_id and names of features escaped, a topic name, and numbers. */
#define VERDICT_BYTES_MAX (6 * READING_DEVICE_BYTES_MAX + 249 + 512 + CAUSES_MAX * (6 * ALERTRON_FEATURE_NAME_MAX + 64))

#endif
