/* kafka_flags.c: what commands beside the service take of a cluster. */
#include "kafka_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define WHY_BYTES 512

bool kafka_flags_add(void *target, const char *text)
{
    static char where[] = "-X";
    struct kafka_flags *flags = target;
    const char *equals = strchr(text, '=');
    char shown[VALUE_SHOWN_BYTES_MAX], why[WHY_BYTES];
    if (!equals || equals == text || flags->n_properties == KAFKA_FLAGS_PROPERTIES_MAX) {
        options_wrong(flags->usage, "-X %s: give NAME=VALUE, at most %u times", value_shown(text, shown),
                      KAFKA_FLAGS_PROPERTIES_MAX);
        return false;
    }
    struct kafka_property *property = &flags->properties[flags->n_properties];
    property->name = strndup(text, (size_t)(equals - text));
    property->value = strdup(equals + 1);
    property->where = where;
    flags->n_properties++;
    if (!property->name || !property->value)
        return false;
    if (kafka_property_check(property->name, property->value, why, sizeof why))
        return true;
    options_wrong(flags->usage, "-X %s: %s", value_shown(text, shown), why);
    return false;
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
        free(flags->properties[i].value);
    }
}

const char *kafka_flags_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}
