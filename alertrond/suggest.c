/* suggest.c: "did you mean": the known name that is nearest to one that was mistyped. */
#include "suggest.h"

#include <stdint.h>
#include <string.h>

#define EDITS_MAX 2u

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '_' || c == '.' ? '-' : c;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The optimal string alignment distance: three rows of the table are enough, as a swap looks two rows back. */
size_t suggest_distance(const char *a, const char *b)
{
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > SUGGEST_NAME_BYTES_MAX || n_b > SUGGEST_NAME_BYTES_MAX)
        return SIZE_MAX;
    size_t rows[3][SUGGEST_NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            row[j] = least_of(least_of(row[j - 1], above[j]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
                row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

struct suggestion suggest_for(const char *word)
{
    return (struct suggestion){.word = word, .distance = SIZE_MAX};
}

static bool begins_with(const char *name, const char *word)
{
    size_t n = strlen(word);
    if (n < 3)
        return false;
    for (size_t i = 0; i < n; i++)
        if (folded(name[i]) != folded(word[i])) /* the end of `name` differs from any letter */
            return false;
    return true;
}

void suggest_consider(struct suggestion *suggestion, const char *name)
{
    size_t distance = suggest_distance(suggestion->word, name);
    size_t most = strlen(name) <= 3 ? 1 : EDITS_MAX;
    if (distance > most) {
        if (!begins_with(name, suggestion->word))
            return;
        distance = EDITS_MAX; /* any real misspelling is nearer */
    }
    if (distance < suggestion->distance) {
        suggestion->distance = distance;
        suggestion->best = name;
    }
}
