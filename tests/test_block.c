/* test_block.c: what a worker has at hand, with a scorer that does as it is told: a reading's first feature is its
 * score, its second the candidate's. */
#include "block.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

uint64_t scorer_expect(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    (void)scorer;
    return (uint64_t)device_id[0] + n_device_id;
}

void scorer_score(struct scorer *scorer, const double *features, size_t n, double *scores, double *candidate_scores)
{
    (void)scorer;
    for (size_t i = 0; i < n; i++) {
        scores[i] = features[2 * i];
        candidate_scores[i] = features[2 * i + 1];
    }
}

bool scorer_decides_candidate(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    (void)scorer;
    (void)n_device_id;
    return device_id[0] == 'c';
}

bool scorer_alarms(const struct scorer *scorer, double score, bool by_candidate)
{
    (void)scorer;
    return by_candidate ? score < -2 : score > 2;
}

/* The features told apart by their shares. */
struct explanation scorer_explain(struct scorer *scorer, const double *features, bool by_candidate)
{
    (void)scorer;
    return (struct explanation){.causes = {{by_candidate, (float)features[0]}, {2, (float)features[1]}}, .n = 2};
}

static size_t headers_bytes; /* of each message; 0: it has none */
static int n_headers;        /* that were copied and not freed */

struct kafka_headers *kafka_message_headers(const struct kafka_message *message)
{
    (void)message;
    n_headers += headers_bytes > 0;
    return headers_bytes > 0 ? (struct kafka_headers *)&headers_bytes : NULL;
}

size_t kafka_headers_bytes(const struct kafka_headers *headers)
{
    return headers ? headers_bytes : 0;
}

void kafka_headers_free(struct kafka_headers *headers)
{
    n_headers -= headers != NULL;
}

static int setup(void **state)
{
    (void)state;
    headers_bytes = 0;
    n_headers = 0;
    return 0;
}

static const struct reading_shape shape = {.width = 2, .bytes_max = 65536};

static bool add(struct block *block, int32_t partition, int64_t offset, const char *value, size_t size)
{
    const struct kafka_message message = {.partition = partition,
                                          .offset = offset,
                                          .timestamp = 5,
                                          .key = "key",
                                          .key_size = 3,
                                          .value = value,
                                          .value_size = size};
    return block_add(block, NULL, &shape, &message);
}

static bool add_reading(struct block *block, int32_t partition, int64_t offset, const char *device_id)
{
    char value[600];
    const int n = snprintf(value, sizeof value, "{\"device_id\":\"%s\",\"features\":[%d,-%d]}", device_id, (int)offset,
                           (int)offset);
    assert_in_range(n, 1, sizeof value - 1);
    return add(block, partition, offset, value, (size_t)n);
}

static void readings_get_the_score_of_whichever_decides(void **state)
{
    (void)state;
    struct block *block = block_new(2);
    assert_non_null(block);
    assert_true(add_reading(block, 0, 1, "pump"));
    assert_true(add(block, 0, 2, "{", 1));
    assert_true(add_reading(block, 3, 3, "canary"));
    block_score(block, NULL);
    assert_true(add_reading(block, 0, 4, "valve")); /* as where an output could not be queued */
    block_score(block, NULL);
    assert_int_equal(block->n, 4);
    assert_true(block->items[0].score == 1 && !block->items[0].by_candidate);
    assert_true(block->items[2].score == -3 && block->items[2].by_candidate);
    assert_true(block->items[3].score == 4);
    assert_int_equal(block->explanations[0].n, 0); /* no anomaly */
    assert_int_equal(block->explanations[2].causes[0].feature, true);
    assert_true(block->explanations[2].causes[0].share == 3 && block->explanations[2].causes[1].share == -3);
    assert_int_equal(block->explanations[3].causes[0].feature, false);
    assert_true(block->explanations[3].causes[0].share == 4);
    assert_string_equal(block->items[2].device_id, "canary");
    assert_int_equal(block->items[2].n_device_id, 6);
    assert_int_equal(block->items[2].partition, 3);
    assert_int_equal(block->items[2].offset, 3);
    block_free(block);
}

static void what_cannot_be_decoded_is_kept_as_it_came(void **state)
{
    (void)state;
    struct block *block = block_new(2);
    char value[] = "{\"device_id\":1}";
    assert_true(add(block, 0, 1, value, sizeof value - 1));
    assert_true(add(block, 0, 2, NULL, 0));
    memset(value, 0, sizeof value);
    const struct dead_letter *letter = block->items[0].letter, *tombstone = block->items[1].letter;
    assert_int_equal(letter->fault, READING_WRONG_TYPE);
    assert_int_equal(letter->timestamp, 5);
    assert_memory_equal(letter->value, "{\"device_id\":1}", letter->value_size);
    assert_memory_equal(letter->key, "key", letter->key_size);
    assert_int_equal(tombstone->fault, TOMBSTONE);
    assert_null(tombstone->value);
    block_clear(block);
    assert_true(add_reading(block, 0, 3, "pump")); /* in the place of a letter */
    assert_null(block->items[0].letter);
    block_free(block);
}

