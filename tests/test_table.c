/* test_table.c: files of readings give the numbers that stand in them, or say where and what is wrong. */
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#define WHY_BYTES 1024

/* A file with these bytes, and what the test wants of it. */
struct sample {
    char path[32];
    struct table *table;
    double features[8];
    const char *line;
    char why[WHY_BYTES];
};

static struct sample sample_of(const char *bytes, size_t n_bytes)
{
    struct sample sample = {.path = "/tmp/test_table.XXXXXX"};
    int fd = mkstemp(sample.path);
    assert_true(fd >= 0);
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = write(fd, bytes + done, n_bytes - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    close(fd);
    return sample;
}

static struct sample open_with(const char *text, const struct table_options *options)
{
    struct sample sample = sample_of(text, strlen(text));
    sample.table = table_open(sample.path, options, sample.why, sizeof sample.why);
    unlink(sample.path);
    return sample;
}

static struct sample open_width(const char *text, size_t width)
{
    return open_with(text, &(struct table_options){.width = width});
}

static enum table_outcome next(struct sample *sample)
{
    if (!sample->table)
        fail_msg("the table did not open: %s", sample->why);
    return table_next(sample->table, sample->features, &sample->line, sample->why, sizeof sample->why);
}

static void expect_row(struct sample *sample, double a, double b, double c)
{
    enum table_outcome outcome = next(sample);
    if (outcome != TABLE_ROW)
        fail_msg("outcome %d: %s", outcome, sample->why);
    assert_true(sample->features[0] == a && sample->features[1] == b && sample->features[2] == c);
}

static void expect_end(struct sample *sample)
{
    assert_int_equal(next(sample), TABLE_END);
    table_close(sample->table);
}

static void expect_said(const struct sample *sample, const char *text)
{
    if (!strstr(sample->why, text))
        fail_msg("\"%s\" is not in \"%s\"", text, sample->why);
}

/* A CSV of three features whose first row is wrong. */
static void expect_bad_row(const char *row, const char *why)
{
    char text[200];
    snprintf(text, sizeof text, "f0,f1,f2\n%s\n7,8,9\n", row);
    struct sample sample = open_width(text, 3);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, ":2: ");
    expect_said(&sample, why);
    assert_string_equal(sample.line, row);
    expect_row(&sample, 7, 8, 9); /* the next one may be right */
    expect_end(&sample);
}

static void expect_refused(const char *text, const struct table_options *options, const char *why)
{
    struct sample sample = open_with(text, options);
    assert_null(sample.table);
    expect_said(&sample, why);
}

static void a_csv_of_the_wanted_width_is_taken_whole(void **state)
{
    (void)state;
    struct sample sample = open_width("a,b,c\n1,2.5,-3e2\n+.5,6., 7 \n", 3);
    assert_true(table_is_csv(sample.table));
    assert_int_equal(table_width(sample.table), 3);
    assert_string_equal(table_header(sample.table), "a,b,c");
    assert_string_equal(table_feature_name(sample.table, 1), "b");
    expect_row(&sample, 1, 2.5, -300);
    assert_string_equal(sample.line, "1,2.5,-3e2");
    expect_row(&sample, 0.5, 6, 7);
    expect_end(&sample);
}

static void all_columns_are_taken_where_no_width_is_wanted(void **state)
{
    (void)state;
    struct sample sample = open_width("a,b,c,d\n1,2,3,4\n", 0);
    assert_int_equal(table_width(sample.table), 4);
    expect_row(&sample, 1, 2, 3);
    assert_true(sample.features[3] == 4);
    expect_end(&sample);
}

static void features_are_chosen_by_name_in_the_order_given(void **state)
{
    (void)state;
    struct table_options options = {.features = "f2, f0 ,\"f,1\"", .width = 3};
    struct sample sample = open_with("f0,when,\"f,1\",f2\n1,monday,2,3\n", &options);
    assert_string_equal(table_feature_name(sample.table, 0), "f2");
    expect_row(&sample, 3, 1, 2);
    expect_end(&sample);
}

static void features_are_chosen_by_the_names_a_model_expects(void **state)
{
    (void)state;
    const char *const expected[] = {"f2", "f1", "f0"};
    struct table_options options = {.expected = expected, .width = 3};
    struct sample sample = open_with("f0,f1,f2,f3\n1,2,3,x\n", &options);
    expect_row(&sample, 3, 2, 1);
    expect_end(&sample);
}

