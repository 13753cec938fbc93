/* access.h: which paths of HTTP a request may use: by where it comes from, or by its credentials. */
#ifndef ALERTROND_ACCESS_H
#define ALERTROND_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Paths by who needs them. The first is open to all; each other one has a key http.*_access. */
enum access_class { ACCESS_PUBLIC, ACCESS_METRICS, ACCESS_INGEST, ACCESS_ADMIN };

/* The choices of these keys, in their order. */
enum access_rule {
    ACCESS_ANYONE,      /* needs no credentials */
    ACCESS_LOCAL,       /* needs none from this machine's loopback */
    ACCESS_CREDENTIALS, /* always needs them */
    ACCESS_NOBODY       /* is switched off */
};

enum access_denial {
    ACCESS_GRANTED,
    ACCESS_OFF,         /* 403: the path is switched off */
    ACCESS_CLOSED,      /* 403: from afar, and there are no credentials that could be sent */
    ACCESS_NONE_SENT,   /* 401 */
    ACCESS_WRONG,       /* 401: no such token, user or password */
    ACCESS_FORBIDDEN,   /* 403: good credentials, for other paths */
    ACCESS_TOO_MANY,    /* 429: passwords that had to be checked in a short time */
    ACCESS_PAGE,        /* 403: administration, asked for by a web page */
    ACCESS_CONNECTIONS, /* no answer: a connection beyond http.client_connections */
    ACCESS_DENIALS
};

struct access;

/* Reads the files of credentials. NULL, and why, on failure. The configuration stays the caller's. */
struct access *access_new(const struct config *config, char *why, size_t why_size);
void access_free(struct access *access);

/* `local`: a request from this machine's loopback that no proxy and no web page has sent. `authorization` is its
 * header, or "". Any thread. */
enum access_denial access_check(struct access *access, enum access_class class, bool local, const char *authorization);

/* Of a denial: its HTTP status, its label in metrics, and what to do about it (for its class). */
int access_status(enum access_denial denial);
const char *access_reason(enum access_denial denial);
void access_remedy(enum access_denial denial, enum access_class class, char *out, size_t size);

/* The WWW-Authenticate header that a 401 goes with. */
const char *access_challenge(const struct access *access);

/* Logs a denial, at most one in ten seconds, with how many there were since. */
void access_log(struct access *access, enum access_denial denial, const char *path, const char *client);

#endif
