/* generate.c: `alertrond generate`: readings like a fleet's, to standard output or into Kafka, at a steady rate. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "command.h"
#include "fleet.h"
#include "kafka.h"
#include "kafka_flags.h"
#include "options.h"
#include "output.h"
#include "reading.h"
#include "stop.h"
#include "value.h"

#define WHY_BYTES 512
#define RATE_MAX 1e9
#define BURST_SECONDS 0.001             /* readings that are due within it go out together */
#define BEHIND_SECONDS 1.0              /* further behind than this, the time that is lost is not made up for */
#define BURST_READINGS 1024u            /* at most, before signals and the clock are looked at again */
#define POLL_MS 100                     /* while Kafka's queue is full */
#define CLOSE_MS 15000                  /* for acknowledgements at the end */
#define INTEGER_MOST 9007199254740992.0 /* 2^53 */

struct generate_flags {
    const char *rate, *device, *normal, *anomalous, *topic;
    double anomalies, seconds;
    int64_t devices, count, seed;
    bool csv, kafka;
    struct kafka_flags cluster;
};

struct generator {
    const struct generate_flags *flags;
    struct fleet fleet;
    double rate; /* a second; infinite for as fast as it goes */
    struct output *output;
    struct kafka_producer *producer;
    uint64_t readings, anomalies;
    bool refused; /* a reading that Kafka will never take */
};

static const struct options_usage usage = {
    .command = "generate",
    .operands = "",
    .summary = "Writes readings like a fleet's, to standard output or into Kafka.",
    .details = "Readings are JSON, one a line:\n"
               "  {\"device_id\":\"edge-1\",\"features\":[50.1,99.0,0.51],\"ts\":1763800000.123}\n"
               "Into Kafka they go only with --bootstrap or --kafka, each under its device_id\n"
               "as key; KAFKA_BOOTSTRAP and KAFKA_READINGS_TOPIC are then the defaults.\n"
               "KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_... and KAFKA_SSL_... are properties as -X has\n"
               "them. ANOMALY_RATE is the default of --anomalies. A seed gives the same readings each\n"
               "time, but for their times.\n"
               "\n"
               "Examples:\n"
               "  alertrond generate --count 20000 --anomalies 0 --csv > normal.csv\n"
               "  alertrond generate --bootstrap 127.0.0.1:9092 --rate 1000\n"
               "  alertrond generate --kafka --device edge-3 --anomalies 1 --seconds 60\n"};

/* ---- one reading ---- */

static double wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool write_csv(struct generator *generator, const struct fleet_reading *reading)
{
    size_t width = generator->fleet.options.normal.width, n = 0;
    char *room = output_room(generator->output, 32 * width);
    if (!room)
        return false;
    for (size_t i = 0; i < width; i++) {
        n += reading_write_number(room + n, 32, reading->features[i]);
        room[n++] = i + 1 < width ? ',' : '\n';
    }
    output_add(generator->output, n);
    return true;
}

static bool write_line(struct generator *generator, const struct fleet_reading *reading, double ts)
{
    char *room = output_room(generator->output, FLEET_READING_BYTES_MAX + 1);
    if (!room)
        return false;
    size_t n = fleet_write(&generator->fleet, reading, ts, room, FLEET_READING_BYTES_MAX);
    room[n++] = '\n';
    output_add(generator->output, n);
    return true;
}

/* Waits while the queue is full, which it is while the broker is away; false at the end of it. */
static bool send_message(struct generator *generator, const struct fleet_reading *reading, double ts)
{
    char value[FLEET_READING_BYTES_MAX], key[READING_DEVICE_BYTES_MAX + 1];
    struct kafka_record record = {
        .topic = generator->flags->topic, .key = key, .value = value, .timestamp = (int64_t)(ts * 1e3)};
    record.value_size = fleet_write(&generator->fleet, reading, ts, value, sizeof value);
    record.key_size = fleet_device_name(&generator->fleet, reading->device, key, sizeof key);
    enum kafka_outcome outcome = kafka_producer_try(generator->producer, &record);
    while (outcome == KAFKA_FULL && !stop_asked()) {
        kafka_producer_poll(generator->producer, POLL_MS);
        outcome = kafka_producer_try(generator->producer, &record);
    }
    generator->refused = outcome == KAFKA_REFUSED;
    return outcome == KAFKA_SENT;
}

