/* cell.h: 64 bits that one thread writes while any number of others read them; where the machine has atomic words of
 * 64 bits, several threads may also exchange them. */
#ifndef ALERTRON_CELL_H
#define ALERTRON_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if ATOMIC_LLONG_LOCK_FREE == 2 && !defined(ALERTRON_CELL_OF_HALVES)

struct metric_cell {
    _Atomic uint64_t word;
};

static inline uint64_t alertron__cell_load(const struct metric_cell *cell)
{
    return atomic_load_explicit(&cell->word, memory_order_relaxed);
}

static inline void alertron__cell_store(struct metric_cell *cell, uint64_t word)
{
    atomic_store_explicit(&cell->word, word, memory_order_relaxed);
}

#define ALERTRON_CELL_EXCHANGES 1

/* Stores `word` where the cell holds *expected; else false, and *expected is what it holds. */
static inline bool alertron__cell_exchange(struct metric_cell *cell, uint64_t *expected, uint64_t word)
{
    return atomic_compare_exchange_weak_explicit(&cell->word, expected, word, memory_order_relaxed,
                                                 memory_order_relaxed);
}

#else

#define ALERTRON_CELL_EXCHANGES 0

/* For machines that have atomic words of 32 bits only, such as Cortex-M. There are two copies, and bit 0 of `turn` says
 * which one is whole. The writer fills the other one, then turns: an interrupt that reads in between finds the older
 * value and waits for nobody. A reader that was overtaken may have read halves of two values; it sees that the turn is
 * another, and reads again. */
struct metric_cell {
    _Atomic uint32_t turn;
    _Atomic uint32_t halves[2][2];
};

static inline uint64_t alertron__cell_load(const struct metric_cell *cell)
{
    uint32_t turn, low, high;
    do {
        turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        low = atomic_load_explicit(&cell->halves[turn & 1][0], memory_order_acquire);
        high = atomic_load_explicit(&cell->halves[turn & 1][1], memory_order_acquire);
    } while (atomic_load_explicit(&cell->turn, memory_order_relaxed) != turn);
    return (uint64_t)high << 32 | low;
}

static inline void alertron__cell_store(struct metric_cell *cell, uint64_t word)
{
    /* Who sees one of these halves sees the turn before it too, which is stored already, and so reads again. */
    uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_relaxed) + 1;
    atomic_store_explicit(&cell->halves[turn & 1][0], (uint32_t)word, memory_order_release);
    atomic_store_explicit(&cell->halves[turn & 1][1], (uint32_t)(word >> 32), memory_order_release);
    atomic_store_explicit(&cell->turn, turn, memory_order_release);
}

/* There is one writer, whose *expected is what the cell holds. */
static inline bool alertron__cell_exchange(struct metric_cell *cell, uint64_t *expected, uint64_t word)
{
    (void)expected;
    alertron__cell_store(cell, word);
    return true;
}

#endif
#endif
