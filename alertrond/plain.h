/* plain.h: readings of the usual shape, decoded without a library. reading.c asks here first. */
#ifndef ALERTROND_PLAIN_H
#define ALERTROND_PLAIN_H

#include "reading.h"

/* Decodes as reading_decode does, or false: the bytes are unusual, whether there is a fault in them or not, and
 * what the outputs hold is of no use. Plain is one object with device_id and features, each once, maybe ts, and
 * further fields that are strings, numbers, true, false or null; no escapes; numbers of at most 19 digits and few
 * decimals. Never reads beyond the bytes. Allocates nothing. Any thread. */
bool plain_decode(const char *bytes, size_t n_bytes, const struct reading_shape *shape, struct reading *reading,
                  double *features);

#endif
