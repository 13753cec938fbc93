/* kafka_token.h: what a token of SASL OAUTHBEARER, a JSON Web Token (RFC 7519), says of itself. Its signature is the
 * broker's to check. */
#ifndef ALERTROND_KAFKA_TOKEN_H
#define ALERTROND_KAFKA_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_token {
    char subject[256];  /* "" where it names none */
    int64_t expires_ms; /* since 1970 */
};

/* False, and why without a part of the token, where it is none or does not say when it expires. */
bool kafka_token_read(const char *text, struct kafka_token *token, char *why, size_t why_size);

#endif
