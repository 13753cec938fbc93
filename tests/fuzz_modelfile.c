/* fuzz_modelfile.c: whatever bytes come, loading them ends in a text or in a model that scores, and that can be saved
 * and loaded again as the same. Each input is tried as it is, and with a length and checksum that fit it: without that
 * the fuzzer would hardly ever get past the checksum. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 9 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* CRC-64/XZ. */
static uint64_t crc_of(const unsigned char *bytes, size_t n)
{
    uint64_t crc = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xc96c5795d7870f42u : 0);
    }
    return ~crc;
}

/* Many rows score as one, whatever the forest: zeros, infinities, missing values. */
static void score(const alertron_model *model)
{
    const size_t width = alertron_model_features(model);
    const double values[] = {
        0.0, 1.0, -1.0, alertron__infinity(), -alertron__infinity(), alertron__double_of_bits(0x7ff8000000000000u)};
    double *numbers = malloc(sizeof *numbers * ROWS * width), scores[ROWS];
    expect(numbers != NULL);
    for (size_t i = 0; i < ROWS * width; i++)
        numbers[i] = values[i * 7 % 13 % 6];
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, width);
    expect(alertron_model_score_rows(model, &rows, scores) == ALERTRON_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const double alone = alertron_model_score(model, numbers + row * width);
        expect(alertron__bits_of_double(alone) == alertron__bits_of_double(scores[row]));
        expect(alone != alone || (alone >= 0.0 && alone <= 1.0));
        (void)alertron_model_severity(model, alone);
    }
    free(numbers);
}

static unsigned char *save(const alertron_model *model, size_t *size)
{
    *size = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(*size);
    expect(bytes != NULL && alertron_model_save(model, bytes, *size) == *size);
    return bytes;
}

static void save_and_load(const alertron_model *model)
{
    size_t size, size_again;
    unsigned char *bytes = save(model, &size);
    alertron_model *loaded = alertron_model_load(bytes, size, NULL, NULL);
    expect(loaded != NULL);
    unsigned char *again = save(loaded, &size_again);
    expect(size == size_again && memcmp(bytes, again, size) == 0);
    free(again);
    alertron_model_free(loaded);
    free(bytes);
}

static void load(const unsigned char *bytes, size_t size)
{
    alertron_error error = {.status = ALERTRON_OK};
    alertron_model *model = alertron_model_load(bytes, size, NULL, &error);
    if (model) {
        score(model);
        save_and_load(model);
    } else {
        expect(error.status != ALERTRON_OK && *error.text != 0 && !strchr(error.text, '\n'));
    }
    alertron_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Bytes of exactly this size, so that reading beyond them shows. Other formats have fuzzers of their own. */
    if (!alertron__modelfile_is(data, size))
        return 0;
    unsigned char *bytes = malloc(size);
    expect(bytes != NULL);
    memcpy(bytes, data, size);
    load(bytes, size);
    if (size >= 32) {
        alertron__store_le(bytes + 16, 8, size);
        alertron__store_le(bytes + size - 8, 8, crc_of(bytes, size - 8));
        load(bytes, size);
    }
    free(bytes);
    return 0;
}
