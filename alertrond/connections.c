/* connections.c: the HTTP connections that are open: how many each client has, and which take too long. */
#define _DEFAULT_SOURCE /* NI_NUMERICHOST */
#include "connections.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"

#define ADDRESS_BYTES_MAX 64u
#define SOCKETS_MAX 4096u /* that are looked at */
#define NEVER INT64_MAX

enum { LOOK_MS = 100, WRITE_MS = 2000 };

struct connection {
    bool taken, shut; /* shut: nothing more is read */
    char address[ADDRESS_BYTES_MAX];
    atomic_int port; /* 0 until it and the address are known */
    _Atomic int64_t due_ms;
};

/* A socket of ours, found among the open files. */
struct end {
    int file, port; /* the other end's */
    bool known;     /* it has made a request */
    char address[ADDRESS_BYTES_MAX];
};

struct connections {
    struct connections_options options;
    pthread_mutex_t mutex;    /* over all but what is atomic */
    pthread_rwlock_t closing; /* shared by those that close; whoever shuts has it alone, or a file might be another's */
    pthread_cond_t ended;
    pthread_t watcher;
    bool ending;
    atomic_int port;
    atomic_size_t open;
    struct end *ends; /* SOCKETS_MAX */
    size_t n_ends;
    struct connection all[];
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_seconds() * 1000);
}

bool connections_loopback(const char *address)
{
    static const char mapped[] = "::ffff:";
    const char *v4 = strncmp(address, mapped, sizeof mapped - 1) == 0 ? address + sizeof mapped - 1 : address;
    struct in_addr parsed;
    if (inet_pton(AF_INET, v4, &parsed) == 1)
        return ntohl(parsed.s_addr) >> 24 == 127;
    return strcmp(address, "::1") == 0;
}

/* ---- sockets ---- */

static int port_of(const struct sockaddr_storage *end)
{
    if (end->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)end)->sin_port);
    return end->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)end)->sin6_port) : 0;
}

/* False where a file is not a connected socket of our port. */
static bool read_end(int file, int own_port, struct end *end)
{
    struct sockaddr_storage name;
    socklen_t n = sizeof name;
    if (getsockname(file, (struct sockaddr *)&name, &n) != 0 || port_of(&name) != own_port)
        return false;
    n = sizeof name;
    if (getpeername(file, (struct sockaddr *)&name, &n) != 0 ||
        getnameinfo((struct sockaddr *)&name, n, end->address, sizeof end->address, NULL, 0, NI_NUMERICHOST) != 0)
        return false;
    end->file = file;
    end->port = port_of(&name);
    end->known = false;
    return true;
}

static void find_ends(struct connections *connections)
{
    connections->n_ends = 0;
    DIR *files = opendir("/proc/self/fd");
    if (!files)
        return;
    const struct dirent *entry;
    const int port = atomic_load(&connections->port);
    while (connections->n_ends < SOCKETS_MAX && (entry = readdir(files)))
        if (entry->d_name[0] != '.' && read_end(atoi(entry->d_name), port, &connections->ends[connections->n_ends]))
            connections->n_ends++;
    closedir(files);
}

/* ---- those that are in the wrong ---- */

static struct end *end_of(struct connections *connections, const struct connection *connection)
{
    const int port = atomic_load(&connection->port);
    for (size_t i = 0; i < connections->n_ends; i++)
        if (connections->ends[i].port == port && strcmp(connections->ends[i].address, connection->address) == 0)
            return &connections->ends[i];
    return NULL;
}

static void shut_overdue(struct connections *connections)
{
    const int64_t now = now_ms();
    for (size_t i = 0; i < connections->options.max; i++) {
        struct connection *one = &connections->all[i];
        int64_t due = atomic_load(&one->due_ms);
        struct end *end = one->taken && atomic_load(&one->port) ? end_of(connections, one) : NULL;
        if (end)
            end->known = true;
        if (!end || now < due)
            continue;
        shutdown(end->file, one->shut ? SHUT_RDWR : SHUT_RD);
        /* Unless its request has been done this moment. */
        atomic_compare_exchange_strong(&one->due_ms, &due, one->shut ? NEVER : now + WRITE_MS);
        one->shut = true;
    }
}

/* Shuts those of one address that are too many, first those that have made no request yet. */
static void shut_surplus(struct connections *connections, const char *address, size_t surplus)
{
    const size_t n = surplus;
    for (int known = 0; known <= 1; known++)
        for (size_t i = 0; i < connections->n_ends && surplus > 0; i++) {
            const struct end *end = &connections->ends[i];
            if (end->known == known && strcmp(end->address, address) == 0) {
                shutdown(end->file, SHUT_RD);
                surplus--;
            }
        }
    if (connections->options.refused)
        connections->options.refused(connections->options.context, address, n);
}

