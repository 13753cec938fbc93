/* csv.c: fields of a CSV's row: RFC 4180, with `,`, `;` or a tab between them. */
#include "csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "decimal.h"

char csv_separator(const char *text, size_t n_bytes)
{
    static const char separators[] = ",;\t";
    size_t counts[3] = {0};
    bool quoted = false;
    for (size_t i = 0; i < n_bytes; i++) {
        const char *found = text[i] ? strchr(separators, text[i]) : NULL;
        if (text[i] == '"')
            quoted = !quoted;
        else if (found && !quoted)
            counts[found - separators]++;
    }
    size_t best = counts[1] > counts[0] ? 1 : 0;
    return separators[counts[2] > counts[best] ? 2 : best];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

const char *csv_field_end(const char *at, const char *end, char separator)
{
    const char *quote = at;
    while (quote < end && *quote == ' ')
        quote++;
    if (quote < end && *quote == '"') {
        /* A quote within a quoted field is written twice: the second one opens it again. */
        bool quoted = false;
        for (at = quote; at < end && (quoted || *at != separator); at++)
            quoted ^= *at == '"';
        return at;
    }
    while (at < end && *at != separator)
        at++;
    return at;
}

void csv_trim(const char **begin, const char **end)
{
    while (*begin < *end && is_blank(**begin))
        ++*begin;
    while (*begin < *end && is_blank((*end)[-1]))
        --*end;
    if (*end - *begin >= 2 && **begin == '"' && (*end)[-1] == '"') {
        ++*begin;
        --*end;
    }
}

/* Copies a field's content; returns what is behind the copy and its NUL. */
static char *copy_field(char *out, const char *begin, const char *end)
{
    csv_trim(&begin, &end);
    for (; begin < end; begin++) {
        *out++ = *begin;
        if (begin + 1 < end && begin[0] == '"' && begin[1] == '"')
            begin++;
    }
    *out++ = '\0';
    return out;
}

char **csv_split(const char *text, size_t n_bytes, char separator, size_t *n_fields)
{
    const char *end = text + n_bytes, *at = text;
    size_t n = 1;
    while ((at = csv_field_end(at, end, separator)) < end) {
        at++;
        n++;
    }
    char **fields = malloc(n * sizeof *fields + n_bytes + n);
    if (!fields)
        return NULL;
    char *out = (char *)(fields + n);
    at = text;
    for (size_t i = 0; i < n; i++) {
        const char *field_end = csv_field_end(at, end, separator);
        fields[i] = out;
        out = copy_field(out, at, field_end);
        at = field_end + 1;
    }
    *n_fields = n;
    return fields;
}

static bool is_word(const char *begin, const char *end, const char *word)
{
    size_t n = (size_t)(end - begin);
    return n == strlen(word) && strncasecmp(begin, word, n) == 0;
}

static enum csv_number classify_word(const char *begin, const char *end, double *value)
{
    static const char *const missing[] = {"", "nan", "na", "n/a", "null"};
    static const char *const infinite[] = {"inf", "infinity"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (is_word(begin, end, missing[i])) {
            *value = NAN;
            return CSV_MISSING;
        }
    bool negative = begin < end && *begin == '-';
    begin += begin < end && (*begin == '+' || *begin == '-');
    for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++)
        if (is_word(begin, end, infinite[i])) {
            *value = negative ? -INFINITY : INFINITY;
            return CSV_INFINITE;
        }
    return CSV_NOT_NUMBER;
}

enum csv_number csv_number(const char *begin, const char *end, double *value)
{
    /* What follows the field is a separator, a quote, a blank or the row's NUL, as decimal_read wants it. */
    double number;
    if (!decimal_read(begin, end, &number))
        return classify_word(begin, end, value);
    if (!isfinite(number))
        return CSV_TOO_LARGE;
    *value = number;
    return CSV_NUMBER;
}
