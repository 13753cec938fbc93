/* models_reload.c: models that are read again while others score. Loading and checking happen aside; what is put in
 * force is decided at the end, as a command or the rule may have changed it meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "models_private.h"
#include "modelstore.h"
#include "why.h"

/* What a file had to give. */
struct found {
    enum models_outcome outcome;
    struct shared_model *model;        /* with MODELS_DONE; NULL: the candidate's file is not there any more */
    char version[MODEL_VERSION_BYTES]; /* the model's; "": none */
    bool no_memory;                    /* refused for want of it, whatever the file holds */
    char why[512];
};

/* --- files ------------------------------------------------------------------------------------------------- */

static bool is_there(const struct model_file *file, struct stat *now)
{
    *now = (struct stat){0};
    return stat(file->path, now) == 0;
}

static bool has_changed(const struct stat *before, const struct stat *now)
{
    return now->st_ino != before->st_ino || now->st_dev != before->st_dev || now->st_size != before->st_size ||
           now->st_mtim.tv_sec != before->st_mtim.tv_sec || now->st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static bool check_shape(const struct models *models, const struct model_file *file, const alertron_model *model,
                        struct found *found)
{
    const size_t width = alertron_model_features(model);
    if (width == models->width)
        return true;
    return why_say(found->why, sizeof found->why,
                   "%s takes %zu feature%s and the readings have %zu; to change that, restart with it", file->path,
                   width, width == 1 ? "" : "s", models->width);
}

static void load_file(struct models *models, const struct model_file *file, struct found *found)
{
    const struct config *config = models->config;
    alertron_error error;
    /* Of a pipe or a terminal nobody knows when it has ended. */
    if (!S_ISREG(file->seen.st_mode)) {
        why_say(found->why, sizeof found->why, "%s: %s", file->path,
                file->seen.st_mode ? "no regular file" : strerror(ENOENT));
        return;
    }
    alertron_model *model = modelstore_load(file->path, (alertron_input)config->model.input, &error);
    if (!model) {
        why_say(found->why, sizeof found->why, "%s", error.text);
        return;
    }
    if (!check_shape(models, file, model, found)) {
        alertron_model_free(model);
        return;
    }
    if (!(found->model = shared_model_new(model, config, found->why, sizeof found->why)))
        return;
    found->outcome = MODELS_DONE;
    memcpy(found->version, found->model->graded.version, sizeof found->version);
    if (strcmp(found->version, file->version) != 0)
        return;
    shared_model_drop(found->model);
    *found = (struct found){.outcome = MODELS_UNCHANGED};
}

static void load(struct models *models, const struct model_file *file, struct found *found)
{
    errno = 0; /* whoever finds no memory says so there, malloc as well as open */
    load_file(models, file, found);
    found->no_memory = found->outcome == MODELS_REFUSED && errno == ENOMEM;
}

static void load_primary(struct models *models, struct found *found)
{
    struct model_file *file = &models->primary_file;
    *found = (struct found){.outcome = MODELS_REFUSED};
    if (!file->path) {
        why_say(found->why, sizeof found->why, "the model was made here, not read from a file");
        return;
    }
    is_there(file, &file->seen); /* before it is read: what changes from here on is seen by the next look */
    load(models, file, found);
    if (found->outcome == MODELS_REFUSED)
        log_error("the model was not reloaded, the old one goes on: %s", found->why);
}

static void load_candidate(struct models *models, struct found *found)
{
    struct model_file *file = &models->candidate_file;
    *found = (struct found){.outcome = MODELS_UNCHANGED};
    if (!file->path)
        return;
    if (is_there(file, &file->seen) || errno != ENOENT) {
        found->outcome = MODELS_REFUSED;
        load(models, file, found);
        if (found->outcome == MODELS_REFUSED)
            log_error("the candidate was not loaded: %s", found->why);
    } else if (file->version[0]) {
        found->outcome = MODELS_DONE;
    }
}

/* --- in force ------------------------------------------------------------------------------------------------ */

static void note_version(struct model_file *file, const struct found *found)
{
    memcpy(file->version, found->version, sizeof file->version);
}

/* What lacked memory is found anew by the next look, and by the next command. */
static void note_end(struct model_file *file, const struct found *found, bool good)
{
    const bool done = found->outcome == MODELS_DONE;
    file->undone = found->no_memory || (done && !good);
    if (done && good)
        note_version(file, found);
}

/* What was found takes its place; under the mutex. */
static bool take(struct models *models, const struct found *primary, const struct found *candidate)
{
    const struct lineup *lineup = &atomic_load(&models->current)->lineup;
    struct shared_model *one = primary->model, *other = candidate->model;
    const bool had_candidate = lineup->candidate != NULL;
    if (!one)
        one = shared_model_hold(shared_of(lineup->primary));
    if (candidate->outcome != MODELS_DONE && lineup->candidate)
        other = shared_model_hold(shared_of(lineup->candidate));
    if (!models_put_in_force(models, one, other))
        return false;
    const struct lineup *now = &atomic_load(&models->current)->lineup;
    if (primary->model)
        log_info("reloaded model %s: %s", models->primary_file.path, now->primary->version);
    if (now->candidate && candidate->model)
        log_info("candidate %s: %s, %s", models->candidate_file.path, now->candidate->version,
                 now->share > 0 ? "a canary" : "a shadow");
    if (had_candidate && !now->candidate)
        models_count_decision(models, "dropped", "command");
    return true;
}

/* What changes nothing is only noted, as after a promotion: the model's file now has what is in force already, or there
 * is no candidate to end. Under the mutex. */
static void settle(struct models *models, struct found *primary, struct found *candidate)
{
    const struct lineup *lineup = &atomic_load(&models->current)->lineup;
    if (primary->model && strcmp(primary->model->graded.version, lineup->primary->version) == 0) {
        note_version(&models->primary_file, primary);
        shared_model_drop(primary->model);
        *primary = (struct found){.outcome = MODELS_UNCHANGED};
    }
    if (candidate->outcome == MODELS_DONE && !candidate->model && !lineup->candidate) {
        note_version(&models->candidate_file, candidate);
        candidate->outcome = MODELS_UNCHANGED;
    }
}

static enum models_outcome put_in_force(struct models *models, struct found *primary, struct found *candidate)
{
    pthread_mutex_lock(&models->mutex);
    settle(models, primary, candidate);
    const bool wanted = primary->outcome == MODELS_DONE || candidate->outcome == MODELS_DONE;
    const bool good = !wanted || take(models, primary, candidate);
    pthread_mutex_unlock(&models->mutex);
    note_end(&models->primary_file, primary, good);
    note_end(&models->candidate_file, candidate, good);
    if (!good) {
        why_say(primary->why, sizeof primary->why, "out of memory");
        log_error("the models were not reloaded, the old ones go on: out of memory");
    }
    if (!good || primary->outcome == MODELS_REFUSED || candidate->outcome == MODELS_REFUSED)
        return MODELS_REFUSED;
    return wanted ? MODELS_DONE : MODELS_UNCHANGED;
}

static void count_reload(struct models *models, enum models_outcome outcome)
{
    const char *name = models_outcome_name(outcome);
    metrics_lock(models->metrics);
    alertron_counter_add(alertron_counter_with(models->metrics->model_reloads, &name), 1);
    metrics_unlock(models->metrics);
}

/* Under the lock of loading. */
static void reload(struct models *models, struct models_report *report)
{
    struct found primary, candidate;
    load_primary(models, &primary);
    load_candidate(models, &candidate);
    *report = (struct models_report){.outcome = put_in_force(models, &primary, &candidate)};
    snprintf(report->why, sizeof report->why, "%s%s%s", primary.why, *primary.why && *candidate.why ? "; " : "",
             candidate.why);
    count_reload(models, report->outcome);
    models_tell(models, report);
}

void models_reload(struct models *models, struct models_report *report)
{
    pthread_mutex_lock(&models->loading);
    reload(models, report);
    pthread_mutex_unlock(&models->loading);
}

void models_look(struct models *models)
{
    struct stat now;
    struct models_report unused;
    pthread_mutex_lock(&models->loading);
    const struct model_file *primary = &models->primary_file, *candidate = &models->candidate_file;
    /* Where the model itself is missing, another is on its way. */
    bool changed = primary->path && is_there(primary, &now) && (primary->undone || has_changed(&primary->seen, &now));
    if (candidate->path && !changed) {
        is_there(candidate, &now);
        changed = candidate->undone || has_changed(&candidate->seen, &now);
    }
    if (changed)
        reload(models, &unused);
    pthread_mutex_unlock(&models->loading);
}

void models_begin_files(struct models *models)
{
    struct found primary = {.outcome = MODELS_UNCHANGED}, candidate;
    if (models->primary_file.path)
        is_there(&models->primary_file, &models->primary_file.seen);
    load_candidate(models, &candidate);
    if (put_in_force(models, &primary, &candidate) == MODELS_REFUSED)
        count_reload(models, MODELS_REFUSED);
    if (models->candidate_file.path && candidate.outcome == MODELS_UNCHANGED)
        log_info("no candidate: %s is not there", models->candidate_file.path);
}
