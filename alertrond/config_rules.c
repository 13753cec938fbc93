/* config_rules.c: what a configuration must obey beyond the kinds of its values. */
#include "config_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_draft.h"
#include "property.h"
#include "value.h"
#include "why.h"

#define TOPIC_BYTES_MAX 249u /* Kafka's own bound */
#define HOST_BYTES_MAX 253u  /* RFC 1035, without the last dot */
#define NAME_BYTES_MAX 200u  /* of a group and of an instance: workers.c has room for both */
#define REPLICAS_DEFAULT (-1)

static const char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Length of the beginning of `text` that has only letters, digits and characters of `more`. */
static size_t span(const char *text, size_t n, const char *more)
{
    size_t i = 0;
    while (i < n && text[i] && (strchr(letters_and_digits, text[i]) || strchr(more, text[i])))
        i++;
    return i;
}

/* ---- texts ---- */

bool config_rule_topic(const char *value, char *why, size_t why_size)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    size_t n = strlen(value);
    value_shown(value, shown);
    if (n > TOPIC_BYTES_MAX)
        return why_say(why, why_size, "a topic's name of %zu characters; Kafka takes up to %u", n, TOPIC_BYTES_MAX);
    if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return why_say(why, why_size, "Kafka takes no topic called %s; give another name", shown);
    if (span(value, n, "._-") < n)
        return why_say(why, why_size, "%s is no topic's name; use letters, digits, dots, underscores and dashes",
                       shown);
    return true;
}

/* Workers' names, and the ids of their transactions, are made from these: one that was cut would be another's, too. */
bool config_rule_name(const char *value, char *why, size_t why_size)
{
    const size_t n = strlen(value);
    if (n > NAME_BYTES_MAX)
        return why_say(why, why_size, "a name of %zu bytes; give one of up to %u", n, NAME_BYTES_MAX);
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < ' ')
            return why_say(why, why_size, "a name with a control character; leave it out");
    return true;
}

/* A host's name or an IPv4 address, by its characters; `underscores` as container networks have them. */
static bool is_host(const char *text, size_t n, bool underscores)
{
    if (n == 0 || n > HOST_BYTES_MAX || span(text, n, underscores ? ".-_" : ".-") < n)
        return false;
    for (size_t i = 0; i < n; i++) /* labels are not empty */
        if (text[i] == '.' && (i == 0 || i + 1 == n || text[i - 1] == '.'))
            return false;
    return text[0] != '-';
}

static bool is_numeric_host(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != '.' && (text[i] < '0' || text[i] > '9'))
            return false;
    return true;
}

/* Of AF_INET or AF_INET6. */
static bool is_address(int family, const char *text, size_t n)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address; /* has room for either */
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    return inet_pton(family, copy, &address) == 1;
}

static bool is_port(const char *text, size_t n)
{
    unsigned port = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 5)
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* One "host:port" or "[address]:port". */
static bool check_broker(const char *broker, size_t n, char *why, size_t why_size)
{
    char copy[400], shown[VALUE_SHOWN_BYTES_MAX];
    snprintf(copy, sizeof copy, "%.*s", (int)(n < sizeof copy ? n : sizeof copy - 1), broker);
    value_shown(copy, shown);
    if (n == 0)
        return why_say(why, why_size, "a broker is missing beside a comma; give host:port,host:port");
    if (strstr(copy, "://"))
        return why_say(why, why_size, "%s has a scheme; give host:port, and say security.protocol below [kafka]",
                       shown);
    const char *colon = NULL;
    for (size_t i = 0; i < n; i++)
        if (broker[i] == ':')
            colon = &broker[i];
    size_t n_host = colon ? (size_t)(colon - broker) : n;
    if (n_host > 2 && broker[0] == '[' && broker[n_host - 1] == ']' && is_address(AF_INET6, broker + 1, n_host - 2))
        return is_port(colon + 1, n - n_host - 1) ? true
                                                  : why_say(why, why_size, "%s has no port from 1 to 65535", shown);
    if (is_address(AF_INET6, broker, n))
        return why_say(why, why_size, "%s has no port; give [address]:port", shown);
    if (!is_host(broker, n_host, true) || (is_numeric_host(broker, n_host) && !is_address(AF_INET, broker, n_host)))
        return why_say(why, why_size, "%s is no broker; give host:port", shown);
    if (!colon)
        return why_say(why, why_size, "%s has no port; give %s:9092 or the like", shown, copy);
    if (!is_port(colon + 1, n - n_host - 1))
        return why_say(why, why_size, "%s has no port from 1 to 65535", shown);
    return true;
}

