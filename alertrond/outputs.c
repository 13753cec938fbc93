/* outputs.c: what goes to Kafka of a message. */
#include "outputs.h"

#include <stdio.h>

#include <alertron.h>

#include "letters.h"
#include "metrics.h"

enum { HEADERS_MAX = 9, OUR_HEADERS_BYTES = 4096 /* more than they take */ };

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

size_t outputs_letter_max(const struct outputs *outputs)
{
    const size_t most = kafka_producer_record_max(outputs->producer);
    return most > OUR_HEADERS_BYTES ? most - OUR_HEADERS_BYTES : 0;
}

bool outputs_send_letter(const struct outputs *outputs, const struct item *item)
{
    const struct dead_letter *letter = item->letter;
    const bool bare = delivery_was_too_large(outputs->delivery, item->partition, item->offset);
    const bool timely = letter->timestamp <= 0 || !delivery_refuses_timestamps(outputs->delivery);
    char partition[16], offset[24], value_bytes[24], timestamp[24];
    snprintf(partition, sizeof partition, "%d", (int)item->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)item->offset);
    snprintf(value_bytes, sizeof value_bytes, "%zu", letter->cut_value_size);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)letter->timestamp);
    struct kafka_header headers[HEADERS_MAX] = {
        {"__connect.errors.topic", outputs->config->kafka.readings_topic},
        {"__connect.errors.partition", partition},
        {"__connect.errors.offset", offset},
        {"__connect.errors.stage", "VALUE_CONVERTER"},
        {"__connect.errors.exception.message", letter->reason},
        {"alertrond.error.code", dead_letter_reason(letter->fault)},
        {"alertrond.version", alertron_version()},
    };
    size_t n_headers = HEADERS_MAX - 2;
    if (letter->cut)
        headers[n_headers++] = (struct kafka_header){LETTERS_CUT_HEADER, value_bytes};
    if (!timely)
        headers[n_headers++] = (struct kafka_header){KAFKA_TIMESTAMP_HEADER, timestamp};
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
