/* config_rules.h: what a configuration must obey beyond the kinds of its values. For the rooms of config only. */
#ifndef ALERTROND_CONFIG_RULES_H
#define ALERTROND_CONFIG_RULES_H

#include <stdbool.h>
#include <stddef.h>

struct config_draft;

/* Of one text each; false, and what is wrong in why. */
bool config_rule_topic(const char *value, char *why, size_t why_size);
bool config_rule_name(const char *value, char *why, size_t why_size); /* of a group, or of a member in it */
bool config_rule_bootstrap(const char *value, char *why, size_t why_size);
bool config_rule_address(const char *value, char *why, size_t why_size);

/* False, and why, for a property of librdkafka that is the service's to set. */
bool config_rule_property(const char *name, const char *value, char *why, size_t why_size);

/* Of values together, and of the files they name. Reports to the draft. */
void config_rules_together(struct config_draft *draft);

#endif
