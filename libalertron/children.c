/* children.c: the children of a family: found by their label values, listed for scrapers.
 *
 * The owner finds a child in a hash table with open addressing. Scrapers know nothing of the table: they
 * follow the list, whose links are published when what they lead to is complete.
 */
#include "registry.h"

#include <string.h>

#define KEY_BYTES_MAX (ALERTRON_LABELS_MAX * (ALERTRON_LABEL_BYTES_MAX + 1))
#define SLOTS_MIN 8 /* a power of two */

struct metric_slot {
    uint64_t hash;
    struct metric_child *child; /* NULL: free */
};

static size_t n_cells(const struct metric_family *family)
{
    return family->kind == METRIC_HISTOGRAM ? family->n_bounds + 2 : 1;
}

static size_t bytes_of_child(const struct metric_family *family, size_t text_bytes, size_t key_bytes)
{
    return sizeof(struct metric_child) + n_cells(family) * sizeof(struct metric_cell) + text_bytes + key_bytes;
}

struct metric_child *alertron__child_new(struct metric_family *family, const char *key, size_t key_bytes)
{
    struct metric_text text = {0};
    alertron__exposition_child(family, key, &text);
    size_t bytes = bytes_of_child(family, text.bytes, key_bytes);
    struct metric_child *child = alertron__new(&family->registry->allocator, bytes, 1);
    if (!child)
        return NULL;
    char *own_key = (char *)&child->cells[n_cells(family)];
    memcpy(own_key, key, key_bytes);
    text = (struct metric_text){.buffer = own_key + key_bytes, .capacity = text.bytes};
    alertron__exposition_child(family, key, &text);
    child->family = family;
    child->shared = family->registry->shared;
    child->text = text.buffer;
    child->text_bytes = text.bytes;
    child->key = own_key;
    child->key_bytes = key_bytes;
    return child;
}

void alertron__child_free(struct metric_child *child)
{
    if (!child)
        return;
    size_t bytes = bytes_of_child(child->family, child->text_bytes, child->key_bytes);
    alertron__release(&child->family->registry->allocator, child, bytes, 1);
}

void alertron__child_link(struct metric_child *child)
{
    struct metric_family *family = child->family;
    child->link = family->end;
    atomic_store_explicit(child->link, child, memory_order_release);
    family->end = &child->next;
}

/* The child's own link stays as it is, for scrapers that are just there. */
static void child_unlink(struct metric_child *child)
{
    struct metric_child *next = atomic_load_explicit(&child->next, memory_order_relaxed);
    atomic_store_explicit(child->link, next, memory_order_release);
    if (next)
        next->link = child->link;
    else
        child->family->end = child->link;
}

/* --- keys --- */

static bool is_ascii(const char *text, size_t n)
{
    uint64_t seen = 0, word;
    for (; n >= sizeof word; n -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        seen |= word;
    }
    for (; n; n--)
        seen |= (unsigned char)*text++;
    return (seen & 0x8080808080808080u) == 0;
}

/* Each byte that belongs to no character becomes U+FFFD; the text ends before the character that would
 * exceed the limit. */
static size_t copy_repaired(const char *value, char *out)
{
    size_t n = 0;
    while (*value) {
        size_t bytes = alertron__text_character(value);
        const char *from = bytes ? value : "\xEF\xBF\xBD";
        size_t n_from = bytes ? bytes : 3;
        if (n + n_from > ALERTRON_LABEL_BYTES_MAX)
            break;
        memcpy(out + n, from, n_from);
        n += n_from;
        value += bytes ? bytes : 1;
    }
    return n;
}

static size_t write_key(const struct metric_family *family, const char *const *values, char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < family->n_labels; i++) {
        size_t bytes = strlen(values[i]);
        if (bytes <= ALERTRON_LABEL_BYTES_MAX && is_ascii(values[i], bytes))
            memcpy(key + n, values[i], bytes);
        else
            bytes = copy_repaired(values[i], key + n);
        n += bytes;
        key[n++] = 0;
    }
    return n;
}

/* The finalizer of MurmurHash3: each bit changes half of the others, so that without the seed nobody knows what the
 * next word has to be for two keys to meet. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash ^= word;
    hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDu;
    hash = (hash ^ hash >> 33) * 0xC4CEB9FE1A85EC53u;
    return hash ^ hash >> 33;
}

static uint64_t hash_of(const struct metric_family *family, const char *key, size_t n)
{
    uint64_t hash = mix(family->registry->seed, n), word;
    for (; n > sizeof word; n -= sizeof word, key += sizeof word) {
        memcpy(&word, key, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, key, n);
    return mix(hash, word);
}

/* --- the table --- */

