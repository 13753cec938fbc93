/* support.c: what the unit tests share: files, the shared reference data, an allocator that fails. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned char *read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    unsigned char *bytes = NULL;
    size_t n = 0, capacity = 0;
    do {
        capacity = capacity ? capacity * 2 : 65536;
        bytes = realloc(bytes, capacity + 1);
        assert_non_null(bytes);
        n += fread(bytes + n, 1, capacity - n, file);
    } while (n == capacity);
    fclose(file);
    bytes[n] = 0;
    *n_bytes = n;
    return bytes;
}

char *shared_path(const char *name)
{
    size_t size = strlen(ALERTRON_SHARED) + strlen(name) + 2;
    char *path = malloc(size);
    assert_non_null(path);
    snprintf(path, size, "%s/%s", ALERTRON_SHARED, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "SKIPPED: %s is missing\n", path);
        free(path);
        skip();
    } else {
        fclose(file);
    }
    return path;
}

double *read_csv(const char *path, size_t *rows, size_t *columns)
{
    size_t n_bytes;
    char *text = (char *)read_file(path, &n_bytes);
    assert_non_null(text);
    *columns = 1;
    char *at = text;
    for (; *at != '\n'; at++)
        *columns += *at == ',';
    size_t capacity = 1024, n = 0;
    double *numbers = malloc(capacity * sizeof *numbers);
    for (at++; *at;) {
        if (n == capacity)
            numbers = realloc(numbers, (capacity *= 2) * sizeof *numbers);
        assert_non_null(numbers);
        char *end;
        numbers[n++] = strtod(at, &end);
        assert_ptr_not_equal(at, end);
        for (at = end; *at == ',' || *at == '\r' || *at == '\n';)
            at++;
    }
    free(text);
    assert_int_equal(n % *columns, 0);
    *rows = n / *columns;
    return numbers;
}

uint64_t ulps_between(double a, double b)
{
    if (a != a || b != b)
        return (a != a) == (b != b) ? 0 : UINT64_MAX;
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x = x < 0 ? INT64_MIN - x : x;
    y = y < 0 ? INT64_MIN - y : y;
    return x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
}

static void *failing_allocate(void *context, size_t bytes)
{
    failing_allocator *state = context;
    state->allocations++;
    if (state->nth && state->allocations >= state->nth)
        return NULL;
    state->bytes_held += bytes;
    if (state->bytes_held > state->bytes_peak)
        state->bytes_peak = state->bytes_held;
    return malloc(bytes);
}

static void failing_release(void *context, void *memory, size_t bytes)
{
    failing_allocator *state = context;
    state->bytes_held -= bytes;
    free(memory);
}

alertron_allocator failing_allocator_of(failing_allocator *state)
{
    return (alertron_allocator){.allocate = failing_allocate, .release = failing_release, .context = state};
}

int registry_setup(void **state)
{
    *state = alertron_registry_new(NULL, NULL, NULL);
    return *state ? 0 : -1;
}

int registry_teardown(void **state)
{
    alertron_registry_free(*state);
    return 0;
}

char *registry_text_of(const alertron_registry *registry)
{
    size_t n = alertron_registry_text(registry, ALERTRON_TEXT, NULL, 0);
    char *text = malloc(n + 1);
    assert_non_null(text);
    assert_int_equal(alertron_registry_text(registry, ALERTRON_TEXT, text, n), n);
    text[n] = 0;
    return text;
}

bool registry_shows(const alertron_registry *registry, const char *line)
{
    char *text = registry_text_of(registry);
    bool found = strstr(text, line) != NULL;
    free(text);
    return found;
}
