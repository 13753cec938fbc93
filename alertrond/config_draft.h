/* config_draft.h: a configuration on its way: what was given where, and the mistakes found so far. What the rooms of
 * config share with each other and with check-config. */
#ifndef ALERTROND_CONFIG_DRAFT_H
#define ALERTROND_CONFIG_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config.h"
#include "config_table.h"
#include "options.h"

#define CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_PROPERTIES_MAX 256u /* more than librdkafka knows */
#define CONFIG_MISTAKES_MAX 100u   /* that are written; more are counted */
#define CONFIG_PLACE_BYTES_MAX 512u

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG };

/* Where a value was given: of a key, or of a property. */
struct config_place {
    enum config_source source;
    unsigned line; /* of a file, from 1 */
};

struct config_draft {
    struct config config;
    struct config_place places[CONFIG_KEYS_MAX]; /* of the values in config */
    bool wrong[CONFIG_KEYS_MAX];                 /* given, but with a mistake: config has an older value */
    struct config_place property_places[CONFIG_PROPERTIES_MAX]; /* of config.kafka.properties */
    const char *file;                                           /* its path, as mistakes show it; NULL: none was read */
    FILE *errors;
    size_t n_mistakes;
};

/* Every key at its default. False where memory has run out. */
bool config_draft_begin(struct config_draft *draft, FILE *errors);
void config_draft_free(struct config_draft *draft);

/* Says one mistake; `subject` is a key or the name of a property, and one of them may be NULL:
 * "alertrond.conf:12: http.port: ", "environment variable KAFKA_PARTITIONS: ", "flag --port: ", "model.path: ". */
void config_mistake(struct config_draft *draft, struct config_place place, const struct config_key *key,
                    const char *property, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Takes a value that was given for a key, or says what is wrong with it. */
void config_give(struct config_draft *draft, const struct config_key *key, const char *value,
                 struct config_place place);

/* The same for a property of librdkafka. */
void config_give_property(struct config_draft *draft, const char *name, const char *value, struct config_place place);

/* "alertrond.conf:12", "environment variable KAFKA_PARTITIONS", "flag --port", "flag -X", "default". `key` NULL: of a
 * property. Returns out. */
const char *config_place_text(const struct config_draft *draft, struct config_place place, const struct config_key *key,
                              char out[CONFIG_PLACE_BYTES_MAX]);

/* Reads a configuration file into the draft; "-" is standard input. */
void config_file_read(struct config_draft *draft, const char *path);

/* The same from memory, which is cut up; text[n] is 0. draft->file is its name. */
void config_file_parse(struct config_draft *draft, char *text, size_t n);

/* The flags of a configuration, as they were given. */
struct config_flags {
    const char *file;                              /* -c */
    const char *values[CONFIG_KEYS_MAX];           /* of each key, or NULL */
    const char *properties[CONFIG_PROPERTIES_MAX]; /* -X, "name=value" each */
    size_t n_properties;
};

/* Parses a subcommand's arguments; `more` are flags of its own, shown first. */
enum options_outcome config_flags_parse(struct config_flags *flags, const struct options_usage *usage,
                                        const struct option *more, size_t n_more, int argc, char **argv);

/* File, environment and flags into a draft that has begun, then the rules: OPTIONS_RUN or OPTIONS_MISTAKES. */
enum options_outcome config_gather(struct config_draft *draft, const struct config_flags *flags);

#endif
