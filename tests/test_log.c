/* test_log.c: whatever a message holds and whoever writes it, a line stays a line. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "support.h"

#define TIME_BYTES 24 /* 2026-11-22T19:30:01.123Z */

/* Bytes before what follows the time, in each format: text, ts=TIME, {"ts":"TIME" */
static size_t time_bytes(enum log_format format)
{
    return TIME_BYTES + (format == LOG_JSON ? 8 : format == LOG_LOGFMT ? 3 : 0);
}

/* What one message becomes, without its time, malloced. */
static char *logged(enum log_format format, const char *message)
{
    log_setup(LOG_DEBUG_LEVEL, format, 0);
    struct capture capture = capture_begin(stderr);
    log_warning("%s", message);
    char *line = capture_end(&capture);
    memmove(line, line + time_bytes(format), strlen(line) + 1 - time_bytes(format));
    return line;
}

static void expect(enum log_format format, const char *message, const char *expected)
{
    static const char *const patterns[] = {[LOG_TEXT] = " warning  %s\n",
                                           [LOG_LOGFMT] = " level=warning msg=%s\n",
                                           [LOG_JSON] = ",\"level\":\"warning\",\"msg\":\"%s\"}\n"};
    char *line = logged(format, message), whole[256];
    snprintf(whole, sizeof whole, patterns[format], expected);
    assert_string_equal(line, whole);
    free(line);
}

static void test_a_line_begins_with_its_time(void **state)
{
    (void)state;
    log_setup(LOG_INFO_LEVEL, LOG_TEXT, 0);
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
    log_setup(LOG_WARNING_LEVEL, LOG_TEXT, 0);
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

static void test_logfmt_quotes_what_needs_it(void **state)
{
    (void)state;
    expect(LOG_LOGFMT, "plain", "plain");
    expect(LOG_LOGFMT, "", "\"\"");
    expect(LOG_LOGFMT, "back\\slash,\xC3\xA9", "back\\slash,\xC3\xA9");
    expect(LOG_LOGFMT, "two words", "\"two words\"");
    expect(LOG_LOGFMT, "a=b", "\"a=b\"");
    expect(LOG_LOGFMT, "\"\\", "\"\\\"\\\\\"");
    expect(LOG_LOGFMT, "x\nlevel=error msg=forged", "\"x\\nlevel=error msg=forged\"");
    expect(LOG_LOGFMT, "\x1b[31m", "\"\\u001b[31m\"");
    expect(LOG_LOGFMT, "a\xFFz", "\"a\xEF\xBF\xBDz\"");
}

static void expect_event(enum log_format format, const char *expected)
{
    log_setup(LOG_INFO_LEVEL, format, 0);
    struct capture capture = capture_begin(stderr);
    log_event(LOG_INFO_LEVEL, "device seen", log_text("device_id", "pump\n7 \"a\""), log_integer("count", INT64_MIN),
              log_number("score", 0.1), log_number("none", NAN), log_text("topic", "readings"), log_text("void", NULL));
    char *line = capture_end(&capture);
    assert_string_equal(line + time_bytes(format), expected);
    free(line);
}

static void test_an_event_tells_its_fields(void **state)
{
    (void)state;
    expect_event(LOG_TEXT,
                 " info     device seen  device_id=\"pump\\n7 \\\"a\\\"\" count=-9223372036854775808 score=0.1 "
                 "none=nan topic=readings void=\"\"\n");
    expect_event(LOG_LOGFMT, " level=info msg=\"device seen\" device_id=\"pump\\n7 \\\"a\\\"\" "
                             "count=-9223372036854775808 score=0.1 none=nan topic=readings void=\"\"\n");
    expect_event(LOG_JSON, ",\"level\":\"info\",\"msg\":\"device seen\",\"device_id\":\"pump\\n7 \\\"a\\\"\","
                           "\"count\":-9223372036854775808,\"score\":0.1,\"none\":null,\"topic\":\"readings\","
                           "\"void\":\"\"}\n");
}

static void test_fields_without_end_are_cut_to_the_line(void **state)
{
    (void)state;
    static char value[8000];
    memset(value, 1, sizeof value - 1); /* six bytes each in JSON */
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        struct log_field fields[40];
        for (size_t i = 0; i < 39; i++)
            fields[i] = log_text("a_key_that_is_longer_than_what_a_line_has_room_for", value);
        fields[39] = (struct log_field){0};
        struct log_site site = {0};
        log_setup(LOG_INFO_LEVEL, (enum log_format)format, 0);
        struct capture capture = capture_begin(stderr);
        log_fields(&site, LOG_ERROR_LEVEL, value, fields);
        char *line = capture_end(&capture);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_non_null(strstr(line, "..."));
        assert_in_range(strlen(line), 4096, 6 * 4096 + 2000);
        free(line);
    }
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
            const bool quoted = format == LOG_LOGFMT && (*fillers[i] == '\x01' || *fillers[i] == '\xFF');
            const char *end = format == LOG_JSON ? "...\"}\n" : quoted ? "...\"\n" : "...\n";
            assert_string_equal(line + strlen(line) - strlen(end), end);
            assert_null(format == LOG_JSON && n > 1 ? strstr(line, "\xEF\xBF\xBD") : NULL);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
            free(line);
        }
}

