/* config_file.c: the configuration file: sections, `key = value`, comments. */
#include <stdlib.h>
#include <string.h>

#include "config_draft.h"
#include "file.h"
#include "suggest.h"
#include "value.h"

struct reader {
    struct config_draft *draft;
    const char *section; /* of config_sections; NULL before the first one */
    bool skips;          /* a section that is unknown: that has been said once */
    unsigned line;
};

static struct config_place here(const struct reader *reader)
{
    return (struct config_place){CONFIG_FILE, reader->line};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    while (is_blank(*text))
        text++;
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    text[n] = 0;
    return text;
}

static void unknown_section(struct reader *reader, const char *name)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    value_shown(name, shown);
    struct suggestion near = suggest_for(name);
    for (size_t i = 0; i < config_n_sections; i++)
        suggest_consider(&near, config_sections[i].name);
    if (near.best) {
        config_mistake(reader->draft, here(reader), NULL, NULL, "unknown section %s; did you mean [%s]?", shown,
                       near.best);
        return;
    }
    char known[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < config_n_sections && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s[%s]", i ? ", " : "", config_sections[i].name);
    config_mistake(reader->draft, here(reader), NULL, NULL, "unknown section %s; there are %s", shown, known);
}

static void take_section(struct reader *reader, char *line)
{
    size_t n = strlen(line);
    reader->skips = true;
    if (line[n - 1] != ']') {
        char shown[VALUE_SHOWN_BYTES_MAX];
        config_mistake(reader->draft, here(reader), NULL, NULL, "%s is not a section; write [name], alone in its line",
                       value_shown(line, shown));
        return;
    }
    line[n - 1] = 0;
    const char *name = trim(line + 1);
    for (size_t i = 0; i < config_n_sections; i++)
        if (strcmp(config_sections[i].name, name) == 0) {
            reader->section = config_sections[i].name;
            reader->skips = false;
            return;
        }
    unknown_section(reader, name);
}

/* A key that its section does not have: its neighbour by spelling, the section it belongs to, or all there are. */
static void unknown_key(struct reader *reader, const char *name)
{
    char shown[VALUE_SHOWN_BYTES_MAX], known[512] = "";
    const char *elsewhere = NULL;
    size_t used = 0;
    struct suggestion near = suggest_for(name);
    value_shown(name, shown);
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        bool ours = reader->section && strcmp(key->section, reader->section) == 0;
        if (ours) {
            suggest_consider(&near, key->name);
            if (used < sizeof known)
                used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", key->name);
        } else if (strcmp(key->name, name) == 0) {
            elsewhere = key->section;
        }
    }
    if (near.best)
        config_mistake(reader->draft, here(reader), NULL, NULL, "unknown key %s in [%s]; did you mean %s?", shown,
                       reader->section, near.best);
    else if (elsewhere || strchr(name, '.'))
        config_mistake(reader->draft, here(reader), NULL, NULL, "unknown key %s in [%s]; it belongs to [%s]", shown,
                       reader->section, elsewhere ? elsewhere : "kafka");
    else
        config_mistake(reader->draft, here(reader), NULL, NULL, "unknown key %s in [%s], which has %s", shown,
                       reader->section, known);
}

static void key_without_section(struct reader *reader, const char *name)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    const char *section = NULL;
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            section = config_keys[i].section;
    value_shown(name, shown);
    if (section)
        config_mistake(reader->draft, here(reader), NULL, NULL,
                       "%s stands before the first [section]; put it below [%s]", shown, section);
    else
        config_mistake(reader->draft, here(reader), NULL, NULL, "%s stands before the first [section]", shown);
}

static void take_key(struct reader *reader, char *line)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    char *equals = strchr(line, '=');
    if (!equals || equals == line) {
        line[strcspn(line, " \t:")] = 0; /* what follows might be a password */
        config_mistake(reader->draft, here(reader), NULL, NULL,
                       "the line of %s is not understood; write key = value, [section], or # and a comment",
                       value_shown(line, shown));
        return;
    }
    *equals = 0;
    const char *name = trim(line), *value = trim(equals + 1);
    if (reader->skips)
        return;
    if (!reader->section) {
        key_without_section(reader, name);
        return;
    }
    const struct config_key *key = config_find(reader->section, name);
    if (!key && strcmp(reader->section, "kafka") == 0) {
        config_give_property(reader->draft, name, value, here(reader));
    } else if (!key) {
        unknown_key(reader, name);
    } else {
        struct config_place first = reader->draft->places[key - config_keys];
        if (first.source == CONFIG_FILE)
            config_mistake(reader->draft, here(reader), key, NULL, "given twice, first in line %u; keep one",
                           first.line);
        else
            config_give(reader->draft, key, value, here(reader));
    }
}

void config_file_parse(struct config_draft *draft, char *text, size_t n)
{
    struct reader reader = {.draft = draft};
    char *end = text + n;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3; /* the mark some editors put before UTF-8 */
    while (text < end) {
        reader.line++;
        char *newline = memchr(text, '\n', (size_t)(end - text)), *next = newline ? newline + 1 : end;
        if (newline)
            *newline = 0;
        if (strlen(text) < (size_t)((newline ? newline : end) - text)) {
            config_mistake(draft, here(&reader), NULL, NULL, "a zero byte: this is no text in UTF-8");
            return;
        }
        char *line = trim(text);
        if (*line == '[')
            take_section(&reader, line);
        else if (*line && *line != '#' && *line != ';')
            take_key(&reader, line);
        text = next;
    }
}

void config_file_read(struct config_draft *draft, const char *path)
{
    char why[CONFIG_PLACE_BYTES_MAX];
    size_t n = 0;
    char *text = (char *)file_read(path, CONFIG_FILE_BYTES_MAX, &n, why, sizeof why);
    if (!text) {
        draft->n_mistakes++;
        fprintf(draft->errors, "flag --config: %s\n", why);
        return;
    }
    draft->file = strcmp(path, "-") == 0 ? "standard input" : path;
    config_file_parse(draft, text, n);
    free(text);
}
