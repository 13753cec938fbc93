/* kafka_access.c: how a client gets in at a broker, and why not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kafka_private.h"
#include "kafka_token.h"
#include "log.h"
#include "property.h"

#define NONCE_MENDED 0x02060100 /* librdkafka 2.6.1 */

/* --- secrets ------------------------------------------------------------------------------------------- */

bool kafka_access_set(rd_kafka_conf_t *conf, const struct kafka_property *property, char *why, size_t why_size)
{
    char base[PROPERTY_NAME_BYTES_MAX];
    if (!property_names_file(property->name, base))
        return rd_kafka_conf_set(conf, property->name, property->value, why, why_size) == RD_KAFKA_CONF_OK;
    if (strcmp(property->name, PROPERTY_TOKEN_FILE) == 0)
        return true;
    char *secret = property_read_file(property->value, why, why_size);
    if (!secret)
        return false;
    const bool good = rd_kafka_conf_set(conf, base, secret, why, why_size) == RD_KAFKA_CONF_OK;
    if (!good)
        snprintf(why, why_size, "%s: librdkafka refuses what %s holds, which is not shown here", property->name,
                 property->value);
    property_forget(secret);
    return good;
}

static const char *file_of(const struct kafka_access *access, const char *name)
{
    const char *path = NULL;
    for (size_t i = 0; i < access->n_properties; i++)
        if (strcmp(access->properties[i].name, name) == 0)
            path = access->properties[i].value;
    return path;
}

/* Reads what a file holds now; true where it is something else than before. What can't be read stays as it was. */
static bool read_again(const struct kafka_access *access, const char *name, char **secret)
{
    char why[512];
    const char *path = file_of(access, name);
    char *now = path ? property_read_file(path, why, sizeof why) : NULL;
    if (path && !now)
        log_warning("kafka: %s is left as it was: %s", name, why);
    if (!now || (*secret && strcmp(*secret, now) == 0)) {
        property_forget(now);
        return false;
    }
    property_forget(*secret);
    *secret = now;
    return true;
}