bool config_rule_bootstrap(const char *value, char *why, size_t why_size)
{
    for (const char *at = value;;) {
        at += strspn(at, " ");
        size_t n = strcspn(at, ",");
        if (!check_broker(at, n, why, why_size))
            return false;
        if (!at[n])
            return true;
        at += n + 1;
    }
}

bool config_rule_address(const char *value, char *why, size_t why_size)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    size_t n = strlen(value);
    value_shown(value, shown);
    if (is_address(AF_INET, value, n) || is_address(AF_INET6, value, n))
        return true;
    if (is_host(value, n, false) && !is_numeric_host(value, n))
        return true;
    if (value[0] == '[')
        return why_say(why, why_size, "%s: an address goes without brackets here", shown);
    const char *colon = strrchr(value, ':');
    if (colon && is_host(value, (size_t)(colon - value), false) && is_port(colon + 1, strlen(colon + 1)))
        return why_say(why, why_size, "%s: give the address alone; the port is http.port", shown);
    return why_say(why, why_size, "%s is neither an IP address nor a host's name", shown);
}

/* ---- properties of librdkafka ---- */

struct owned_property {
    const char *name, *allowed; /* "true|1": these values change nothing; NULL: none */
    const char *reason;
};

static const struct owned_property owned_properties[] = {
    {"group.id", NULL, "set group_id instead"},
    {"group.instance.id", NULL, "its workers are members of their own, and no two may share it"},
    {"bootstrap.servers", NULL, "set bootstrap instead"},
    {"metadata.broker.list", NULL, "set bootstrap instead"},
    {"auto.offset.reset", NULL, "set offset_reset instead"},
    {"enable.auto.commit", NULL, "the service decides what is committed: only what has been acknowledged"},
    {"auto.commit.enable", NULL, "the service decides what is committed: only what has been acknowledged"},
    {"enable.auto.offset.store", NULL, "the service stores an offset once its output has been acknowledged"},
    {"offset.store.method", NULL, "offsets are kept by the broker, with the group"},
    {"offset.store.path", NULL, "offsets are kept by the broker, with the group"},
    {"enable.idempotence", "true|1", "outputs must not be lost, doubled or reordered by a retry; leave it out"},
    {"acks", "all|-1", "an output counts once every replica in sync has it; leave it out"},
    {"request.required.acks", "all|-1", "an output counts once every replica in sync has it; leave it out"},
    {"isolation.level", "read_committed", "readings of aborted transactions are not scored; leave it out"},
    {"partition.assignment.strategy", "cooperative-sticky",
     "partitions move one by one, without a pause; leave it out"},
    {"delivery.report.only.error", "false|0", "the service waits for every acknowledgement; leave it out"},
    {"max.in.flight", "1", "with more a broker that stands still could lose outputs; leave it out"},
    {"max.in.flight.requests.per.connection", "1",
     "with more a broker that stands still could lose outputs; leave it out"},
    {"message.max.bytes", NULL,
     "what its client refused could never be written; set max.message.bytes of the topics, and batch.size for smaller "
     "batches"},
    {"queuing.strategy", "fifo", "outputs stay in their order; leave it out"},
    {"enable.partition.eof", "true|1", "the lag is told by it; leave it out"},
    {"transactional.id", NULL, "set instance instead, from which the service makes it"},
};

bool config_rule_property(const char *name, const char *value, char *why, size_t why_size)
{
    char base[PROPERTY_NAME_BYTES_MAX];
    property_names_file(name, base);
    for (size_t i = 0; i < sizeof owned_properties / sizeof *owned_properties; i++) {
        const struct owned_property *owned = &owned_properties[i];
        char unused[200];
        int64_t choice;
        if (strcmp(base, owned->name) != 0)
            continue;
        if (owned->allowed && value_choice(value, owned->allowed, &choice, unused, sizeof unused))
            return true;
        return why_say(why, why_size, "belongs to the service; %s", owned->reason);
    }
    return true;
}

