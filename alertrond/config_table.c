/* config_table.c: the one table of configuration keys. */
#include "config_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config_rules.h"
#include "value.h"

const struct config_section config_sections[] = {
    {"model", "The model that scores."},
    {"candidate", "A second model that is tried beside the first on the same readings. See models.md."},
    {"severity",
     "How far an anomaly must stand out to be medium or high. The cuts are quantiles of anomalous scores: at "
     "0.80 and 0.95 the upper fifth of the anomalies is at least medium, the upper twentieth high."},
    {"kafka", "Where readings come from and anomalies go. Any key that is not listed here goes to librdkafka as it is, "
              "to consumers and producers alike: `security.protocol = SASL_SSL`, as kcat takes it with -X."},
    {"http", "The port of metrics, health checks and single readings."},
    {"limits", "Bounds of what would otherwise grow with the input."},
    {"log", "Lines on standard error."},
    {"process", "What the process may do."},
};
const size_t config_n_sections = sizeof config_sections / sizeof *config_sections;

/* Offsets of fields, short enough for a table. */
#define FIELD(member) .field = offsetof(struct config, member)

const struct config_key config_keys[] = {
    {.section = "model",
     .name = "path",
     .flag = "model",
     .letter = 'm',
     .kind = CONFIG_TEXT,
     FIELD(model.path),
     .what = "a model file",
     .argument = "FILE",
     .doc = "the model: alertron's own file, or scikit-learn's pickle or joblib",
     .details = "A relative path starts at the folder that alertrond is started in."},
    {.section = "model",
     .name = "input",
     .flag = "dtype",
     .kind = CONFIG_CHOICE,
     FIELD(model.input),
     .initial = "default",
     .choices = "default|float64|float32",
     .argument = "TYPE",
     .doc = "type of number that Python handed to the model's scaler",
     .details =
         "It decides the last bit of a score, and so on which side of the threshold a reading falls. `default` is "
         "float32 for a dict of scaler and model, else float64."},
    {.section = "model",
     .name = "reload_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(model.reload_seconds),
     .initial = "0",
     .least = 0,
     .most = 86400,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "how often to look whether the file has changed; 0 never does",
     .details =
         "A file that has changed is loaded and checked aside, then takes over between two blocks of readings. One "
         "that can't be loaded is refused, and the old model goes on. It holds for candidate.path, too. SIGHUP and "
         "POST "
         "/-/reload reload at once."},

    {.section = "candidate",
     .name = "path",
     .kind = CONFIG_TEXT,
     FIELD(candidate.path),
     .initial = "",
     .may_be_empty = true,
     .what = "a model file",
     .argument = "FILE",
     .doc = "the candidate's model file, as model.path; empty: none is tried",
     .details = "It takes as many features as the model. Where the file is not there, none is tried; it is looked for "
                "whenever the model is reloaded."},
    {.section = "candidate",
     .name = "share",
     .kind = CONFIG_NUMBER,
     FIELD(candidate.share),
     .initial = "0",
     .least = 0,
     .most = 1,
     .what = "a share",
     .argument = "SHARE",
     .doc = "share of devices for which the candidate decides (a canary); 0: for none (a shadow)",
     .details =
         "By a hash of device_id: the same devices in every instance and after a restart, and a larger share has "
         "all those of a smaller one."},
    {.section = "candidate",
     .name = "readings",
     .kind = CONFIG_INTEGER,
     FIELD(candidate.readings),
     .initial = "0",
     .least = 0,
     .most = 1e15,
     .what = "a number of readings",
     .argument = "N",
     .doc = "readings after which the candidate is promoted or dropped by rule; 0: by command only",
     .details = "Each instance counts and decides for itself."},
    {.section = "candidate",
     .name = "agreement",
     .kind = CONFIG_NUMBER,
     FIELD(candidate.agreement),
     .initial = "0.99",
     .least = 0,
     .most = 1,
     .what = "a share",
     .argument = "SHARE",
     .doc = "rule: least share of readings that both models call the same, anomaly or not"},
    {.section = "candidate",
     .name = "alarm_ratio",
     .kind = CONFIG_NUMBER,
     FIELD(candidate.alarm_ratio),
     .initial = "1.5",
     .least = 1,
     .most = 1000000,
     .what = "a factor",
     .argument = "FACTOR",
     .doc = "rule: most by which the candidate's anomalies may be more or fewer than the model's"},

    {.section = "severity",
     .name = "medium_quantile",
     .kind = CONFIG_NUMBER,
     FIELD(severity.medium_quantile),
     .initial = "0.80",
     .least = 0.01,
     .most = 0.9999,
     .what = "a quantile",
     .argument = "Q",
     .doc = "quantile of anomalous scores from which on an anomaly is medium",
     .details =
         "It counts where cuts are taken from calibration_file or from the stream; otherwise those stand that the "
         "model was trained with."},
    {.section = "severity",
     .name = "high_quantile",
     .kind = CONFIG_NUMBER,
     FIELD(severity.high_quantile),
     .initial = "0.95",
     .least = 0.01,
     .most = 0.9999,
     .what = "a quantile",
     .argument = "Q",
     .doc = "quantile of anomalous scores from which on an anomaly is high",
     .details = "It must be above medium_quantile, and counts where that does."},
    {.section = "severity",
     .name = "calibration_file",
     .kind = CONFIG_TEXT,
     FIELD(severity.calibration_file),
     .initial = "",
     .may_be_empty = true,
     .what = "a file of readings",
     .argument = "FILE",
     .doc = "readings, CSV or JSON lines, to take the cuts from",
     .details = "Empty: the model's own cuts, or the stream's where it has none."},
    {.section = "severity",
     .name = "calibration_anomalies",
     .kind = CONFIG_INTEGER,
     FIELD(severity.calibration_anomalies),
     .initial = "200",
     .least = 0,
     .most = 1000000,
     .what = "a number of anomalies",
     .argument = "N",
     .doc = "anomalies of the stream to take the cuts from; 0 never does",
     .details = "Only for a model without cuts of its own. Until so many have been seen its cuts are provisional."},

    {.section = "kafka",
     .name = "bootstrap",
     .flag = "bootstrap",
     .letter = 'b',
     .kind = CONFIG_TEXT,
     FIELD(kafka.bootstrap),
     .initial = "127.0.0.1:9092",
     .check = config_rule_bootstrap,
     .what = "brokers as host:port, with commas between them",
     .argument = "HOST:PORT,...",
     .doc = "brokers to begin with; the others are learnt from them"},
    {.section = "kafka",
     .name = "readings_topic",
     .kind = CONFIG_TEXT,
     FIELD(kafka.readings_topic),
     .initial = "readings",
     .check = config_rule_topic,
     .what = "a topic's name",
     .argument = "TOPIC",
     .doc = "topic that readings come from"},
    {.section = "kafka",
     .name = "anomalies_topic",
     .kind = CONFIG_TEXT,
     FIELD(kafka.anomalies_topic),
     .initial = "anomalies",
     .check = config_rule_topic,
     .what = "a topic's name",
     .argument = "TOPIC",
     .doc = "topic that anomalies go to"},
    {.section = "kafka",
     .name = "dead_letters_topic",
     .kind = CONFIG_TEXT,
     FIELD(kafka.dead_letters_topic),
     .initial = "readings.dlq",
     .check = config_rule_topic,
     .what = "a topic's name",
     .argument = "TOPIC",
     .doc = "topic that readings go to which can't be scored"},
    {.section = "kafka",
     .name = "group_id",
     .flag = "group-id",
     .kind = CONFIG_TEXT,
     FIELD(kafka.group_id),
     .initial = "alertrond",
     .what = "a group's name",
     .argument = "GROUP",
     .doc = "consumer group: its members share the partitions of readings"},
    {.section = "kafka",
     .name = "offset_reset",
     .kind = CONFIG_CHOICE,
     FIELD(kafka.offset_reset),
     .initial = "earliest",
     .choices = "earliest|latest",
     .argument = "WHERE",
     .doc = "where a group begins that has no offsets yet"},
    {.section = "kafka",
     .name = "create_topics",
     .flag = "create-topics",
     .kind = CONFIG_BOOL,
     FIELD(kafka.create_topics),
     .initial = "false",
     .doc = "create the three topics at start where they are missing"},
    {.section = "kafka",
     .name = "partitions",
     .kind = CONFIG_INTEGER,
     FIELD(kafka.partitions),
     .initial = "4",
     .least = 1,
     .most = 10000,
     .what = "a number of partitions",
     .argument = "N",
     .doc = "partitions of topics that create_topics makes"},
    {.section = "kafka",
     .name = "replication",
     .kind = CONFIG_INTEGER,
     FIELD(kafka.replication),
     .initial = "-1",
     .least = -1,
     .most = 100,
     .what = "a number of replicas",
     .argument = "N",
     .doc = "replicas of topics that create_topics makes; -1: the broker's default"},
    {.section = "kafka",
     .name = "workers",
     .kind = CONFIG_INTEGER,
     FIELD(kafka.workers),
     .initial = "0",
     .least = 0,
     .most = 256,
     .what = "a number of threads",
     .argument = "N",
     .doc = "members of the group in this process, a thread each; 0: one a core, 16 at most",
     .details = "More than the topic has partitions are of no use."},
    {.section = "kafka",
     .name = "delivery",
     .kind = CONFIG_CHOICE,
     FIELD(kafka.delivery),
     .initial = "at-least-once",
     .choices = "at-least-once|exactly-once",
     .argument = "GUARANTEE",
     .doc = "what a failure may do to anomalies and dead letters",
     .details = "exactly-once writes them and the offsets in transactions; who reads them must set "
                "isolation.level=read_committed. See delivery.md."},
    {.section = "kafka",
     .name = "transaction_ms",
     .kind = CONFIG_INTEGER,
     FIELD(kafka.transaction_ms),
     .initial = "100",
     .least = 1,
     .most = 10000,
     .what = "a number of milliseconds",
     .argument = "MS",
     .doc = "how long a transaction of exactly-once stays open",
     .details = "Anomalies are seen by readers once it is committed."},
    {.section = "kafka",
     .name = "instance",
     .kind = CONFIG_TEXT,
     FIELD(kafka.instance),
     .initial = "",
     .may_be_empty = true,
     .what = "a name",
     .argument = "NAME",
     .doc = "what tells this instance from others in the group",
     .details = "A restart under the same name ends the transactions that were left open at once; two at the same time "
                "under one name stop each other. Empty: the host's name and the port of HTTP."},

    {.section = "http",
     .name = "address",
     .kind = CONFIG_TEXT,
     FIELD(http.address),
     .initial = "0.0.0.0",
     .check = config_rule_address,
     .what = "an IP address or a host's name",
     .argument = "ADDRESS",
     .doc = "address to listen on; 127.0.0.1 keeps it to this machine"},
    {.section = "http",
     .name = "port",
     .flag = "port",
     .letter = 'p',
     .kind = CONFIG_INTEGER,
     FIELD(http.port),
     .initial = "8000",
     .least = 0,
     .most = 65535,
     .what = "a port",
     .argument = "PORT",
     .doc = "port to listen on; 0 takes a free one and logs it"},
    {.section = "http",
     .name = "threads",
     .kind = CONFIG_INTEGER,
     FIELD(http.threads),
     .initial = "64",
     .least = 2,
     .most = 1024,
     .what = "a number of threads",
     .argument = "N",
     .doc = "connections that are served at the same time, a thread each",
     .details = "While more than half are taken a connection ends with its answer, so that idle ones never keep others "
                "waiting."},
    {.section = "http",
     .name = "client_connections",
     .kind = CONFIG_INTEGER,
     FIELD(http.client_connections),
     .initial = "32",
     .least = 1,
     .most = 1024,
     .what = "a number of connections",
     .argument = "N",
     .doc = "connections that one address may have",
     .details = "More are closed. Behind a proxy all clients have the address of the proxy."},
    {.section = "http",
     .name = "request_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(http.request_seconds),
     .initial = "5",
     .least = 1,
     .most = 3600,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "time for a request to come in, and for its answer to be taken"},
    {.section = "http",
     .name = "idle_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(http.idle_seconds),
     .initial = "5",
     .least = 1,
     .most = 3600,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "time that a connection may wait for its next request"},
    {.section = "http",
     .name = "metrics_access",
     .kind = CONFIG_CHOICE,
     FIELD(http.metrics_access),
     .initial = "anyone",
     .choices = "anyone|local|credentials|nobody",
     .argument = "WHO",
     .doc = "who may read /metrics",
     .details = "`local` is plain requests from 127.0.0.0/8 or ::1, and credentials from elsewhere; `credentials` asks "
                "loopback, too; `nobody` switches it off. /healthz and /readyz are always open."},
    {.section = "http",
     .name = "ingest_access",
     .kind = CONFIG_CHOICE,
     FIELD(http.ingest_access),
     .initial = "local",
     .choices = "anyone|local|credentials|nobody",
     .argument = "WHO",
     .doc = "who may use /ingest",
     .details = "Behind a proxy on the same machine all clients may look local: say `credentials` there."},
    {.section = "http",
     .name = "admin_access",
     .kind = CONFIG_CHOICE,
     FIELD(http.admin_access),
     .initial = "nobody",
     .choices = "anyone|local|credentials|nobody",
     .argument = "WHO",
     .doc = "who may use the paths below /-/",
     .details = "Only credentials whose line lists admin are good for them."},
    {.section = "http",
     .name = "tokens_file",
     .kind = CONFIG_TEXT,
     FIELD(http.tokens_file),
     .initial = "",
     .may_be_empty = true,
     .what = "a file of tokens",
     .argument = "FILE",
     .doc = "bearer tokens: NAME:TOKEN or NAME:TOKEN:PATHS a line",
     .details = "PATHS are metrics, ingest and admin, with commas between them; without, metrics and ingest. Read "
                "again when it changes."},
    {.section = "http",
     .name = "users_file",
     .kind = CONFIG_TEXT,
     FIELD(http.users_file),
     .initial = "",
     .may_be_empty = true,
     .what = "a file of users",
     .argument = "FILE",
     .doc = "users for basic auth: NAME:HASH or NAME:HASH:PATHS a line",
     .details = "HASH as `openssl passwd -6` or `htpasswd -B` make it. Read again when it changes."},
    {.section = "http",
     .name = "tls_certificate",
     .kind = CONFIG_TEXT,
     FIELD(http.tls_certificate),
     .initial = "",
     .may_be_empty = true,
     .what = "a PEM file",
     .argument = "FILE",
     .doc = "private key and certificate chain, for HTTPS",
     .details = "One file with both. Read again when it changes."},
    {.section = "http",
     .name = "tls_client_ca",
     .kind = CONFIG_TEXT,
     FIELD(http.tls_client_ca),
     .initial = "",
     .may_be_empty = true,
     .what = "a PEM file",
     .argument = "FILE",
     .doc = "authority that clients' certificates must be from",
     .details = "Empty: clients need no certificate."},
    {.section = "limits",
     .name = "message_bytes",
     .kind = CONFIG_INTEGER,
     FIELD(limits.message_bytes),
     .initial = "65536",
     .least = 64,
     .most = 16777216,
     .what = "a number of bytes",
     .argument = "BYTES",
     .doc = "bytes of a reading; longer ones are dead letters",
     .details = "It holds for the body of POST /ingest too, which is refused."},
    {.section = "limits",
     .name = "devices",
     .kind = CONFIG_INTEGER,
     FIELD(limits.devices),
     .initial = "10000",
     .least = 1,
     .most = 1000000,
     .what = "a number of devices",
     .argument = "N",
     .doc = "devices with metrics of their own; the rest share `_other`",
     .details = "Readings are scored and anomalies written for every device, however many there are."},
    {.section = "limits",
     .name = "device_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(limits.device_seconds),
     .initial = "86400",
     .least = 1,
     .most = 31536000,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "silence after which a device's metrics go"},
    {.section = "limits",
     .name = "outputs",
     .kind = CONFIG_INTEGER,
     FIELD(limits.outputs),
     .initial = "16384",
     .least = 16,
     .most = 1000000,
     .what = "a number of messages",
     .argument = "N",
     .doc = "anomalies and dead letters that may wait for acknowledgement",
     .details = "Where so many wait, reading pauses until the broker has acknowledged some; nothing is dropped."},
    {.section = "limits",
     .name = "stall_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(limits.stall_seconds),
     .initial = "60",
     .least = 1,
     .most = 86400,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "silence of a partition in which readings wait, after which it counts as stalled",
     .details = "/readyz then says so."},
    {.section = "limits",
     .name = "shutdown_seconds",
     .kind = CONFIG_INTEGER,
     FIELD(limits.shutdown_seconds),
     .initial = "20",
     .least = 0,
     .most = 3600,
     .what = "a number of seconds",
     .argument = "SECONDS",
     .doc = "how long an end waits for acknowledgements",
     .details = "What is not acknowledged by then is read and scored again by the next start."},

    {.section = "log",
     .name = "level",
     .kind = CONFIG_CHOICE,
     FIELD(log.level),
     .initial = "info",
     .choices = "debug|info|warning|error",
     .argument = "LEVEL",
     .doc = "least level that is written"},
    {.section = "log",
     .name = "format",
     .kind = CONFIG_CHOICE,
     FIELD(log.format),
     .initial = "auto",
     .choices = "auto|text|logfmt|json",
     .argument = "FORMAT",
     .doc = "lines for people, key=value, or a JSON object each",
     .details = "`auto` is text on a terminal, and elsewhere logfmt, which people and programs can read."},
    {.section = "log",
     .name = "rate",
     .kind = CONFIG_INTEGER,
     FIELD(log.rate),
     .initial = "10",
     .least = 0,
     .most = 1000000,
     .what = "a number of lines",
     .argument = "N",
     .doc = "lines of one kind that are written in a second; 0 for any number",
     .details =
         "What is left out is counted: the line is said once more, with `repeated=N`. The level debug has no limit."},

    {.section = "process",
     .name = "sandbox",
     .kind = CONFIG_BOOL,
     FIELD(process.sandbox),
     .initial = "true",
     .doc = "give up at start what the service never needs",
     .details =
         "It can then write, make and remove no file, start no program, gain no right, and is not to be debugged "
         "or dumped. Kerberos (`sasl.mechanism = GSSAPI`) starts kinit, and so needs `false`."},
};
const size_t config_n_keys = sizeof config_keys / sizeof *config_keys;

