/* fleet.c: readings like a fleet's, at random: devices that are normal and now and then are not. */
#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reading.h"
#include "value.h"

#define NORMAL_BYTES_MAX 64u /* of "mean:deviation" */
#define EDGE_BYTES_MAX 32u   /* of "edge-7" */

struct fleet_options fleet_defaults(void)
{
    return (struct fleet_options){
        .devices = 5,
        .anomalies = 0.08,
        .seed = 1,
        .normal = {.width = 3, .mean = {50, 100, 0.5}, .deviation = {5, 10, 0.05}},
        .anomalous = {.width = 3, .mean = {70, 140, 0.9}, .deviation = {6, 12, 0.1}},
    };
}

/* Reads "50:5"; the text is changed. */
static bool read_normal(struct fleet_normals *normals, char *text, char *why, size_t why_size)
{
    static const struct value_range mean = {.what = "a mean", .least = -1e15, .most = 1e15};
    static const struct value_range deviation = {.what = "a deviation", .least = 0, .most = 1e15};
    char *colon = strchr(text, ':');
    if (!colon) {
        char shown[VALUE_SHOWN_BYTES_MAX];
        snprintf(why, why_size, "%s is not MEAN:DEVIATION, e.g. 50:5", value_shown(text, shown));
        return false;
    }
    *colon = '\0';
    size_t i = normals->width;
    if (!value_number(text, &mean, &normals->mean[i], why, why_size) ||
        !value_number(colon + 1, &deviation, &normals->deviation[i], why, why_size))
        return false;
    normals->width++;
    return true;
}

bool fleet_read_normals(struct fleet_normals *normals, const char *text, char *why, size_t why_size)
{
    struct fleet_normals read = {0};
    for (;;) {
        char piece[NORMAL_BYTES_MAX];
        size_t n = strcspn(text, ",");
        if (n >= sizeof piece || read.width == FLEET_FEATURES_MAX) {
            snprintf(why, why_size, "too long; at most %u times MEAN:DEVIATION, e.g. 50:5,100:10", FLEET_FEATURES_MAX);
            return false;
        }
        memcpy(piece, text, n);
        piece[n] = '\0';
        if (!read_normal(&read, piece, why, why_size))
            return false;
        if (!text[n])
            break;
        text += n + 1;
    }
    *normals = read;
    return true;
}

