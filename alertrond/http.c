/* http.c: the one room that knows civetweb. */
#define _DEFAULT_SOURCE
#include "http.h"

#include <civetweb.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "connections.h"
#include "log.h"

#define SMALL_BODY_BYTES_MAX 8192u /* longer ones are malloced */
#define SETTINGS_MAX 40u
#define TRIAL_SECONDS 10u

struct http_server {
    struct http_options options;
    struct connections *connections;
    struct mg_context *context;
    atomic_bool started;
    atomic_long logged; /* the second of the last line */
    char trouble[300];  /* what civetweb said before it started */
};

/* What a connection has, from its begin to its end. civetweb's threads have small stacks: 100 kB, of which scoring may
 * need most. */
struct exchange {
    struct connection *noted;
    struct http_response response;
    char body[SMALL_BODY_BYTES_MAX];
};

/* ---- requests ---- */

/* The body into `bytes`, which has room for one more than n_max. False where it did not come in whole, or is too large,
 * which *too_large tells. */
static bool read_body(struct mg_connection *connection, long long announced, size_t n_max, char *bytes, size_t *n,
                      bool *too_large)
{
    /* One byte more than allowed is read, as a body in chunks does not announce its length. */
    const size_t wanted = announced >= 0 ? (size_t)announced : n_max + 1;
    int got = 1;
    *n = 0;
    while (*n < wanted && (got = mg_read(connection, bytes + *n, wanted - *n)) > 0)
        *n += (size_t)got;
    *too_large = *n > n_max;
    if (*too_large || got < 0 || (announced >= 0 && *n < wanted))
        return false;
    bytes[*n] = 0;
    return true;
}

const char *http_header(const struct http_request *request, const char *name)
{
    const char *value = mg_get_header(request->connection, name);
    return value ? value : "";
}

/* "localhost:8000", "127.0.0.1", "[::1]:8000", the machine's own name: not one with a dot, which somebody may have
 * bound to this address to have browsers take his page for ours. */
