/* pickle_value.c: what a pickle describes, as inert values, and the memory they live in. */
#include "private.h"

#include <stdalign.h>
#include <string.h>

enum {
    BLOCK_BYTES = 16384,
    KEYS_MAX = 128 /* of a dict that is looked into */
};

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

struct value *alertron__value_new(struct arena *arena, enum value_kind kind, size_t offset)
{
    struct value *value = alertron__arena_take(arena, 1, sizeof *value);
    if (value) {
        value->kind = kind;
        value->offset = offset;
    }
    return value;
}

bool alertron__values_reserve(struct arena *arena, struct values *values, size_t extra)
{
    if (extra <= values->capacity - values->n)
        return true;
    size_t capacity = values->n + extra;
    if (values->n && capacity < 2 * values->capacity)
        capacity = 2 * values->capacity;
    struct value **items = alertron__arena_take(arena, capacity, sizeof *items);
    if (!items)
        return false;
    if (values->n)
        memcpy(items, values->items, values->n * sizeof *items);
    values->items = items;
    values->capacity = capacity;
    return true;
}

bool alertron__values_push(struct arena *arena, struct values *values, struct value *value)
{
    if (!alertron__values_reserve(arena, values, 1))
        return false;
    values->items[values->n++] = value;
    return true;
}

bool alertron__value_is_text(const struct value *value, const char *text)
{
    size_t n = strlen(text);
    return value && value->kind == VALUE_TEXT && value->as.text.n == n && memcmp(value->as.text.bytes, text, n) == 0;
}

const struct value *alertron__value_get(const struct value *dict, const char *key)
{
    if (!dict || dict->kind != VALUE_DICT || dict->as.items.n > 2 * KEYS_MAX)
        return NULL;
    const struct values *items = &dict->as.items;
    for (size_t i = items->n; i >= 2; i -= 2)
        if (alertron__value_is_text(items->items[i - 2], key))
            return items->items[i - 1];
    return NULL;
}

int alertron__value_class(const struct value *value)
{
    if (!value || value->kind != VALUE_OBJECT)
        return -1;
    return (int)value->as.object.callable->as.class_id;
}

/* Bytes that a text's bytes above 0x7f save when each two of them become one; -1 where that can't be. */
static ptrdiff_t latin1_saving(const unsigned char *text, size_t n)
{
    ptrdiff_t saving = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x80)
            continue;
        if ((text[i] & 0xfe) != 0xc2 || i + 1 == n || (text[i + 1] & 0xc0) != 0x80)
            return -1;
        saving++;
        i++;
    }
    return saving;
}

static struct value *new_latin1(struct arena *arena, const struct value *text, size_t offset)
{
    const unsigned char *from = text->as.text.bytes;
    const size_t n = text->as.text.n;
    ptrdiff_t saving = latin1_saving(from, n);
    if (saving < 0) {
        alertron__error(arena->error, ALERTRON_ERROR_FORMAT, text->offset,
                        "the text at byte %zu is no array's data: the file is damaged; save the model again",
                        text->offset);
        return NULL;
    }
    struct value *value = alertron__value_new(arena, VALUE_BYTES, offset);
    if (!value)
        return NULL;
    value->as.text.bytes = from;
    value->as.text.n = n - (size_t)saving;
    if (saving == 0)
        return value;
    unsigned char *to = alertron__arena_take(arena, value->as.text.n, 1);
    if (!to)
        return NULL;
    value->as.text.bytes = to;
    for (size_t i = 0; i < n; i++) {
        bool two = from[i] >= 0x80;
        *to++ = two ? (unsigned char)((from[i] & 3) << 6 | (from[i + 1] & 0x3f)) : from[i];
        i += two;
    }
    return value;
}

struct value *alertron__value_latin1(struct arena *arena, struct value *text, size_t offset)
{
    if (!text->as.text.latin1)
        text->as.text.latin1 = new_latin1(arena, text, offset);
    return text->as.text.latin1;
}

const char *alertron__value_describe(const struct value *value)
{
    static const char *const names[] = {"None",    "a bool",    "an integer", "a huge integer", "a float",
                                        "text",    "bytes",     "a tuple",    "a list",         "a dict",
                                        "a class", "an object", "an array"};
    if (!value)
        return "nothing";
    if (value->kind != VALUE_OBJECT)
        return names[value->kind];
    enum class_id id = value->as.object.callable->as.class_id;
    switch (id) {
    case CLASS_RECONSTRUCT:
    case CLASS_FROMBUFFER:
        return "an array";
    case CLASS_SCALAR:
        return "a NumPy number";
    case CLASS_INERT_OBJECT:
    case CLASS_INERT_FUNCTION:
        return "other data";
    default:
        return alertron__class_name(id);
    }
}
