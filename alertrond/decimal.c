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

/* 5^n, and 2^(63 + its bits) / 5^n, cut off: what a number is multiplied by instead of being divided. */
static const struct five {
    uint64_t power, reciprocal;
    int bits; /* of 5^n */
} fives[] = {
    {UINT64_C(1), UINT64_C(18446744073709551615), 1},
    {UINT64_C(5), UINT64_C(14757395258967641292), 3},
    {UINT64_C(25), UINT64_C(11805916207174113034), 5},
    {UINT64_C(125), UINT64_C(9444732965739290427), 7},
    {UINT64_C(625), UINT64_C(15111572745182864683), 10},
    {UINT64_C(3125), UINT64_C(12089258196146291747), 12},
    {UINT64_C(15625), UINT64_C(9671406556917033397), 14},
    {UINT64_C(78125), UINT64_C(15474250491067253436), 17},
    {UINT64_C(390625), UINT64_C(12379400392853802748), 19},
    {UINT64_C(1953125), UINT64_C(9903520314283042199), 21},
    {UINT64_C(9765625), UINT64_C(15845632502852867518), 24},
    {UINT64_C(48828125), UINT64_C(12676506002282294014), 26},
    {UINT64_C(244140625), UINT64_C(10141204801825835211), 28},
    {UINT64_C(1220703125), UINT64_C(16225927682921336339), 31},
    {UINT64_C(6103515625), UINT64_C(12980742146337069071), 33},
    {UINT64_C(30517578125), UINT64_C(10384593717069655257), 35},
    {UINT64_C(152587890625), UINT64_C(16615349947311448411), 38},
    {UINT64_C(762939453125), UINT64_C(13292279957849158729), 40},
    {UINT64_C(3814697265625), UINT64_C(10633823966279326983), 42},
    {UINT64_C(19073486328125), UINT64_C(17014118346046923173), 45},
    {UINT64_C(95367431640625), UINT64_C(13611294676837538538), 47},
    {UINT64_C(476837158203125), UINT64_C(10889035741470030830), 49},
    {UINT64_C(2384185791015625), UINT64_C(17422457186352049329), 52},
    {UINT64_C(11920928955078125), UINT64_C(13937965749081639463), 54},
    {UINT64_C(59604644775390625), UINT64_C(11150372599265311570), 56},
    {UINT64_C(298023223876953125), UINT64_C(17840596158824498513), 59},
    {UINT64_C(1490116119384765625), UINT64_C(14272476927059598810), 61},
    {UINT64_C(7450580596923828125), UINT64_C(11417981541647679048), 63},
};

enum { FIVES = sizeof fives / sizeof *fives };

/* digits / 10^n, by a division of integers (Granlund and Montgomery 1994): the quotient by the reciprocal is at most 1
 * too small, the remainder says whether. A last bit that says whether anything is left makes the conversion to a
 * double round as the exact quotient would; a power of two changes no bit of it. */
static double divide(uint64_t digits, size_t n)
{
    const struct five five = fives[n];
    const int shift = __builtin_clzll(digits | 1);
    uint64_t quotient, rest;
    digits <<= shift;
    multiply(digits, five.reciprocal, &quotient);
    rest = (digits << (five.bits - 1)) - quotient * five.power;
    const bool more = rest >= five.power;
    quotient += more;
    rest -= more ? five.power : 0;
    const double nearest = (double)(int64_t)(quotient >> 1 | (quotient & 1) | (rest > 0));
    const uint64_t bits = (uint64_t)(DBL_MAX_EXP - 1 + 2 - five.bits - shift - (int)n) << (DBL_MANT_DIG - 1);
    double power_of_two;
    memcpy(&power_of_two, &bits, sizeof bits);
    return nearest * power_of_two;
}

bool decimal_nearest(uint64_t digits, int64_t exponent, double *value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t n_tens = sizeof tens / sizeof *tens;
    /* Two doubles that are exact have a product and a quotient that are correctly rounded (Clinger 1990). */
    if (FLT_EVAL_METHOD == 0 && digits <= UINT64_C(1) << DBL_MANT_DIG && exponent > -n_tens && exponent < n_tens) {
        const double exact = (double)(int64_t)digits;
        *value = exponent < 0 ? exact / tens[-exponent] : exact * tens[exponent];
        return true;
    }
    if (exponent > 0 || exponent <= -FIVES)
        return false;
    *value = divide(digits, (size_t)-exponent);
    return true;
}

bool decimal_read(const char *begin, const char *end, double *value)
{
    struct decimal decimal = {0};
    if (!scan(begin, end, &decimal))
        return false;
    if (decimal.n_digits > 19 || !decimal_nearest(decimal.digits, decimal.exponent, value))
        *value = strtod(begin, NULL);
    else if (decimal.negative)
        *value = -*value;
    return true;
}
