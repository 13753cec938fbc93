/* test_modelstore.c: models come from files as they are or deflated; what inflates without end is refused. */
#include "modelstore.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "support.h"

enum { ZLIB = 15, GZIP = 15 + 16 }; /* windowBits */

static char path[] = "/tmp/test_modelstore.XXXXXX";

static int make_path(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file >= 0 && close(file) == 0 ? 0 : -1;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_bytes(const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static unsigned char *deflated(const void *bytes, size_t n, int window, size_t *n_out)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    const size_t room = deflateBound(&stream, (uLong)n);
    unsigned char *out = malloc(room);
    assert_non_null(out);
    stream.next_in = (unsigned char *)(uintptr_t)bytes;
    stream.avail_in = (uInt)n;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *n_out = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static unsigned char *model_bytes(size_t *n)
{
    unsigned char *bytes = read_file(ALERTRON_TESTS_DIR "/data/sklearn/1.9.1_bare_deep_float64.pkl", n);
    assert_non_null(bytes);
    return bytes;
}

static void write_deflated(const void *bytes, size_t n, int window)
{
    size_t n_out;
    unsigned char *out = deflated(bytes, n, window, &n_out);
    write_bytes(out, n_out);
    free(out);
}

/* The error's text begins with the path and says what is expected. */
static void refuses(alertron_status status, const char *expected)
{
    alertron_error error = {0};
    assert_null(modelstore_load(path, ALERTRON_INPUT_DEFAULT, &error));
    if (!strstr(error.text, expected) || strncmp(error.text, path, strlen(path)) != 0)
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
    assert_int_equal(error.status, status);
}

static void loads_a_model_plain_and_deflated(void **state)
{
    (void)state;
    const double row[] = {0.5, -0.5};
    size_t n;
    unsigned char *bytes = model_bytes(&n);
    double scores[3];
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            write_bytes(bytes, n);
        else
            write_deflated(bytes, n, i == 1 ? ZLIB : GZIP);
        alertron_error error = {0};
        alertron_model *model = modelstore_load(path, ALERTRON_INPUT_DEFAULT, &error);
        if (!model)
            fail_msg("%s", error.text);
        scores[i] = alertron_model_score(model, row);
        alertron_model_free(model);
    }
    assert_true(scores[0] == scores[1] && scores[0] == scores[2]);
    free(bytes);
}

static void refuses_deflated_bytes_that_are_not_whole(void **state)
{
    (void)state;
    size_t n, n_deflated;
    unsigned char *bytes = model_bytes(&n), *out = deflated(bytes, n, GZIP, &n_deflated);
    for (size_t cut = 2; cut < n_deflated; cut += 7) {
        write_bytes(out, cut);
        refuses(ALERTRON_ERROR_FORMAT, "cut short: the compressed data ends after");
    }
    unsigned char *twice = malloc(2 * n_deflated);
    assert_non_null(twice);
    memcpy(twice, out, n_deflated);
    memcpy(twice + n_deflated, out, n_deflated);
    write_bytes(twice, 2 * n_deflated);
    refuses(ALERTRON_ERROR_FORMAT, "bytes follow the end of the compressed data");
    memset(twice + 20, 0xa5, n_deflated);
    write_bytes(twice, n_deflated);
    refuses(ALERTRON_ERROR_FORMAT, "damaged compressed data");
    write_deflated(out, n_deflated, ZLIB);
    refuses(ALERTRON_ERROR_COMPRESSED, "the file is compressed with gzip");
    free(twice);
    free(out);
    free(bytes);
}

/* Whole, they would be refused as what they hold. */
static void refuses_bombs_before_they_are_inflated(void **state)
{
    (void)state;
    const size_t n = (size_t)1 << 26;
    unsigned char *zeros = calloc(n, 1);
    assert_non_null(zeros);
    size_t n_zlib, n_gzip;
    unsigned char *bombs[] = {deflated(zeros, n, ZLIB, &n_zlib), deflated(zeros, n, GZIP, &n_gzip)};
    const size_t sizes[] = {n_zlib, n_gzip};
    free(zeros);
    for (int i = 0; i < 2; i++) {
        write_bytes(bombs[i], sizes[i]);
        refuses(ALERTRON_ERROR_LIMIT, "save the model again without compression");
        free(bombs[i]);
    }
}

static void names_files_that_hold_no_model(void **state)
{
    (void)state;
    write_bytes("", 0);
    refuses(ALERTRON_ERROR_FORMAT, "the file is empty");
    write_bytes("\x78\x9c", 2);
    refuses(ALERTRON_ERROR_FORMAT, "cut short");
    alertron_error error = {0};
    assert_null(modelstore_load("/", ALERTRON_INPUT_DEFAULT, &error));
    assert_string_equal(error.text, "/: Is a directory");
    assert_null(modelstore_load("/nowhere/model.pkl", ALERTRON_INPUT_DEFAULT, &error));
    assert_string_equal(error.text, "/nowhere/model.pkl: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_model_plain_and_deflated),
        cmocka_unit_test(refuses_deflated_bytes_that_are_not_whole),
        cmocka_unit_test(refuses_bombs_before_they_are_inflated),
        cmocka_unit_test(names_files_that_hold_no_model),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
