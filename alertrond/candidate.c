/* candidate.c: the trial of a candidate model. */
#include "candidate.h"

#include <inttypes.h>

#include "why.h"

const char *comparison_name(enum comparison comparison)
{
    static const char *const names[COMPARISONS] = {
        [BOTH_NORMAL] = "both_normal",
        [BOTH_ANOMALOUS] = "both_anomalous",
        [PRIMARY_ONLY] = "primary_only",
        [CANDIDATE_ONLY] = "candidate_only",
    };
    return names[comparison];
}

/* FNV-1a, and MurmurHash3's finalizer, as FNV's upper bits hardly depend on a name's last characters. It has no seed:
 * other processes, and this one after a restart, must agree. */
static uint64_t hash_name(const char *name, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

bool candidate_decides(double share, const char *device_id, size_t n_device_id)
{
    return share > 0 && (double)(hash_name(device_id, n_device_id) >> 11) * 0x1p-53 < share;
}

enum candidate_judgement candidate_judge(const struct candidate_rule *rule, const uint64_t counts[COMPARISONS],
                                         char *why, size_t why_size)
{
    uint64_t n = 0;
    for (int i = 0; i < COMPARISONS; i++)
        n += counts[i];
    if (rule->readings == 0 || n < rule->readings)
        return CANDIDATE_TRIED;
    const double agreement = (double)(counts[BOTH_NORMAL] + counts[BOTH_ANOMALOUS]) / (double)n;
    /* One more each, so that none at all can be compared, too. */
    const double alarms = (double)(counts[BOTH_ANOMALOUS] + counts[CANDIDATE_ONLY] + 1) /
                          (double)(counts[BOTH_ANOMALOUS] + counts[PRIMARY_ONLY] + 1);
    why_say(why, why_size,
            "of %" PRIu64 " readings it agrees with the primary on %.6g (candidate.agreement %g), and it has %.6g "
            "times the primary's anomalies (candidate.alarm_ratio %g)",
            n, agreement, rule->agreement, alarms, rule->alarm_ratio);
    const bool alike = alarms <= rule->alarm_ratio && alarms * rule->alarm_ratio >= 1;
    return agreement >= rule->agreement && alike ? CANDIDATE_PASSED : CANDIDATE_FAILED;
}
