/* credentials.c: bearer tokens and passwords: checked, and read again when their files change. */
#define _DEFAULT_SOURCE /* crypt_r */
#include "credentials.h"

#include <crypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "log.h"
#include "secretfile.h"

#define AUTHORIZATION_BYTES_MAX 1024u
#define PASSWORD_BYTES_MAX 256u

enum { LOOK_MS = 1000, CHECKS_A_SECOND = 8 };

struct credentials {
    pthread_mutex_t mutex; /* over what follows, up to the next one */
    struct secret_file tokens, users;
    char (*passwords)[PASSWORD_BYTES_MAX]; /* of each user: that which was good, or "" */
    unsigned generation;                   /* how often users were read */
    int64_t second;                        /* that checks are counted of */
    unsigned checks;
    _Atomic int64_t look_ms; /* when the files are to be looked at again */
    bool has_tokens, has_users;
    pthread_mutex_t crypt_mutex; /* one check at a time: over `crypt` */
    struct crypt_data crypt;
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_seconds() * 1000);
}

/* Takes as long for wrong bytes as for right ones. */
static bool is_same(const char *a, const char *b, size_t n)
{
    unsigned char differs = 0;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

/* ---- the files ---- */

static void forget_passwords(struct credentials *credentials, size_t n)
{
    if (credentials->passwords)
        secret_wipe(credentials->passwords, n * sizeof *credentials->passwords);
    free(credentials->passwords);
    credentials->passwords = NULL;
}

/* Under the mutex. False, and why, where one of the files is no good; its old content stays. */
static bool look(struct credentials *credentials, char *why, size_t why_size)
{
    const size_t n_users = credentials->users.n;
    const enum secret_file_change tokens =
        credentials->has_tokens ? secret_file_look(&credentials->tokens, why, why_size) : SECRET_FILE_SAME;
    if (tokens == SECRET_FILE_BAD)
        return false;
    const enum secret_file_change users =
        credentials->has_users ? secret_file_look(&credentials->users, why, why_size) : SECRET_FILE_SAME;
    if (users == SECRET_FILE_NEW) {
        forget_passwords(credentials, n_users);
        credentials->passwords = calloc(credentials->users.n + 1, sizeof *credentials->passwords);
        credentials->generation++;
    }
    return users != SECRET_FILE_BAD;
}

static void look_again(struct credentials *credentials)
{
    const int64_t now = now_ms();
    int64_t due = atomic_load(&credentials->look_ms);
    if (now < due || !atomic_compare_exchange_strong(&credentials->look_ms, &due, now + LOOK_MS))
        return;
    char why[512];
    pthread_mutex_lock(&credentials->mutex);
    const bool good = look(credentials, why, sizeof why);
    pthread_mutex_unlock(&credentials->mutex);
    if (!good)
        log_warning("http: %s; what was read before still holds", why);
}

struct credentials *credentials_open(const char *tokens_file, const char *users_file, char *why, size_t why_size)
{
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&credentials->mutex, NULL);
    pthread_mutex_init(&credentials->crypt_mutex, NULL);
    credentials->tokens = (struct secret_file){.path = tokens_file, .kind = SECRET_TOKENS};
    credentials->users = (struct secret_file){.path = users_file, .kind = SECRET_USERS};
    credentials->has_tokens = *tokens_file != 0;
    credentials->has_users = *users_file != 0;
    atomic_store(&credentials->look_ms, now_ms() + LOOK_MS);
    if (look(credentials, why, why_size))
        return credentials;
    credentials_free(credentials);
    return NULL;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    forget_passwords(credentials, credentials->users.n);
    secret_file_clear(&credentials->tokens);
    secret_file_clear(&credentials->users);
    pthread_mutex_destroy(&credentials->crypt_mutex);
    pthread_mutex_destroy(&credentials->mutex);
    secret_wipe(&credentials->crypt, sizeof credentials->crypt);
    free(credentials);
}

bool credentials_has_tokens(const struct credentials *credentials)
{
    return credentials->has_tokens;
}

bool credentials_has_users(const struct credentials *credentials)
{
    return credentials->has_users;
}

/* ---- tokens ---- */

static void give(struct grant *grant, const struct secret *secret)
{
    snprintf(grant->name, sizeof grant->name, "%s", secret->name);
    grant->paths = secret->paths;
}

static enum credentials_outcome check_token(struct credentials *credentials, const char *token, struct grant *grant)
{
    const size_t n = strlen(token);
    const struct secret *found = NULL;
    pthread_mutex_lock(&credentials->mutex);
    for (size_t i = 0; i < credentials->tokens.n; i++) { /* all of them, so that time does not tell which */
        const struct secret *one = &credentials->tokens.secrets[i];
        if (one->n_value == n && is_same(one->value, token, n))
            found = one;
    }
    if (found)
        give(grant, found);
    pthread_mutex_unlock(&credentials->mutex);
    return found ? CREDENTIALS_GOOD : CREDENTIALS_WRONG;
}

