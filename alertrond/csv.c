/* csv.c: fields of a CSV's row: RFC 4180, with `,`, `;` or a tab between them. */
#include "csv.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    if (begin < end && (*begin == '+' || *begin == '-'))
        begin++;
    for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++)
        if (is_word(begin, end, infinite[i]))
            return CSV_NOT_FINITE;
    return CSV_NOT_NUMBER;
}

/* A decimal: digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int exponent;
    int n_digits; /* from the first that is not 0; beyond 19 `digits` does not hold them all */
    bool negative;
};

static const char *scan_digits(const char *at, const char *end, int step, struct decimal *decimal, size_t *n)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++, ++*n) {
        decimal->n_digits += decimal->n_digits > 0 || *at != '0';
        decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
        decimal->exponent -= step;
    }
    return at;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool scan_decimal(const char *at, const char *end, struct decimal *decimal)
{
    size_t n = 0;
    if (at < end && (*at == '+' || *at == '-'))
        decimal->negative = *at++ == '-';
    at = scan_digits(at, end, 0, decimal, &n);
    if (at < end && *at == '.')
        at = scan_digits(at + 1, end, 1, decimal, &n);
    if (n == 0)
        return false;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    bool negative = ++at < end && *at == '-';
    at += at < end && (*at == '+' || *at == '-');
    int exponent = 0;
    const char *digits = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (exponent < 100000)
            exponent = exponent * 10 + (*at - '0');
    decimal->exponent += negative ? -exponent : exponent;
    return at == end && at > digits;
}

/* Two doubles that are exact have a product and a quotient that are correctly rounded (Clinger 1990). */
static bool exact_double(const struct decimal *decimal, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int power = decimal->exponent;
    if (FLT_EVAL_METHOD != 0 || decimal->n_digits > 19 || decimal->digits > (uint64_t)1 << DBL_MANT_DIG ||
        power < -22 || power > 22)
        return false;
    double digits = (double)decimal->digits;
    *value = power < 0 ? digits / powers[-power] : digits * powers[power];
    if (decimal->negative)
        *value = -*value;
    return true;
}

enum csv_number csv_number(const char *begin, const char *end, double *value)
{
    struct decimal decimal = {0};
    if (!scan_decimal(begin, end, &decimal))
        return classify_word(begin, end, value);
    if (exact_double(&decimal, value))
        return CSV_NUMBER;
    /* What follows the field is a separator, a quote, a blank or the row's NUL: strtod stops at it. */
    double number = strtod(begin, NULL);
    if (!isfinite(number))
        return CSV_NOT_FINITE;
    *value = number;
    return CSV_NUMBER;
}
