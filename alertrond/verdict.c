/* verdict.c: the record of a verdict. */
#include "verdict.h"

#include <math.h>

/* Shares to a thousandth: they compare features, and are no closer than that. */
void verdict_write_causes(struct writer *writer, const struct explanation *explanation, const struct features *features)
{
    writer_text(writer, ",\"contributions\":[");
    for (size_t i = 0; i < explanation->n; i++) {
        writer_text(writer, i ? ",{\"feature\":" : "{\"feature\":");
        writer_string(writer, features->names[explanation->causes[i].feature]);
        writer_text(writer, ",\"share\":");
        writer_number(writer, round((double)explanation->causes[i].share * 1e3) / 1e3);
        writer_text(writer, "}");
    }
    writer_text(writer, "]");
}

size_t verdict_write(char *out, size_t size, const char *device_id, double ts, const struct verdict *verdict,
                     const struct source *source)
{
    struct writer writer = {.out = out, .size = size};
    writer_text(&writer, "{\"device_id\":");
    writer_string(&writer, device_id);
    writer_text(&writer, verdict->anomaly ? ",\"anomaly\":true,\"severity\":\"" : ",\"anomaly\":false,\"severity\":\"");
    writer_text(&writer, alertron_severity_name(verdict->severity));
    writer_text(&writer, "\",\"anomaly_score\":");
    writer_number(&writer, verdict->score);
    writer_text(&writer, ",\"ts\":");
    writer_number(&writer, ts);
    if (source) {
        writer_text(&writer, ",\"source_topic\":");
        writer_string(&writer, source->topic);
        writer_text(&writer, ",\"source_partition\":");
        writer_integer(&writer, source->partition);
        writer_text(&writer, ",\"source_offset\":");
        writer_integer(&writer, source->offset);
        writer_text(&writer, ",\"model_version\":");
        writer_string(&writer, verdict->model_version);
        if (verdict->explanation)
            verdict_write_causes(&writer, verdict->explanation, verdict->features);
    }
    writer_text(&writer, "}");
    return writer.failed ? 0 : writer.n;
}
