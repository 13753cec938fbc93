/* base.c: memory, errors, little-endian bytes. */
#include "private.h"

#include <string.h>

#ifdef ALERTRON_NO_MALLOC

/* For machines without a heap: the caller who gives no allocator gets no memory. */
static const char out_of_memory[] =
    "out of memory: give a larger allocator, or one at all, as this build of libalertron "
    "has no malloc (ALERTRON_NO_MALLOC)";

static void *allocate_default(void *context, size_t bytes)
{
    (void)context;
    (void)bytes;
    return NULL;
}

static void release_default(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)memory;
    (void)bytes;
}

#else

#include <stdlib.h>

static const char out_of_memory[] = "out of memory";

static void *allocate_default(void *context, size_t bytes)
{
    (void)context;
    return malloc(bytes);
}

static void release_default(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

#endif

const char *alertron_version(void)
{
    return ALERTRON_VERSION;
}

alertron_rows alertron_rows_of(const double *data, size_t rows, size_t width)
{
    return (alertron_rows){.data = data,
                           .dtype = ALERTRON_FLOAT64,
                           .rows = rows,
                           .width = width,
                           .row_stride = (ptrdiff_t)(width * sizeof *data),
                           .column_stride = (ptrdiff_t)sizeof *data};
}

alertron_allocator alertron__allocator(const alertron_allocator *allocator)
{
    if (allocator)
        return *allocator;
    return (alertron_allocator){.allocate = allocate_default, .release = release_default};
}

void *alertron__new(const alertron_allocator *allocator, size_t count, size_t size)
{
    if (count == 0)
        count = 1;
    if (count > SIZE_MAX / size)
        return NULL;
    void *memory = allocator->allocate(allocator->context, count * size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void alertron__release(const alertron_allocator *allocator, void *memory, size_t count, size_t size)
{
    if (memory)
        allocator->release(allocator->context, memory, (count ? count : 1) * size);
}

char *alertron__copy_text(const alertron_allocator *allocator, const char *text, size_t n)
{
    char *copy = alertron__new(allocator, n + 1, 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

/* Texts of files stand in errors, and errors go to terminals, logs and other languages' strings: what is no character,
 * a cut one among them, and what a terminal acts on becomes `?`. */
static void make_printable(char *text)
{
    for (size_t n; *text; text += n) {
        const unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
        n = alertron__text_character(text);
        if (n > 0 && first >= 0x20 && first != 0x7f && !(first == 0xc2 && second < 0xa0))
            continue;
        memset(text, '?', n = n ? n : 1);
    }
}

alertron_status alertron__error(alertron_error *error, alertron_status status, uint64_t offset, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    error->offset = offset;
    va_list arguments;
    va_start(arguments, format);
    alertron__text_of(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    make_printable(error->text);
    return status;
}

alertron_status alertron__error_memory(alertron_error *error)
{
    return alertron__error(error, ALERTRON_ERROR_MEMORY, ALERTRON_NO_OFFSET, "%s", out_of_memory);
}
