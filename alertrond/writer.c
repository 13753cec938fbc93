/* writer.c: JSON, piece by piece. */
#include "writer.h"

#include <string.h>

#include "reading.h"

void writer_text(struct writer *writer, const char *text)
{
    const size_t n = strlen(text);
    writer->failed |= n >= writer->size - writer->n;
    if (writer->failed)
        return;
    memcpy(writer->out + writer->n, text, n + 1);
    writer->n += n;
}

void writer_string(struct writer *writer, const char *text)
{
    const size_t n = reading_write_string(writer->out + writer->n, writer->size - writer->n, text);
    writer->failed |= n == 0;
    writer->n += n;
}

void writer_number(struct writer *writer, double value)
{
    const size_t n = reading_write_number(writer->out + writer->n, writer->size - writer->n, value);
    writer->failed |= n == 0;
    writer->n += n;
}

void writer_integer(struct writer *writer, long long value)
{
    char text[24], *at = text + sizeof text;
    *--at = 0;
    unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    writer_text(writer, at);
}
