/* letters.h: dead letters: what their headers say, and which of them are chosen. */
#ifndef ALERTROND_LETTERS_H
#define ALERTROND_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"

/* --- one letter --- */

/* Says that value and headers of the message were left out, and how many bytes the value had. */
#define LETTERS_CUT_HEADER "alertrond.value.bytes"

struct letter {
    bool known;        /* alertrond's own headers are there, and `topic` with them */
    bool cut;          /* it is not the message: LETTERS_CUT_HEADER */
    char topic[256];   /* where it came from */
    char reason[32];   /* a code such as "wrong_width"; "none" where it is not known */
    char text[256];    /* what was wrong, in one line */
    size_t n_own;      /* headers of the message itself, which come first */
    int64_t timestamp; /* of the message itself, milliseconds since 1970; 0: that of its letter */
};

void letter_read(struct letter *letter, const struct kafka_headers *headers);

/* --- which ones --- */

#define LETTERS_REASONS 10u /* those of alertrond, "none", and any other */

/* The number of a reason; LETTERS_REASONS - 1 for one that this version does not know. */
size_t letters_reason(const char *code);
/* "wrong_width"; "other" for the last. */
const char *letters_reason_name(size_t reason);

struct letters_bound {
    enum { LETTERS_ANY, LETTERS_OFFSET, LETTERS_TIME } kind;
    int64_t value; /* an offset, or milliseconds since 1970 */
};

struct letters_choice {
    bool reasons[LETTERS_REASONS];     /* where some_reasons */
    bool some_reasons;                 /* else all */
    struct letters_bound since, until; /* from `since` on, before `until` */
};

/* "wrong_width,not_json". False, and why, where one is not known. */
bool letters_choose_reasons(struct letters_choice *choice, const char *text, char *why, size_t why_size);

/* An offset ("1200"), a time in UTC ("2026-11-23", "2026-11-23T05:30", "2026-11-23T05:30:10Z") or how long ago ("90s",
 * "15m", "2h", "7d" before `now`, in seconds since 1970). */
bool letters_read_bound(struct letters_bound *bound, const char *text, int64_t now, char *why, size_t why_size);

/* `timestamp` is the message's own, 0 for none, which is in no range of times. */
bool letters_chosen(const struct letters_choice *choice, size_t reason, int64_t offset, int64_t timestamp);

#endif
