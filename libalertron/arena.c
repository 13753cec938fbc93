/* arena.c: memory for much that is small, freed all at once. */
#include "private.h"

#include <stdalign.h>

enum { BLOCK_BYTES = 16384 };

/* What lies in an arena is made of these. */
union cell {
    void *pointer;
    double number;
    uint64_t integer;
    size_t size;
};

/* A block's memory begins behind its header, at the next cell. */
struct arena_block {
    struct arena_block *next;
    size_t size, used; /* in bytes, header included */
};

static size_t aligned(size_t size)
{
    const size_t alignment = alignof(union cell);
    return (size + alignment - 1) / alignment * alignment;
}

static struct arena_block *new_block(struct arena *arena, size_t bytes)
{
    const size_t header = aligned(sizeof(struct arena_block));
    if (bytes > SIZE_MAX - header - BLOCK_BYTES)
        bytes = SIZE_MAX - header - BLOCK_BYTES;
    size_t size = header + bytes > BLOCK_BYTES ? header + bytes : BLOCK_BYTES;
    if (size > arena->limit - arena->held) {
        alertron__error(arena->error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                        "reading the file takes more than %zu bytes of memory, far more than a forest of its size "
                        "needs: it holds other things, or was made to exhaust memory; save the forest alone",
                        arena->limit);
        return NULL;
    }
    struct arena_block *block = alertron__new(&arena->allocator, size, 1);
    if (!block) {
        alertron__error_memory(arena->error);
        return NULL;
    }
    arena->held += size;
    *block = (struct arena_block){.size = size, .used = header};
    return block;
}

void *alertron__arena_take(struct arena *arena, size_t count, size_t size)
{
    /* A product that overflows is more than any limit. */
    size_t bytes = count > (SIZE_MAX / 2) / size ? SIZE_MAX / 2 : aligned(count * size);
    struct arena_block *block = arena->blocks;
    if (!block || bytes > block->size - block->used) {
        struct arena_block *fresh = new_block(arena, bytes);
        if (!fresh)
            return NULL;
        /* What needs a block of its own goes behind the one that still has room. */
        bool keep_first = block && bytes > BLOCK_BYTES / 2;
        fresh->next = keep_first ? block->next : block;
        *(keep_first ? &block->next : &arena->blocks) = fresh;
        block = fresh;
    }
    void *memory = (unsigned char *)block + block->used;
    block->used += bytes;
    return memory;
}

void alertron__arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        alertron__release(&arena->allocator, block, block->size, 1);
    }
    arena->held = 0;
}
