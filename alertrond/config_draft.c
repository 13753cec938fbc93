/* config_draft.c: a configuration on its way: what was given where, and the mistakes found so far. */
#include "config_draft.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config_rules.h"
#include "property.h"
#include "suggest.h"
#include "value.h"

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static size_t index_of(const struct config_key *key)
{
    return (size_t)(key - config_keys);
}

/* ---- mistakes ---- */

const char *config_place_text(const struct config_draft *draft, struct config_place place, const struct config_key *key,
                              char out[CONFIG_PLACE_BYTES_MAX])
{
    char name[CONFIG_NAME_BYTES_MAX];
    switch (place.source) {
    case CONFIG_DEFAULT:
        snprintf(out, CONFIG_PLACE_BYTES_MAX, "default");
        break;
    case CONFIG_FILE:
        snprintf(out, CONFIG_PLACE_BYTES_MAX, "%s:%u", draft->file, place.line);
        break;
    case CONFIG_ENVIRONMENT:
        snprintf(out, CONFIG_PLACE_BYTES_MAX, "environment variable%s%s", key ? " " : "",
                 key ? config_variable(key, name) : "");
        break;
    case CONFIG_FLAG:
        snprintf(out, CONFIG_PLACE_BYTES_MAX, "flag %s%s", key ? "--" : "-X", key ? config_flag(key, name) : "");
        break;
    }
    return out;
}

/* "alertrond.conf:12: http.port", "flag -X ssl.ca", "model.path". */
static void print_subject(const struct config_draft *draft, struct config_place place, const struct config_key *key,
                          const char *property)
{
    char text[CONFIG_PLACE_BYTES_MAX], shown[VALUE_SHOWN_BYTES_MAX];
    if (place.source != CONFIG_DEFAULT)
        fprintf(draft->errors, "%s", config_place_text(draft, place, key, text));
    const char *separator = place.source == CONFIG_FILE ? ": " : "";
    if (key && (place.source == CONFIG_FILE || place.source == CONFIG_DEFAULT))
        fprintf(draft->errors, "%s%s.%s", separator, key->section, key->name);
    if (property) {
        value_shown(property, shown);
        shown[strlen(shown) - 1] = 0; /* names go without quotes */
        fprintf(draft->errors, "%s%s", place.source == CONFIG_FILE ? ": kafka." : " ", shown + 1);
    }
}

void config_mistake(struct config_draft *draft, struct config_place place, const struct config_key *key,
                    const char *property, const char *format, ...)
{
    if (draft->n_mistakes++ >= CONFIG_MISTAKES_MAX)
        return;
    print_subject(draft, place, key, property);
    va_list arguments;
    va_start(arguments, format);
    fprintf(draft->errors, ": ");
    vfprintf(draft->errors, format, arguments);
    fprintf(draft->errors, "\n");
    va_end(arguments);
}

/* ---- values ---- */

static bool set_text(char **field, const struct config_key *key, const char *value, char *why, size_t why_size)
{
    if (!*value && !key->may_be_empty) {
        snprintf(why, why_size, "the value is empty; give %s", key->what);
        return false;
    }
    if (*value && key->check && !key->check(value, why, why_size))
        return false;
    char *copy = copy_text(value);
    if (!copy) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    free(*field);
    *field = copy;
    return true;
}

static bool set_value(struct config *config, const struct config_key *key, const char *value, char *why,
                      size_t why_size)
{
    void *field = (char *)config + key->field;
    const struct value_range range = {key->what, key->least, key->most};
    switch (key->kind) {
    case CONFIG_TEXT:
        return set_text(field, key, value, why, why_size);
    case CONFIG_INTEGER:
        return value_integer(value, &range, field, why, why_size);
    case CONFIG_NUMBER:
        return value_number(value, &range, field, why, why_size);
    case CONFIG_CHOICE:
        return value_choice(value, key->choices, field, why, why_size);
    case CONFIG_BOOL:
        return value_bool(value, field, why, why_size);
    }
    return false;
}

void config_give(struct config_draft *draft, const struct config_key *key, const char *value, struct config_place place)
{
    char why[512];
    size_t index = index_of(key);
    bool good = set_value(&draft->config, key, value, why, sizeof why);
    draft->wrong[index] = !good;
    draft->places[index] = place;
    if (!good)
        config_mistake(draft, place, key, NULL, "%s", why);
}

bool config_draft_begin(struct config_draft *draft, FILE *errors)
{
    *draft = (struct config_draft){.errors = errors};
    const struct config_place nowhere = {CONFIG_DEFAULT, 0};
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].initial)
            config_give(draft, &config_keys[i], config_keys[i].initial, nowhere);
    if (draft->n_mistakes == 0)
        return true;
    config_draft_free(draft);
    return false;
}

void config_draft_free(struct config_draft *draft)
{
    config_free(&draft->config);
}

static void free_property(const struct kafka_property *property)
{
    free(property->name);
    property_forget(property->value);
    free(property->where);
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].kind == CONFIG_TEXT)
            free(*(char **)((char *)config + config_keys[i].field));
    for (size_t i = 0; i < config->kafka.n_properties; i++)
        free_property(&config->kafka.properties[i]);
    free(config->kafka.properties);
    *config = (struct config){0};
}

