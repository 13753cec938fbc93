/* bench_reading.c: the decoder of readings beside cJSON. Answers on standard input:
 *
 *     decode READINGS WAY   seconds a reading, the mean over passes that take BENCH_SLICE seconds together
 *     sum READINGS WAY      the sum of all numbers in them, the same for each way
 *     version               cJSON's
 *
 * WAY is `plain` (reading_decode), `arbiter` (the same behind a byte order mark, so that all of it is left to the
 * decoder of everything unusual, as before there was a plain one) or `cjson` (cJSON alone, nothing checked). READINGS
 * are `short` (3 features of 6 digits, as `alertrond generate` writes them), `python` (3 of 17 digits, as json.dumps
 * writes them) or `five` (5 of 17 digits).
 */
#include "side.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "reading.h"

enum { READINGS = 4096, WIDTH_MAX = 5, BYTES_MAX = 256, MARK = 3 };

/* Readings one after the other, each with the room for a byte order mark before it. */
struct batch {
    const char *name;
    size_t width, decimals;
    bool blanks;
    char *bytes;
    size_t begin[READINGS + 1];
};

static double draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static void fill(struct batch *batch)
{
    static const double centres[WIDTH_MAX] = {50, 100, 0.5, 1013.25, -4};
    uint64_t state = 1;
    size_t n = 0;
    batch->bytes = side_allocate(READINGS * (size_t)BYTES_MAX);
    const char *blank = batch->blanks ? " " : "";
    for (size_t i = 0; i < READINGS; i++) {
        batch->begin[i] = n;
        n += (size_t)sprintf(batch->bytes + n, "\xef\xbb\xbf{\"device_id\":%s\"edge-%d\",%s\"features\":%s[", blank,
                             1 + (int)(draw(&state) * 1000), blank, blank);
        for (size_t k = 0; k < batch->width; k++) {
            const double value = centres[k] * (0.8 + 0.4 * draw(&state));
            char text[32];
            snprintf(text, sizeof text, "%.*g", (int)batch->decimals, value);
            n += (size_t)sprintf(batch->bytes + n, "%s%s%s", k ? "," : "", k ? blank : "", text);
        }
        n += (size_t)sprintf(batch->bytes + n, "],%s\"ts\":%s%.3f}", blank, blank, 1763800000 + draw(&state) * 1e5);
    }
    batch->begin[READINGS] = n;
}

static double decode(const struct batch *batch, bool plain)
{
    const struct reading_shape shape = {.width = batch->width, .bytes_max = BYTES_MAX};
    double sum = 0;
    for (size_t i = 0; i < READINGS; i++) {
        struct reading reading;
        double features[WIDTH_MAX];
        const size_t skipped = plain ? MARK : 0, begin = batch->begin[i] + skipped;
        if (reading_decode(batch->bytes + begin, batch->begin[i + 1] - begin, &shape, &reading, features, NULL, 0) !=
            READING_GOOD)
            return -1;
        for (size_t k = 0; k < batch->width; k++)
            sum += features[k];
        sum += reading.ts + reading.device_id[5];
    }
    return sum;
}

static double decode_cjson(const struct batch *batch)
{
    double sum = 0;
    for (size_t i = 0; i < READINGS; i++) {
        const size_t begin = batch->begin[i] + MARK;
        cJSON *root = cJSON_ParseWithLength(batch->bytes + begin, batch->begin[i + 1] - begin);
        const cJSON *item;
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "features")) sum += item->valuedouble;
        sum += cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(root, "ts")) +
               cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "device_id"))[5];
        cJSON_Delete(root);
    }
    return sum;
}

static double pass(const struct batch *batch, const char *way)
{
    if (strcmp(way, "cjson") == 0)
        return decode_cjson(batch);
    return decode(batch, strcmp(way, "plain") == 0);
}

static double seconds(const struct batch *batch, const char *way)
{
    double sum = pass(batch, way);
    size_t passes = 0;
    const double begun = side_now();
    double now;
    do {
        sum += pass(batch, way);
        passes++;
        now = side_now();
    } while (now - begun < side_slice());
    return sum < 0 ? -1 : (now - begun) / (double)passes / READINGS;
}

static void answer(const struct batch *batch, const side_command *command)
{
    const char *way = command->words[2];
    if (strcmp(way, "plain") != 0 && strcmp(way, "arbiter") != 0 && strcmp(way, "cjson") != 0)
        side_answer_error("the way is plain, arbiter or cjson");
    else if (strcmp(command->words[0], "decode") == 0)
        side_answer(seconds(batch, way));
    else if (strcmp(command->words[0], "sum") == 0)
        side_answer(pass(batch, way));
    else
        side_answer_error("unknown command");
}

static void answer_version(void)
{
    char text[64];
    snprintf(text, sizeof text, "cJSON %s", cJSON_Version());
    side_answer_text(text);
}

int main(void)
{
    struct batch batches[] = {
        {"short", 3, 6, false, NULL, {0}}, {"python", 3, 17, true, NULL, {0}}, {"five", 5, 17, false, NULL, {0}}};
    enum { BATCHES = sizeof batches / sizeof *batches };
    for (size_t i = 0; i < BATCHES; i++)
        fill(&batches[i]);
    side_command command;
    while (side_next(&command)) {
        size_t i = 0;
        while (i < BATCHES && strcmp(batches[i].name, command.words[1]) != 0)
            i++;
        if (strcmp(command.words[0], "version") == 0)
            answer_version();
        else if (i == BATCHES)
            side_answer_error("readings are short, python or five");
        else
            answer(&batches[i], &command);
    }
    for (size_t i = 0; i < BATCHES; i++)
        free(batches[i].bytes);
    return 0;
}
