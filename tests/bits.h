/* bits.h: a model and what it must give, and the check that it does. See bits.c. */
#ifndef ALERTRON_TESTS_BITS_H
#define ALERTRON_TESTS_BITS_H

#include "private.h"

enum { KERNELS_MOST = 16, ROWS_FEW = 130, ROWS_MANY = 1000 };

/* A model, rows for it, and what they must give: an array for each alertron_dtype. */
struct subject {
    char label[120], replay[60];
    alertron_model *model;
    size_t n_rows, width;
    double *numbers[2], *path_lengths[2], *scores[2];
};

struct tally {
    const char *kernels[KERNELS_MOST];
    unsigned suited[KERNELS_MOST], models, mismatches;
};

/* Holds every kernel, view and batch, and the model that was saved and loaded again, to what the subject must give;
 * then prints the subject's line. */
void bits_check(struct tally *tally, struct subject *subject, uint64_t seed);

/* From now on a crash tells what was being done. */
void bits_watch(void);

/* Zeroed memory, and the end of a program that can't go on. */
void *bits_array(size_t n, size_t size);
void bits_give_up(const char *what, const char *why);

#endif
