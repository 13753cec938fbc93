/* test_log.c: whatever a message holds and whoever writes it, a line stays a line. */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "support.h"

#define TIME_BYTES 24 /* 2026-11-22T19:30:01.123Z */

/* What one message becomes, without its time, malloced. */
static char *logged(enum log_format format, const char *message)
{
    log_setup(LOG_DEBUG_LEVEL, format);
    struct capture capture = capture_begin(stderr);
    log_warning("%s", message);
    char *line = capture_end(&capture);
    memmove(line, line + TIME_BYTES + (format == LOG_JSON ? 7 : 0),
            strlen(line) + 1 - TIME_BYTES - (format == LOG_JSON ? 7 : 0));
    return line;
}

static void expect(enum log_format format, const char *message, const char *expected)
{
    char *line = logged(format, message), whole[256];
    snprintf(whole, sizeof whole,
             format == LOG_JSON ? "\",\"level\":\"warning\",\"message\":\"%s\"}\n" : " warning  %s\n", expected);
    assert_string_equal(line, whole);
    free(line);
}

static void test_a_line_begins_with_its_time(void **state)
{
    (void)state;
    log_setup(LOG_INFO_LEVEL, LOG_TEXT);
    struct capture capture = capture_begin(stderr);
    log_info("port %d", 8000);
    char *line = capture_end(&capture), *rest = line + TIME_BYTES;
    static const char pattern[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    for (size_t i = 0; i < TIME_BYTES; i++)
        assert_true(pattern[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == pattern[i]);
    assert_string_equal(rest, " info     port 8000\n");
    free(line);
}

static void test_levels_below_the_least_are_silent(void **state)
{
    (void)state;
    log_setup(LOG_WARNING_LEVEL, LOG_TEXT);
    struct capture capture = capture_begin(stderr);
    log_debug("no");
    log_info("no");
    log_error("yes");
    char *line = capture_end(&capture);
    assert_string_equal(line + TIME_BYTES, " error    yes\n");
    free(line);
}

static void test_text_stays_one_line(void **state)
{
    (void)state;
    expect(LOG_TEXT, "plain \xC3\xA9 \"quoted\" \\", "plain \xC3\xA9 \"quoted\" \\");
    expect(LOG_TEXT, "a\nb\r\tc", "a\\nb\\r\\tc");
    expect(LOG_TEXT, "\x1b[31mred\x7f", "\\x1b[31mred\\x7f");
    expect(LOG_TEXT, "\xFF\xC3(\xC2\x9B", "\\xff\\xc3(\\xc2\\x9b");
}

static void test_json_is_valid_for_any_bytes(void **state)
{
    (void)state;
    expect(LOG_JSON, "\"\\/\b\f\n\r\t", "\\\"\\\\/\\b\\f\\n\\r\\t");
    expect(LOG_JSON, "\x01\x1f\x7f\xC2\x9B", "\\u0001\\u001f\\u007f\\u009b");
    expect(LOG_JSON, "\xE2\x82\xAC\xF0\x9F\x98\x80", "\xE2\x82\xAC\xF0\x9F\x98\x80");
    expect(LOG_JSON, "a\xFFz", "a\xEF\xBF\xBDz");
    expect(LOG_JSON, "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* overlong */
    expect(LOG_JSON, "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a surrogate */
    expect(LOG_JSON, "\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    expect(LOG_JSON, "\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* cut short */
}

static void test_a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const fillers[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x01", "\xFF"};
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            char message[20000] = "";
            size_t n = strlen(fillers[i]);
            for (size_t at = 0; at + n < sizeof message; at += n)
                memcpy(message + at, fillers[i], n + 1);
            char *line = logged((enum log_format)format, message);
            const char *end = format == LOG_JSON ? "...\"}\n" : "...\n";
            assert_string_equal(line + strlen(line) - strlen(end), end);
            assert_null(format == LOG_JSON && n > 1 ? strstr(line, "\xEF\xBF\xBD") : NULL);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
            free(line);
        }
}

static void test_the_callers_errno_stays(void **state)
{
    (void)state;
    log_setup(LOG_INFO_LEVEL, LOG_TEXT);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    close(STDERR_FILENO); /* so that writing fails, with an errno of its own */
    errno = ENOENT;
    log_error("x");
    int kept = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(kept, ENOENT);
}

#define THREADS 8
#define LINES 500

static void *write_lines(void *letter)
{
    char text[101];
    memset(text, *(const char *)letter, 100);
    text[100] = 0;
    for (int i = 0; i < LINES; i++)
        log_info("%s", text);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    log_setup(LOG_INFO_LEVEL, LOG_TEXT);
    static char letters[] = "abcdefgh";
    pthread_t threads[THREADS];
    struct capture capture = capture_begin(stderr);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &letters[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *text = capture_end(&capture);
    size_t lines = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        assert_int_equal(end - at, TIME_BYTES + 10 + 100);
        const char *message = end - 100;
        for (int i = 0; i < 100; i++)
            assert_int_equal(message[i], message[0]);
    }
    assert_int_equal(lines, THREADS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_begins_with_its_time),
        cmocka_unit_test(test_levels_below_the_least_are_silent),
        cmocka_unit_test(test_text_stays_one_line),
        cmocka_unit_test(test_json_is_valid_for_any_bytes),
        cmocka_unit_test(test_a_long_message_is_cut_between_characters),
        cmocka_unit_test(test_the_callers_errno_stays),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
