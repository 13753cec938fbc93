/* fuzz_reading.c: whatever bytes come, reading_decode gives a fault with a reason or a reading that can be written
 * and read again as the same; and what plain_decode takes, the decoder behind it takes as well, as the same bits. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plain.h"
#include "reading.h"

#define WIDTH 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int condition)
{
    if (!condition)
        abort();
}

static size_t write_reading(const struct reading *reading, const double *features, char *out, size_t size)
{
    char device[6 * READING_DEVICE_BYTES_MAX + 3], numbers[WIDTH + 1][32];
    expect(reading_write_string(device, sizeof device, reading->device_id) > 0);
    for (size_t i = 0; i <= WIDTH; i++)
        expect(reading_write_number(numbers[i], sizeof numbers[i], i < WIDTH ? features[i] : reading->ts) > 0);
    int n = snprintf(out, size, "{\"ts\":%s,\"features\":[%s,%s,%s],\"device_id\":%s}", numbers[WIDTH], numbers[0],
                     numbers[1], numbers[2], device);
    expect(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static int same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void check(const char *bytes, size_t size, bool missing_values)
{
    const struct reading_shape shape = {.width = WIDTH, .missing_values = missing_values, .bytes_max = 65536};
    struct reading reading, again;
    double features[WIDTH], features_again[WIDTH];
    char reason[200] = "", text[4096];
    enum reading_fault fault = reading_decode(bytes, size, &shape, &reading, features, reason, sizeof reason);
    if (fault) {
        expect(*reason != '\0' && memchr(reason, '\n', strlen(reason)) == NULL);
        for (const char *at = reason; *at; at++)
            expect(*at >= 0x20 && *at < 0x7f);
        return;
    }
    expect(reading_width(bytes, size) == WIDTH);
    size_t n = write_reading(&reading, features, text, sizeof text);
    expect(reading_decode(text, n, &shape, &again, features_again, reason, sizeof reason) == READING_GOOD);
    expect(strcmp(reading.device_id, again.device_id) == 0 && same(reading.ts, again.ts));
    for (size_t i = 0; i < WIDTH; i++)
        expect(same(features[i], features_again[i]) && (missing_values || isfinite(features[i])));
}

/* A byte order mark is not plain, so the same bytes behind one go through cJSON. */
static void check_plain(const char *bytes, size_t size, bool missing_values)
{
    const struct reading_shape shape = {.width = WIDTH, .missing_values = missing_values, .bytes_max = 65536};
    struct reading plain, arbiter;
    double features[WIDTH], arbiter_features[WIDTH];
    char reason[200];
    if (!plain_decode(bytes, size, &shape, &plain, features))
        return;
    char *marked = malloc(size + 3);
    expect(marked != NULL);
    memcpy(marked, "\xef\xbb\xbf", 3);
    memcpy(marked + 3, bytes, size);
    expect(!plain_decode(marked, size + 3, &shape, &arbiter, arbiter_features));
    expect(!reading_decode(marked, size + 3, &shape, &arbiter, arbiter_features, reason, sizeof reason));
    free(marked);
    expect(plain.device_id_bytes == arbiter.device_id_bytes && strcmp(plain.device_id, arbiter.device_id) == 0);
    expect(memcmp(&plain.ts, &arbiter.ts, sizeof plain.ts) == 0);
    expect(memcmp(features, arbiter_features, sizeof features) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Bytes of exactly this size, so that reading beyond them shows. */
    char *bytes = malloc(size ? size : 1);
    expect(bytes != NULL);
    if (size)
        memcpy(bytes, data, size);
    check(bytes, size, false);
    check(bytes, size, true);
    check_plain(bytes, size, false);
    check_plain(bytes, size, true);
    free(bytes);
    return 0;
}
