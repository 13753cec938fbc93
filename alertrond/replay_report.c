/* replay_report.c: what `alertrond replay` tells of its work. */
#include <stdio.h>
#include <string.h>

#include "replay.h"
#include "utf8.h"

#define EXAMPLES 3u /* of each reason */
#define KEY_SHOWN_BYTES_MAX 40u

uint64_t replay_put(const struct replay_tally *tally)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LETTERS_REASONS; i++)
        n += tally->put[i];
    return n;
}

static uint64_t count_left(const struct replay_tally *tally)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LETTERS_REASONS; i++)
        n += tally->left[i];
    return n;
}

void replay_report_example(const struct replay_tally *tally, const struct letter *letter, const char *target,
                           const struct kafka_message *message)
{
    char key[KEY_SHOWN_BYTES_MAX + 1] = "-", text[sizeof letter->text];
    const size_t reason = letters_reason(letter->reason);
    if (tally->put[reason] >= EXAMPLES)
        return;
    if (message->key_size > 0)
        utf8_shown(key, message->key,
                   message->key_size < KEY_SHOWN_BYTES_MAX ? message->key_size : KEY_SHOWN_BYTES_MAX);
    utf8_shown(text, letter->text, strlen(letter->text));
    printf("%-13s partition %d offset %lld key %s to %s: %s\n", letters_reason_name(reason), (int)message->partition,
           (long long)message->offset, key, target, text);
}

/* "12 wrong_width, 3 not_json" */
static void print_counts(const uint64_t counts[LETTERS_REASONS])
{
    const char *comma = "";
    for (size_t i = 0; i < LETTERS_REASONS; i++)
        if (counts[i] > 0) {
            printf("%s%llu %s", comma, (unsigned long long)counts[i], letters_reason_name(i));
            comma = ", ";
        }
}

void replay_report(const struct replay_flags *flags, const struct replay_tally *tally, double seconds)
{
    const uint64_t put = replay_put(tally), left = count_left(tally);
    const char *passed = flags->dry_run ? "would be passed" : "passed";
    if (left > 0) {
        printf("%llu %s, as not chosen: ", (unsigned long long)left, passed);
        print_counts(tally->left);
        printf("\n");
    }
    if (tally->homeless > 0)
        printf("%llu %s, as nothing says where they came from: too large for the reason beside them, or somebody "
               "else's; --reason none --topic TOPIC puts them back\n",
               (unsigned long long)tally->homeless, passed);
    if (tally->cut > 0)
        printf("%llu %s, as they are without their message, which was too large for a dead letter; their headers say "
               "where it lies\n",
               (unsigned long long)tally->cut, passed);
    if (left + tally->homeless > 0 && !flags->dry_run)
        printf("to come back to what was passed: another --group, which begins at the first letter, and a choice "
               "without what was put back\n");
    printf("%llu dead letter%s of %s %s", (unsigned long long)put, put == 1 ? "" : "s", flags->letters,
           flags->dry_run ? "would be put back" : "put back");
    if (put > 0) {
        printf(": ");
        print_counts(tally->put);
    }
    if (!flags->dry_run)
        printf(" (%.1f s)", seconds);
    printf("\n");
}
