/* test_letters.c: what the headers of a dead letter say, and which letters are chosen. */
#include "letters.h"

#include <string.h>

#include <librdkafka/rdkafka.h>

#include "support.h"

#define NOW 1800000000 /* seconds since 1970 */

static char why[512];

/* name, value, name, value, ..., NULL */
static struct letter read_letter(const char *const *pairs)
{
    struct letter letter;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    for (; *pairs; pairs += 2)
        rd_kafka_header_add(headers, pairs[0], -1, pairs[1], -1);
    letter_read(&letter, (const struct kafka_headers *)headers);
    rd_kafka_headers_destroy(headers);
    return letter;
}

#define OURS                                                                                                       \
    "__connect.errors.topic", "readings", "__connect.errors.partition", "0", "__connect.errors.exception.message", \
        "expected 3 features, got 2", "alertrond.error.code", "wrong_width"

static void a_letter_tells_where_it_came_from_and_which_headers_are_its_own(void **state)
{
    (void)state;
    const struct letter letter = read_letter((const char *[]){"note", "1", "alertrond.note", "2", OURS, NULL});
    assert_true(letter.known);
    assert_string_equal(letter.topic, "readings");
    assert_string_equal(letter.reason, "wrong_width");
    assert_string_equal(letter.text, "expected 3 features, got 2");
    assert_int_equal(letter.n_own, 2);
}

static void a_letter_tells_the_time_that_its_topic_refused(void **state)
{
    (void)state;
    struct letter letter = read_letter((const char *[]){OURS, NULL});
    assert_int_equal(letter.timestamp, 0);
    letter = read_letter((const char *[]){OURS, "alertrond.timestamp", "1798000000123", NULL});
    assert_int_equal(letter.timestamp, 1798000000123);
    assert_int_equal(letter.n_own, 0);
    letter = read_letter((const char *[]){OURS, "alertrond.timestamp", "9223372036854775807", NULL});
    assert_int_equal(letter.timestamp, INT64_MAX);
    for (const char **bad = (const char *[]){"", "-5", "12x", " 1", "111111111111111111111111111", NULL}; *bad; bad++) {
        letter = read_letter((const char *[]){OURS, "alertrond.timestamp", *bad, NULL});
        assert_true(letter.known);
        assert_int_equal(letter.timestamp, 0);
    }
    letter = read_letter((const char *[]){"alertrond.timestamp", "7", OURS, NULL}); /* the message's own */
    assert_int_equal(letter.timestamp, 0);
}

static void a_letter_tells_that_it_is_not_its_message(void **state)
{
    (void)state;
    assert_false(read_letter((const char *[]){OURS, NULL}).cut);
    assert_true(read_letter((const char *[]){OURS, "alertrond.value.bytes", "200000000", NULL}).cut);
    assert_false(read_letter((const char *[]){"alertrond.value.bytes", "7", OURS, NULL}).cut); /* the message's own */
}

static void only_the_last_reason_is_not_the_messages_own(void **state)
{
    (void)state;
    const struct letter letter =
        read_letter((const char *[]){OURS, "__connect.errors.topic", "other", "alertrond.error.code", "empty", NULL});
    assert_string_equal(letter.topic, "other");
    assert_string_equal(letter.reason, "empty");
    assert_int_equal(letter.n_own, 4);
}

static void a_letter_of_somebody_else_keeps_all_headers(void **state)
{
    (void)state;
    struct letter letter = read_letter((const char *[]){"__connect.errors.topic", "orders", NULL});
    assert_false(letter.known);
    assert_string_equal(letter.topic, "");
    assert_string_equal(letter.reason, "none");
    assert_int_equal(letter.n_own, 1);
    letter = read_letter((const char *[]){OURS, "note", "added behind", NULL});
    assert_false(letter.known);
    assert_int_equal(letter.n_own, 5);
    letter_read(&letter, NULL);
    assert_false(letter.known);
    assert_int_equal(letter.n_own, 0);
}

