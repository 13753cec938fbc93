/* test_kafka_token.c: what a token of SASL OAUTHBEARER says of itself. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "kafka_token.h"

static void test_subject_and_expiry_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *subject;
        int64_t expires_ms;
    } tokens[] = {
        /* {"sub":"alertrond","exp":1795410602.5} */
        {"e30.eyJzdWIiOiJhbGVydHJvbmQiLCJleHAiOjE3OTU0MTA2MDIuNX0.c2ln", "alertrond", 1795410602500},
        /* {"exp":1} */
        {"e30.eyJleHAiOjF9.", "", 1000},
        /* {"sub":"~~~???","exp":9}: both digits that base64 spells otherwise */
        {"e30.eyJzdWIiOiJ-fn4_Pz8iLCJleHAiOjl9.x", "~~~???", 9000},
    };
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct kafka_token token;
        char why[200];
        assert_true(kafka_token_read(tokens[i].text, &token, why, sizeof why));
        assert_string_equal(token.subject, tokens[i].subject);
        assert_int_equal(token.expires_ms, tokens[i].expires_ms);
    }
}

static void test_what_is_no_token_is_refused_without_being_shown(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "opensesame",
        "opensesame.opensesame",
        "e30.opensesame!.x",
        "e30.b3BlbnNlc2FtZQ.x",     /* opensesame */
        "e30.eyJzdWIiOiJ4In0.x",    /* {"sub":"x"} */
        "e30.eyJleHAiOi0xfQ.x",     /* {"exp":-1} */
        "e30.eyJleHAiOjFlMzAwfQ.x", /* {"exp":1e300} */
        "e30.W10.x",                /* [] */
        "e30..x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kafka_token token;
        char why[200] = "";
        assert_false(kafka_token_read(wrong[i], &token, why, sizeof why));
        assert_string_not_equal(why, "");
        assert_null(strstr(why, "sesame"));
    }
}

static void test_a_token_of_any_length_stays_in_its_room(void **state)
{
    (void)state;
    for (size_t n = 0; n<12000; n += n> 10900 && n < 10960 ? 1 : 97) {
        char *text = calloc(1, n + 8), why[200];
        assert_non_null(text);
        memcpy(text, "e30.", 4);
        memset(text + 4, 'A', n);
        strcpy(text + 4 + n, ".x");
        struct kafka_token token;
        assert_false(kafka_token_read(text, &token, why, sizeof why));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_and_expiry_are_read),
        cmocka_unit_test(test_what_is_no_token_is_refused_without_being_shown),
        cmocka_unit_test(test_a_token_of_any_length_stays_in_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
