/* secretfile.c: one file of tokens, or of password hashes: its lines, and whether it has changed. */
#include "secretfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "log.h"
#include "why.h"

#define TOKEN_BYTES_MIN 16u
#define HASH_BYTES_MIN 31u /* behind the last $: those of the shortest kind, bcrypt, are salt and hash in one */
#define FILE_BYTES_MAX ((size_t)1 << 20)

static const char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Whether a text has only letters, digits and characters of `more`. */
static bool is_made_of(const char *text, const char *more)
{
    for (; *text; text++)
        if (!strchr(letters_and_digits, *text) && !strchr(more, *text))
            return false;
    return true;
}

/* ---- lines ---- */

static bool take_paths(struct secret *secret, char *paths, char *why, size_t why_size)
{
    static const struct {
        const char *name;
        unsigned path;
    } names[] = {{"metrics", CREDENTIALS_METRICS}, {"ingest", CREDENTIALS_INGEST}, {"admin", CREDENTIALS_ADMIN}};
    secret->paths = 0;
    for (char *at = paths, *next; at; at = next) {
        if ((next = strchr(at, ',')))
            *next++ = 0;
        unsigned path = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(at, names[i].name) == 0)
                path = names[i].path;
        if (path == 0)
            return why_say(why, why_size,
                           "the last part lists paths: metrics, ingest, admin, with commas between them");
        secret->paths |= path;
    }
    return true;
}

static bool take_name(struct secret *secret, const char *name, char *why, size_t why_size)
{
    const size_t n = strlen(name);
    if (n == 0 || n > CREDENTIALS_NAME_BYTES_MAX || !is_made_of(name, "._-@"))
        return why_say(why, why_size, "a name has up to %u letters, digits, dots, underscores, dashes and @",
                       CREDENTIALS_NAME_BYTES_MAX);
    memcpy(secret->name, name, n + 1);
    return true;
}

static bool is_token(const char *token, char *why, size_t why_size)
{
    const size_t n = strlen(token);
    if (n < TOKEN_BYTES_MIN || n > SECRET_BYTES_MAX)
        return why_say(why, why_size, "a token has %u to %u characters; `openssl rand -hex 32` makes one",
                       TOKEN_BYTES_MIN, SECRET_BYTES_MAX);
    if (!is_made_of(token, "-._~+/="))
        return why_say(why, why_size, "a token has letters, digits and -._~+/= only; `openssl rand -hex 32` makes one");
    return true;
}

/* Kinds that crypt(3) has and that still hold; $1$ and {SHA} are not among them. */
static bool is_hash(const char *hash, char *why, size_t why_size)
{
    static const char *const kinds[] = {"$y$", "$gy$", "$7$", "$2b$", "$2y$", "$2a$", "$6$", "$5$"};
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        known |= strncmp(hash, kinds[i], strlen(kinds[i])) == 0;
    if (!known)
        return why_say(why, why_size,
                       "this kind of hash is not taken; `openssl passwd -6` or `htpasswd -B` makes one that is");
    if (strlen(hash) > SECRET_BYTES_MAX || strlen(strrchr(hash, '$') + 1) < HASH_BYTES_MIN || strpbrk(hash, " \t"))
        return why_say(why, why_size, "the hash is not whole; write it again");
    return true;
}

/* NAME:VALUE[:PATHS], or a token alone. */
static bool take_line(enum secret_kind kind, char *line, unsigned number, struct secret *secret, char *why,
                      size_t why_size)
{
    *secret = (struct secret){.paths = CREDENTIALS_METRICS | CREDENTIALS_INGEST};
    char *value = strchr(line, ':'), *paths = value ? strchr(value + 1, ':') : NULL;
    if (paths)
        *paths++ = 0;
    if (value)
        *value++ = 0;
    else if (kind == SECRET_USERS)
        return why_say(why, why_size, "a line is NAME:HASH or NAME:HASH:PATHS");
    if (value ? !take_name(secret, line, why, why_size) : false)
        return false;
    if (!value) {
        snprintf(secret->name, sizeof secret->name, "line %u", number);
        value = line;
    }
    if (!(kind == SECRET_TOKENS ? is_token : is_hash)(value, why, why_size) ||
        (paths && !take_paths(secret, paths, why, why_size)))
        return false;
    secret->n_value = strlen(value);
    memcpy(secret->value, value, secret->n_value + 1);
    return true;
}