static void a_feature_that_is_missing_is_named_with_the_columns_there_are(void **state)
{
    (void)state;
    const char *const expected[] = {"f0", "f1", "f2"};
    struct table_options options = {.expected = expected, .width = 3};
    expect_refused("f0,f2,when\n", &options,
                   "no column \"f1\", which the model wants; the columns are f0, f2, when: "
                   "choose with --features");
    expect_refused("f0,f1\n", &(struct table_options){.features = "f1,speed"}, "no column \"speed\"");
}

static void another_width_is_refused_with_the_columns_there_are(void **state)
{
    (void)state;
    expect_refused("a,b,c,d\n", &(struct table_options){.width = 3},
                   "4 columns (a, b, c, d); the model wants 3: choose");
    expect_refused("a,b,c,d\n", &(struct table_options){.width = 3, .features = "a,b"},
                   "names 2 columns; the model wants 3");
}

static void names_that_do_not_tell_one_column_are_refused(void **state)
{
    (void)state;
    expect_refused("a,a,b\n", &(struct table_options){.features = "a,b"}, "2 columns are named \"a\"");
    expect_refused("a,b\n", &(struct table_options){.features = "a,a"}, "wanted twice");
}

static void separators_are_told_from_the_header(void **state)
{
    (void)state;
    const char *const texts[] = {"a,b,c\n1,2,3\n", "a;b;c\n1;2;3\n", "a\tb\tc\n1\t2\t3\n",
                                 "\"a,1\";b;\"c,,,\"\n1;2;3\n"};
    for (size_t i = 0; i < 4; i++) {
        struct sample sample = open_width(texts[i], 3);
        expect_row(&sample, 1, 2, 3);
        expect_end(&sample);
    }
}

static void line_ends_a_byte_order_mark_and_blank_lines_do_not_matter(void **state)
{
    (void)state;
    struct table_options options = {.features = "a,b,c"};
    struct sample sample = open_with("\n\xef\xbb\xbf"
                                     "a,b,c\r\n1,2,3\r\n\r\n  \r\n4,5,6\r",
                                     &options);
    assert_string_equal(table_newline(sample.table), "\r\n");
    expect_row(&sample, 1, 2, 3);
    assert_string_equal(sample.line, "1,2,3");
    expect_row(&sample, 4, 5, 6);
    expect_end(&sample);
}

static void quotes_hold_separators_quotes_and_newlines(void **state)
{
    (void)state;
    struct table_options options = {.features = "a,b,\"c \"\"x\"\"\""};
    struct sample sample =
        open_with("\"no\nte\",a,b,\"c \"\"x\"\"\"\n\"x, \"\"y\"\"\nz\",\"1\",2,3\n,4,5,6\n", &options);
    expect_row(&sample, 1, 2, 3);
    assert_string_equal(sample.line, "\"x, \"\"y\"\"\nz\",\"1\",2,3");
    expect_row(&sample, 4, 5, 6);
    expect_end(&sample);
}

static void lines_are_counted_through_quotes(void **state)
{
    (void)state;
    struct sample sample = open_with("t,a\n\"x\n\ny\",1\n\n\"z\",bad\n", &(struct table_options){.features = "a"});
    assert_int_equal(next(&sample), TABLE_ROW);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, ":6: column \"a\"");
    expect_end(&sample);
}

static void a_row_that_is_wrong_says_where_and_what(void **state)
{
    (void)state;
    expect_bad_row("1,abc,3", "column \"f1\": \"abc\" is not a number");
    expect_bad_row("1,2;5,3", "\"2;5\" is not a number");
    expect_bad_row("1,0x10,3", "\"0x10\" is not a number");
    expect_bad_row("1,1 2,3", "\"1 2\" is not a number");
    expect_bad_row("1,1e,3", "\"1e\" is not a number");
    expect_bad_row("1,.,3", "\".\" is not a number");
    expect_bad_row("1,2", "2 fields; the header line has 3");
    expect_bad_row("1,2,3,4", "4 fields; the header line has 3");
    expect_bad_row("1,2,1e999", "column \"f2\": \"1e999\" is beyond the range of a double");
    expect_bad_row("1,-inf,3", "column \"f1\": \"-inf\" is infinite; write a number");
    expect_bad_row("1,,3", "column \"f1\": \"\" is a missing value");
    expect_bad_row("NaN,2,3", "column \"f0\": \"NaN\" is a missing value");
}

