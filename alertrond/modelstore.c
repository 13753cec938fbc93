/* modelstore.c: models from files: read, inflated where compressed (the one room that knows zlib), loaded; and to
 * files. */
#include "modelstore.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zlib.h>

#include "file.h"
#include "why.h"

/* Deflate makes up to 1,032 bytes of one. Of a forest's file it makes 3 to 6, and 30 where all trees are alike. */
#define DEFLATE_RATIO_MAX 64u
#define INFLATE_BYTES_MIN ((size_t)1 << 16)
#define PATH_SHOWN_MAX 160     /* bytes of a path before an error's text; of a longer one the end is shown */
#define GZIP_OR_ZLIB (15 + 32) /* zlib's windowBits for either, told by its header */

struct bytes {
    unsigned char *data;
    size_t n, capacity;
};

__attribute__((format(printf, 3, 4))) static bool fail(alertron_error *error, alertron_status status,
                                                       const char *format, ...)
{
    error->status = status;
    error->offset = ALERTRON_NO_OFFSET;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

/* gzip begins with 1f 8b; zlib (RFC 1950) with method 8, a window of at most 32 KiB, and a check of the two bytes. */
static bool is_deflated(const unsigned char *bytes, size_t n)
{
    if (n < 2)
        return false;
    bool gzip = bytes[0] == 0x1f && bytes[1] == 0x8b;
    bool zlib = (bytes[0] & 0x0f) == 8 && bytes[0] >> 4 <= 7 && (bytes[0] * 256 + bytes[1]) % 31 == 0;
    return gzip || zlib;
}

static bool grow(struct bytes *out, size_t limit, alertron_error *error)
{
    if (out->capacity >= limit)
        return fail(error, ALERTRON_ERROR_LIMIT,
                    "inflates to more than %zu bytes, which no forest of its size does; save the model again without "
                    "compression",
                    limit);
    size_t capacity = out->capacity > limit / 2 ? limit : out->capacity * 2;
    capacity = capacity < INFLATE_BYTES_MIN ? INFLATE_BYTES_MIN : capacity;
    capacity = capacity > limit ? limit : capacity;
    unsigned char *data = realloc(out->data, capacity);
    if (!data)
        return fail(error, ALERTRON_ERROR_MEMORY, "out of memory");
    out->data = data;
    out->capacity = capacity;
    return true;
}

/* Inflates all of the stream's input into *out. */
static bool inflate_stream(z_stream *stream, struct bytes *out, size_t limit, alertron_error *error)
{
    size_t n_in = stream->avail_in;
    for (int status = Z_OK; status != Z_STREAM_END;) {
        if (out->n == out->capacity && !grow(out, limit, error))
            return false;
        stream->next_out = out->data + out->n;
        stream->avail_out = (uInt)(out->capacity - out->n);
        status = inflate(stream, Z_NO_FLUSH);
        out->n = out->capacity - stream->avail_out;
        if (status == Z_MEM_ERROR)
            return fail(error, ALERTRON_ERROR_MEMORY, "out of memory");
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return fail(error, ALERTRON_ERROR_FORMAT, "damaged compressed data near byte %zu (%s); copy the file again",
                        n_in - stream->avail_in, stream->msg ? stream->msg : "not understood");
        if (status != Z_STREAM_END && stream->avail_in == 0 && stream->avail_out > 0)
            return fail(error, ALERTRON_ERROR_FORMAT,
                        "cut short: the compressed data ends after %zu bytes; "
                        "copy the file again",
                        n_in);
    }
    if (stream->avail_in > 0)
        return fail(error, ALERTRON_ERROR_FORMAT, "%u byte%s the end of the compressed data; copy the file again",
                    stream->avail_in, stream->avail_in == 1 ? " follows" : "s follow");
    return true;
}

/* Puts what the bytes inflate to in their place. */
static bool inflate_bytes(struct bytes *bytes, alertron_error *error)
{
    size_t limit = bytes->n > MODEL_FILE_BYTES_MAX / DEFLATE_RATIO_MAX
                       ? MODEL_FILE_BYTES_MAX
                       : bytes->n * DEFLATE_RATIO_MAX + INFLATE_BYTES_MIN;
    z_stream stream = {.next_in = bytes->data, .avail_in = (uInt)bytes->n};
    if (inflateInit2(&stream, GZIP_OR_ZLIB) != Z_OK)
        return fail(error, ALERTRON_ERROR_MEMORY, "out of memory");
    struct bytes out = {0};
    bool good = inflate_stream(&stream, &out, limit, error);
    inflateEnd(&stream);
    free(good ? bytes->data : out.data);
    if (good)
        *bytes = out;
    return good;
}

/* Puts the path before the error's text. */
static void name_path(const char *path, alertron_error *error)
{
    char text[sizeof error->text];
    memcpy(text, error->text, sizeof text);
    size_t n = strlen(path);
    bool cut = n > PATH_SHOWN_MAX;
    snprintf(error->text, sizeof error->text, "%s%s: %s", cut ? "..." : "", cut ? path + n - PATH_SHOWN_MAX : path,
             text);
}

alertron_model *modelstore_load_with(const char *path, const alertron_load_options *options, alertron_error *error)
{
    alertron_error unseen;
    error = error ? error : &unseen;
    struct bytes bytes = {0};
    char why[PATH_MAX + 256];
    bytes.data = file_read(path, MODEL_FILE_BYTES_MAX, &bytes.n, why, sizeof why);
    if (!bytes.data) {
        /* It begins with the path and ends with the reason; of a longer one the end is shown. */
        size_t n = strlen(why), most = sizeof error->text - sizeof "...";
        fail(error, ALERTRON_ERROR_ARGUMENT, "%s%s", n > most ? "..." : "", n > most ? why + n - most : why);
        return NULL;
    }
    alertron_model *model = NULL;
    if (!is_deflated(bytes.data, bytes.n) || inflate_bytes(&bytes, error))
        model = alertron_model_load_with(bytes.data, bytes.n, options, NULL, error);
    if (!model)
        name_path(strcmp(path, "-") == 0 ? "standard input" : path, error);
    free(bytes.data);
    return model;
}

alertron_model *modelstore_load(const char *path, alertron_input input, alertron_error *error)
{
    return modelstore_load_with(path, &(alertron_load_options){.input = input}, error);
}

bool modelstore_save(const alertron_model *model, const char *path, size_t *n_bytes, char *why, size_t why_size)
{
    size_t n = alertron_model_save(model, NULL, 0);
    void *bytes = malloc(n);
    if (!bytes)
        return why_say(why, why_size, "out of memory");
    alertron_model_save(model, bytes, n);
    bool good = file_write(path, bytes, n, why, why_size);
    free(bytes);
    *n_bytes = n;
    return good;
}

char *modelstore_tests(const char *path, char *why, size_t why_size)
{
    size_t n;
    char *tests = (char *)file_read(path, ALERTRON_TESTS_MAX, &n, why, why_size);
    if (!tests)
        return NULL;
    /* What can't be read as tests is told by who puts them into the model. */
    alertron_tests *parsed = alertron_tests_parse(tests, n, NULL, NULL);
    const bool none = parsed && alertron_tests_count(parsed) == 0;
    alertron_tests_free(parsed);
    if (strlen(tests) < n)
        why_say(why, why_size, "%s: a NUL byte at %zu; tests are text", path, strlen(tests));
    else if (none)
        why_say(why, why_size, "%s: no tests in it", path);
    else
        return tests;
    free(tests);
    return NULL;
}

void modelstore_name(const char *path, char out[MODEL_NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, MODEL_NAME_BYTES, "%s", strcmp(path, "-") == 0 ? "standard input" : slash ? slash + 1 : path);
    for (char *at = out; *at; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
            *at = '?';
}

void modelstore_time(char out[MODEL_TIME_BYTES])
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = epoch && *epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm utc;
    out[0] = '\0';
    if (gmtime_r(&now, &utc))
        strftime(out, MODEL_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
