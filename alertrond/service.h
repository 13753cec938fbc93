/* service.h: the service as a whole: model, scorer, HTTP and Kafka, from start to end. */
#ifndef ALERTROND_SERVICE_H
#define ALERTROND_SERVICE_H

#include "config.h"

/* Takes the model over, and runs until SIGTERM or SIGINT, which end it cleanly; SIGHUP reloads the model. The exit
 * status: 0, or 1 where it could not go on. */
int service_run(const struct config *config, alertron_model *model);

#endif
