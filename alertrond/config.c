/* config.c: the service's configuration from its sources: defaults, the file, the environment, the flags. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_draft.h"
#include "config_rules.h"
#include "config_table.h"
#include "property.h"
#include "suggest.h"

#define HELP_BYTES_MAX 240u
#define OWN_PREFIX "ALERTROND_"

extern char **environ;

/* ---- flags ---- */

/* Flags of the command line, and the texts that --help shows of them. */
struct flag_table {
    struct option options[2 * CONFIG_KEYS_MAX];
    size_t n_options;
    char names[CONFIG_KEYS_MAX][CONFIG_NAME_BYTES_MAX];
    char helps[CONFIG_KEYS_MAX][HELP_BYTES_MAX];
};

static bool add_property(void *target, const char *value)
{
    struct config_flags *flags = target;
    if (flags->n_properties >= CONFIG_PROPERTIES_MAX) {
        fprintf(stderr, "flag -X: given more than %u times\n", CONFIG_PROPERTIES_MAX);
        return false;
    }
    flags->properties[flags->n_properties++] = value;
    return true;
}

static bool add_bool(void *target, const char *value)
{
    *(const char **)target = value ? value : "true";
    return true;
}

/* The line of --help: what it is, what it takes, its default. */
static void write_help(const struct config_key *key, char out[HELP_BYTES_MAX])
{
    char takes[120];
    config_takes(key, takes, sizeof takes);
    bool choice = key->kind == CONFIG_CHOICE;
    bool shown = key->initial && *key->initial && (key->kind != CONFIG_BOOL || strcmp(key->initial, "true") == 0);
    snprintf(out, HELP_BYTES_MAX, "%s%s%s%s%s%s", key->doc, choice ? ": " : "", choice ? takes : "",
             shown ? " (default " : "", shown ? key->initial : "", shown ? ")" : "");
}

static void add_option(struct flag_table *table, struct option option)
{
    table->options[table->n_options++] = option;
}

static void add_key(struct flag_table *table, struct config_flags *flags, size_t index)
{
    const struct config_key *key = &config_keys[index];
    write_help(key, table->helps[index]);
    bool is_bool = key->kind == CONFIG_BOOL;
    add_option(table, (struct option){.name = config_flag(key, table->names[index]),
                                      .letter = key->letter,
                                      .kind = is_bool ? OPTION_REPEATED : OPTION_TEXT,
                                      .target = &flags->values[index],
                                      .argument = is_bool ? NULL : key->argument,
                                      .help = table->helps[index],
                                      .add = is_bool ? add_bool : NULL});
}

static void fill_table(struct flag_table *table, struct config_flags *flags, const struct option *more, size_t n_more)
{
    for (size_t i = 0; i < n_more; i++)
        add_option(table, more[i]);
    add_option(table, (struct option){.name = "config",
                                      .letter = 'c',
                                      .kind = OPTION_TEXT,
                                      .target = &flags->file,
                                      .argument = "FILE",
                                      .help = "read this configuration file"});
    static const struct {
        const char *section, *heading;
    } headings[] = {{"model", "Model:"}, {"candidate", "Candidate:"}, {"severity", "Severity:"},
                    {"kafka", "Kafka:"}, {"http", "HTTP:"},           {"limits", "Limits:"},
                    {"log", "Log:"},     {"process", "Process:"}};
    for (size_t s = 0; s < sizeof headings / sizeof *headings; s++) {
        add_option(table, (struct option){.help = headings[s].heading});
        for (size_t i = 0; i < config_n_keys; i++)
            if (strcmp(config_keys[i].section, headings[s].section) == 0)
                add_key(table, flags, i);
        if (strcmp(headings[s].section, "kafka") == 0)
            add_option(table, (struct option){.name = "property",
                                              .letter = 'X',
                                              .kind = OPTION_REPEATED,
                                              .target = flags,
                                              .argument = "NAME=VALUE",
                                              .help = "a property of librdkafka, as it is; may be repeated",
                                              .add = add_property});
    }
}

enum options_outcome config_flags_parse(struct config_flags *flags, const struct options_usage *usage,
                                        const struct option *more, size_t n_more, int argc, char **argv)
{
    struct flag_table table = {.n_options = 0};
    *flags = (struct config_flags){0};
    fill_table(&table, flags, more, n_more);
    return options_parse(usage, table.options, table.n_options, argc, argv, NULL, NULL);
}

