/* block.c: the messages that a worker has at hand. */
#include "block.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { TEXTS_SIZE = BLOCK_ITEMS_ROOM * (READING_DEVICE_BYTES_MAX + 1) };

struct block *block_new(size_t width)
{
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->features = calloc(BLOCK_ITEMS_ROOM * width, sizeof *block->features);
    block->scores = calloc(BLOCK_ITEMS_ROOM, sizeof *block->scores);
    block->candidate_scores = calloc(BLOCK_ITEMS_ROOM, sizeof *block->candidate_scores);
    block->texts = malloc(TEXTS_SIZE);
    block->explanations = calloc(BLOCK_ITEMS_ROOM, sizeof *block->explanations);
    block->letter_max = SIZE_MAX;
    if (block->features && block->scores && block->candidate_scores && block->texts && block->explanations)
        return block;
    block_free(block);
    return NULL;
}

static size_t letter_size(const struct dead_letter *letter)
{
    return sizeof *letter + letter->key_size + letter->value_size + letter->headers_size;
}

static void free_letter(struct dead_letter *letter)
{
    if (letter)
        kafka_headers_free(letter->headers);
    free(letter);
}

void block_clear(struct block *block)
{
    for (size_t i = 0; block->letter_bytes > 0 && i < block->n; i++)
        free_letter(block->items[i].letter);
    block->n = block->n_scored = block->n_done = 0;
    block->n_features = block->n_texts = block->letter_bytes = 0;
}

void block_free(struct block *block)
{
    if (!block)
        return;
    block_clear(block);
    free(block->features);
    free(block->scores);
    free(block->candidate_scores);
    free(block->texts);
    free(block->explanations);
    free(block);
}

/* The letter has its bytes behind it. NULL where memory has run out. */
static struct dead_letter *make_letter(const struct kafka_message *message, int fault, const char *reason)
{
    struct dead_letter *letter = malloc(sizeof *letter + message->key_size + message->value_size);
    if (!letter)
        return NULL;
    *letter = (struct dead_letter){.fault = fault,
                                   .timestamp = message->timestamp,
                                   .key_size = message->key_size,
                                   .value_size = message->value_size};
    char *bytes = (char *)(letter + 1);
    snprintf(letter->reason, sizeof letter->reason, "%s", reason);
    if (message->key)
        letter->key = memcpy(bytes, message->key, message->key_size);
    if (message->value)
        letter->value = memcpy(bytes + message->key_size, message->value, message->value_size);
    return letter;
}

/* A few kilobytes can be the compressed form of a message that no client would send on. */
static struct dead_letter *cut(const struct kafka_message *message, int fault, const char *reason)
{
    struct kafka_message rest = *message;
    rest.value = NULL;
    rest.value_size = 0;
    if (rest.key_size > READING_DEVICE_BYTES_MAX) {
        rest.key = NULL;
        rest.key_size = 0;
    }
    struct dead_letter *letter = make_letter(&rest, fault, reason);
    if (letter) {
        letter->cut = true;
        letter->cut_value_size = message->value_size;
    }
    return letter;
}

/* NULL where memory has run out. */
static struct dead_letter *keep(const struct kafka_message *message, size_t most, int fault, const char *reason)
{
    struct kafka_headers *headers = kafka_message_headers(message);
    const size_t headers_size = kafka_headers_bytes(headers);
    const bool whole = message->key_size + message->value_size + headers_size <= most;
    struct dead_letter *letter = whole ? make_letter(message, fault, reason) : cut(message, fault, reason);
    if (letter && whole) {
        letter->headers = headers;
        letter->headers_size = headers_size;
    } else {
        kafka_headers_free(headers);
    }
    return letter;
}

static bool add_letter(struct block *block, struct item *item, const struct kafka_message *message, int fault,
                       const char *reason)
{
    item->letter = keep(message, block->letter_max, fault, reason);
    if (!item->letter) {
        block->out_of_memory = true;
        return false;
    }
    block->n++;
    block->letter_bytes += letter_size(item->letter);
    return block->n < BLOCK_ITEMS_MAX && block->letter_bytes < BLOCK_LETTER_BYTES_MAX;
}