static void a_decimal_comma_is_recognised(void **state)
{
    (void)state;
    struct sample sample = open_width("a;b\n1;2,5\n", 2);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, "decimals take a point, not a comma");
    table_close(sample.table);
}

static void hostile_text_is_shown_short_and_without_controls(void **state)
{
    (void)state;
    struct sample sample = open_width("a\n\x1b[31m0123456789012345678901234567890123456789\n", 1);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, "\"?[31m01234567890123456789012345678901234...\"");
    table_close(sample.table);
}

static void missing_values_are_nan_where_they_are_taken(void **state)
{
    (void)state;
    struct table_options options = {.width = 6, .missing_values = true};
    struct sample sample = open_with("a,b,c,d,e,f\n, ,nan,NA,null,\"\"\n", &options);
    assert_int_equal(next(&sample), TABLE_ROW);
    for (size_t i = 0; i < 6; i++)
        assert_true(isnan(sample.features[i]));
    expect_end(&sample);
}

static void infinities_are_taken_where_asked_for(void **state)
{
    (void)state;
    struct table_options options = {.width = 3, .infinities = true};
    struct sample sample = open_with("a,b,c\ninf,-Infinity,+INF\n1,2,1e999\n", &options);
    expect_row(&sample, INFINITY, -INFINITY, INFINITY);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, "\"1e999\" is beyond the range of a double");
    expect_end(&sample);
}

static void a_file_without_a_header_is_refused(void **state)
{
    (void)state;
    expect_refused("1,2,3\n4,5,6\n", &(struct table_options){.width = 3},
                   ":1: numbers where a header line is expected");
}

static void an_empty_file_is_refused(void **state)
{
    (void)state;
    expect_refused("", &(struct table_options){.width = 3}, "empty; expected a CSV");
    expect_refused("\n \n", &(struct table_options){.width = 3}, "empty");
}

static void a_csv_without_rows_ends_at_once(void **state)
{
    (void)state;
    struct sample sample = open_width("a,b,c", 3);
    expect_end(&sample);
}

static void a_file_that_is_not_there_is_said(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    assert_null(table_open("/nonexistent/rows.csv", &(struct table_options){0}, why, sizeof why));
    assert_string_equal(why, "/nonexistent/rows.csv: No such file or directory");
}

static void readings_in_json_are_rows(void **state)
{
    (void)state;
    struct sample sample = open_width("{\"device_id\":\"a \\\" b\",\"features\":[1,2,3]}\r\n"
                                      " {\"features\":[4,5,6],\"device_id\":\"c\"} \n",
                                      0);
    assert_false(table_is_csv(sample.table));
    assert_int_equal(table_width(sample.table), 3);
    assert_null(table_header(sample.table));
    assert_null(table_feature_name(sample.table, 0));
    expect_row(&sample, 1, 2, 3);
    expect_row(&sample, 4, 5, 6);
    assert_string_equal(sample.line, " {\"features\":[4,5,6],\"device_id\":\"c\"} ");
    expect_end(&sample);
}

static void a_wrong_reading_in_json_says_where_and_what(void **state)
{
    (void)state;
    struct sample sample = open_width("{\"device_id\":\"a\",\"features\":[1,2,3]}\n{\"device_id\":\"a\"}\n", 3);
    expect_row(&sample, 1, 2, 3);
    assert_int_equal(next(&sample), TABLE_BAD);
    expect_said(&sample, ":2: features is missing");
    expect_end(&sample);
}

static void json_that_is_not_a_reading_a_line_is_refused(void **state)
{
    (void)state;
    expect_refused("[{\"device_id\":\"a\"}]\n", &(struct table_options){.width = 3}, "a JSON array");
    expect_refused("{\"device_id\":\"a\"}\n", &(struct table_options){0}, ":1: expected a reading");
    expect_refused("{\"device_id\":\"a\",\"features\":[1]}\n", &(struct table_options){.features = "a"},
                   "--features is for CSV");
}

