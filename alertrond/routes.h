/* routes.h: what the service answers over HTTP: /metrics, /ingest, /healthz, /readyz. */
#ifndef ALERTROND_ROUTES_H
#define ALERTROND_ROUTES_H

#include "http.h"
#include "scorer.h"

struct routes;

/* NULL where memory has run out. */
struct routes *routes_new(struct scorer *scorer);
void routes_free(struct routes *routes);

/* The service's own thread says that it lives, and what keeps it from being ready ("": nothing). */
void routes_tell(struct routes *routes, const char *trouble);

/* An http_options.handle; its context is the routes. */
void routes_handle(void *context, const struct http_request *request, struct http_response *response);

#endif
