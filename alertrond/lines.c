/* lines.c: a text file, row by row: however long the file, a bounded row at a time. */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 18) /* asked of the system at a time */

struct lines {
    int fd;
    char *name;
    char *buffer;
    size_t begin, end, capacity; /* bytes not yet taken: buffer[begin .. end) */
    size_t number, taken;        /* of the line at begin; lines in the row that was taken last */
    size_t last_begin;
    char cut; /* the byte that the NUL of the last row has replaced */
    size_t cut_at;
    bool ended;
};

struct lines *lines_open(const char *path, char *why, size_t why_size)
{
    struct lines *lines = calloc(1, sizeof *lines);
    bool standard = strcmp(path, "-") == 0;
    if (lines) {
        lines->fd = -1;
        lines->capacity = READ_BYTES;
        lines->number = 1;
        lines->name = strdup(standard ? "standard input" : path);
        lines->buffer = malloc(lines->capacity + 1);
    }
    if (!lines || !lines->name || !lines->buffer) {
        snprintf(why, why_size, "%s: out of memory", path);
        lines_close(lines);
        return NULL;
    }
    lines->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (lines->fd >= 0)
        return lines;
    snprintf(why, why_size, "%s: %s", path, strerror(errno));
    lines_close(lines);
    return NULL;
}

void lines_close(struct lines *lines)
{
    if (!lines)
        return;
    if (lines->fd > STDIN_FILENO)
        close(lines->fd);
    free(lines->buffer);
    free(lines->name);
    free(lines);
}

/* As row_bytes, where there are quotes: one opens a field only at its beginning. */
static size_t quoted_row_bytes(const char *text, size_t n, char separator, bool *open)
{
    bool quoted = false, field_begins = true;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '"' && i + 1 < n && text[i + 1] == '"')
                i++;
            else if (c == '"')
                quoted = false;
            continue;
        }
        if (c == '\n')
            return i;
        quoted = c == '"' && field_begins;
        field_begins = c == separator || (c == ' ' && field_begins);
    }
    *open = quoted;
    return n;
}

/* Bytes before the newline that ends the row, or n where it is not there. */
static size_t row_bytes(const char *text, size_t n, char separator, bool *open)
{
    *open = false;
    const char *newline = memchr(text, '\n', n);
    size_t length = newline ? (size_t)(newline - text) : n;
    if (!separator || !memchr(text, '"', length))
        return length;
    return quoted_row_bytes(text, n, separator, open);
}

/* Reads more behind what is there. False, and why, on failure. */
static bool read_more(struct lines *lines, char *why, size_t why_size)
{
    memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    if (lines->capacity - lines->end < READ_BYTES / 2) {
        char *grown = realloc(lines->buffer, lines->capacity * 2 + 1);
        if (!grown) {
            snprintf(why, why_size, "%s:%zu: out of memory", lines->name, lines->number);
            return false;
        }
        lines->buffer = grown;
        lines->capacity *= 2;
    }
    ssize_t n;
    do
        n = read(lines->fd, lines->buffer + lines->end, lines->capacity - lines->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        snprintf(why, why_size, "%s: %s", lines->name, strerror(errno));
        return false;
    }
    lines->ended = n == 0;
    lines->end += (size_t)n;
    return true;
}

static size_t count_newlines(const char *text, size_t n)
{
    size_t count = 0;
    for (const char *end = text + n; (text = memchr(text, '\n', (size_t)(end - text))) != NULL; text++)
        count++;
    return count;
}

/* Takes the row of `length` bytes, and its newline where there is one. */
static void take(struct lines *lines, size_t length, struct line *line)
{
    char *text = lines->buffer + lines->begin;
    size_t behind = lines->begin + length + (lines->begin + length < lines->end);
    line->crlf = length > 0 && text[length - 1] == '\r';
    lines->taken = count_newlines(text, behind - lines->begin);
    line->text = text;
    line->n_bytes = length - line->crlf;
    line->number = lines->number;
    lines->cut_at = lines->begin + line->n_bytes;
    lines->cut = text[line->n_bytes];
    text[line->n_bytes] = '\0';
    lines->number += lines->taken;
    lines->last_begin = lines->begin;
    lines->begin = behind;
}

enum lines_outcome lines_next(struct lines *lines, char separator, struct line *line, char *why, size_t why_size)
{
    for (;;) {
        bool open;
        size_t n = lines->end - lines->begin;
        size_t length = row_bytes(lines->buffer + lines->begin, n, separator, &open);
        if (length > LINES_BYTES_MAX) {
            snprintf(why, why_size, "%s:%zu: a row of more than %zu bytes%s", lines->name, lines->number,
                     LINES_BYTES_MAX, open ? ": a quote is opened and not closed" : "");
            return LINES_FAILED;
        }
        if (length == n && !lines->ended) {
            if (!read_more(lines, why, why_size))
                return LINES_FAILED;
            continue;
        }
        if (n == 0)
            return LINES_END;
        if (open || memchr(lines->buffer + lines->begin, 0, length)) {
            snprintf(why, why_size, "%s:%zu: %s", lines->name, lines->number,
                     open ? "a quote is opened and not closed" : "holds a NUL byte; expected text in UTF-8");
            return LINES_FAILED;
        }
        take(lines, length, line);
        return LINES_ROW;
    }
}

void lines_unread(struct lines *lines)
{
    lines->buffer[lines->cut_at] = lines->cut;
    lines->begin = lines->last_begin;
    lines->number -= lines->taken;
}

bool lines_ready(const struct lines *lines)
{
    return lines->ended || memchr(lines->buffer + lines->begin, '\n', lines->end - lines->begin) != NULL;
}

const char *lines_name(const struct lines *lines)
{
    return lines->name;
}
