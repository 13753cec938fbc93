/* sklearn.c: values to a model: scikit-learn's IsolationForest, alone or behind scalers.
 *
 *     bytes -> values (pickle.c) -> parts: scalers and one forest -> trees with the scalers folded into their
 *     thresholds -> model
 */
#include "sklearn.h"

#include <string.h>

enum {
    PARTS_MAX = 17,          /* scalers of a pipeline and its forest */
    PIPELINES_MAX = 4,       /* pipelines in pipelines */
    PIPELINE_STEPS_MAX = 64, /* steps of all of them together, those that do nothing included */
    VALUES_BYTES_MAX = 512 * 1024 * 1024
};

/* Memory that the values may take: so much a byte of the file, and a little. Forest and model add less than
 * 4 bytes a byte of the file, and 512 KiB of golden rows where there are 4,096 features. A large file is large by its
 * arrays, which stay where they are or, in protocol 2, take as many bytes again: the rest of as many trees as can be
 * loaded is below VALUES_BYTES_MAX. */
static size_t arena_limit(size_t n_bytes)
{
    const size_t base = 384u * 1024u;
    return base + n_bytes + (n_bytes < VALUES_BYTES_MAX / 11 ? 11 * n_bytes : VALUES_BYTES_MAX);
}

struct loader {
    struct arena arena;
    const char *container;                /* "dict", "Pipeline", or NULL */
    const struct value *parts[PARTS_MAX]; /* the forest is the last */
    size_t n_parts;
    char ignored[256]; /* keys of the dict that were not needed */
    struct iforest iforest;
    struct scaler scaler;
};

/* --- which objects the file holds --------------------------------------------------------------------- */

static const char accepted[] = "a fitted IsolationForest, a Pipeline of StandardScaler, MinMaxScaler, RobustScaler or "
                               "MaxAbsScaler that ends in one, or a dict {'scaler', 'model'} of these";

static alertron_status refuse_value(const struct loader *loader, const struct value *value, const char *where)
{
    return alertron__error(loader->arena.error, ALERTRON_ERROR_UNSUPPORTED, value->offset,
                           "%s is %s at byte %zu, which can't be loaded so; save %s", where,
                           alertron__value_describe(value), value->offset, accepted);
}

static bool is_nothing(const struct value *value)
{
    return value->kind == VALUE_NONE || alertron__value_is_text(value, "passthrough");
}

static alertron_status add_part(struct loader *loader, const struct value *value)
{
    if (!alertron__transformer_is(value) && alertron__value_class(value) != CLASS_ISOLATION_FOREST)
        return refuse_value(loader, value, loader->container ? "a part of the model" : "the model");
    if (loader->n_parts == PARTS_MAX)
        return alertron__error(loader->arena.error, ALERTRON_ERROR_LIMIT, value->offset,
                               "more than the %d scalers that can be loaded at byte %zu", PARTS_MAX - 1, value->offset);
    loader->parts[loader->n_parts++] = value;
    return ALERTRON_OK;
}

/* The estimator of a Pipeline's step: a tuple (name, estimator). NULL where the step is none. */
static const struct value *step_of(const struct value *step)
{
    return step->kind == VALUE_TUPLE && step->as.items.n == 2 ? step->as.items.items[1] : NULL;
}

struct open_pipeline {
    const struct values *steps;
    size_t next;
};

static alertron_status open_pipeline(const struct loader *loader, const struct value *pipeline,
                                     struct open_pipeline *open, size_t *n_open)
{
    const struct value *steps = alertron__value_get(pipeline->as.object.state, "steps");
    if (!steps || steps->kind != VALUE_LIST)
        return alertron__error(loader->arena.error, ALERTRON_ERROR_FORMAT, pipeline->offset,
                               "the Pipeline at byte %zu has no list of steps: save the model again", pipeline->offset);
    if (*n_open == PIPELINES_MAX)
        return alertron__error(loader->arena.error, ALERTRON_ERROR_LIMIT, pipeline->offset,
                               "the Pipeline at byte %zu is more than %d deep in others; put its steps into one",
                               pipeline->offset, PIPELINES_MAX);
    open[(*n_open)++] = (struct open_pipeline){.steps = &steps->as.items};
    return ALERTRON_OK;
}