_Static_assert(sizeof config_keys / sizeof *config_keys <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");

const struct config_key *config_find(const char *section, const char *name)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

bool config_has_section(const char *section)
{
    for (size_t i = 0; i < config_n_sections; i++)
        if (strcmp(config_sections[i].name, section) == 0)
            return true;
    return false;
}

const char *config_flag(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX])
{
    if (key->flag)
        snprintf(out, CONFIG_NAME_BYTES_MAX, "%s", key->flag);
    else
        snprintf(out, CONFIG_NAME_BYTES_MAX, "%s-%s", key->section, key->name);
    for (char *at = out; *at; at++)
        *at = *at == '_' ? '-' : *at;
    return out;
}

const char *config_variable(const struct config_key *key, char out[CONFIG_NAME_BYTES_MAX])
{
    const char *prefix = strcmp(key->section, "kafka") == 0 ? "" : "ALERTROND_";
    snprintf(out, CONFIG_NAME_BYTES_MAX, "%s%s_%s", prefix, key->section, key->name);
    for (char *at = out; *at; at++)
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    return out;
}

void config_takes(const struct config_key *key, char *out, size_t size)
{
    char bounds[80];
    switch (key->kind) {
    case CONFIG_INTEGER:
    case CONFIG_NUMBER:
        value_range_text(&(struct value_range){key->what, key->least, key->most}, bounds, sizeof bounds);
        snprintf(out, size, "%s %s", key->what, bounds);
        break;
    case CONFIG_CHOICE:
        value_choices_text(key->choices, out, size);
        break;
    case CONFIG_BOOL:
        snprintf(out, size, "true or false");
        break;
    case CONFIG_TEXT:
        snprintf(out, size, "%s", key->what);
        break;
    }
}

const char *config_value(const struct config *config, const struct config_key *key, char out[CONFIG_NUMBER_BYTES_MAX])
{
    const void *field = (const char *)config + key->field;
    const char *text = "";
    switch (key->kind) {
    case CONFIG_TEXT:
        text = *(char *const *)field;
        return text ? text : "";
    case CONFIG_BOOL:
        return *(const bool *)field ? "true" : "false";
    case CONFIG_INTEGER:
        snprintf(out, CONFIG_NUMBER_BYTES_MAX, "%" PRId64, *(const int64_t *)field);
        break;
    case CONFIG_NUMBER:
        snprintf(out, CONFIG_NUMBER_BYTES_MAX, "%.15g", *(const double *)field);
        break;
    case CONFIG_CHOICE:
        value_choice_name(key->choices, *(const int64_t *)field, out, CONFIG_NUMBER_BYTES_MAX);
        break;
    }
    return out;
}
