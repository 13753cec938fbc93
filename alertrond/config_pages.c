/* config_pages.c: the table of keys as the documentation page and as the sample file. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "config_table.h"

#define TAKES_BYTES_MAX 160u
#define SAMPLE_WIDTH 100u

/* ---- the page ---- */

static const char page_head[] =
    "# Configuration of alertrond\n"
    "\n"
    "This page is written by `alertrond check-config --page`, from the table that the program itself reads by.\n"
    "[alertrond.conf](alertrond.conf) is a sample with every key, written by `alertrond check-config --sample`.\n"
    "\n"
    "## Where values come from\n"
    "\n"
    "A value is taken from the first of these that gives one:\n"
    "\n"
    "1. the command line: `--port 8000`\n"
    "2. the environment: `ALERTROND_HTTP_PORT=8000`; a variable that is empty counts as unset\n"
    "3. the file named by `-c`\n"
    "4. the default\n"
    "\n"
    "A mistake in any of them keeps the service from starting, even where another one would have won.\n"
    "`alertrond check-config -c alertrond.conf` finds all of them at once, says where each stands and what to write\n"
    "instead; then it reads the model and the other files that are named, and tells the first mistake in what they "
    "hold.\n"
    "It connects to nothing. Without mistakes it lists every value and where it came from.\n"
    "\n"
    "## The file\n"
    "\n"
    "```ini\n"
    "# A comment, alone in its line; so is one after a semicolon.\n"
    "[http]\n"
    "port = 8000\n"
    "```\n"
    "\n"
    "The text is UTF-8. A value is the rest of its line, without the blanks around it: there are no quotes, no "
    "escapes,\n"
    "and no comments behind a value. Names of sections and keys are written as they stand here. A key may be given "
    "once.\n";

static const char page_properties[] =
    "\n"
    "### Properties of librdkafka\n"
    "\n"
    "Any other key below `[kafka]` is a [property of "
    "librdkafka](https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md) and goes to it as it is;\n"
    "so does `-X name=value`, which may be repeated and wins over the file. Names and values are checked at start.\n"
    "\n"
    "```ini\n"
    "[kafka]\n"
    "security.protocol = SASL_SSL\n"
    "sasl.mechanism = SCRAM-SHA-512\n"
    "sasl.username = alertrond\n"
    "sasl.password_file = /run/secrets/kafka\n"
    "ssl.ca.location = /etc/ssl/certs/ca-certificates.crt\n"
    "```\n"
    "\n"
    "Secrets come from files or from the environment: `NAME_file = PATH` takes the property `NAME` from a file, and\n"
    "`security.protocol`, `sasl.*` and `ssl.*` have environment variables, such as `KAFKA_SASL_PASSWORD`. A secret on "
    "the\n"
    "command line is refused: other users of the machine can see it. [Security with Kafka](kafka-security.md) has a\n"
    "configuration for each way to log in.\n"
    "\n"
    "Properties that decide whether a reading can be lost or an output doubled belong to the service and are refused:\n"
    "`group.id`, `bootstrap.servers` and `auto.offset.reset` have keys of their own, and commits, idempotence,\n"
    "acknowledgements, isolation, transactions and `message.max.bytes` are fixed.\n";

/* A table's cell ends at a bar. */
static void write_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

/* A line of the page begins with a capital and ends with a dot, one of --help does not. */
static void write_sentence(FILE *out, const char *doc)
{
    char first = doc[0] >= 'a' && doc[0] <= 'z' ? (char)(doc[0] - 'a' + 'A') : doc[0];
    fputc(first, out);
    write_cell(out, doc + 1);
    fputc('.', out);
}

