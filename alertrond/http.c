/* http.c: the one room that knows civetweb. */
#include "http.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"

struct http_server {
    struct http_options options;
    struct mg_context *context;
};

/* The body, with a 0 behind it. NULL, with *too_large told, where it is too large or did not come in whole. */
static char *read_body(struct mg_connection *connection, long long announced, size_t bytes_max, size_t *n,
                       bool *too_large)
{
    *n = 0;
    *too_large = announced > (long long)bytes_max;
    if (*too_large)
        return NULL;
    /* One byte more than allowed is read, as a body in chunks does not announce its length. */
    const size_t capacity = announced >= 0 ? (size_t)announced : bytes_max + 1;
    char *body = malloc(capacity + 1);
    int got = 1;
    while (body && *n < capacity && (got = mg_read(connection, body + *n, capacity - *n)) > 0)
        *n += (size_t)got;
    *too_large = *n > bytes_max;
    if (!body || *too_large || got < 0 || (announced >= 0 && *n < capacity)) {
        free(body);
        return NULL;
    }
    body[*n] = 0;
    return body;
}

static const char *header(const struct mg_connection *connection, const char *name)
{
    const char *value = mg_get_header(connection, name);
    return value ? value : "";
}

static const char *reason_phrase(struct mg_connection *connection, int status)
{
    return mg_get_response_code_text(connection, status);
}

/* With `close` the connection ends, as some of its body was not read. */
static void write_response(struct mg_connection *connection, const struct http_request *request,
                           const struct http_response *response, bool close)
{
    char head[512];
    const int n = snprintf(head, sizeof head,
                           "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                           "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s%s%s\r\n",
                           response->status, reason_phrase(connection, response->status), response->content_type,
                           response->n_body, response->allow ? "Allow: " : "", response->allow ? response->allow : "",
                           response->allow ? "\r\n" : "", close ? "Connection: close\r\n" : "");
    mg_write(connection, head, (size_t)n);
    if (response->n_body > 0 && strcmp(request->method, "HEAD") != 0)
        mg_write(connection, response->body, response->n_body);
    if (close)
        mg_disable_connection_keep_alive(connection);
}

static int handle(struct mg_connection *connection, void *data)
{
    const struct http_server *server = data;
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct http_request request = {.method = info->request_method,
                                   .path = info->local_uri,
                                   .content_type = header(connection, "Content-Type"),
                                   .accept = header(connection, "Accept")};
    struct http_response response = {.status = 500, .content_type = "application/json"};
    const bool has_body = info->content_length > 0 || *header(connection, "Transfer-Encoding");
    char *body = NULL;
    if (has_body) {
        if (strcasecmp(header(connection, "Expect"), "100-continue") == 0 &&
            info->content_length <= (long long)server->options.body_bytes_max)
            mg_printf(connection, "HTTP/1.1 100 Continue\r\n\r\n");
        body = read_body(connection, info->content_length, server->options.body_bytes_max, &request.n_body,
                         &request.too_large);
        if (!body && !request.too_large) {
            response = (struct http_response){.status = 408, .content_type = "text/plain"};
            write_response(connection, &request, &response, true);
            return response.status;
        }
    }
    request.body = body ? body : "";
    server->options.handle(server->options.context, &request, &response);
    write_response(connection, &request, &response, request.too_large);
    free(response.body);
    free(body);
    return response.status;
}

static int write_log(const struct mg_connection *connection, const char *text)
{
    (void)connection;
    log_warning("http: %s", text);
    return 1;
}

struct http_server *http_start(const struct http_options *options, char *why, size_t why_size)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    server->options = *options;
    char port[280], threads[16];
    const bool v6 = strchr(options->address, ':') != NULL;
    snprintf(port, sizeof port, v6 ? "[%s]:%d" : "%s:%d", options->address, options->port);
    snprintf(threads, sizeof threads, "%d", options->threads);
    const char *settings[] = {"listening_ports", port, "num_threads", threads,
                              /* An idle connection occupies a thread, which the probes may be waiting for. */
                              "enable_keep_alive", "yes", "keep_alive_timeout_ms", "1000", "request_timeout_ms", "5000",
                              "tcp_nodelay", "1", "enable_directory_listing", "no", NULL};
    const struct mg_callbacks callbacks = {.log_message = write_log};
    server->context = mg_start(&callbacks, server, settings);
    if (!server->context) {
        snprintf(why, why_size,
                 "can't listen on %s: the port is taken or the address is not this machine's; set http.port or "
                 "http.address",
                 port);
        free(server);
        return NULL;
    }
    mg_set_request_handler(server->context, "/", handle, server);
    return server;
}

int http_port(const struct http_server *server)
{
    struct mg_server_port ports[4];
    return mg_get_server_ports(server->context, 4, ports) > 0 ? ports[0].port : 0;
}

void http_stop(struct http_server *server)
{
    if (!server)
        return;
    mg_stop(server->context);
    free(server);
}
