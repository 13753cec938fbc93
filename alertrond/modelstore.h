/* modelstore.h: models from files: read, inflated where compressed (the one room that knows zlib), loaded. */
#ifndef ALERTROND_MODELSTORE_H
#define ALERTROND_MODELSTORE_H

#include <alertron.h>

#define MODEL_FILE_BYTES_MAX ((size_t)1 << 30) /* of a model, inflated */

/* NULL, and why in error->text (which begins with the path), on failure. */
alertron_model *modelstore_load(const char *path, alertron_input input, alertron_error *error);
alertron_model *modelstore_load_with(const char *path, const alertron_load_options *options, alertron_error *error);

#endif
