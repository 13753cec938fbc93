/* pickle_value.c: what a pickle describes, as inert values. */
#include "sklearn.h"

#include <string.h>

enum { KEYS_MAX = 128 }; /* of a dict that is looked into */

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