static bool is_new_name(const struct secret *secrets, size_t n, const char *name, char *why, size_t why_size)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(secrets[i].name, name) == 0)
            return why_say(why, why_size, "this name was given before; keep one");
    return true;
}

bool secret_parse(enum secret_kind kind, const char *path, char *text, size_t n, struct secret *out, size_t *n_out,
                  char *why, size_t why_size)
{
    char reason[200] = "";
    unsigned number = 0;
    *n_out = 0;
    if (strlen(text) < n)
        return why_say(why, why_size, "%s: it has a byte 0, so it is no text", path);
    for (char *line = text, *next; line; line = next) {
        number++;
        if ((next = strchr(line, '\n')))
            *next++ = 0;
        size_t length = strlen(line);
        while (length > 0 && strchr(" \t\r", line[length - 1]))
            line[--length] = 0;
        line += strspn(line, " \t");
        if (*line == 0 || *line == '#')
            continue;
        if (*n_out == SECRETS_MAX)
            return why_say(why, why_size, "%s:%u: more than %u lines", path, number, SECRETS_MAX);
        if (!take_line(kind, line, number, &out[*n_out], reason, sizeof reason) ||
            !is_new_name(out, *n_out, out[*n_out].name, reason, sizeof reason))
            return why_say(why, why_size, "%s:%u: %s", path, number, reason);
        ++*n_out;
    }
    return true;
}

/* ---- the file ---- */

/* Volatile, or the compiler would leave out writes that nobody reads. */
void secret_wipe(void *bytes, size_t n)
{
    volatile unsigned char *at = bytes;
    while (n--)
        *at++ = 0;
}

void secret_file_clear(struct secret_file *file)
{
    if (file->secrets)
        secret_wipe(file->secrets, file->n * sizeof *file->secrets);
    free(file->secrets);
    file->secrets = NULL;
    file->n = 0;
}

/* Whether a file is the one that was seen, with the same content. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
           a->st_mode == b->st_mode;
}

static void warn(struct secret_file *file)
{
    if (!file->warned && (file->seen.st_mode & 027) != 0)
        log_warning("%s can be read or written by others than its owner and group (mode %03o); chmod 640 %s",
                    file->path, (unsigned)file->seen.st_mode & 0777, file->path);
    file->warned = true;
    if (file->n == 0)
        log_warning("%s has no line that counts: nobody gets in with it", file->path);
}

static bool read_secrets(struct secret_file *file, char *why, size_t why_size)
{
    size_t n_bytes, n = 0;
    char *text = (char *)file_read(file->path, FILE_BYTES_MAX, &n_bytes, why, why_size);
    if (!text)
        return false;
    struct secret *secrets = malloc(SECRETS_MAX * sizeof *secrets);
    bool good = secrets ? secret_parse(file->kind, file->path, text, n_bytes, secrets, &n, why, why_size)
                        : why_say(why, why_size, "%s: out of memory", file->path);
    struct secret *kept = good ? malloc((n + 1) * sizeof *kept) : NULL;
    if (good && !kept)
        good = why_say(why, why_size, "%s: out of memory", file->path);
    if (good) {
        memcpy(kept, secrets, n * sizeof *kept);
        secret_file_clear(file);
        file->secrets = kept;
        file->n = n;
    }
    if (secrets)
        secret_wipe(secrets, SECRETS_MAX * sizeof *secrets);
    free(secrets);
    secret_wipe(text, n_bytes);
    free(text);
    return good;
}

enum secret_file_change secret_file_look(struct secret_file *file, char *why, size_t why_size)
{
    struct stat now = {.st_ino = 0};
    const bool there = stat(file->path, &now) == 0;
    if (!there && file->secrets && file->seen.st_ino == 0)
        return SECRET_FILE_SAME; /* it has gone, which was said */
    if (there && file->seen.st_ino != 0 && is_same(&now, &file->seen))
        return SECRET_FILE_SAME;
    file->seen = now;
    if (!there) {
        why_say(why, why_size, "%s: %s", file->path, strerror(errno));
        return SECRET_FILE_BAD;
    }
    if (!read_secrets(file, why, why_size))
        return SECRET_FILE_BAD;
    warn(file);
    return SECRET_FILE_NEW;
}
