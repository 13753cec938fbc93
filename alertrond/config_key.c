/* config_key.c: what a row of the table of configuration keys says of its key: names, what it takes, its value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "value.h"

const struct config_key *config_find(const char *section, const char *name)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

const char *config_flag(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX])
{
    if (key->flag)
        snprintf(out, CONFIG_NAME_BYTES_MAX, "%s", key->flag);
    else
        snprintf(out, CONFIG_NAME_BYTES_MAX, "%s-%s", key->section, key->name);
    for (char *at = out; *at; at++)
        *at = *at == '_' ? '-' : *at;
    return out;
}

const char *config_variable(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX])
{
    const char *prefix = strcmp(key->section, "kafka") == 0 ? "" : "ALERTROND_";
    snprintf(out, CONFIG_NAME_BYTES_MAX, "%s%s_%s", prefix, key->section, key->name);
    for (char *at = out; *at; at++)
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    return out;
}

void config_takes(const struct config_key *key, char *out, size_t size)
{
    char bounds[80];
    switch (key->kind) {
    case CONFIG_INTEGER:
    case CONFIG_NUMBER:
        value_range_text(&(struct value_range){key->what, key->least, key->most}, bounds, sizeof bounds);
        snprintf(out, size, "%s %s", key->what, bounds);
        break;
    case CONFIG_CHOICE:
        value_choices_text(key->choices, out, size);
        break;
    case CONFIG_BOOL:
        snprintf(out, size, "true or false");
        break;
    case CONFIG_TEXT:
        snprintf(out, size, "%s", key->what);
        break;
    }
}

const char *config_value(const struct config *config, const struct config_key *key, char out[CONFIG_NUMBER_BYTES_MAX])
{
    const void *field = (const char *)config + key->field;
    const char *text = "";
    switch (key->kind) {
    case CONFIG_TEXT:
        text = *(char *const *)field;
        return text ? text : "";
    case CONFIG_BOOL:
        return *(const bool *)field ? "true" : "false";
    case CONFIG_INTEGER:
        snprintf(out, CONFIG_NUMBER_BYTES_MAX, "%" PRId64, *(const int64_t *)field);
        break;
    case CONFIG_NUMBER:
        snprintf(out, CONFIG_NUMBER_BYTES_MAX, "%.15g", *(const double *)field);
        break;
    case CONFIG_CHOICE:
        value_choice_name(key->choices, *(const int64_t *)field, out, CONFIG_NUMBER_BYTES_MAX);
        break;
    }
    return out;
}
