/* options.c: the flags of a subcommand: one table for parsing and for --help. */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "suggest.h"
#include "value.h"

/* ---- --help ---- */

#define HELP_WIDTH 80u       /* columns of a line, where words allow */
#define HELP_LEFT_MAX 30u    /* columns of flags; a longer one has its help below it */
#define HELP_LEFT_BYTES 160u /* of a flag with its argument */

/* "  -o, --output FILE", "      --sandbox[=false]": its length. */
static size_t help_left(const struct option *option, char *out, size_t size)
{
    char letter[] = {'-', option->letter, ',', ' ', 0};
    const bool value = option->kind != OPTION_FLAG && option->argument;
    const char *bare = option->kind == OPTION_REPEATED ? "[=false]" : "";
    int n = snprintf(out, size, "  %s--%s%s%s", option->letter ? letter : "    ", option->name, value ? " " : bare,
                     value ? option->argument : "");
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Writes words from column `at` on, in lines that begin in column `indent`. */
static void print_wrapped(const char *text, size_t at, size_t indent)
{
    for (bool first = true; *text; first = false) {
        size_t n = strcspn(text, " ");
        if (!first && at + 1 + n > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)n, text);
        at += n;
        text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void print_option(const struct option *option, size_t column)
{
    char left[HELP_LEFT_BYTES];
    size_t n = help_left(option, left, sizeof left);
    bool below = n + 2 > column;
    printf("%s%s%*s", left, below ? "\n" : "", (int)(below ? column : column - n), "");
    print_wrapped(option->help ? option->help : "", column, column);
}

static bool takes_letter(const struct option *options, size_t n_options, char letter)
{
    for (size_t i = 0; i < n_options; i++)
        if (options[i].name && options[i].letter == letter)
            return true;
    return false;
}

static void print_help(const struct options_usage *usage, const struct option *options, size_t n_options)
{
    const struct option help = {.name = "help",
                                .letter = takes_letter(options, n_options, 'h') ? '\0' : 'h',
                                .kind = OPTION_FLAG,
                                .help = "show this help"};
    const char *operands = usage->operands ? usage->operands : "";
    printf("Usage: alertrond %s [FLAG]...%s%s\n\n%s\n", usage->command, *operands ? " " : "", operands, usage->summary);
    size_t column = 0;
    for (size_t i = 0; i <= n_options; i++) {
        char left[HELP_LEFT_BYTES];
        const struct option *option = i < n_options ? &options[i] : &help;
        size_t n = option->name ? help_left(option, left, sizeof left) + 2 : 0;
        if (n > column && n <= HELP_LEFT_MAX)
            column = n;
    }
    printf("\nFlags:\n");
    bool help_printed = false; /* at the end of the flags that stand below no heading */
    for (size_t i = 0; i <= n_options; i++) {
        bool heading = i < n_options && !options[i].name;
        if ((heading || i == n_options) && !help_printed) {
            print_option(&help, column);
            help_printed = true;
        }
        if (heading)
            printf("\n%s\n", options[i].help);
        else if (i < n_options)
            print_option(&options[i], column);
    }
    if (usage->details)
        printf("\n%s%s", usage->details, usage->details[strlen(usage->details) - 1] == '\n' ? "" : "\n");
}

/* ---- parsing ---- */

int options_status(enum options_outcome outcome)
{
    return outcome == OPTIONS_WRONG ? 2 : outcome == OPTIONS_MISTAKES ? 1 : 0;
}

enum options_outcome options_wrong(const struct options_usage *usage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "alertrond %s: ", usage->command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "; see alertrond %s --help\n", usage->command);
    va_end(arguments);
    return OPTIONS_WRONG;
}

enum options_outcome options_spare(const struct options_usage *usage, const char *flag, const char *output,
                                   const char *const *inputs, size_t n)
{
    const char *lost = file_lost(output, inputs, n);
    return lost ? options_wrong(usage, "%s %s would be written in place of %s, which is read; name another file", flag,
                                output, lost)
                : OPTIONS_RUN;
}

struct parse {
    const struct options_usage *usage;
    const struct option *options;
    size_t n_options;
    int argc, at; /* argv[at] comes next */
    char **argv;
};

static const struct option *find_name(const struct parse *parse, const char *name, size_t n)
{
    for (size_t i = 0; i < parse->n_options; i++) {
        const char *known = parse->options[i].name;
        if (known && strlen(known) == n && memcmp(known, name, n) == 0)
            return &parse->options[i];
    }
    return NULL;
}

static const struct option *find_letter(const struct parse *parse, char letter)
{
    for (size_t i = 0; i < parse->n_options; i++)
        if (parse->options[i].name && parse->options[i].letter == letter)
            return &parse->options[i];
    return NULL;
}

static enum options_outcome unknown_flag(const struct parse *parse, const char *flag, const char *name)
{
    struct suggestion near = suggest_for(name);
    for (size_t i = 0; i < parse->n_options; i++)
        if (parse->options[i].name)
            suggest_consider(&near, parse->options[i].name);
    suggest_consider(&near, "help");
    char shown[VALUE_SHOWN_BYTES_MAX];
    size_t n = strlen(value_shown(flag, shown)) - 2; /* without its quotes */
    if (near.best)
        return options_wrong(parse->usage, "unknown flag %.*s (did you mean --%s?)", (int)n, shown + 1, near.best);
    return options_wrong(parse->usage, "unknown flag %.*s", (int)n, shown + 1);
}

static enum options_outcome set_value(const struct parse *parse, const struct option *option, const char *value)
{
    char why[400] = "";
    bool good = true;
    const struct value_range range = {NULL, option->least, option->most};
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        break;
    case OPTION_TEXT:
        *(const char **)option->target = value;
        break;
    case OPTION_INTEGER:
        good = value_integer(value, &range, option->target, why, sizeof why);
        break;
    case OPTION_NUMBER:
        good = value_number(value, &range, option->target, why, sizeof why);
        break;
    case OPTION_CHOICE:
        good = value_choice(value, option->argument, option->target, why, sizeof why);
        break;
    case OPTION_REPEATED:
        return option->add(option->target, value) ? OPTIONS_RUN : OPTIONS_WRONG;
    }
    return good ? OPTIONS_RUN : options_wrong(parse->usage, "--%s: %s", option->name, why);
}