static bool emit(struct generator *generator, double ts)
{
    struct fleet_reading reading;
    fleet_next(&generator->fleet, &reading);
    bool good = generator->producer     ? send_message(generator, &reading, ts)
                : generator->flags->csv ? write_csv(generator, &reading)
                                        : write_line(generator, &reading, ts);
    generator->readings += good;
    generator->anomalies += good && reading.anomalous;
    return good;
}

/* ---- the pace ---- */

static void sleep_until(double when)
{
    double seconds = floor(when);
    struct timespec until = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((when - seconds) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL); /* a signal may end it early */
}

/* How many readings there are to be. */
static double readings_wanted(const struct generator *generator)
{
    const struct generate_flags *flags = generator->flags;
    double most = flags->count > 0 ? (double)flags->count : INTEGER_MOST;
    return flags->seconds > 0 ? fmin(most, ceil(flags->seconds * generator->rate)) : most;
}

/* How many of them are due `seconds` after there were `before`. */
static uint64_t readings_due(const struct generator *generator, uint64_t before, double seconds)
{
    double most = readings_wanted(generator);
    return (uint64_t)(isinf(generator->rate) ? most
                                             : fmin(most, (double)before + floor(seconds * generator->rate) + 1));
}

/* Hands on what was written, to whoever waits for it. */
static bool hand_on(struct generator *generator)
{
    if (!generator->producer)
        return output_flush(generator->output);
    kafka_producer_poll(generator->producer, 0);
    return true;
}

static bool is_over(const struct generator *generator, double seconds)
{
    return stop_asked() || (double)generator->readings >= readings_wanted(generator) ||
           (generator->flags->seconds > 0 && seconds >= generator->flags->seconds);
}

/* Reading n is due n / rate after the beginning. Ends where a reading can't be written. */
static void run_pace(struct generator *generator)
{
    double first = clock_seconds(), since = first; /* readings are counted since then; before it were: */
    uint64_t before = 0;
    for (;;) {
        double now = clock_seconds(), ts = wall_clock();
        uint64_t due = readings_due(generator, before, now - since);
        if ((double)(due - generator->readings) > BEHIND_SECONDS * generator->rate + 1) {
            since = now;
            before = generator->readings;
            continue;
        }
        for (unsigned burst = 0; generator->readings < due && burst < BURST_READINGS; burst++)
            if (!emit(generator, ts))
                return;
        if (is_over(generator, now - first))
            return;
        if (generator->readings < due)
            continue;
        if (!hand_on(generator))
            return;
        double next = since + (double)(generator->readings - before) / generator->rate;
        double end = generator->flags->seconds > 0 ? first + generator->flags->seconds : INFINITY;
        sleep_until(fmin(fmax(next, now + BURST_SECONDS), end));
    }
}

/* ---- beginning and end ---- */

static void write_csv_header(struct generator *generator)
{
    char name[32];
    size_t width = generator->fleet.options.normal.width;
    for (size_t i = 0; i < width; i++) {
        snprintf(name, sizeof name, "f%zu%c", i, i + 1 < width ? ',' : '\n');
        output_text(generator->output, name);
    }
}

static bool begin(struct generator *generator, char *why, size_t why_size)
{
    const struct generate_flags *flags = generator->flags;
    if (flags->kafka) {
        const struct kafka_cluster cluster = kafka_flags_cluster(&flags->cluster);
        generator->producer = kafka_producer_new(&cluster, NULL, why, why_size);
        return generator->producer != NULL;
    }
    generator->output = output_open(NULL, why, why_size);
    if (generator->output && flags->csv)
        write_csv_header(generator);
    return generator->output != NULL;
}