/* ---- values together ---- */

static bool is_wrong(const struct config_draft *draft, const struct config_key *key)
{
    return draft->wrong[key - config_keys];
}

static struct config_place place_of(const struct config_draft *draft, const struct config_key *key)
{
    return draft->places[key - config_keys];
}

static void check_quantiles(struct config_draft *draft)
{
    const struct config_key *medium = config_find("severity", "medium_quantile");
    const struct config_key *high = config_find("severity", "high_quantile");
    double at_medium = draft->config.severity.medium_quantile, at_high = draft->config.severity.high_quantile;
    if (is_wrong(draft, medium) || is_wrong(draft, high) || at_medium < at_high)
        return;
    struct config_place of_medium = place_of(draft, medium), of_high = place_of(draft, high);
    if (of_medium.source >= of_high.source)
        config_mistake(draft, of_medium, medium, NULL, "%.15g is not below severity.high_quantile, which is %.15g",
                       at_medium, at_high);
    else
        config_mistake(draft, of_high, high, NULL, "%.15g is not above severity.medium_quantile, which is %.15g",
                       at_high, at_medium);
}

static void check_topics(struct config_draft *draft)
{
    static const char *const names[] = {"readings_topic", "anomalies_topic", "dead_letters_topic"};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = i + 1; j < 3; j++) {
            const struct config_key *a = config_find("kafka", names[i]), *b = config_find("kafka", names[j]);
            char unused[CONFIG_NUMBER_BYTES_MAX], shown[VALUE_SHOWN_BYTES_MAX];
            const char *topic = config_value(&draft->config, a, unused);
            if (is_wrong(draft, a) || is_wrong(draft, b) || strcmp(topic, config_value(&draft->config, b, unused)) != 0)
                continue;
            bool blame_a = place_of(draft, a).source > place_of(draft, b).source;
            const struct config_key *blamed = blame_a ? a : b, *other = blame_a ? b : a;
            config_mistake(draft, place_of(draft, blamed), blamed, NULL, "%s is also kafka.%s; give each its own topic",
                           value_shown(topic, shown), other->name);
        }
}

static void check_counts(struct config_draft *draft)
{
    const struct config_key *anomalies = config_find("severity", "calibration_anomalies");
    int64_t n = draft->config.severity.calibration_anomalies;
    if (!is_wrong(draft, anomalies) && n > 0 && n < (int64_t)ALERTRON_CUTS_SCORES_MIN)
        config_mistake(draft, place_of(draft, anomalies), anomalies, NULL,
                       "%d anomal%s no quantiles; give at least %u, or 0 for never", (int)n,
                       n == 1 ? "y tells" : "ies tell", ALERTRON_CUTS_SCORES_MIN);
    const struct config_key *replication = config_find("kafka", "replication");
    if (!is_wrong(draft, replication) && draft->config.kafka.replication == 0)
        config_mistake(draft, place_of(draft, replication), replication, NULL,
                       "a topic has at least 1 replica; give 1 or more, or %d for the broker's default",
                       REPLICAS_DEFAULT);
}

/* Whether a file is there and may be read. O_NONBLOCK, as opening a pipe would otherwise wait for its writer. */
static void check_file(struct config_draft *draft, const struct config_key *key, const char *path)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    struct stat status;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        config_mistake(draft, place_of(draft, key), key, NULL, "%s can't be read: %s", value_shown(path, shown),
                       strerror(errno));
    else if (S_ISDIR(status.st_mode))
        config_mistake(draft, place_of(draft, key), key, NULL, "%s is a folder; give %s in it",
                       value_shown(path, shown), key->what);
    if (file >= 0)
        close(file);
}

