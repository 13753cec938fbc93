/* test_scraping.c: threads that read metrics while their owner changes them. To be run with ThreadSanitizer too. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scraper {
    const alertron_registry *registry;
    alertron_exposition format;
    _Atomic bool *done;
    _Atomic unsigned long scrapes;
    unsigned long devices; /* lines of devices that were read */
    const char *failure;
};

/* What one text said of the metrics that are always there. */
struct seen {
    double work, previous_bucket, last_bucket, count;
};

static const char *check_line(const char *line, const char *end, struct seen *seen, unsigned long *devices)
{
    if (line[0] == '#')
        return strncmp(line, "# HELP ", 7) && strncmp(line, "# TYPE ", 7) && strncmp(line, "# EOF\n", 6) ? "comment"
                                                                                                         : NULL;
    const char *space = memchr(line, ' ', (size_t)(end - line));
    if (!space)
        return "no value";
    char *after;
    double value = strtod(space + 1, &after);
    if (after != end)
        return "value";
    if (strncmp(line, "work_total ", 11) == 0) {
        if (value < seen->work)
            return "a counter fell";
        seen->work = value;
    } else if (strncmp(line, "latency_bucket{le=\"", 19) == 0) {
        if (value < seen->previous_bucket)
            return "buckets are not cumulative";
        seen->previous_bucket = seen->last_bucket = value;
    } else if (strncmp(line, "latency_count ", 14) == 0) {
        seen->count = value;
    } else if (strncmp(line, "score{device_id=\"device-", 24) == 0) {
        const char *id = line + 24;
        double number = strtod(id, &after);
        if (strncmp(after, "\"} ", 3) || (value != 0 && value != number))
            return "another device's value";
        (*devices)++;
    } else if (strncmp(line, "latency_sum ", 12) && strncmp(line, "alertron_registry_overflow_total{", 33)) {
        return "unknown line";
    }
    return NULL;
}

static const char *check_text(const char *text, size_t n, struct seen *seen, unsigned long *devices)
{
    const char *failure = NULL;
    double count_before = seen->count;
    seen->previous_bucket = 0;
    for (const char *line = text; line < text + n && !failure;) {
        const char *end = memchr(line, '\n', (size_t)(text + n - line));
        if (!end)
            return "last line has no end";
        failure = check_line(line, end, seen, devices);
        line = end + 1;
    }
    if (!failure && seen->count != seen->last_bucket)
        failure = "the count is not that of +Inf";
    if (!failure && seen->count < count_before)
        failure = "the count fell";
    return failure;
}

static void *scrape(void *context)
{
    struct scraper *scraper = context;
    struct seen seen = {0};
    size_t capacity = 1 << 20;
    char *text = malloc(capacity);
    while (!atomic_load(scraper->done)) {
        size_t n = alertron_registry_text(scraper->registry, scraper->format, text, capacity - 1);
        if (n >= capacity)
            scraper->failure = "the text is far too long";
        text[n < capacity ? n : 0] = 0;
        if (!scraper->failure)
            scraper->failure = check_text(text, n, &seen, &scraper->devices);
        scraper->scrapes++;
    }
    free(text);
    return NULL;
}

enum { DEVICES = 64 };

struct owner {
    alertron_counter_child *work;
    alertron_histogram_child *latency;
    alertron_gauge *score;
    alertron_gauge_child *children[DEVICES];
    unsigned random;
};

static struct owner owner_of(alertron_registry *registry)
{
    const double bounds[] = {0.25, 0.5, 0.75};
    struct owner owner = {.random = 7};
    owner.work = alertron_counter_with(alertron_registry_counter(registry, "work_total", "W.", NULL, 0, NULL), NULL);
    owner.latency =
        alertron_histogram_with(alertron_registry_histogram(registry, "latency", "L.", NULL, 0, bounds, 3, NULL), NULL);
    owner.score = alertron_registry_gauge(registry, "score", "S.", (const char *const[]){"device_id"}, 1, NULL);
    return owner;
}

