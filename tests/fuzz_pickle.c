/* fuzz_pickle.c: whatever pickle comes, loading it ends in a text or in a model that scores, and takes memory in
 * proportion to its size. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

struct meter {
    size_t held, peak;
};

static void *allocate(void *context, size_t bytes)
{
    struct meter *meter = context;
    meter->held += bytes;
    meter->peak = meter->held > meter->peak ? meter->held : meter->peak;
    return malloc(bytes);
}

static void release(void *context, void *memory, size_t bytes)
{
    struct meter *meter = context;
    meter->held -= bytes;
    free(memory);
}

static void score(const alertron_model *model)
{
    const double values[] = {
        0.0, 1.0, -1.0, alertron__infinity(), -alertron__infinity(), alertron__double_of_bits(0x7ff8000000000000u)};
    const size_t width = alertron_model_features(model);
    double *row = malloc(sizeof *row * width);
    expect(row != NULL);
    for (size_t first = 0; first < 6; first++) {
        for (size_t i = 0; i < width; i++)
            row[i] = values[(first + i) % 6];
        const double score = alertron_model_score(model, row);
        expect(score != score || (score >= 0.0 && score <= 1.0));
        (void)alertron_model_severity(model, score);
    }
    free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Other formats have fuzzers of their own. */
    if (alertron__modelfile_is(data, size))
        return 0;
    /* Bytes of exactly this size, so that reading beyond them shows.. */
    unsigned char *bytes = malloc(size ? size : 1);
    expect(bytes != NULL);
    memcpy(bytes, data, size);
    const alertron_load_options options = {.input = size % 2 ? ALERTRON_INPUT_FLOAT32 : ALERTRON_INPUT_DEFAULT};
    struct meter meter = {0};
    const alertron_allocator allocator = {.allocate = allocate, .release = release, .context = &meter};
    alertron_error error = {.status = ALERTRON_OK};
    alertron_model *model = alertron_model_load_with(bytes, size, &options, &allocator, &error);
    if (model)
        score(model);
    else
        expect(error.status != ALERTRON_OK && *error.text != 0 && !strchr(error.text, '\n'));
    alertron_model_free(model);
    expect(meter.held == 0 && meter.peak <= 16 * size + 1048576);
    free(bytes);
    return 0;
}
