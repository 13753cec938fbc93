/* property.c: properties of librdkafka as their users give them. */
#include "property.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "kafka.h"
#include "value.h"
#include "why.h"

#define FILE_SUFFIX "_file"
#define VARIABLE_PREFIX "KAFKA_"
#define SECRET_BYTES_MAX ((size_t)1 << 16)

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

bool property_is_secret(const char *name)
{
    char base[PROPERTY_NAME_BYTES_MAX];
    if (property_names_file(name, base))
        return false; /* a path */
    return strstr(name, "password") || strstr(name, "passphrase") || strstr(name, "secret") ||
           ends_with(name, "token") || ends_with(name, "key.pem") || strcmp(name, "sasl.oauthbearer.config") == 0;
}

/* ---- files ---- */

bool property_names_file(const char *name, char base[PROPERTY_NAME_BYTES_MAX])
{
    const bool is_file = ends_with(name, FILE_SUFFIX);
    const size_t n = strlen(name) - (is_file ? strlen(FILE_SUFFIX) : 0);
    snprintf(base, PROPERTY_NAME_BYTES_MAX, "%.*s", (int)(n < PROPERTY_NAME_BYTES_MAX ? n : 0), name);
    return is_file;
}

char *property_read_file(const char *path, char *why, size_t why_size)
{
    size_t n = 0;
    char *text = (char *)file_read(path, SECRET_BYTES_MAX, &n, why, why_size);
    if (!text)
        return NULL;
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = 0;
    if (n > 0 && text[n - 1] == '\r')
        text[--n] = 0;
    if (n > 0 && strlen(text) == n)
        return text;
    why_say(why, why_size, n ? "%s: a zero byte: this is no text" : "%s: it is empty; write the secret into it", path);
    property_forget(text);
    return NULL;
}

void property_forget(char *secret)
{
    if (!secret)
        return;
    for (volatile char *at = secret; *at; at++) /* volatile: a compiler leaves out what nobody reads */
        *at = 0;
    free(secret);
}

/* ---- what librdkafka takes ---- */

static bool check_file(const char *name, const char *base, const char *path, char *why, size_t why_size)
{
    char *secret = property_read_file(path, why, why_size);
    if (!secret)
        return false;
    const bool good = strcmp(name, PROPERTY_TOKEN_FILE) == 0 || kafka_property_check(base, secret, why, why_size);
    if (!good && kafka_property_known(base))
        why_say(why, why_size, "librdkafka refuses what %s holds, which is not shown here", path);
    property_forget(secret);
    return good;
}

bool property_check(const char *name, const char *value, char *why, size_t why_size)
{
    char base[PROPERTY_NAME_BYTES_MAX];
    if (property_names_file(name, base))
        return check_file(name, base, value, why, why_size);
    if (kafka_property_check(name, value, why, why_size))
        return true;
    if (property_is_secret(name) && kafka_property_known(name))
        why_say(why, why_size, "librdkafka refuses its value, which is not shown here");
    return false;
}

bool property_may_be_flag(const char *name, char *why, size_t why_size)
{
    char variable[PROPERTY_NAME_BYTES_MAX];
    if (!property_is_secret(name))
        return true;
    return why_say(why, why_size,
                   "every user of this machine can see a command line; give -X %s" FILE_SUFFIX
                   "=FILE, or the environment variable %s",
                   name, property_variable(name, variable));
}

/* ---- the environment, and the command line ---- */

const char *property_variable(const char *name, char out[PROPERTY_NAME_BYTES_MAX])
{
    snprintf(out, PROPERTY_NAME_BYTES_MAX, VARIABLE_PREFIX "%s", name);
    for (char *at = out; *at; at++)
        *at = *at == '.' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    return out;
}

bool property_of_variable(const char *variable, char name[PROPERTY_NAME_BYTES_MAX])
{
    char base[PROPERTY_NAME_BYTES_MAX];
    const size_t prefix = strlen(VARIABLE_PREFIX);
    if (strncmp(variable, VARIABLE_PREFIX, prefix) != 0 || strlen(variable) - prefix >= PROPERTY_NAME_BYTES_MAX)
        return false;
    snprintf(name, PROPERTY_NAME_BYTES_MAX, "%s", variable + prefix);
    for (char *at = name; *at; at++)
        *at = *at == '_' ? '.' : *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    if (ends_with(name, ".file"))
        name[strlen(name) - strlen(".file")] = '_';
    property_names_file(name, base);
    const bool ours = strcmp(name, PROPERTY_TOKEN_FILE) == 0;
    const bool access =
        strcmp(base, "security.protocol") == 0 || strncmp(base, "sasl.", 5) == 0 || strncmp(base, "ssl.", 4) == 0;
    return ours || (access && kafka_property_known(base));
}

const char *property_split(const char *given, char name[PROPERTY_NAME_BYTES_MAX], char *why, size_t why_size)
{
    const char *equals = strchr(given, '=');
    const size_t n = equals ? (size_t)(equals - given) : strcspn(given, " \t:"); /* what follows might be a password */
    char shown[VALUE_SHOWN_BYTES_MAX];
    const bool fits = n < PROPERTY_NAME_BYTES_MAX;
    snprintf(name, PROPERTY_NAME_BYTES_MAX, "%.*s", (int)(fits ? n : PROPERTY_NAME_BYTES_MAX - 1), given);
    if (equals && n > 0 && fits)
        return equals + 1;
    why_say(why, why_size, "%s is no property; give name=value", value_shown(name, shown));
    return NULL;
}
