/* exposition.c: metrics as text, in Prometheus' format 0.0.4 and in OpenMetrics 1.0.
 *
 * What never changes of a family and of a child is text already when a scraper comes: it only copies, and
 * writes numbers in between.
 */
#include "registry.h"

#include <string.h>

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

const char *alertron__exposition_kind(enum metric_kind kind)
{
    return kind_names[kind];
}

const char *alertron_exposition_content_type(alertron_exposition format)
{
    if (format == ALERTRON_OPENMETRICS)
        return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    return "text/plain; version=0.0.4; charset=utf-8";
}

/* --- text --- */

static inline void add(struct metric_text *text, const char *piece, size_t n)
{
    if (n && n <= text->capacity && text->bytes <= text->capacity - n)
        memcpy(text->buffer + text->bytes, piece, n);
    text->bytes += n;
}

static void add_text(struct metric_text *text, const char *piece)
{
    add(text, piece, strlen(piece));
}

/* Where the next piece will stand; NULL while there is no buffer. */
static const char *position(const struct metric_text *text)
{
    return text->buffer ? text->buffer + text->bytes : NULL;
}

static void add_line_end(struct metric_text *text)
{
    add(text, "\n", 1);
}

static void add_integer(struct metric_text *text, uint64_t value)
{
    char digits[ALERTRON_NUMBER_BYTES];
    add(text, digits, alertron__integer_text(value, digits));
    add_line_end(text);
}

static void add_number(struct metric_text *text, uint64_t bits)
{
    char digits[ALERTRON_NUMBER_BYTES];
    add(text, digits, alertron__number_text(alertron__double_of_bits(bits), digits));
    add_line_end(text);
}

static void add_escaped(struct metric_text *text, const char *value, bool quotes)
{
    for (; *value; value++) {
        if (*value == '\n')
            add(text, "\\n", 2);
        else if (*value == '\\')
            add(text, "\\\\", 2);
        else if (*value == '"' && quotes)
            add(text, "\\\"", 2);
        else
            add(text, value, 1);
    }
}

/* --- what is kept ready --- */

static void add_header(const struct metric_spec *spec, alertron_exposition format, struct metric_text *text)
{
    size_t n = strlen(spec->name);
    if (format == ALERTRON_OPENMETRICS && spec->kind == METRIC_COUNTER)
        n -= strlen("_total");
    add_text(text, "# HELP ");
    add(text, spec->name, n);
    add_text(text, " ");
    add_escaped(text, spec->help, format == ALERTRON_OPENMETRICS);
    add_text(text, "\n# TYPE ");
    add(text, spec->name, n);
    add_text(text, " ");
    add_text(text, kind_names[spec->kind]);
    add(text, "\n", 2);
}

static bool looks_like_integer(const char *digits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (digits[i] == '.' || digits[i] == 'e')
            return false;
    return true;
}

/* What follows a child's labels in its buckets' lines. OpenMetrics wants to see that a bound is no integer. */
static void add_edges(const struct metric_spec *spec, alertron_exposition format, struct metric_text *text)
{
    for (size_t i = 0; i <= spec->n_bounds; i++) {
        char digits[ALERTRON_NUMBER_BYTES];
        size_t n = i < spec->n_bounds ? alertron__number_bound(spec->bounds[i], digits) : 0;
        add_text(text, spec->n_labels ? ",le=\"" : "{le=\"");
        add(text, digits, n);
        if (n == 0)
            add_text(text, "+Inf");
        else if (format == ALERTRON_OPENMETRICS && looks_like_integer(digits, n))
            add_text(text, ".0");
        add(text, "\"} ", 4);
    }
}

