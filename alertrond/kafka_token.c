/* kafka_token.c: what a token says of itself. */
#include "kafka_token.h"

#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "why.h"

#define CLAIMS_BYTES_MAX 8192u
#define SECONDS_MOST 1e11 /* the year 5138 */

/* The value of a digit of base64url (RFC 4648, section 5), or 64. */
static unsigned digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (unsigned)(found - digits) : 64;
}

/* Bytes of n digits, with a 0 behind them; false where one is none, or there are too many. */
static bool decode(const char *text, size_t n, char out[CLAIMS_BYTES_MAX])
{
    unsigned bits = 0, held = 0;
    size_t n_out = 0;
    if (n / 4 * 3 + 4 > CLAIMS_BYTES_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const unsigned value = digit(text[i]);
        if (value == 64)
            return false;
        bits = (bits << 6 | value) & 0xFFFFu;
        held += 6;
        if (held >= 8)
            out[n_out++] = (char)(bits >> (held -= 8) & 0xFFu);
    }
    out[n_out] = 0;
    return true;
}

bool kafka_token_read(const char *text, struct kafka_token *token, char *why, size_t why_size)
{
    char claims[CLAIMS_BYTES_MAX], expires[64], *end = expires;
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || !decode(first + 1, (size_t)(second - first - 1), claims))
        return why_say(why, why_size, "this is no JSON Web Token");
    const size_t n = strlen(claims);
    double seconds = 0;
    if (reading_member(claims, n, "exp", expires, sizeof expires))
        seconds = strtod(expires, &end);
    const bool good = seconds > 0 && seconds < SECONDS_MOST && !*end;
    if (good && !reading_member(claims, n, "sub", token->subject, sizeof token->subject))
        token->subject[0] = 0;
    memset(claims, 0, sizeof claims);
    if (!good)
        return why_say(why, why_size, "the token does not say when it expires (exp)");
    token->expires_ms = (int64_t)(seconds * 1e3);
    return true;
}
