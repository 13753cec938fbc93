/* block.h: the messages that a worker has at hand: decoded as they come, as what comes lives no longer than the call,
 * then scored together. What can't be decoded is kept as it came, to become a dead letter. One thread.
 */
#ifndef ALERTROND_BLOCK_H
#define ALERTROND_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"
#include "reading.h"
#include "scorer.h"

#define BLOCK_ITEMS_MAX 1024u /* it is full then; there is room for some that can't be put off */
#define BLOCK_ITEMS_ROOM (BLOCK_ITEMS_MAX + 64u)
#define BLOCK_LETTER_BYTES_MAX ((size_t)4 << 20) /* of keys, values and headers; with more it is full */
#define BLOCK_REASON_BYTES 256u

/* A message that can't be scored. */
struct dead_letter {
    int fault; /* of reading.h, or TOMBSTONE */
    char reason[BLOCK_REASON_BYTES];
    int64_t timestamp;
    struct kafka_headers *headers; /* NULL: none */
    const void *key, *value;       /* NULL: none */
    size_t key_size, value_size, headers_size;
    bool cut; /* the message was too large to be kept: without its value, its headers and a key longer than a name */
    size_t cut_value_size;
};

struct item {
    int32_t partition;
    int64_t offset;
    struct dead_letter *letter; /* NULL: a reading, which has what follows */
    const char *device_id;      /* with a NUL behind it */
    size_t n_device_id;
    uint64_t hash;     /* of scorer_expect */
    double ts;         /* seconds since 1970, NaN for none */
    bool by_candidate; /* the candidate decides, and the score is its own */
    double score;
};

struct block {
    struct item items[BLOCK_ITEMS_ROOM];
    size_t n, n_scored, n_done;                   /* items in it; of them scored; of them dealt with */
    double begun;                                 /* when its first message was at hand, seconds */
    double *features, *scores, *candidate_scores; /* of the readings that are not scored yet */
    size_t n_features;
    struct explanation *explanations; /* of items that are anomalies, by their place */
    char *texts;                      /* device_ids */
    size_t n_texts, letter_bytes;
    size_t letter_max;  /* bytes of key, value and headers of a message that is kept whole; at first without bounds */
    bool out_of_memory; /* a message could not be kept, nor was it added: its partition must not go on */
};

/* NULL where memory has run out. */
struct block *block_new(size_t width);
void block_free(struct block *block);

/* Adds a message, decoded to the shape. False where the block is full now, or memory has run out. */
bool block_add(struct block *block, struct scorer *scorer, const struct reading_shape *shape,
               const struct kafka_message *message);

/* Scores what was added since the last call. */
void block_score(struct block *block, struct scorer *scorer);

/* Items from n_done on that are of one of these partitions are taken out: others will deal with them. All must have
 * been scored. */
void block_drop(struct block *block, const int32_t *partitions, size_t n_partitions);

/* Empties it. */
void block_clear(struct block *block);

#endif