static bool is_own_name(const char *host)
{
    char name[256];
    const bool bracketed = *host == '[';
    host += bracketed;
    const size_t n = strcspn(host, bracketed ? "]" : ":");
    if (n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = 0;
    return !strchr(name, '.') || connections_loopback(name);
}

bool http_is_local(const struct http_request *request)
{
    static const char *const others[] = {"Origin", "Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
    if (!connections_loopback(request->client) || !is_own_name(http_header(request, "Host")))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (mg_get_header(request->connection, others[i]))
            return false;
    return true;
}

/* ---- responses ---- */

char *http_small(struct http_response *response)
{
    return response->room + HTTP_HEAD_BYTES_MAX;
}

static int write_head(char *out, struct mg_connection *connection, const struct http_response *response, bool close)
{
    const char *name = response->header;
    return snprintf(out, HTTP_HEAD_BYTES_MAX,
                    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s%s%s%s\r\n",
                    response->status, mg_get_response_code_text(connection, response->status), response->content_type,
                    response->n_body, name ? name : "", name ? ": " : "", name ? response->header_value : "",
                    name ? "\r\n" : "", close ? "Connection: close\r\n" : "");
}

/* With `close` the connection ends: some of its body was not read, or its thread is needed. A small body goes out in
 * one piece with its head, which is written right before it. */
static void write_response(struct mg_connection *connection, const struct http_request *request,
                           struct http_response *response, bool close)
{
    char head[HTTP_HEAD_BYTES_MAX];
    const size_t n = (size_t)write_head(head, connection, response, close);
    const size_t n_body = strcmp(request->method, "HEAD") == 0 ? 0 : response->n_body;
    char *small = http_small(response);
    if (n_body == 0 || response->body == small) {
        memcpy(small - n, head, n);
        mg_write(connection, small - n, n + n_body);
    } else {
        mg_write(connection, head, n);
        mg_write(connection, response->body, n_body);
    }
    if (response->release)
        response->release(response->owner, response->owned);
    else if (response->body != small)
        free(response->body);
    if (close)
        mg_disable_connection_keep_alive(connection);
}

/* A request without a body that is still to come, or with one that has come in whole. */
static void answer(const struct http_server *server, struct http_request *request, struct http_response *response,
                   bool *close)
{
    server->options.handle(server->options.context, request, response);
    *close |= request->too_large;
}

static void answer_body(const struct http_server *server, struct http_request *request, long long announced,
                        struct exchange *exchange, bool *close)
{
    const size_t n_max = server->options.body_bytes_max;
    const size_t size = (announced >= 0 && announced < (long long)n_max ? (size_t)announced : n_max) + 2;
    struct http_response *response = &exchange->response;
    char *body = size <= sizeof exchange->body ? exchange->body : malloc(size);
    request->too_large = announced > (long long)n_max;
    if (!request->too_large && strcasecmp(http_header(request, "Expect"), "100-continue") == 0)
        mg_printf(request->connection, "HTTP/1.1 100 Continue\r\n\r\n");
    if (!body)
        response->status = 503;
    else if (request->too_large ||
             read_body(request->connection, announced, n_max, body, &request->n_body, &request->too_large) ||
             request->too_large) {
        request->body = request->too_large ? "" : body;
        request->n_body = request->too_large ? 0 : request->n_body;
        answer(server, request, response, close);
    } else {
        response->status = 408;
    }
    *close |= request->too_large || request->body != body;
    if (body != exchange->body)
        free(body);
}

static int handle(struct mg_connection *connection, void *data)
{
    const struct http_server *server = data;
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct exchange *exchange = mg_get_user_connection_data(connection);
    struct http_request request = {.method = info->request_method,
                                   .path = info->local_uri,
                                   .client = info->remote_addr,
                                   .body = "",
                                   .connection = connection};
    if (!exchange) { /* out of memory */
        mg_disable_connection_keep_alive(connection);
        return 503;
    }
    struct http_response *response = &exchange->response;
    response->status = 500;
    response->content_type = "text/plain";
    response->header = NULL;
    response->body = NULL;
    response->n_body = 0;
    response->release = NULL;
    connection_due(exchange->noted, info->remote_addr, info->remote_port, server->options.request_seconds);
    const bool has_body = info->content_length > 0 || *http_header(&request, "Transfer-Encoding");
    const bool cut = info->num_headers >= MG_MAX_HEADERS; /* civetweb leaves out the rest without a word */
    bool close = cut || connections_crowded(server->connections);
    if (cut)
        response->status = 431;
    else if (!server->options.admit(server->options.context, &request, response))
        close |= has_body;
    else if (has_body)
        answer_body(server, &request, info->content_length, exchange, &close);
    else
        answer(server, &request, response, &close);
    write_response(connection, &request, response, close);
    connection_due(exchange->noted, info->remote_addr, info->remote_port,
                   server->options.idle_seconds + server->options.request_seconds);
    return response->status;
}

/* civetweb's own authorization, which would look for a file /.htpasswd at each request, is not asked. */
static int allow(struct mg_connection *connection, void *data)
{
    (void)connection;
    (void)data;
    return 1;
}

/* ---- connections ---- */

static int begin(const struct mg_connection *connection, void **data)
{
    const struct http_server *server = mg_get_user_data(mg_get_context(connection));
    struct exchange *exchange = malloc(sizeof *exchange);
    *data = exchange;
    if (exchange && !(exchange->noted = connections_open(server->connections))) {
        free(exchange);
        *data = NULL;
    }
    return 0;
}

static void end(const struct mg_connection *connection)
{
    const struct http_server *server = mg_get_user_data(mg_get_context(connection));
    struct exchange *exchange = mg_get_user_connection_data(connection);
    connections_close_begin(server->connections, exchange ? exchange->noted : NULL);
    free(exchange);
}

static void ended(const struct mg_connection *connection)
{
    const struct http_server *server = mg_get_user_data(mg_get_context(connection));
    connections_close_end(server->connections);
}

/* Clients can make it say much: a line a second is enough. */
static bool is_log_due(struct http_server *server)
{
    const long now = (long)clock_seconds();
    return !server || atomic_exchange(&server->logged, now) != now;
}

/* What it says before it has started is the reason why it has not. */
static int write_log(const struct mg_connection *connection, const char *text)
{
    struct http_server *server = mg_get_user_data(mg_get_context(connection));
    const bool starts = server && !server->started;
    if (starts && !*server->trouble) /* the first is the cause of the others */
        snprintf(server->trouble, sizeof server->trouble, "%s", text);
    if (!starts && is_log_due(server))
        log_warning("http: %s", text);
    return 1;
}

/* ---- the server ---- */

struct settings {
    const char *all[2 * SETTINGS_MAX + 1];
    size_t n;
    char port[300], threads[16], request_ms[16], idle_ms[16];
};

static void set(struct settings *settings, const char *name, const char *value)
{
    settings->all[settings->n++] = name;
    settings->all[settings->n++] = value;
}

static void fill_settings(struct settings *settings, const struct http_options *options)
{
    const bool v6 = strchr(options->address, ':') != NULL, tls = *options->tls_certificate;
    *settings = (struct settings){.n = 0};
    snprintf(settings->port, sizeof settings->port, v6 ? "[%s]:%d%s" : "%s:%d%s", options->address, options->port,
             tls ? "s" : "");
    snprintf(settings->threads, sizeof settings->threads, "%d", options->threads);
    snprintf(settings->request_ms, sizeof settings->request_ms, "%.0f", options->request_seconds * 1000);
    snprintf(settings->idle_ms, sizeof settings->idle_ms, "%.0f", options->idle_seconds * 1000);
    set(settings, "listening_ports", settings->port);
    set(settings, "num_threads", settings->threads);
    set(settings, "request_timeout_ms", settings->request_ms);
    set(settings, "keep_alive_timeout_ms", settings->idle_ms);
    set(settings, "enable_keep_alive", "yes");
    set(settings, "max_request_size", "16384");
    set(settings, "tcp_nodelay", "1");
    set(settings, "enable_directory_listing", "no");
    set(settings, "access_control_allow_methods", ""); /* or it answers OPTIONS of any page itself: all is allowed */
    if (!tls)
        return;
    set(settings, "ssl_certificate", options->tls_certificate);
    set(settings, "ssl_protocol_version", "4"); /* TLS 1.2 and later */
    set(settings, "ssl_short_trust", "yes");    /* looks whether the file has changed */
    set(settings, "ssl_default_verify_paths", "no");
    if (*options->tls_client_ca) {
        set(settings, "ssl_verify_peer", "yes");
        set(settings, "ssl_ca_file", options->tls_client_ca);
    }
}

static struct http_server *start(const struct http_options *options, char *why, size_t why_size)
{
    struct http_server *server = calloc(1, sizeof *server);
    const struct connections_options bounds = {.max = (size_t)options->threads,
                                               .per_client = (size_t)options->client_connections,
                                               .handshakes = *options->tls_certificate != 0,
                                               .refused = options->refused,
                                               .context = options->context};
    if (server)
        server->connections = connections_new(&bounds);
    if (!server || !server->connections) {
        snprintf(why, why_size, "out of memory");
        free(server);
        return NULL;
    }
    server->options = *options;
    struct settings settings;
    fill_settings(&settings, options);
    const struct mg_callbacks callbacks = {
        .log_message = write_log, .init_connection = begin, .connection_close = end, .connection_closed = ended};
    server->context = mg_start(&callbacks, server, settings.all);
    if (server->context) {
        server->started = true;
        mg_set_auth_handler(server->context, "/", allow, NULL);
        mg_set_request_handler(server->context, "/", handle, server);
        connections_listen(server->connections, http_port(server));
        return server;
    }
    snprintf(why, why_size, "%s: %s", settings.port, server->trouble);
    connections_free(server->connections);
    free(server);
    return NULL;
}

struct http_server *http_start(const struct http_options *options, char *why, size_t why_size)
{
    char reason[640];
    if (*options->tls_certificate)
        mg_init_library(MG_FEATURES_TLS);
    struct http_server *server = start(options, reason, sizeof reason);
    if (!server)
        snprintf(why, why_size,
                 "can't listen on %s; if the port is taken or the address is not this machine's, set http.port or "
                 "http.address",
                 reason);
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
    connections_free(server->connections);
    free(server);
}

/* ---- TLS ---- */

static bool try_admit(void *context, const struct http_request *request, struct http_response *response)
{
    (void)context;
    (void)request;
    response->status = 204;
    return false;
}

/* In the process of the trial: the files are read by a server as it is asked for; a client without a certificate gets
 * an answer from one that asks for none. */
static bool try_tls(const struct http_options *options, char *why, size_t why_size)
{
    struct http_options trial = *options;
    trial.address = "127.0.0.1";
    trial.port = 0;
    trial.threads = 2;
    trial.admit = try_admit;
    trial.refused = NULL;
    mg_init_library(MG_FEATURES_TLS);
    struct http_server *server = start(&trial, why, why_size);
    if (!server)
        return false;
    trial.tls_client_ca = "";
    if (!(server = start(&trial, why, why_size)))
        return false;
    struct mg_connection *client = mg_connect_client("127.0.0.1", http_port(server), 1, why, why_size);
    if (!client)
        return false;
    mg_printf(client, "GET /healthz HTTP/1.0\r\n\r\n");
    return mg_get_response(client, why, why_size, 5000) >= 0;
}

_Noreturn static void run_trial(const struct http_options *options, int out)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    alarm(TRIAL_SECONDS);
    char why[512] = "";
    const bool works = try_tls(options, why, sizeof why);
    if (!works && write(out, why, strlen(why)) < 0)
        _exit(2);
    _exit(works ? 0 : 1);
}

static void say_crashed(int status, char *why, size_t why_size)
{
    snprintf(
        why, why_size,
        "TLS does not work here: a trial connection with this machine's civetweb (%s) and OpenSSL %s. Take a civetweb "
        "built for OpenSSL 3 (cmake -DCIVETWEB_SSL_OPENSSL_API_3_0=ON), or put the TLS front of deploy/tls before "
        "alertrond and take http.tls_certificate away",
        mg_version(), WTERMSIG(status) == SIGALRM ? "hung" : "crashed");
}

bool http_tls_works(const struct http_options *options, char *why, size_t why_size)
{
    int ends[2], status = 0;
    char reason[512] = "";
    if (!*options->tls_certificate && *options->tls_client_ca) {
        snprintf(why, why_size, "http.tls_client_ca is of no use without TLS; set http.tls_certificate, too");
        return false;
    }
    if (!*options->tls_certificate)
        return true;
    if (pipe(ends) != 0) {
        snprintf(why, why_size, "can't try TLS: %s", strerror(errno));
        return false;
    }
    signal(SIGCHLD, SIG_DFL); /* where it is ignored, nobody learns how a child ended */
    const pid_t child = fork();
    if (child == 0)
        run_trial(options, ends[1]);
    close(ends[1]);
    const ssize_t n = read(ends[0], reason, sizeof reason - 1);
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        snprintf(why, why_size, "can't try TLS: %s", strerror(errno));
    else if (WIFSIGNALED(status))
        say_crashed(status, why, why_size);
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, why_size, "TLS with %s does not work: %.*s", options->tls_certificate, n > 0 ? (int)n : 0,
                 reason);
    else
        return true;
    return false;
}
