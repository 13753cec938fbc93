/* models.c: the models in force. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "models_private.h"
#include "why.h"

/* --- what is exported -------------------------------------------------------------------------------------- */

static alertron_gauge_child *info_child(struct metrics *metrics, const struct graded_model *graded,
                                        enum model_role role)
{
    alertron_model_info info;
    alertron_model_describe(graded->model, &info);
    return alertron_gauge_with(metrics->model_info, (const char *const[]){info.kind, info.producer, info.kernel,
                                                                          graded->version, model_role_name(role)});
}

static void export_info(struct metrics *metrics, const struct lineup *lineup, bool shown)
{
    const struct graded_model *const models[] = {lineup->primary, lineup->candidate};
    const enum model_role roles[] = {ROLE_PRIMARY, lineup->share > 0 ? ROLE_CANARY : ROLE_SHADOW};
    for (size_t i = 0; i < 2; i++)
        if (models[i] && shown)
            alertron_gauge_set(info_child(metrics, models[i], roles[i]), 1);
        else if (models[i])
            alertron_gauge_remove(metrics->model_info, info_child(metrics, models[i], roles[i]));
}

static void export_lineup(struct models *models, const struct lineup *before, const struct lineup *lineup)
{
    struct metrics *metrics = models->metrics;
    const alertron_cuts *cuts = &lineup->primary->cuts;
    metrics_lock(metrics);
    if (before)
        export_info(metrics, before, false);
    export_info(metrics, lineup, true);
    metrics_set_cuts(metrics, cuts);
    if (!before || before->primary->model != lineup->primary->model)
        alertron_gauge_set(metrics->model_loaded, (double)time(NULL));
    metrics_unlock(metrics);
    if (!before || before->primary != lineup->primary)
        log_info("severity cuts (%s): low above %.4f, medium from %.4f, high from %.4f",
                 alertron_cuts_origin_name(cuts->origin), cuts->threshold, cuts->medium, cuts->high);
}

/* --- in force ------------------------------------------------------------------------------------------------ */

/* Whether a candidate can be tried beside the primary. */
static bool fits(const struct graded_model *primary, const struct graded_model *candidate)
{
    alertron_model_info of_primary, of_candidate;
    alertron_model_describe(primary->model, &of_primary);
    alertron_model_describe(candidate->model, &of_candidate);
    if (strcmp(primary->version, candidate->version) == 0) {
        log_info("candidate %s is the primary itself: there is nothing to try", candidate->version);
        return false;
    }
    if (of_primary.missing_values && !of_candidate.missing_values) {
        log_error("candidate %s is left out: it takes no missing values, and the primary does", candidate->version);
        return false;
    }
    return true;
}

bool models_put_in_force(struct models *models, struct shared_model *primary, struct shared_model *candidate)
{
    if (candidate && !fits(&primary->graded, &candidate->graded)) {
        shared_model_drop(candidate);
        candidate = NULL;
    }
    struct shared_lineup *before = atomic_load(&models->current);
    struct shared_lineup *lineup = shared_lineup_new(models->config, &models->book, primary, candidate, before);
    if (!lineup)
        return false;
    export_lineup(models, before ? &before->lineup : NULL, &lineup->lineup);
    atomic_store(&models->current, lineup);
    if (before)
        shared_lineup_drop(before);
    return true;
}

static bool begin(struct models *models, const struct config *config, struct metrics *metrics,
                  struct shared_model *primary)
{
    *models = (struct models){
        .config = config,
        .metrics = metrics,
        .book.metrics = metrics,
        .width = alertron_model_features(primary->graded.model),
        .primary_file = {.path = config->model.path},
        .candidate_file = {.path = config->candidate.path && config->candidate.path[0] ? config->candidate.path : NULL},
    };
    snprintf(models->primary_file.version, MODEL_VERSION_BYTES, "%s", primary->graded.version);
    if (!models_put_in_force(models, primary, NULL))
        return false;
    pthread_mutex_init(&models->mutex, NULL);
    pthread_mutex_init(&models->loading, NULL);
    return true;
}

struct models *models_new(const struct config *config, struct metrics *metrics, alertron_model *model, char *why,
                          size_t why_size)
{
    struct shared_model *primary = shared_model_new(model, config, why, why_size);
    if (!primary)
        return NULL;
    struct models *models = calloc(1, sizeof *models);
    if (!models)
        shared_model_drop(primary);
    if (!models || !begin(models, config, metrics, primary)) {
        why_say(why, why_size, "out of memory");
        free(models);
        return NULL;
    }
    models_begin_files(models);
    return models;
}

void models_free(struct models *models)
{
    if (!models)
        return;
    shared_lineup_drop(atomic_load(&models->current));
    pthread_mutex_destroy(&models->loading);
    pthread_mutex_destroy(&models->mutex);
    free(models);
}

const struct lineup *models_hold(struct models *models, const struct lineup *held)
{
    if (held && held == &atomic_load_explicit(&models->current, memory_order_acquire)->lineup)
        return held;
    pthread_mutex_lock(&models->mutex);
    struct shared_lineup *current = atomic_load(&models->current);
    current->holders++;
    if (held)
        shared_lineup_drop((struct shared_lineup *)(uintptr_t)held);
    pthread_mutex_unlock(&models->mutex);
    return &current->lineup;
}

void models_release(struct models *models, const struct lineup *held)
{
    if (!held)
        return;
    pthread_mutex_lock(&models->mutex);
    shared_lineup_drop((struct shared_lineup *)(uintptr_t)held);
    pthread_mutex_unlock(&models->mutex);
}

/* --- cuts from the stream -------------------------------------------------------------------------------------- */