/* librdkafka calls for a socket just before it connects, on a thread of its own and with none of its locks held. */
static int open_socket(int domain, int type, int protocol, void *opaque)
{
    struct kafka_access *access = opaque;
    pthread_mutex_lock(&access->lock);
    if (access->client) {
        const bool username = read_again(access, "sasl.username_file", &access->username);
        const bool password = read_again(access, "sasl.password_file", &access->password);
        if (username || password) {
            log_info("kafka: the %s has changed", password ? "password" : "user's name");
            rd_kafka_error_t *error = rd_kafka_sasl_set_credentials(access->client, access->username, access->password);
            if (error)
                rd_kafka_error_destroy(error);
        }
    }
    pthread_mutex_unlock(&access->lock);
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

/* On librdkafka's background thread, at the start and after four fifths of a token's life. */
static void refresh_token(rd_kafka_t *client, const char *config, void *opaque)
{
    (void)config;
    const struct kafka_access *access = opaque;
    const char *path = file_of(access, PROPERTY_TOKEN_FILE);
    struct kafka_token claims;
    char why[512], text[700];
    char *token = property_read_file(path, why, sizeof why);
    bool good = token && kafka_token_read(token, &claims, why, sizeof why);
    if (good)
        good = rd_kafka_oauthbearer_set_token(client, token, claims.expires_ms, claims.subject, NULL, 0, why,
                                              sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!good) {
        snprintf(text, sizeof text, "%s: %s", PROPERTY_TOKEN_FILE, why);
        rd_kafka_oauthbearer_set_token_failure(client, text);
    }
    property_forget(token);
}

/* --- certificates -------------------------------------------------------------------------------------- */

/* The numbers are those of RFC 5280's failures as OpenSSL has them in x509_vfy.h, where they never change. */
static const char *certificate_remedy(int error)
{
    switch (error) {
    case 9:
        return "it is not valid yet; check this machine's clock";
    case 10:
        return "it has expired; renew the broker's certificate";
    case 62:
    case 64:
        return "it is for another host; connect by a name that it has, in kafka.bootstrap and in the broker's "
               "advertised.listeners";
    case 2:
    case 18:
    case 19:
    case 20:
    case 21:
        return "no authority that is trusted here has signed it; name the authority's certificate in ssl.ca.location";
    case 23:
        return "it has been revoked; renew the broker's certificate";
    default:
        return "see `openssl s_client -connect HOST:PORT`";
    }
}

/* Refuses what OpenSSL refuses, and takes what it takes: only to keep the reason. On librdkafka's threads. */
static int note_certificate(rd_kafka_t *client, const char *broker, int32_t broker_id, int *x509_error, int depth,
                            const char *bytes, size_t size, char *why, size_t why_size, void *opaque)
{
    (void)client, (void)broker, (void)broker_id, (void)depth, (void)bytes, (void)size;
    struct kafka_access *access = opaque;
    if (*x509_error == 0)
        return 1;
    pthread_mutex_lock(&access->lock);
    access->certificate_error = *x509_error;
    pthread_mutex_unlock(&access->lock);
    snprintf(why, why_size, "%s", certificate_remedy(*x509_error));
    return 0;
}

/* A number that changes when one of the files of TLS does. */
static uint64_t stamp_tls_files(const struct kafka_access *access)
{
    uint64_t stamp = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < access->n_properties; i++) {
        const char *name = access->properties[i].name;
        char base[PROPERTY_NAME_BYTES_MAX];
        struct stat status;
        const bool is_file = property_names_file(name, base) || strstr(name, ".location");
        if (strncmp(name, "ssl.", 4) != 0 || !is_file || stat(access->properties[i].value, &status) != 0)
            continue;
        const uint64_t parts[] = {status.st_ino, (uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                                  (uint64_t)status.st_mtim.tv_nsec};
        for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
            stamp = (stamp ^ parts[part]) * 1099511628211u;
    }
    return stamp;
}

/* --- why not ------------------------------------------------------------------------------------------- */

static bool is_about_tls(rd_kafka_resp_err_t error, const char *reason)
{
    return error == RD_KAFKA_RESP_ERR__SSL || strstr(reason, "SSL routines") || strstr(reason, "SSL handshake");
}

static const char *tls_remedy(const char *reason)
{
    if (strstr(reason, "unexpected eof") || strstr(reason, "wrong version number") || strstr(reason, "PLAINTEXT"))
        return "; is this a listener with TLS? Check security.protocol";
    if (strstr(reason, "alert") || strstr(reason, "unexpected message"))
        return "; the broker wants a certificate of this client, or refuses the one it has: check "
               "ssl.certificate.location and ssl.key.location, and that it has not expired";
    return "; check ssl.ca.location";
}

static const char *sasl_remedy(const char *reason)
{
    if (strstr(reason, PROPERTY_TOKEN_FILE))
        return "";
    if (strstr(reason, "supported mechanisms"))
        return "; give one of these as sasl.mechanism";
    if (strstr(reason, "OAUTHBEARER") || strstr(reason, "invalid_token"))
        return "; check the token: its issuer, its audience and its expiry";
    if (strstr(reason, "SCRAM") && rd_kafka_version() < NONCE_MENDED)
        return "; check sasl.username and sasl.password. Where they are right: SCRAM of librdkafka before 2.6.1 is "
               "refused by brokers of Kafka 4; use a newer librdkafka, or another mechanism";
    return "; check sasl.username and sasl.password";
}

static const char *remedy_of(rd_kafka_resp_err_t error, const char *reason)
{
    if (is_about_tls(error, reason))
        return tls_remedy(reason);
    if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        return sasl_remedy(reason);
    return "";
}

/* Without " (after 301ms in state AUTH_REQ, 1 identical error(s) suppressed)", which is new each time. */
static int length_of(const char *reason)
{
    const char *end = strstr(reason, " (after ");
    return (int)(end ? (size_t)(end - reason) : strlen(reason));
}

void kafka_access_note(struct kafka_access *access, rd_kafka_resp_err_t error, const char *reason)
{
    char why[sizeof access->why];
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__FATAL)
        return;
    pthread_mutex_lock(&access->lock);
    const int certificate = access->certificate_error;
    pthread_mutex_unlock(&access->lock);
    const char *colon = strstr(reason, ": "); /* behind the broker's address */
    if (certificate && colon && strstr(reason, "certificate verify failed"))
        snprintf(why, sizeof why, "%.*s: the broker's certificate is refused: %s", (int)(colon - reason), reason,
                 certificate_remedy(certificate));
    else
        snprintf(why, sizeof why, "%.*s%s", length_of(reason), reason, remedy_of(error, reason));
    if (strcmp(why, access->why) != 0)
        log_warning("kafka: %s", why);
    memcpy(access->why, why, sizeof why);
    access->renewed = access->renewed || (is_about_tls(error, reason) && stamp_tls_files(access) != access->tls_files);
}

