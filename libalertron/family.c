/* family.c: what makes a family of metrics: its names, checked, and its parts. */
#include "registry.h"

#include <string.h>

/* What a family's samples append to its name, a counter's "_total" taken off; "" for the family itself.
 * OpenMetrics keeps _created for itself. */
static const char *const suffixes[][6] = {
    [METRIC_COUNTER] = {"", "_total", "_created"},
    [METRIC_GAUGE] = {""},
    [METRIC_HISTOGRAM] = {"", "_bucket", "_count", "_sum", "_created"},
};

static bool ends_in_total(const char *name)
{
    size_t n = strlen(name);
    return n >= 6 && strcmp(name + n - 6, "_total") == 0;
}

static size_t base_bytes(enum metric_kind kind, const char *name)
{
    return strlen(name) - (kind == METRIC_COUNTER ? strlen("_total") : 0);
}

/* --- checks --- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* `colon`: metrics may have colons, labels may not. */
static alertron_status check_grammar(const char *what, const char *name, bool colon, alertron_error *error)
{
    if (!name || !*name)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET, "a %s's name is missing", what);
    for (size_t i = 0; name[i]; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (is_letter(name[i]) || (colon && name[i] == ':') || (digit && i > 0))
            continue;
        return alertron__error(
            error, ALERTRON_ERROR_ARGUMENT, i,
            "a %s's name has byte 0x%02x at offset %zu after \"%.*s\": use letters, digits%s and '_', "
            "no digit in front",
            what, (unsigned)(unsigned char)name[i], i, (int)(i < 100 ? i : 100), name, colon ? ", ':'" : "");
    }
    return ALERTRON_OK;
}

static alertron_status check_help(const struct metric_spec *spec, alertron_error *error)
{
    if (!spec->help || !*spec->help)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "metric %s has no help: say in a sentence what it counts or measures", spec->name);
    size_t bytes;
    for (const char *at = spec->help; *at; at += bytes) {
        bytes = alertron__text_character(at);
        if (bytes == 0)
            return alertron__error(error, ALERTRON_ERROR_ARGUMENT, (uint64_t)(at - spec->help),
                                   "the help of metric %s is not UTF-8 at offset %zu", spec->name,
                                   (size_t)(at - spec->help));
    }
    return ALERTRON_OK;
}

static alertron_status check_label(const struct metric_spec *spec, size_t index, alertron_error *error)
{
    const char *label = spec->labels[index];
    alertron_status status = check_grammar("label", label, false, error);
    if (status)
        return status;
    if (label[0] == '_' && label[1] == '_')
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "label %s of metric %s: names that begin with __ are Prometheus' own", label,
                               spec->name);
    if (spec->kind == METRIC_HISTOGRAM && strcmp(label, "le") == 0)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "label le of histogram %s: le is the label of its buckets, choose another name",
                               spec->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(spec->labels[i], label) == 0)
            return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "label %s is there twice in metric %s", label, spec->name);
    return ALERTRON_OK;
}

static alertron_status check_bounds(const struct metric_spec *spec, alertron_error *error)
{
    if (spec->n_bounds > ALERTRON_BUCKETS_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "histogram %s has %zu buckets, more than %u", spec->name, spec->n_bounds,
                               ALERTRON_BUCKETS_MAX);
    for (size_t i = 0; i < spec->n_bounds; i++) {
        if (spec->bounds[i] - spec->bounds[i] != 0)
            return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "bound %zu of histogram %s is not finite: +Inf is added by itself", i, spec->name);
        if (i > 0 && !(spec->bounds[i - 1] < spec->bounds[i]))
            return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "bound %zu of histogram %s is not above the one before it", i, spec->name);
    }
    return ALERTRON_OK;
}

alertron_status alertron__family_check(const struct metric_spec *spec, alertron_error *error)
{
    alertron_status status = check_grammar("metric", spec->name, true, error);
    if (status)
        return status;
    if (spec->kind == METRIC_COUNTER && (!ends_in_total(spec->name) || base_bytes(spec->kind, spec->name) == 0))
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "counter %s: a counter's name ends in _total, after what it counts", spec->name);
    if (spec->n_labels > ALERTRON_LABELS_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "metric %s has %zu labels, more than %u", spec->name, spec->n_labels,
                               ALERTRON_LABELS_MAX);
    status = check_help(spec, error);
    for (size_t i = 0; i < spec->n_labels && !status; i++)
        status = check_label(spec, i, error);
    return status ? status : check_bounds(spec, error);
}

