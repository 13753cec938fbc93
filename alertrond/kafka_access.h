/* kafka_access.h: how a client gets in at a broker: secrets out of files, which are read again for every new
 * connection, tokens, and, where it does not get in, why not and what to do. Included by kafka_private.h, which has
 * librdkafka's types. */
#ifndef ALERTROND_KAFKA_ACCESS_H
#define ALERTROND_KAFKA_ACCESS_H

#include <pthread.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_cluster;
struct kafka_property;

/* The first member of whatever is the opaque of a client's callbacks. All zero before it begins. */
struct kafka_access {
    pthread_mutex_t lock;                    /* of what librdkafka's threads use, too: up to certificate_error */
    rd_kafka_t *client;                      /* NULL while it is being made */
    char *username, *password;               /* in use, where either comes from a file */
    int certificate_error;                   /* why the broker's certificate was refused last, as X.509 numbers it; 0 */
    const struct kafka_property *properties; /* the user's */
    size_t n_properties;
    uint64_t tls_files; /* as they were when the client was made */
    bool renewed;       /* they have changed since, and the client, which can't read them again, is refused */
    char why[512];
};

/* Gives conf one property of the user's, out of its file where it names one. False, and why. */
bool kafka_access_set(rd_kafka_conf_t *conf, const struct kafka_property *property, char *why, size_t why_size);

/* Adds calls to conf, whose opaque is to begin with *access. The cluster's properties must outlive the client. */
void kafka_access_begin(struct kafka_access *access, rd_kafka_conf_t *conf, const struct kafka_cluster *cluster);

/* The same for a copy of that conf, which is for a client that takes the place of the first one. */
void kafka_access_again(const struct kafka_access *access, rd_kafka_conf_t *conf);

/* Once the client has been made. */
void kafka_access_ready(struct kafka_access *access, rd_kafka_t *client);

/* Once it has been destroyed, or could not be made. */
void kafka_access_end(struct kafka_access *access);

/* From its error callback. */
void kafka_access_note(struct kafka_access *access, rd_kafka_resp_err_t error, const char *reason);

/* Why the last connection that failed did so, with what to do; "" where none has. The client's thread only. */
const char *kafka_access_why(const struct kafka_access *access);

/* Why only a new client can get in, or NULL. */
const char *kafka_access_fatal(const struct kafka_access *access);

/* "; allow this user to ...", what an operator can do about an error of a request, or "". */
const char *kafka_access_remedy(rd_kafka_resp_err_t error);

#endif
