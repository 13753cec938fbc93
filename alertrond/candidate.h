/* candidate.h: the trial of a candidate model: for which devices it decides, and when it has passed or failed. Nothing
 * here has state.
 */
#ifndef ALERTROND_CANDIDATE_H
#define ALERTROND_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What two models said of one reading: an anomaly or not. */
enum comparison { BOTH_NORMAL, BOTH_ANOMALOUS, PRIMARY_ONLY, CANDIDATE_ONLY, COMPARISONS };

/* "both_normal", ...: values of a label. */
const char *comparison_name(enum comparison comparison);

/* Whether the candidate decides for a device, given its share of devices. The same device at every time, in every
 * process; a larger share has all devices of a smaller one. */
bool candidate_decides(double share, const char *device_id, size_t n_device_id);

struct candidate_rule {
    uint64_t readings;  /* after so many it is judged; 0: never */
    double agreement;   /* least share of readings of which both say the same */
    double alarm_ratio; /* its anomalies over the primary's: from 1 / alarm_ratio to alarm_ratio */
};

enum candidate_judgement { CANDIDATE_TRIED, CANDIDATE_PASSED, CANDIDATE_FAILED };

/* `counts` are readings by comparison. Where it is judged, `why` says by which figures. */
enum candidate_judgement candidate_judge(const struct candidate_rule *rule, const uint64_t counts[COMPARISONS],
                                         char *why, size_t why_size);

#endif