static int compare_ends(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    return strcmp(x->address, y->address);
}

static void shut_surpluses(struct connections *connections)
{
    const size_t per_client = connections->options.per_client;
    struct end *ends = connections->ends;
    qsort(ends, connections->n_ends, sizeof *ends, compare_ends);
    for (size_t from = 0, to; from < connections->n_ends; from = to) {
        for (to = from; to < connections->n_ends && strcmp(ends[to].address, ends[from].address) == 0;)
            to++;
        if (to - from > per_client)
            shut_surplus(connections, ends[from].address, to - from - per_client);
    }
}

/* Where no address can have too many, and none is overdue. Those that wait for a thread do so as all are taken. */
static bool is_calm(const struct connections *connections)
{
    const int64_t now = now_ms();
    for (size_t i = 0; i < connections->options.max; i++)
        if (connections->all[i].taken && now >= atomic_load(&connections->all[i].due_ms))
            return false;
    return !connections->options.handshakes && atomic_load(&connections->open) <= connections->options.per_client;
}

static void look(struct connections *connections)
{
    if (is_calm(connections))
        return;
    pthread_rwlock_wrlock(&connections->closing);
    find_ends(connections);
    shut_overdue(connections);
    shut_surpluses(connections);
    pthread_rwlock_unlock(&connections->closing);
}

static void *watch(void *data)
{
    struct connections *connections = data;
    pthread_mutex_lock(&connections->mutex);
    while (!connections->ending) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_nsec += LOOK_MS * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&connections->ended, &connections->mutex, &next);
        look(connections);
    }
    pthread_mutex_unlock(&connections->mutex);
    return NULL;
}

/* ---- begin and end ---- */

static void free_all(struct connections *connections)
{
    pthread_cond_destroy(&connections->ended);
    pthread_rwlock_destroy(&connections->closing);
    pthread_mutex_destroy(&connections->mutex);
    free(connections->ends);
    free(connections);
}

struct connections *connections_new(const struct connections_options *options)
{
    struct connections *connections = calloc(1, sizeof *connections + options->max * sizeof *connections->all);
    struct end *ends = malloc(SOCKETS_MAX * sizeof *ends);
    if (!connections || !ends) {
        free(ends);
        free(connections);
        return NULL;
    }
    connections->options = *options;
    connections->ends = ends;
    pthread_mutex_init(&connections->mutex, NULL);
    pthread_rwlock_init(&connections->closing, NULL);
    pthread_cond_init(&connections->ended, NULL);
    if (pthread_create(&connections->watcher, NULL, watch, connections) == 0)
        return connections;
    free_all(connections);
    return NULL;
}

void connections_free(struct connections *connections)
{
    if (!connections)
        return;
    pthread_mutex_lock(&connections->mutex);
    connections->ending = true;
    pthread_cond_signal(&connections->ended);
    pthread_mutex_unlock(&connections->mutex);
    pthread_join(connections->watcher, NULL);
    free_all(connections);
}

void connections_listen(struct connections *connections, int port)
{
    atomic_store(&connections->port, port);
}

struct connection *connections_open(struct connections *connections)
{
    struct connection *connection = NULL;
    pthread_mutex_lock(&connections->mutex);
    for (size_t i = 0; i < connections->options.max && !connection; i++)
        if (!connections->all[i].taken)
            connection = &connections->all[i];
    if (connection) {
        connection->taken = true;
        connection->shut = false;
        atomic_store(&connection->port, 0);
        atomic_store(&connection->due_ms, NEVER);
        atomic_fetch_add(&connections->open, 1);
    }
    pthread_mutex_unlock(&connections->mutex);
    return connection;
}

void connection_due(struct connection *connection, const char *address, int port, double seconds)
{
    if (atomic_load(&connection->port) == 0) {
        snprintf(connection->address, sizeof connection->address, "%s", address);
        atomic_store(&connection->port, port); /* after the address, which may be read from now on */
    }
    atomic_store(&connection->due_ms, now_ms() + (int64_t)(seconds * 1000));
}

void connections_close_begin(struct connections *connections, struct connection *connection)
{
    if (connection) {
        pthread_mutex_lock(&connections->mutex);
        connection->taken = false;
        atomic_fetch_sub(&connections->open, 1);
        pthread_mutex_unlock(&connections->mutex);
    }
    pthread_rwlock_rdlock(&connections->closing);
}

void connections_close_end(struct connections *connections)
{
    pthread_rwlock_unlock(&connections->closing);
}

bool connections_crowded(const struct connections *connections)
{
    return atomic_load(&connections->open) > (connections->options.max + 1) / 2;
}
