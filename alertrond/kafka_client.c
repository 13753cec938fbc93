/* kafka_client.c: what every Kafka client needs: its configuration, and where its log goes. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka_private.h"
#include "log.h"

enum { DESTROY_SECONDS = 3 };

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

/* librdkafka's own lines. Of no interest are those about settings that only the other kind of client uses, and those
 * about connections, as kafka_access_note says the same. It connects, joins or begins anew by itself after what it
 * calls an error; what it can't go on from comes above that. */
void kafka__write_log(const rd_kafka_t *client, int syslog_level, const char *facility, const char *text)
{
    (void)client;
    const bool minor = strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "FAIL") == 0 || syslog_level > 5;
    const enum log_level level = minor               ? LOG_DEBUG_LEVEL
                                 : syslog_level <= 2 ? LOG_ERROR_LEVEL
                                 : syslog_level <= 4 ? LOG_WARNING_LEVEL
                                                     : LOG_INFO_LEVEL;
    log_line(level, "kafka client: %s: %s", facility, text);
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

/* --- the end ---------------------------------------------------------------------------------------------- */

struct ending {
    rd_kafka_t *client;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done, left; /* whoever comes second frees it */
};

static void *destroy(void *context)
{
    struct ending *ending = context;
    rd_kafka_destroy(ending->client);
    pthread_mutex_lock(&ending->mutex);
    ending->done = true;
    const bool left = ending->left;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->mutex);
    if (left)
        free(ending);
    return NULL;
}

static bool await_end(struct ending *ending)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DESTROY_SECONDS;
    pthread_mutex_lock(&ending->mutex);
    while (!ending->done && pthread_cond_timedwait(&ending->changed, &ending->mutex, &until) == 0)
        ;
    const bool done = ending->done;
    ending->left = !done;
    pthread_mutex_unlock(&ending->mutex);
    return done;
}

bool kafka__destroy(rd_kafka_t *client)
{
    pthread_t thread;
    struct ending *ending = calloc(1, sizeof *ending);
    if (!ending)
        return false;
    *ending = (struct ending){.client = client};
    pthread_mutex_init(&ending->mutex, NULL);
    pthread_cond_init(&ending->changed, NULL);
    if (pthread_create(&thread, NULL, destroy, ending) != 0) {
        free(ending);
        return false;
    }
    const bool done = await_end(ending);
    if (done) {
        pthread_join(thread, NULL);
        free(ending);
    } else {
        pthread_detach(thread);
        log_warning("the Kafka client does not end; it is left to the end of the process");
    }
    return done;
}
