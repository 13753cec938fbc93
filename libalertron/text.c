/* text.c: text by a format, for errors and names, and characters of text. It needs nothing of stdio, which would bring
 * a heap, files and a locale to machines that have none. */
#include "private.h"

/* A conversion: `%`, zeros to fill a width with, a precision of %s, a length, a letter. */
struct conversion {
    size_t width;
    size_t precision;
    char length; /* 0, 'l' for ll, 'z' */
    char letter;
};

struct arguments {
    va_list list;
};

struct line {
    char *out;
    size_t capacity, n;
};

static void put_text(struct line *line, const char *piece, size_t n)
{
    for (size_t i = 0; i < n; i++, line->n++)
        if (line->n < line->capacity)
            line->out[line->n] = piece[i];
}

static void put_integer(struct line *line, uint64_t value, unsigned base, size_t width)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t n = 0;
    do
        digits[sizeof digits - ++n] = "0123456789abcdef"[value % base];
    while ((value /= base) > 0);
    for (size_t i = n; i < width; i++)
        put_text(line, "0", 1);
    put_text(line, digits + sizeof digits - n, n);
}

static size_t number_at(const char **at)
{
    size_t number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        number = number * 10 + (size_t)(**at - '0');
    return number;
}

/* Reads what follows a `%`, and leaves *at behind it. */
static struct conversion conversion_at(const char **at, struct arguments *arguments)
{
    struct conversion conversion = {.width = number_at(at), .precision = SIZE_MAX};
    if (**at == '.') {
        ++*at;
        conversion.precision = number_at(at);
        if (**at == '*') {
            ++*at;
            conversion.precision = (size_t)va_arg(arguments->list, int);
        }
    }
    for (; **at == 'l' || **at == 'z'; ++*at)
        conversion.length = **at;
    conversion.letter = **at;
    ++*at;
    return conversion;
}

static uint64_t unsigned_argument(char length, struct arguments *arguments)
{
    if (length == 'z')
        return va_arg(arguments->list, size_t);
    return length == 'l' ? va_arg(arguments->list, unsigned long long) : va_arg(arguments->list, unsigned);
}

static void put_signed(struct line *line, char length, struct arguments *arguments)
{
    const int64_t value = length == 'l' ? va_arg(arguments->list, long long) : va_arg(arguments->list, int);
    if (value < 0)
        put_text(line, "-", 1);
    put_integer(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, 0);
}

/* Not strlen: a text with a precision need not end in a NUL. */
static size_t length_of(const char *piece, size_t at_most)
{
    size_t n = 0;
    while (n < at_most && piece[n])
        n++;
    return n;
}

static void convert(struct line *line, const struct conversion *conversion, struct arguments *arguments)
{
    if (conversion->letter == 's') {
        const char *piece = va_arg(arguments->list, const char *);
        put_text(line, piece, length_of(piece, conversion->precision));
    } else if (conversion->letter == 'u') {
        put_integer(line, unsigned_argument(conversion->length, arguments), 10, conversion->width);
    } else if (conversion->letter == 'x') {
        put_integer(line, unsigned_argument(conversion->length, arguments), 16, conversion->width);
    } else if (conversion->letter == 'd') {
        put_signed(line, conversion->length, arguments);
    } else {
        put_text(line, &conversion->letter, 1);
    }
}

size_t alertron__text_of(char *out, size_t capacity, const char *format, va_list list)
{
    struct arguments arguments;
    struct line line = {.out = out, .capacity = capacity ? capacity - 1 : 0};
    va_copy(arguments.list, list);
    while (*format) {
        if (*format != '%') {
            put_text(&line, format++, 1);
            continue;
        }
        format++;
        const struct conversion conversion = conversion_at(&format, &arguments);
        convert(&line, &conversion, &arguments);
    }
    va_end(arguments.list);
    if (capacity)
        out[line.n < capacity ? line.n : capacity - 1] = 0;
    return line.n;
}

size_t alertron__text(char *out, size_t capacity, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const size_t n = alertron__text_of(out, capacity, format, list);
    va_end(list);
    return n;
}

/* Unicode 15, table 3-7. A NUL is no continuation byte, so that nothing behind it is read. */
size_t alertron__text_character(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool too_high = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || surrogate || too_high ? 0 : n;
}
