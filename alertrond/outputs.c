/* outputs.c: what goes to Kafka of a message. */
#include "outputs.h"

#include <stdio.h>

#include <alertron.h>

#include "metrics.h"

static bool send(const struct outputs *outputs, const struct item *item, struct kafka_record *record)
{
    if (offsets_room(outputs->offsets) == 0 || !delivery_open(outputs->delivery))
        return false;
    struct output *output = offsets_begin(outputs->offsets, item->partition, item->offset);
    if (!output)
        return true; /* the partition went to another member, which reads the message anew */
    record->token = output;
    if (kafka_producer_try(outputs->producer, record) == KAFKA_SENT)
        return true;
    offsets_withdraw(outputs->offsets, output);
    return false;
}

bool outputs_send_anomaly(const struct outputs *outputs, const struct item *item, const struct verdict *verdict)
{
    const struct source source = {outputs->config->kafka.readings_topic, item->partition, (long long)item->offset};
    char json[VERDICT_BYTES_MAX];
    struct kafka_record record = {.topic = outputs->config->kafka.anomalies_topic,
                                  .key = item->device_id,
                                  .key_size = item->n_device_id,
                                  .value = json,
                                  .value_size =
                                      verdict_write(json, sizeof json, item->device_id, item->ts, verdict, &source)};
    return send(outputs, item, &record);
}

bool outputs_send_letter(const struct outputs *outputs, const struct item *item)
{
    const struct dead_letter *letter = item->letter;
    const bool bare = delivery_was_too_large(outputs->delivery, item->partition, item->offset);
    const bool timely = letter->timestamp <= 0 || !delivery_refuses_timestamps(outputs->delivery);
    char partition[16], offset[24], timestamp[24];
    snprintf(partition, sizeof partition, "%d", (int)item->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)item->offset);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)letter->timestamp);
    const struct kafka_header headers[] = {
        {"__connect.errors.topic", outputs->config->kafka.readings_topic},
        {"__connect.errors.partition", partition},
        {"__connect.errors.offset", offset},
        {"__connect.errors.stage", "VALUE_CONVERTER"},
        {"__connect.errors.exception.message", letter->reason},
        {"alertrond.error.code", dead_letter_reason(letter->fault)},
        {"alertrond.version", alertron_version()},
        {KAFKA_TIMESTAMP_HEADER, timestamp}, /* last: only where it can't be the record's */
    };
    const size_t n_headers = sizeof headers / sizeof *headers - timely;
    struct kafka_record record = {.topic = outputs->config->kafka.dead_letters_topic,
                                  .key = letter->key,
                                  .key_size = letter->key_size,
                                  .value = letter->value,
                                  .value_size = letter->value_size,
                                  .timestamp = timely ? letter->timestamp : 0,
                                  .first_headers = letter->headers,
                                  .headers = headers,
                                  .n_headers = bare ? 0 : n_headers};
    return send(outputs, item, &record);
}
