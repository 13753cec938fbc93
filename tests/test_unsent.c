/* test_unsent.c: refused records are kept whole and in order, and sent again in goes that grow until one comes back. */
#include "unsent.h"

#include <string.h>

#include "support.h"

static void keep(struct unsent *unsent, const char *value, void *token)
{
    char topic[] = "anomalies", key[] = "pump-7", copy[16];
    strcpy(copy, value);
    const struct unsent_record record = {.topic = topic,
                                         .key = key,
                                         .key_size = 6,
                                         .value = copy,
                                         .value_size = strlen(value),
                                         .timestamp = 5,
                                         .headers_size = 100,
                                         .token = token};
    assert_true(unsent_keep(unsent, &record));
    memset(copy, 'x', sizeof copy);
}

static size_t send_due(struct unsent *unsent, double now)
{
    const size_t n = unsent_due(unsent, now);
    for (size_t i = 0; i < n; i++)
        unsent_free(unsent_take(unsent));
    return n;
}

static void records_come_back_whole_and_in_their_order(void **state)
{
    (void)state;
    struct unsent unsent = {0};
    int tokens[2];
    keep(&unsent, "first", &tokens[0]);
    keep(&unsent, "second", &tokens[1]);
    assert_int_equal(unsent.bytes, 6 + 5 + 100 + 6 + 6 + 100);
    struct unsent_record *first = unsent_take(&unsent);
    assert_string_equal(first->topic, "anomalies");
    assert_memory_equal(first->key, "pump-7", 6);
    assert_memory_equal(first->value, "first", 5);
    assert_int_equal(first->timestamp, 5);
    assert_ptr_equal(first->token, &tokens[0]);
    unsent_put_back(&unsent, first);
    assert_ptr_equal(unsent_take(&unsent), first);
    unsent_free(first);
    struct unsent_record *second = unsent_take(&unsent);
    assert_ptr_equal(second->token, &tokens[1]);
    assert_null(unsent_take(&unsent));
    assert_int_equal(unsent.bytes, 0);
    unsent_put_back(&unsent, second);
    keep(&unsent, "third", NULL);
    unsent_free(unsent_take(&unsent));
    unsent_free(unsent_take(&unsent));
    assert_null(unsent_take(&unsent));
}

static void a_record_without_key_and_value_stays_without(void **state)
{
    (void)state;
    struct unsent unsent = {0};
    char topic[] = "readings.dlq";
    assert_true(unsent_keep(&unsent, &(struct unsent_record){.topic = topic}));
    struct unsent_record *record = unsent_take(&unsent);
    assert_null(record->key);
    assert_null(record->value);
    unsent_free(record);
}

/* A batch is refused where each of its records would not be: sent again as it was it would be refused for ever. */
static void goes_grow_until_one_comes_back(void **state)
{
    (void)state;
    struct unsent unsent = {0};
    for (int i = 0; i < 20; i++)
        keep(&unsent, "value", NULL);
    unsent_refused(&unsent, "too large", 100);
    assert_string_equal(unsent_why(&unsent), "too large");
    assert_int_equal(send_due(&unsent, 100.5), 0);
    assert_int_equal(send_due(&unsent, 101.5), 1);
    assert_int_equal(send_due(&unsent, 101.5), 0);
    assert_int_equal(send_due(&unsent, 102), 2);
    assert_int_equal(send_due(&unsent, 103), 4);
    unsent_refused(&unsent, "too large", 103);
    assert_int_equal(send_due(&unsent, 105), 1);
    assert_int_equal(send_due(&unsent, 106), 2);
    assert_int_equal(send_due(&unsent, 107), 4);
    assert_int_equal(send_due(&unsent, 108), 6); /* all that are left */
    assert_null(unsent.first);
}

static void the_reason_stands_until_nothing_has_come_back_for_a_while(void **state)
{
    (void)state;
    struct unsent unsent = {0};
    assert_string_equal(unsent_why(&unsent), "");
    keep(&unsent, "value", NULL);
    unsent_refused(&unsent, "no such topic", 100);
    assert_int_equal(send_due(&unsent, 102), 1);
    assert_int_equal(send_due(&unsent, 103), 0);
    assert_string_equal(unsent_why(&unsent), "no such topic");
    assert_int_equal(send_due(&unsent, 120), 0);
    assert_string_equal(unsent_why(&unsent), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_whole_and_in_their_order),
        cmocka_unit_test(a_record_without_key_and_value_stays_without),
        cmocka_unit_test(goes_grow_until_one_comes_back),
        cmocka_unit_test(the_reason_stands_until_nothing_has_come_back_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
