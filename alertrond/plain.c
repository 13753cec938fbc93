/* plain.c: readings of the usual shape, decoded without a library.
 *
 * It takes what it is sure of, and never says that anything is wrong: where it is not sure the bytes go to the decoder
 * in reading.c, whose word counts. Each function here is given where it begins and where the bytes end, and returns
 * what is behind the thing that it took, or NULL.
 */
#include "plain.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "decimal.h"
#include "utf8.h"

/* ---- eight bytes at once: the first one lowest, on any machine ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t load(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

/* Marks the top bit of each byte that is at least `least`, which is at most 0x80. */
static uint64_t at_least(uint64_t bytes, unsigned least)
{
    return (((bytes & EACH(0x7f)) + EACH(0x80 - least)) | bytes) & EACH(0x80);
}

/* Which byte is the first that is marked; there is one. */
static unsigned first(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

/* The number that eight digits are, given as their values: pairs, fours, all. */
static uint64_t number_of(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8);
    return ((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (digits >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* ---- marks and words ---- */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* A mark, with the blanks around it. */
static const char *take(const char *at, const char *end, char mark)
{
    at = skip_blanks(at, end);
    return at < end && *at == mark ? skip_blanks(at + 1, end) : NULL;
}

static const char *take_word(const char *at, const char *end, const char *word, size_t n)
{
    return (size_t)(end - at) >= n && memcmp(at, word, n) == 0 ? at + n : NULL;
}

/* ---- strings ---- */

/* From behind the quote that opens a string to behind the one that closes it; *high is not 0 where some bytes are not
 * ASCII. */
static const char *take_string(const char *at, const char *end, uint64_t *high)
{
    *high = 0;
    while (end - at >= 8) {
        const uint64_t bytes = load(at), top = bytes & EACH(0x80);
        const uint64_t usual = at_least(bytes, ' ') & at_least(bytes ^ EACH('"'), 1) & at_least(bytes ^ EACH('\\'), 1);
        const uint64_t unusual = usual ^ EACH(0x80);
        if (unusual) {
            *high |= top & (unusual ^ (unusual - 1));
            at += first(unusual);
            return *at == '"' ? at + 1 : NULL;
        }
        *high |= top;
        at += 8;
    }
    for (; at < end && *at != '"'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c < ' ' || c == '\\')
            return NULL;
        *high |= c & 0x80u;
    }
    return at < end ? at + 1 : NULL;
}

static bool is_utf8(const char *at, const char *end)
{
    size_t step = 1;
    for (; at < end && step > 0; at += step)
        step = utf8_bytes(at); /* the quote behind the string is the last that it looks at */
    return step > 0;
}

static const char *take_device(const char *at, const char *end, struct reading *reading)
{
    uint64_t high;
    if (at == end || *at != '"')
        return NULL;
    const char *begin = at + 1;
    at = take_string(begin, end, &high);
    const size_t n = at ? (size_t)(at - 1 - begin) : 0;
    if (n == 0 || n > READING_DEVICE_BYTES_MAX || (high && !is_utf8(begin, begin + n)))
        return NULL;
    memcpy(reading->device_id, begin, n);
    reading->device_id[n] = '\0';
    reading->device_id_bytes = n;
    return at;
}

/* ---- numbers ---- */

/* Digits that fit into 64 bits, zeros that may stand before them, and those of an exponent: far fewer characters than
 * reading.c reads of a number. */
enum { DIGITS_MAX = 19, ZEROS_MAX = 10, EXPONENT_DIGITS_MAX = 3 };

/* What digits are as one number, as far as they are read, and what is behind them. */
struct digits {
    uint64_t number;
    const char *at;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct digits read_digits(struct digits digits, const char *end)
{
    for (; digits.at < end && is_digit(*digits.at); digits.at++)
        digits.number = digits.number * 10 + (uint64_t)(*digits.at - '0');
    return digits;
}

static struct digits read_decimals(struct digits digits, const char *end)
{
    static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    while (end - digits.at >= 8) {
        const uint64_t values = load(digits.at) ^ EACH('0'), others = at_least(values, 10);
        if (others) {
            const unsigned n = first(others);
            /* For n = 0 the shift is one of 64, so it is done in two. */
            return (struct digits){digits.number * tens[n] + number_of(values << 8 << (56 - 8 * n)), digits.at + n};
        }
        digits = (struct digits){digits.number * 100000000 + number_of(values), digits.at + 8};
    }
    return read_digits(digits, end);
}

/* Where the first of eight bytes that is no digit is the point, and not the first of all: those that follow it move
 * up, and are digits as well or end the number. */
static struct digits read_around_point(const char *at, const char *end, uint64_t values, uint64_t others)
{
    const uint64_t before = (UINT64_C(1) << 8 * first(others)) - 1, more = others & (others - 1);
    const unsigned length = more ? first(more) : 8;
    values = (values & before) | (values >> 8 & ~before);
    const struct digits digits = {number_of(values << 8 * (9 - length)), at + length};
    return more ? digits : read_decimals(digits, end);
}

/* The digits of a number, which begins with one, and where its point is; NULL where it has none. */
static struct digits read_mantissa(const char *at, const char *end, const char **point)
{
    struct digits digits = {0, at};
    if (end - at >= 8) {
        const uint64_t values = load(at) ^ EACH('0'), others = at_least(values, 10);
        *point = others ? at + first(others) : NULL;
        if (others && **point == '.')
            return read_around_point(at, end, values, others);
        if (!others)
            digits = (struct digits){number_of(values), at + 8};
    }
    digits = read_digits(digits, end);
    *point = digits.at < end && *digits.at == '.' ? digits.at : NULL;
    return *point ? read_decimals((struct digits){digits.number, digits.at + 1}, end) : digits;
}

/* Whether n digits fit, which have a point among them: zeros at the front are no matter. */
static bool digits_fit(const char *at, size_t n)
{
    if (n > DIGITS_MAX + ZEROS_MAX)
        return false;
    for (; n > 0 && (*at == '0' || *at == '.'); at++)
        n -= *at == '0';
    return n <= DIGITS_MAX;
}

static const char *take_exponent(const char *at, const char *end, int *exponent)
{
    const bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    const struct digits digits = read_digits((struct digits){0, at}, end);
    if (digits.at == at || digits.at - at > EXPONENT_DIGITS_MAX)
        return NULL;
    *exponent += negative ? -(int)digits.number : (int)digits.number;
    return digits.at;
}

static const char *take_number(const char *at, const char *end, double *value)
{
    const bool negative = at < end && *at == '-';
    at += negative;
    if (at == end || !is_digit(*at))
        return NULL;
    const char *point;
    const struct digits digits = read_mantissa(at, end, &point);
    const size_t whole = (size_t)((point ? point : digits.at) - at);
    const size_t decimals = point ? (size_t)(digits.at - point) - 1 : 0;
    if ((*at == '0' && whole > 1) || (point && decimals == 0))
        return NULL;
    if (whole + decimals > DIGITS_MAX && !digits_fit(at, whole + decimals))
        return NULL;
    int exponent = -(int)decimals;
    at = digits.at;
    if (at < end && (*at == 'e' || *at == 'E') && !(at = take_exponent(at + 1, end, &exponent)))
        return NULL;
    if (!decimal_nearest(digits.number, exponent, value))
        return NULL;
    *value = negative ? -*value : *value;
    return at;
}

/* ---- fields ---- */

/* The fields that a reading may have once. */
enum field { OTHER = 0, DEVICE = 1, FEATURES = 2, TIME = 4 };

static const char *take_features(const char *at, const char *end, const struct reading_shape *shape, double *features)
{
    at = take(at, end, '[');
    for (size_t i = 0; at && i < shape->width; i++) {
        if (i > 0 && !(at = take(at, end, ',')))
            return NULL;
        const char *behind = shape->missing_values ? take_word(at, end, "null", 4) : NULL;
        if (behind)
            features[i] = NAN;
        at = behind ? behind : take_number(at, end, &features[i]);
    }
    return at ? take(at, end, ']') : NULL;
}

static const char *take_time(const char *at, const char *end, double *ts)
{
    const char *behind = take_word(at, end, "null", 4);
    return behind ? behind : take_number(at, end, ts);
}

/* A value that nobody asked for. */
static const char *take_other(const char *at, const char *end)
{
    uint64_t high;
    double number;
    const char *behind;
    if (at < end && *at == '"')
        return take_string(at + 1, end, &high);
    if ((behind = take_word(at, end, "null", 4)) || (behind = take_word(at, end, "true", 4)) ||
        (behind = take_word(at, end, "false", 5)))
        return behind;
    return take_number(at, end, &number);
}

static const char *take_name(const char *at, const char *end, enum field *field)
{
    const char *behind;
    uint64_t high;
    if ((behind = take_word(at, end, "\"device_id\"", 11)))
        *field = DEVICE;
    else if ((behind = take_word(at, end, "\"features\"", 10)))
        *field = FEATURES;
    else if ((behind = take_word(at, end, "\"ts\"", 4)))
        *field = TIME;
    else if (at < end && *at == '"' && (behind = take_string(at + 1, end, &high)))
        *field = OTHER;
    return behind;
}

/* A field and its value. *seen gathers which have been there: the second of a kind is not taken. */
static const char *take_field(const char *at, const char *end, unsigned *seen, const struct reading_shape *shape,
                              struct reading *reading, double *features)
{
    enum field field;
    if (!(at = take_name(at, end, &field)) || (*seen & field) || !(at = take(at, end, ':')))
        return NULL;
    *seen |= field;
    switch (field) {
    case DEVICE:
        return take_device(at, end, reading);
    case FEATURES:
        return take_features(at, end, shape, features);
    case TIME:
        return take_time(at, end, &reading->ts);
    case OTHER:
        break;
    }
    return take_other(at, end);
}

bool plain_decode(const char *bytes, size_t n_bytes, const struct reading_shape *shape, struct reading *reading,
                  double *features)
{
    if (n_bytes == 0 || n_bytes > shape->bytes_max)
        return false;
    const char *end = bytes + n_bytes, *at, *next = take(bytes, end, '{');
    unsigned seen = 0;
    reading->ts = NAN;
    do
        at = next ? take_field(next, end, &seen, shape, reading, features) : NULL;
    while (at && (next = take(at, end, ',')));
    return at && take(at, end, '}') == end && (seen & DEVICE) && (seen & FEATURES);
}