/* Steele, Lea and Flood 2014: spreads a seed over the generator's state. */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* xoshiro256** by Blackman and Vigna, 2018. */
static uint64_t next_random(struct fleet *fleet)
{
    uint64_t *s = fleet->random;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* In [0, 1). */
static double next_uniform(struct fleet *fleet)
{
    return (double)(next_random(fleet) >> 11) * 0x1p-53;
}

/* Of mean 0 and deviation 1: Marsaglia's polar method makes two at a time. */
static double next_normal(struct fleet *fleet)
{
    double spare = fleet->spare;
    fleet->spare = NAN;
    if (!isnan(spare))
        return spare;
    for (;;) {
        double x = 2 * next_uniform(fleet) - 1, y = 2 * next_uniform(fleet) - 1, s = x * x + y * y;
        if (s >= 1 || s == 0)
            continue;
        double factor = sqrt(-2 * log(s) / s);
        fleet->spare = y * factor;
        return x * factor;
    }
}

/* Numbers are rounded to multiples of one over this power of ten: at least four digits of the deviation. */
static double scale_of(double deviation)
{
    double decimals = deviation > 0 ? 4 - floor(log10(deviation)) : 6;
    return pow(10, fmax(0, fmin(decimals, 15)));
}

void fleet_init(struct fleet *fleet, const struct fleet_options *options)
{
    memset(fleet, 0, sizeof *fleet);
    fleet->options = *options;
    fleet->spare = NAN;
    uint64_t state = options->seed;
    for (size_t i = 0; i < 4; i++)
        fleet->random[i] = splitmix64(&state);
    for (size_t i = 0; i < options->normal.width; i++) {
        fleet->normal_scale[i] = scale_of(options->normal.deviation[i]);
        fleet->anomalous_scale[i] = scale_of(options->anomalous.deviation[i]);
    }
}

void fleet_next(struct fleet *fleet, struct fleet_reading *reading)
{
    const struct fleet_options *options = &fleet->options;
    reading->device = options->device ? 0 : (size_t)(next_uniform(fleet) * (double)options->devices);
    reading->anomalous = next_uniform(fleet) < options->anomalies;
    const struct fleet_normals *normals = reading->anomalous ? &options->anomalous : &options->normal;
    const double *scale = reading->anomalous ? fleet->anomalous_scale : fleet->normal_scale;
    for (size_t i = 0; i < normals->width; i++) {
        double x = normals->mean[i] + normals->deviation[i] * next_normal(fleet);
        reading->features[i] = nearbyint(x * scale[i]) / scale[i] + 0.0; /* + 0.0: no -0 */
    }
}

/* "edge-7"; `out` has room for it. Faster than snprintf, of which a million readings a second would ask a million. */
static size_t write_edge(char *out, size_t device)
{
    char reversed[24];
    size_t n = 0, length = sizeof "edge-" - 1;
    memcpy(out, "edge-", length);
    for (size_t number = device + 1; number > 0; number /= 10)
        reversed[n++] = (char)('0' + number % 10);
    while (n > 0)
        out[length++] = reversed[--n];
    return length;
}

size_t fleet_device_name(const struct fleet *fleet, size_t device, char *out, size_t size)
{
    char edge[EDGE_BYTES_MAX];
    const char *name = fleet->options.device ? fleet->options.device : edge;
    size_t n = fleet->options.device ? strlen(name) : write_edge(edge, device);
    if (size == 0)
        return 0;
    n = n < size ? n : size - 1;
    memcpy(out, name, n);
    out[n] = '\0';
    return n;
}

/* Appends; false where it does not fit. */
static bool append(char *out, size_t size, size_t *n, const char *text, size_t length)
{
    if (size - *n <= length)
        return false;
    memcpy(out + *n, text, length);
    *n += length;
    return true;
}

/* The device's name as JSON has it. */
static bool append_device(const struct fleet *fleet, size_t device, char *out, size_t size, size_t *n)
{
    char edge[EDGE_BYTES_MAX];
    if (!fleet->options.device)
        return append(out, size, n, "\"", 1) && append(out, size, n, edge, write_edge(edge, device)) &&
               append(out, size, n, "\"", 1);
    size_t length = reading_write_string(out + *n, size - *n, fleet->options.device);
    *n += length;
    return length > 0;
}

static bool append_number(char *out, size_t size, size_t *n, double value)
{
    size_t length = reading_write_number(out + *n, size - *n, value);
    *n += length;
    return length > 0;
}

/* Readings of a burst have the same time, whose text is kept. */
static bool append_time(struct fleet *fleet, double ts, char *out, size_t size, size_t *n)
{
    if (fleet->ts != ts || fleet->ts_size == 0) {
        fleet->ts = ts;
        fleet->ts_size = reading_write_number(fleet->ts_text, sizeof fleet->ts_text, nearbyint(ts * 1e3) / 1e3);
    }
    return fleet->ts_size > 0 && append(out, size, n, fleet->ts_text, fleet->ts_size);
}

size_t fleet_write(struct fleet *fleet, const struct fleet_reading *reading, double ts, char *out, size_t size)
{
    static const char device[] = "{\"device_id\":", features[] = ",\"features\":[", time[] = "],\"ts\":";
    size_t n = 0;
    if (size == 0)
        return 0;
    bool fits = append(out, size, &n, device, sizeof device - 1) &&
                append_device(fleet, reading->device, out, size, &n) &&
                append(out, size, &n, features, sizeof features - 1);
    for (size_t i = 0; fits && i < fleet->options.normal.width; i++)
        fits = (i == 0 || append(out, size, &n, ",", 1)) && append_number(out, size, &n, reading->features[i]);
    fits = fits && append(out, size, &n, time, sizeof time - 1) && append_time(fleet, ts, out, size, &n) &&
           append(out, size, &n, "}", 1);
    out[fits ? n : 0] = '\0';
    return fits ? n : 0;
}
