/* decimal.h: doubles to decimal text and back, exactly: what is written reads back as the same double, in as few
 * digits as that takes, and what is read is the nearest double. */
#ifndef ALERTROND_DECIMAL_H
#define ALERTROND_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_BYTES 32u /* of any number's text, with the NUL */

/* Writes a finite number, as JSON and CSV want it; returns its length. */
size_t decimal_write(char out[DECIMAL_BYTES], double value);

/* Reads [+-] digits [. digits] [e [+-] digits], the whole of begin .. end, with a digit before or after the point.
 * False where it is something else; infinite where it is beyond a double's range. What stands at `end` must be
 * there and be no part of a number. */
bool decimal_read(const char *begin, const char *end, double *value);

/* The double nearest to digits * 10^exponent, to the even one of two that are as near. False where that takes longer:
 * for exponents below -27, and for large numbers of many digits. */
bool decimal_nearest(uint64_t digits, int64_t exponent, double *value);

#endif
