/* check_support.h: what the tests of checks share: rows with labels and a model of them, and checks that are made or
 * refused. */
#ifndef ALERTRON_TESTS_CHECK_SUPPORT_H
#define ALERTRON_TESTS_CHECK_SUPPORT_H

#include "support.h"

enum { ROWS = 400, WIDTH = 3 };

struct sample {
    double numbers[ROWS * WIDTH], scores[ROWS];
    unsigned char labels[ROWS];
    alertron_rows rows;
    alertron_model *model;
};

/* For a group of tests. Rows on a coarse grid, so that many scores are equal; a label is likelier where a number is
 * large. */
int sample_setup(void **state);
int sample_teardown(void **state);

/* Makes a check that can be made, or one that is refused with a text that has `why` in it. */
alertron_check_result check_made(const alertron_model *model, const alertron_check *check);
alertron_status check_refused(const alertron_model *model, const alertron_check *check, const char *why);

/* A passing check passes at the figure that it found and fails beyond. */
void passes_up_to_its_figure(const alertron_model *model, alertron_check check, double figure);

#endif