/* Whether a text stands where a flag would: `--x` and `-x` are flags, "-", "--" and "-1" are values. */
static bool looks_like_flag(const char *text)
{
    char c = text[0] == '-' ? text[text[1] == '-' ? 2 : 1] : '\0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The flag's value is the next argument. One that looks like a flag was more likely meant as one. */
static enum options_outcome set_from_next(struct parse *parse, const struct option *option)
{
    const char *argument = option->argument ? option->argument : "VALUE";
    if (parse->at >= parse->argc)
        return options_wrong(parse->usage, "--%s needs a value: --%s %s", option->name, option->name, argument);
    const char *value = parse->argv[parse->at++];
    if (looks_like_flag(value))
        return options_wrong(parse->usage, "--%s needs a value before %s (if that is the value: --%s=%s)", option->name,
                             value, option->name, value);
    return set_value(parse, option, value);
}

static bool needs_value(const struct option *option)
{
    return option->kind != OPTION_FLAG && !(option->kind == OPTION_REPEATED && !option->argument);
}

/* --name, --name VALUE, --name=VALUE. */
static enum options_outcome take_long(struct parse *parse, const char *flag)
{
    const char *name = flag + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = find_name(parse, name, n);
    if (!option) {
        char only_name[SUGGEST_NAME_BYTES_MAX + 8];
        snprintf(only_name, sizeof only_name, "--%.*s", (int)n, name);
        return unknown_flag(parse, only_name, only_name + 2);
    }
    if (equals && option->kind == OPTION_FLAG)
        return options_wrong(parse->usage, "--%s takes no value", option->name);
    if (equals || !needs_value(option))
        return set_value(parse, option, equals ? equals + 1 : NULL);
    return set_from_next(parse, option);
}

/* -x, -x VALUE, -xVALUE, and several flags without values in one: -vx VALUE. */
static enum options_outcome take_short(struct parse *parse, const char *flag, bool *help)
{
    for (const char *letter = flag + 1; *letter; letter++) {
        const struct option *option = find_letter(parse, *letter);
        if (!option && *letter == 'h') {
            *help = true;
            return OPTIONS_HELP;
        }
        if (!option && letter == flag + 1)
            return unknown_flag(parse, flag, flag + 1);
        if (!option)
            return options_wrong(parse->usage, "unknown flag -%c in %s", *letter, flag);
        if (needs_value(option))
            return letter[1] ? set_value(parse, option, letter + 1) : set_from_next(parse, option);
        enum options_outcome outcome = set_value(parse, option, NULL);
        if (outcome != OPTIONS_RUN)
            return outcome;
    }
    return OPTIONS_RUN;
}

static enum options_outcome take_flag(struct parse *parse, const char *flag)
{
    bool help = strcmp(flag, "--help") == 0 && !find_name(parse, "help", 4);
    enum options_outcome outcome = OPTIONS_HELP;
    if (!help)
        outcome = flag[1] == '-' ? take_long(parse, flag) : take_short(parse, flag, &help);
    if (help)
        print_help(parse->usage, parse->options, parse->n_options);
    return outcome;
}

/* The operand at `index` of "MODEL READINGS [FILE]" as it is called there, where it is required; NULL otherwise. */
static const char *required_operand(const struct options_usage *usage, size_t index, size_t *n)
{
    const char *at = usage->operands ? usage->operands : "";
    for (at += strspn(at, " "); *at; at += strspn(at, " ")) {
        *n = strcspn(at, " ");
        if (*at != '[' && index-- == 0)
            return at;
        at += *n;
    }
    return NULL;
}

enum options_outcome options_parse(const struct options_usage *usage, const struct option *options, size_t n_options,
                                   int argc, char **argv, const char **operands, size_t *n_operands)
{
    struct parse parse = {usage, options, n_options, argc, 1, argv};
    size_t room = n_operands ? *n_operands : 0, n_found = 0;
    bool flags = true;
    while (parse.at < argc) {
        const char *argument = argv[parse.at++];
        if (flags && strcmp(argument, "--") == 0) {
            flags = false;
        } else if (flags && argument[0] == '-' && argument[1]) {
            enum options_outcome outcome = take_flag(&parse, argument);
            if (outcome != OPTIONS_RUN)
                return outcome;
        } else if (n_found == room) {
            char shown[VALUE_SHOWN_BYTES_MAX];
            return options_wrong(usage, room ? "%s is one argument too many" : "%s: it takes flags only",
                                 value_shown(argument, shown));
        } else {
            operands[n_found++] = argument;
        }
    }
    size_t n = 0;
    const char *missing = required_operand(usage, n_found, &n);
    if (missing)
        return options_wrong(usage, "%.*s is missing", (int)n, missing);
    if (n_operands)
        *n_operands = n_found;
    return OPTIONS_RUN;
}
