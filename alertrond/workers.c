/* workers.c: the workers. Each tells about once a second how it is; whoever asks reads what was told last. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "why.h"

enum { STEP_MS = 100, WORKERS_MAX = 16, SPARE_SECONDS = 10, TROUBLE_BYTES = 640 };

struct worker {
    struct workers *all;
    struct pipeline *pipeline;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* over what follows */
    struct pipeline_figures figures;
    char trouble[TROUBLE_BYTES];
    double beat, joined_since; /* went round its loop; is a member of the group, 0: it is not */
    bool failed, unclean;
};

struct workers {
    const struct config *config;
    struct metrics *metrics;
    struct worker *workers;
    size_t n;
    atomic_bool ending;
    atomic_size_t n_started, finished; /* threads; those that have finished what they held */
    double started;                    /* 0: not yet */
};

static size_t count_cores(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (size_t)n;
}

static void free_workers(struct workers *workers)
{
    for (size_t i = 0; i < workers->n; i++)
        pthread_mutex_destroy(&workers->workers[i].mutex);
    free(workers->workers);
    free(workers);
}

struct workers *workers_new(const struct config *config, const struct scorer_parts *parts, const char *instance,
                            char *why, size_t why_size)
{
    const size_t n = config->kafka.workers > 0 ? (size_t)config->kafka.workers : count_cores();
    struct workers *workers = calloc(1, sizeof *workers);
    struct worker *each = calloc(n, sizeof *each);
    if (!workers || !each) {
        free(workers);
        free(each);
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    *workers = (struct workers){.config = config, .metrics = parts->metrics, .workers = each};
    const size_t outputs = (size_t)config->limits.outputs / n;
    for (size_t i = 0; i < n; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s-%zu", instance, i);
        each[i].all = workers;
        each[i].pipeline = pipeline_new(config, parts, name, outputs ? outputs : 1, why, why_size);
        if (!each[i].pipeline) {
            workers_stop(workers);
            return NULL;
        }
        pthread_mutex_init(&each[i].mutex, NULL);
        workers->n++;
    }
    alertron_gauge_set(parts->metrics->workers, (double)n);
    return workers;
}

bool workers_reach_broker(struct workers *workers, int timeout_ms)
{
    return pipeline_reaches_broker(workers->workers[0].pipeline, timeout_ms);
}

bool workers_create_topics(struct workers *workers, char *why, size_t why_size)
{
    return pipeline_create_topics(workers->workers[0].pipeline, why, why_size);
}

/* --- a worker's thread ------------------------------------------------------------------------------------- */

static void tell(struct worker *worker)
{
    struct pipeline_figures figures;
    const double now = clock_seconds();
    pipeline_tick(worker->pipeline, &figures);
    const char *trouble = pipeline_trouble(worker->pipeline);
    pthread_mutex_lock(&worker->mutex);
    worker->figures = figures;
    worker->beat = now;
    worker->joined_since = !figures.joined ? 0 : worker->joined_since > 0 ? worker->joined_since : now;
    snprintf(worker->trouble, sizeof worker->trouble, "%s", trouble);
    pthread_mutex_unlock(&worker->mutex);
}

/* Who leaves begins a rebalance, during which the commits of others may be refused: so all commit before one leaves. */
static void await_others(struct workers *workers, struct pipeline *pipeline)
{
    const double deadline = clock_seconds() + (double)workers->config->limits.shutdown_seconds;
    atomic_fetch_add(&workers->finished, 1);
    while (atomic_load(&workers->ending) && atomic_load(&workers->finished) < workers->n_started &&
           clock_seconds() < deadline)
        pipeline_hold(pipeline);
}

static void *run(void *context)
{
    struct worker *worker = context;
    double told = 0;
    bool good = true;
    while (good && !atomic_load_explicit(&worker->all->ending, memory_order_relaxed)) {
        good = pipeline_step(worker->pipeline, STEP_MS);
        if (!good || clock_seconds() - told >= (worker->figures.partitions ? 1.0 : 0.1)) {
            tell(worker);
            told = clock_seconds();
        }
    }
    pthread_mutex_lock(&worker->mutex);
    worker->failed = !good;
    pthread_mutex_unlock(&worker->mutex);
    const bool clean = pipeline_finish(worker->pipeline);
    await_others(worker->all, worker->pipeline);
    pipeline_close(worker->pipeline);
    pthread_mutex_lock(&worker->mutex);
    worker->pipeline = NULL;
    worker->unclean = !clean;
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

bool workers_start(struct workers *workers, char *why, size_t why_size)
{
    workers->started = clock_seconds();
    for (size_t i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        if (!pipeline_join(worker->pipeline, why, why_size))
            return false;
        worker->beat = clock_seconds();
        worker->started = pthread_create(&worker->thread, NULL, run, worker) == 0;
        if (!worker->started)
            return why_say(why, why_size, "can't start a thread");
        atomic_fetch_add(&workers->n_started, 1);
    }
    return true;
}

bool workers_stop(struct workers *workers)
{
    if (!workers)
        return true;
    bool clean = true;
    atomic_store(&workers->ending, true);
    for (size_t i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        if (worker->started)
            pthread_join(worker->thread, NULL);
        else
            pipeline_close(worker->pipeline);
        clean &= !worker->unclean;
    }
    free_workers(workers);
    return clean;
}

/* --- what they do together ----------------------------------------------------------------------------------- */

struct pipeline_figures workers_tick(struct workers *workers)
{
    struct pipeline_figures sum = {0};
    for (size_t i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        pthread_mutex_lock(&worker->mutex);
        sum.partitions += worker->figures.partitions;
        sum.outputs_waiting += worker->figures.outputs_waiting;
        sum.fetched_messages += worker->figures.fetched_messages;
        sum.lag += worker->figures.lag;
        sum.stalled += worker->figures.stalled;
        pthread_mutex_unlock(&worker->mutex);
    }
    alertron_gauge_set(workers->metrics->partitions, (double)sum.partitions);
    alertron_gauge_set(workers->metrics->outputs_waiting, (double)sum.outputs_waiting);
    alertron_gauge_set(workers->metrics->fetched_messages, (double)sum.fetched_messages);
    return sum;
}

/* One worker that has partitions is enough, where the others are members too; where none has, there may be more members
 * than partitions, and this instance is ready to take over. */
static bool is_waiting(const struct workers *workers, size_t n_partitions, size_t n_joined, double joined_since)
{
    if (n_partitions > 0 && n_joined == workers->n)
        return false;
    return n_joined < workers->n || clock_seconds() - joined_since <= SPARE_SECONDS;
}

void workers_trouble(struct workers *workers, char *trouble, size_t size)
{
    size_t n_partitions = 0, n_joined = 0;
    double joined_since = 0;
    trouble[0] = 0;
    if (workers->started <= 0) {
        snprintf(trouble, size, "%s", pipeline_trouble(workers->workers[0].pipeline));
        return;
    }
    for (size_t i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        pthread_mutex_lock(&worker->mutex);
        if (!*trouble)
            snprintf(trouble, size, "%s", worker->trouble);
        n_partitions += worker->figures.partitions;
        n_joined += worker->joined_since > 0;
        joined_since = worker->joined_since > joined_since ? worker->joined_since : joined_since;
        pthread_mutex_unlock(&worker->mutex);
    }
    if (!*trouble && is_waiting(workers, n_partitions, n_joined, joined_since))
        why_say(trouble, size, "waiting for partitions of topic %s", workers->config->kafka.readings_topic);
}

double workers_silent(struct workers *workers)
{
    double most = 0;
    const double now = clock_seconds();
    for (size_t i = 0; workers->started > 0 && i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        pthread_mutex_lock(&worker->mutex);
        const double silent = now - worker->beat;
        pthread_mutex_unlock(&worker->mutex);
        most = silent > most ? silent : most;
    }
    return most;
}

bool workers_failed(struct workers *workers)
{
    bool failed = workers->started <= 0 && pipeline_fatal(workers->workers[0].pipeline);
    for (size_t i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->workers[i];
        pthread_mutex_lock(&worker->mutex);
        failed |= worker->failed;
        pthread_mutex_unlock(&worker->mutex);
    }
    return failed;
}
