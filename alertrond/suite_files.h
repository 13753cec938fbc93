/* suite_files.h: the readings and models that a tests file names: found beside it, read once. */
#ifndef ALERTROND_SUITE_FILES_H
#define ALERTROND_SUITE_FILES_H

#include <stddef.h>

#include <alertron.h>

struct suite_files;

struct suite_files_options {
    const alertron_model *model; /* whose features are read */
    const char *folder;          /* that names are relative to */
    const char *features;        /* "a,b,c": a CSV's columns, or NULL: those that the model names, else all */
    alertron_input input;        /* of other models */
};

/* NULL where memory has run out. The options' members must outlive it. */
struct suite_files *suite_files_new(const struct suite_files_options *options);
void suite_files_free(struct suite_files *files);

/* Labels are 0 or 1, false or true, no or yes, normal or anomaly, inlier or outlier, n or o; of the column that a test
 * names, else of the first that there is among table_label_columns and that the model does not take as a feature. */
alertron_tests_sources suite_files_sources(struct suite_files *files);

/* The line of a file on which the row stands, from 1; 0 where it was not read. */
size_t suite_files_line(const struct suite_files *files, const char *name, size_t row);

#endif
