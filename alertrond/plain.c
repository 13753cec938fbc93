/* plain.c: readings of the usual shape, decoded without a library.
 *
 * It takes what it is sure of, and never says that anything is wrong: a `false` anywhere in here sends the bytes to
 * the decoder in reading.c, whose word counts. Eight bytes are looked at together where that many are left.
 */
#include "plain.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "decimal.h"
#include "utf8.h"

/* Digits that fit into 64 bits, zeros that may stand before them, and those of an exponent: far fewer characters than
 * reading.c reads of a number. */
enum { DIGITS_MAX = 19, ZEROS_MAX = 10, EXPONENT_DIGITS_MAX = 3 };

/* Fields that were there. */
enum { DEVICE = 1, FEATURES = 2, TIME = 4 };

struct text {
    const char *at, *end;
};

/* ---- eight bytes at once: the first one lowest, on any machine ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t load(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

/* The top bit of each byte that is at least `least`, which is at most 0x80. */
static uint64_t at_least(uint64_t bytes, unsigned least)
{
    return (((bytes & EACH(0x7f)) + EACH(0x80 - least)) | bytes) & EACH(0x80);
}

/* How many bytes come before the first one that is marked; there is one. */
static unsigned before_mark(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

/* The number that eight digits are, from their values 0 to 9: pairs, fours, all. */
static uint64_t number_of(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8);
    return ((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (digits >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* ---- marks and words ---- */

static bool ahead(const struct text *text, char c)
{
    return text->at < text->end && *text->at == c;
}

static void skip_blanks(struct text *text)
{
    while (ahead(text, ' ') || ahead(text, '\n') || ahead(text, '\r') || ahead(text, '\t'))
        text->at++;
}

/* Takes a mark, with the blanks before it. */
static bool take(struct text *text, char mark)
{
    skip_blanks(text);
    const bool there = ahead(text, mark);
    text->at += there;
    return there;
}

static bool take_bytes(struct text *text, const char *bytes, size_t n)
{
    const bool there = (size_t)(text->end - text->at) >= n && memcmp(text->at, bytes, n) == 0;
    text->at += there ? n : 0;
    return there;
}

static bool take_null(struct text *text)
{
    return take_bytes(text, "null", 4);
}

/* Takes a string's bytes and the quote after them; *marks is not 0 where some are not ASCII. */
static bool take_string(struct text *text, uint64_t *marks)
{
    *marks = 0;
    while (text->end - text->at >= 8) {
        const uint64_t bytes = load(text->at), high = bytes & EACH(0x80);
        const uint64_t usual = at_least(bytes, 0x20) & at_least(bytes ^ EACH('"'), 1) & at_least(bytes ^ EACH('\\'), 1);
        const uint64_t ends = ~usual & EACH(0x80);
        if (!ends) {
            *marks |= high;
            text->at += 8;
            continue;
        }
        *marks |= high & (ends ^ (ends - 1));
        text->at += before_mark(ends);
        return take_bytes(text, "\"", 1);
    }
    for (; text->at < text->end && *text->at != '"'; text->at++) {
        const unsigned char c = (unsigned char)*text->at;
        if (c < 0x20 || c == '\\')
            return false;
        *marks |= c & 0x80u;
    }
    return take_bytes(text, "\"", 1);
}

/* ---- numbers ---- */

static size_t take_digits(struct text *text, uint64_t *number)
{
    static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    const char *begin = text->at;
    while (text->end - text->at >= 8) {
        const uint64_t digits = load(text->at) ^ EACH('0'), ends = at_least(digits, 10);
        const unsigned n = ends ? before_mark(ends) : 8;
        if (n > 0)
            *number = *number * tens[n] + number_of(digits << (64 - 8 * n));
        text->at += n;
        if (n < 8)
            return (size_t)(text->at - begin);
    }
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        *number = *number * 10 + (uint64_t)(*text->at - '0');
    return (size_t)(text->at - begin);
}

static bool take_exponent(struct text *text, int *exponent)
{
    const bool negative = ahead(text, '-');
    text->at += negative || ahead(text, '+');
    uint64_t number = 0;
    const size_t n = take_digits(text, &number);
    if (n == 0 || n > EXPONENT_DIGITS_MAX)
        return false;
    *exponent += negative ? -(int)number : (int)number;
    return true;
}

/* Whether `digits` holds these n digits, which have a point among them: zeros at the front are no matter. */
static bool digits_fit(const char *at, size_t n)
{
    if (n > DIGITS_MAX + ZEROS_MAX)
        return false;
    for (; n > 0 && (*at == '0' || *at == '.'); at++)
        n -= *at == '0';
    return n <= DIGITS_MAX;
}

static bool take_number(struct text *text, double *value)
{
    const bool negative = ahead(text, '-');
    text->at += negative;
    const char *begin = text->at;
    uint64_t digits = 0;
    size_t whole = take_digits(text, &digits), decimals = 0;
    if (whole == 0 || (*begin == '0' && whole > 1))
        return false;
    if (ahead(text, '.')) {
        text->at++;
        decimals = take_digits(text, &digits);
        if (decimals == 0)
            return false;
    }
    if (whole + decimals > DIGITS_MAX && !digits_fit(begin, whole + decimals))
        return false;
    int exponent = -(int)decimals;
    if (ahead(text, 'e') || ahead(text, 'E')) {
        text->at++;
        if (!take_exponent(text, &exponent))
            return false;
    }
    if (!decimal_nearest(digits, exponent, value))
        return false;
    *value = negative ? -*value : *value;
    return true;
}

/* ---- fields ---- */

static bool is_utf8(const char *at, const char *end)
{
    size_t step = 1;
    for (; at < end && step > 0; at += step)
        step = utf8_bytes(at); /* the quote behind the string ends what it looks at */
    return step > 0;
}

static bool take_device(struct text *text, struct reading *reading)
{
    uint64_t marks;
    const char *begin = text->at + 1;
    if (!take_bytes(text, "\"", 1) || !take_string(text, &marks))
        return false;
    const size_t n = (size_t)(text->at - 1 - begin);
    if (n == 0 || n > READING_DEVICE_BYTES_MAX || (marks && !is_utf8(begin, begin + n)))
        return false;
    memcpy(reading->device_id, begin, n);
    reading->device_id[n] = '\0';
    reading->device_id_bytes = n;
    return true;
}

static bool take_features(struct text *text, const struct reading_shape *shape, double *features)
{
    if (!take_bytes(text, "[", 1))
        return false;
    for (size_t i = 0; i < shape->width; i++) {
        if (i > 0 && !take(text, ','))
            return false;
        skip_blanks(text);
        if (shape->missing_values && take_null(text))
            features[i] = NAN;
        else if (!take_number(text, &features[i]))
            return false;
    }
    return take(text, ']');
}

static bool take_time(struct text *text, double *ts)
{
    return take_null(text) || take_number(text, ts);
}

/* A value that nobody asked for. */
static bool take_other(struct text *text)
{
    uint64_t marks;
    double number;
    if (take_bytes(text, "\"", 1))
        return take_string(text, &marks);
    return take_null(text) || take_bytes(text, "true", 4) || take_bytes(text, "false", 5) || take_number(text, &number);
}

static bool take_value(struct text *text, unsigned field, const struct reading_shape *shape, struct reading *reading,
                       double *features)
{
    switch (field) {
    case DEVICE:
        return take_device(text, reading);
    case FEATURES:
        return take_features(text, shape, features);
    case TIME:
        return take_time(text, &reading->ts);
    default:
        return take_other(text);
    }
}

/* Takes a field's name; *field is 0 for those that are ignored. */
static bool take_name(struct text *text, unsigned *field)
{
    uint64_t marks;
    *field = 0;
    if (take_bytes(text, "\"device_id\"", 11))
        *field = DEVICE;
    else if (take_bytes(text, "\"features\"", 10))
        *field = FEATURES;
    else if (take_bytes(text, "\"ts\"", 4))
        *field = TIME;
    return *field || (take_bytes(text, "\"", 1) && take_string(text, &marks));
}

bool plain_decode(const char *bytes, size_t n_bytes, const struct reading_shape *shape, struct reading *reading,
                  double *features)
{
    struct text text = {.at = bytes, .end = bytes + n_bytes};
    unsigned seen = 0, field;
    reading->ts = NAN;
    if (n_bytes > shape->bytes_max || !take(&text, '{'))
        return false;
    do {
        skip_blanks(&text);
        if (!take_name(&text, &field) || (seen & field) || !take(&text, ':'))
            return false;
        seen |= field;
        skip_blanks(&text);
        if (!take_value(&text, field, shape, reading, features))
            return false;
    } while (take(&text, ','));
    if (!take(&text, '}'))
        return false;
    skip_blanks(&text);
    return text.at == text.end && (seen & DEVICE) && (seen & FEATURES);
}
