/* log.h: events as lines on standard error: text, logfmt or JSON, a level each. Any thread.
 *
 * A line is escaped so that it stays one line of UTF-8, whatever a device or a broker put into it. What a call in the
 * source says more often than the limit is left out, and counted by a line that repeats it with `repeated=N`. Where
 * standard error takes no more, lines are lost, and counted, rather than that readings wait.
 */
#ifndef ALERTROND_LOG_H
#define ALERTROND_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARNING_LEVEL, LOG_ERROR_LEVEL };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_LOGFMT, LOG_JSON };

/* To be called before threads start. Until then: info, text, no limit.
 * LOG_AUTO: text on a terminal, else logfmt. `per_second`: lines that each call in the source may write in a second,
 * 0 for any number; those of level debug are not limited. Where the environment's JOURNAL_STREAM says that standard
 * error is systemd's journal, lines begin with their priority: <4>. */
void log_setup(enum log_level level, enum log_format format, unsigned per_second);

/* Counts what was left out of seconds that are over, and the lines that were lost; to be called now and then.
 * log_end: the same of all seconds, before the process ends. */
void log_tick(void);
void log_end(void);

/* Lines so far that standard error did not take. */
uint64_t log_lost(void);

/* What an event tells beside its message: a key, of letters, digits, '_' and '.', and a value. */
struct log_field {
    const char *key;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INTEGER, LOG_FIELD_NUMBER } kind;
    union {
        const char *text;
        int64_t integer;
        double number;
    };
};

static inline struct log_field log_text(const char *key, const char *value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = value};
}

static inline struct log_field log_integer(const char *key, int64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_INTEGER, .integer = value};
}

static inline struct log_field log_number(const char *key, double value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_NUMBER, .number = value};
}

/* A call in the source, with what counts its lines. For the macros below. */
struct log_site {
    struct log_site *next;
    double window;
    uint64_t left_out;
    unsigned written;
    bool listed;
    enum log_level level;
    char message[256]; /* the last that was written, to be repeated */
};

/* log_event(LOG_INFO_LEVEL, "partitions assigned", log_text("topic", topic), log_integer("count", n))
 *   text    2026-11-22T19:30:01.123Z info     partitions assigned  topic=readings count=3
 *   logfmt  ts=2026-11-22T19:30:01.123Z level=info msg="partitions assigned" topic=readings count=3
 *   json    {"ts":"2026-11-22T19:30:01.123Z","level":"info","msg":"partitions assigned","topic":"readings","count":3}
 * At least one field. Lines longer than 4096 bytes are cut, with "..." in place of what is missing. */
#define log_event(level, message, ...)                                                            \
    do {                                                                                          \
        static struct log_site log_site_here;                                                     \
        log_fields(&log_site_here, level, message, (const struct log_field[]){__VA_ARGS__, {0}}); \
    } while (0)

/* log_line(level, FORMAT, ...): a message as printf's, without fields. */
#define log_line(level, ...)                             \
    do {                                                 \
        static struct log_site log_site_here;            \
        log_message(&log_site_here, level, __VA_ARGS__); \
    } while (0)

#define log_debug(...) log_line(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING_LEVEL, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR_LEVEL, __VA_ARGS__)

/* What the macros call; the last field has no key. */
void log_fields(struct log_site *site, enum log_level level, const char *message, const struct log_field *fields);
void log_message(struct log_site *site, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
