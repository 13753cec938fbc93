/* load.c: which room reads these bytes? */
#include "private.h"

alertron_model *alertron_model_load(const void *bytes, size_t n_bytes, const alertron_allocator *allocator,
                                    alertron_error *error)
{
    return alertron_model_load_with(bytes, n_bytes, NULL, allocator, error);
}

alertron_model *alertron_model_load_with(const void *bytes, size_t n_bytes, const alertron_load_options *options,
                                         const alertron_allocator *allocator, alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    if (alertron__modelfile_is(bytes, n_bytes))
        return alertron__modelfile_load(bytes, n_bytes, &memory, error);
    return alertron__sklearn_load(bytes, n_bytes, options ? options->input : ALERTRON_INPUT_DEFAULT, &memory, error);
}
