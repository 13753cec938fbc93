/* models_private.h: what the rooms of models share: lineup.c, models.c, models_reload.c. */
#ifndef ALERTROND_MODELS_PRIVATE_H
#define ALERTROND_MODELS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "models.h"

/* --- lineup.c: models and line-ups, each counting who holds it; all under the mutex of models -------------------- */

struct shared_model {
    struct graded_model graded; /* first, so that a line-up's pointer leads back here */
    struct shared_model *same;  /* whose model it is, with other cuts; NULL: its own */
    size_t holders;
    double *sample; /* anomalous scores of the stream, until there are enough to take cuts from */
    size_t n_sample, sample_max;
};

/* What a candidate and a primary said of the same readings, in all line-ups of these two models. */
struct trial {
    size_t holders;
    _Atomic uint64_t counts[COMPARISONS];
};

struct shared_lineup {
    struct lineup lineup; /* first */
    size_t holders;
    struct series_book *book;
    struct trial *trial; /* NULL: no candidate */
};

struct shared_model *shared_of(const struct graded_model *graded);

/* Takes the model over, also where it fails. Held once. Needs no mutex. NULL, and why, on failure. */
struct shared_model *shared_model_new(alertron_model *model, const struct config *config, char *why, size_t why_size);
/* The same model with other cuts, which it does not learn. Held once. NULL where memory has run out. */
struct shared_model *shared_model_with(struct shared_model *model, const alertron_cuts *cuts);
struct shared_model *shared_model_hold(struct shared_model *model);
void shared_model_drop(struct shared_model *model); /* NULL is fine */

/* Takes one hold of each model over, also where it fails; the candidate may be NULL. Where `before` has the same
 * models, as when cuts have been learnt, its trial goes on. Held once. NULL where memory has run out. */
struct shared_lineup *shared_lineup_new(const struct config *config, struct series_book *book,
                                        struct shared_model *primary, struct shared_model *candidate,
                                        struct shared_lineup *before);
void shared_lineup_drop(struct shared_lineup *lineup);

/* --- models.c ---------------------------------------------------------------------------------------------------- */

/* A file that a model came from. */
struct model_file {
    const char *path;                  /* NULL: none */
    struct stat seen;                  /* when it was last read; all 0: it was not there */
    bool undone;                       /* memory ran out over what was read then: it is to be read again */
    char version[MODEL_VERSION_BYTES]; /* of the model that was taken from it; "": none */
};

struct models {
    const struct config *config;
    struct metrics *metrics;
    struct series_book book;
    size_t width; /* of readings */
    _Atomic(struct shared_lineup *) current;
    pthread_mutex_t mutex;   /* over counts of holders, samples, series, and what is put in force */
    pthread_mutex_t loading; /* over the files; taken before the other */
    struct model_file primary_file, candidate_file;
};

/* Puts a line-up of these in force; takes one hold of each over, also where it fails. Under the mutex. False where
 * memory has run out. */
bool models_put_in_force(struct models *models, struct shared_model *primary, struct shared_model *candidate);

/* Under the mutex: a decision on the candidate: "promoted" or "dropped", by "command" or "rule". */
void models_count_decision(struct models *models, const char *decision, const char *by);

/* What is in force, for a report. */
void models_tell(struct models *models, struct models_report *report);

/* --- models_reload.c --------------------------------------------------------------------------------------------- */

/* At the start: the candidate from its file, if there is one. */
void models_begin_files(struct models *models);

#endif