static void check_files(struct config_draft *draft)
{
    const struct config_key *model = config_find("model", "path");
    const char *path = draft->config.model.path;
    if (!path && !is_wrong(draft, model))
        config_mistake(draft, place_of(draft, model), model, NULL,
                       "no model is given; say --model FILE, ALERTROND_MODEL_PATH=FILE, or path = FILE below [model]");
    if (path && !is_wrong(draft, model))
        check_file(draft, model, path);
    static const char *const others[][2] = {{"severity", "calibration_file"},
                                            {"http", "tokens_file"},
                                            {"http", "users_file"},
                                            {"http", "tls_certificate"},
                                            {"http", "tls_client_ca"}};
    char out[CONFIG_NUMBER_BYTES_MAX];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct config_key *key = config_find(others[i][0], others[i][1]);
        path = config_value(&draft->config, key, out);
        if (*path && !is_wrong(draft, key))
            check_file(draft, key, path);
    }
    const struct config_key *candidate = config_find("candidate", "path");
    path = draft->config.candidate.path;
    if (*path && !is_wrong(draft, candidate) && access(path, F_OK) == 0) /* it may come later */
        check_file(draft, candidate, path);
}

/* The value of a property of librdkafka, which may have two names; NULL where it is not given. The last one counts. */
static const char *property(const struct config_draft *draft, const char *name, const char *other_name)
{
    const char *value = NULL;
    for (size_t i = 0; i < draft->config.kafka.n_properties; i++) {
        const struct kafka_property *given = &draft->config.kafka.properties[i];
        if (strcmp(given->name, name) == 0 || strcmp(given->name, other_name) == 0)
            value = given->value;
    }
    return value;
}

/* librdkafka renews Kerberos tickets by running kinit, and takes GSSAPI where no mechanism is named. */
static void check_sandbox(struct config_draft *draft)
{
    const struct config_key *sandbox = config_find("process", "sandbox");
    const char *protocol = property(draft, "security.protocol", "security.protocol");
    const char *mechanism = property(draft, "sasl.mechanism", "sasl.mechanisms");
    if (draft->config.process.sandbox && protocol && strncasecmp(protocol, "sasl", 4) == 0 &&
        (!mechanism || strcasecmp(mechanism, "GSSAPI") == 0))
        config_mistake(
            draft, place_of(draft, sandbox), sandbox, NULL,
            "Kerberos (sasl.mechanism GSSAPI, the default of SASL) runs kinit, which the sandbox forbids; name "
            "another mechanism, or say false");
}

/* A secret in a file that everybody may read is none. The file's group may: that is how a service gets to read a file
 * of root's. */
static void check_readers(const struct config_draft *draft)
{
    struct stat status;
    for (size_t i = 0; i < draft->config.kafka.n_properties; i++) {
        const struct kafka_property *property = &draft->config.kafka.properties[i];
        if (draft->property_places[i].source != CONFIG_FILE || !property_is_secret(property->name) ||
            stat(draft->file, &status) != 0 || !(status.st_mode & S_IROTH))
            continue;
        fprintf(draft->errors,
                "%s: warning: kafka.%s: every user of this machine may read this file; chmod o= it, or write %s_file = "
                "FILE\n",
                property->where, property->name, property->name);
    }
}

/* librdkafka would wait without a word for a token that nobody gives. */
static void check_token(struct config_draft *draft)
{
    const char *mechanism = property(draft, "sasl.mechanism", "sasl.mechanisms");
    const char *method = property(draft, "sasl.oauthbearer.method", "sasl.oauthbearer.method");
    const char *unsecured = property(draft, "enable.sasl.oauthbearer.unsecure.jwt", "");
    if (mechanism && strcmp(mechanism, "OAUTHBEARER") == 0 && !property(draft, PROPERTY_TOKEN_FILE, "") &&
        (!method || strcmp(method, "oidc") != 0) && (!unsecured || strcmp(unsecured, "true") != 0))
        config_mistake(draft, (struct config_place){CONFIG_DEFAULT, 0}, NULL, "sasl.mechanism",
                       "OAUTHBEARER needs a token; give " PROPERTY_TOKEN_FILE
                       " = FILE, or sasl.oauthbearer.method = oidc where librdkafka has it");
}

void config_rules_together(struct config_draft *draft)
{
    check_sandbox(draft);
    check_readers(draft);
    check_token(draft);
    check_quantiles(draft);
    check_topics(draft);
    check_counts(draft);
    check_files(draft);
}