/* ---- properties ---- */

/* Our own key that a property's name is or nearly is, or NULL. */
static const struct config_key *key_meant(const char *name)
{
    const struct config_key *meant = NULL;
    size_t least = 3;
    for (size_t i = 0; i < config_n_keys; i++) {
        size_t distance =
            strcmp(config_keys[i].section, "kafka") == 0 ? suggest_distance(name, config_keys[i].name) : 3;
        if (distance < least) {
            least = distance;
            meant = &config_keys[i];
        }
    }
    return meant;
}

/* Says what is wrong with a property, of the environment by its variable. */
static void property_mistake(struct config_draft *draft, const char *name, struct config_place place, const char *why)
{
    char variable[PROPERTY_NAME_BYTES_MAX];
    config_mistake(draft, place, NULL, place.source == CONFIG_ENVIRONMENT ? property_variable(name, variable) : name,
                   "%s", why);
}

/* librdkafka refused a property: says why, and which key of ours was meant where it knows no such name. */
static void refuse_property(struct config_draft *draft, const char *name, struct config_place place, const char *why)
{
    bool unknown = strstr(why, "No such") != NULL; /* its words for a name; otherwise it is the value */
    const struct config_key *meant = unknown ? key_meant(name) : NULL;
    char flag[CONFIG_NAME_BYTES_MAX];
    if (!meant)
        property_mistake(draft, name, place, why);
    else if (place.source == CONFIG_FILE)
        config_mistake(draft, place, NULL, name, "%s; did you mean %s?", why, meant->name);
    else
        config_mistake(draft, place, NULL, name, "%s; did you mean --%s?", why, config_flag(meant, flag));
}

static bool check_property(struct config_draft *draft, const char *name, const char *value, struct config_place place)
{
    char why[512];
    if (!config_rule_property(name, value, why, sizeof why) ||
        (place.source == CONFIG_FLAG && !property_may_be_flag(name, why, sizeof why))) {
        property_mistake(draft, name, place, why);
        return false;
    }
    if (property_check(name, value, why, sizeof why))
        return true;
    refuse_property(draft, name, place, why);
    return false;
}

/* A property and the file of one are the same, said in two ways. */
static struct kafka_property *find_property(struct config_draft *draft, const char *name)
{
    char base[PROPERTY_NAME_BYTES_MAX], other[PROPERTY_NAME_BYTES_MAX];
    property_names_file(name, base);
    for (size_t i = 0; i < draft->config.kafka.n_properties; i++) {
        property_names_file(draft->config.kafka.properties[i].name, other);
        if (strcmp(base, other) == 0)
            return &draft->config.kafka.properties[i];
    }
    return NULL;
}

/* Room for a new property behind the list, which does not count yet, or NULL. */
static struct kafka_property *append_property(struct config *config)
{
    struct kafka_property *grown =
        realloc(config->kafka.properties, (config->kafka.n_properties + 1) * sizeof *config->kafka.properties);
    if (!grown)
        return NULL;
    config->kafka.properties = grown;
    struct kafka_property *property = &grown[config->kafka.n_properties];
    *property = (struct kafka_property){.name = NULL};
    return property;
}

/* "alertrond.conf:12", "environment variable KAFKA_SASL_PASSWORD", "flag -X". */
static char *copy_place(const struct config_draft *draft, const char *name, struct config_place place)
{
    char where[CONFIG_PLACE_BYTES_MAX], variable[PROPERTY_NAME_BYTES_MAX];
    config_place_text(draft, place, NULL, where);
    const size_t n = strlen(where);
    if (place.source == CONFIG_ENVIRONMENT)
        snprintf(where + n, sizeof where - n, " %s", property_variable(name, variable));
    return copy_text(where);
}

static bool set_property(struct config_draft *draft, struct kafka_property *property, const char *name,
                         const char *value, struct config_place place)
{
    const struct kafka_property given = {copy_text(name), copy_text(value), copy_place(draft, name, place)};
    if (!given.name || !given.value || !given.where) {
        free_property(&given);
        return false;
    }
    free_property(property);
    *property = given;
    draft->property_places[property - draft->config.kafka.properties] = place;
    return true;
}

void config_give_property(struct config_draft *draft, const char *name, const char *value, struct config_place place)
{
    struct kafka_property *property = find_property(draft, name);
    if (property) {
        struct config_place first = draft->property_places[property - draft->config.kafka.properties];
        if (first.source == CONFIG_FILE && place.source == CONFIG_FILE) {
            config_mistake(draft, place, NULL, name, "given twice, first in line %u; keep one", first.line);
            return;
        }
    }
    if (!check_property(draft, name, value, place))
        return;
    if (!property && draft->config.kafka.n_properties >= CONFIG_PROPERTIES_MAX) {
        config_mistake(draft, place, NULL, name, "more than %u properties of librdkafka", CONFIG_PROPERTIES_MAX);
        return;
    }
    const bool is_new = !property;
    if (is_new)
        property = append_property(&draft->config);
    if (!property || !set_property(draft, property, name, value, place))
        config_mistake(draft, place, NULL, name, "out of memory");
    else
        draft->config.kafka.n_properties += is_new;
}