/* Without children, and while none is removed: nothing but the link to a family tells scrapers of it. */
static void add_families(alertron_registry *registry)
{
    char name[32];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "later%d", i);
        assert_non_null(alertron_registry_gauge(registry, name, "L.", (const char *const[]){"a"}, 1, NULL));
    }
}

/* A device comes or goes; the others are updated. */
static void own(struct owner *owner)
{
    owner->random = owner->random * 1664525u + 1013904223u;
    size_t at = (owner->random >> 16) % DEVICES;
    if (owner->children[at]) {
        alertron_gauge_remove(owner->score, owner->children[at]);
        owner->children[at] = NULL;
    } else {
        char name[32];
        snprintf(name, sizeof name, "device-%zu", at + 1);
        owner->children[at] = alertron_gauge_with(owner->score, (const char *const[]){name});
        alertron_gauge_set(owner->children[at], (double)at + 1);
    }
    alertron_counter_add(owner->work, 1);
    alertron_histogram_observe(owner->latency, (double)(owner->random >> 8) / 0x1p24, 1);
}

static void scrapers_read_whole_and_true_texts_while_the_owner_writes(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = alertron_registry_new(NULL, &allocator, NULL);
    struct owner owner = owner_of(registry);
    _Atomic bool done = false;
    struct scraper scrapers[2] = {{.registry = registry, .format = ALERTRON_TEXT, .done = &done},
                                  {.registry = registry, .format = ALERTRON_OPENMETRICS, .done = &done}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, &scrapers[i]), 0);
    while (scrapers[0].scrapes < 1 || scrapers[1].scrapes < 1)
        own(&owner);
    add_families(registry);
    unsigned long rounds = 0;
    for (; rounds < 200000 || scrapers[0].scrapes < 100 || scrapers[1].scrapes < 100; rounds++)
        own(&owner);
    atomic_store(&done, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        if (scrapers[i].failure)
            fail_msg("%s", scrapers[i].failure);
        assert_true(scrapers[i].devices > 0);
    }
    assert_true(alertron_counter_value(owner.work) >= (double)rounds);
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

enum { WRITERS = 4, UPDATES = 50000 };

struct writer {
    alertron_counter_child *counter;
    alertron_histogram_child *histogram;
};

static void *update(void *context)
{
    const struct writer *writer = context;
    for (int i = 0; i < UPDATES; i++) {
        alertron_counter_add(writer->counter, 1);
        alertron_histogram_observe(writer->histogram, 0.5, 2);
    }
    return NULL;
}

static void no_update_of_a_shared_registry_is_lost(void **state)
{
    (void)state;
    alertron_error error;
    const alertron_registry_options options = {.shared = true};
    alertron_registry *registry = alertron_registry_new(&options, NULL, &error);
    assert_non_null(registry);
    const double bounds[] = {1};
    const struct writer writer = {
        .counter =
            alertron_counter_with(alertron_registry_counter(registry, "work_total", "Work.", NULL, 0, &error), NULL),
        .histogram = alertron_histogram_with(
            alertron_registry_histogram(registry, "latency", "Latency.", NULL, 0, bounds, 1, &error), NULL)};
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, (void *)(uintptr_t)&writer), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(alertron_counter_value(writer.counter) == (double)WRITERS * UPDATES);
    char text[4096] = "", line[64];
    alertron_registry_text(registry, ALERTRON_TEXT, text, sizeof text - 1);
    snprintf(line, sizeof line, "latency_count %d\n", 2 * WRITERS * UPDATES);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof line, "latency_sum %d\n", WRITERS * UPDATES);
    assert_non_null(strstr(text, line));
    alertron_registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_update_of_a_shared_registry_is_lost),
        cmocka_unit_test(scrapers_read_whole_and_true_texts_while_the_owner_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
