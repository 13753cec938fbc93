/* scorer.c: from features to verdicts and what is counted of them, for one thread. */
#include "scorer.h"

#include <math.h>
#include <stdlib.h>

#include "device_map.h"
#include "metrics_table.h"

/* What a model said of readings. */
struct tally {
    uint64_t predictions, anomalies[SEVERITIES];
};

/* How far the candidate's scores lie from the primary's, in one direction. */
struct shifts {
    uint64_t n[SHIFT_BOUNDS + 1];
    double sum[SHIFT_BOUNDS + 1];
};

/* What is not shown yet. */
struct unshown {
    uint64_t counted;
    struct tally primary, candidate;
    uint64_t compared[COMPARISONS];
    struct shifts up, down;
};

struct scorer {
    struct scorer_parts parts;
    struct device_map *devices;
    const struct lineup *lineup;
    struct unshown unshown;
    struct latest_allowance notes;
    double shares[]; /* room for an explanation */
};

struct scorer *scorer_new(const struct scorer_parts *parts)
{
    struct scorer *scorer = calloc(1, sizeof *scorer + parts->features->width * sizeof *scorer->shares);
    if (!scorer)
        return NULL;
    *scorer = (struct scorer){.parts = *parts, .devices = device_map_new(parts->devices)};
    if (!scorer->devices) {
        free(scorer);
        return NULL;
    }
    scorer->lineup = models_hold(parts->models, NULL);
    return scorer;
}

void scorer_free(struct scorer *scorer)
{
    if (!scorer)
        return;
    models_release(scorer->parts.models, scorer->lineup);
    device_map_free(scorer->devices);
    free(scorer);
}

/* --- what the models said ------------------------------------------------------------------------------------- */

static void tally_scores(struct tally *tally, const struct graded_model *graded, const double *scores, size_t n)
{
    tally->predictions += n;
    for (size_t i = 0; i < n; i++)
        if (scores[i] > graded->cuts.threshold)
            tally->anomalies[alertron_cuts_severity(&graded->cuts, scores[i])]++;
}

static void compare(struct scorer *scorer, const double *scores, const double *candidate_scores, size_t n)
{
    struct unshown *unshown = &scorer->unshown;
    const struct graded_model *primary = scorer->lineup->primary, *candidate = scorer->lineup->candidate;
    for (size_t i = 0; i < n; i++) {
        const bool one = scores[i] > primary->cuts.threshold, other = candidate_scores[i] > candidate->cuts.threshold;
        unshown->compared[one ? other ? BOTH_ANOMALOUS : PRIMARY_ONLY : other ? CANDIDATE_ONLY : BOTH_NORMAL]++;
        const double shift = candidate_scores[i] - scores[i];
        struct shifts *shifts = shift < 0 ? &unshown->down : &unshown->up;
        size_t bound = 0;
        while (bound < SHIFT_BOUNDS && fabs(shift) > metric_shift_bounds[bound])
            bound++;
        shifts->n[bound]++;
        shifts->sum[bound] += fabs(shift);
        if (other && candidate->learns)
            models_learn(scorer->parts.models, candidate, candidate_scores[i]);
    }
}

static void show_tally(const struct tally *tally, const struct model_series *series)
{
    alertron_counter_add(series->predictions, (double)tally->predictions);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        if (tally->anomalies[severity])
            alertron_counter_add(series->anomalies[severity], (double)tally->anomalies[severity]);
}

/* Each bucket's mean as often as it was met: the sum is right, too. */
static void show_shifts(const struct shifts *shifts, alertron_histogram_child *child)
{
    for (size_t i = 0; i <= SHIFT_BOUNDS; i++)
        if (shifts->n[i])
            alertron_histogram_observe(child, shifts->sum[i] / (double)shifts->n[i], shifts->n[i]);
}

static void show_models(struct scorer *scorer)
{
    const struct lineup *lineup = scorer->lineup;
    const struct unshown unshown = scorer->unshown;
    if (unshown.primary.predictions == 0)
        return;
    scorer->unshown = (struct unshown){.counted = unshown.counted};
    show_tally(&unshown.primary, lineup->primary_series);
    if (!lineup->candidate)
        return;
    show_tally(&unshown.candidate, lineup->candidate_series);
    for (int i = 0; i < COMPARISONS; i++)
        if (unshown.compared[i])
            alertron_counter_add(lineup->candidate_series->compared[i], (double)unshown.compared[i]);
    show_shifts(&unshown.up, lineup->candidate_series->shift_up);
    show_shifts(&unshown.down, lineup->candidate_series->shift_down);
    models_compare(scorer->parts.models, lineup, unshown.compared);
}