static void reasons_are_chosen_by_name(void **state)
{
    (void)state;
    struct letters_choice choice = {0};
    assert_true(letters_chosen(&choice, letters_reason("not_json"), 0, 0));
    assert_true(letters_choose_reasons(&choice, "wrong_width,none,tombstone", why, sizeof why));
    assert_true(letters_chosen(&choice, letters_reason("wrong_width"), 0, 0));
    assert_true(letters_chosen(&choice, letters_reason("none"), 0, 0));
    assert_true(letters_chosen(&choice, letters_reason("tombstone"), 0, 0));
    assert_false(letters_chosen(&choice, letters_reason("not_json"), 0, 0));
    assert_false(letters_chosen(&choice, letters_reason("of a later version"), 0, 0));
    assert_false(letters_choose_reasons(&choice, "wrong_widht", why, sizeof why));
    assert_string_equal(why, "\"wrong_widht\" is no reason; give some of empty, too_large, not_json, missing_field, "
                             "wrong_type, wrong_width, not_finite, tombstone, none");
    assert_false(letters_choose_reasons(&choice, "empty,", why, sizeof why));
    assert_false(letters_choose_reasons(&choice, "other", why, sizeof why));
}

static void assert_bound(const char *text, int kind, int64_t value)
{
    struct letters_bound bound;
    if (!letters_read_bound(&bound, text, NOW, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(bound.kind, kind);
    assert_int_equal(bound.value, value);
}

static void a_bound_is_an_offset_a_time_or_how_long_ago(void **state)
{
    (void)state;
    assert_bound("0", LETTERS_OFFSET, 0);
    assert_bound("1200", LETTERS_OFFSET, 1200);
    assert_bound("1970-01-01", LETTERS_TIME, 0);
    assert_bound("2000-02-29T23:59:58Z", LETTERS_TIME, 951868798000);
    assert_bound("2026-11-23T05:30", LETTERS_TIME, 1795411800000);
    assert_bound("2026-11-23T05:30:10", LETTERS_TIME, 1795411810000);
    assert_bound("90s", LETTERS_TIME, (NOW - 90) * INT64_C(1000));
    assert_bound("15m", LETTERS_TIME, (NOW - 900) * INT64_C(1000));
    assert_bound("2h", LETTERS_TIME, (NOW - 7200) * INT64_C(1000));
    assert_bound("7d", LETTERS_TIME, (NOW - 604800) * INT64_C(1000));
}

static void what_is_no_bound_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-1",
                                        "2h30m",
                                        "h",
                                        "2w",
                                        "2026-11",
                                        "2026-13-01",
                                        "2026-02-29",
                                        "1900-01-01",
                                        "2026-04-31",
                                        "2026-11-23T24:00",
                                        "2026-11-23 05:30",
                                        "2026-11-23T05:30:60Z",
                                        "2026-11-23T05:30:10+01:00",
                                        "99999999999999999999",
                                        "999999999999999d",
                                        "yesterday"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct letters_bound bound;
        if (letters_read_bound(&bound, texts[i], NOW, why, sizeof why))
            fail_msg("%s was taken", texts[i]);
        assert_non_null(strstr(why, "is no time; give an offset (1200)"));
    }
}

static void ranges_have_their_first_and_not_their_last(void **state)
{
    (void)state;
    const struct letters_choice offsets = {.since = {LETTERS_OFFSET, 10}, .until = {LETTERS_OFFSET, 20}};
    assert_false(letters_chosen(&offsets, 0, 9, 0));
    assert_true(letters_chosen(&offsets, 0, 10, 0));
    assert_true(letters_chosen(&offsets, 0, 19, 0));
    assert_false(letters_chosen(&offsets, 0, 20, 0));
    const struct letters_choice times = {.since = {LETTERS_TIME, 1000}, .until = {LETTERS_TIME, 2000}};
    assert_false(letters_chosen(&times, 0, 1500, 999));
    assert_true(letters_chosen(&times, 0, 0, 1000));
    assert_false(letters_chosen(&times, 0, 0, 2000));
    const struct letters_choice until = {.until = {LETTERS_TIME, 2000}};
    assert_false(letters_chosen(&until, 0, 0, 0)); /* no time is in no range of times */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_tells_where_it_came_from_and_which_headers_are_its_own),
        cmocka_unit_test(a_letter_tells_the_time_that_its_topic_refused),
        cmocka_unit_test(a_letter_tells_that_it_is_not_its_message),
        cmocka_unit_test(only_the_last_reason_is_not_the_messages_own),
        cmocka_unit_test(a_letter_of_somebody_else_keeps_all_headers),
        cmocka_unit_test(reasons_are_chosen_by_name),
        cmocka_unit_test(a_bound_is_an_offset_a_time_or_how_long_ago),
        cmocka_unit_test(what_is_no_bound_is_refused),
        cmocka_unit_test(ranges_have_their_first_and_not_their_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