/* The key's slot, or the free one where the search for it ended. */
static struct metric_slot *find_slot(const struct metric_family *family, uint64_t hash, const char *key,
                                     size_t key_bytes)
{
    size_t mask = family->n_slots - 1;
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        struct metric_slot *slot = &family->slots[at];
        if (!slot->child)
            return slot;
        if (slot->hash == hash && slot->child->key_bytes == key_bytes && memcmp(slot->child->key, key, key_bytes) == 0)
            return slot;
    }
}

/* At most half of the slots are taken, so that searches end soon. The permanent child has one of them. */
static bool reserve_slot(struct metric_family *family)
{
    if ((family->n_children + 2) * 2 <= family->n_slots)
        return true;
    if (family->n_slots > SIZE_MAX / 2)
        return false;
    const alertron_allocator *allocator = &family->registry->allocator;
    size_t n_before = family->n_slots;
    struct metric_slot *before = family->slots;
    size_t n_slots = n_before ? n_before * 2 : SLOTS_MIN;
    struct metric_slot *slots = alertron__new(allocator, n_slots, sizeof *slots);
    if (!slots)
        return false;
    family->slots = slots;
    family->n_slots = n_slots;
    for (size_t i = 0; i < n_before; i++) {
        const struct metric_child *child = before[i].child;
        if (child)
            *find_slot(family, before[i].hash, child->key, child->key_bytes) = before[i];
    }
    alertron__release(allocator, before, n_before, sizeof *before);
    return true;
}

bool alertron__child_index(struct metric_child *child)
{
    if (!reserve_slot(child->family))
        return false;
    uint64_t hash = hash_of(child->family, child->key, child->key_bytes);
    *find_slot(child->family, hash, child->key, child->key_bytes) = (struct metric_slot){hash, child};
    return true;
}

/* Moves up what a search would no longer find across the gap. */
static void free_slot(struct metric_family *family, struct metric_slot *slot)
{
    size_t mask = family->n_slots - 1;
    size_t gap = (size_t)(slot - family->slots);
    for (size_t at = (gap + 1) & mask; family->slots[at].child; at = (at + 1) & mask) {
        size_t home = (size_t)family->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            family->slots[gap] = family->slots[at];
            gap = at;
        }
    }
    family->slots[gap].child = NULL;
}

void alertron__children_free(struct metric_family *family)
{
    if (family->permanent && !family->permanent->link)
        alertron__child_free(family->permanent);
    struct metric_child *child = atomic_load_explicit(&family->first, memory_order_relaxed);
    while (child) {
        struct metric_child *next = atomic_load_explicit(&child->next, memory_order_relaxed);
        alertron__child_free(child);
        child = next;
    }
    alertron__release(&family->registry->allocator, family->slots, family->n_slots, sizeof *family->slots);
}

/* --- by label values --- */

static struct metric_child *overflow_child(struct metric_family *family)
{
    if (!family->permanent->link)
        alertron__child_link(family->permanent);
    return family->permanent;
}

static struct metric_child *add_child(struct metric_family *family, const char *key, size_t key_bytes)
{
    alertron__registry_reclaim(family->registry);
    if (family->n_children >= family->registry->series_max)
        return NULL;
    struct metric_child *child = alertron__child_new(family, key, key_bytes);
    if (!child)
        return NULL;
    if (!alertron__child_index(child)) {
        alertron__child_free(child);
        return NULL;
    }
    family->n_children++;
    alertron__child_link(child);
    return child;
}

struct metric_child *alertron__child_with(struct metric_family *family, const char *const *values)
{
    if (family->n_labels == 0)
        return family->permanent;
    char key[KEY_BYTES_MAX];
    size_t key_bytes = write_key(family, values, key);
    struct metric_child *child = find_slot(family, hash_of(family, key, key_bytes), key, key_bytes)->child;
    if (!child)
        child = add_child(family, key, key_bytes);
    if (!child) {
        alertron_counter_add((alertron_counter_child *)family->overflows, 1);
        return overflow_child(family);
    }
    return child == family->permanent ? overflow_child(family) : child;
}

void alertron__child_remove(struct metric_family *family, struct metric_child *child)
{
    if (child == family->permanent)
        return;
    free_slot(family, find_slot(family, hash_of(family, child->key, child->key_bytes), child->key, child->key_bytes));
    family->n_children--;
    child_unlink(child);
    alertron__registry_retire(family->registry, child);
}
