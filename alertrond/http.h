/* http.h: the one room that knows civetweb: requests in, responses out, several threads. */
#ifndef ALERTROND_HTTP_H
#define ALERTROND_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_server;
struct mg_connection;

#define HTTP_HEAD_BYTES_MAX 640u
#define HTTP_SMALL_BYTES_MAX 4096u

struct http_request {
    const char *method, *path;
    const char *client; /* its address */
    const char *body;   /* n_body bytes and a 0 */
    size_t n_body;
    bool too_large; /* the body has more than body_bytes_max, and was not read */
    struct mg_connection *connection;
};

struct http_response {
    int status;
    const char *content_type;
    const char *header, *header_value; /* one more header, or NULL */
    char *body;                        /* http_small's, or malloced by the handler; NULL: none */
    size_t n_body;
    /* Called once the response has been sent, in place of freeing the body; NULL: none. */
    void (*release)(void *owner, const void *owned);
    void *owner;
    const void *owned;
    char room[HTTP_HEAD_BYTES_MAX + HTTP_SMALL_BYTES_MAX]; /* the server's: a head, and behind it a small body */
};

struct http_options {
    const char *address; /* an IP address of this machine, or "0.0.0.0", or "::" */
    int port;            /* 0: a free one */
    int threads;
    int client_connections; /* that one address may have */
    double request_seconds, idle_seconds;
    size_t body_bytes_max;
    const char *tls_certificate, *tls_client_ca; /* PEM files; "" for none */
    /* Whether the request may be made; before its body is read. If not, fills *response. */
    bool (*admit)(void *context, const struct http_request *request, struct http_response *response);
    /* Fills *response. Both are called by several threads at a time. */
    void (*handle)(void *context, const struct http_request *request, struct http_response *response);
    /* Told of n connections that were shut, as their address has too many. */
    void (*refused)(void *context, const char *client, size_t n);
    void *context;
};

/* The value of a request's header; "" where the client sent none. */
const char *http_header(const struct http_request *request, const char *name);

/* Whether it comes from this machine's loopback, and from no proxy and no web page, as far as their headers tell. */
bool http_is_local(const struct http_request *request);

/* HTTP_SMALL_BYTES_MAX bytes for a body that goes out in one piece with its head. */
char *http_small(struct http_response *response);

/* Whether TLS as these options ask for it works with the libraries that are here; true where they ask for none. Tries
 * it in a process of its own, as some versions of civetweb crash: to be called while there are no other threads. False,
 * and why. */
bool http_tls_works(const struct http_options *options, char *why, size_t why_size);

/* NULL, and why, on failure. */
struct http_server *http_start(const struct http_options *options, char *why, size_t why_size);

/* The port that is listened on. */
int http_port(const struct http_server *server);

/* Waits for requests that are being answered. */
void http_stop(struct http_server *server);

#endif
