/* offsets.c: how far the group may go on in each partition. */
#include "offsets.h"

#include <assert.h>
#include <stdlib.h>

struct output {
    struct span *span;
    struct output *next; /* of its span, or of the free ones */
    int64_t offset;
    bool acknowledged;
};

/* One assignment of a partition. It outlives the assignment until its last output is acknowledged. */
struct span {
    struct output *first, *last; /* that wait, in the order of their offsets */
    int32_t partition;
    int64_t next; /* behind the last reading dealt with; -1: none yet */
    int64_t stored;
    int64_t again; /* what lies before it had been dealt with when all began anew */
    bool assigned;
};

struct offsets {
    struct span **spans; /* by partition; NULL where not assigned */
    size_t n_spans;
    struct output *outputs, *free;
    size_t outputs_max, waiting;
};

struct offsets *offsets_new(size_t outputs_max)
{
    struct offsets *offsets = calloc(1, sizeof *offsets);
    struct output *outputs = calloc(outputs_max, sizeof *outputs);
    if (!offsets || !outputs) {
        free(offsets);
        free(outputs);
        return NULL;
    }
    for (size_t i = 0; i < outputs_max; i++)
        outputs[i].next = i + 1 < outputs_max ? &outputs[i + 1] : NULL;
    *offsets = (struct offsets){.outputs = outputs, .free = outputs, .outputs_max = outputs_max};
    return offsets;
}

/* Spans of earlier assignments are reached through the outputs that keep them. */
static void free_old_spans(struct offsets *offsets)
{
    for (size_t i = 0; i < offsets->outputs_max; i++) {
        struct span *span = offsets->outputs[i].span;
        if (!span || span->assigned)
            continue;
        for (struct output *output = span->first; output; output = output->next)
            output->span = NULL;
        free(span);
    }
}

void offsets_free(struct offsets *offsets)
{
    if (!offsets)
        return;
    free_old_spans(offsets);
    for (size_t i = 0; i < offsets->n_spans; i++)
        free(offsets->spans[i]);
    free(offsets->spans);
    free(offsets->outputs);
    free(offsets);
}

static struct span *span_of(const struct offsets *offsets, int32_t partition)
{
    return partition >= 0 && (size_t)partition < offsets->n_spans ? offsets->spans[partition] : NULL;
}

static bool make_room_for(struct offsets *offsets, int32_t partition)
{
    const size_t n = (size_t)partition + 1;
    if (n <= offsets->n_spans)
        return true;
    struct span **spans = realloc(offsets->spans, n * sizeof(struct span *));
    if (!spans)
        return false;
    for (size_t i = offsets->n_spans; i < n; i++)
        spans[i] = NULL;
    offsets->spans = spans;
    offsets->n_spans = n;
    return true;
}

bool offsets_assign(struct offsets *offsets, int32_t partition)
{
    assert(partition >= 0);
    offsets_revoke(offsets, partition);
    struct span *span = calloc(1, sizeof *span);
    if (!span || !make_room_for(offsets, partition)) {
        free(span);
        return false;
    }
    *span = (struct span){.partition = partition, .next = -1, .stored = -1, .assigned = true};
    offsets->spans[partition] = span;
    return true;
}

void offsets_revoke(struct offsets *offsets, int32_t partition)
{
    struct span *span = span_of(offsets, partition);
    if (!span)
        return;
    offsets->spans[partition] = NULL;
    span->assigned = false;
    if (!span->first)
        free(span);
}

size_t offsets_room(const struct offsets *offsets)
{
    return offsets->outputs_max - offsets->waiting;
}

size_t offsets_waiting(const struct offsets *offsets)
{
    return offsets->waiting;
}

/* The partition's span for the reading at `offset`: a new one where the partition has gone back. NULL where it is not
 * assigned, or memory has run out: then nothing is stored any more. */
static struct span *span_at(struct offsets *offsets, int32_t partition, int64_t offset)
{
    const struct span *span = span_of(offsets, partition);
    if (span && offset < span->next)
        offsets_assign(offsets, partition);
    return span_of(offsets, partition);
}

