/* routes.h: what the service answers over HTTP: the status page, /metrics, /ingest, /healthz, /readyz. To whom, is in
 * access.h. */
#ifndef ALERTROND_ROUTES_H
#define ALERTROND_ROUTES_H

#include "access.h"
#include "http.h"
#include "scorer.h"
#include "status.h"

struct routes;

/* What it is given stays the caller's; without a status there is no status page. NULL where memory has run out. */
struct routes *routes_new(const struct scorer_parts *parts, struct access *access, struct status *status);
void routes_free(struct routes *routes);

/* The service says what keeps it from being ready ("": nothing), and for how many seconds its slowest worker has not
 * gone round its loop. */
void routes_tell(struct routes *routes, const char *trouble, double silent);

/* An http_options.admit, .handle and .refused; their context is the routes. */
void routes_refused(void *context, const char *client, size_t n);
bool routes_admit(void *context, const struct http_request *request, struct http_response *response);
void routes_handle(void *context, const struct http_request *request, struct http_response *response);

#endif