/* Adds an estimator, or the steps of a Pipeline in their order. */
static alertron_status add_parts(struct loader *loader, const struct value *value)
{
    struct open_pipeline open[PIPELINES_MAX];
    size_t n_open = 0, n_steps = 0;
    if (alertron__value_class(value) != CLASS_PIPELINE)
        return add_part(loader, value);
    alertron_status status = open_pipeline(loader, value, open, &n_open);
    while (status == ALERTRON_OK && n_open) {
        struct open_pipeline *innermost = &open[n_open - 1];
        if (innermost->next == innermost->steps->n) {
            n_open--;
            continue;
        }
        const struct value *step = innermost->steps->items[innermost->next++], *estimator = step_of(step);
        if (!estimator)
            return refuse_value(loader, step, "a step of the Pipeline");
        if (++n_steps > PIPELINE_STEPS_MAX)
            return alertron__error(loader->arena.error, ALERTRON_ERROR_LIMIT, step->offset,
                                   "a Pipeline of more than %d steps at byte %zu", PIPELINE_STEPS_MAX, step->offset);
        if (is_nothing(estimator))
            continue;
        status = alertron__value_class(estimator) == CLASS_PIPELINE ? open_pipeline(loader, estimator, open, &n_open)
                                                                    : add_part(loader, estimator);
    }
    return status;
}

static bool is_estimator(const struct value *value)
{
    switch (alertron__value_class(value)) {
    case CLASS_ISOLATION_FOREST:
    case CLASS_EXTRA_TREE:
    case CLASS_TREE:
    case CLASS_PIPELINE:
        return true;
    default:
        return alertron__transformer_is(value);
    }
}

/* Other keys of a dict are left alone where they hold plain data, and named in the provenance; another estimator
 * there would mean that readings take a way that is not known here. */
static alertron_status ignore_key(struct loader *loader, const struct value *key, const struct value *value)
{
    if (key->kind != VALUE_TEXT || is_estimator(value))
        return alertron__error(
            loader->arena.error, ALERTRON_ERROR_UNSUPPORTED, value->offset,
            "the dict holds %s at byte %zu beside 'scaler' and 'model'; only plain data may be there: "
            "what else readings pass through must be in the scaler or done before",
            alertron__value_describe(value), value->offset);
    size_t used = strlen(loader->ignored);
    if (used + key->as.text.n + 3 < sizeof loader->ignored) {
        char *out = loader->ignored + used;
        if (used) {
            *out++ = ',';
            *out++ = ' ';
        }
        for (size_t i = 0; i < key->as.text.n; i++) {
            unsigned char c = key->as.text.bytes[i];
            *out++ = c < 0x20 || c >= 0x7f ? '?' : (char)c;
        }
    }
    return ALERTRON_OK;
}

static alertron_status find_parts_in_dict(struct loader *loader, const struct value *dict)
{
    const struct value *scaler = alertron__value_get(dict, "scaler"), *model = alertron__value_get(dict, "model");
    loader->container = "dict";
    if (!scaler || !model)
        return alertron__error(loader->arena.error, ALERTRON_ERROR_UNSUPPORTED, dict->offset,
                               "the dict at byte %zu lacks the key '%s'; save %s (other keys may hold plain data)",
                               dict->offset, scaler ? "model" : "scaler", accepted);
    const struct values *items = &dict->as.items;
    for (size_t i = 0; i + 1 < items->n; i += 2) {
        const struct value *key = items->items[i];
        if (alertron__value_is_text(key, "scaler") || alertron__value_is_text(key, "model"))
            continue;
        alertron_status status = ignore_key(loader, key, items->items[i + 1]);
        if (status != ALERTRON_OK)
            return status;
    }
    alertron_status status = is_nothing(scaler) ? ALERTRON_OK : add_parts(loader, scaler);
    return status == ALERTRON_OK ? add_parts(loader, model) : status;
}

static alertron_status find_parts(struct loader *loader, const struct value *root)
{
    alertron_status status;
    if (root->kind == VALUE_DICT) {
        status = find_parts_in_dict(loader, root);
    } else {
        loader->container = alertron__value_class(root) == CLASS_PIPELINE ? "Pipeline" : NULL;
        status = add_parts(loader, root);
    }
    if (status != ALERTRON_OK)
        return status;
    for (size_t i = 0; i < loader->n_parts; i++) {
        const bool last = i + 1 == loader->n_parts;
        if (last != (alertron__value_class(loader->parts[i]) == CLASS_ISOLATION_FOREST))
            return refuse_value(loader, loader->parts[i],
                                last ? "the model's end" : "what stands before the model's end");
    }
    return loader->n_parts ? ALERTRON_OK : refuse_value(loader, root, "the model without a forest");
}

/* --- from the parts to a model ---------------------------------------------------------------------------- */

static alertron_status read_scalers(struct loader *loader, alertron_input input)
{
    if (input == ALERTRON_INPUT_DEFAULT)
        loader->scaler.single = loader->container && strcmp(loader->container, "dict") == 0;
    else
        loader->scaler.single = input == ALERTRON_INPUT_FLOAT32;
    for (size_t i = 0; i + 1 < loader->n_parts; i++) {
        alertron_status status =
            alertron__transformer_read(loader->parts[i], loader->iforest.n_features, &loader->arena, &loader->scaler);
        if (status != ALERTRON_OK)
            return status;
    }
    return ALERTRON_OK;
}