static bool add_reading(struct block *block, struct scorer *scorer, struct item *item, const struct reading *reading,
                        size_t width)
{
    const size_t n = reading->device_id_bytes;
    item->device_id = memcpy(block->texts + block->n_texts, reading->device_id, n + 1);
    item->n_device_id = n;
    item->hash = scorer_expect(scorer, item->device_id, n);
    item->ts = reading->ts;
    block->n_texts += n + 1;
    block->n_features += width;
    block->n++;
    return block->n < BLOCK_ITEMS_MAX;
}

bool block_add(struct block *block, struct scorer *scorer, const struct reading_shape *shape,
               const struct kafka_message *message)
{
    block->out_of_memory |= block->n == BLOCK_ITEMS_ROOM;
    if (block->out_of_memory)
        return false;
    if (block->n == 0)
        block->begun = clock_seconds();
    struct item *item = &block->items[block->n];
    struct reading reading;
    char reason[BLOCK_REASON_BYTES];
    item->partition = message->partition;
    item->offset = message->offset;
    item->letter = NULL;
    if (!message->value)
        return add_letter(block, item, message, TOMBSTONE,
                          "the message has no value (a tombstone); a reading as JSON is expected");
    const enum reading_fault fault = reading_decode(message->value, message->value_size, shape, &reading,
                                                    block->features + block->n_features, reason, sizeof reason);
    return fault == READING_GOOD ? add_reading(block, scorer, item, &reading, shape->width)
                                 : add_letter(block, item, message, (int)fault, reason);
}

/* Which of both scores counts. */
static void take_score(struct item *item, const struct scorer *scorer, double score, double candidate_score)
{
    item->by_candidate = scorer_decides_candidate(scorer, item->device_id, item->n_device_id);
    item->score = item->by_candidate ? candidate_score : score;
}

void block_score(struct block *block, struct scorer *scorer)
{
    size_t n = 0;
    for (size_t i = block->n_scored; i < block->n; i++)
        n += !block->items[i].letter;
    scorer_score(scorer, block->features, n, block->scores, block->candidate_scores);
    const double *features = block->features;
    const size_t width = n > 0 ? block->n_features / n : 0;
    n = 0;
    for (size_t i = block->n_scored; i < block->n; i++) {
        struct item *item = &block->items[i];
        if (item->letter)
            continue;
        take_score(item, scorer, block->scores[n], block->candidate_scores[n]);
        if (scorer_alarms(scorer, item->score, item->by_candidate))
            block->explanations[i] = scorer_explain(scorer, features + n * width, item->by_candidate);
        n++;
    }
    block->n_scored = block->n;
    block->n_features = 0;
}

static bool contains(const int32_t *partitions, size_t n, int32_t partition)
{
    for (size_t i = 0; i < n; i++)
        if (partitions[i] == partition)
            return true;
    return false;
}

static void drop_item(struct block *block, struct item *item)
{
    if (item->letter)
        block->letter_bytes -= letter_size(item->letter);
    free_letter(item->letter);
}

/* The texts of the items that are left follow each other again: there is room for those of a whole block. */
static void close_up_texts(struct block *block)
{
    block->n_texts = 0;
    for (size_t i = 0; i < block->n; i++) {
        struct item *item = &block->items[i];
        if (item->letter)
            continue;
        item->device_id = memmove(block->texts + block->n_texts, item->device_id, item->n_device_id + 1);
        block->n_texts += item->n_device_id + 1;
    }
}

void block_drop(struct block *block, const int32_t *partitions, size_t n_partitions)
{
    assert(block->n_scored == block->n); /* features lie in the order of items, and are not moved */
    size_t kept = block->n_done;
    for (size_t i = block->n_done; i < block->n; i++)
        if (contains(partitions, n_partitions, block->items[i].partition))
            drop_item(block, &block->items[i]);
        else {
            block->explanations[kept] = block->explanations[i];
            block->items[kept++] = block->items[i];
        }
    block->n = block->n_scored = kept;
    close_up_texts(block);
}
