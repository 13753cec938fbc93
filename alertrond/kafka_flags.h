/* kafka_flags.h: what commands beside the service take of a cluster: --bootstrap, -X, and their variables of the
 * environment. */
#ifndef ALERTROND_KAFKA_FLAGS_H
#define ALERTROND_KAFKA_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "kafka.h"
#include "options.h"

#define KAFKA_FLAGS_PROPERTIES_MAX 64u

struct kafka_flags {
    const struct options_usage *usage; /* of the command, for what is wrong */
    const char *bootstrap;
    struct kafka_property properties[KAFKA_FLAGS_PROPERTIES_MAX];
    size_t n_properties;
};

/* Takes "NAME=VALUE", for an option of kind OPTION_REPEATED whose target is the kafka_flags. */
bool kafka_flags_add(void *target, const char *text);

/* After the flags: what they did not say comes from the environment. */
void kafka_flags_finish(struct kafka_flags *flags);

/* A view of the flags, which must outlive it. */
struct kafka_cluster kafka_flags_cluster(const struct kafka_flags *flags);
void kafka_flags_free(struct kafka_flags *flags);

/* A variable of the environment, or `otherwise` where it is unset or empty. */
const char *kafka_flags_environment(const char *name, const char *otherwise);

#endif
