/* suggest.h: "did you mean": the known name that is nearest to one that was mistyped. */
#ifndef ALERTROND_SUGGEST_H
#define ALERTROND_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SUGGEST_NAME_BYTES_MAX 63u /* longer names are never suggested nor looked up */

/* Consider every known name, then look at `best`, which stays NULL where none is near:
 *
 *     struct suggestion near = suggest_for("topc");
 *     suggest_consider(&near, "topic");
 */
struct suggestion {
    const char *word, *best;
    size_t distance;
};
struct suggestion suggest_for(const char *word);

/* A name is near within two edits (one where it has three letters or fewer), or where `word` is a beginning of it
 * of three letters or more. Upper and lower case are the same, and so are `-`, `_` and `.`. `name` must outlive
 * the suggestion. */
void suggest_consider(struct suggestion *suggestion, const char *name);

/* Edits from a to b: a letter added, left out, replaced, or swapped with the next one. */
size_t suggest_distance(const char *a, const char *b);

#endif
