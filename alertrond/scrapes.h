/* scrapes.h: the expositions that /metrics is sending.
 *
 * One is as large as its devices make it, and stays until its client has taken it all, which a client may take seconds
 * for. Each request gets the numbers of its moment; only while SCRAPES_MAX are still being sent do requests share one
 * that is not older than a second. So no number of slow clients makes memory grow by more than one a second and format.
 */
#ifndef ALERTROND_SCRAPES_H
#define ALERTROND_SCRAPES_H

#include <alertron.h>

#define SCRAPES_MAX 4u

struct scrapes;

struct scrape {
    char *text; /* and a 0 behind it */
    size_t n;
};

/* NULL where memory has run out. The registry stays the caller's. */
struct scrapes *scrapes_new(const alertron_registry *registry);
/* When all are released. */
void scrapes_free(struct scrapes *scrapes);

/* NULL where memory has run out. Any thread, as release. */
const struct scrape *scrapes_hold(struct scrapes *scrapes, alertron_exposition format);
void scrapes_release(struct scrapes *scrapes, const struct scrape *scrape);

#endif
