/* number.c: doubles as text, the same everywhere.
 *
 * The doubles next to a value leave an interval around it in which every decimal reads back as the value.
 * Scaled by a power of ten the interval's ends become integers of 17 or 18 digits; the number in between
 * with the most zeros at its end, and of those the one nearest to the value, is the text we look for.
 * All of it is exact: the scaling is done with integers as long as they have to be.
 */
#include "private.h"

#include <string.h>

#define FRACTION_BITS 52
#define DIGITS_MAX 20      /* of a 64-bit integer */
#define INTEGER_MAX 0x1p53 /* below it every whole double is exact as an integer */

/* Of value = mantissa * 2 ** exponent, mantissa not 0. */
struct binary {
    uint64_t mantissa;
    int exponent;
};

/* Of value = 0.digits * 10 ** (exponent + 1): the first digit counts 10 ** exponent. */
struct decimal {
    char digits[DIGITS_MAX];
    size_t n;
    int exponent;
};

/* The longest product is a 56-bit integer times 5 ** 324. */
struct wide {
    uint32_t words[28]; /* least significant first */
    size_t n;           /* words in use; the highest of them is not 0 */
};

static const uint32_t powers_of_five[] = {1,     5,      25,      125,     625,      3125,      15625,
                                          78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125};
#define FIVES_MAX 13 /* the highest power of five that fits in a word */

static void wide_multiply(struct wide *wide, uint32_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < wide->n; i++) {
        carry += (uint64_t)wide->words[i] * factor;
        wide->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        wide->words[wide->n++] = (uint32_t)carry;
}

