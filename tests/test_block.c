/* test_block.c: the messages that a worker has at hand. The scorer is a stand-in that says 0.5 of everything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "support.h"

struct scorer {
    size_t scored;
};

uint64_t scorer_expect(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    (void)scorer;
    (void)device_id;
    return n_device_id;
}

void scorer_score(struct scorer *scorer, const double *features, size_t n, double *scores, double *candidate_scores)
{
    (void)features;
    for (size_t i = 0; i < n; i++)
        scores[i] = candidate_scores[i] = 0.5;
    scorer->scored += n;
}

bool scorer_decides_candidate(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    (void)scorer;
    (void)device_id;
    (void)n_device_id;
    return false;
}

struct kafka_headers *kafka_message_headers(const struct kafka_message *message)
{
    (void)message;
    return NULL;
}

void kafka_headers_free(struct kafka_headers *headers)
{
    (void)headers;
}

static const struct reading_shape shape = {.width = 1, .bytes_max = 65536};

/* A reading whose device_id is as long as may be; it begins with its number. */
static bool add(struct block *block, struct scorer *scorer, int32_t partition, int number)
{
    char id[READING_DEVICE_BYTES_MAX + 1], json[READING_DEVICE_BYTES_MAX + 64];
    snprintf(id, sizeof id, "%0*d", (int)READING_DEVICE_BYTES_MAX, number);
    const int n = snprintf(json, sizeof json, "{\"device_id\":\"%s\",\"features\":[1]}", id);
    const struct kafka_message message = {
        .partition = partition, .offset = number, .value = json, .value_size = (size_t)n};
    return block_add(block, scorer, &shape, &message);
}

static void check_item(const struct block *block, size_t at, int number)
{
    const struct item *item = &block->items[at];
    assert_int_equal(item->offset, number);
    assert_int_equal(item->n_device_id, READING_DEVICE_BYTES_MAX);
    assert_int_equal(strlen(item->device_id), READING_DEVICE_BYTES_MAX);
    assert_int_equal(strtol(item->device_id, NULL, 10), number);
}

/* Outputs that can't be queued keep a block, and a rebalance takes readings out of it: others take their place. */
static void what_is_taken_out_makes_room(void **state)
{
    (void)state;
    struct scorer scorer = {0};
    struct block *block = block_new(1);
    assert_non_null(block);
    int number = 0;
    for (int round = 0; round < 3; round++) {
        while (add(block, &scorer, number % 2, number))
            number++;
        number++;
        assert_int_equal(block->n, BLOCK_ITEMS_MAX);
        block_score(block, &scorer);
        block_drop(block, (const int32_t[]){1}, 1);
        for (size_t i = 0; i < block->n; i++)
            check_item(block, i, (int)block->items[i].offset);
        assert_true(block->n < BLOCK_ITEMS_MAX);
    }
    check_item(block, 0, 0);
    check_item(block, block->n - 1, (number - 1) / 2 * 2);
    block_drop(block, (const int32_t[]){0}, 1);
    assert_int_equal(block->n, 0);
    block_free(block);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif

/* The offset may not go on past it, so whoever owns the block must learn of it, whatever becomes of the block. */
static void what_can_not_be_kept_is_not_forgotten(void **state)
{
    (void)state;
#ifndef SANITIZED /* whose allocators end the process */
    struct scorer scorer = {0};
    struct block *block = block_new(1);
    assert_non_null(block);
    const struct kafka_message message = {.key_size = SIZE_MAX / 4};
    assert_true(add(block, &scorer, 0, 0));
    assert_false(block_add(block, &scorer, &shape, &message));
    assert_int_equal(block->n, 1);
    assert_true(block->out_of_memory);
    block_clear(block);
    assert_true(block->out_of_memory);
    block_free(block);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_taken_out_makes_room),
                                       cmocka_unit_test(what_can_not_be_kept_is_not_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
