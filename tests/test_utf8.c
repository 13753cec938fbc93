/* test_utf8.c: what is a character, and what is shown of texts from anywhere. */
#include "support.h"

#include <string.h>

#include "utf8.h"

static void characters_are_those_of_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } known[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             /* continues nothing */
        {"\xc1\xbf", 0},         /* overlong */
        {"\xe0\x9f\xbf", 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xc3", 0}, /* cut short */
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98", 0},
        {"\xc3(", 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(utf8_bytes(known[i].text), known[i].n);
}

static void what_a_terminal_acts_on_is_a_control(void **state)
{
    (void)state;
    assert_true(utf8_is_control("\x1b") && utf8_is_control("\n") && utf8_is_control("\x7f"));
    assert_true(utf8_is_control("\xc2\x80") && utf8_is_control("\xc2\x9b") && utf8_is_control("\xc2\x9f"));
    assert_false(utf8_is_control(" ") || utf8_is_control("~") || utf8_is_control("\xc2\xa0"));
}

static void assert_shown(const char *text, size_t n, const char *expected)
{
    char out[64];
    utf8_shown(out, text, n);
    assert_string_equal(out, expected);
    strcpy(out, text); /* in its place, too */
    utf8_shown(out, out, n);
    assert_string_equal(out, expected);
}

static void controls_and_damage_are_shown_as_question_marks(void **state)
{
    (void)state;
    assert_shown("plain", 5, "plain");
    assert_shown("plain", 3, "pla");
    assert_shown("", 0, "");
    assert_shown("a\x1b[31mb\xc2\x9b"
                 "c\xff\xe2\x82\xac",
                 14, "a?[31mb??c?\xe2\x82\xac");
    assert_shown("\xe2\x82\xac", 2, "??"); /* cut within a character */
    assert_shown("\xe2\x82", 2, "??");
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("a\xe2\x82\xac"
                              "b",
                              1),
                     1);
    assert_int_equal(utf8_cut("a\xe2\x82\xac"
                              "b",
                              2),
                     1);
    assert_int_equal(utf8_cut("a\xe2\x82\xac"
                              "b",
                              3),
                     1);
    assert_int_equal(utf8_cut("a\xe2\x82\xac"
                              "b",
                              4),
                     4);
    assert_int_equal(utf8_cut("a", 1), 1);
    assert_int_equal(utf8_cut("\x80\x80", 1), 0);
}

static void characters_are_counted_and_found(void **state)
{
    (void)state;
    const char text[] = "\xc3\xbc\xe2\x82\xac-";
    assert_int_equal(utf8_characters(text), 3);
    assert_int_equal(utf8_offset(text, 0), 0);
    assert_int_equal(utf8_offset(text, 1), 2);
    assert_int_equal(utf8_offset(text, 2), 5);
    assert_int_equal(utf8_offset(text, 9), 6);
}

static void assert_xml(const char *text, size_t n, const char *expected)
{
    char out[UTF8_XML_BYTES];
    assert_int_equal(utf8_xml(text, out), n);
    assert_string_equal(out, expected);
}

static void what_xml_cannot_hold_is_replaced(void **state)
{
    (void)state;
    assert_xml("a", 1, "a");
    assert_xml("&", 1, "&amp;");
    assert_xml("<", 1, "&lt;");
    assert_xml(">", 1, "&gt;");
    assert_xml("\"", 1, "&quot;");
    assert_xml("'", 1, "&apos;");
    assert_xml("\n", 1, "\n");
    assert_xml("\t", 1, "\t");
    assert_xml("\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80");
    assert_xml("\x1b", 1, "\xef\xbf\xbd");
    assert_xml("\xff", 1, "\xef\xbf\xbd");
    assert_xml("\xef\xbf\xbe", 3, "\xef\xbf\xbd");
    assert_xml("\xef\xbf\xbf", 3, "\xef\xbf\xbd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_those_of_rfc_3629),
        cmocka_unit_test(what_a_terminal_acts_on_is_a_control),
        cmocka_unit_test(controls_and_damage_are_shown_as_question_marks),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(characters_are_counted_and_found),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
