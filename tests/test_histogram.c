/* test_histogram.c: the picture of scores tells what is there: counts, shares, marks, ticks. */
#include "histogram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "support.h"

static const alertron_cuts cuts = {
    .threshold = 0.625, .medium = 0.75, .high = 0.8125, .origin = ALERTRON_CUTS_TRAINING, .n_scores = 5};

/* 1000 rows from 0.5 on, 100 a bin, then 4 in a bin from 0.6875 on and 1 from 0.8125 on. */
static void fill(uint64_t *counts)
{
    memset(counts, 0, ALERTRON_SCORE_BINS * sizeof *counts);
    for (size_t bin = 128; bin < 138; bin++)
        counts[bin] = 100;
    counts[176] = 4;
    counts[208] = 1;
}

static struct histogram sample(const size_t *by_severity)
{
    uint64_t counts[ALERTRON_SCORE_BINS];
    fill(counts);
    return histogram_of("pump: scores of 1005 training rows", counts, &cuts, by_severity);
}

static void shares_above_a_score_are_those_of_the_bins(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    assert_true(histogram.rows == 1005);
    assert_true(histogram_share_above(&histogram, 0.4) == 1);
    assert_true(histogram_share_above(&histogram, 0.5) == 1);
    assert_true(fabs(histogram_share_above(&histogram, 128.5 / 256) - 955.0 / 1005) < 1e-12);
    assert_true(histogram_share_above(&histogram, 0.6) == 5.0 / 1005);
    assert_true(histogram_share_above(&histogram, 0.75) == 1.0 / 1005);
    assert_true(histogram_share_above(&histogram, 0.9) == 0);
    assert_true(histogram_share_above(&histogram, 1) == 0);
    assert_true(histogram_share_above(&histogram, -1) == 1);
}

static void rows_of_a_mark_are_exact_where_they_are_known(void **state)
{
    (void)state;
    char text[96];
    struct histogram histogram = sample(NULL);
    histogram_mark_text(&histogram, 0, text, sizeof text);
    assert_string_equal(text, "anomaly above 0.6250: 5 rows, 0.5%");
    histogram_mark_text(&histogram, 1, text, sizeof text);
    assert_string_equal(text, "medium from 0.7500: about 1 row, 0.1%");
    alertron_cuts of_other_rows = cuts;
    of_other_rows.n_scores = 7;
    histogram = histogram_of("other rows", (const uint64_t[ALERTRON_SCORE_BINS]){[100] = 10}, &of_other_rows, NULL);
    histogram_mark_text(&histogram, 0, text, sizeof text);
    assert_string_equal(text, "anomaly above 0.6250: about 0 rows, 0%");
    histogram = sample((const size_t[4]){1000, 3, 1, 1});
    histogram_mark_text(&histogram, 0, text, sizeof text);
    assert_string_equal(text, "anomaly above 0.6250: 5 rows, 0.5%");
    histogram_mark_text(&histogram, 2, text, sizeof text);
    assert_string_equal(text, "high from 0.8125: 1 row, 0.1%");
}

