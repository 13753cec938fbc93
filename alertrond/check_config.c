/* check_config.c: alertrond check-config: every mistake at once, or what the service would run with. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "config.h"
#include "config_draft.h"
#include "config_table.h"
#include "log.h"
#include "metrics_table.h"
#include "property.h"
#include "service.h"

#define VALUE_COLUMN_MAX 40u /* a longer value pushes its origin to the right */

static const struct options_usage usage = {
    .command = "check-config",
    .operands = "",
    .summary = "Finds every mistake in the configuration at once, with its line and its remedy; then\n"
               "reads the model and the other files that it names, and tells the first mistake in what\n"
               "they hold. It connects to nothing. Without mistakes it lists what the service would run\n"
               "with and where each value comes from.",
    .details = "Flags win over environment variables, those over the file, the file over defaults.\n"
               "Exit status: 0 no mistakes, 1 mistakes, 2 a flag that is none.\n"
               "\n"
               "Examples:\n"
               "  alertrond check-config -c alertrond.conf\n"
               "  alertrond check-config -c alertrond.conf --port 9000 -X security.protocol=SSL\n"
               "  alertrond check-config --sample > alertrond.conf\n"};

static size_t width_of(size_t n, size_t width, size_t most)
{
    return n > width && n <= most ? n : width;
}

static const char *shown(const struct kafka_property *property)
{
    return property_is_secret(property->name) ? "(hidden)" : property->value;
}

/* The columns that names and values take. */
static void measure(const struct config *config, size_t *names, size_t *values)
{
    char unused[CONFIG_NUMBER_BYTES_MAX];
    for (size_t i = 0; i < config_n_keys; i++) {
        *names = width_of(strlen(config_keys[i].section) + 1 + strlen(config_keys[i].name), *names, SIZE_MAX);
        *values = width_of(strlen(config_value(config, &config_keys[i], unused)), *values, VALUE_COLUMN_MAX);
    }
    for (size_t i = 0; i < config->kafka.n_properties; i++) {
        *names = width_of(strlen("kafka.") + strlen(config->kafka.properties[i].name), *names, SIZE_MAX);
        *values = width_of(strlen(shown(&config->kafka.properties[i])), *values, VALUE_COLUMN_MAX);
    }
}

static void print_value(const char *section, const char *name, size_t names, const char *value, size_t values,
                        const char *where)
{
    int rest = (int)(names - strlen(section) - 1 - strlen(name));
    printf("%s.%s%*s  %-*s  %s\n", section, name, rest, "", (int)values, *value ? value : "(empty)", where);
}

static void print_effective(const struct config_draft *draft)
{
    const struct config *config = &draft->config;
    size_t names = 0, values = 0;
    measure(config, &names, &values);
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        char number[CONFIG_NUMBER_BYTES_MAX], where[CONFIG_PLACE_BYTES_MAX];
        print_value(key->section, key->name, names, config_value(config, key, number), values,
                    config_place_text(draft, draft->places[i], key, where));
        bool last = i + 1 == config_n_keys || strcmp(config_keys[i + 1].section, key->section) != 0;
        if (last && strcmp(key->section, "kafka") == 0)
            for (size_t p = 0; p < config->kafka.n_properties; p++) {
                const struct kafka_property *property = &config->kafka.properties[p];
                print_value("kafka", property->name, names, shown(property), values, property->where);
            }
    }
}

static int check(const struct config_flags *flags)
{
    struct config_draft draft;
    if (!config_draft_begin(&draft, stderr))
        return 1;
    enum options_outcome outcome = config_gather(&draft, flags);
    const char *name = draft.file ? draft.file : "configuration";
    char why[1024];
    log_setup(LOG_WARNING_LEVEL, (enum log_format)draft.config.log.format, (unsigned)draft.config.log.rate);
    if (outcome == OPTIONS_RUN && !service_check(&draft.config, why, sizeof why)) {
        outcome = OPTIONS_MISTAKES;
        draft.n_mistakes++;
        fprintf(stderr, "%s\n", why);
    }
    if (outcome == OPTIONS_RUN) {
        print_effective(&draft);
        printf("\n%s: no mistakes\n", name);
    } else {
        fprintf(stderr, "%s: %zu mistake%s\n", name, draft.n_mistakes, draft.n_mistakes == 1 ? "" : "s");
    }
    config_draft_free(&draft);
    return options_status(outcome);
}

int command_check_config(int argc, char **argv)
{
    bool page = false, sample = false, metrics = false;
    const struct option more[] = {
        {.name = "page", .kind = OPTION_FLAG, .target = &page, .help = "write the documentation page, in Markdown"},
        {.name = "sample", .kind = OPTION_FLAG, .target = &sample, .help = "write a sample file with every key"},
        {.name = "metrics", .kind = OPTION_FLAG, .target = &metrics, .help = "write the page of metric families"},
    };
    struct config_flags flags;
    enum options_outcome outcome = config_flags_parse(&flags, &usage, more, sizeof more / sizeof *more, argc, argv);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    if (page + sample + metrics > 1)
        return options_status(options_wrong(&usage, "--page, --sample and --metrics are written one at a time"));
    if (page)
        config_write_page(stdout);
    else if (sample)
        config_write_sample(stdout);
    else if (metrics)
        metrics_write_page(stdout);
    return page || sample || metrics ? 0 : check(&flags);
}
