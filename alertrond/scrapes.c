/* scrapes.c: the expositions that /metrics is sending. */
#include "scrapes.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "clock.h"

#define SHARED_SECONDS 1.0

struct held {
    struct scrape scrape; /* first: what callers have is this */
    alertron_exposition format;
    double made;
    size_t holders;
};

struct scrapes {
    const alertron_registry *registry;
    pthread_mutex_t mutex;                         /* also while one is made: whoever waits for it may share it */
    struct held *latest[ALERTRON_OPENMETRICS + 1]; /* by format; NULL: none, or it has been released */
    size_t n;
};

struct scrapes *scrapes_new(const alertron_registry *registry)
{
    struct scrapes *scrapes = calloc(1, sizeof *scrapes);
    if (!scrapes)
        return NULL;
    scrapes->registry = registry;
    pthread_mutex_init(&scrapes->mutex, NULL);
    return scrapes;
}

void scrapes_free(struct scrapes *scrapes)
{
    if (!scrapes)
        return;
    pthread_mutex_destroy(&scrapes->mutex);
    free(scrapes);
}

/* Children may appear between two calls, hence the room to spare and the loop. */
static struct held *make(const alertron_registry *registry, alertron_exposition format)
{
    size_t capacity = 65536, n;
    struct held *held;
    while ((held = malloc(sizeof *held + capacity + 1)) &&
           (n = alertron_registry_text(registry, format, (char *)(held + 1), capacity)) > capacity) {
        free(held);
        capacity = n + n / 8;
    }
    if (!held)
        return NULL;
    *held = (struct held){.scrape = {(char *)(held + 1), n}, .format = format, .made = clock_seconds()};
    held->scrape.text[n] = 0;
    return held;
}

/* Under the mutex. */
static struct held *find(struct scrapes *scrapes, alertron_exposition format)
{
    struct held *latest = scrapes->latest[format];
    if (scrapes->n >= SCRAPES_MAX && latest && clock_seconds() - latest->made < SHARED_SECONDS)
        return latest;
    struct held *made = make(scrapes->registry, format);
    if (made) {
        scrapes->latest[format] = made;
        scrapes->n++;
    }
    return made;
}

const struct scrape *scrapes_hold(struct scrapes *scrapes, alertron_exposition format)
{
    pthread_mutex_lock(&scrapes->mutex);
    struct held *held = find(scrapes, format);
    if (held)
        held->holders++;
    pthread_mutex_unlock(&scrapes->mutex);
    return held ? &held->scrape : NULL;
}

void scrapes_release(struct scrapes *scrapes, const struct scrape *scrape)
{
    struct held *held = (struct held *)(uintptr_t)scrape;
    pthread_mutex_lock(&scrapes->mutex);
    const bool last = --held->holders == 0;
    if (last) {
        scrapes->n--;
        if (scrapes->latest[held->format] == held)
            scrapes->latest[held->format] = NULL;
    }
    pthread_mutex_unlock(&scrapes->mutex);
    if (last)
        free(held);
}
