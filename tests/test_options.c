/* test_options.c: flags are parsed as written, and what is wrong is said with its remedy. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "suggest.h"
#include "support.h"
#include "value.h"

#define ARGUMENTS_MAX 12

/* What the flags of one imagined command were given. */
struct given {
    bool quiet, verbose, undo;
    const char *output, *bool_text;
    int64_t trees, format, seed;
    double share;
    char repeated[64];
    const char *operands[3];
    size_t n_operands;
};

static bool add_text(void *target, const char *value)
{
    char *list = target;
    snprintf(list + strlen(list), 64 - strlen(list), "%s;", value);
    return strcmp(value, "refused") != 0;
}

static bool add_bool(void *target, const char *value)
{
    *(const char **)target = value ? value : "bare";
    return true;
}

static enum options_outcome parse_into(struct given *given, const char *operands, size_t room,
                                       const char *const *arguments)
{
    *given = (struct given){.trees = 100, .share = 0.5, .n_operands = room};
    const struct option options[] = {
        {.name = "output",
         .letter = 'o',
         .kind = OPTION_TEXT,
         .target = &given->output,
         .argument = "FILE",
         .help = "where the model goes"},
        {.name = "trees",
         .letter = 'n',
         .kind = OPTION_INTEGER,
         .target = &given->trees,
         .argument = "N",
         .help = "trees of the forest (default 100)",
         .least = 1,
         .most = 65536},
        {.name = "share",
         .kind = OPTION_NUMBER,
         .target = &given->share,
         .argument = "SHARE",
         .help = "share of the rows, a help text that is much too long for the line that it begins on (default 0.5)",
         .least = 0,
         .most = 1},
        {.name = "seed", .kind = OPTION_INTEGER, .target = &given->seed, .argument = "N", .help = "any number"},
        {.help = "Output:"},
        {.name = "format",
         .kind = OPTION_CHOICE,
         .target = &given->format,
         .argument = "text|json",
         .help = "of lines"},
        {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .target = &given->quiet, .help = "say less"},
        {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .target = &given->verbose, .help = "say more"},
        {.name = "property",
         .letter = 'X',
         .kind = OPTION_REPEATED,
         .target = given->repeated,
         .argument = "NAME=VALUE",
         .help = "may be repeated",
         .add = add_text},
        {.name = "create-topics-of-a-very-long-name",
         .kind = OPTION_REPEATED,
         .target = &given->bool_text,
         .help = "with or without a value",
         .add = add_bool},
    };
    const struct options_usage usage = {"train", operands, "Fits a model.", "Examples:\n  alertrond train x.csv\n"};
    char *argv[ARGUMENTS_MAX + 1] = {(char *)"train"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    return options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, given->operands,
                         &given->n_operands);
}

#define ARGUMENTS(...) ((const char *const[ARGUMENTS_MAX]){__VA_ARGS__})

static void test_takes_every_way_to_write_a_flag(void **state)
{
    (void)state;
    struct given given;
    assert_int_equal(
        parse_into(&given, "[A] [B]", 2,
                   ARGUMENTS("--output", "a", "--trees=7", "-qv", "x", "-X", "a=b", "-Xc=d", "--share", "0.25", "-")),
        OPTIONS_RUN);
    assert_string_equal(given.output, "a");
    assert_int_equal(given.trees, 7);
    assert_true(given.quiet && given.verbose);
    assert_string_equal(given.repeated, "a=b;c=d;");
    assert_true(given.share == 0.25);
    assert_int_equal(given.n_operands, 2);
    assert_string_equal(given.operands[0], "x");
    assert_string_equal(given.operands[1], "-");

    assert_int_equal(parse_into(&given, "[A]", 1, ARGUMENTS("-qn", "8", "-o-", "--format", "json", "--", "--trees")),
                     OPTIONS_RUN);
    assert_int_equal(given.trees, 8);
    assert_string_equal(given.output, "-");
    assert_int_equal(given.format, 1);
    assert_string_equal(given.operands[0], "--trees");

    assert_int_equal(parse_into(&given, "", 0, ARGUMENTS("--seed", "-9223372036854775808", "-o", "-1", "--output=--x")),
                     OPTIONS_RUN);
    assert_true(given.seed == INT64_MIN);
    assert_string_equal(given.output, "--x");
}

static void test_a_flag_may_have_an_optional_value(void **state)
{
    (void)state;
    struct given given;
    assert_int_equal(parse_into(&given, "[A]", 1, ARGUMENTS("--create-topics-of-a-very-long-name", "x")), OPTIONS_RUN);
    assert_string_equal(given.bool_text, "bare");
    assert_int_equal(given.n_operands, 1);
    assert_int_equal(parse_into(&given, "", 0, ARGUMENTS("--create-topics-of-a-very-long-name=no")), OPTIONS_RUN);
    assert_string_equal(given.bool_text, "no");
}

