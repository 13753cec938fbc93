/* kafka_client.c: what every Kafka client needs: its configuration, and where its log goes. */
#include <string.h>

#include "kafka_private.h"
#include "log.h"

const char *kafka_version(void)
{
    return rd_kafka_version_str();
}

bool kafka_property_check(const char *name, const char *value, char *why, size_t why_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = rd_kafka_conf_set(conf, name, value, why, why_size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return good;
}

bool kafka_property_known(const char *name)
{
    char unused[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool known = rd_kafka_conf_set(conf, name, "", unused, sizeof unused) != RD_KAFKA_CONF_UNKNOWN;
    rd_kafka_conf_destroy(conf);
    return known;
}

/* librdkafka's own lines: what is about settings that only the other kind of client uses is of no interest. */
void kafka__write_log(const rd_kafka_t *client, int syslog_level, const char *facility, const char *text)
{
    (void)client;
    const bool about_settings = strcmp(facility, "CONFWARN") == 0;
    const enum log_level level = syslog_level <= 3   ? LOG_ERROR_LEVEL
                                 : syslog_level <= 4 ? LOG_WARNING_LEVEL
                                                     : LOG_INFO_LEVEL;
    log_line(about_settings || syslog_level > 5 ? LOG_DEBUG_LEVEL : level, "kafka client: %s: %s", facility, text);
}

static bool set_all(rd_kafka_conf_t *conf, const struct kafka_property *properties, size_t n, char *why,
                    size_t why_size)
{
    for (size_t i = 0; i < n; i++)
        if (!kafka_access_set(conf, &properties[i], why, why_size))
            return false;
    return true;
}

rd_kafka_conf_t *kafka__conf_new(const struct kafka_cluster *cluster, const struct kafka_property *own, size_t n_own,
                                 char *why, size_t why_size)
{
    const struct kafka_property common = {.name = "bootstrap.servers", .value = (char *)(uintptr_t)cluster->bootstrap};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka__write_log);
    if (set_all(conf, &common, 1, why, why_size) && set_all(conf, own, n_own, why, why_size) &&
        set_all(conf, cluster->properties, cluster->n_properties, why, why_size))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
