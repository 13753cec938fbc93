/* kafka_token.c: what a token says of itself. */
#include "kafka_token.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

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
    char claims[CLAIMS_BYTES_MAX];
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    cJSON *json = second && decode(first + 1, (size_t)(second - first - 1), claims) ? cJSON_Parse(claims) : NULL;
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(json, "exp");
    const char *subject = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "sub"));
    const bool good = cJSON_IsNumber(expires) && expires->valuedouble > 0 && expires->valuedouble < SECONDS_MOST;
    if (good) {
        token->expires_ms = (int64_t)(expires->valuedouble * 1e3);
        snprintf(token->subject, sizeof token->subject, "%s", subject ? subject : "");
    } else {
        why_say(why, why_size, json ? "the token does not say when it expires (exp)" : "this is no JSON Web Token");
    }
    memset(claims, 0, sizeof claims);
    cJSON_Delete(json);
    return good;
}
