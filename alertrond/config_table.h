/* config_table.h: the one table of configuration keys, and what a row of it says (config_key.c). For the rooms of
 * config only. */
#ifndef ALERTROND_CONFIG_TABLE_H
#define ALERTROND_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

enum config_kind { CONFIG_TEXT, CONFIG_INTEGER, CONFIG_NUMBER, CONFIG_CHOICE, CONFIG_BOOL };

/* A fault of a text beyond its kind, said in why. */
typedef bool config_check(const char *value, char *why, size_t why_size);

struct config_key {
    const char *section, *name;
    const char *flag; /* without the dashes; NULL: section-name, underscores as dashes */
    char letter;      /* 0 for none */
    enum config_kind kind;
    size_t field;         /* its offset in struct config: char *, int64_t, double or bool */
    const char *initial;  /* the default, as it would be written; NULL: none, it must be given */
    double least, most;   /* of a number, both included */
    const char *what;     /* what to give: "a port", "a whole number of bytes"; of a text: "a topic's name" */
    const char *choices;  /* "text|json" */
    config_check *check;  /* of a text; NULL: any that is not empty */
    bool may_be_empty;    /* of a text */
    const char *argument; /* what --help calls its value */
    const char *doc;      /* one line, for --help and everywhere else */
    const char *details;  /* more sentences for the page and the sample file, or NULL */
};

struct config_section {
    const char *name, *doc;
};

#define CONFIG_KEYS_MAX 64u
#define CONFIG_NAME_BYTES_MAX 80u /* of a flag or an environment variable */

extern const struct config_key config_keys[];
extern const size_t config_n_keys;
extern const struct config_section config_sections[];
extern const size_t config_n_sections;

/* The key, or NULL. */
const struct config_key *config_find(const char *section, const char *name);

/* "http-port" and "ALERTROND_HTTP_PORT". Return out. */
const char *config_flag(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX]);
const char *config_variable(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX]);

/* What a key takes, for people: "a port from 0 to 65535", "text or json", "true or false". */
void config_takes(const struct config_key *key, char *out, size_t size);

#define CONFIG_NUMBER_BYTES_MAX 64u

/* The value that a configuration has for a key, as it would be written; `out` is for those that are not texts. */
const char *config_value(const struct config *config, const struct config_key *key, char out[CONFIG_NUMBER_BYTES_MAX]);

#endif
