/* kafka_flags.c: what commands beside the service take of a cluster. */
#include "kafka_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "property.h"

#define WHY_BYTES 512

extern char **environ;

/* `where` is how it was said: "-X sasl.mechanism" or a variable's name. */
static bool give_property(struct kafka_flags *flags, const char *name, const char *value, const char *where)
{
    char why[WHY_BYTES];
    if (flags->n_properties == KAFKA_FLAGS_PROPERTIES_MAX) {
        options_wrong(flags->usage, "more than %u properties of librdkafka", KAFKA_FLAGS_PROPERTIES_MAX);
        return false;
    }
    if (!property_check(name, value, why, sizeof why)) {
        options_wrong(flags->usage, "%s: %s", where, why);
        return false;
    }
    struct kafka_property *property = &flags->properties[flags->n_properties++];
    property->name = strdup(name);
    property->value = strdup(value);
    return property->name && property->value;
}

bool kafka_flags_add(void *target, const char *text)
{
    struct kafka_flags *flags = target;
    char name[PROPERTY_NAME_BYTES_MAX], where[PROPERTY_NAME_BYTES_MAX + 4], why[WHY_BYTES];
    const char *value = property_split(text, name, why, sizeof why);
    snprintf(where, sizeof where, "-X %s", name);
    if (value && property_may_be_flag(name, why, sizeof why))
        return give_property(flags, name, value, where);
    options_wrong(flags->usage, "%s: %s", value ? where : "-X", why);
    return false;
}

bool kafka_flags_begin(struct kafka_flags *flags)
{
    for (char **at = environ; *at; at++) {
        char variable[2 * PROPERTY_NAME_BYTES_MAX], name[PROPERTY_NAME_BYTES_MAX];
        const char *equals = strchr(*at, '=');
        const size_t n = equals ? (size_t)(equals - *at) : 0;
        if (n == 0 || n >= sizeof variable || !equals[1])
            continue;
        snprintf(variable, sizeof variable, "%.*s", (int)n, *at);
        if (property_of_variable(variable, name) && !give_property(flags, name, equals + 1, variable))
            return false;
    }
    return true;
}

void kafka_flags_default(struct kafka_flags *flags, const char *name, const char *value)
{
    memmove(flags->properties + 1, flags->properties, flags->n_properties * sizeof *flags->properties);
    flags->properties[0] = (struct kafka_property){.name = strdup(name), .value = strdup(value)};
    flags->n_properties++;
}

void kafka_flags_finish(struct kafka_flags *flags)
{
    if (!flags->bootstrap)
        flags->bootstrap = kafka_flags_environment("KAFKA_BOOTSTRAP", "127.0.0.1:9092");
}

struct kafka_cluster kafka_flags_cluster(const struct kafka_flags *flags)
{
    return (struct kafka_cluster){flags->bootstrap, flags->properties, flags->n_properties};
}

void kafka_flags_free(struct kafka_flags *flags)
{
    for (size_t i = 0; i < flags->n_properties; i++) {
        free(flags->properties[i].name);
        property_forget(flags->properties[i].value);
    }
}

const char *kafka_flags_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}
