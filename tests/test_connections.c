/* test_connections.c: which addresses are this machine's own, and when connections crowd. What is shut, and when, is
 * tested from outside: test_http.py. */
#include "connections.h"

#include "support.h"

static void loopback_is_told_from_other_addresses(void **state)
{
    (void)state;
    static const char *const own[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"};
    static const char *const others[] = {"",
                                         "128.0.0.1",
                                         "10.0.0.127",
                                         "0.0.0.0",
                                         "::",
                                         "::2",
                                         "fe80::1",
                                         "::ffff:10.0.0.1",
                                         "127.0.0.1.example.org",
                                         "127.0.0",
                                         "1::1",
                                         "::ffff:0:127.0.0.1"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_true(connections_loopback(own[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(connections_loopback(others[i]));
}

static void more_than_half_is_a_crowd(void **state)
{
    (void)state;
    const struct connections_options options = {.max = 4, .per_client = 2};
    struct connections *connections = connections_new(&options);
    struct connection *all[4];
    assert_non_null(connections);
    for (int i = 0; i < 4; i++) {
        assert_non_null(all[i] = connections_open(connections));
        assert_int_equal(connections_crowded(connections), i >= 2);
    }
    assert_null(connections_open(connections));
    for (int i = 0; i < 4; i++) {
        connections_close_begin(connections, all[i]);
        connections_close_end(connections);
    }
    assert_false(connections_crowded(connections));
    connections_free(connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_told_from_other_addresses),
        cmocka_unit_test(more_than_half_is_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
