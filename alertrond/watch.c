/* watch.c: a watchdog for each partition. */
#include "watch.h"

#include <stdlib.h>

struct seen {
    bool known, stalled;
    int64_t offset;
    double since; /* it moved last, or nothing was known to wait */
};

struct watch {
    struct seen *partitions;
    size_t n_partitions, n_stalled;
    double stall_seconds;
};

struct watch *watch_new(double stall_seconds)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch)
        watch->stall_seconds = stall_seconds;
    return watch;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    free(watch->partitions);
    free(watch);
}

static struct seen *seen_of(struct watch *watch, int32_t partition)
{
    const size_t i = (size_t)partition;
    if (i < watch->n_partitions)
        return &watch->partitions[i];
    struct seen *partitions = realloc(watch->partitions, (i + 1) * sizeof *partitions);
    if (!partitions)
        return NULL;
    for (size_t at = watch->n_partitions; at <= i; at++)
        partitions[at] = (struct seen){0};
    watch->partitions = partitions;
    watch->n_partitions = i + 1;
    return &partitions[i];
}

struct watch_report watch_see(struct watch *watch, int32_t partition, int64_t offset, int64_t lag, double now)
{
    struct seen *seen = seen_of(watch, partition);
    if (!seen)
        return (struct watch_report){0};
    const bool moved = seen->known && seen->offset != offset, stalled_before = seen->stalled;
    if (!seen->known || moved || lag == 0)
        seen->since = now;
    seen->known = true;
    seen->offset = offset;
    seen->stalled = now - seen->since >= watch->stall_seconds;
    watch->n_stalled += seen->stalled;
    watch->n_stalled -= stalled_before;
    return (struct watch_report){.moved = moved, .stalled = seen->stalled, .changed = seen->stalled != stalled_before};
}

void watch_forget(struct watch *watch, int32_t partition)
{
    struct seen *seen = (size_t)partition < watch->n_partitions ? &watch->partitions[partition] : NULL;
    if (!seen)
        return;
    watch->n_stalled -= seen->stalled;
    *seen = (struct seen){0};
}

size_t watch_stalled(const struct watch *watch)
{
    return watch->n_stalled;
}
