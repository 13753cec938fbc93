/* load.c: which room reads these bytes? */
#include "check.h"
#include "sklearn.h"

#ifdef ALERTRON_NO_PICKLE

/* For machines without room for it: a linker that drops unused functions drops the reader of pickles. */
static alertron_model *load_pickle(const unsigned char *bytes, size_t n_bytes, alertron_input input,
                                   const alertron_allocator *allocator, alertron_error *error)
{
    (void)bytes, (void)n_bytes, (void)input, (void)allocator;
    alertron__error(
        error, ALERTRON_ERROR_UNSUPPORTED, 0,
        "this is no model file of libalertron, and this build reads no other (ALERTRON_NO_PICKLE): load the "
        "model elsewhere, and save it with alertron_model_save");
    return NULL;
}

#else

static alertron_model *load_pickle(const unsigned char *bytes, size_t n_bytes, alertron_input input,
                                   const alertron_allocator *allocator, alertron_error *error)
{
    return alertron__sklearn_load(bytes, n_bytes, input, allocator, error);
}

#endif

alertron_model *alertron__model_tested(alertron_model *model, alertron_error *error)
{
    if (!model || alertron__model_self_test(model, &model->allocator, error) == ALERTRON_OK)
        return model;
    alertron_model_free(model);
    return NULL;
}

alertron_model *alertron_model_load(const void *bytes, size_t n_bytes, const alertron_allocator *allocator,
                                    alertron_error *error)
{
    return alertron_model_load_with(bytes, n_bytes, NULL, allocator, error);
}

alertron_model *alertron_model_load_with(const void *bytes, size_t n_bytes, const alertron_load_options *options,
                                         const alertron_allocator *allocator, alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    if (alertron__modelfile_is(bytes, n_bytes)) {
        alertron_model *model = alertron__modelfile_load(bytes, n_bytes, &memory, error);
        return options && options->skip_tests ? model : alertron__model_tested(model, error);
    }
    return load_pickle(bytes, n_bytes, options ? options->input : ALERTRON_INPUT_DEFAULT, &memory, error);
}
