/* support.h: what the unit tests share: files, the shared reference data, an allocator that fails. */
#ifndef ALERTRON_TESTS_SUPPORT_H
#define ALERTRON_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "alertron.h"

/* The bytes of a file, malloced, or NULL where it can't be read. */
unsigned char *read_file(const char *path, size_t *n_bytes);

/* The path of `name` in the shared reference data, malloced. Where it is missing the running test is
 * skipped, loudly. */
char *shared_path(const char *name);

/* Numbers of a CSV file with a header line, row by row, malloced. `nan` and `inf` are numbers. */
double *read_csv(const char *path, size_t *rows, size_t *columns);

/* Distance of two doubles in units in the last place; 0 for two NaN. */
uint64_t ulps_between(double a, double b);

/* An allocator that returns NULL at the nth allocation and after it (never where nth is 0), and counts what
 * is held, so that a leak shows. */
typedef struct failing_allocator {
    size_t nth, allocations, bytes_held, bytes_peak;
} failing_allocator;
alertron_allocator failing_allocator_of(failing_allocator *state);

/* For tests whose state is a registry. */
int registry_setup(void **state);
int registry_teardown(void **state);
/* Its exposition in the text format, malloced, and whether a text stands in it. */
char *registry_text_of(const alertron_registry *registry);
bool registry_shows(const alertron_registry *registry, const char *line);

#endif
