/* log.c: events as lines on standard error: text, logfmt or JSON, a level each. */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

#define TOLD_BYTES_MAX 4096u /* of a line's message and values together; what is longer ends in "..." */
#define ESCAPED_BYTES_MAX 6u /* of one byte: \u001f */
#define FIELDS_MAX 16u
#define FIELD_BYTES_MAX 80u /* beside its text: key, quotes, a number */
#define KEY_BYTES_MAX 32
#define LINE_BYTES_MAX (ESCAPED_BYTES_MAX * TOLD_BYTES_MAX + FIELDS_MAX * FIELD_BYTES_MAX + 256u)

enum { PATIENCE_MS = 100 };

/* Written by log_setup before there are threads, then only read. */
static enum log_level least_level = LOG_INFO_LEVEL;
static enum log_format line_format = LOG_TEXT;
static unsigned lines_per_second;
static bool to_journal;

/* Guards all below, and the sites. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_site *sites; /* those that ever left something out */
static uint64_t n_lost, n_lost_told;
static bool stuck;  /* standard error took no more, and has not since */
static bool broken; /* and took only the beginning of a line */

/* The line that is being made. */
static struct {
    char bytes[LINE_BYTES_MAX];
    size_t n;
    size_t left; /* bytes of message and values that it may still hold */
    unsigned fields;
} line;

/* ---- a line's bytes ---- */

static void put(const char *text)
{
    const size_t n = strlen(text);
    assert(n <= sizeof line.bytes - line.n);
    memcpy(line.bytes + line.n, text, n);
    line.n += n;
}

static void put_escape(unsigned char c, bool json)
{
    static const char short_ones[] = "\bb\tt\nn\ff\rr";
    char text[ESCAPED_BYTES_MAX + 1] = {'\\'};
    for (size_t i = 0; short_ones[i]; i += 2)
        if (c == (unsigned char)short_ones[i])
            text[1] = short_ones[i + 1];
    if (!text[1])
        snprintf(text, sizeof text, json ? "\\u%04x" : "\\x%02x", c);
    put(text);
}

/* One character, or a byte that is none, so that the line stays one line of UTF-8. Returns its length. */
static size_t put_character(const char *at, bool json)
{
    const size_t n = utf8_bytes(at);
    const bool control = n > 0 && utf8_is_control(at);
    if (n == 0 && json) {
        put("\xEF\xBF\xBD"); /* U+FFFD stands for what JSON can't hold */
    } else if (control && json) {
        put_escape((unsigned char)at[n - 1], true); /* U+0080 to U+009F: their last byte is their number */
    } else if (n == 0 || control) {
        for (size_t i = 0; i < (n ? n : 1); i++)
            put_escape((unsigned char)at[i], false);
    } else {
        char shown[6] = {'\\'};
        const bool escaped = json && (*at == '"' || *at == '\\');
        memcpy(shown + escaped, at, n);
        shown[escaped + n] = 0;
        put(shown);
    }
    return n ? n : 1;
}

/* A text from anywhere, cut where the line is full. */
static void put_text(const char *text, bool json)
{
    const size_t n_text = strlen(text), n = n_text <= line.left ? n_text : utf8_cut(text, line.left);
    for (size_t i = 0; i < n;)
        i += put_character(text + i, json);
    line.left -= n;
    if (n < n_text) {
        line.left = 0;
        put("...");
    }
}

static void put_quoted(const char *text)
{
    put("\"");
    put_text(text, true);
    put("\"");
}

/* Whether logfmt takes a value without quotes. */
static bool is_plain(const char *text)
{
    size_t n = 0;
    for (const char *at = text; *at; at += n) {
        n = utf8_bytes(at);
        if (n == 0 || utf8_is_control(at) || strchr(" =\"", *at))
            return false;
    }
    return *text != 0;
}

static void put_value(const char *text)
{
    if (line_format == LOG_JSON || !is_plain(text))
        put_quoted(text);
    else
        put_text(text, false);
}

static void put_key(const char *key)
{
    char text[KEY_BYTES_MAX + 8];
    if (line_format == LOG_JSON)
        snprintf(text, sizeof text, "%s\"%.*s\":", line.fields ? "," : "", KEY_BYTES_MAX, key);
    else
        snprintf(text, sizeof text, "%s%.*s=", line.fields ? " " : "", KEY_BYTES_MAX, key);
    line.fields++;
    put(text);
}

static void put_field(const struct log_field *field)
{
    char number[32];
    put_key(field->key);
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        put_value(field->text ? field->text : "");
        break;
    case LOG_FIELD_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)field->integer);
        put(number);
        break;
    case LOG_FIELD_NUMBER:
        snprintf(number, sizeof number, "%.6g", field->number);
        put(line_format == LOG_JSON && !isfinite(field->number) ? "null" : number);
        break;
    }
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

static void make_line(enum log_level level, const char *message, const struct log_field *fields)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    static const char *const columns[] = {" debug    ", " info     ", " warning  ", " error    "};
    static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
    char time_text[64];
    line.n = line.fields = 0;
    line.left = TOLD_BYTES_MAX;
    write_time(time_text, sizeof time_text);
    if (to_journal)
        put(priorities[level]);
    if (line_format == LOG_TEXT) {
        put(time_text);
        put(columns[level]);
        put_text(message, false);
        put(fields ? "  " : "");
    } else {
        put(line_format == LOG_JSON ? "{" : "");
        const struct log_field head[] = {log_text("ts", time_text), log_text("level", names[level]),
                                         log_text("msg", message)};
        for (size_t i = 0; i < sizeof head / sizeof *head; i++)
            put_field(&head[i]);
    }
    for (size_t i = 0; fields && fields[i].key && i < FIELDS_MAX; i++)
        put_field(&fields[i]);
    put(line_format == LOG_JSON ? "}\n" : "\n");
}

