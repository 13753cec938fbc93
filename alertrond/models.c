/* models.c: the models in force. */
#include "models.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibration.h"
#include "log.h"
#include "modelstore.h"
#include "why.h"

/* What several line-ups may share, each counting once. */
struct shared_model {
    struct graded_model graded;      /* first, so that a line-up's pointer leads back here */
    const struct shared_model *same; /* whose model it is, with other cuts; NULL: its own */
    size_t holders;
};

struct shared_lineup {
    struct lineup lineup; /* first */
    size_t holders;
};

struct models {
    const struct config *config;
    struct metrics *metrics;
    _Atomic(struct shared_lineup *) current;
    pthread_mutex_t mutex; /* over counts of holders and what follows */
    double *sample; /* anomalous scores of the stream, until there are enough to take cuts from; NULL: not wanted */
    size_t n_sample, sample_max;
    const struct graded_model *sampled; /* the model they are of */
};

/* --- models and line-ups --------------------------------------------------------------------------------- */

static struct shared_model *shared_of(const struct graded_model *graded)
{
    return (struct shared_model *)(uintptr_t)graded;
}

static void drop_model(struct shared_model *model)
{
    while (model && --model->holders == 0) {
        struct shared_model *same = (struct shared_model *)(uintptr_t)model->same;
        if (!same)
            alertron_model_free(model->graded.model);
        free(model);
        model = same;
    }
}

