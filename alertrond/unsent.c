/* unsent.c: records that were refused and wait to be sent again. */
#include "unsent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define DUE_MAX ((size_t)4096)
#define GO_SECONDS 0.1      /* between two goes */
#define REFUSED_SECONDS 1.0 /* from a refusal to the next go */
#define CALM_SECONDS 7.0    /* a record may be held so long for a topic that is missing before it comes back */
#define LOG_SECONDS 30.0    /* between two lines about what lasts */

void unsent_refused(struct unsent *unsent, const char *why, double now)
{
    snprintf(unsent->why, sizeof unsent->why, "%s", why);
    if (unsent->logged <= 0 || now - unsent->logged > LOG_SECONDS) {
        log_warning("%s; trying again until it works", why);
        unsent->logged = now;
    }
    unsent->refused = now;
    unsent->due = now + REFUSED_SECONDS;
    unsent->due_n = 1;
}

const char *unsent_why(const struct unsent *unsent)
{
    return unsent->why;
}

void unsent_written(struct unsent *unsent)
{
    if (!unsent->why[0])
        return;
    log_info("what was refused has been written");
    unsent->why[0] = 0;
    unsent->logged = 0;
}

/* That one record was written says little: another may still come back. */
static void calm_down(struct unsent *unsent, double now)
{
    if (now - unsent->refused >= CALM_SECONDS)
        unsent_written(unsent);
}

size_t unsent_due(struct unsent *unsent, double now)
{
    if (!unsent->first) {
        calm_down(unsent, now);
        return 0;
    }
    if (now < unsent->due)
        return 0;
    unsent->due = now + GO_SECONDS;
    size_t n = 0;
    for (const struct unsent_record *record = unsent->first; record && n < unsent->due_n; record = record->next)
        n++;
    if (unsent->due_n < DUE_MAX)
        unsent->due_n *= 2;
    return n;
}

static void *copy_bytes(const void *bytes, size_t n)
{
    void *copy = bytes ? malloc(n ? n : 1) : NULL;
    if (copy && n)
        memcpy(copy, bytes, n);
    return copy;
}

static size_t bytes_of(const struct unsent_record *record)
{
    return record->key_size + record->value_size + record->headers_size;
}

bool unsent_keep(struct unsent *unsent, const struct unsent_record *record)
{
    struct unsent_record *copy = malloc(sizeof *copy);
    if (!copy)
        return false;
    *copy = *record;
    copy->next = NULL;
    copy->topic = strdup(record->topic);
    copy->key = copy_bytes(record->key, record->key_size);
    copy->value = copy_bytes(record->value, record->value_size);
    if (!copy->topic || (record->key && !copy->key) || (record->value && !copy->value)) {
        unsent_free(copy);
        return false;
    }
    *(unsent->last ? &unsent->last->next : &unsent->first) = copy;
    unsent->last = copy;
    unsent->bytes += bytes_of(copy);
    return true;
}

struct unsent_record *unsent_take(struct unsent *unsent)
{
    struct unsent_record *record = unsent->first;
    if (!record)
        return NULL;
    unsent->first = record->next;
    if (!unsent->first)
        unsent->last = NULL;
    unsent->bytes -= bytes_of(record);
    return record;
}

void unsent_put_back(struct unsent *unsent, struct unsent_record *record)
{
    record->next = unsent->first;
    unsent->first = record;
    if (!unsent->last)
        unsent->last = record;
    unsent->bytes += bytes_of(record);
}

void unsent_free(struct unsent_record *record)
{
    free(record->topic);
    free(record->key);
    free(record->value);
    free(record);
}
