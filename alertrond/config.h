/* config.h: the service's configuration: one table of keys, from which come the file's parser, the
 * environment variables, the flags, --help, check-config, the sample file and the documentation page.
 *
 * A key `name` of section [section] is also the flag --section-name (underscores as dashes; some have a
 * shorter one) and the environment variable SECTION_NAME for [kafka] and ALERTROND_SECTION_NAME elsewhere.
 * Flags win over the environment, the environment over the file, the file over the defaults.
 */
#ifndef ALERTROND_CONFIG_H
#define ALERTROND_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <alertron.h>

#include "options.h"

/* A property that goes to librdkafka as it is. */
struct kafka_property {
    char *name, *value;
    char *where; /* "alertrond.conf:12" or "flag -X": where it was said, for errors */
};

enum delivery_guarantee { DELIVERY_AT_LEAST_ONCE, DELIVERY_EXACTLY_ONCE };

struct config {
    struct {
        char *path;             /* required by run */
        int64_t input;          /* alertron_input: default, float64 or float32 */
        char *feature_names;    /* with commas; "": the model's own */
        int64_t reload_seconds; /* 0: it is not looked at again by itself */
    } model;
    struct {
        char *path;         /* "": none */
        double share;       /* 0: a shadow */
        int64_t readings;   /* 0: no rule */
        double agreement;   /* 0.99 */
        double alarm_ratio; /* 1.5 */
    } candidate;
    struct {
        double medium_quantile, high_quantile; /* 0.80, 0.95 */
        char *calibration_file;                /* "" for none */
        int64_t calibration_anomalies;         /* 200; 0 never calibrates from the stream */
    } severity;
    struct {
        char *bootstrap;          /* "127.0.0.1:9092" */
        char *readings_topic;     /* "readings" */
        char *anomalies_topic;    /* "anomalies" */
        char *dead_letters_topic; /* "readings.dlq" */
        char *group_id;           /* "alertrond" */
        int64_t offset_reset;     /* 0 earliest (default), 1 latest: where a new group begins */
        bool create_topics;       /* false */
        int64_t partitions;       /* 4: of topics that are created */
        int64_t replication;      /* -1: the broker's default */
        int64_t workers;          /* 0: one a core */
        int64_t delivery;         /* enum delivery_guarantee */
        int64_t transaction_ms;   /* 100 */
        char *instance;           /* "": the host's name and the port */
        struct kafka_property *properties;
        size_t n_properties;
    } kafka;
    struct {
        char *address;                                                    /* "0.0.0.0" */
        int64_t port;                                                     /* 8000; 0: a free one, which is logged */
        int64_t threads;                                                  /* 64 */
        int64_t request_seconds, idle_seconds, client_connections;        /* 5, 5, 32 */
        bool status_page;                                                 /* true */
        int64_t metrics_access, ingest_access, admin_access;              /* enum access_rule: anyone, local, nobody */
        char *tokens_file, *users_file, *tls_certificate, *tls_client_ca; /* "" for none */
    } http;
    struct {
        int64_t message_bytes;    /* 65536: longer readings are dead letters; also of an /ingest body */
        int64_t devices;          /* 10000: devices with series of their own; the rest share "_other" */
        int64_t device_seconds;   /* 86400: a device's series go when it has been silent for so long */
        int64_t outputs;          /* 16384: anomalies and dead letters that wait for their acknowledgement */
        int64_t stall_seconds;    /* 60: a partition in which readings wait and none is dealt with for so long */
        int64_t shutdown_seconds; /* 20: how long an end waits for acknowledgements */
    } limits;
    struct {
        int64_t level;  /* enum log_level: debug, info (default), warning, error */
        int64_t format; /* enum log_format: auto (default), text, logfmt, json */
        int64_t rate;   /* 10: lines a second of one kind; 0: any number */
    } log;
    struct {
        bool sandbox; /* true */
    } process;
};

/* Reads defaults, then the file of -c/--config, then the environment, then the flags. Every mistake is written
 * to `errors`, one a line with where it stands and its remedy, and makes OPTIONS_MISTAKES. OPTIONS_RUN: *config is
 * filled and to be freed. `usage` is the subcommand's, for --help; it takes no operands. */
enum options_outcome config_read(struct config *config, const struct options_usage *usage, int argc, char **argv,
                                 FILE *errors);
void config_free(struct config *config);

/* Every key at its default; model.path is NULL. False where memory has run out. To be freed. */
bool config_defaults(struct config *config);

/* The documentation page (Markdown) and the commented sample file. */
void config_write_page(FILE *out);
void config_write_sample(FILE *out);

#endif
