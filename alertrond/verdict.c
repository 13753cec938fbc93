/* verdict.c: the record of a verdict. */
#include "verdict.h"

#include <math.h>
#include <string.h>

/* Pieces are written as long as they fit; `failed` stays set once one did not. */
struct writer {
    char *out;
    size_t size, n;
    bool failed;
};

static void put_text(struct writer *writer, const char *text)
{
    const size_t n = strlen(text);
    writer->failed |= n >= writer->size - writer->n;
    if (writer->failed)
        return;
    memcpy(writer->out + writer->n, text, n + 1);
    writer->n += n;
}

static void put_string(struct writer *writer, const char *text)
{
    const size_t n = reading_write_string(writer->out + writer->n, writer->size - writer->n, text);
    writer->failed |= n == 0;
    writer->n += n;
}

static void put_number(struct writer *writer, double value)
{
    const size_t n = reading_write_number(writer->out + writer->n, writer->size - writer->n, value);
    writer->failed |= n == 0;
    writer->n += n;
}

static void put_integer(struct writer *writer, long long value)
{
    char text[24], *at = text + sizeof text;
    *--at = 0;
    unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    put_text(writer, at);
}

/* Shares to a thousandth: they compare features, and are no closer than that. */
static void put_causes(struct writer *writer, const struct verdict *verdict)
{
    const struct explanation *explanation = verdict->explanation;
    put_text(writer, ",\"contributions\":[");
    for (size_t i = 0; i < explanation->n; i++) {
        put_text(writer, i ? ",{\"feature\":" : "{\"feature\":");
        put_string(writer, verdict->features->names[explanation->causes[i].feature]);
        put_text(writer, ",\"share\":");
        put_number(writer, round((double)explanation->causes[i].share * 1e3) / 1e3);
        put_text(writer, "}");
    }
    put_text(writer, "]");
}

size_t verdict_write(char *out, size_t size, const char *device_id, double ts, const struct verdict *verdict,
                     const struct source *source)
{
    struct writer writer = {.out = out, .size = size};
    put_text(&writer, "{\"device_id\":");
    put_string(&writer, device_id);
    put_text(&writer, verdict->anomaly ? ",\"anomaly\":true,\"severity\":\"" : ",\"anomaly\":false,\"severity\":\"");
    put_text(&writer, alertron_severity_name(verdict->severity));
    put_text(&writer, "\",\"anomaly_score\":");
    put_number(&writer, verdict->score);
    put_text(&writer, ",\"ts\":");
    put_number(&writer, ts);
    if (source) {
        put_text(&writer, ",\"source_topic\":");
        put_string(&writer, source->topic);
        put_text(&writer, ",\"source_partition\":");
        put_integer(&writer, source->partition);
        put_text(&writer, ",\"source_offset\":");
        put_integer(&writer, source->offset);
        put_text(&writer, ",\"model_version\":");
        put_string(&writer, verdict->model_version);
        if (verdict->explanation)
            put_causes(&writer, verdict);
    }
    put_text(&writer, "}");
    return writer.failed ? 0 : writer.n;
}
