/* registry.h: what the rooms of metrics show each other. A section a file. */
#ifndef ALERTRON_REGISTRY_H
#define ALERTRON_REGISTRY_H

#include "cell.h"
#include "private.h"

#include <stdatomic.h>

/* --- registry.c: metrics ----------------------------------------------------------------------------- */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_FORMATS = 2 }; /* alertron_exposition has so many */

/* What a caller asks for. */
struct metric_spec {
    enum metric_kind kind;
    const char *name, *help;
    const char *const *labels;
    size_t n_labels;
    const double *bounds;
    size_t n_bounds;
};

/* The owner alone writes and reads everything but the atomics. What a scraper reads besides them was written
 * before the child or family was linked and stays as it is. */
struct metric_child {
    struct metric_family *family;
    _Atomic(struct metric_child *) next;  /* in the exposition */
    _Atomic(struct metric_child *) *link; /* what points to this child; NULL where it is not in the exposition */
    struct metric_child *next_retired;
    const char *text; /* `{device_id="x"} `, or " " where the family has no labels */
    size_t text_bytes;
    bool shared;     /* the registry's: several threads update */
    const char *key; /* label values, a NUL after each; what a lookup reads lies together */
    size_t key_bytes;
    struct metric_cell cells[]; /* bits of a counter's or gauge's value; or of a histogram's sum, then its buckets */
};

struct metric_family {
    alertron_registry *registry;
    enum metric_kind kind;
    _Atomic(struct metric_family *) next;
    _Atomic(struct metric_child *) first;
    _Atomic(struct metric_child *) *end; /* where the next child is linked */
    struct metric_child *permanent;      /* without labels: the one child; with labels: the overflow child */
    struct metric_child *overflows;      /* the family's child of alertron_registry_overflow_total */
    struct metric_slot *slots;           /* hash table of the children */
    size_t n_slots, n_children;
    size_t n_labels, n_bounds;
    char *texts; /* the texts below, one after the other */
    size_t texts_bytes;
    const char *name;
    size_t name_bytes;
    const char *labels;                  /* names, a NUL after each */
    const char *headers[METRIC_FORMATS]; /* HELP and TYPE lines, with a NUL */
    const char *edges[METRIC_FORMATS];   /* of each bucket `,le="0.1"} `, with a NUL */
    double bounds[];
};

struct alertron_registry {
    alertron_allocator allocator;
    size_t series_max, n_families;
    uint64_t seed;
    bool shared;
    _Atomic(struct metric_family *) first;
    _Atomic(struct metric_family *) *end; /* where the next family is linked */
    struct metric_family *overflows;      /* alertron_registry_overflow_total: shown last, in no list */
    _Atomic size_t entered;               /* bit 0: the epoch; above it: scrapers that came in during it */
    _Atomic size_t left[2];               /* twice the scrapers of an even and an odd epoch that have gone */
    size_t awaited;                       /* twice the scrapers that came in during the epoch before this one */
    struct metric_child *retired;         /* unlinked in this epoch */
    struct metric_child *retired_before;  /* unlinked in earlier ones: freed when the awaited have gone */
};

/* A scraper's way in, which gives its epoch, and its way out. */
unsigned alertron__registry_enter(const alertron_registry *registry);
void alertron__registry_leave(const alertron_registry *registry, unsigned epoch);
/* Takes a child that was unlinked, to free it when no scraper can be reading it. */
void alertron__registry_retire(alertron_registry *registry, struct metric_child *child);
/* Frees what can be freed. */
void alertron__registry_reclaim(alertron_registry *registry);

/* --- family.c: what makes a family of metrics ------------------------------------------------------- */

/* Refuses names, help or bounds that Prometheus would not take. */
alertron_status alertron__family_check(const struct metric_spec *spec, alertron_error *error);
/* Whether it is what spec asks for, apart from its name and help. */
bool alertron__family_matches(const struct metric_family *family, const struct metric_spec *spec);
/* Whether an exposition could hold two samples of one name. */
bool alertron__family_clashes(const struct metric_family *family, const struct metric_spec *spec);

/* A family that is in no list yet, nor are its permanent child and that of the registry's overflows. NULL
 * where memory has run out. */
struct metric_family *alertron__family_new(alertron_registry *registry, const struct metric_spec *spec);
void alertron__family_free(struct metric_family *family);

/* --- children.c: the children of a family ------------------------------------------------------------ */

/* The child with these label values, or the overflow child. */
struct metric_child *alertron__child_with(struct metric_family *family, const char *const *values);
/* Does nothing to a permanent child. */
void alertron__child_remove(struct metric_family *family, struct metric_child *child);

/* A child at 0 that is in no list yet. `key`: label values, a NUL after each. NULL where memory has run out. */
struct metric_child *alertron__child_new(struct metric_family *family, const char *key, size_t key_bytes);
void alertron__child_free(struct metric_child *child);
/* Frees the table, the permanent child and those in the exposition. */
void alertron__children_free(struct metric_family *family);
/* Puts it at the end of the exposition. */
void alertron__child_link(struct metric_child *child);
/* Makes room in the hash table for one child more, and puts it there. */
bool alertron__child_index(struct metric_child *child);

/* --- exposition.c: metrics as text ------------------------------------------------------------------- */

/* A text that goes on counting where the buffer ends. */
struct metric_text {
    char *buffer;
    size_t capacity, bytes;
};

/* Writes the texts that a family keeps ready for scrapers, and sets its pointers to them. */
void alertron__exposition_family(struct metric_family *family, const struct metric_spec *spec,
                                 struct metric_text *text);
/* Writes those of a child with this key. */
void alertron__exposition_child(const struct metric_family *family, const char *key, struct metric_text *text);
const char *alertron__exposition_kind(enum metric_kind kind);

#endif