struct wrong_case {
    const char *arguments[ARGUMENTS_MAX];
    const char *said; /* between "alertrond train: " and "; see alertrond train --help" */
};

static const struct wrong_case wrong_cases[] = {
    {{"--tres", "3"}, "unknown flag --tres (did you mean --trees?)"},
    {{"--tres=3"}, "unknown flag --tres (did you mean --trees?)"},
    {{"--TREES=3"}, "unknown flag --TREES (did you mean --trees?)"},
    {{"--prop"}, "unknown flag --prop (did you mean --property?)"},
    {{"--hlep"}, "unknown flag --hlep (did you mean --help?)"},
    {{"-trees", "3"}, "unknown flag -trees (did you mean --trees?)"},
    {{"--nothing-like-it"}, "unknown flag --nothing-like-it"},
    {{"--"
      "\x1b[31m"},
     "unknown flag --?[31m"},
    {{"-z"}, "unknown flag -z"},
    {{"-qz"}, "unknown flag -z in -qz"},
    {{"--output"}, "--output needs a value: --output FILE"},
    {{"-o"}, "--output needs a value: --output FILE"},
    {{"--output", "--trees", "3"}, "--output needs a value before --trees (if that is the value: --output=--trees)"},
    {{"-o", "-q"}, "--output needs a value before -q (if that is the value: --output=-q)"},
    {{"--quiet=yes"}, "--quiet takes no value"},
    {{"--trees", "0"}, "--trees: 0 is below 1; give a whole number from 1 to 65536"},
    {{"--trees", "65537"}, "--trees: 65537 is above 65536; give a whole number from 1 to 65536"},
    {{"--trees", "-1"}, "--trees: -1 is below 1; give a whole number from 1 to 65536"},
    {{"--trees="}, "--trees: the value is empty; give a whole number from 1 to 65536"},
    {{"--trees", "3x"}, "--trees: \"3x\" is not a whole number; give a whole number from 1 to 65536"},
    {{"--trees", " 3"}, "--trees: \" 3\" is not a whole number; give a whole number from 1 to 65536"},
    {{"--trees", "0x10"}, "--trees: \"0x10\" is not a whole number; give a whole number from 1 to 65536"},
    {{"--trees", "3.0"}, "--trees: \"3.0\" is not a whole number; give a whole number from 1 to 65536"},
    {{"--trees", "-"}, "--trees: \"-\" is not a whole number; give a whole number from 1 to 65536"},
    {{"--trees", "99999999999999999999"},
     "--trees: \"99999999999999999999\" is too large; give a whole number from 1 to 65536"},
    {{"--seed", "9223372036854775808"}, "--seed: \"9223372036854775808\" is too large; give a whole number"},
    {{"--share", "nan"}, "--share: \"nan\" is not a number; give a number from 0 to 1"},
    {{"--share", "inf"}, "--share: \"inf\" is not a number; give a number from 0 to 1"},
    {{"--share", "1e999"}, "--share: \"1e999\" is too large; give a number from 0 to 1"},
    {{"--share", "0x1p-1"}, "--share: \"0x1p-1\" is not a number; give a number from 0 to 1"},
    {{"--share", "0.5%"}, "--share: \"0.5%\" is not a number; give a number from 0 to 1"},
    {{"--share", "1.5"}, "--share: 1.5 is above 1; give a number from 0 to 1"},
    {{"--share="}, "--share: the value is empty; give a number from 0 to 1"},
    {{"--share", "."}, "--share: \".\" is not a number; give a number from 0 to 1"},
    {{"--format", "yaml"}, "--format: \"yaml\" is not known here; give text or json"},
    {{"--format", "tex"}, "--format: \"tex\" is not known here; give text or json"},
    {{"--format="}, "--format: the value is empty; give text or json"},
    {{"a", "b", "c"}, "\"c\" is one argument too many"},
    {{"a"}, "READINGS is missing"},
};

static void test_says_what_is_wrong_and_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_cases / sizeof *wrong_cases; i++) {
        struct given given;
        struct capture capture = capture_begin(stderr);
        enum options_outcome outcome = parse_into(&given, "MODEL READINGS", 2, wrong_cases[i].arguments);
        char *said = capture_end(&capture), expected[512];
        snprintf(expected, sizeof expected, "alertrond train: %s; see alertrond train --help\n", wrong_cases[i].said);
        assert_string_equal(said, expected);
        assert_int_equal(outcome, OPTIONS_WRONG);
        assert_int_equal(options_status(outcome), 2);
        free(said);
    }
}

