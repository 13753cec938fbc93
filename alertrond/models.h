/* models.h: the models in force. They are put together in a line-up, which never changes: whoever scores holds one for
 * a block of readings and looks for a newer one before the next, so that models are swapped without a pause. The last
 * who lets go of a line-up frees it.
 */
#ifndef ALERTROND_MODELS_H
#define ALERTROND_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

#include "config.h"
#include "metrics.h"
#include "reading.h"

#define MODEL_VERSION_BYTES 17u

/* A model with the severity cuts in force for it. */
struct graded_model {
    alertron_model *model;
    alertron_cuts cuts;
    char version[MODEL_VERSION_BYTES]; /* 16 hexadecimal digits of a hash of its content */
    bool learns;                       /* its cuts are to be taken from the stream */
};

struct lineup {
    const struct graded_model *primary; /* decides */
    struct reading_shape shape;         /* of the readings that it takes */
};

struct models;

/* Takes the model over, also where it fails, and cuts from severity.calibration_file where the configuration names one.
 * NULL, and why, on failure. */
struct models *models_new(const struct config *config, struct metrics *metrics, alertron_model *model, char *why,
                          size_t why_size);
/* Everybody has let go. */
void models_free(struct models *models);

/* The line-up in force, held; `held` is the caller's from before, let go of where it is another, or NULL. Any thread;
 * an atomic load where nothing has changed. */
const struct lineup *models_hold(struct models *models, const struct lineup *held);
void models_release(struct models *models, const struct lineup *held);

/* Tells the score of an anomaly that the line-up's primary found, where its cuts are to be learnt from the stream. */
void models_learn(struct models *models, const struct lineup *lineup, double score);

/* Loads model.path again, aside, and puts it in force. What it is refused for is logged and counted, and the old model
 * goes on; so it does where the file has not changed. Not more than one thread at a time. */
enum models_reload { MODELS_RELOADED, MODELS_UNCHANGED, MODELS_REFUSED };
enum models_reload models_reload(struct models *models, char *why, size_t why_size);

#endif
