/* calibration.h: severity cuts for a model that brought none, from a file of readings. */
#ifndef ALERTROND_CALIBRATION_H
#define ALERTROND_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

/* Scores the readings of a file (CSV or newline-delimited JSON) and takes the cuts from those that are anomalous, at
 * the quantiles that stand in *cuts. `features` names a CSV's columns as table_options does, or is NULL. False, and
 * why, where the file can't be read or has too few anomalies; *cuts is then as it was. */
bool calibrate_from_file(alertron_cuts *cuts, const alertron_model *model, const char *path, const char *features,
                         char *why, size_t why_size);

#endif
