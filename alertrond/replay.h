/* replay.h: `alertrond replay`: what its flags say, and what it tells of its work. */
#ifndef ALERTROND_REPLAY_H
#define ALERTROND_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"
#include "kafka_flags.h"
#include "letters.h"
#include "options.h"

/* --- replay_flags.c --- */

struct replay_flags {
    struct kafka_flags cluster;
    const char *letters; /* the topic of dead letters */
    const char *topic;   /* where they go; NULL: where each came from */
    const char *group;
    struct letters_choice choice;
    int64_t partition; /* -1: all */
    int64_t limit;     /* 0: none */
    bool dry_run;
};

/* To be freed with kafka_flags_free(&flags->cluster), whatever the outcome. */
enum options_outcome replay_flags_read(struct replay_flags *flags, int argc, char **argv);

/* --- replay_report.c --- */

/* Letters so far. */
struct replay_tally {
    uint64_t put[LETTERS_REASONS];  /* back; or that would be, of a dry run */
    uint64_t left[LETTERS_REASONS]; /* as they were not chosen */
    uint64_t homeless;              /* chosen, and left as nothing says where they came from */
    uint64_t cut;                   /* chosen, and left as the message is not in them */
};

uint64_t replay_put(const struct replay_tally *tally);

/* A few of each reason: where it lies, where it would go, what was wrong. To be called before it is counted. */
void replay_report_example(const struct replay_tally *tally, const struct letter *letter, const char *target,
                           const struct kafka_message *message);

/* What became of all. */
void replay_report(const struct replay_flags *flags, const struct replay_tally *tally, double seconds);

#endif