static void write_row(FILE *out, const struct config_key *key)
{
    char takes[TAKES_BYTES_MAX], name[CONFIG_NAME_BYTES_MAX];
    config_takes(key, takes, sizeof takes);
    fprintf(out, "| `%s` | ", key->name);
    write_sentence(out, key->doc);
    if (key->details) {
        fputc(' ', out);
        write_cell(out, key->details);
    }
    fprintf(out, " | ");
    write_cell(out, takes);
    if (key->initial)
        fprintf(out, *key->initial ? " | `%s` | " : " | empty | ", key->initial);
    else
        fprintf(out, " | required | ");
    if (key->letter)
        fprintf(out, "`-%c` ", key->letter);
    fprintf(out, "`--%s`", config_flag(key, name));
    fprintf(out, " | `%s` |\n", config_variable(key, name));
}

void config_write_page(FILE *out)
{
    fputs(page_head, out);
    for (size_t s = 0; s < config_n_sections; s++) {
        const char *section = config_sections[s].name;
        fprintf(out, "\n## [%s]\n\n%s\n\n", section, config_sections[s].doc);
        fprintf(out, "| Key | What it is | Takes | Default | Flag | Environment variable |\n");
        fprintf(out, "|---|---|---|---|---|---|\n");
        for (size_t i = 0; i < config_n_keys; i++)
            if (strcmp(config_keys[i].section, section) == 0)
                write_row(out, &config_keys[i]);
        if (strcmp(section, "kafka") == 0)
            fputs(page_properties, out);
    }
}

/* ---- the sample ---- */

static const char sample_head[] =
    "# alertrond.conf: the configuration of alertrond, with every key it has. A line that begins with #name shows\n"
    "# a default: take the # off to change it. docs/configuration.md says the same at greater length.\n"
    "#\n"
    "# Flags win over environment variables, those over this file. To find every mistake in it at once:\n"
    "#     alertrond check-config -c alertrond.conf\n";

static const char sample_properties[] = "\n"
                                        "# Properties of librdkafka, as they are:\n"
                                        "#security.protocol = SASL_SSL\n"
                                        "#sasl.mechanism = SCRAM-SHA-512\n"
                                        "#sasl.username = alertrond\n"
                                        "#sasl.password_file = /run/secrets/kafka\n"
                                        "#ssl.ca.location = /etc/ssl/certs/ca-certificates.crt\n";

/* Writes words as lines of comment. */
static void write_comment(FILE *out, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column == 0 || column + 1 + n > SAMPLE_WIDTH) {
            fprintf(out, "%s# %.*s", column ? "\n" : "", (int)n, text);
            column = 2 + n;
        } else {
            fprintf(out, " %.*s", (int)n, text);
            column += 1 + n;
        }
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

static void write_sample_key(FILE *out, const struct config_key *key)
{
    char takes[TAKES_BYTES_MAX], flag[CONFIG_NAME_BYTES_MAX], variable[CONFIG_NAME_BYTES_MAX], text[1024];
    config_takes(key, takes, sizeof takes);
    char first = key->doc[0] >= 'a' && key->doc[0] <= 'z' ? (char)(key->doc[0] - 'a' + 'A') : key->doc[0];
    snprintf(text, sizeof text, "%c%s.%s%s", first, key->doc + 1, key->details ? " " : "",
             key->details ? key->details : "");
    fputc('\n', out);
    write_comment(out, text);
    snprintf(text, sizeof text, "Takes %s. Also --%s and %s.", takes, config_flag(key, flag),
             config_variable(key, variable));
    write_comment(out, text);
    if (key->initial)
        fprintf(out, "#%s =%s%s\n", key->name, *key->initial ? " " : "", key->initial);
    else
        fprintf(out, "%s = model.alertron\n", key->name);
}

void config_write_sample(FILE *out)
{
    fputs(sample_head, out);
    for (size_t s = 0; s < config_n_sections; s++) {
        const char *section = config_sections[s].name;
        fprintf(out, "\n");
        write_comment(out, config_sections[s].doc);
        fprintf(out, "[%s]\n", section);
        for (size_t i = 0; i < config_n_keys; i++)
            if (strcmp(config_keys[i].section, section) == 0)
                write_sample_key(out, &config_keys[i]);
        if (strcmp(section, "kafka") == 0)
            fputs(sample_properties, out);
    }
}