/* ---- passwords ---- */

/* What is needed to check a password while the files may change. */
struct login {
    size_t index; /* of the user; of another one where there is none of this name */
    unsigned generation;
    struct secret user;
};

/* CREDENTIALS_NONE: it takes a check by crypt(3), for which *login is filled. */
static enum credentials_outcome find_user(struct credentials *credentials, const char *name, const char *password,
                                          struct login *login, struct grant *grant)
{
    const struct secret_file *users = &credentials->users;
    bool known = false;
    if (users->n == 0)
        return CREDENTIALS_WRONG;
    login->index = 0;
    for (size_t i = 0; i < users->n; i++)
        if (strcmp(users->secrets[i].name, name) == 0) {
            login->index = i;
            known = true;
        }
    login->user = users->secrets[login->index];
    login->generation = credentials->generation;
    const char *remembered = credentials->passwords ? credentials->passwords[login->index] : "";
    const size_t n = strlen(password);
    if (known && *remembered && strlen(remembered) == n && is_same(remembered, password, n)) {
        give(grant, &login->user);
        return CREDENTIALS_GOOD;
    }
    const int64_t second = now_ms() / 1000;
    if (second != credentials->second)
        credentials->checks = 0;
    credentials->second = second;
    if (credentials->checks++ >= CHECKS_A_SECOND)
        return CREDENTIALS_TOO_MANY;
    if (!known) /* takes as long as for one that there is */
        login->user.name[0] = 0;
    return CREDENTIALS_NONE;
}

static bool is_password(struct credentials *credentials, const struct secret *user, const char *password)
{
    pthread_mutex_lock(&credentials->crypt_mutex);
    const char *hash = crypt_r(password, user->value, &credentials->crypt);
    const bool good = hash && strlen(hash) == user->n_value && is_same(hash, user->value, user->n_value);
    pthread_mutex_unlock(&credentials->crypt_mutex);
    return good && user->name[0];
}

static enum credentials_outcome check_password(struct credentials *credentials, const char *name, const char *password,
                                               struct grant *grant)
{
    struct login login;
    const size_t n = strlen(password);
    if (n == 0 || n >= PASSWORD_BYTES_MAX)
        return CREDENTIALS_WRONG;
    pthread_mutex_lock(&credentials->mutex);
    enum credentials_outcome outcome = find_user(credentials, name, password, &login, grant);
    pthread_mutex_unlock(&credentials->mutex);
    if (outcome != CREDENTIALS_NONE)
        return outcome;
    outcome = is_password(credentials, &login.user, password) ? CREDENTIALS_GOOD : CREDENTIALS_WRONG;
    if (outcome == CREDENTIALS_GOOD) {
        give(grant, &login.user);
        pthread_mutex_lock(&credentials->mutex);
        if (credentials->passwords && credentials->generation == login.generation)
            memcpy(credentials->passwords[login.index], password, n + 1);
        pthread_mutex_unlock(&credentials->mutex);
    }
    secret_wipe(&login, sizeof login);
    return outcome;
}

/* ---- the header ---- */

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Into out, with a 0 behind. False where it is no base64, does not fit, or has a 0 in it. */
static bool decode_base64(const char *text, char *out, size_t size)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (; *text && *text != '='; text++) {
        const int value = base64_value(*text);
        if (value < 0 || n + 1 >= size)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if ((n_bits += 6) >= 8)
            out[n++] = (char)(bits >> (n_bits -= 8) & 0xff);
    }
    out[n] = 0;
    return strlen(out) == n && strspn(text, "=") == strlen(text);
}

static enum credentials_outcome check_basic(struct credentials *credentials, const char *encoded, struct grant *grant)
{
    char login[AUTHORIZATION_BYTES_MAX];
    enum credentials_outcome outcome = CREDENTIALS_WRONG;
    char *colon = decode_base64(encoded, login, sizeof login) ? strchr(login, ':') : NULL;
    if (colon) {
        *colon = 0;
        outcome = check_password(credentials, login, colon + 1, grant);
    }
    secret_wipe(login, sizeof login);
    return outcome;
}

/* What follows a scheme and its spaces, or NULL where it is another. */
static const char *after_scheme(const char *authorization, const char *scheme)
{
    const size_t n = strlen(scheme);
    if (strncasecmp(authorization, scheme, n) != 0 || authorization[n] != ' ')
        return NULL;
    return authorization + n + strspn(authorization + n, " ");
}

enum credentials_outcome credentials_check(struct credentials *credentials, const char *authorization,
                                           struct grant *grant)
{
    look_again(credentials);
    const char *token = after_scheme(authorization, "Bearer"), *login = after_scheme(authorization, "Basic");
    if (token && credentials->has_tokens)
        return check_token(credentials, token, grant);
    if (login && credentials->has_users)
        return check_basic(credentials, login, grant);
    return CREDENTIALS_NONE;
}
