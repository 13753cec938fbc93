/* connections.h: the HTTP connections that are open: how many each client has, and which take too long.
 *
 * A connection occupies a thread, so what a client may do with one is bounded: how many it has, and the time of each
 * request. The server that reads and writes keeps its sockets to itself; those that are in the wrong are found among
 * the process's open files and shut, which ends whatever their threads wait for.
 */
#ifndef ALERTROND_CONNECTIONS_H
#define ALERTROND_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct connections;
struct connection;

struct connections_options {
    size_t max;        /* at a time */
    size_t per_client; /* of one address; more are shut */
    bool handshakes;   /* connections have threads before they are noted, as with TLS */
    /* Told how many of an address were shut; by a thread of its own. */
    void (*refused)(void *context, const char *address, size_t n);
    void *context;
};

/* Starts a thread that looks after them. NULL where memory or threads have run out. */
struct connections *connections_new(const struct connections_options *options);
/* When all are closed. */
void connections_free(struct connections *connections);

/* The port of this end; to be told once. */
void connections_listen(struct connections *connections, int port);

/* Notes a connection. NULL where there are `max` already. Any thread, as all that follow. */
struct connection *connections_open(struct connections *connections);

/* The other end of a connection, in numbers, and that it must have done by so many seconds from now: at their end
 * nothing more is read from it, and two seconds later nothing more is written to it either. */
void connection_due(struct connection *connection, const char *address, int port, double seconds);

/* Around the closing of a socket, by the same thread; `connection` may be NULL. */
void connections_close_begin(struct connections *connections, struct connection *connection);
void connections_close_end(struct connections *connections);

/* Whether more than half of the room is taken. Where none may stay open without a request then, idle ones never take
 * more than half. */
bool connections_crowded(const struct connections *connections);

/* Whether an address is this machine's loopback: 127.0.0.0/8, ::1, or the former written as IPv6. */
bool connections_loopback(const char *address);

#endif