static void rows_of_any_length_up_to_the_bound_are_read(void **state)
{
    (void)state;
    const size_t bound = (size_t)1 << 20;
    for (size_t over = 0; over < 2; over++) {
        size_t n = 0, row = bound + over;
        char *text = malloc(3 * bound);
        assert_non_null(text);
        n += (size_t)sprintf(text, "note,a\n");
        memset(text + n, 'x', row);
        memcpy(text + n + row - 2, ",7", 2);
        n += row;
        n += (size_t)sprintf(text + n, "\ny,8\n");
        struct sample sample = sample_of(text, n);
        free(text);
        sample.table = table_open(sample.path, &(struct table_options){.features = "a"}, sample.why, sizeof sample.why);
        unlink(sample.path);
        assert_int_equal(next(&sample), over ? TABLE_FAILED : TABLE_ROW);
        if (over) {
            expect_said(&sample, ":2: a row of more than 1048576 bytes");
        } else {
            assert_true(sample.features[0] == 7);
            assert_int_equal(next(&sample), TABLE_ROW);
        }
        table_close(sample.table);
    }
}

static void many_rows_across_many_reads_are_all_there(void **state)
{
    (void)state;
    const size_t rows = 100000;
    char *text = malloc(rows * 32 + 32);
    assert_non_null(text);
    size_t n = (size_t)sprintf(text, "a,b,c\n");
    for (size_t i = 0; i < rows; i++)
        n += (size_t)sprintf(text + n, "%zu,%zu.25,\"-%zu\"\n", i, i, i);
    struct sample sample = sample_of(text, n);
    free(text);
    sample.table = table_open(sample.path, &(struct table_options){.width = 3}, sample.why, sizeof sample.why);
    unlink(sample.path);
    for (size_t i = 0; i < rows; i++)
        expect_row(&sample, (double)i, (double)i + 0.25, -(double)i);
    expect_end(&sample);
}

static void a_quote_that_is_not_closed_is_said_where_it_begins(void **state)
{
    (void)state;
    struct sample sample = open_width("a,b\n1,2\n3,\"4\n5,6\n", 2);
    assert_int_equal(next(&sample), TABLE_ROW);
    assert_int_equal(next(&sample), TABLE_FAILED);
    expect_said(&sample, ":3: a quote is opened and not closed");
    table_close(sample.table);
}

static void a_nul_byte_ends_the_work(void **state)
{
    (void)state;
    struct sample sample = sample_of("a,b\n1,\0002\n", 9);
    sample.table = table_open(sample.path, &(struct table_options){.width = 2}, sample.why, sizeof sample.why);
    unlink(sample.path);
    assert_int_equal(next(&sample), TABLE_FAILED);
    expect_said(&sample, ":2: holds a NUL byte");
    table_close(sample.table);
}

static void expect_field(struct sample *sample, const char *name, const char *text)
{
    char field[16];
    if (!table_field(sample->table, name, field, sizeof field, sample->why, sizeof sample->why))
        fail_msg("%s", sample->why);
    assert_string_equal(field, text);
}

static void fields_beside_the_features_are_there_by_name_in_any_case(void **state)
{
    (void)state;
    struct table_options options = {.features = "a,b", .width = 2};
    struct sample sample = open_with("a,Label,b,label,note\n1,\"yes\",2, 0 ,\n3,no,4,1,x\n", &options);
    assert_int_equal(next(&sample), TABLE_ROW);
    assert_int_equal(table_line(sample.table), 2);
    expect_field(&sample, "label", "0");
    expect_field(&sample, "Label", "yes");
    expect_field(&sample, "NOTE", "");
    expect_field(&sample, "a", "1");
    assert_int_equal(next(&sample), TABLE_ROW);
    expect_field(&sample, "label", "1");
    char field[3];
    assert_false(table_field(sample.table, "lable", field, sizeof field, sample.why, sizeof sample.why));
    expect_said(&sample, "no column \"lable\"; the columns are a, Label, b, label, note");
    table_close(sample.table);
}

