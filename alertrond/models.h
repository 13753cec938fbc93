/* models.h: the models in force: the primary, and a candidate that is tried beside it. They are put together in a
 * line-up, which never changes: whoever scores holds one for a block of readings and looks for a newer one before the
 * next, so that models are swapped without a pause. The last who lets go of a line-up frees it.
 */
#ifndef ALERTROND_MODELS_H
#define ALERTROND_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#include "candidate.h"
#include "config.h"
#include "metrics.h"
#include "model_series.h"
#include "reading.h"

/* A model with the severity cuts in force for it. */
struct graded_model {
    alertron_model *model;
    alertron_cuts cuts;
    char version[MODEL_VERSION_BYTES]; /* 16 hexadecimal digits of a hash of its content */
    bool learns;                       /* its cuts are to be taken from the stream */
};

struct lineup {
    const struct graded_model *primary;   /* decides */
    const struct graded_model *candidate; /* scores the same readings; NULL: none */
    double share;                         /* of devices for which the candidate decides in the primary's place */
    struct model_series *primary_series, *candidate_series;
    struct reading_shape shape; /* of the readings that they take */
};

struct models;

/* Takes the model over, also where it fails, and cuts from severity.calibration_file where the configuration names one.
 * A candidate that can't be loaded is logged and left out. NULL, and why, on failure. */
struct models *models_new(const struct config *config, struct metrics *metrics, alertron_model *model, char *why,
                          size_t why_size);
/* Everybody has let go. */
void models_free(struct models *models);

/* The line-up in force, held; `held` is the caller's from before, let go of where it is another, or NULL. Any thread;
 * an atomic load where nothing has changed. */
const struct lineup *models_hold(struct models *models, const struct lineup *held);
void models_release(struct models *models, const struct lineup *held);

/* Tells the score of an anomaly that a model found whose cuts are to be learnt from the stream. Any thread. */
void models_learn(struct models *models, const struct graded_model *graded, double score);

/* Tells of how many readings the line-up's models said what. Ends the trial of its candidate where that is due by the
 * rule. Any thread; without a lock but where it ends. */
void models_compare(struct models *models, const struct lineup *lineup, const uint64_t counts[COMPARISONS]);

/* What became of a command, and what is in force after it. */
enum models_outcome { MODELS_DONE, MODELS_UNCHANGED, MODELS_REFUSED };

#define MODELS_WHY_BYTES 1100u

struct models_report {
    enum models_outcome outcome;
    char why[MODELS_WHY_BYTES];                                        /* of what was refused; else "" */
    char primary[MODEL_VERSION_BYTES], candidate[MODEL_VERSION_BYTES]; /* versions; "": none */
};

/* "done", "unchanged", "refused". */
const char *models_outcome_name(enum models_outcome outcome);

/* Each by any thread, one after the other; all are logged and counted.
 *
 * reload reads model.path and candidate.path again, aside, and puts what has changed in force; of what it refuses the
 * old one goes on. look does so where one of the files has changed since it was last read. promote makes the candidate
 * the primary, drop ends its trial; neither touches a file, and the same file is not tried again while it is there. */
void models_reload(struct models *models, struct models_report *report);
void models_look(struct models *models);
void models_promote(struct models *models, struct models_report *report);
void models_drop(struct models *models, struct models_report *report);

#endif
