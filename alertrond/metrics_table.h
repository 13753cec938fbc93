/* metrics_table.h: the one table of the service's metric families, from which come the registry and the documentation
 * page. */
#ifndef ALERTROND_METRICS_TABLE_H
#define ALERTROND_METRICS_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum family_kind { COUNTER, GAUGE, HISTOGRAM };

enum { LABELS_MAX = 5, BOUNDS_MAX = 24 };

/* A family; what struct metrics keeps of it is the family itself, or its only child where it has no labels. */
struct metric_family_row {
    const char *section; /* of the page; NULL: that of the family before */
    const char *name;
    enum family_kind kind;
    const char *labels[LABELS_MAX];
    const double *bounds; /* up to a 0 */
    const char *unit, *help;
    size_t field;
};

extern const struct metric_family_row metric_families[];
extern const size_t metric_n_families;

/* Of alertrond_candidate_score_shift, for those that count before they observe. */
enum { SHIFT_BOUNDS = 8 };
extern const double metric_shift_bounds[];

/* How many labels a family has, and a histogram bounds. */
size_t metric_labels(const struct metric_family_row *family);
size_t metric_bounds(const struct metric_family_row *family);

/* The documentation page, in Markdown. */
void metrics_write_page(FILE *out);

#endif
