/* value.c: texts that people wrote, to numbers and choices. */
#include "value.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *value_shown(const char *text, char out[VALUE_SHOWN_BYTES_MAX])
{
    size_t room = VALUE_SHOWN_BYTES_MAX - sizeof "\"...\"", n = 0;
    out[n++] = '"';
    const size_t length = strlen(text), taken = length < room ? length : utf8_cut(text, room);
    utf8_shown(out + n, text, taken);
    n += taken;
    snprintf(out + n, VALUE_SHOWN_BYTES_MAX - n, taken < length ? "...\"" : "\"");
    return out;
}

void value_range_text(const struct value_range *range, char *out, size_t size)
{
    const double readable = 1e15; /* what %.15g writes digit by digit */
    out[0] = 0;
    if (range->least == 0 && range->most == 0)
        return;
    if (range->most < readable && range->least > -readable)
        snprintf(out, size, "from %.15g to %.15g", range->least, range->most);
    else if (range->most < readable)
        snprintf(out, size, "of at most %.15g", range->most);
    else if (range->least > -readable)
        snprintf(out, size, "of at least %.15g", range->least);
}

/* Appends "; give a port from 0 to 65535". */
static bool refuse(const char *fault, const struct value_range *range, const char *noun, char *why, size_t why_size)
{
    char bounds[80];
    value_range_text(range, bounds, sizeof bounds);
    snprintf(why, why_size, "%s; give %s%s%s", fault, range->what ? range->what : noun, *bounds ? " " : "", bounds);
    return false;
}

static bool within(double value, const char *text, const struct value_range *range, const char *noun, char *why,
                   size_t why_size)
{
    if (range->least == 0 && range->most == 0)
        return true;
    if (value >= range->least && value <= range->most)
        return true;
    bool below = value < range->least;
    char fault[160];
    snprintf(fault, sizeof fault, "%.60s is %s %.15g", text, below ? "below" : "above",
             below ? range->least : range->most);
    return refuse(fault, range, noun, why, why_size);
}

/* "is empty", or `"12 apples" is not a whole number`; a comment behind a value is the usual reason for the latter. */
static bool refuse_text(const char *text, const struct value_range *range, const char *noun, char *why, size_t why_size)
{
    char shown[VALUE_SHOWN_BYTES_MAX], fault[200];
    bool comment = strpbrk(text, "#;") != NULL;
    if (!*text)
        snprintf(fault, sizeof fault, "the value is empty");
    else
        snprintf(fault, sizeof fault, "%s is not %s%s", value_shown(text, shown), noun,
                 comment ? " (a comment needs a line of its own)" : "");
    return refuse(fault, range, noun, why, why_size);
}

bool value_integer(const char *text, const struct value_range *range, int64_t *value, char *why, size_t why_size)
{
    const char *noun = "a whole number";
    size_t digits = text[0] == '-' || text[0] == '+';
    size_t n = digits + strspn(text + digits, "0123456789");
    if (n == digits || text[n])
        return refuse_text(text, range, noun, why, why_size);
    errno = 0;
    long long parsed = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        char shown[VALUE_SHOWN_BYTES_MAX], fault[160];
        snprintf(fault, sizeof fault, "%s is too %s", value_shown(text, shown), parsed < 0 ? "small" : "large");
        return refuse(fault, range, noun, why, why_size);
    }
    if (!within((double)parsed, text, range, noun, why, why_size))
        return false;
    *value = parsed;
    return true;
}

bool value_number(const char *text, const struct value_range *range, double *value, char *why, size_t why_size)
{
    const char *noun = "a number";
    /* strtod also takes leading blanks, hexadecimal, "nan" and "infinity": only these characters keep them out. */
    char *end = NULL;
    bool plain = *text && text[strspn(text, "0123456789+-.eE")] == 0;
    double parsed = plain ? strtod(text, &end) : 0;
    if (!plain || end == text || *end)
        return refuse_text(text, range, noun, why, why_size);
    if (!isfinite(parsed)) {
        char shown[VALUE_SHOWN_BYTES_MAX], fault[160];
        snprintf(fault, sizeof fault, "%s is too large", value_shown(text, shown));
        return refuse(fault, range, noun, why, why_size);
    }
    if (!within(parsed, text, range, noun, why, why_size))
        return false;
    *value = parsed;
    return true;
}

bool value_bool(const char *text, bool *value, char *why, size_t why_size)
{
    static const char *const names[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(text, names[i]) == 0) {
            *value = i % 2 == 1;
            return true;
        }
    return refuse_text(text, &(struct value_range){.what = "true or false"}, "true or false", why, why_size);
}

/* The next of "text|json", its length in *n; NULL at the end. */
static const char *next_choice(const char *at, size_t *n)
{
    if (!at || !*at)
        return NULL;
    *n = strcspn(at, "|");
    return at;
}

static const char *after_choice(const char *at, size_t n)
{
    return at[n] ? at + n + 1 : NULL;
}

void value_choices_text(const char *choices, char *out, size_t size)
{
    size_t n = 0, used = 0;
    for (const char *at = choices; (at = next_choice(at, &n)) && used < size; at = after_choice(at, n)) {
        bool last = at[n] == 0;
        const char *before = at == choices ? "" : last ? " or " : ", ";
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", before, (int)n, at);
    }
}

bool value_choice(const char *text, const char *choices, int64_t *value, char *why, size_t why_size)
{
    size_t n = 0, length = strlen(text);
    int64_t index = 0;
    for (const char *at = choices; (at = next_choice(at, &n)); at = after_choice(at, n), index++)
        if (n == length && strncmp(text, at, n) == 0) {
            *value = index;
            return true;
        }
    char known[200] = "";
    value_choices_text(choices, known, sizeof known);
    return refuse_text(text, &(struct value_range){.what = known}, "known here", why, why_size);
}

bool value_choice_name(const char *choices, int64_t index, char *out, size_t size)
{
    size_t n = 0;
    for (const char *at = choices; (at = next_choice(at, &n)); at = after_choice(at, n))
        if (index-- == 0) {
            snprintf(out, size, "%.*s", (int)n, at);
            return true;
        }
    return false;
}
