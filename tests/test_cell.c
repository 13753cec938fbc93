/* test_cell.c: readers of a cell find what was written, whole and in order, also where it is made of halves. */
#ifndef ALERTRON_CELL_OF_HALVES
#define ALERTRON_CELL_OF_HALVES
#endif
#include "support.h"

#include "cell.h"

#include <pthread.h>
#include <stdalign.h>

enum { READERS = 2, READS = 10000000, CHANGES = 200000 };

/* The halves of one copy lie in two cache lines: a processor that fetched the first waits for the second, and the
 * writer has time to overtake. */
struct shared {
    alignas(64) unsigned char before[56];
    struct metric_cell cell;
    atomic_int reading; /* readers that are not done */
};

/* Both halves of what is written are the same number, which only grows. Reads until the writer was at work often
 * enough; on one core that would take for ever. */
static void *read_all(void *argument)
{
    struct shared *shared = argument;
    size_t wrong = 0, changes = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < READS && changes < CHANGES; i++) {
        const uint64_t word = alertron__cell_load(&shared->cell);
        const uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);
        wrong += low != high || low < last;
        changes += low != last;
        last = low;
    }
    atomic_fetch_sub(&shared->reading, 1);
    return (void *)wrong;
}

static void readers_never_see_a_torn_word(void **state)
{
    (void)state;
    struct shared shared = {.reading = READERS};
    pthread_t readers[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, &shared), 0);
    uint64_t written = 0;
    while (atomic_load(&shared.reading) > 0 && written < UINT32_MAX) {
        written++;
        alertron__cell_store(&shared.cell, written << 32 | written);
    }
    for (size_t i = 0; i < READERS; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        assert_null(wrong);
    }
    assert_true(alertron__cell_load(&shared.cell) == (written << 32 | written));
}

static void every_bit_is_kept(void **state)
{
    (void)state;
    struct metric_cell cell = {0};
    assert_true(alertron__cell_load(&cell) == 0);
    for (int bit = 0; bit < 64; bit++) {
        alertron__cell_store(&cell, (uint64_t)1 << bit);
        assert_true(alertron__cell_load(&cell) == (uint64_t)1 << bit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_is_kept),
        cmocka_unit_test(readers_never_see_a_torn_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