/* --- readings ---------------------------------------------------------------------------------------------------- */

const struct reading_shape *scorer_begin(struct scorer *scorer)
{
    show_models(scorer); /* while the line-up's series are held */
    scorer->lineup = models_hold(scorer->parts.models, scorer->lineup);
    return &scorer->lineup->shape;
}

uint64_t scorer_expect(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    const uint64_t hash = devices_hash(scorer->parts.devices, device_id, n_device_id);
    device_map_expect(scorer->devices, hash);
    return hash;
}

void scorer_score(struct scorer *scorer, const double *features, size_t n, double *scores, double *candidate_scores)
{
    const struct lineup *lineup = scorer->lineup;
    const alertron_rows rows = alertron_rows_of(features, n, lineup->shape.width);
    alertron_model_score_rows(lineup->primary->model, &rows, scores);
    tally_scores(&scorer->unshown.primary, lineup->primary, scores, n);
    if (!lineup->candidate)
        return;
    alertron_model_score_rows(lineup->candidate->model, &rows, candidate_scores);
    tally_scores(&scorer->unshown.candidate, lineup->candidate, candidate_scores, n);
    compare(scorer, scores, candidate_scores, n);
}

bool scorer_decides_candidate(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    return scorer->lineup->share > 0 && candidate_decides(scorer->lineup->share, device_id, n_device_id);
}

static const struct graded_model *decider(const struct scorer *scorer, bool by_candidate)
{
    return by_candidate ? scorer->lineup->candidate : scorer->lineup->primary;
}

bool scorer_alarms(const struct scorer *scorer, double score, bool by_candidate)
{
    return score > decider(scorer, by_candidate)->cuts.threshold;
}

struct explanation scorer_explain(struct scorer *scorer, const double *features, bool by_candidate)
{
    alertron_model_explain(decider(scorer, by_candidate)->model, features, scorer->shares);
    return explanation_of(scorer->shares, scorer->parts.features->width);
}

struct verdict scorer_grade(const struct scorer *scorer, double score, bool by_candidate,
                            const struct explanation *explanation)
{
    const struct graded_model *graded = decider(scorer, by_candidate);
    const alertron_severity severity = alertron_cuts_severity(&graded->cuts, score);
    const bool anomaly = severity != ALERTRON_SEVERITY_NONE;
    return (struct verdict){.score = score,
                            .anomaly = anomaly,
                            .severity = severity,
                            .model_version = graded->version,
                            .by_candidate = by_candidate,
                            .explanation = anomaly ? explanation : NULL,
                            .features = scorer->parts.features};
}

static void count_cause(struct scorer *scorer, const struct device *device, const struct explanation *explanation)
{
    if (explanation->n == 0)
        return;
    const uint32_t feature = explanation->causes[0].feature;
    alertron_counter_add(scorer->parts.features->anomalies[feature], 1);
    alertron_gauge_set(device->feature, (double)feature);
}

void scorer_count(struct scorer *scorer, const char *device_id, size_t n_device_id, uint64_t hash,
                  const struct verdict *verdict, double now)
{
    const struct device *device = device_map_seen(scorer->devices, device_id, n_device_id, hash, now);
    alertron_gauge_set(device->score, verdict->score);
    alertron_counter_add(device->readings, 1);
    scorer->unshown.counted++;
    if (!verdict->anomaly)
        return;
    alertron_counter_add(device->anomalies[verdict->severity], 1);
    alertron_counter_add(scorer->parts.metrics->anomalies_of[verdict->severity], 1);
    count_cause(scorer, device, verdict->explanation);
    if (scorer->parts.latest)
        latest_note(scorer->parts.latest, &scorer->notes, device_id, n_device_id, verdict->score, verdict->severity,
                    verdict->explanation, now);
    if (scorer->lineup->primary->learns && !verdict->by_candidate) /* a candidate learns when it is compared */
        models_learn(scorer->parts.models, scorer->lineup->primary, verdict->score);
}

void scorer_show(struct scorer *scorer, double seconds)
{
    show_models(scorer);
    if (scorer->unshown.counted == 0)
        return;
    alertron_counter_add(scorer->parts.metrics->predictions, (double)scorer->unshown.counted);
    alertron_histogram_observe(scorer->parts.metrics->latency, seconds, scorer->unshown.counted);
    scorer->unshown.counted = 0;
}

void scorer_tick(struct scorer *scorer, double now)
{
    device_map_forget(scorer->devices, now - scorer->parts.device_seconds);
}
