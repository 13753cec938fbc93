/* access.c: which paths of HTTP a request may use. */
#include "access.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "credentials.h"
#include "log.h"

enum { LOG_SECONDS = 10 };

struct access {
    enum access_rule rules[ACCESS_ADMIN + 1];
    struct credentials *credentials;
    pthread_mutex_t mutex; /* over what follows */
    double logged;
    unsigned long since; /* denials that were not logged */
};

static const struct {
    const char *name;
    unsigned path;
} classes[] = {
    [ACCESS_PUBLIC] = {"", 0},
    [ACCESS_METRICS] = {"metrics", CREDENTIALS_METRICS},
    [ACCESS_INGEST] = {"ingest", CREDENTIALS_INGEST},
    [ACCESS_ADMIN] = {"admin", CREDENTIALS_ADMIN},
};

struct access *access_new(const struct config *config, char *why, size_t why_size)
{
    struct access *access = calloc(1, sizeof *access);
    if (!access) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&access->mutex, NULL);
    access->logged = clock_seconds() - LOG_SECONDS;
    access->rules[ACCESS_METRICS] = (enum access_rule)config->http.metrics_access;
    access->rules[ACCESS_INGEST] = (enum access_rule)config->http.ingest_access;
    access->rules[ACCESS_ADMIN] = (enum access_rule)config->http.admin_access;
    if ((access->credentials = credentials_open(config->http.tokens_file, config->http.users_file, why, why_size)))
        return access;
    access_free(access);
    return NULL;
}

void access_free(struct access *access)
{
    if (!access)
        return;
    credentials_free(access->credentials);
    pthread_mutex_destroy(&access->mutex);
    free(access);
}

static enum access_denial check_credentials(struct access *access, enum access_class class, const char *authorization)
{
    const bool any = credentials_has_tokens(access->credentials) || credentials_has_users(access->credentials);
    struct grant grant;
    if (!any)
        return ACCESS_CLOSED;
    switch (credentials_check(access->credentials, authorization, &grant)) {
    case CREDENTIALS_GOOD:
        return grant.paths & classes[class].path ? ACCESS_GRANTED : ACCESS_FORBIDDEN;
    case CREDENTIALS_NONE:
        return ACCESS_NONE_SENT;
    case CREDENTIALS_WRONG:
        return ACCESS_WRONG;
    case CREDENTIALS_TOO_MANY:
        return ACCESS_TOO_MANY;
    }
    return ACCESS_WRONG;
}

enum access_denial access_check(struct access *access, enum access_class class, bool local, const char *authorization)
{
    switch (access->rules[class]) {
    case ACCESS_ANYONE:
        return ACCESS_GRANTED;
    case ACCESS_LOCAL:
        return local ? ACCESS_GRANTED : check_credentials(access, class, authorization);
    case ACCESS_CREDENTIALS:
        return check_credentials(access, class, authorization);
    case ACCESS_NOBODY:
        break;
    }
    return ACCESS_OFF;
}

int access_status(enum access_denial denial)
{
    static const int statuses[] = {200, 403, 403, 401, 401, 403, 429, 403, 0};
    return statuses[denial];
}

const char *access_reason(enum access_denial denial)
{
    static const char *const reasons[] = {"",          "off",      "closed", "none_sent",  "wrong",
                                          "forbidden", "too_many", "page",   "connections"};
    return reasons[denial];
}

void access_remedy(enum access_denial denial, enum access_class class, char *out, size_t size)
{
    const char *name = classes[class].name;
    switch (denial) {
    case ACCESS_OFF:
        snprintf(out, size, "this path is switched off; set http.%s_access to local or credentials", name);
        break;
    case ACCESS_CLOSED:
        snprintf(out, size,
                 "this path is open to plain requests from this machine's loopback at most; set http.tokens_file or "
                 "http.users_file and send credentials, or see http.%s_access",
                 name);
        break;
    case ACCESS_NONE_SENT:
        snprintf(out, size, "send a token or a user and password of http.tokens_file or http.users_file");
        break;
    case ACCESS_WRONG:
        snprintf(out, size, "no such token, user or password");
        break;
    case ACCESS_FORBIDDEN:
        snprintf(out, size, "these credentials are for other paths; add %s to their line in the file", name);
        break;
    case ACCESS_TOO_MANY:
        snprintf(out, size, "too many passwords were tried; try again in a second");
        break;
    case ACCESS_PAGE:
        snprintf(out, size, "administration is for tools; this request has the Origin of a web page");
        break;
    case ACCESS_GRANTED:
    case ACCESS_CONNECTIONS:
    case ACCESS_DENIALS:
        out[0] = 0;
        break;
    }
}

const char *access_challenge(const struct access *access)
{
    const bool tokens = credentials_has_tokens(access->credentials), users = credentials_has_users(access->credentials);
    return tokens && users ? "Basic realm=\"alertrond\", Bearer realm=\"alertrond\""
           : users         ? "Basic realm=\"alertrond\""
                           : "Bearer realm=\"alertrond\"";
}

void access_log(struct access *access, enum access_denial denial, const char *path, const char *client)
{
    const double now = clock_seconds();
    pthread_mutex_lock(&access->mutex);
    const unsigned long since = access->since;
    const bool due = now - access->logged >= LOG_SECONDS;
    access->since = due ? 0 : since + 1;
    if (due)
        access->logged = now;
    pthread_mutex_unlock(&access->mutex);
    if (due)
        log_warning("http: %s denied to %s: %s (%lu more denied since the last such line)", path, client,
                    access_reason(denial), since);
}
