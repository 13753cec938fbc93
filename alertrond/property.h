/* property.h: properties of librdkafka as their users give them: as they are, by a file that holds what must not be
 * seen (`sasl.password_file = /run/secrets/kafka`), or by a variable of the environment (KAFKA_SASL_PASSWORD). */
#ifndef ALERTROND_PROPERTY_H
#define ALERTROND_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>

#define PROPERTY_NAME_BYTES_MAX 96u

/* The token of SASL OAUTHBEARER: not librdkafka's, ours, and only ever a file's. */
#define PROPERTY_TOKEN_FILE "sasl.oauthbearer.token_file"

/* Whether its value must not be shown. */
bool property_is_secret(const char *name);

/* Whether `name` is the file of another property; that one's name is then in base, else `name` itself. */
bool property_names_file(const char *name, char base[PROPERTY_NAME_BYTES_MAX]);

/* What such a file holds, without the end of its last line; malloced. NULL, and why, where it can't be read, is empty
 * or has a zero byte. Never logged, never shown. */
char *property_read_file(const char *path, char *why, size_t why_size);

/* Overwrites and frees. */
void property_forget(char *secret);

/* Whether librdkafka takes it; a file is read and its content tried. Otherwise why not, without a secret in it. */
bool property_check(const char *name, const char *value, char *why, size_t why_size);

/* Whether a secret may be given here: not on a command line, which other users see. Otherwise the remedy. */
bool property_may_be_flag(const char *name, char *why, size_t why_size);

/* "KAFKA_SASL_PASSWORD_FILE" of "sasl.password_file". Returns out. */
const char *property_variable(const char *name, char out[PROPERTY_NAME_BYTES_MAX]);

/* The property of a variable of the environment: security.protocol and the names that begin with sasl. and ssl., where
 * librdkafka knows them. False for all others, which are somebody else's. */
bool property_of_variable(const char *variable, char name[PROPERTY_NAME_BYTES_MAX]);

/* Splits "name=value"; NULL, and why without a value in it, where it is none. Returns the value in `given`. */
const char *property_split(const char *given, char name[PROPERTY_NAME_BYTES_MAX], char *why, size_t why_size);

#endif