static void drop_lineup(struct shared_lineup *lineup)
{
    if (--lineup->holders > 0)
        return;
    drop_model(shared_of(lineup->lineup.primary));
    free(lineup);
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

/* Takes the model over. Held once. */
static struct shared_model *grade(alertron_model *model, const struct config *config, char *why, size_t why_size)
{
    struct shared_model *made = calloc(1, sizeof *made);
    if (made && write_version(model, made->graded.version)) {
        made->graded.model = model;
        made->holders = 1;
        if (take_cuts(&made->graded, config, why, why_size))
            return made;
    } else {
        why_say(why, why_size, "out of memory");
    }
    alertron_model_free(model);
    free(made);
    return NULL;
}

/* Takes the caller's hold of the primary over. */
static struct shared_lineup *line_up(const struct config *config, struct shared_model *primary)
{
    struct shared_lineup *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    alertron_model_info info;
    alertron_model_describe(primary->graded.model, &info);
    made->lineup.primary = &primary->graded;
    made->lineup.shape = (struct reading_shape){.width = info.features,
                                                .missing_values = info.missing_values,
                                                .bytes_max = (size_t)config->limits.message_bytes};
    made->holders = 1;
    return made;
}

/* --- what is exported -------------------------------------------------------------------------------------- */

static alertron_gauge_child *info_child(struct metrics *metrics, const struct graded_model *graded, const char *role)
{
    alertron_model_info info;
    alertron_model_describe(graded->model, &info);
    return alertron_gauge_with(metrics->model_info,
                               (const char *const[]){info.kind, info.producer, info.kernel, graded->version, role});
}

static void export_lineup(struct models *models, const struct lineup *before, const struct lineup *lineup)
{
    struct metrics *metrics = models->metrics;
    const alertron_cuts *cuts = &lineup->primary->cuts;
    metrics_lock(metrics);
    if (before)
        alertron_gauge_remove(metrics->model_info, info_child(metrics, before->primary, "primary"));
    alertron_gauge_set(info_child(metrics, lineup->primary, "primary"), 1);
    metrics_set_cuts(metrics, cuts);
    if (!before || before->primary->model != lineup->primary->model)
        alertron_gauge_set(metrics->model_loaded, (double)time(NULL));
    metrics_unlock(metrics);
    log_info("severity cuts (%s): low above %.4f, medium from %.4f, high from %.4f",
             alertron_cuts_origin_name(cuts->origin), cuts->threshold, cuts->medium, cuts->high);
}

/* --- in force ------------------------------------------------------------------------------------------------ */

/* Takes over the hold of a line-up that was made; under the mutex. */
static void put_in_force(struct models *models, struct shared_lineup *lineup)
{
    struct shared_lineup *before = atomic_load(&models->current);
    export_lineup(models, before ? &before->lineup : NULL, &lineup->lineup);
    atomic_store(&models->current, lineup);
    models->sampled = lineup->lineup.primary->learns ? lineup->lineup.primary : NULL;
    models->n_sample = 0;
    if (before)
        drop_lineup(before);
}

struct models *models_new(const struct config *config, struct metrics *metrics, alertron_model *model, char *why,
                          size_t why_size)
{
    struct shared_model *primary = grade(model, config, why, why_size);
    if (!primary)
        return NULL;
    struct models *models = calloc(1, sizeof *models);
    const size_t sample_max = (size_t)config->severity.calibration_anomalies;
    double *sample = calloc(sample_max ? sample_max : 1, sizeof *sample);
    struct shared_lineup *lineup = line_up(config, primary);
    if (!models || !sample || !lineup) {
        why_say(why, why_size, "out of memory");
        drop_model(primary);
        free(lineup);
        free(sample);
        free(models);
        return NULL;
    }
    *models = (struct models){.config = config, .metrics = metrics, .sample = sample, .sample_max = sample_max};
    pthread_mutex_init(&models->mutex, NULL);
    put_in_force(models, lineup);
    return models;
}

void models_free(struct models *models)
{
    if (!models)
        return;
    drop_lineup(atomic_load(&models->current));
    pthread_mutex_destroy(&models->mutex);
    free(models->sample);
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
        drop_lineup((struct shared_lineup *)(uintptr_t)held);
    pthread_mutex_unlock(&models->mutex);
    return &current->lineup;
}

void models_release(struct models *models, const struct lineup *held)
{
    if (!held)
        return;
    pthread_mutex_lock(&models->mutex);
    drop_lineup((struct shared_lineup *)(uintptr_t)held);
    pthread_mutex_unlock(&models->mutex);
}

/* --- cuts from the stream -------------------------------------------------------------------------------------- */

/* The same model with the cuts that were learnt, in force; under the mutex. */
static void regrade(struct models *models, struct shared_model *model, const alertron_cuts *cuts)
{
    struct shared_model *made = calloc(1, sizeof *made);
    struct shared_lineup *lineup = made ? line_up(models->config, model) : NULL;
    if (!lineup) {
        log_warning("severity cuts stay provisional for now: out of memory");
        free(made);
        return;
    }
    *made = (struct shared_model){.graded = model->graded, .same = model, .holders = 1};
    made->graded.cuts = *cuts;
    made->graded.learns = false;
    model->holders++;
    lineup->lineup.primary = &made->graded;
    put_in_force(models, lineup);
}

static void learn_cuts(struct models *models)
{
    struct shared_model *model = shared_of(models->sampled);
    alertron_cuts cuts = model->graded.cuts;
    alertron_error error;
    const size_t n = models->n_sample;
    models->n_sample = 0;
    if (alertron_cuts_calibrate(&cuts, models->sample, n, ALERTRON_CUTS_STREAM, &error) != ALERTRON_OK) {
        log_warning("severity cuts stay provisional for now: %s", error.text);
        return;
    }
    log_info("severity cuts are taken from %zu anomalies of the stream", n);
    regrade(models, model, &cuts);
}

void models_learn(struct models *models, const struct lineup *lineup, double score)
{
    pthread_mutex_lock(&models->mutex);
    if (models->sampled == lineup->primary) {
        models->sample[models->n_sample++] = score;
        if (models->n_sample == models->sample_max)
            learn_cuts(models);
    }
    pthread_mutex_unlock(&models->mutex);
}

/* --- reload ------------------------------------------------------------------------------------------------------ */

static enum models_reload count_reload(struct models *models, enum models_reload outcome)
{
    static const char *const names[] = {
        [MODELS_RELOADED] = "done", [MODELS_UNCHANGED] = "unchanged", [MODELS_REFUSED] = "refused"};
    metrics_lock(models->metrics);
    alertron_counter_add(alertron_counter_with(models->metrics->model_reloads, &names[outcome]), 1);
    metrics_unlock(models->metrics);
    return outcome;
}

static enum models_reload refuse(struct models *models, const char *why)
{
    log_error("the model was not reloaded, the old one goes on: %s", why);
    return count_reload(models, MODELS_REFUSED);
}

/* Takes the model over. */
static enum models_reload replace(struct models *models, alertron_model *model, char *why, size_t why_size)
{
    const size_t width = atomic_load(&models->current)->lineup.shape.width, found = alertron_model_features(model);
    if (width != found) {
        alertron_model_free(model);
        why_say(why, why_size, "%s takes %zu features and the readings have %zu; to change that, restart with it",
                models->config->model.path, found, width);
        return refuse(models, why);
    }
    struct shared_model *primary = grade(model, models->config, why, why_size);
    if (!primary)
        return refuse(models, why);
    struct shared_lineup *lineup = line_up(models->config, primary);
    if (!lineup) {
        drop_model(primary);
        why_say(why, why_size, "out of memory");
        return refuse(models, why);
    }
    pthread_mutex_lock(&models->mutex);
    const struct lineup *before = &atomic_load(&models->current)->lineup;
    const bool same = strcmp(before->primary->version, primary->graded.version) == 0;
    if (same)
        drop_lineup(lineup);
    else
        put_in_force(models, lineup);
    pthread_mutex_unlock(&models->mutex);
    if (!same)
        log_info("reloaded model %s", models->config->model.path);
    return count_reload(models, same ? MODELS_UNCHANGED : MODELS_RELOADED);
}

enum models_reload models_reload(struct models *models, char *why, size_t why_size)
{
    const char *path = models->config->model.path;
    alertron_error error;
    if (!path) {
        why_say(why, why_size, "the model was made here, not read from a file");
        return refuse(models, why);
    }
    alertron_model *model = modelstore_load(path, (alertron_input)models->config->model.input, &error);
    if (model)
        return replace(models, model, why, why_size);
    why_say(why, why_size, "%s", error.text);
    return refuse(models, why);
}
