/* service.h: the service as a whole: model, scorer, HTTP and Kafka, from start to end. */
#ifndef ALERTROND_SERVICE_H
#define ALERTROND_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Runs until SIGTERM or SIGINT, which end it cleanly; SIGHUP reloads the model. Takes the model over; NULL: it is read
 * from model.path, in the sandbox. The exit status: 0, or 1 where it could not go on. */
int service_run(const struct config *config, alertron_model *model);

/* Whether a service would start: the same files are read, the model among them, and nothing is opened to others. False,
 * and why, with the first mistake in what they hold. */
bool service_check(const struct config *config, char *why, size_t why_size);

#endif