/* Ends what takes the readings. False, and why, where some did not arrive. */
static bool finish(struct generator *generator, char *why, size_t why_size)
{
    if (!generator->producer) {
        /* A reader that has seen enough is a good end. */
        bool gone = output_reader_gone(generator->output);
        return output_finish(generator->output, why, why_size) || gone;
    }
    int n = snprintf(why, why_size, "%s: ", generator->flags->cluster.bootstrap);
    if (generator->refused)
        snprintf(why + n, why_size - (size_t)n, "%s", kafka_producer_trouble(generator->producer));
    else
        snprintf(why + n, why_size - (size_t)n,
                 "not all readings were acknowledged; is the broker there, and topic %s?", generator->flags->topic);
    return kafka_producer_close(generator->producer, CLOSE_MS) && !generator->refused;
}

static int run(struct generator *generator)
{
    char why[WHY_BYTES] = "";
    if (!begin(generator, why, sizeof why)) {
        fprintf(stderr, "alertrond generate: %s\n", why);
        return 1;
    }
    stop_catch_signals(); /* a second one ends the waiting for acknowledgements, too */
    double start = clock_seconds();
    run_pace(generator);
    bool good = finish(generator, why, sizeof why);
    double seconds = clock_seconds() - start;
    fprintf(stderr, "%llu reading%s in %.1f s (%.0f a second), %llu of them anomalous\n",
            (unsigned long long)generator->readings, generator->readings == 1 ? "" : "s", seconds,
            seconds > 0 ? (double)generator->readings / seconds : 0.0, (unsigned long long)generator->anomalies);
    if (!good)
        fprintf(stderr, "alertrond generate: %s\n", why);
    return good ? 0 : 1;
}

/* ---- flags ---- */

static enum options_outcome wrong(const char *flag, const char *why)
{
    return options_wrong(&usage, "%s: %s", flag, why);
}

/* What the flags say of the fleet. */
static enum options_outcome choose_fleet(const struct generate_flags *flags, struct fleet_options *options)
{
    char why[WHY_BYTES];
    if (flags->normal && !fleet_read_normals(&options->normal, flags->normal, why, sizeof why))
        return wrong("--normal", why);
    if (flags->anomalous && !fleet_read_normals(&options->anomalous, flags->anomalous, why, sizeof why))
        return wrong("--anomalous", why);
    if (options->normal.width != options->anomalous.width)
        return options_wrong(&usage, "--normal has width %zu and --anomalous %zu; give both as many features",
                             options->normal.width, options->anomalous.width);
    if (flags->device && (!*flags->device || strlen(flags->device) > READING_DEVICE_BYTES_MAX))
        return options_wrong(&usage, "--device has %zu bytes; give 1 to %u", strlen(flags->device),
                             READING_DEVICE_BYTES_MAX);
    options->device = flags->device;
    options->devices = (size_t)flags->devices;
    options->anomalies = flags->anomalies;
    options->seed = flags->seed >= 0 ? (uint64_t)flags->seed : (uint64_t)(wall_clock() * 1e6);
    return OPTIONS_RUN;
}

static enum options_outcome choose_rate(const struct generate_flags *flags, double *rate)
{
    static const struct value_range range = {.what = "readings a second, or max,", .least = 1e-6, .most = RATE_MAX};
    char why[WHY_BYTES];
    if (!flags->rate)
        *rate = flags->csv ? INFINITY : 10;
    else if (strcmp(flags->rate, "max") == 0)
        *rate = INFINITY;
    else if (!value_number(flags->rate, &range, rate, why, sizeof why))
        return wrong("--rate", why);
    return OPTIONS_RUN;
}

/* The default of --anomalies, as the system we replace has it. */
static enum options_outcome default_anomalies(double *share)
{
    static const struct value_range range = {.what = "a share", .least = 0, .most = 1};
    const char *text = kafka_flags_environment("ANOMALY_RATE", NULL);
    char why[WHY_BYTES];
    if (text && !value_number(text, &range, share, why, sizeof why))
        return wrong("ANOMALY_RATE", why);
    return OPTIONS_RUN;
}

