/* options.h: the flags of a subcommand: one table for parsing and for --help. */
#ifndef ALERTROND_OPTIONS_H
#define ALERTROND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool *: set to true */
    OPTION_TEXT,     /* const char **: points into argv */
    OPTION_INTEGER,  /* int64_t *, within [least, most] */
    OPTION_NUMBER,   /* double *, within [least, most] */
    OPTION_REPEATED, /* calls add(target, value) each time; false is a usage error that add has reported.
                      * Where `argument` is NULL it is true or false: add(target, NULL) for a bare --name */
    OPTION_CHOICE    /* int64_t *, the index in `argument`, which names the choices: "text|json" */
};

/* An option without a name is a heading for --help: its help text stands above the options that follow. */
struct option {
    const char *name; /* without the dashes */
    char letter;      /* 0 for none */
    enum option_kind kind;
    void *target;
    const char *argument; /* what --help calls its value, e.g. "FILE" */
    const char *help;     /* one line; the default stands in it */
    double least, most;   /* of a number, both included; both 0: any */
    bool (*add)(void *target, const char *value);
};

struct options_usage {
    const char *command;  /* "train" */
    const char *operands; /* "READINGS", "[FILE]" or ""; a word without brackets is required */
    const char *summary;  /* one line */
    const char *details;  /* more lines for --help, or NULL */
};

enum options_outcome {
    OPTIONS_RUN,     /* go on */
    OPTIONS_HELP,    /* --help was printed: exit 0 */
    OPTIONS_WRONG,   /* what was wrong was printed to standard error: exit 2 */
    OPTIONS_MISTAKES /* of config_read only: mistakes in the configuration were printed: exit 1 */
};

/* The exit status that an outcome other than OPTIONS_RUN asks for. */
int options_status(enum options_outcome outcome);

/* Parses argv[1 ..]: --name VALUE, --name=VALUE, -x VALUE, -xVALUE, `--` ends flags, "-" is an operand. Operands
 * go to operands[0 .. *n_operands), at most *n_operands of them (more is an error, and so is fewer than
 * usage->operands asks for). -h and --help are built in. */
enum options_outcome options_parse(const struct options_usage *usage, const struct option *options, size_t n_options,
                                   int argc, char **argv, const char **operands, size_t *n_operands);

/* Says on standard error what was wrong with a subcommand's arguments and where its manual is:
 * "alertrond train: ...; see alertrond train --help". */
enum options_outcome options_wrong(const struct options_usage *usage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* OPTIONS_WRONG, and says so, where what is written would be in place of one of n files that are read; a NULL among
 * them is none. `flag` is the one that names the output. */
enum options_outcome options_spare(const struct options_usage *usage, const char *flag, const char *output,
                                   const char *const *inputs, size_t n);

#endif
