/* isolation.c: the formulas of the score.
 *
 * log and the power of two are our own, so that a model is fitted and scored to the same bits on every
 * machine, whatever its C library. Both are plain double arithmetic: no fused multiply-add, no tables
 * that are filled at run time.
 */
#include "private.h"

/* A number as the unevaluated sum of two doubles: about 106 bits. */
struct pair {
    double high, low;
};

static struct pair pair_of_sum(double a, double b)
{
    double sum = a + b, part = sum - a;
    return (struct pair){sum, (a - (sum - part)) + (b - part)};
}

/* The exact product of two doubles (Dekker 1971): each is split into halves of at most 26 bits. */
static struct pair pair_of_product(double a, double b)
{
    const double splitter = 134217729.0; /* 2^27 + 1 */
    double a_big = splitter * a, b_big = splitter * b;
    double a_high = a_big - (a_big - a), b_high = b_big - (b_big - b);
    double a_low = a - a_high, b_low = b - b_high;
    double product = a * b;
    double low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return (struct pair){product, low};
}

static struct pair pair_add(struct pair a, struct pair b)
{
    struct pair sum = pair_of_sum(a.high, b.high);
    return pair_of_sum(sum.high, sum.low + (a.low + b.low));
}

static struct pair pair_multiply(struct pair a, struct pair b)
{
    struct pair product = pair_of_product(a.high, b.high);
    return pair_of_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

static struct pair pair_divide(double a, double b)
{
    double quotient = a / b;
    struct pair product = pair_of_product(quotient, b);
    return pair_of_sum(quotient, ((a - product.high) - product.low) / b);
}

/* The natural logarithm of n >= 1, below 2^52: correctly rounded for every n up to ALERTRON_SAMPLES_MAX.
 * With n = 2^k m, m in [3/4, 3/2): log n = k log 2 + 2 atanh s, s = (m - 1) / (m + 1), |s| <= 1/5. */
static double log_of(uint64_t n)
{
    const struct pair log_2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    double m = (double)n, k = 0;
    for (; m >= 1.5; m *= 0.5)
        k++;

    struct pair s = pair_divide(m - 1.0, m + 1.0), square = pair_multiply(s, s), series = {0, 0};
    for (int power = 45; power >= 1; power -= 2)
        series = pair_add(pair_multiply(series, square), pair_divide(2.0, power));
    struct pair log_m = pair_multiply(series, s);
    struct pair log_n = pair_add(pair_multiply(log_2, (struct pair){k, 0}), log_m);
    return log_n.high + log_n.low;
}

double alertron__average_path_length(uint64_t n)
{
    if (n <= 1)
        return 0.0;
    if (n == 2)
        return 1.0;
    const double euler_gamma = 0.57721566490153286;
    double keys = (double)n;
    return 2.0 * (log_of(n - 1) + euler_gamma) - 2.0 * (keys - 1.0) / keys;
}

/* 2^(i/32) as a sum of two doubles. */
static const struct pair powers_of_two[32] = {
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80d0p-59},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.9c49182a3f090p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.f50765b6e4540p+0, 0x1.9d3e12dd8a18bp-54},
};

static double power_of_two(int exponent)
{
    return alertron__double_of_bits((uint64_t)(exponent + 1023) << 52);
}

/* 2 ** -q for q >= 0: -q = e + i/32 + r, 2^r by its Taylor series, |r| <= 1/64. Within 0.54 ulp, or within 1 ulp where
 * the result is denormal and so is rounded twice. */
static double power_of_two_negative(double q)
{
    if (!(q < 1080.0))
        return q > 0 ? 0.0 : q;
    int k = (int)(0.5 - q * 32.0);
    if ((double)k > 0.5 - q * 32.0)
        k--;
    double r = -q - (double)k / 32.0;
    int i = k & 31, e = (k - i) / 32;

    double series = 0x1.ffcbfc588b0c7p-17;
    series = series * r + 0x1.430912f86c787p-13;
    series = series * r + 0x1.5d87fe78a6731p-10;
    series = series * r + 0x1.3b2ab6fba4e77p-7;
    series = series * r + 0x1.c6b08d704a0c0p-5;
    series = series * r + 0x1.ebfbdff82c58fp-3;
    series = series * r + 0x1.62e42fefa39efp-1;
    double power = powers_of_two[i].high + (powers_of_two[i].low + powers_of_two[i].high * (series * r));
    return e < -1000 ? power * power_of_two(-1000) * power_of_two(e + 1000) : power * power_of_two(e);
}

double alertron__score(double path_length, double normalizer)
{
    if (path_length != path_length)
        return path_length;
    return normalizer > 0.0 ? power_of_two_negative(path_length / normalizer) : 0.5;
}