static alertron_status refuse_names(const struct loader *loader, const struct value *names)
{
    return alertron__error(loader->arena.error, ALERTRON_ERROR_FORMAT, names->offset,
                           "feature_names_in_ at byte %zu is no array of %u names: save the model again", names->offset,
                           loader->iforest.n_features);
}

/* The names of the first part that has any: they are the columns of what readings were before scaling. */
static alertron_status read_names(struct loader *loader, const char *const **names)
{
    const struct value *value = NULL;
    const uint32_t n = loader->iforest.n_features;
    struct array array;
    for (size_t i = 0; i < loader->n_parts && !value; i++)
        value = alertron__value_get(loader->parts[i]->as.object.state, "feature_names_in_");
    *names = NULL;
    if (!value)
        return ALERTRON_OK;
    if (alertron__array_of(value, "feature_names_in_", &array, loader->arena.error) != ALERTRON_OK)
        return ALERTRON_ERROR_FORMAT;
    if (!array.objects || array.n != n)
        return refuse_names(loader, value);
    const char **copies = alertron__arena_take(&loader->arena, n, sizeof *copies);
    if (!copies)
        return ALERTRON_ERROR_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        const struct value *name = array.objects->as.items.items[i];
        if (name->kind == VALUE_TEXT && name->as.text.n > ALERTRON_FEATURE_NAME_MAX)
            return alertron__error(loader->arena.error, ALERTRON_ERROR_LIMIT, name->offset,
                                   "the name of feature %u at byte %zu has %zu bytes; at most %u can be loaded", i,
                                   name->offset, name->as.text.n, ALERTRON_FEATURE_NAME_MAX);
        if (name->kind != VALUE_TEXT || memchr(name->as.text.bytes, 0, name->as.text.n))
            return refuse_names(loader, value);
        char *copy = alertron__arena_take(&loader->arena, name->as.text.n + 1, 1);
        if (!copy)
            return ALERTRON_ERROR_MEMORY;
        memcpy(copy, name->as.text.bytes, name->as.text.n);
        copies[i] = copy;
    }
    *names = copies;
    return ALERTRON_OK;
}

static void append(char *out, size_t capacity, const char *text)
{
    size_t used = strlen(out);
    alertron__text(out + used, capacity - used, "%s", text);
}

/* "key: value", where the forest has a plain value for the key. */
static void append_parameter(const struct loader *loader, const char *key, char *out, size_t capacity)
{
    const struct value *value = alertron__value_get(loader->iforest.state, key);
    char digits[ALERTRON_NUMBER_BYTES + 1] = "";
    const char *text = digits;
    double number;
    if (alertron__value_number(value, &number))
        alertron__number_text(number, digits);
    else if (value && value->kind == VALUE_BOOL)
        text = value->as.integer ? "true" : "false";
    else if (alertron__value_is_text(value, "auto"))
        text = "auto";
    else
        return;
    append(out, capacity, key);
    append(out, capacity, ": ");
    append(out, capacity, text);
    append(out, capacity, "\n");
}

static void describe_file(const struct loader *loader, char *out, size_t capacity)
{
    out[0] = 0;
    append(out, capacity, "container: ");
    if (loader->container) {
        append(out, capacity, loader->container);
        append(out, capacity, "(");
    }
    for (size_t i = 0; i < loader->n_parts; i++) {
        append(out, capacity, i ? ", " : "");
        append(out, capacity, alertron__value_describe(loader->parts[i]));
    }
    append(out, capacity, loader->container ? ")\n" : "\n");
    append_parameter(loader, "contamination", out, capacity);
    append_parameter(loader, "max_features", out, capacity);
    append_parameter(loader, "bootstrap", out, capacity);
    if (loader->n_parts > 1)
        append(out, capacity, loader->scaler.single ? "input: float32\n" : "input: float64\n");
    if (loader->ignored[0]) {
        append(out, capacity, "ignored keys: ");
        append(out, capacity, loader->ignored);
        append(out, capacity, "\n");
    }
}

static alertron_model *make_model(struct loader *loader, size_t n_bytes, const char *const *names)
{
    const struct iforest *iforest = &loader->iforest;
    char producer[64], provenance[1024];
    alertron__text(producer, sizeof producer, "scikit-learn %s", iforest->version.text);
    describe_file(loader, provenance, sizeof provenance);
    struct forest *forest = alertron__iforest_trees(iforest, &loader->scaler, n_bytes, &loader->arena);
    if (!forest)
        return NULL;
    /* Anomaly: score_samples - offset_ < 0, and score_samples is the negative of our score. */
    const struct model_parts parts = {
        .forest = forest,
        .samples = iforest->samples,
        .normalizer = (double)iforest->n_trees * alertron__average_path_length(iforest->samples),
        .cuts = {.threshold = -iforest->offset,
                 .medium_quantile = 0.80,
                 .high_quantile = 0.95,
                 .origin = ALERTRON_CUTS_PROVISIONAL},
        .feature_names = names,
        .producer = producer,
        .provenance = provenance,
    };
    return alertron__model_new(&parts, &loader->arena.allocator, loader->arena.error);
}

