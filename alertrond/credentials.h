/* credentials.h: who may use what over HTTP: bearer tokens and passwords, from two files.
 *
 *     tokens_file  NAME:TOKEN[:PATHS]   or a token alone
 *     users_file   NAME:HASH[:PATHS]    HASH as crypt(3) knows it: $6$... of openssl passwd -6, $2y$... of htpasswd -B
 *
 * PATHS are metrics, ingest and admin, with commas between them; without, metrics and ingest. Empty lines and those
 * that begin with # count for nothing. The files are read again when they change, looked at at most once a second.
 */
#ifndef ALERTROND_CREDENTIALS_H
#define ALERTROND_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

enum { CREDENTIALS_METRICS = 1, CREDENTIALS_INGEST = 2, CREDENTIALS_ADMIN = 4 };

enum credentials_outcome {
    CREDENTIALS_GOOD,
    CREDENTIALS_NONE,    /* nothing that could be checked was sent */
    CREDENTIALS_WRONG,   /* no such token, user or password */
    CREDENTIALS_TOO_MANY /* passwords in a short time; this one was not looked at */
};

#define CREDENTIALS_NAME_BYTES_MAX 64u

/* Whose they are, and what these may use. */
struct grant {
    char name[CREDENTIALS_NAME_BYTES_MAX + 1];
    unsigned paths;
};

struct credentials;

/* "" for a file that there is not. NULL, and why, where one can't be read or has a mistake; no text ever shows a token
 * or a hash. */
struct credentials *credentials_open(const char *tokens_file, const char *users_file, char *why, size_t why_size);
void credentials_free(struct credentials *credentials);

/* Whether there are files of either kind. */
bool credentials_has_tokens(const struct credentials *credentials);
bool credentials_has_users(const struct credentials *credentials);

/* Checks the value of an Authorization header ("": none was sent). *grant is filled where it is good. A password that
 * was good is remembered until its file changes, as checking one takes long by design; of others only some are checked
 * a second. A file that has changed is read before; where that fails the old content holds, with a warning. Any thread.
 */
enum credentials_outcome credentials_check(struct credentials *credentials, const char *authorization,
                                           struct grant *grant);

#endif