/* ---- standard error ---- */

/* Waits a little, once, where nobody reads; after that not at all until somebody does. */
static bool takes_more(void)
{
    struct pollfd file = {.fd = STDERR_FILENO, .events = POLLOUT};
    int n;
    do
        n = poll(&file, 1, stuck ? 0 : PATIENCE_MS);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* A pipe that poll calls ready takes PIPE_BUF bytes without waiting; a socket is told not to wait. Standard error is
 * not made O_NONBLOCK: it is shared with other processes, which would not expect that. */
static ssize_t write_some(const char *bytes, size_t n)
{
    const size_t piece = n < PIPE_BUF ? n : PIPE_BUF;
    ssize_t written = send(STDERR_FILENO, bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK)
        written = write(STDERR_FILENO, bytes, piece);
    return written;
}

/* True where all was taken. */
static bool write_bytes(const char *bytes, size_t n)
{
    size_t done = 0;
    while (done < n && takes_more()) {
        const ssize_t written = write_some(bytes + done, n - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    stuck = done < n;
    broken = stuck && (done > 0 || broken);
    return !stuck;
}

/* One call for most lines, so that lines of several processes don't mix. */
static bool write_line(void)
{
    if ((broken && !write_bytes("\n", 1)) || !write_bytes(line.bytes, line.n)) {
        n_lost++;
        return false;
    }
    return true;
}

static void tell(enum log_level level, const char *message, const struct log_field *fields)
{
    make_line(level, message, fields);
    if (!write_line() || n_lost == n_lost_told)
        return;
    const struct log_field lost[] = {log_integer("lost", (int64_t)(n_lost - n_lost_told)), {0}};
    make_line(LOG_WARNING_LEVEL, "lines of this log were lost: standard error took no more", lost);
    if (write_line())
        n_lost_told = n_lost;
}

/* ---- limits ---- */

static double seconds(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The line that stands for those left out. */
static void tell_left_out(struct log_site *site)
{
    if (site->left_out == 0)
        return;
    const struct log_field repeated[] = {log_integer("repeated", (int64_t)site->left_out), {0}};
    site->left_out = 0;
    tell(site->level, site->message, repeated);
}

/* Whether a site may write one more line. */
static bool admit(struct log_site *site, enum log_level level)
{
    if (lines_per_second == 0 || level == LOG_DEBUG_LEVEL)
        return true;
    const double now = seconds();
    if (now - site->window >= 1.0) {
        tell_left_out(site);
        site->window = now;
        site->written = 0;
    }
    if (site->written < lines_per_second) {
        site->written++;
        return true;
    }
    site->left_out++;
    if (!site->listed) {
        site->listed = true;
        site->next = sites;
        sites = site;
    }
    return false;
}

static void tell_admitted(struct log_site *site, enum log_level level, const char *message,
                          const struct log_field *fields)
{
    const size_t n = strlen(message), room = sizeof site->message - 1;
    const size_t kept = n <= room ? n : utf8_cut(message, room);
    memcpy(site->message, message, kept);
    site->message[kept] = 0;
    site->level = level;
    tell(level, message, fields);
}

/* ---- what callers see ---- */

/* JOURNAL_STREAM is "device:inode" of the stream that systemd gave to the service. */
static bool is_journal(void)
{
    unsigned long long device = 0, inode = 0;
    struct stat file;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &file) == 0 &&
           file.st_dev == device && file.st_ino == inode;
}

void log_setup(enum log_level level, enum log_format format, unsigned per_second)
{
    least_level = level;
    line_format = format != LOG_AUTO ? format : isatty(STDERR_FILENO) ? LOG_TEXT : LOG_LOGFMT;
    lines_per_second = per_second;
    to_journal = is_journal();
}

void log_fields(struct log_site *site, enum log_level level, const char *message, const struct log_field *fields)
{
    if (level < least_level)
        return;
    const int caller_errno = errno;
    pthread_mutex_lock(&lock);
    if (admit(site, level))
        tell_admitted(site, level, message, fields);
    pthread_mutex_unlock(&lock);
    errno = caller_errno;
}

void log_message(struct log_site *site, enum log_level level, const char *format, ...)
{
    static char message[TOLD_BYTES_MAX + 16]; /* longer than a line holds, so that what is missing shows */
    if (level < least_level)
        return;
    const int caller_errno = errno;
    pthread_mutex_lock(&lock);
    if (admit(site, level)) {
        va_list arguments;
        va_start(arguments, format);
        const int n = vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        if (n < 0)
            message[0] = 0;
        else if ((size_t)n >= sizeof message) /* printf cuts characters */
            message[utf8_cut(message, sizeof message - 5)] = 0;
        tell_admitted(site, level, message, NULL);
    }
    pthread_mutex_unlock(&lock);
    errno = caller_errno;
}

static void count_left_out(double until)
{
    pthread_mutex_lock(&lock);
    for (struct log_site *site = sites; site; site = site->next)
        if (site->window <= until)
            tell_left_out(site);
    pthread_mutex_unlock(&lock);
}

void log_tick(void)
{
    count_left_out(seconds() - 1.0);
}

void log_end(void)
{
    count_left_out(seconds());
}

uint64_t log_lost(void)
{
    pthread_mutex_lock(&lock);
    const uint64_t lost = n_lost;
    pthread_mutex_unlock(&lock);
    return lost;
}
