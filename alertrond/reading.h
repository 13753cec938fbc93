/* reading.h: readings in JSON, in and out. The one room that knows cJSON.
 *
 *     {"device_id": "edge-1", "features": [50.1, 99.0, 0.51], "ts": 1763800000.25}
 *
 * `ts` is optional (seconds since 1970; null is none) and unknown fields are ignored. A field that is given
 * twice counts as it was given last.
 */
#ifndef ALERTROND_READING_H
#define ALERTROND_READING_H

#include <stdbool.h>
#include <stddef.h>

#define READING_DEVICE_BYTES_MAX 256u /* of a device_id, UTF-8 */

enum reading_fault {
    READING_GOOD = 0,
    READING_EMPTY,         /* no bytes */
    READING_TOO_LARGE,     /* more bytes than allowed */
    READING_NOT_JSON,      /* not one JSON object */
    READING_MISSING_FIELD, /* device_id or features is not there */
    READING_WRONG_TYPE,    /* a field has another type, or a device_id that is empty, too long or not UTF-8 */
    READING_WRONG_WIDTH,   /* another number of features than the model's */
    READING_NOT_FINITE     /* a number beyond a double's range, or null where the model takes no missing values */
};

/* A stable code for headers and labels: "empty", "too_large", "not_json", ... */
const char *reading_fault_name(enum reading_fault fault);

struct reading {
    double ts;              /* seconds since 1970; NaN where the reading has none */
    size_t device_id_bytes; /* without the NUL */
    char device_id[READING_DEVICE_BYTES_MAX + 1];
};

/* What the model wants of a reading. */
struct reading_shape {
    size_t width;
    bool missing_values; /* null is a missing value, NaN in features */
    size_t bytes_max;
};

/* Decodes one reading into *reading and features[0 .. shape->width). On a fault `reason`, of
 * `reason_size` bytes, says in one line what was wrong and what is expected, and what the outputs hold is of no use.
 * Allocates nothing that stays. Any thread. */
enum reading_fault reading_decode(const char *bytes, size_t n_bytes, const struct reading_shape *shape,
                                  struct reading *reading, double *features, char *reason, size_t reason_size);

/* How many elements a reading's `features` has; 0 where it has none or is no reading. */
size_t reading_width(const char *bytes, size_t n_bytes);

/* A text, number or boolean among the members of a JSON object, as text. Where none is called exactly so, upper and
 * lower case are the same. False where there is none, or it does not fit. */
bool reading_member(const char *bytes, size_t n_bytes, const char *name, char *out, size_t size);

/* Writes `text` as a JSON string with its quotes into out, at most `size` bytes with the NUL; returns the length
 * or 0 where it does not fit. */
size_t reading_write_string(char *out, size_t size, const char *text);

/* Writes a double as JSON, the shortest text that reads back as the same; "null" where it is not finite. */
size_t reading_write_number(char *out, size_t size, double value);

#endif