static enum options_outcome parse(struct generate_flags *flags, int argc, char **argv)
{
    const struct option options[] = {
        {"rate", 'r', OPTION_TEXT, &flags->rate, "RATE", "readings a second, or max (default 10; max with --csv)", 0, 0,
         NULL},
        {"anomalies", 'a', OPTION_NUMBER, &flags->anomalies, "SHARE",
         "share of readings that are anomalous (default 0.08)", 0, 1, NULL},
        {"devices", 0, OPTION_INTEGER, &flags->devices, "N", "devices, edge-1 and on (default 5)", 1, FLEET_DEVICES_MAX,
         NULL},
        {"device", 0, OPTION_TEXT, &flags->device, "NAME", "this device only", 0, 0, NULL},
        {"count", 'n', OPTION_INTEGER, &flags->count, "N", "end after so many readings", 1, INTEGER_MOST, NULL},
        {"seconds", 0, OPTION_NUMBER, &flags->seconds, "S", "end after so many seconds", 0.001, 1e9, NULL},
        {"seed", 0, OPTION_INTEGER, &flags->seed, "N", "of the random numbers (default: the clock)", 0, INTEGER_MOST,
         NULL},
        {"normal", 0, OPTION_TEXT, &flags->normal, "M:S,...",
         "mean and deviation of each feature (default 50:5,100:10,0.5:0.05)", 0, 0, NULL},
        {"anomalous", 0, OPTION_TEXT, &flags->anomalous, "M:S,...",
         "the same of anomalies (default 70:6,140:12,0.9:0.1)", 0, 0, NULL},
        {"csv", 0, OPTION_FLAG, &flags->csv, NULL, "a CSV of the features (f0,f1,...), for training", 0, 0, NULL},
        {"kafka", 'k', OPTION_FLAG, &flags->kafka, NULL, "into Kafka instead of standard output", 0, 0, NULL},
        {"bootstrap", 'b', OPTION_TEXT, &flags->cluster.bootstrap, "HOST:PORT",
         "into this Kafka (default of --kafka: KAFKA_BOOTSTRAP, or 127.0.0.1:9092)", 0, 0, NULL},
        {"topic", 't', OPTION_TEXT, &flags->topic, "TOPIC", "the topic (default: KAFKA_READINGS_TOPIC, or readings)", 0,
         0, NULL},
        {"property", 'X', OPTION_REPEATED, &flags->cluster, "NAME=VALUE", "a property for librdkafka, as kcat's -X", 0,
         0, kafka_flags_add},
    };
    if (!kafka_flags_begin(&flags->cluster))
        return OPTIONS_WRONG;
    const size_t of_environment = flags->cluster.n_properties;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, NULL, NULL);
    if (outcome != OPTIONS_RUN)
        return outcome;
    flags->kafka = flags->kafka || flags->cluster.bootstrap;
    if (flags->kafka && flags->csv)
        return options_wrong(&usage, "--csv is for standard output, not for Kafka");
    if (!flags->kafka && (flags->topic || flags->cluster.n_properties > of_environment))
        return options_wrong(&usage, "--topic and -X are for Kafka: add --kafka or --bootstrap HOST:PORT");
    kafka_flags_finish(&flags->cluster);
    flags->topic = flags->topic ? flags->topic : kafka_flags_environment("KAFKA_READINGS_TOPIC", "readings");
    return OPTIONS_RUN;
}

int command_generate(int argc, char **argv)
{
    struct fleet_options options = fleet_defaults();
    struct generate_flags flags = {
        .devices = (int64_t)options.devices, .anomalies = options.anomalies, .seed = -1, .cluster = {.usage = &usage}};
    struct generator generator = {.flags = &flags};
    enum options_outcome outcome = default_anomalies(&flags.anomalies);
    if (outcome == OPTIONS_RUN)
        outcome = parse(&flags, argc, argv);
    if (outcome == OPTIONS_RUN)
        outcome = choose_fleet(&flags, &options);
    if (outcome == OPTIONS_RUN)
        outcome = choose_rate(&flags, &generator.rate);
    /* As fast as it goes, a long queue is full all the time, and its messages have left the processor's cache by the
     * time that librdkafka's thread walks through them: a short one takes a third less time. */
    if (outcome == OPTIONS_RUN && isinf(generator.rate))
        kafka_flags_default(&flags.cluster, "queue.buffering.max.messages", "20000");
    int status = options_status(outcome);
    if (outcome == OPTIONS_RUN) {
        fleet_init(&generator.fleet, &options);
        status = run(&generator);
    }
    kafka_flags_free(&flags.cluster);
    return status;
}