void alertron__exposition_family(struct metric_family *family, const struct metric_spec *spec, struct metric_text *text)
{
    family->name = position(text);
    family->name_bytes = strlen(spec->name);
    add(text, spec->name, family->name_bytes + 1);
    family->labels = position(text);
    for (size_t i = 0; i < spec->n_labels; i++)
        add(text, spec->labels[i], strlen(spec->labels[i]) + 1);
    for (int format = 0; format < METRIC_FORMATS; format++) {
        family->headers[format] = position(text);
        add_header(spec, (alertron_exposition)format, text);
        family->edges[format] = position(text);
        if (spec->kind == METRIC_HISTOGRAM)
            add_edges(spec, (alertron_exposition)format, text);
    }
}

void alertron__exposition_child(const struct metric_family *family, const char *key, struct metric_text *text)
{
    const char *label = family->labels;
    for (size_t i = 0; i < family->n_labels; i++) {
        add_text(text, i ? "," : "{");
        add_text(text, label);
        add_text(text, "=\"");
        add_escaped(text, key, true);
        add_text(text, "\"");
        label += strlen(label) + 1;
        key += strlen(key) + 1;
    }
    add_text(text, family->n_labels ? "} " : " ");
}

/* --- rendering --- */

static uint64_t cell(const struct metric_child *child, size_t index)
{
    return alertron__cell_load(&child->cells[index]);
}

/* The count is the sum of the buckets as they were read, so that the two agree whatever the owner does. */
static void render_histogram(const struct metric_child *child, alertron_exposition format, struct metric_text *text)
{
    const struct metric_family *family = child->family;
    size_t labels_bytes = family->n_labels ? child->text_bytes - 2 : 0; /* without "} " */
    const char *edge = family->edges[format];
    uint64_t count = 0;
    for (size_t i = 0; i <= family->n_bounds; i++) {
        size_t edge_bytes = strlen(edge);
        count += cell(child, 1 + i);
        add(text, family->name, family->name_bytes);
        add(text, "_bucket", 7);
        add(text, child->text, labels_bytes);
        add(text, edge, edge_bytes);
        add_integer(text, count);
        edge += edge_bytes + 1;
    }
    /* With negative observations the sum can fall, which OpenMetrics forbids, as it does a count alone. */
    if (format == ALERTRON_OPENMETRICS && family->n_bounds && family->bounds[0] < 0)
        return;
    add(text, family->name, family->name_bytes);
    add(text, "_sum", 4);
    add(text, child->text, child->text_bytes);
    add_number(text, cell(child, 0));
    add(text, family->name, family->name_bytes);
    add(text, "_count", 6);
    add(text, child->text, child->text_bytes);
    add_integer(text, count);
}

static void render_value(const struct metric_child *child, struct metric_text *text)
{
    add(text, child->family->name, child->family->name_bytes);
    add(text, child->text, child->text_bytes);
    add_number(text, cell(child, 0));
}

/* A family without children is left out, its header too. */
static void render_family(const struct metric_family *family, alertron_exposition format, struct metric_text *text)
{
    const struct metric_child *child = atomic_load_explicit(&family->first, memory_order_acquire);
    if (child)
        add_text(text, family->headers[format]);
    while (child) {
        if (family->kind == METRIC_HISTOGRAM)
            render_histogram(child, format, text);
        else
            render_value(child, text);
        child = atomic_load_explicit(&child->next, memory_order_acquire);
    }
}

size_t alertron_registry_text(const alertron_registry *registry, alertron_exposition format, char *buffer,
                              size_t capacity)
{
    if (format != ALERTRON_OPENMETRICS)
        format = ALERTRON_TEXT;
    struct metric_text text = {.buffer = buffer, .capacity = capacity};
    unsigned epoch = alertron__registry_enter(registry);
    const struct metric_family *family = atomic_load_explicit(&registry->first, memory_order_acquire);
    while (family) {
        render_family(family, format, &text);
        family = atomic_load_explicit(&family->next, memory_order_acquire);
    }
    render_family(registry->overflows, format, &text);
    alertron__registry_leave(registry, epoch);
    if (format == ALERTRON_OPENMETRICS)
        add_text(&text, "# EOF\n");
    return text.bytes;
}
