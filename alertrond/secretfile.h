/* secretfile.h: one file of tokens, or of password hashes: its lines, and whether it has changed. */
#ifndef ALERTROND_SECRETFILE_H
#define ALERTROND_SECRETFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "credentials.h"

#define SECRET_BYTES_MAX 256u
#define SECRETS_MAX 1000u /* of a file */

enum secret_kind { SECRET_TOKENS, SECRET_USERS };

struct secret {
    char name[CREDENTIALS_NAME_BYTES_MAX + 1];
    char value[SECRET_BYTES_MAX + 1]; /* the token, or the hash */
    size_t n_value;
    unsigned paths;
};

struct secret_file {
    const char *path; /* the caller's */
    enum secret_kind kind;
    struct secret *secrets;
    size_t n;
    struct stat seen; /* of the file when it was last looked at */
    bool warned;      /* that others may read it */
};

enum secret_file_change { SECRET_FILE_SAME, SECRET_FILE_NEW, SECRET_FILE_BAD };

/* Reads the file where it has changed since the last look, or was never read. BAD: why is said, what was read before
 * stays, and the same content is not tried again. */
enum secret_file_change secret_file_look(struct secret_file *file, char *why, size_t why_size);

/* Writes zeros over secrets that are no longer needed. */
void secret_wipe(void *bytes, size_t n);

/* Overwrites and frees what was read. */
void secret_file_clear(struct secret_file *file);

/* Parses a file's text, which is cut up; text[n] is 0. `path` is for texts. At most SECRETS_MAX into out; *n_out tells
 * how many. False, and why, with the line's number and nothing of what it holds. */
bool secret_parse(enum secret_kind kind, const char *path, char *text, size_t n, struct secret *out, size_t *n_out,
                  char *why, size_t why_size);

#endif
