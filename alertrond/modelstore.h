/* modelstore.h: models from files: read, inflated where compressed (the one room that knows zlib), loaded; and to
 * files. */
#ifndef ALERTROND_MODELSTORE_H
#define ALERTROND_MODELSTORE_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

#define MODEL_FILE_BYTES_MAX ((size_t)1 << 30) /* of a model, inflated */

/* alertron_input, as a flag's choices and help. */
#define MODEL_INPUTS "default|float64|float32"
#define MODEL_INPUTS_HELP \
    "what the model was given where it was trained: float64 or float32 (default: as the model's file tells)"

/* NULL, and why in error->text (which begins with the path), on failure. */
alertron_model *modelstore_load(const char *path, alertron_input input, alertron_error *error);
alertron_model *modelstore_load_with(const char *path, const alertron_load_options *options, alertron_error *error);

/* Writes a model in alertron's own format, whole or not at all, as file_write does; *n_bytes is what it took. False,
 * and why, on failure. */
bool modelstore_save(const alertron_model *model, const char *path, size_t *n_bytes, char *why, size_t why_size);

/* The tests in a file, for a model to carry: malloced. NULL, and why, where they can't be read, are too
 * long, or there are none. */
char *modelstore_tests(const char *path, char *why, size_t why_size);

#define MODEL_NAME_BYTES 201u /* of a file's name in a provenance */
#define MODEL_TIME_BYTES 64u

/* For provenance texts: a path's last part, in printable ASCII, and the time in UTC as ISO 8601 has it: of
 * SOURCE_DATE_EPOCH where that is set. */
void modelstore_name(const char *path, char out[MODEL_NAME_BYTES]);
void modelstore_time(char out[MODEL_TIME_BYTES]);

#endif
