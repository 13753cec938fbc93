/* kafka_headers.c: the headers of a message. */
#include <string.h>

#include "kafka_private.h"

/* One by one, as a name may go on behind a NUL, where nobody would see or count it. */
struct kafka_headers *kafka_message_headers(const struct kafka_message *message)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    return kafka_headers_first((const struct kafka_headers *)headers, rd_kafka_header_cnt(headers));
}

void kafka_headers_free(struct kafka_headers *headers)
{
    if (headers)
        rd_kafka_headers_destroy((rd_kafka_headers_t *)headers);
}

bool kafka_headers_at(const struct kafka_headers *headers, size_t i, const char **name, const void **value,
                      size_t *value_size)
{
    return headers && rd_kafka_header_get_all((const rd_kafka_headers_t *)headers, i, name, value, value_size) ==
                          RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Each is an allocation of its own. */
size_t kafka_headers_bytes(const struct kafka_headers *headers)
{
    enum { EACH = 64 };
    const char *name;
    const void *value;
    size_t bytes = 0, size;
    for (size_t i = 0; kafka_headers_at(headers, i, &name, &value, &size); i++)
        bytes += EACH + strlen(name) + size;
    return bytes;
}

struct kafka_headers *kafka_headers_first(const struct kafka_headers *headers, size_t n)
{
    const char *name;
    const void *value;
    size_t size;
    rd_kafka_headers_t *copy = n > 0 ? rd_kafka_headers_new(n) : NULL;
    for (size_t i = 0; i < n && kafka_headers_at(headers, i, &name, &value, &size); i++)
        rd_kafka_header_add(copy, name, -1, value, (ssize_t)size);
    return (struct kafka_headers *)copy;
}
