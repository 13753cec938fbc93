/* replay_flags.c: what the flags of `alertrond replay` say. */
#include <string.h>
#include <time.h>

#include "replay.h"

#define WHY_BYTES 512

static const struct options_usage usage = {
    .command = "replay",
    .operands = "",
    .summary = "Puts dead letters back to where they came from, once their cause is mended.",
    .details = "Value, key, headers and timestamp are written as they came, without the headers that\n"
               "told the reason. The group remembers how far it has come, in the same transaction\n"
               "that writes: each letter is put back once, also where this was killed and is begun\n"
               "again. It ends at what was there when it began; a letter that fails again is a new\n"
               "one, for the next time. Look first: --dry-run writes nothing and remembers nothing.\n"
               "\n"
               "What is not chosen is passed, and told. A group never goes back; another --group\n"
               "begins at the first letter. Letters that do not say where they came from (reason\n"
               "`none`) are passed without --topic.\n"
               "\n"
               "KAFKA_BOOTSTRAP and KAFKA_DEAD_LETTERS_TOPIC are defaults;\n"
               "KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_... and KAFKA_SSL_... are properties as -X has\n"
               "them.\n"
               "\n"
               "Examples:\n"
               "  alertrond replay --bootstrap 127.0.0.1:9092 --dry-run\n"
               "  alertrond replay --bootstrap 127.0.0.1:9092 --reason wrong_width --since 2h\n"
               "  alertrond replay --group bare --reason none --topic readings\n"};

static enum options_outcome wrong(const char *flag, const char *why)
{
    return options_wrong(&usage, "%s: %s", flag, why);
}

/* The texts of a choice. */
struct choosing {
    const char *reasons, *since, *until;
};

static enum options_outcome choose(struct letters_choice *choice, const struct choosing *texts)
{
    const int64_t now = (int64_t)time(NULL);
    char why[WHY_BYTES];
    if (texts->reasons && !letters_choose_reasons(choice, texts->reasons, why, sizeof why))
        return wrong("--reason", why);
    if (texts->since && !letters_read_bound(&choice->since, texts->since, now, why, sizeof why))
        return wrong("--since", why);
    if (texts->until && !letters_read_bound(&choice->until, texts->until, now, why, sizeof why))
        return wrong("--until", why);
    if (choice->since.kind == choice->until.kind && choice->since.kind != LETTERS_ANY &&
        choice->since.value >= choice->until.value)
        return options_wrong(&usage, "--since %s is not before --until %s", texts->since, texts->until);
    return OPTIONS_RUN;
}

enum options_outcome replay_flags_read(struct replay_flags *flags, int argc, char **argv)
{
    struct choosing texts = {0};
    *flags = (struct replay_flags){.cluster = {.usage = &usage}, .partition = -1, .group = "alertrond-replay"};
    const struct option options[] = {
        {"dry-run", 0, OPTION_FLAG, &flags->dry_run, NULL, "write nothing: counts, and examples of each reason", 0, 0,
         NULL},
        {.help = "Which letters:"},
        {"reason", 'r', OPTION_TEXT, &texts.reasons, "REASON,...", "of these reasons (default: of all)", 0, 0, NULL},
        {"since", 0, OPTION_TEXT, &texts.since, "WHEN",
         "from here on: 2026-11-23T05:30:00Z, 2h (ago), or an offset; times are the messages' own", 0, 0, NULL},
        {"until", 0, OPTION_TEXT, &texts.until, "WHEN", "before this", 0, 0, NULL},
        {"partition", 0, OPTION_INTEGER, &flags->partition, "N", "of this partition (default: of all)", 0, 2147483647,
         NULL},
        {"limit", 'n', OPTION_INTEGER, &flags->limit, "N", "end after so many", 1, 1e15, NULL},
        {.help = "Where:"},
        {"topic", 't', OPTION_TEXT, &flags->topic, "TOPIC", "to this topic (default: to where each came from)", 0, 0,
         NULL},
        {"dead-letters", 0, OPTION_TEXT, &flags->letters, "TOPIC",
         "from this topic (default: KAFKA_DEAD_LETTERS_TOPIC, or readings.dlq)", 0, 0, NULL},
        {"group", 'g', OPTION_TEXT, &flags->group, "GROUP",
         "who remembers (default: alertrond-replay); another begins at the first letter", 0, 0, NULL},
        {"bootstrap", 'b', OPTION_TEXT, &flags->cluster.bootstrap, "HOST:PORT",
         "this Kafka (default: KAFKA_BOOTSTRAP, or 127.0.0.1:9092)", 0, 0, NULL},
        {"property", 'X', OPTION_REPEATED, &flags->cluster, "NAME=VALUE", "a property for librdkafka, as kcat's -X", 0,
         0, kafka_flags_add},
    };
    if (!kafka_flags_begin(&flags->cluster))
        return OPTIONS_WRONG;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, NULL, NULL);
    if (outcome == OPTIONS_RUN)
        outcome = choose(&flags->choice, &texts);
    if (outcome != OPTIONS_RUN)
        return outcome;
    kafka_flags_finish(&flags->cluster);
    /* Reads what is committed, makes no topic by asking for it, and is told where a partition ends. */
    kafka_flags_default(&flags->cluster, "isolation.level", "read_committed");
    kafka_flags_default(&flags->cluster, "allow.auto.create.topics", "false");
    kafka_flags_default(&flags->cluster, "enable.partition.eof", "true");
    if (!flags->letters)
        flags->letters = kafka_flags_environment("KAFKA_DEAD_LETTERS_TOPIC", "readings.dlq");
    if (!*flags->letters || !*flags->group || (flags->topic && !*flags->topic))
        return options_wrong(&usage, "--topic, --dead-letters and --group take a name, not an empty text");
    if (flags->topic && strcmp(flags->topic, flags->letters) == 0)
        return options_wrong(&usage, "--topic %s is the topic of the dead letters themselves; give the readings'",
                             flags->topic);
    return OPTIONS_RUN;
}