/* --- against a family that is there --- */

bool alertron__family_matches(const struct metric_family *family, const struct metric_spec *spec)
{
    if (family->kind != spec->kind || family->n_labels != spec->n_labels || family->n_bounds != spec->n_bounds)
        return false;
    const char *label = family->labels;
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (strcmp(label, spec->labels[i]) != 0)
            return false;
        label += strlen(label) + 1;
    }
    for (size_t i = 0; i < spec->n_bounds; i++)
        if (family->bounds[i] != spec->bounds[i])
            return false;
    return true;
}

/* Whether a + a_suffix and b + b_suffix are the same text. */
static bool same_name(const char *a, size_t n_a, const char *a_suffix, const char *b, size_t n_b, const char *b_suffix)
{
    size_t n = n_a + strlen(a_suffix);
    if (n != n_b + strlen(b_suffix))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((i < n_a ? a[i] : a_suffix[i - n_a]) != (i < n_b ? b[i] : b_suffix[i - n_b]))
            return false;
    return true;
}

bool alertron__family_clashes(const struct metric_family *family, const struct metric_spec *spec)
{
    const char *const *theirs = suffixes[family->kind];
    const char *const *ours = suffixes[spec->kind];
    size_t n_theirs = base_bytes(family->kind, family->name);
    size_t n_ours = base_bytes(spec->kind, spec->name);
    for (size_t i = 0; theirs[i]; i++)
        for (size_t j = 0; ours[j]; j++)
            if (same_name(family->name, n_theirs, theirs[i], spec->name, n_ours, ours[j]))
                return true;
    return false;
}

/* --- making and freeing --- */

static bool make_texts(struct metric_family *family, const struct metric_spec *spec)
{
    struct metric_text text = {0};
    alertron__exposition_family(family, spec, &text);
    family->texts_bytes = text.bytes;
    family->texts = alertron__new(&family->registry->allocator, text.bytes, 1);
    if (!family->texts)
        return false;
    text = (struct metric_text){.buffer = family->texts, .capacity = text.bytes};
    alertron__exposition_family(family, spec, &text);
    return true;
}

static bool make_children(struct metric_family *family)
{
    if (family->n_labels == 0) {
        family->permanent = alertron__child_new(family, "", 0);
        return family->permanent;
    }
    static const char other[] = "_other";
    char key[ALERTRON_LABELS_MAX * sizeof other];
    for (size_t i = 0; i < family->n_labels; i++)
        memcpy(key + i * sizeof other, other, sizeof other);
    family->permanent = alertron__child_new(family, key, family->n_labels * sizeof other);
    if (!family->permanent || !alertron__child_index(family->permanent))
        return false;
    if (!family->registry->overflows) /* this is the family of the overflows themselves: it has none */
        return true;
    /* Comes last: what fails before it leaves nothing to free outside the family. */
    family->overflows = alertron__child_new(family->registry->overflows, family->name, family->name_bytes + 1);
    return family->overflows;
}

struct metric_family *alertron__family_new(alertron_registry *registry, const struct metric_spec *spec)
{
    struct metric_family *family =
        alertron__new(&registry->allocator, sizeof *family + spec->n_bounds * sizeof(double), 1);
    if (!family)
        return NULL;
    family->registry = registry;
    family->kind = spec->kind;
    family->end = &family->first;
    family->n_labels = spec->n_labels;
    family->n_bounds = spec->n_bounds;
    if (spec->n_bounds)
        memcpy(family->bounds, spec->bounds, spec->n_bounds * sizeof(double));
    if (!make_texts(family, spec) || !make_children(family)) {
        alertron__family_free(family);
        return NULL;
    }
    return family;
}

void alertron__family_free(struct metric_family *family)
{
    if (!family)
        return;
    const alertron_allocator *allocator = &family->registry->allocator;
    alertron__children_free(family);
    alertron__release(allocator, family->texts, family->texts_bytes, 1);
    alertron__release(allocator, family, sizeof *family + family->n_bounds * sizeof(double), 1);
}
