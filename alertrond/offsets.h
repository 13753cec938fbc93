/* offsets.h: how far the group may go on in each partition: never past a reading whose output, an anomaly or a dead
 * letter, has not been acknowledged. Knows no broker; one thread.
 */
#ifndef ALERTROND_OFFSETS_H
#define ALERTROND_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offsets;
struct output; /* an anomaly or dead letter that waits for its acknowledgement */

/* At most outputs_max outputs may wait at a time. NULL where memory has run out. */
struct offsets *offsets_new(size_t outputs_max);
void offsets_free(struct offsets *offsets);

/* A partition that was assigned begins with nothing seen; what is still under way from an earlier assignment of it
 * no longer counts. False where memory has run out. */
bool offsets_assign(struct offsets *offsets, int32_t partition);
void offsets_revoke(struct offsets *offsets, int32_t partition);

/* How many more outputs may begin. */
size_t offsets_room(const struct offsets *offsets);
/* How many are waiting. */
size_t offsets_waiting(const struct offsets *offsets);

/* The reading at `offset` has been dealt with. An output of it must have begun before. A partition that goes back, as
 * one does whose topic was deleted and made again, begins anew there, as if it had been assigned once more. False where
 * it comes again, as it does after offsets_restart. */
bool offsets_pass(struct offsets *offsets, int32_t partition, int64_t offset);

/* The reading at `offset`, the next of its partition, has an output; give the token to
 * offsets_acknowledge when it is written, in any order. There must be room. NULL where the partition is not
 * assigned. */
struct output *offsets_begin(struct offsets *offsets, int32_t partition, int64_t offset);
void offsets_acknowledge(struct offsets *offsets, struct output *output);

/* The message that it is an output of. */
void offsets_place(const struct output *output, int32_t *partition, int64_t *offset);

/* Takes back the output that began last: nothing was sent. */
void offsets_withdraw(struct offsets *offsets, struct output *output);

/* Calls store(context, partition, offset) for each assigned partition whose lowest safe offset, that from which to
 * go on, has risen since the last call. */
void offsets_each_risen(struct offsets *offsets, void (*store)(void *context, int32_t partition, int64_t offset),
                        void *context);

/* The same for the offsets behind all that was passed, acknowledged or not, where outputs become final together with
 * them. Use one of the two. */
void offsets_each_passed(struct offsets *offsets, void (*store)(void *context, int32_t partition, int64_t offset),
                         void *context);

/* How many partitions the next offsets_each_passed will tell. */
size_t offsets_passed(const struct offsets *offsets);

/* All partitions that are assigned begin anew, and no output waits: what was begun before is never acknowledged. */
void offsets_restart(struct offsets *offsets);

/* Calls see(context, partition, offset) for each assigned partition with its lowest safe offset, -1 if none yet. */
void offsets_each(const struct offsets *offsets, void (*see)(void *context, int32_t partition, int64_t offset),
                  void *context);

#endif