static void test_what_add_refuses_is_wrong(void **state)
{
    (void)state;
    struct given given;
    assert_int_equal(parse_into(&given, "", 0, ARGUMENTS("-X", "refused")), OPTIONS_WRONG);
}

static void test_a_command_without_operands_says_so(void **state)
{
    (void)state;
    struct given given;
    struct capture capture = capture_begin(stderr);
    assert_int_equal(parse_into(&given, "", 0, ARGUMENTS("x")), OPTIONS_WRONG);
    char *said = capture_end(&capture);
    assert_string_equal(said, "alertrond train: \"x\": it takes flags only; see alertrond train --help\n");
    free(said);
}

static void test_help_shows_every_flag_in_columns(void **state)
{
    (void)state;
    static const char expected[] = "Usage: alertrond train [FLAG]... MODEL [READINGS]\n"
                                   "\n"
                                   "Fits a model.\n"
                                   "\n"
                                   "Flags:\n"
                                   "  -o, --output FILE          where the model goes\n"
                                   "  -n, --trees N              trees of the forest (default 100)\n"
                                   "      --share SHARE          share of the rows, a help text that is much too\n"
                                   "                             long for the line that it begins on (default 0.5)\n"
                                   "      --seed N               any number\n"
                                   "  -h, --help                 show this help\n"
                                   "\n"
                                   "Output:\n"
                                   "      --format text|json     of lines\n"
                                   "  -q, --quiet                say less\n"
                                   "  -v, --verbose              say more\n"
                                   "  -X, --property NAME=VALUE  may be repeated\n"
                                   "      --create-topics-of-a-very-long-name[=false]\n"
                                   "                             with or without a value\n"
                                   "\n"
                                   "Examples:\n"
                                   "  alertrond train x.csv\n";
    static const char *const ways[] = {"--help", "-h", "-qh"};
    for (size_t i = 0; i < 3; i++) {
        struct given given;
        struct capture capture = capture_begin(stdout);
        enum options_outcome outcome = parse_into(&given, "MODEL [READINGS]", 2, ARGUMENTS(ways[i], "--bogus"));
        char *said = capture_end(&capture);
        assert_string_equal(said, expected);
        assert_int_equal(outcome, OPTIONS_HELP);
        assert_int_equal(options_status(outcome), 0);
        free(said);
    }
}

static void test_suggests_what_is_near_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("topic", "topic"), 0);
    assert_int_equal(suggest_distance("topc", "topic"), 1);
    assert_int_equal(suggest_distance("tpoic", "topic"), 1);
    assert_int_equal(suggest_distance("", "topic"), 5);
    assert_int_equal(suggest_distance("group.id", "GROUP_ID"), 0);
    char longest[SUGGEST_NAME_BYTES_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_true(suggest_distance(longest, "topic") == SIZE_MAX);

    static const struct {
        const char *word, *best;
    } cases[] = {{"rnu", "run"}, {"scor", "score"}, {"insp", "inspect"}, {"de", "demo"},
                 {"d", NULL},    {"", NULL},        {"xyz", NULL},       {"in", NULL}};
    static const char *const names[] = {"run", "score", "inspect", "demo"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct suggestion near = suggest_for(cases[i].word);
        for (size_t j = 0; j < 4; j++)
            suggest_consider(&near, names[j]);
        if (cases[i].best)
            assert_string_equal(near.best, cases[i].best);
        else
            assert_null(near.best);
    }
}

static void test_shows_hostile_text_in_one_line(void **state)
{
    (void)state;
    char out[VALUE_SHOWN_BYTES_MAX], text[400];
    assert_string_equal(value_shown("a\nb\x1b", out), "\"a?b?\"");
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA9", 3);
    size_t n = strlen(value_shown(text, out));
    assert_true(n < sizeof out);
    assert_string_equal(out + n - 6, "\xC3\xA9...\""); /* cut between characters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_every_way_to_write_a_flag),
        cmocka_unit_test(test_a_flag_may_have_an_optional_value),
        cmocka_unit_test(test_says_what_is_wrong_and_what_to_do),
        cmocka_unit_test(test_what_add_refuses_is_wrong),
        cmocka_unit_test(test_a_command_without_operands_says_so),
        cmocka_unit_test(test_help_shows_every_flag_in_columns),
        cmocka_unit_test(test_suggests_what_is_near_and_nothing_else),
        cmocka_unit_test(test_shows_hostile_text_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
