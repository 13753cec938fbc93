/* decimal.c: doubles to decimal text and back, exactly. Most numbers go a short way; printf and strtod do the rest. */
#include "decimal.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

#define FIVE_TO_17 UINT64_C(762939453125)

/* Digits from the last to the first, with a point before the last `decimals` of them. */
static size_t write_digits(char out[DECIMAL_BYTES], bool negative, uint64_t digits, size_t decimals)
{
    char reversed[DECIMAL_BYTES];
    size_t n = 0, length = 0;
    for (; decimals > 0 && digits % 10 == 0; decimals--)
        digits /= 10;
    do {
        if (n > 0 && n == decimals)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + digits % 10);
        digits /= 10;
    } while (digits > 0 || (decimals > 0 && n < decimals + 2));
    if (negative)
        reversed[n++] = '-';
    while (n > 0)
        out[length++] = reversed[--n];
    out[length] = '\0';
    return length;
}

/* Numbers of few decimals: a decimal of at most 15 digits that reads back as the same double is the shortest one.
 * 0 where the number is not of that kind. */
static size_t write_short(char out[DECIMAL_BYTES], double value)
{
    double size = fabs(value);
    bool large = size >= 1e9;
    double scale = large ? 1e3 : 1e6, scaled = nearbyint(size * scale);
    if (!(scaled < 1e15) || scaled / scale != size || (size == 0 && signbit(value)))
        return 0;
    return write_digits(out, value < 0, (uint64_t)scaled, large ? 3 : 6);
}

/* a * b = *high * 2^64 + the result. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), carried = a0 * b1 + (middle & UINT32_MAX);
    *high = a1 * b1 + (middle >> 32) + (carried >> 32);
    return carried << 32 | (low & UINT32_MAX);
}

/* Numbers in [0.1, 1), as scores are, in integers: value = m / 2^e, so value * 10^17 = m * 5^17 / 2^(e - 17). Of the
 * nearest decimals of 15, 16 and 17 digits the first one nearer to the value than half the step between two doubles
 * reads back as the same. 0 where the number is not of that kind. (At a power of two the step below is smaller, but
 * those are short.) */
static size_t write_fraction(char out[DECIMAL_BYTES], double value)
{
    double size = fabs(value);
    if (!(size >= 0.1 && size < 1))
        return 0;
    int exponent;
    uint64_t m = (uint64_t)ldexp(frexp(size, &exponent), DBL_MANT_DIG), high;
    int shift = DBL_MANT_DIG - exponent - 17;
    uint64_t low = multiply(m, FIVE_TO_17, &high);
    uint64_t digits = high << (64 - shift) | low >> shift, rest = low & ((UINT64_C(1) << shift) - 1);
    for (uint64_t unit = 100;; unit /= 10) {
        uint64_t above = digits % unit, down = (above << shift) + rest, up = (unit << shift) - down;
        if (unit == 1 || 2 * (down < up ? down : up) < FIVE_TO_17)
            return write_digits(out, value < 0, digits - above + (down < up ? 0 : unit), 17);
    }
}

size_t decimal_write(char out[DECIMAL_BYTES], double value)
{
    size_t n = write_short(out, value);
    if (n == 0)
        n = write_fraction(out, value);
    for (int digits = 15; n == 0 && digits <= 17; digits++) {
        snprintf(out, DECIMAL_BYTES, "%.*g", digits, value);
        if (digits == 17 || strtod(out, NULL) == value)
            n = strlen(out);
    }
    return n;
}

/* ---- reading ---- */

/* digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
    size_t n_digits; /* from the first that is not 0; beyond 19 `digits` does not hold them all */
    bool negative;
};

static const char *scan_digits(const char *at, const char *end, bool decimals, struct decimal *decimal)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        decimal->n_digits += decimal->n_digits > 0 || *at != '0';
        decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
        decimal->exponent -= decimals;
    }
    return at;
}

static bool scan_exponent(const char *at, const char *end, struct decimal *decimal)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '+' || *at == '-');
    int exponent = 0;
    const char *begin = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (exponent < 1000000)
            exponent = exponent * 10 + (*at - '0');
    decimal->exponent += negative ? -exponent : exponent;
    return at == end && at > begin;
}

static bool scan(const char *at, const char *end, struct decimal *decimal)
{
    if (at < end && (*at == '+' || *at == '-'))
        decimal->negative = *at++ == '-';
    const char *whole = at;
    at = scan_digits(at, end, false, decimal);
    size_t n = (size_t)(at - whole);
    if (at < end && *at == '.') {
        const char *decimals = ++at;
        at = scan_digits(at, end, true, decimal);
        n += (size_t)(at - decimals);
    }
    if (n == 0)
        return false;
    return at == end || ((*at == 'e' || *at == 'E') && scan_exponent(at + 1, end, decimal));
}

/* Two doubles that are exact have a product and a quotient that are correctly rounded (Clinger 1990). */
static bool read_exactly(const struct decimal *decimal, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t power = decimal->exponent;
    if (FLT_EVAL_METHOD != 0 || decimal->n_digits > 19 || decimal->digits > UINT64_C(1) << DBL_MANT_DIG ||
        power < -22 || power > 22)
        return false;
    double digits = (double)decimal->digits;
    *value = power < 0 ? digits / powers[-power] : digits * powers[power];
    if (decimal->negative)
        *value = -*value;
    return true;
}

bool decimal_read(const char *begin, const char *end, double *value)
{
    struct decimal decimal = {0};
    if (!scan(begin, end, &decimal))
        return false;
    if (!read_exactly(&decimal, value))
        *value = strtod(begin, NULL);
    return true;
}
