/* test_scrapes.c: what is sent to slow clients is shared, and what is sent to others is not. */
#include "support.h"

#include "scrapes.h"

#include <stdio.h>
#include <string.h>

enum { REQUESTS = 50 };

static void requests_get_the_numbers_of_their_moment(void **state)
{
    alertron_registry *registry = *state;
    struct scrapes *scrapes = scrapes_new(registry);
    alertron_counter_child *counter =
        alertron_counter_with(alertron_registry_counter(registry, "readings_total", "Read.", NULL, 0, NULL), NULL);
    for (int i = 0; i < REQUESTS; i++) {
        char line[64];
        alertron_counter_add(counter, 1);
        const struct scrape *scrape = scrapes_hold(scrapes, ALERTRON_TEXT);
        snprintf(line, sizeof line, "\nreadings_total %d\n", i + 1);
        assert_non_null(strstr(scrape->text, line));
        assert_int_equal(strlen(scrape->text), scrape->n);
        scrapes_release(scrapes, scrape);
    }
    scrapes_free(scrapes);
}

static void slow_clients_share(void **state)
{
    alertron_registry *registry = *state;
    struct scrapes *scrapes = scrapes_new(registry);
    const struct scrape *held[REQUESTS][2];
    size_t different = 0;
    for (int i = 0; i < REQUESTS; i++)
        for (int format = ALERTRON_TEXT; format <= ALERTRON_OPENMETRICS; format++) {
            held[i][format] = scrapes_hold(scrapes, (alertron_exposition)format);
            different += i == 0 || held[i][format] != held[i - 1][format];
        }
    assert_true(different >= SCRAPES_MAX && different < REQUESTS); /* a slow machine's seconds may pass */
    assert_null(strstr(held[REQUESTS - 1][ALERTRON_TEXT]->text, "# EOF"));
    assert_non_null(strstr(held[REQUESTS - 1][ALERTRON_OPENMETRICS]->text, "# EOF"));
    for (int i = 0; i < REQUESTS; i++)
        for (int format = 0; format < 2; format++)
            scrapes_release(scrapes, held[i][format]);
    const struct scrape *one = scrapes_hold(scrapes, ALERTRON_TEXT), *other = scrapes_hold(scrapes, ALERTRON_TEXT);
    assert_ptr_not_equal(one, other);
    scrapes_release(scrapes, one);
    scrapes_release(scrapes, other);
    scrapes_free(scrapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_get_the_numbers_of_their_moment, registry_setup, registry_teardown),
        cmocka_unit_test_setup_teardown(slow_clients_share, registry_setup, registry_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