/* The same model with the cuts that were learnt, in force in its place; under the mutex. */
static void regrade(struct models *models, struct shared_model *model, const alertron_cuts *cuts)
{
    const struct lineup *lineup = &atomic_load(&models->current)->lineup;
    const bool is_primary = lineup->primary == &model->graded;
    if (!is_primary && lineup->candidate != &model->graded)
        return; /* it has gone meanwhile */
    struct shared_model *made = shared_model_with(model, cuts);
    bool good = made != NULL;
    if (good && is_primary)
        good = models_put_in_force(models, made,
                                   lineup->candidate ? shared_model_hold(shared_of(lineup->candidate)) : NULL);
    else if (good)
        good = models_put_in_force(models, shared_model_hold(shared_of(lineup->primary)), made);
    if (good)
        log_info("severity cuts of model %s are taken from %zu anomalies of the stream", model->graded.version,
                 model->sample_max);
    else
        log_warning("severity cuts stay provisional for now: out of memory");
}

static void learn_cuts(struct models *models, struct shared_model *model)
{
    alertron_cuts cuts = model->graded.cuts;
    alertron_error error;
    const size_t n = model->n_sample;
    model->n_sample = 0;
    if (alertron_cuts_calibrate(&cuts, model->sample, n, ALERTRON_CUTS_STREAM, &error) == ALERTRON_OK)
        regrade(models, model, &cuts);
    else
        log_warning("severity cuts stay provisional for now: %s", error.text);
}

void models_learn(struct models *models, const struct graded_model *graded, double score)
{
    struct shared_model *model = shared_of(graded);
    pthread_mutex_lock(&models->mutex);
    model->sample[model->n_sample++] = score;
    if (model->n_sample == model->sample_max)
        learn_cuts(models, model);
    pthread_mutex_unlock(&models->mutex);
}

/* --- the candidate's trial --------------------------------------------------------------------------------------- */

void models_count_decision(struct models *models, const char *decision, const char *by)
{
    metrics_lock(models->metrics);
    alertron_counter_add(
        alertron_counter_with(models->metrics->candidate_decisions, (const char *const[]){decision, by}), 1);
    metrics_unlock(models->metrics);
}

/* Under the mutex; there is a candidate. False where memory has run out. */
static bool decide(struct models *models, bool promoted, const char *by, const char *why)
{
    const struct lineup *lineup = &atomic_load(&models->current)->lineup;
    char primary[MODEL_VERSION_BYTES], candidate[MODEL_VERSION_BYTES];
    memcpy(primary, lineup->primary->version, sizeof primary);
    memcpy(candidate, lineup->candidate->version, sizeof candidate);
    const struct graded_model *stays = promoted ? lineup->candidate : lineup->primary;
    if (!models_put_in_force(models, shared_model_hold(shared_of(stays)), NULL))
        return false;
    models_count_decision(models, promoted ? "promoted" : "dropped", by);
    if (promoted)
        log_info("candidate %s was promoted by %s%s: it is the primary in place of %s, until a restart reads %s",
                 candidate, by, why, primary, models->config->model.path ? models->config->model.path : "model.path");
    else
        log_info("candidate %s was dropped by %s%s: %s goes on alone; take its file away, or a restart tries it again",
                 candidate, by, why, primary);
    return true;
}

void models_compare(struct models *models, const struct lineup *lineup, const uint64_t counts[COMPARISONS])
{
    struct trial *trial = ((struct shared_lineup *)(uintptr_t)lineup)->trial;
    const struct candidate_rule rule = {.readings = (uint64_t)models->config->candidate.readings,
                                        .agreement = models->config->candidate.agreement,
                                        .alarm_ratio = models->config->candidate.alarm_ratio};
    uint64_t all[COMPARISONS];
    for (int i = 0; i < COMPARISONS; i++)
        all[i] = atomic_fetch_add(&trial->counts[i], counts[i]) + counts[i];
    char figures[300], why[320];
    const enum candidate_judgement judgement = candidate_judge(&rule, all, figures, sizeof figures);
    if (judgement == CANDIDATE_TRIED)
        return;
    snprintf(why, sizeof why, " (%s)", figures);
    pthread_mutex_lock(&models->mutex);
    if (atomic_load(&models->current)->trial == trial && !decide(models, judgement == CANDIDATE_PASSED, "rule", why))
        log_warning("the candidate's trial goes on for now: out of memory");
    pthread_mutex_unlock(&models->mutex);
}

const char *models_outcome_name(enum models_outcome outcome)
{
    static const char *const names[] = {"done", "unchanged", "refused"};
    return names[outcome];
}

void models_tell(struct models *models, struct models_report *report)
{
    pthread_mutex_lock(&models->mutex);
    const struct lineup *lineup = &atomic_load(&models->current)->lineup;
    snprintf(report->primary, sizeof report->primary, "%s", lineup->primary->version);
    snprintf(report->candidate, sizeof report->candidate, "%s", lineup->candidate ? lineup->candidate->version : "");
    pthread_mutex_unlock(&models->mutex);
}

static void decide_by_command(struct models *models, bool promoted, struct models_report *report)
{
    *report = (struct models_report){.outcome = MODELS_REFUSED};
    pthread_mutex_lock(&models->mutex);
    if (!atomic_load(&models->current)->lineup.candidate)
        why_say(report->why, sizeof report->why, "there is no candidate; name its file as candidate.path");
    else if (decide(models, promoted, "command", ""))
        report->outcome = MODELS_DONE;
    else
        why_say(report->why, sizeof report->why, "out of memory");
    pthread_mutex_unlock(&models->mutex);
    models_tell(models, report);
}

void models_promote(struct models *models, struct models_report *report)
{
    decide_by_command(models, true, report);
}

void models_drop(struct models *models, struct models_report *report)
{
    decide_by_command(models, false, report);
}
