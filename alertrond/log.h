/* log.h: lines on standard error, as text or JSON, a level each. Any thread. */
#ifndef ALERTROND_LOG_H
#define ALERTROND_LOG_H

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARNING_LEVEL, LOG_ERROR_LEVEL };
enum log_format { LOG_TEXT, LOG_JSON };

/* To be called before threads start. Until then: info, text. */
void log_setup(enum log_level level, enum log_format format);

/* text: "2026-11-22T19:30:01.123Z info  message"; json: {"ts":"...","level":"info","message":"..."} */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING_LEVEL, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR_LEVEL, __VA_ARGS__)

#endif