bool offsets_pass(struct offsets *offsets, int32_t partition, int64_t offset)
{
    struct span *span = span_at(offsets, partition, offset);
    if (!span)
        return true;
    span->next = offset + 1;
    return offset >= span->again;
}

struct output *offsets_begin(struct offsets *offsets, int32_t partition, int64_t offset)
{
    struct span *span = span_at(offsets, partition, offset);
    if (!span)
        return NULL;
    struct output *output = offsets->free;
    assert(output);
    offsets->free = output->next;
    offsets->waiting++;
    *output = (struct output){.span = span, .offset = offset};
    if (span->last)
        span->last->next = output;
    else
        span->first = output;
    span->last = output;
    return output;
}

void offsets_acknowledge(struct offsets *offsets, struct output *output)
{
    struct span *span = output->span;
    output->acknowledged = true;
    while (span->first && span->first->acknowledged) {
        struct output *done = span->first;
        span->first = done->next;
        *done = (struct output){.next = offsets->free};
        offsets->free = done;
        offsets->waiting--;
    }
    if (span->first)
        return;
    span->last = NULL;
    if (!span->assigned)
        free(span);
}

void offsets_place(const struct output *output, int32_t *partition, int64_t *offset)
{
    *partition = output->span->partition;
    *offset = output->offset;
}

void offsets_withdraw(struct offsets *offsets, struct output *output)
{
    struct span *span = output->span;
    struct output **at = &span->first;
    span->last = NULL;
    for (; *at != output; at = &(*at)->next)
        span->last = *at;
    *at = NULL;
    *output = (struct output){.next = offsets->free};
    offsets->free = output;
    offsets->waiting--;
}

/* The first reading whose output is not acknowledged, or behind all that were dealt with. */
static int64_t lowest_safe(const struct span *span)
{
    return span->first ? span->first->offset : span->next;
}

void offsets_each_risen(struct offsets *offsets, void (*store)(void *context, int32_t partition, int64_t offset),
                        void *context)
{
    for (size_t i = 0; i < offsets->n_spans; i++) {
        struct span *span = offsets->spans[i];
        if (!span || lowest_safe(span) <= span->stored)
            continue;
        /* Nothing passed yet, so that the first reading itself is where the group stands already. */
        if (span->next < 0)
            continue;
        span->stored = lowest_safe(span);
        store(context, (int32_t)i, span->stored);
    }
}

static bool has_passed(const struct span *span)
{
    return span && span->next > span->stored;
}

size_t offsets_passed(const struct offsets *offsets)
{
    size_t n = 0;
    for (size_t i = 0; i < offsets->n_spans; i++)
        n += has_passed(offsets->spans[i]);
    return n;
}

void offsets_each_passed(struct offsets *offsets, void (*store)(void *context, int32_t partition, int64_t offset),
                         void *context)
{
    for (size_t i = 0; i < offsets->n_spans; i++) {
        struct span *span = offsets->spans[i];
        if (!has_passed(span))
            continue;
        span->stored = span->next;
        store(context, (int32_t)i, span->stored);
    }
}

void offsets_restart(struct offsets *offsets)
{
    free_old_spans(offsets);
    offsets->free = NULL;
    offsets->waiting = 0;
    for (size_t i = offsets->outputs_max; i-- > 0;) {
        offsets->outputs[i] = (struct output){.next = offsets->free};
        offsets->free = &offsets->outputs[i];
    }
    for (size_t i = 0; i < offsets->n_spans; i++) {
        struct span *span = offsets->spans[i];
        if (!span)
            continue;
        const int64_t again = span->next > span->again ? span->next : span->again;
        *span = (struct span){.partition = (int32_t)i, .next = -1, .stored = -1, .again = again, .assigned = true};
    }
}

void offsets_each(const struct offsets *offsets, void (*see)(void *context, int32_t partition, int64_t offset),
                  void *context)
{
    for (size_t i = 0; i < offsets->n_spans; i++)
        if (offsets->spans[i])
            see(context, (int32_t)i, lowest_safe(offsets->spans[i]));
}
