/* routes.h: what the service answers over HTTP: /metrics, /ingest, /healthz, /readyz. */
#ifndef ALERTROND_ROUTES_H
#define ALERTROND_ROUTES_H

#include "http.h"
#include "scorer.h"

struct routes;

/* `parts` live longer. NULL where memory has run out. */
struct routes *routes_new(const struct scorer_parts *parts);
void routes_free(struct routes *routes);

/* The service says what keeps it from being ready ("": nothing), and for how many seconds its slowest worker has not
 * gone round its loop. */
void routes_tell(struct routes *routes, const char *trouble, double silent);

/* An http_options.handle; its context is the routes. */
void routes_handle(void *context, const struct http_request *request, struct http_response *response);

#endif