/* Whether something was left over. */
static bool wide_divide(struct wide *wide, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = wide->n; i-- > 0;) {
        rest = rest << 32 | wide->words[i];
        wide->words[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (wide->n && !wide->words[wide->n - 1])
        wide->n--;
    return rest != 0;
}

/* The lowest 64 bits of wide / 2 ** bits, and whether something was left over. */
static uint64_t wide_shift(const struct wide *wide, unsigned bits, bool *left_over)
{
    size_t skip = bits / 32;
    unsigned rest = bits % 32;
    uint32_t word[3] = {0, 0, 0};
    for (size_t i = 0; i < 3 && skip + i < wide->n; i++)
        word[i] = wide->words[skip + i];
    for (size_t i = 0; i < skip && i < wide->n; i++)
        *left_over |= wide->words[i] != 0;
    uint64_t low = (uint64_t)word[1] << 32 | word[0];
    if (rest == 0)
        return low;
    *left_over |= low << (64 - rest) != 0;
    return low >> rest | (uint64_t)word[2] << (64 - rest);
}

/* floor(mantissa * 2 ** exponent * 10 ** power), which must fit, and whether that is less than the product. */
static uint64_t scale(uint64_t mantissa, int exponent, int power, bool *left_over)
{
    struct wide wide = {.words = {(uint32_t)mantissa, (uint32_t)(mantissa >> 32)}, .n = mantissa >> 32 ? 2 : 1};
    int twos = exponent + power;
    *left_over = false;
    for (int fives = power; fives > 0; fives -= FIVES_MAX)
        wide_multiply(&wide, powers_of_five[fives < FIVES_MAX ? fives : FIVES_MAX]);
    for (; twos > 0; twos -= twos < 31 ? twos : 31)
        wide_multiply(&wide, 1u << (twos < 31 ? twos : 31));
    for (int fives = -power; fives > 0; fives -= FIVES_MAX)
        *left_over |= wide_divide(&wide, powers_of_five[fives < FIVES_MAX ? fives : FIVES_MAX]);
    return wide_shift(&wide, (unsigned)-twos, left_over);
}

/* floor(log10(2 ** exponent)), for exponents of doubles. */
static int floor_log10(int exponent)
{
    return (exponent * 30103 - (exponent < 0 ? 99999 : 0)) / 100000;
}

/* The shortest decimal in the interval, the nearest to the value where there are several. Ends of the
 * interval read back as the value where the mantissa is even, as ties are read to even. */
static struct decimal shortest(struct binary value)
{
    uint64_t m = value.mantissa;
    bool open = m & 1;
    bool narrow = m == (uint64_t)1 << FRACTION_BITS; /* the double below is half as far away */
    int power = 16 - floor_log10(value.exponent + FRACTION_BITS);
    bool below, above, beside;
    uint64_t low = scale(4 * m - (narrow ? 1 : 2), value.exponent - 2, power, &below);
    uint64_t high = scale(4 * m + 2, value.exponent - 2, power, &above);
    uint64_t twice = scale(8 * m, value.exponent - 2, power, &beside);
    low += below || open;
    high -= !above && open;

    uint64_t unit = 1;
    int zeros = 0;
    for (; (low + 9) / 10 <= high / 10; zeros++) {
        low = (low + 9) / 10;
        high /= 10;
        unit *= 10;
    }
    uint64_t number = twice / (2 * unit);
    uint64_t rest = twice % (2 * unit);
    if (rest > unit || (rest == unit && (beside || number & 1)))
        number++;
    if (number < low)
        number = low;
    if (number > high)
        number = high;

    struct decimal decimal;
    decimal.n = alertron__integer_text(number, decimal.digits);
    decimal.exponent = (int)decimal.n - 1 + zeros - power;
    return decimal;
}

static size_t write_fixed(const struct decimal *decimal, char *out)
{
    size_t n = decimal->n;
    if (decimal->exponent < 0) {
        size_t zeros = (size_t)-decimal->exponent;
        memset(out, '0', zeros + 1);
        out[1] = '.';
        memcpy(out + zeros + 1, decimal->digits, n);
        return zeros + 1 + n;
    }
    size_t whole = (size_t)decimal->exponent + 1;
    if (n <= whole) {
        memcpy(out, decimal->digits, n);
        memset(out + n, '0', whole - n);
        return whole;
    }
    memcpy(out, decimal->digits, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, decimal->digits + whole, n - whole);
    return n + 1;
}

static size_t write_scientific(const struct decimal *decimal, char *out)
{
    size_t n = 0;
    out[n++] = decimal->digits[0];
    if (decimal->n > 1) {
        out[n++] = '.';
        memcpy(out + n, decimal->digits + 1, decimal->n - 1);
        n += decimal->n - 1;
    }
    unsigned exponent = (unsigned)(decimal->exponent < 0 ? -decimal->exponent : decimal->exponent);
    out[n++] = 'e';
    out[n++] = decimal->exponent < 0 ? '-' : '+';
    if (exponent < 10)
        out[n++] = '0';
    return n + alertron__integer_text(exponent, out + n);
}

static size_t write_number(double value, int scientific_from, char *out)
{
    uint64_t bits = alertron__bits_of_double(value);
    uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);
    int exponent = (int)(bits >> FRACTION_BITS & 0x7ff);
    bool negative = bits >> 63;
    if (exponent == 0x7ff) {
        memcpy(out, fraction ? "NaN" : negative ? "-Inf" : "+Inf", fraction ? 3 : 4);
        return fraction ? 3 : 4;
    }
    size_t n = 0;
    if (negative)
        out[n++] = '-';
    if (exponent == 0 && fraction == 0) {
        out[n++] = '0';
        return n;
    }
    struct binary binary = {fraction, -1074};
    if (exponent > 0)
        binary = (struct binary){fraction | (uint64_t)1 << FRACTION_BITS, exponent - 1075};
    struct decimal decimal = shortest(binary);
    if (decimal.exponent < -4 || decimal.exponent >= scientific_from)
        return n + write_scientific(&decimal, out + n);
    return n + write_fixed(&decimal, out + n);
}

size_t alertron__integer_text(uint64_t value, char *out)
{
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(out, digits + at, DIGITS_MAX - at);
    return DIGITS_MAX - at;
}

size_t alertron__number_text(double value, char out[ALERTRON_NUMBER_BYTES])
{
    /* Most metrics are counts. -0 is left to the long way, as it needs its sign. */
    if (value > -INTEGER_MAX && value < INTEGER_MAX) {
        int64_t whole = (int64_t)value;
        if (whole > 0 && (double)whole == value)
            return alertron__integer_text((uint64_t)whole, out);
        if (whole < 0 && (double)whole == value) {
            out[0] = '-';
            return 1 + alertron__integer_text((uint64_t)-whole, out + 1);
        }
    }
    return write_number(value, 21, out);
}

size_t alertron__number_bound(double value, char out[ALERTRON_NUMBER_BYTES])
{
    return write_number(value, 6, out);
}

/* --- reading ------------------------------------------------------------------------------------------- */

#define DIGITS_READ_MAX 19 /* that 64 bits surely hold */

/* number * 10 ** exponent. */
struct digits {
    uint64_t number;
    size_t n; /* from the first that is not 0 */
    int exponent;
};