const char *kafka_access_why(const struct kafka_access *access)
{
    return access->why;
}

const char *kafka_access_fatal(const struct kafka_access *access)
{
    return access->renewed ? "a broker refuses the connection, and files of TLS have changed since the start: they are "
                             "read at the next one"
                           : NULL;
}

const char *kafka_access_remedy(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return "; raise max.message.bytes of the topic";
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        return "; raise message.timestamp.after.max.ms or before.max.ms of the topic, and look at the clocks";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return "; make the topic, or start with --create-topics";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "; allow this user by ACL: Read of the readings' topic, Write of the topics of anomalies and dead "
               "letters "
               "(and Create, with --create-topics)";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "; allow this user by ACL: Read of the group";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "; allow this user by ACL: Write of the topics of anomalies and dead letters (and Create, with "
               "--create-topics)";
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return "; another program is in the group, with another assignment strategy: stop it, or give another group_id";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return "; allow this user by ACL: Write of the transactional id";
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        return "; raise receive.message.max.bytes below [kafka] if the batch holds more than that, or move the group "
               "past it";
    default:
        return "";
    }
}

/* --- life ---------------------------------------------------------------------------------------------- */

/* What conf has of a text, malloced; NULL where it has none. */
static char *copy_of(const rd_kafka_conf_t *conf, const char *name)
{
    size_t size = 0;
    if (rd_kafka_conf_get(conf, name, NULL, &size) != RD_KAFKA_CONF_OK || size <= 1)
        return NULL;
    char *copy = calloc(1, size);
    if (copy)
        rd_kafka_conf_get(conf, name, copy, &size);
    return copy;
}

void kafka_access_begin(struct kafka_access *access, rd_kafka_conf_t *conf, const struct kafka_cluster *cluster)
{
    *access = (struct kafka_access){.properties = cluster->properties, .n_properties = cluster->n_properties};
    pthread_mutex_init(&access->lock, NULL);
    access->tls_files = stamp_tls_files(access);
    rd_kafka_conf_set_ssl_cert_verify_cb(conf, note_certificate);
    if (file_of(access, "sasl.username_file") || file_of(access, "sasl.password_file")) {
        access->username = copy_of(conf, "sasl.username");
        access->password = copy_of(conf, "sasl.password");
        rd_kafka_conf_set_socket_cb(conf, open_socket);
    }
    if (file_of(access, PROPERTY_TOKEN_FILE))
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh_token);
    kafka_access_again(access, conf);
}

/* All else is copied. */
void kafka_access_again(const struct kafka_access *access, rd_kafka_conf_t *conf)
{
    if (file_of(access, PROPERTY_TOKEN_FILE))
        rd_kafka_conf_enable_sasl_queue(conf, 1);
}

void kafka_access_ready(struct kafka_access *access, rd_kafka_t *client)
{
    pthread_mutex_lock(&access->lock);
    access->client = client;
    pthread_mutex_unlock(&access->lock);
    if (!file_of(access, PROPERTY_TOKEN_FILE))
        return;
    rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(client);
    if (error)
        log_error("kafka: %s is not read: %s", PROPERTY_TOKEN_FILE, rd_kafka_error_string(error));
    if (error)
        rd_kafka_error_destroy(error);
}

void kafka_access_end(struct kafka_access *access)
{
    property_forget(access->username);
    property_forget(access->password);
    pthread_mutex_destroy(&access->lock);
}