static void a_block_is_full_by_number_and_by_bytes_of_letters(void **state)
{
    (void)state;
    struct block *block = block_new(2);
    for (int64_t i = 1; i < BLOCK_ITEMS_MAX; i++)
        assert_true(add_reading(block, 0, i, "pump"));
    assert_false(add_reading(block, 0, BLOCK_ITEMS_MAX, "pump"));
    assert_int_equal(block->n, BLOCK_ITEMS_MAX);
    for (int64_t i = 1; i <= BLOCK_ITEMS_ROOM - BLOCK_ITEMS_MAX;
         i++) /* there is room for some that come all the same */
        assert_false(add_reading(block, 0, BLOCK_ITEMS_MAX + i, "pump"));
    assert_int_equal(block->n, BLOCK_ITEMS_ROOM);
    assert_false(block->out_of_memory);
    block_clear(block);
    static const char large[1 << 20];
    for (int64_t i = 1; i < 4; i++)
        assert_true(add(block, 0, i, large, sizeof large));
    assert_false(add(block, 0, 4, large, sizeof large));
    assert_int_equal(block->n, 4);
    block_score(block, NULL);
    block_drop(block, &(int32_t){0}, 1);
    assert_true(add(block, 1, 1, large, sizeof large)); /* there is room again */
    block_clear(block);
    headers_bytes = sizeof large;
    for (int64_t i = 1; i < 4; i++)
        assert_true(add(block, 0, i, NULL, 0));
    assert_false(add(block, 0, 4, NULL, 0));
    block_free(block);
}

static void a_message_that_no_letter_can_hold_is_cut(void **state)
{
    (void)state;
    struct block *block = block_new(2);
    block->letter_max = 1000;
    headers_bytes = 100;
    static const char value[898];
    assert_true(add(block, 0, 1, value, sizeof value - 1)); /* its key has 3 bytes */
    assert_true(add(block, 0, 2, value, sizeof value));
    headers_bytes = 1000;
    assert_true(add(block, 0, 3, NULL, 0));
    const struct dead_letter *whole = block->items[0].letter, *cut = block->items[1].letter,
                             *tombstone = block->items[2].letter;
    assert_false(whole->cut);
    assert_non_null(whole->headers);
    assert_int_equal(whole->value_size, 897);
    assert_true(cut->cut && tombstone->cut);
    assert_null(cut->value);
    assert_null(cut->headers);
    assert_int_equal(cut->value_size, 0);
    assert_int_equal(cut->cut_value_size, 898);
    assert_int_equal(cut->fault, READING_NOT_JSON);
    assert_int_equal(cut->timestamp, 5);
    assert_memory_equal(cut->key, "key", 3);
    assert_int_equal(tombstone->cut_value_size, 0);
    static char key[1 << 20];
    assert_true(block_add(block, NULL, &shape, &(struct kafka_message){.key = key, .key_size = sizeof key}));
    assert_null(block->items[3].letter->key);
    assert_int_equal(block->items[3].letter->key_size, 0);
    block_free(block);
    assert_int_equal(n_headers, 0);
}

static void what_is_dropped_leaves_the_rest_as_it_was(void **state)
{
    (void)state;
    struct block *block = block_new(2);
    const char *const names[] = {"done", "gone", "cooler", "gone too", "valve"};
    const int32_t partitions[] = {1, 1, 0, 2, 0};
    for (int i = 0; i < 5; i++)
        assert_true(add_reading(block, partitions[i], i, names[i]));
    assert_true(add(block, 2, 5, "{", 1));
    assert_true(add(block, 0, 6, "{", 1));
    block_score(block, NULL);
    block->n_done = 1; /* what is done stays, and is not done again */
    block_drop(block, (const int32_t[]){2, 1}, 2);
    assert_int_equal(block->n, 4);
    assert_string_equal(block->items[0].device_id, "done");
    assert_string_equal(block->items[1].device_id, "cooler");
    assert_true(block->items[1].score == -2);
    assert_string_equal(block->items[2].device_id, "valve");
    assert_true(block->items[2].score == 4);
    assert_true(block->explanations[2].causes[0].share == 4);
    assert_int_equal(block->items[3].letter->fault, READING_NOT_JSON);
    assert_int_equal(block->items[3].offset, 6);
    block_free(block);
}

static void a_block_whose_readings_were_dropped_has_room_for_the_longest_names(void **state)
{
    (void)state;
    char name[READING_DEVICE_BYTES_MAX + 1];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct block *block = block_new(2);
    for (int round = 0; round < 3; round++) {
        for (int64_t i = (int64_t)block->n; i < BLOCK_ITEMS_MAX; i++)
            add_reading(block, (int32_t)(i % 2), i, name);
        assert_int_equal(block->n, BLOCK_ITEMS_MAX);
        block_score(block, NULL);
        assert_in_range(block->n_texts, 0, BLOCK_ITEMS_MAX * sizeof name);
        for (size_t i = 0; i < block->n; i++)
            assert_string_equal(block->items[i].device_id, name);
        block_drop(block, &(int32_t){round % 2}, 1);
        assert_in_range(block->n, 1, BLOCK_ITEMS_MAX - 1);
    }
    block_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(readings_get_the_score_of_whichever_decides, setup),
        cmocka_unit_test_setup(what_cannot_be_decoded_is_kept_as_it_came, setup),
        cmocka_unit_test_setup(a_block_is_full_by_number_and_by_bytes_of_letters, setup),
        cmocka_unit_test_setup(a_message_that_no_letter_can_hold_is_cut, setup),
        cmocka_unit_test_setup(what_is_dropped_leaves_the_rest_as_it_was, setup),
        cmocka_unit_test_setup(a_block_whose_readings_were_dropped_has_room_for_the_longest_names, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
