/* http.h: the one room that knows civetweb: requests in, responses out, several threads. */
#ifndef ALERTROND_HTTP_H
#define ALERTROND_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_server;

struct http_request {
    const char *method, *path;
    const char *content_type, *accept; /* "" where the client sent none */
    const char *body;                  /* n_body bytes */
    size_t n_body;
    bool too_large; /* the body has more than body_bytes_max, and was not read */
};

struct http_response {
    int status;
    const char *content_type;
    const char *allow; /* with 405: the methods that there are; else NULL */
    char *body;        /* malloced by the handler, freed by the server; NULL: none */
    size_t n_body;
};

struct http_options {
    const char *address; /* an IP address of this machine, or "0.0.0.0", or "::" */
    int port;            /* 0: a free one */
    int threads;
    size_t body_bytes_max;
    /* Fills *response; called by several threads at a time. */
    void (*handle)(void *context, const struct http_request *request, struct http_response *response);
    void *context;
};

/* NULL, and why, on failure. */
struct http_server *http_start(const struct http_options *options, char *why, size_t why_size);

/* The port that is listened on. */
int http_port(const struct http_server *server);

/* Waits for requests that are being answered. */
void http_stop(struct http_server *server);

#endif
