/* answers.h: what one program asks of the library on every machine, and what it is told. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <alertron.h>

/* Writes the answers as text that ends in a NUL: scores of a model file, of a model fitted here, and metrics. Numbers
 * have all their digits, so equal texts mean equal bits. Returns 0 where something failed; out says what. */
size_t answers(const void *model_file, size_t n_bytes, const alertron_allocator *allocator, char *out, size_t capacity);

#endif
