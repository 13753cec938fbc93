/* watch.h: a watchdog for each partition: whether messages wait in it, or may wait, and none is dealt with. One thread;
 * times are seconds of a clock that does not go back. */
#ifndef ALERTROND_WATCH_H
#define ALERTROND_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;

/* A partition is stalled after so many seconds without progress in which nobody knew that nothing waits. NULL where
 * memory has run out. */
struct watch *watch_new(double stall_seconds);
void watch_free(struct watch *watch);

struct watch_report {
    bool moved;   /* since it was seen last */
    bool stalled; /* now */
    bool changed; /* stalled or not, otherwise than when it was seen last */
};

/* What has become of a partition whose next offset to be dealt with is `offset` (-1: none yet) and in which `lag`
 * messages wait (-1: not known). */
struct watch_report watch_see(struct watch *watch, int32_t partition, int64_t offset, int64_t lag, double now);

/* The partition is not ours any more. */
void watch_forget(struct watch *watch, int32_t partition);

/* How many are stalled. */
size_t watch_stalled(const struct watch *watch);

#endif