/* --- bytes ---------------------------------------------------------------------------------------------------- */

struct signature {
    const char *bytes;
    size_t n;
    alertron_status status;
    const char *text;
};

#define RESAVE "save the model again with joblib.dump(model, file, compress=0)"
#define TEXT_PICKLE "a text pickle of protocol 0 or 1 can't be read; save the model with protocol 2 to 5"

static const struct signature signatures[] = {
    {"\x1f\x8b", 2, ALERTRON_ERROR_COMPRESSED, "the file is compressed with gzip: inflate it first, or " RESAVE},
    {"\xfd"
     "7zXZ",
     5, ALERTRON_ERROR_COMPRESSED, "the file is compressed with xz: " RESAVE},
    {"\x5d\0\0", 3, ALERTRON_ERROR_COMPRESSED, "the file is compressed with lzma: " RESAVE},
    {"BZh", 3, ALERTRON_ERROR_COMPRESSED, "the file is compressed with bz2: " RESAVE},
    {"\x04\x22\x4d\x18", 4, ALERTRON_ERROR_COMPRESSED, "the file is compressed with lz4: " RESAVE},
    {"\x28\xb5\x2f\xfd", 4, ALERTRON_ERROR_COMPRESSED, "the file is compressed with zstd: " RESAVE},
    {"PK\x03\x04", 4, ALERTRON_ERROR_UNSUPPORTED, "the file is a zip archive, perhaps of skops: " RESAVE},
    {"\x93NUMPY", 6, ALERTRON_ERROR_UNSUPPORTED,
     "the file is a NumPy array, not a model: save the fitted model with "
     "joblib.dump(model, file)"},
    {"c", 1, ALERTRON_ERROR_UNSUPPORTED, TEXT_PICKLE},
    {"(d", 2, ALERTRON_ERROR_UNSUPPORTED, TEXT_PICKLE},
    {"(l", 2, ALERTRON_ERROR_UNSUPPORTED, TEXT_PICKLE},
    {"}q", 2, ALERTRON_ERROR_UNSUPPORTED, TEXT_PICKLE},
    {"]q", 2, ALERTRON_ERROR_UNSUPPORTED, TEXT_PICKLE},
};

/* zlib's first two bytes: deflate, a window, and a check that makes them a multiple of 31. */
static bool is_zlib(const unsigned char *bytes, size_t n_bytes)
{
    return n_bytes >= 2 && (bytes[0] & 0x8f) == 0x08 && ((unsigned)bytes[0] << 8 | bytes[1]) % 31 == 0;
}

static alertron_status check_beginning(const unsigned char *bytes, size_t n_bytes, alertron_error *error)
{
    if (n_bytes >= 2 && bytes[0] == 0x80)
        return ALERTRON_OK;
    if (n_bytes == 0)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, 0, "there is no model: the file is empty");
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (n_bytes >= signatures[i].n && memcmp(bytes, signatures[i].bytes, signatures[i].n) == 0)
            return alertron__error(error, signatures[i].status, 0, "%s", signatures[i].text);
    if (is_zlib(bytes, n_bytes))
        return alertron__error(error, ALERTRON_ERROR_COMPRESSED, 0,
                               "the file is compressed with zlib: inflate it first, or " RESAVE);
    return alertron__error(error, ALERTRON_ERROR_FORMAT, 0,
                           "these %zu bytes are neither a model of alertron's own nor a pickle or joblib file of "
                           "scikit-learn",
                           n_bytes);
}

alertron_model *alertron__sklearn_load(const unsigned char *bytes, size_t n_bytes, alertron_input input,
                                       const alertron_allocator *allocator, alertron_error *error)
{
    if (check_beginning(bytes, n_bytes, error) != ALERTRON_OK)
        return NULL;
    struct loader loader = {.arena = {.allocator = *allocator, .limit = arena_limit(n_bytes), .error = error}};
    const char *const *names = NULL;
    alertron_model *model = NULL;
    const struct value *root = alertron__pickle_read(bytes, n_bytes, &loader.arena);
    if (!root || find_parts(&loader, root) != ALERTRON_OK)
        goto release;
    const struct value *estimator = loader.parts[loader.n_parts - 1];
    if (alertron__iforest_read(estimator, &loader.iforest, error) == ALERTRON_OK &&
        read_scalers(&loader, input) == ALERTRON_OK && read_names(&loader, &names) == ALERTRON_OK)
        model = make_model(&loader, n_bytes, names);
release:
    alertron__arena_free(&loader.arena);
    return model;
}
