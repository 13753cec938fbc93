/* testlines.c: the language of a model's tests, a line each. docs/model-tests.md is its manual.
 *
 * What could stand at a place and does not is kept until something is read there, so that an error can name it.
 */
#include "check.h"

#include <string.h>

#define TOLERANCE_LEAST 1e-9 /* of scores, where none is given: what other machines may differ in is far below */

struct test_line {
    const char *begin, *at, *end; /* the end moves to a comment that is met */
    const char *text;             /* the whole of the tests */
    size_t number;
    char tried[200];
    size_t n_tried; /* bytes */
    struct arena *arena;
};

/* --- errors ---------------------------------------------------------------------------------------------------------
 */

static bool fault_at(const struct test_line *line, const char *at, alertron_status status, const char *what)
{
    alertron__error(line->arena->error, status, (uint64_t)(at - line->text), "line %zu, column %zu: %s", line->number,
                    (size_t)(at - line->begin) + 1, what);
    return false;
}

static bool fault(const struct test_line *line, const char *at, const char *what)
{
    return fault_at(line, at, ALERTRON_ERROR_FORMAT, what);
}

/* Notes what could stand here. */
static bool tried(struct test_line *line, const char *what)
{
    const size_t room = sizeof line->tried - line->n_tried;
    const size_t n = alertron__text(line->tried + line->n_tried, room, "%s%s", line->n_tried ? ", " : "", what);
    line->n_tried += n < room ? n : room - 1;
    return false;
}

/* What stands here can't. */
static bool refuse_line(const struct test_line *line)
{
    char found[40], what[260];
    size_t n = 0;
    for (const char *at = line->at; at < line->end && n + 1 < sizeof found; at++)
        found[n++] = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
    if (line->at + n < line->end)
        while (n > 0 && (found[n - 1] & 0xc0) == 0x80) /* not within a character */
            n--;
    if (n > 0 && (found[n - 1] & 0xc0) == 0xc0)
        n--;
    while (n > 0 && found[n - 1] == ' ')
        n--;
    found[n] = 0;
    if (n == 0)
        alertron__text(what, sizeof what, "the line ends where this could stand: %s", line->tried);
    else
        alertron__text(what, sizeof what, "`%s`: what could stand here: %s", found, line->tried);
    return fault(line, line->at, what);
}

/* --- words
 * ------------------------------------------------------------------------------------------------------------ */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static void skip_blanks(struct test_line *line)
{
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    if (line->at < line->end && *line->at == '#')
        line->end = line->at;
}

static void go_on(struct test_line *line, const char *at)
{
    line->at = at;
    line->n_tried = 0;
    line->tried[0] = 0;
    skip_blanks(line);
}

