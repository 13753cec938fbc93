/* kafka_flags.h: what commands beside the service take of a cluster: --bootstrap, -X, and their variables of the
 * environment. */
#ifndef ALERTROND_KAFKA_FLAGS_H
#define ALERTROND_KAFKA_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "kafka.h"
#include "options.h"

#define KAFKA_FLAGS_PROPERTIES_MAX 64u /* of the user's */
#define KAFKA_FLAGS_DEFAULTS_MAX 4u

struct kafka_flags {
    const struct options_usage *usage; /* of the command, for what is wrong */
    const char *bootstrap;
    /* the later ones win */
    struct kafka_property properties[KAFKA_FLAGS_PROPERTIES_MAX + KAFKA_FLAGS_DEFAULTS_MAX];
    size_t n_properties;
};

/* Before the flags, which win: properties from the environment, such as KAFKA_SASL_PASSWORD. False where one is wrong,
 * which was said. */
bool kafka_flags_begin(struct kafka_flags *flags);

/* Takes "NAME=VALUE", for an option of kind OPTION_REPEATED whose target is the kafka_flags. */
bool kafka_flags_add(void *target, const char *text);

/* After the flags: the bootstrap that they did not say comes from the environment. */
void kafka_flags_finish(struct kafka_flags *flags);

/* After that: what the command wants of a property where its user says nothing, KAFKA_FLAGS_DEFAULTS_MAX at the most.
 */
void kafka_flags_default(struct kafka_flags *flags, const char *name, const char *value);

/* A view of the flags, which must outlive it and its clients. */
struct kafka_cluster kafka_flags_cluster(const struct kafka_flags *flags);
void kafka_flags_free(struct kafka_flags *flags);

/* A variable of the environment, or `otherwise` where it is unset or empty. */
const char *kafka_flags_environment(const char *name, const char *otherwise);

#endif
