/* lineup.c: models and line-ups of them, each counting who holds it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "calibration.h"
#include "models_private.h"
#include "why.h"

/* --- models -------------------------------------------------------------------------------------------------- */

struct shared_model *shared_of(const struct graded_model *graded)
{
    return (struct shared_model *)(uintptr_t)graded;
}

/* FNV-1a of what the model would be saved as. False where memory has run out. */
static bool write_version(const alertron_model *model, char version[MODEL_VERSION_BYTES])
{
    const size_t n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(n);
    if (!bytes)
        return false;
    alertron_model_save(model, bytes, n);
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    free(bytes);
    snprintf(version, MODEL_VERSION_BYTES, "%016" PRIx64, hash);
    return true;
}

static bool take_cuts(struct graded_model *graded, const struct config *config, char *why, size_t why_size)
{
    graded->cuts = alertron_model_cuts(graded->model);
    graded->cuts.medium_quantile = config->severity.medium_quantile;
    graded->cuts.high_quantile = config->severity.high_quantile;
    if (config->severity.calibration_file && config->severity.calibration_file[0] &&
        !calibrate_from_file(&graded->cuts, graded->model, config->severity.calibration_file, NULL, why, why_size))
        return false;
    graded->learns = graded->cuts.origin == ALERTRON_CUTS_PROVISIONAL && config->severity.calibration_anomalies > 0;
    return true;
}

struct shared_model *shared_model_new(alertron_model *model, const struct config *config, char *why, size_t why_size)
{
    struct shared_model *made = calloc(1, sizeof *made);
    if (!made || !write_version(model, made->graded.version)) {
        free(made);
        alertron_model_free(model);
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    made->graded.model = model;
    made->holders = 1;
    bool good = take_cuts(&made->graded, config, why, why_size);
    if (good && made->graded.learns) {
        made->sample_max = (size_t)config->severity.calibration_anomalies;
        made->sample = calloc(made->sample_max, sizeof *made->sample);
        good = made->sample || why_say(why, why_size, "out of memory");
    }
    if (good)
        return made;
    shared_model_drop(made);
    return NULL;
}

struct shared_model *shared_model_with(struct shared_model *model, const alertron_cuts *cuts)
{
    struct shared_model *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    *made = (struct shared_model){.graded = model->graded, .same = shared_model_hold(model), .holders = 1};
    made->graded.cuts = *cuts;
    made->graded.learns = false;
    return made;
}

struct shared_model *shared_model_hold(struct shared_model *model)
{
    model->holders++;
    return model;
}

void shared_model_drop(struct shared_model *model)
{
    while (model && --model->holders == 0) {
        struct shared_model *same = model->same;
        if (!same)
            alertron_model_free(model->graded.model);
        free(model->sample);
        free(model);
        model = same;
    }
}

/* --- line-ups ------------------------------------------------------------------------------------------------ */

static struct reading_shape shape_of(const alertron_model *model, const struct config *config)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    return (struct reading_shape){.width = info.features,
                                  .missing_values = info.missing_values,
                                  .bytes_max = (size_t)config->limits.message_bytes};
}

static bool open_series(struct shared_lineup *made)
{
    struct lineup *lineup = &made->lineup;
    lineup->primary_series = series_hold(made->book, lineup->primary->version, ROLE_PRIMARY);
    if (lineup->candidate)
        lineup->candidate_series =
            series_hold(made->book, lineup->candidate->version, lineup->share > 0 ? ROLE_CANARY : ROLE_SHADOW);
    return lineup->primary_series && (!lineup->candidate || lineup->candidate_series);
}

static struct trial *open_trial(const struct lineup *lineup, struct shared_lineup *before)
{
    const struct lineup *then = before && before->trial ? &before->lineup : NULL;
    struct trial *trial =
        then && then->primary->model == lineup->primary->model && then->candidate->model == lineup->candidate->model
            ? before->trial
            : calloc(1, sizeof *trial);
    if (trial)
        trial->holders++;
    return trial;
}

struct shared_lineup *shared_lineup_new(const struct config *config, struct series_book *book,
                                        struct shared_model *primary, struct shared_model *candidate,
                                        struct shared_lineup *before)
{
    struct shared_lineup *made = calloc(1, sizeof *made);
    if (!made) {
        shared_model_drop(primary);
        shared_model_drop(candidate);
        return NULL;
    }
    made->lineup = (struct lineup){.primary = &primary->graded,
                                   .candidate = candidate ? &candidate->graded : NULL,
                                   .share = candidate ? config->candidate.share : 0,
                                   .shape = shape_of(primary->graded.model, config)};
    made->holders = 1;
    made->book = book;
    if (candidate)
        made->trial = open_trial(&made->lineup, before);
    if (open_series(made) && (!candidate || made->trial))
        return made;
    shared_lineup_drop(made);
    return NULL;
}

void shared_lineup_drop(struct shared_lineup *made)
{
    if (--made->holders > 0)
        return;
    struct lineup *lineup = &made->lineup;
    series_release(made->book, lineup->primary_series);
    series_release(made->book, lineup->candidate_series);
    shared_model_drop(shared_of(lineup->primary));
    shared_model_drop(lineup->candidate ? shared_of(lineup->candidate) : NULL);
    if (made->trial && --made->trial->holders == 0)
        free(made->trial);
    free(made);
}
