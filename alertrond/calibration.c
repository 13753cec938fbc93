/* calibration.c: severity cuts for a model that brought none, from a file of readings. */
#include "calibration.h"

#include "scores.h"
#include "why.h"

bool calibrate_from_file(alertron_cuts *cuts, const alertron_model *model, const char *path, const char *features,
                         char *why, size_t why_size)
{
    struct scores scores = {0};
    bool good = scores_of_file(&scores, model, path, features, cuts->threshold, why, why_size);
    alertron_error error;
    if (good && alertron_cuts_calibrate(cuts, scores.values, scores.n, ALERTRON_CUTS_FILE, &error) != ALERTRON_OK)
        good = why_say(why, why_size, "%s: %zu of %zu rows %s: %s", path, scores.n, scores.rows,
                       scores.n == 1 ? "is an anomaly" : "are anomalies", error.text);
    scores_free(&scores);
    return good;
}