static void members_beside_the_features_are_there_by_name(void **state)
{
    (void)state;
    struct sample sample =
        open_width("{\"device_id\": \"d\", \"features\": [1], \"label\": 1, \"ok\": true, \"by\": \"me\"}\n"
                   "{\"device_id\": \"d\", \"features\": [2]}\n",
                   1);
    assert_int_equal(next(&sample), TABLE_ROW);
    expect_field(&sample, "label", "1");
    expect_field(&sample, "OK", "true");
    expect_field(&sample, "by", "me");
    char field[8];
    assert_false(table_field(sample.table, "features", field, sizeof field, sample.why, sizeof sample.why));
    assert_int_equal(next(&sample), TABLE_ROW);
    assert_false(table_field(sample.table, "label", field, sizeof field, sample.why, sizeof sample.why));
    expect_said(&sample, ":2: no text, number or boolean \"label\" in the reading");
    table_close(sample.table);
}

static void a_field_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct sample sample = open_width("a,note\n1,23\n", 2);
    assert_int_equal(next(&sample), TABLE_ROW);
    char field[3];
    assert_false(table_field(sample.table, "note", field, 2, sample.why, sizeof sample.why));
    expect_said(&sample, ":2: column \"note\": \"23\" is too long");
    assert_true(table_field(sample.table, "note", field, 3, sample.why, sizeof sample.why));
    table_close(sample.table);
}

static void columns_beside_the_features_are_left_out_where_there_are_too_many(void **state)
{
    (void)state;
    const char *const beside[] = {"label", "y", NULL};
    struct table_options options = {.width = 3, .beside = beside};
    struct sample sample = open_with("a,LABEL,b,c\n1,0,2,3\n", &options);
    expect_row(&sample, 1, 2, 3);
    expect_end(&sample);
    sample = open_with("a,b,y\n1,2,3\n", &options);
    expect_row(&sample, 1, 2, 3);
    expect_end(&sample);
    sample = open_with("a,label,b,c,d\n1,0,2,3,4\n", &options);
    assert_null(sample.table);
    expect_said(&sample, "5 columns (a, label, b, c, d); the model wants 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_csv_of_the_wanted_width_is_taken_whole),
        cmocka_unit_test(all_columns_are_taken_where_no_width_is_wanted),
        cmocka_unit_test(features_are_chosen_by_name_in_the_order_given),
        cmocka_unit_test(features_are_chosen_by_the_names_a_model_expects),
        cmocka_unit_test(a_feature_that_is_missing_is_named_with_the_columns_there_are),
        cmocka_unit_test(another_width_is_refused_with_the_columns_there_are),
        cmocka_unit_test(names_that_do_not_tell_one_column_are_refused),
        cmocka_unit_test(separators_are_told_from_the_header),
        cmocka_unit_test(line_ends_a_byte_order_mark_and_blank_lines_do_not_matter),
        cmocka_unit_test(quotes_hold_separators_quotes_and_newlines),
        cmocka_unit_test(lines_are_counted_through_quotes),
        cmocka_unit_test(a_row_that_is_wrong_says_where_and_what),
        cmocka_unit_test(a_decimal_comma_is_recognised),
        cmocka_unit_test(hostile_text_is_shown_short_and_without_controls),
        cmocka_unit_test(missing_values_are_nan_where_they_are_taken),
        cmocka_unit_test(infinities_are_taken_where_asked_for),
        cmocka_unit_test(a_file_without_a_header_is_refused),
        cmocka_unit_test(an_empty_file_is_refused),
        cmocka_unit_test(a_csv_without_rows_ends_at_once),
        cmocka_unit_test(a_file_that_is_not_there_is_said),
        cmocka_unit_test(readings_in_json_are_rows),
        cmocka_unit_test(a_wrong_reading_in_json_says_where_and_what),
        cmocka_unit_test(json_that_is_not_a_reading_a_line_is_refused),
        cmocka_unit_test(rows_of_any_length_up_to_the_bound_are_read),
        cmocka_unit_test(many_rows_across_many_reads_are_all_there),
        cmocka_unit_test(a_quote_that_is_not_closed_is_said_where_it_begins),
        cmocka_unit_test(a_nul_byte_ends_the_work),
        cmocka_unit_test(fields_beside_the_features_are_there_by_name_in_any_case),
        cmocka_unit_test(members_beside_the_features_are_there_by_name),
        cmocka_unit_test(a_field_that_does_not_fit_is_refused),
        cmocka_unit_test(columns_beside_the_features_are_left_out_where_there_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