static const char *end_of_word(const struct test_line *line, const char *at)
{
    while (at < line->end && !is_blank(*at) && *at != ',' && *at != '[' && *at != ']')
        at++;
    return at;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* Reads the words of a phrase, or nothing. */
static bool accept(struct test_line *line, const char *phrase)
{
    const char *at = line->at;
    for (const char *word = phrase; *word;) {
        while (at < line->end && is_blank(*at))
            at++;
        const char *const end = end_of_word(line, at);
        while (at < end && *word && *word != ' ' && lower(*at) == *word)
            at++, word++;
        if (at < end || (*word && *word != ' '))
            return tried(line, phrase);
        word += *word == ' ';
    }
    go_on(line, at);
    return true;
}

static bool expect(struct test_line *line, const char *phrase)
{
    return accept(line, phrase) || refuse_line(line);
}

/* A character that needs no blanks around it. */
static bool accept_mark(struct test_line *line, char mark)
{
    if (line->at < line->end && *line->at == mark) {
        go_on(line, line->at + 1);
        return true;
    }
    return tried(line, (const char[]){'`', mark, '`', 0});
}

static bool expect_mark(struct test_line *line, char mark)
{
    return accept_mark(line, mark) || refuse_line(line);
}

/* A bare word, or anything between quotes. */
static bool expect_name(struct test_line *line, const char *what, const char **name)
{
    const char *begin = line->at, *end, *next;
    if (begin < line->end && (*begin == '"' || *begin == '\'')) {
        end = memchr(begin + 1, *begin, (size_t)(line->end - begin) - 1);
        if (!end)
            return fault(line, begin, "a name that begins with a quote needs one at its end");
        begin++;
        next = end + 1;
    } else {
        next = end = end_of_word(line, begin);
    }
    if (begin == end) {
        tried(line, what);
        return refuse_line(line);
    }
    char *copy = alertron__arena_take(line->arena, (size_t)(end - begin) + 1, 1);
    if (!copy)
        return false;
    memcpy(copy, begin, (size_t)(end - begin));
    *name = copy;
    go_on(line, next);
    return true;
}

/* --- numbers
 * ---------------------------------------------------------------------------------------------------------- */

static bool expect_number(struct test_line *line, const char *what, bool percent, double *number)
{
    const char *const end = end_of_word(line, line->at);
    size_t n = (size_t)(end - line->at);
    const bool is_percent = percent && n > 0 && end[-1] == '%';
    double value;
    if (!alertron__number_read(line->at, n - is_percent, is_percent ? -2 : 0, &value) || value - value != 0.0) {
        tried(line, what);
        return refuse_line(line);
    }
    *number = value;
    go_on(line, end);
    return true;
}

/* From 0 to 1, plain or in percent. */
static bool expect_share(struct test_line *line, double *share)
{
    const char *const at = line->at;
    if (!expect_number(line, "a share such as 0.015 or 1.5%", true, share))
        return false;
    if (*share >= 0.0 && *share <= 1.0)
        return true;
    return fault(line, at, "a share is from 0 to 1, or up to 100 with a % behind it");
}

static bool expect_score(struct test_line *line, double *score)
{
    const char *const at = line->at;
    if (!expect_number(line, "a number from 0 to 1", false, score))
        return false;
    return (*score >= 0.0 && *score <= 1.0) || fault(line, at, "scores and what they differ by are from 0 to 1");
}

/* Half of what the last digit counts: as far as a number that was rounded may be off. */
static double rounding_of(const char *number, const char *end)
{
    char text[24] = "5";
    size_t n = 1;
    int decimals = 0;
    bool point = false;
    for (; number < end && *number != 'e' && *number != 'E'; number++) {
        decimals += point && *number >= '0' && *number <= '9' && decimals < 400;
        point |= *number == '.';
    }
    for (; number < end && n < sizeof text - 1; number++)
        text[n++] = *number;
    double half = 0.0;
    return number == end && alertron__number_read(text, n, -decimals - 1, &half) && half > TOLERANCE_LEAST
               ? half
               : TOLERANCE_LEAST;
}

static bool expect_element(struct test_line *line, double *number)
{
    if (accept(line, "nan")) {
        *number = alertron__double_of_bits(0x7ff8000000000000u);
        return true;
    }
    line->n_tried = 0;
    return expect_number(line, "a number, or nan for a missing one", false, number);
}

/* [50, 100, 0.5] */
static bool expect_reading(struct test_line *line, alertron_rows *rows)
{
    const char *const begin = line->at;
    if (!expect_mark(line, '['))
        return false;
    size_t n_max = 1;
    for (const char *at = line->at; at < line->end && *at != ']'; at++)
        n_max += *at == ',';
    if (n_max > ALERTRON_FEATURES_MAX)
        return fault_at(line, begin, ALERTRON_ERROR_LIMIT,
                        "the reading has more numbers than a model may have features");
    double *numbers = alertron__arena_take(line->arena, n_max, sizeof *numbers);
    if (!numbers)
        return false;
    size_t n = 0;
    do
        if (!expect_element(line, &numbers[n++]))
            return false;
    while (accept_mark(line, ','));
    *rows = alertron_rows_of(numbers, 1, n);
    return expect_mark(line, ']');
}

/* --- parts of a test
 * -------------------------------------------------------------------------------------------------- */

static bool expect_relation(struct test_line *line, alertron_check *check)
{
    check->relation = accept(line, "at least") ? ALERTRON_AT_LEAST : ALERTRON_AT_MOST;
    return check->relation == ALERTRON_AT_LEAST || expect(line, "at most");
}

static bool expect_severity(struct test_line *line, alertron_severity *severity)
{
    for (int i = ALERTRON_SEVERITY_NONE; i <= ALERTRON_SEVERITY_HIGH; i++)
        if (accept(line, alertron_severity_name((alertron_severity)i))) {
            *severity = (alertron_severity)i;
            return true;
        }
    return refuse_line(line);
}

static bool parse_severity(struct test_line *line, alertron_check *check)
{
    check->kind = ALERTRON_CHECK_SEVERITY;
    if (accept(line, "no anomaly")) {
        check->severity = ALERTRON_SEVERITY_NONE;
        return true;
    }
    if (accept(line, "an anomaly")) {
        check->relation = ALERTRON_AT_LEAST;
        check->severity = ALERTRON_SEVERITY_LOW;
        return true;
    }
    if (accept(line, "at least"))
        check->relation = ALERTRON_AT_LEAST;
    else if (accept(line, "at most"))
        check->relation = ALERTRON_AT_MOST;
    return expect_severity(line, &check->severity);
}

static bool parse_scores(struct test_line *line, struct model_test *test)
{
    alertron_check *check = &test->check;
    check->kind = ALERTRON_CHECK_SCORE;
    check->tolerance = TOLERANCE_LEAST;
    if (accept(line, "at least")) {
        check->relation = ALERTRON_AT_LEAST;
        return expect_score(line, &check->bound);
    }
    if (accept(line, "at most")) {
        check->relation = ALERTRON_AT_MOST;
        return expect_score(line, &check->bound);
    }
    if (test->file) {
        if (!expect(line, "as its column") || !expect_name(line, "the name of a column", &test->score_column))
            return false;
    } else {
        check->tolerance = rounding_of(line->at, end_of_word(line, line->at));
        if (!expect_score(line, &check->bound))
            return false;
    }
    return !accept(line, "within") || expect_score(line, &check->tolerance);
}

static bool parse_label_column(struct test_line *line, struct model_test *test)
{
    return !accept(line, "by its column") || expect_name(line, "the name of a column", &test->label_column);
}

static bool parse_alarms(struct test_line *line, alertron_check *check)
{
    check->kind = ALERTRON_CHECK_ALARM_RATE;
    if (accept(line, "of at least")) {
        const char *const at = line->at;
        if (!expect_severity(line, &check->severity))
            return false;
        if (check->severity == ALERTRON_SEVERITY_NONE)
            return fault(line, at, "every reading is at least none: alarms are of at least low, medium or high");
    }
    return expect_relation(line, check) && expect_share(line, &check->bound);
}

/* `labelled` by a column: AUROC, average precision, recall. */
static bool parse_ranking(struct test_line *line, struct model_test *test, alertron_check_kind kind)
{
    alertron_check *check = &test->check;
    check->kind = kind;
    if (!expect_relation(line, check) || !expect_share(line, &check->bound))
        return false;
    const char *at = line->at;
    if (kind == ALERTRON_CHECK_RECALL && accept(line, "at an alarm rate of")) {
        at = line->at;
        if (!expect_share(line, &check->alarm_rate))
            return false;
        if (check->alarm_rate == 0.0)
            return fault(line, at, "an alarm rate of 0 leaves no alarm to be right");
    }
    return parse_label_column(line, test);
}

static bool parse_duration(struct test_line *line, struct model_test *test)
{
    alertron_check *check = &test->check;
    check->kind = ALERTRON_CHECK_DURATION;
    const bool related = expect_relation(line, check);
    const char *const at = line->at;
    if (!related || !expect_number(line, "a share such as 1.2 or 120%", true, &check->bound))
        return false;
    if (check->bound < 0.0)
        return fault(line, at, "a time is not below 0");
    return expect(line, "of the time of") && expect_name(line, "the name of a model", &test->model);
}

/* What is wanted of a reading or of a file's. */
static bool parse_wanted(struct test_line *line, struct model_test *test)
{
    if (accept(line, "is"))
        return parse_severity(line, &test->check);
    if (accept(line, "scores"))
        return parse_scores(line, test);
    if (!test->file)
        return refuse_line(line);
    if (accept(line, "alarms"))
        return parse_alarms(line, &test->check);
    if (accept(line, "auroc"))
        return parse_ranking(line, test, ALERTRON_CHECK_AUROC);
    if (accept(line, "average precision"))
        return parse_ranking(line, test, ALERTRON_CHECK_AVERAGE_PRECISION);
    if (accept(line, "recall"))
        return parse_ranking(line, test, ALERTRON_CHECK_RECALL);
    return expect(line, "takes") && parse_duration(line, test);
}

/* What is never to happen while a feature changes. */
static bool parse_never(struct test_line *line, alertron_check *check)
{
    if (accept(line, "never makes it look more normal")) {
        check->kind = ALERTRON_CHECK_MONOTONE;
        check->by_score = accept(line, "by more than");
    } else if (accept(line, "never changes the verdict")) {
        check->kind = ALERTRON_CHECK_INVARIANCE;
    } else {
        check->kind = ALERTRON_CHECK_INVARIANCE;
        check->by_score = true;
        if (!expect(line, "never changes the score by more than"))
            return false;
    }
    return !check->by_score || expect_score(line, &check->tolerance);
}

static bool parse_along(struct test_line *line, struct model_test *test)
{
    alertron_check *check = &test->check;
    if (accept(line, "rising"))
        check->direction = ALERTRON_RISING;
    else if (accept(line, "falling"))
        check->direction = ALERTRON_FALLING;
    else if (!expect(line, "varying"))
        return false;
    if (!expect(line, "from"))
        return false;
    if (accept(line, "file") ? !expect_name(line, "the name of a file", &test->file)
                             : !expect_reading(line, &check->rows))
        return false;
    return parse_never(line, check);
}

static bool parse_agreement(struct test_line *line, struct model_test *test)
{
    test->check.kind = ALERTRON_CHECK_AGREEMENT;
    return expect_name(line, "the name of a model", &test->model) && expect(line, "agrees on") &&
           expect_relation(line, &test->check) && expect_share(line, &test->check.bound) && expect(line, "of") &&
           expect_name(line, "the name of a file", &test->file);
}

static bool parse_test(struct test_line *line, struct model_test *test)
{
    if (accept(line, "reading"))
        return expect_reading(line, &test->check.rows) && parse_wanted(line, test);
    if (accept(line, "file"))
        return expect_name(line, "the name of a file", &test->file) && parse_wanted(line, test);
    if (accept(line, "feature"))
        return expect_name(line, "the name of a feature", &test->feature) && parse_along(line, test);
    if (accept(line, "every feature")) {
        test->check.feature = ALERTRON_EVERY_FEATURE;
        return parse_along(line, test);
    }
    return expect(line, "load") && parse_agreement(line, test);
}

/* --- lines
 * -------------------------------------------------------------------------------------------------------------- */

static bool expect_end(struct test_line *line)
{
    if (line->at == line->end)
        return true;
    tried(line, "the end of the line");
    return refuse_line(line);
}

/* Reads a line, and puts its test, if it holds one, at *end. */
static bool parse_line(struct test_line *line, alertron_tests *tests, struct model_test **last)
{
    go_on(line, line->begin);
    if (line->at == line->end)
        return true;
    if (memchr(line->begin, 0, (size_t)(line->end - line->begin)))
        return fault(line, line->at, "a byte that is zero: is this a text?");
    if (tests->n == ALERTRON_TEST_LINES_MAX)
        return fault_at(line, line->at, ALERTRON_ERROR_LIMIT, "more than 65536 tests in one text: divide them");
    const char *const begin = line->at;
    struct model_test *test = alertron__arena_take(line->arena, 1, sizeof *test);
    if (!test || !parse_test(line, test) || !expect_end(line))
        return false;
    const char *end = line->end;
    while (is_blank(end[-1]))
        end--;
    char *text = alertron__arena_take(line->arena, (size_t)(end - begin) + 1, 1);
    if (!text)
        return false;
    memcpy(text, begin, (size_t)(end - begin));
    test->text = text;
    test->line = line->number;
    *(*last ? &(*last)->next : &tests->first) = test;
    *last = test;
    tests->n++;
    return true;
}

static bool parse_lines(alertron_tests *tests, const char *text, size_t n_bytes)
{
    struct model_test *last = NULL;
    if (n_bytes == 0)
        return true;
    const bool mark = n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* editors put it before UTF-8 */
    struct test_line line = {.text = text, .number = 1, .arena = &tests->arena};
    const char *const end = text + n_bytes;
    for (const char *begin = text + (mark ? 3 : 0), *next; begin < end; begin = next, line.number++) {
        const char *newline = memchr(begin, '\n', (size_t)(end - begin));
        const char *const line_end = newline ? newline : end;
        next = newline ? newline + 1 : end;
        line.begin = begin;
        line.end = line_end;
        if ((size_t)(line_end - begin) > ALERTRON_TEST_BYTES_MAX)
            return fault_at(&line, begin, ALERTRON_ERROR_LIMIT,
                            "a line of more than 131072 bytes: divide what it holds");
        if (!parse_line(&line, tests, &last))
            return false;
    }
    return true;
}

alertron_tests *alertron_tests_parse(const char *text, size_t n_bytes, const alertron_allocator *allocator,
                                     alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    alertron_tests *tests = alertron__new(&memory, 1, sizeof *tests);
    if (!tests) {
        alertron__error_memory(error);
        return NULL;
    }
    tests->arena = (struct arena){.allocator = memory, .limit = SIZE_MAX, .error = error};
    if (!parse_lines(tests, text, n_bytes)) {
        alertron_tests_free(tests);
        return NULL;
    }
    tests->arena.error = NULL;
    return tests;
}

void alertron_tests_free(alertron_tests *tests)
{
    if (!tests)
        return;
    const alertron_allocator memory = tests->arena.allocator;
    alertron__arena_free(&tests->arena);
    alertron__release(&memory, tests, 1, sizeof *tests);
}

size_t alertron_tests_count(const alertron_tests *tests)
{
    return tests->n;
}
