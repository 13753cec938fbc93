/* letters.c: dead letters: what their headers say, and which of them are chosen. */
#include "letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "value.h"
#include "why.h"

#define TOPIC_HEADER "__connect.errors.topic"
#define TEXT_HEADER "__connect.errors.exception.message"
#define CODE_HEADER "alertrond.error.code"
#define NONE (LETTERS_REASONS - 2)
#define OTHER (LETTERS_REASONS - 1)

/* ---- one letter ---- */

static bool is_ours(const char *name)
{
    return strncmp(name, "__connect.errors.", 17) == 0 || strncmp(name, "alertrond.", 10) == 0;
}

/* Where the last block of reason headers begins, with nothing else behind it; the number of headers where there is
 * none. A message that was put back by hand with its letter's headers has an older block before it, which is its own.
 */
static size_t find_block(const struct kafka_headers *headers)
{
    const char *name;
    const void *value;
    size_t size, n = 0, block = 0;
    bool found = false;
    for (; kafka_headers_at(headers, n, &name, &value, &size); n++) {
        if (strcmp(name, TOPIC_HEADER) == 0) {
            block = n;
            found = true;
        }
        found = found && is_ours(name);
    }
    return found ? block : n;
}

/* Header values are any bytes; a text that does not fit is no name of ours. */
static bool copy_text(char *out, size_t out_size, const void *value, size_t size)
{
    if (!value || size >= out_size || memchr(value, 0, size))
        return false;
    memcpy(out, value, size);
    out[size] = 0;
    return true;
}

static int64_t read_timestamp(const void *value, size_t size)
{
    char digits[24];
    const bool good = copy_text(digits, sizeof digits, value, size) && !digits[strspn(digits, "0123456789")];
    return good ? strtoll(digits, NULL, 10) : 0;
}

void letter_read(struct letter *letter, const struct kafka_headers *headers)
{
    const char *name;
    const void *value;
    size_t size;
    bool topic = false, reason = false;
    *letter = (struct letter){.n_own = find_block(headers)};
    for (size_t i = letter->n_own; kafka_headers_at(headers, i, &name, &value, &size); i++) {
        if (strcmp(name, TOPIC_HEADER) == 0)
            topic = copy_text(letter->topic, sizeof letter->topic, value, size);
        else if (strcmp(name, CODE_HEADER) == 0)
            reason = copy_text(letter->reason, sizeof letter->reason, value, size);
        else if (strcmp(name, TEXT_HEADER) == 0)
            copy_text(letter->text, sizeof letter->text, value, size);
        else if (strcmp(name, KAFKA_TIMESTAMP_HEADER) == 0)
            letter->timestamp = read_timestamp(value, size);
        else if (strcmp(name, LETTERS_CUT_HEADER) == 0)
            letter->cut = true;
    }
    letter->known = topic && reason && *letter->topic;
    if (letter->known)
        return;
    /* Somebody else's: all its headers are its own. */
    size_t n = letter->n_own;
    while (kafka_headers_at(headers, n, &name, &value, &size))
        n++;
    *letter = (struct letter){.n_own = n, .reason = "none"};
}

/* ---- reasons ---- */

const char *letters_reason_name(size_t reason)
{
    if (reason >= OTHER)
        return "other";
    if (reason == NONE)
        return "none";
    const size_t first = READING_EMPTY, n = READING_NOT_FINITE - READING_EMPTY + 1;
    return reason < n ? reading_fault_name((enum reading_fault)(first + reason)) : "tombstone";
}

size_t letters_reason(const char *code)
{
    size_t reason = 0;
    while (reason < OTHER && strcmp(letters_reason_name(reason), code) != 0)
        reason++;
    return reason;
}

bool letters_choose_reasons(struct letters_choice *choice, const char *text, char *why, size_t why_size)
{
    choice->some_reasons = true;
    for (;;) {
        char name[32], shown[VALUE_SHOWN_BYTES_MAX];
        const size_t n = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, text);
        const size_t reason = letters_reason(name);
        if (reason == OTHER) {
            int at = snprintf(why, why_size, "%s is no reason; give some of", value_shown(name, shown));
            for (size_t i = 0; i < OTHER && at >= 0 && (size_t)at < why_size; i++)
                at += snprintf(why + at, why_size - (size_t)at, "%s %s", i ? "," : "", letters_reason_name(i));
            return false;
        }
        choice->reasons[reason] = true;
        if (!text[n])
            return true;
        text += n + 1;
    }
}

/* ---- bounds ---- */

/* Of the Gregorian calendar; the year begins in March, so that the leap day is its last. */
static int64_t days_since_1970(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* `pattern` has a digit's place for each '0'; other characters are themselves. */
static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
            return false;
    return !*text;
}

static bool read_time(const char *text, int64_t *milliseconds)
{
    static const char *const patterns[] = {"0000-00-00", "0000-00-00T00:00", "0000-00-00T00:00Z", "0000-00-00T00:00:00",
                                           "0000-00-00T00:00:00Z"};
    bool good = false;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        good = good || looks_like(text, patterns[i]);
    if (!good)
        return false;
    const size_t n = strlen(text);
    const int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8);
    const int hour = n > 10 ? atoi(text + 11) : 0, minute = n > 10 ? atoi(text + 14) : 0,
              second = n > 17 ? atoi(text + 17) : 0;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    *milliseconds = (days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000;
    return true;
}

static int64_t seconds_of_unit(char unit)
{
    return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
}

bool letters_read_bound(struct letters_bound *bound, const char *text, int64_t now, char *why, size_t why_size)
{
    char shown[VALUE_SHOWN_BYTES_MAX], digits[16];
    const size_t n = strspn(text, "0123456789");
    snprintf(digits, sizeof digits, "%.*s", n < sizeof digits ? (int)n : 0, text);
    const int64_t number = strtoll(digits, NULL, 10);
    if (*digits && !text[n]) {
        *bound = (struct letters_bound){LETTERS_OFFSET, number};
        return true;
    }
    const int64_t unit = *digits && !text[n + 1] ? seconds_of_unit(text[n]) : 0;
    if (unit && number <= now / unit) {
        *bound = (struct letters_bound){LETTERS_TIME, (now - number * unit) * 1000};
        return true;
    }
    bound->kind = LETTERS_TIME;
    return read_time(text, &bound->value) ||
           why_say(why, why_size,
                   "%s is no time; give an offset (1200), a time in UTC (2026-11-23 or 2026-11-23T05:30:00Z), or how "
                   "long ago (90s, 15m, 2h, 7d)",
                   value_shown(text, shown));
}

/* ---- the choice ---- */

/* Whether the message is at or behind the bound. */
static bool is_behind(const struct letters_bound *bound, int64_t offset, int64_t timestamp)
{
    return (bound->kind == LETTERS_OFFSET ? offset : timestamp) >= bound->value;
}

bool letters_chosen(const struct letters_choice *choice, size_t reason, int64_t offset, int64_t timestamp)
{
    const bool timed = choice->since.kind == LETTERS_TIME || choice->until.kind == LETTERS_TIME;
    if ((choice->some_reasons && !choice->reasons[reason]) || (timed && timestamp <= 0))
        return false;
    return (choice->since.kind == LETTERS_ANY || is_behind(&choice->since, offset, timestamp)) &&
           (choice->until.kind == LETTERS_ANY || !is_behind(&choice->until, offset, timestamp));
}