static void give_flags(struct config_draft *draft, const struct config_flags *flags)
{
    const struct config_place place = {CONFIG_FLAG, 0};
    for (size_t i = 0; i < config_n_keys; i++)
        if (flags->values[i])
            config_give(draft, &config_keys[i], flags->values[i], place);
    for (size_t i = 0; i < flags->n_properties; i++) {
        char name[PROPERTY_NAME_BYTES_MAX], why[256];
        const char *value = property_split(flags->properties[i], name, why, sizeof why);
        if (value)
            config_give_property(draft, name, value, place);
        else
            config_mistake(draft, place, NULL, NULL, "%s", why);
    }
}

/* ---- the environment ---- */

/* A variable under our prefix that is nearly one of ours is one that was mistyped. Others under it are left alone:
 * an orchestrator makes variables out of the names of its services. */
static void check_variable(struct config_draft *draft, const char *name, const struct config_place place)
{
    char variable[CONFIG_NAME_BYTES_MAX], nearest[CONFIG_NAME_BYTES_MAX] = "";
    size_t least = 3;
    for (size_t i = 0; i < config_n_keys; i++) {
        size_t distance = suggest_distance(name, config_variable(&config_keys[i], variable));
        if (strcmp(name, variable) == 0)
            return;
        if (distance < least) {
            least = distance;
            memcpy(nearest, variable, sizeof nearest);
        }
    }
    if (*nearest)
        config_mistake(draft, place, NULL, name, "unknown; did you mean %s?", nearest);
}

static bool is_variable_of_key(const char *name)
{
    char variable[CONFIG_NAME_BYTES_MAX];
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(name, config_variable(&config_keys[i], variable)) == 0)
            return true;
    return false;
}

static void take_variable(struct config_draft *draft, const char *name, const char *value)
{
    const struct config_place place = {CONFIG_ENVIRONMENT, 0};
    char property[PROPERTY_NAME_BYTES_MAX];
    if (strncmp(name, OWN_PREFIX, strlen(OWN_PREFIX)) == 0)
        check_variable(draft, name, place);
    else if (!is_variable_of_key(name) && property_of_variable(name, property))
        config_give_property(draft, property, value, place);
}

static void give_environment(struct config_draft *draft)
{
    const struct config_place place = {CONFIG_ENVIRONMENT, 0};
    char name[CONFIG_NAME_BYTES_MAX];
    for (size_t i = 0; i < config_n_keys; i++) {
        const char *value = getenv(config_variable(&config_keys[i], name));
        if (value && *value)
            config_give(draft, &config_keys[i], value, place);
    }
    for (char **at = environ; *at; at++) {
        const char *equals = strchr(*at, '=');
        size_t n = equals ? (size_t)(equals - *at) : 0;
        if (n == 0 || n >= sizeof name || !equals[1])
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n, *at);
        take_variable(draft, name, equals + 1);
    }
}

/* ---- all of them ---- */

enum options_outcome config_gather(struct config_draft *draft, const struct config_flags *flags)
{
    if (flags->file)
        config_file_read(draft, flags->file);
    give_environment(draft);
    give_flags(draft, flags);
    config_rules_together(draft);
    if (draft->n_mistakes > CONFIG_MISTAKES_MAX)
        fprintf(draft->errors, "... and %zu more mistake%s\n", draft->n_mistakes - CONFIG_MISTAKES_MAX,
                draft->n_mistakes == CONFIG_MISTAKES_MAX + 1 ? "" : "s");
    return draft->n_mistakes ? OPTIONS_MISTAKES : OPTIONS_RUN;
}

enum options_outcome config_read(struct config *config, const struct options_usage *usage, int argc, char **argv,
                                 FILE *errors)
{
    struct config_flags flags;
    enum options_outcome outcome = config_flags_parse(&flags, usage, NULL, 0, argc, argv);
    if (outcome != OPTIONS_RUN)
        return outcome;
    struct config_draft draft;
    if (!config_draft_begin(&draft, errors))
        return OPTIONS_MISTAKES;
    outcome = config_gather(&draft, &flags);
    if (outcome == OPTIONS_RUN)
        *config = draft.config; /* and with it what it holds */
    else
        config_draft_free(&draft);
    return outcome;
}

bool config_defaults(struct config *config)
{
    struct config_draft draft;
    if (!config_draft_begin(&draft, stderr))
        return false;
    *config = draft.config;
    return true;
}
