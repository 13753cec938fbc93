/* value.h: texts that people wrote, to numbers and choices. What is wrong with one is said in one line with its
 * remedy: "80000 is above 65535; give a port from 0 to 65535". */
#ifndef ALERTROND_VALUE_H
#define ALERTROND_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct value_range {
    const char *what;   /* "a port", "a whole number of bytes"; NULL: "a whole number" or "a number" */
    double least, most; /* both included; both 0: any */
};

/* The whole of `text` is one decimal number within the range, or it is refused. */
bool value_integer(const char *text, const struct value_range *range, int64_t *value, char *why, size_t why_size);
bool value_number(const char *text, const struct value_range *range, double *value, char *why, size_t why_size);

/* true, yes, on, 1 or false, no, off, 0. */
bool value_bool(const char *text, bool *value, char *why, size_t why_size);

/* The index of `text` in `choices`, which names them as "text|json". */
bool value_choice(const char *text, const char *choices, int64_t *value, char *why, size_t why_size);

/* Copies choice `index` of `choices` into out; false where there are fewer. */
bool value_choice_name(const char *choices, int64_t index, char *out, size_t size);

/* "text or json", "debug, info, warning or error". */
void value_choices_text(const char *choices, char *out, size_t size);

/* "from 0 to 65535", "of at least 0" or "" where any will do. */
void value_range_text(const struct value_range *range, char *out, size_t size);

#define VALUE_SHOWN_BYTES_MAX 96u

/* `text` in quotes, fit for a line of a terminal: cut where it is long, `?` for what can't be printed. Returns out. */
const char *value_shown(const char *text, char out[VALUE_SHOWN_BYTES_MAX]);

#endif