static void test_the_callers_errno_stays(void **state)
{
    (void)state;
    log_setup(LOG_INFO_LEVEL, LOG_TEXT, 0);
    const int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    close(STDERR_FILENO); /* so that writing fails, with an errno of its own */
    errno = ENOENT;
    log_error("x");
    int kept = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(kept, ENOENT);
    struct capture capture = capture_begin(stderr);
    log_info("back");
    char *text = capture_end(&capture);
    assert_non_null(strstr(text, " info     back\n"));
    assert_non_null(strstr(text, "lost=1\n"));
    free(text);
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
    log_setup(LOG_INFO_LEVEL, LOG_TEXT, 0);
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

/* ---- limits ---- */

/* Lines of a text, and the sum of what their fields `name=N` say. */
static size_t count_lines(const char *text, const char *name, uint64_t *sum)
{
    size_t n = 0;
    char key[32];
    snprintf(key, sizeof key, "  %s=", name);
    *sum = 0;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1, n++) {
        const char *field = strstr(text, key);
        if (field && field < end)
            *sum += strtoull(field + strlen(key), NULL, 10);
    }
    return n;
}

static void test_what_is_said_too_often_is_counted_instead(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG_LEVEL, LOG_TEXT, 5);
    struct capture capture = capture_begin(stderr);
    for (int i = 0; i < 1000; i++) {
        log_warning("often %d", i);
        if (i % 500 == 0)
            log_info("seldom");
    }
    for (int i = 0; i < 100; i++)
        log_debug("asked for");
    log_end();
    log_end(); /* has nothing more to say */
    char *text = capture_end(&capture);
    uint64_t left_out = 0;
    size_t n = count_lines(text, "repeated", &left_out), repeated = 0, seldom = 0;
    assert_in_range(left_out, 1, 995);
    for (const char *at = text; (at = strstr(at, "repeated=")); at++)
        repeated++;
    for (const char *at = text; (at = strstr(at, "info     seldom\n")); at++)
        seldom++;
    assert_int_equal(seldom, 2);
    assert_int_equal(n - repeated + left_out, 1000 + 2 + 100);
    assert_non_null(strstr(text, " warning  often 4  repeated="));
    free(text);
}

/* Standard error goes to `file` until give_back. */
static int take_stderr(int file)
{
    const int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    close(file);
    return saved;
}

static void give_back(int saved)
{
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
}

/* What is there to be read now; `file` does not wait. */
static size_t drain(int file, char *out, size_t size)
{
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(file, out + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    out[n] = 0;
    return n;
}

/* Nobody reads: no call waits for ever, and when somebody does, whole lines come, with how many are missing. */
static void check_full(int read_end, int write_end, char character, size_t n_shown)
{
    static char text[4 << 20], filler[3000];
    const size_t n_line = TIME_BYTES + 10 + (sizeof filler - 1) * n_shown;
    memset(filler, character, sizeof filler - 1);
    assert_int_equal(fcntl(read_end, F_SETFL, O_NONBLOCK), 0);
    log_setup(LOG_INFO_LEVEL, LOG_TEXT, 0);
    const int saved = take_stderr(write_end);
    const uint64_t lost_before = log_lost();
    enum { SENT = 1000 };
    for (int i = 0; i < SENT; i++)
        log_info("%s", filler);
    const uint64_t lost = log_lost() - lost_before;
    const size_t n_kept = drain(read_end, text, sizeof text);
    log_info("after");
    drain(read_end, text + n_kept, sizeof text - n_kept);
    give_back(saved);
    close(read_end);
    uint64_t told = 0;
    size_t whole = 0, after = 0;
    assert_in_range(lost, 1, SENT - 1);
    count_lines(text, "lost", &told);
    for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        whole += (size_t)(end - at) == n_line;
        after += (size_t)(end - at) == TIME_BYTES + 10 + 5 && strncmp(end - 5, "after", 5) == 0;
    }
    assert_int_equal(whole, SENT - lost);
    assert_int_equal(told, lost);
    assert_int_equal(after, 1);
}

/* A line is written at once, or, where it is longer than a pipe takes at once, in pieces. */
static void test_a_full_pipe_loses_lines_and_time_of_nobody(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    check_full(ends[0], ends[1], 'x', 1);
    assert_int_equal(pipe(ends), 0);
    check_full(ends[0], ends[1], '\x01', 4);
}

static void test_a_full_socket_too(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    check_full(ends[0], ends[1], 'x', 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    check_full(ends[0], ends[1], '\x01', 4);
}

/* ---- the journal ---- */

static void test_the_journal_is_told_the_priority(void **state)
{
    (void)state;
    struct capture capture = capture_begin(stderr);
    struct stat file;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &file), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup(LOG_DEBUG_LEVEL, LOG_AUTO, 0);
    log_debug("a");
    log_info("b");
    log_warning("c");
    log_error("d");
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1); /* somebody else's */
    log_setup(LOG_DEBUG_LEVEL, LOG_AUTO, 0);
    log_error("e");
    unsetenv("JOURNAL_STREAM");
    char *text = capture_end(&capture);
    static const char *const begins[] = {"<7>ts=", "<6>ts=", "<4>ts=", "<3>ts=", "ts="};
    const char *at = text;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++, at = strchr(at, '\n') + 1)
        assert_int_equal(strncmp(at, begins[i], strlen(begins[i])), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_begins_with_its_time),
        cmocka_unit_test(test_levels_below_the_least_are_silent),
        cmocka_unit_test(test_text_stays_one_line),
        cmocka_unit_test(test_json_is_valid_for_any_bytes),
        cmocka_unit_test(test_logfmt_quotes_what_needs_it),
        cmocka_unit_test(test_an_event_tells_its_fields),
        cmocka_unit_test(test_fields_without_end_are_cut_to_the_line),
        cmocka_unit_test(test_a_long_message_is_cut_between_characters),
        cmocka_unit_test(test_the_callers_errno_stays),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
        cmocka_unit_test(test_what_is_said_too_often_is_counted_instead),
        cmocka_unit_test(test_a_full_pipe_loses_lines_and_time_of_nobody),
        cmocka_unit_test(test_a_full_socket_too),
        cmocka_unit_test(test_the_journal_is_told_the_priority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
