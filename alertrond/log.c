/* log.c: lines on standard error, as text or JSON, a level each. */
#include "log.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 4096u /* longer messages end in "..." */
#define ESCAPED_BYTES_MAX 6u    /* of one byte: \u001f */
#define LINE_BYTES_MAX (ESCAPED_BYTES_MAX * MESSAGE_BYTES_MAX + 128u)

/* Written by log_setup before there are threads, then only read. */
static enum log_level least_level = LOG_INFO_LEVEL;
static enum log_format line_format = LOG_TEXT;

void log_setup(enum log_level level, enum log_format format)
{
    least_level = level;
    line_format = format;
}

static size_t write_escape(char *out, unsigned char c, bool json)
{
    static const char short_ones[] = "\bb\tt\nn\ff\rr";
    for (size_t i = 0; short_ones[i]; i += 2)
        if (c == (unsigned char)short_ones[i]) {
            out[0] = '\\';
            out[1] = short_ones[i + 1];
            return 2;
        }
    return (size_t)sprintf(out, json ? "\\u%04x" : "\\x%02x", c);
}

/* Writes a message so that it stays one line of UTF-8, whatever its bytes are; `out` has room for every escape. */
static size_t write_message(char *out, const char *message, bool json)
{
    size_t n_out = 0;
    for (const char *at = message; *at;) {
        const size_t n = utf8_bytes(at);
        const bool control = n > 0 && utf8_is_control(at);
        if (n == 0 && json) {
            memcpy(out + n_out, "\xEF\xBF\xBD", 3); /* U+FFFD stands for what JSON can't hold */
            n_out += 3;
        } else if (n == 0 || (control && !json)) {
            for (size_t i = 0; i < (n ? n : 1); i++)
                n_out += write_escape(out + n_out, (unsigned char)at[i], false);
        } else if (control) {
            n_out += write_escape(out + n_out, (unsigned char)at[n - 1],
                                  true); /* U+0080 to U+009F: their last byte is their number */
        } else if (json && (*at == '"' || *at == '\\')) {
            out[n_out++] = '\\';
            out[n_out++] = *at;
        } else {
            memcpy(out + n_out, at, n);
            n_out += n;
        }
        at += n ? n : 1;
    }
    return n_out;
}

/* "2026-11-22T19:30:01.123Z" */
static void write_time(char *out, size_t size)
{
    struct timespec now = {0, 0};
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &utc))
        memset(&utc, 0, sizeof utc);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, size - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* One call for the whole line, so that lines of several threads and processes don't mix. Where standard error takes
 * no more the line is lost: there is nowhere left to say so. */
static void write_line(const char *line, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, line, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line += written;
        n -= (size_t)written;
    }
}

static void cut_message(char *message)
{
    strcpy(message + utf8_cut(message, MESSAGE_BYTES_MAX - sizeof "..."), "...");
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    static const char *const columns[] = {"debug  ", "info   ", "warning", "error  "};
    if (level < least_level)
        return;
    int caller_errno = errno;
    char message[MESSAGE_BYTES_MAX], line[LINE_BYTES_MAX], time_text[64];
    va_list arguments;
    va_start(arguments, format);
    int n_message = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (n_message < 0)
        message[0] = 0;
    else if ((size_t)n_message >= sizeof message)
        cut_message(message);
    write_time(time_text, sizeof time_text);
    bool json = line_format == LOG_JSON;
    size_t n = json ? (size_t)sprintf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"message\":\"", time_text, names[level])
                    : (size_t)sprintf(line, "%s %s  ", time_text, columns[level]);
    n += write_message(line + n, message, json);
    n += (size_t)sprintf(line + n, json ? "\"}\n" : "\n");
    write_line(line, n);
    errno = caller_errno;
}