static void shares_are_told_in_two_digits(void **state)
{
    (void)state;
    const struct {
        double share;
        const char *text;
    } cases[] = {{0, "0%"},         {0.00001, "<0.01%"}, {0.0005, "0.05%"}, {0.0163, "1.6%"},
                 {0.0999, "10.0%"}, {0.44, "44%"},       {0.999, ">99%"},   {1, "100%"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        histogram_share_text(cases[i].share, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void the_range_holds_rows_and_marks_and_no_more(void **state)
{
    (void)state;
    struct histogram histogram = sample(NULL);
    assert_int_equal(histogram.first, 127);
    assert_int_equal(histogram.last, 209);
    uint64_t counts[ALERTRON_SCORE_BINS] = {0};
    counts[0] = counts[255] = 1;
    histogram = histogram_of("all", counts, &cuts, NULL);
    assert_int_equal(histogram.first, 0);
    assert_int_equal(histogram.last, 255);
    const alertron_cuts beyond = {.threshold = 40, .medium = 41, .high = 42};
    memset(counts, 0, sizeof counts);
    counts[100] = 1;
    histogram = histogram_of("no mark", counts, &beyond, NULL);
    assert_int_equal(histogram.first, 99);
    assert_int_equal(histogram.last, 101);
    assert_false(histogram_shows(&histogram, 0));
}

static void ticks_are_round_and_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    double ticks[HISTOGRAM_TICKS_MAX];
    for (size_t most = 1; most <= HISTOGRAM_TICKS_MAX; most++) {
        const size_t n = histogram_ticks(&histogram, most, ticks);
        assert_true(n <= most);
        for (size_t i = 0; i < n; i++)
            assert_true(ticks[i] >= 127.0 / 256 && ticks[i] <= 210.0 / 256 && round(ticks[i] * 100) / 100 == ticks[i]);
    }
    assert_int_equal(histogram_ticks(&histogram, 4, ticks), 4);
    assert_true(ticks[0] == 0.5 && ticks[3] == 0.8);
}

static char *printed(const struct histogram *histogram, size_t width, bool unicode, bool colour)
{
    struct capture capture = capture_begin(stdout);
    histogram_print(histogram, width, unicode, colour);
    return capture_end(&capture);
}

static size_t lines_with(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* A single row beside a thousand is seen, in the column of its score. */
static void the_terminal_shows_a_single_row(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    char *text = printed(&histogram, 100, false, false);
    const char *lowest = strstr(text, "1 +");
    assert_non_null(lowest);
    const char *axis = strchr(lowest, '\n');
    const size_t n = (size_t)(axis - lowest) - 3;
    assert_int_equal(n, 209 - 127); /* up to the last bin's column */
    for (size_t column = 0; column < n; column++) {
        const size_t bin = 127 + column;
        const bool rows = (bin >= 128 && bin < 138) || bin == 176 || bin == 208, mark = bin == 160 || bin == 192;
        const char shown = lowest[3 + column];
        assert_true(rows ? shown == '#' || shown == ':' || shown == '.' : shown == (mark ? '|' : ' '));
    }
    free(text);
}

static void ascii_and_colours_are_as_asked_for(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    char *text = printed(&histogram, 80, false, false);
    for (const char *at = text; *at; at++)
        assert_true(*at == '\n' || (*at >= ' ' && *at < 0x7f));
    free(text);
    text = printed(&histogram, 80, true, true);
    assert_true(lines_with(text, "\033[31m") > 0 && lines_with(text, "█") > 0);
    free(text);
}

/* Columns between two places of a line, colours left out. */
static size_t columns_between(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        if (*from == '\033')
            from = strchr(from, 'm');
        else
            n++;
    return n;
}

static void colours_begin_at_the_threshold_and_the_cuts(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    char *text = printed(&histogram, 100, false, true);
    const char *lowest = strstr(text, "1 +") + 3;
    assert_int_equal(columns_between(lowest, strstr(lowest, "\033[33m")), 160 - 127);
    assert_int_equal(columns_between(lowest, strstr(lowest, "\033[35m")), 192 - 127);
    assert_int_equal(columns_between(lowest, strstr(lowest, "\033[31m")), 208 - 127);
    free(text);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    for (size_t width = 60; width <= 300; width += 13) {
        const struct histogram histogram = sample(NULL);
        char *text = printed(&histogram, width, false, false);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            if (!strstr(line, "logarithmic") && strlen(line) > width)
                fail_msg("%zu columns: %s", width, line);
        free(text);
    }
}

/* Nothing to draw, counts that a file may claim, and bars of every width. */
static void odd_counts_are_drawn_all_the_same(void **state)
{
    (void)state;
    uint64_t counts[ALERTRON_SCORE_BINS] = {0};
    struct histogram histogram = histogram_of("none", counts, &cuts, NULL);
    free(printed(&histogram, 80, true, false));
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++)
        counts[bin] = UINT64_MAX;
    counts[100] = 1;
    const alertron_cuts nowhere = {.threshold = -1e300, .medium = -1e300, .high = -1e300};
    histogram = histogram_of("all", counts, &nowhere, NULL);
    free(printed(&histogram, 1, true, true));
    assert_true(histogram_height(1, (double)UINT64_MAX) * 80 > 1); /* an eighth of a character */
    free(printed(&histogram, 100000, false, false));
    memset(counts, 0, sizeof counts);
    counts[255] = 1;
    const alertron_cuts last = {.threshold = 0.999, .medium = 0.9995, .high = 0.9999};
    histogram = histogram_of("last", counts, &last, NULL);
    free(printed(&histogram, 80, true, false));
}

static char *svg_of(const struct histogram *histogram)
{
    char path[] = "/tmp/test_histogram.XXXXXX", why[256];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(histogram_write_svg(histogram, path, why, sizeof why));
    size_t n;
    char *bytes = (char *)read_file(path, &n);
    unlink(path);
    assert_non_null(bytes);
    char *text = calloc(n + 1, 1);
    memcpy(text, bytes, n);
    free(bytes);
    return text;
}

static void the_svg_has_a_bar_for_each_bin_with_rows(void **state)
{
    (void)state;
    const struct histogram histogram = sample(NULL);
    char *text = svg_of(&histogram);
    assert_int_equal(lines_with(text, "<rect class=\"normal\""), 10);
    assert_int_equal(lines_with(text, "<rect class=\"low\""), 1);
    assert_int_equal(lines_with(text, "<rect class=\"high\""), 1);
    assert_non_null(strstr(text, "0.6875 to 0.6914: 4 rows<"));
    assert_non_null(strstr(text, "0.8125 to 0.8164: 1 row<"));
    assert_int_equal(lines_with(text, "stroke-dasharray"), 1);
    assert_int_equal(lines_with(text, "<line class=\"mark"), 3);
    assert_int_equal(strncmp(text + strlen(text) - 7, "</svg>\n", 7), 0);
    free(text);
}

static void the_svg_takes_any_text(void **state)
{
    (void)state;
    struct histogram histogram = sample(NULL);
    histogram.title = "<script>&\"\x01\xff\xc3\xa4\xed\xa0\x80\xe2\x82";
    char *text = svg_of(&histogram);
    assert_null(strstr(text, "<script"));
    static const char replaced[] = "\xef\xbf\xbd";
    const char *title = strstr(text, "&lt;script&gt;&amp;&quot;");
    assert_non_null(title);
    size_t n_replaced = 0;
    for (; *title != '<'; title++)
        n_replaced += strncmp(title, replaced, 3) == 0;
    assert_int_equal(n_replaced, 7); /* each byte that is no character */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_above_a_score_are_those_of_the_bins),
        cmocka_unit_test(rows_of_a_mark_are_exact_where_they_are_known),
        cmocka_unit_test(shares_are_told_in_two_digits),
        cmocka_unit_test(the_range_holds_rows_and_marks_and_no_more),
        cmocka_unit_test(ticks_are_round_and_no_more_than_there_is_room_for),
        cmocka_unit_test(the_terminal_shows_a_single_row),
        cmocka_unit_test(ascii_and_colours_are_as_asked_for),
        cmocka_unit_test(colours_begin_at_the_threshold_and_the_cuts),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(odd_counts_are_drawn_all_the_same),
        cmocka_unit_test(the_svg_has_a_bar_for_each_bin_with_rows),
        cmocka_unit_test(the_svg_takes_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