/* Reads digits up to what is none; false where there are more than can be held. */
static bool read_digits(const char **at, const char *end, bool fraction, struct digits *digits)
{
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        const bool counts = digits->n > 0 || **at != '0';
        if (counts && digits->n == DIGITS_READ_MAX) {
            if (**at != '0')
                return false;
            digits->exponent += !fraction;
            continue;
        }
        digits->n += counts;
        digits->number = digits->number * 10 + (uint64_t)(**at - '0');
        digits->exponent -= fraction;
    }
    return true;
}

static bool read_exponent(const char **at, const char *end, struct digits *digits)
{
    if (*at == end || (**at != 'e' && **at != 'E'))
        return true;
    ++*at;
    const bool negative = *at < end && **at == '-';
    *at += *at < end && (**at == '-' || **at == '+');
    if (*at == end)
        return false;
    int exponent = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        exponent = exponent < 100000 ? exponent * 10 + (**at - '0') : exponent;
    digits->exponent += negative ? -exponent : exponent;
    return true;
}

/* mantissa * 2 ** exponent and, where there is a rest, a little more, to the nearest double, of two the even one; the
 * mantissa's highest bit is set. */
static double nearest_double(uint64_t mantissa, int exponent, bool rest)
{
    const int lowest = -1074; /* of the smallest double */
    int drop = 11;            /* bits that a double does not hold */
    if (exponent + drop < lowest)
        drop = lowest - exponent;
    if (drop > 64)
        return 0.0;
    const uint64_t kept = drop < 64 ? mantissa >> drop : 0;
    const uint64_t half = (uint64_t)1 << (drop - 1), dropped = mantissa & (half | (half - 1));
    const bool up = dropped > half || (dropped == half && (rest || kept & 1));
    const int biased =
        exponent + drop - lowest; /* of the last bit; 0 for subnormal numbers and the least normal ones */
    if (biased > 2045)
        return alertron__infinity();
    return alertron__double_of_bits(((uint64_t)biased << FRACTION_BITS) + kept + up);
}

static unsigned bits_of_wide(const struct wide *wide)
{
    unsigned bits = (unsigned)(32 * (wide->n - 1));
    for (uint32_t word = wide->words[wide->n - 1]; word; word >>= 1)
        bits++;
    return bits;
}

/* Made an integer of 64 bits or more with integers as long as it takes: times a power of five, or times a power of
 * two and divided by the power of five. */
static double value_of(const struct digits *digits)
{
    if (digits->number == 0 || digits->exponent < -343)
        return 0.0;
    if (digits->exponent > 308)
        return alertron__infinity();
    struct wide wide = {.words = {(uint32_t)digits->number, (uint32_t)(digits->number >> 32)},
                        .n = digits->number >> 32 ? 2 : 1};
    int exponent = digits->exponent;
    bool rest = false;
    for (int fives = digits->exponent; fives > 0; fives -= FIVES_MAX)
        wide_multiply(&wide, powers_of_five[fives < FIVES_MAX ? fives : FIVES_MAX]);
    const unsigned wanted = 66 + (unsigned)(digits->exponent < 0 ? -digits->exponent * 7 / 3 : 0);
    for (unsigned have = bits_of_wide(&wide), step; have < wanted; have += step) {
        step = wanted - have < 31 ? wanted - have : 31;
        wide_multiply(&wide, 1u << step);
        exponent -= (int)step;
    }
    for (int fives = -digits->exponent; fives > 0; fives -= FIVES_MAX)
        rest |= wide_divide(&wide, powers_of_five[fives < FIVES_MAX ? fives : FIVES_MAX]);
    const unsigned over = bits_of_wide(&wide) - 64;
    const uint64_t mantissa = wide_shift(&wide, over, &rest);
    return nearest_double(mantissa, exponent + (int)over, rest);
}

bool alertron__number_read(const char *text, size_t n, int power, double *value)
{
    const char *at = text, *end = text + n;
    struct digits digits = {.exponent = power};
    const bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    const char *whole = at;
    bool good = read_digits(&at, end, false, &digits);
    size_t n_digits = (size_t)(at - whole);
    if (good && at < end && *at == '.') {
        const char *fraction = ++at;
        good = read_digits(&at, end, true, &digits);
        n_digits += (size_t)(at - fraction);
    }
    if (!good || n_digits == 0 || !read_exponent(&at, end, &digits) || at != end)
        return false;
    const double size = value_of(&digits);
    *value = negative ? -size : size;
    return true;
}
