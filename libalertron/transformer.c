/* transformer.c: scikit-learn's scalers as steps.
 *
 * What each scaler computes was read in scikit-learn's source, 1.0 to 1.9. All of them work in place on rows that
 * stay float32 where they were float32: a step is computed in the wider of the row's and the parameter's type and
 * rounded to the row's. Where both are float32 that is the same as rounding the double result, since a double has
 * more than twice as many bits. StandardScaler rounds its parameters to the row's type first, from 1.8 on.
 */
#include "sklearn.h"

#include <string.h>

/* The scaler that is being read, and where its steps go. */
struct scaler_reader {
    const struct value *estimator, *state;
    const char *name;
    uint32_t n_features;
    struct sklearn_version version;
    struct arena *arena;
    struct scaler *scaler;
};

/* --- what every estimator tells of itself --------------------------------------------------------- */

/* "1.7.1": two numbers, and whatever follows. */
static bool parse_version(const struct value *text, struct sklearn_version *version)
{
    if (!text || text->kind != VALUE_TEXT || text->as.text.n == 0 || text->as.text.n >= sizeof version->text)
        return false;
    unsigned *numbers[2] = {&version->major, &version->minor};
    size_t at = 0;
    const unsigned char *bytes = text->as.text.bytes;
    *version = (struct sklearn_version){0};
    for (size_t i = 0; i < text->as.text.n; i++)
        if (bytes[i] <= 0x20 || bytes[i] >= 0x7f)
            return false;
    memcpy(version->text, bytes, text->as.text.n);
    for (int i = 0; i < 2; i++, at++) {
        size_t begin = at;
        for (; version->text[at] >= '0' && version->text[at] <= '9' && at < begin + 3; at++)
            *numbers[i] = *numbers[i] * 10 + (unsigned)(version->text[at] - '0');
        if (at == begin || (i == 0 && version->text[at] != '.'))
            return false;
    }
    return true;
}

alertron_status alertron__sklearn_version(const struct value *estimator, struct sklearn_version *version,
                                          alertron_error *error)
{
    const char *name = alertron__value_describe(estimator);
    if (!parse_version(alertron__value_get(estimator->as.object.state, "_sklearn_version"), version))
        return alertron__error(error, ALERTRON_ERROR_FORMAT, estimator->offset,
                               "%s at byte %zu doesn't say which scikit-learn it is of: save the model again", name,
                               estimator->offset);
    if (version->major != 1 || version->minor > 9)
        return alertron__error(error, ALERTRON_ERROR_UNSUPPORTED, estimator->offset,
                               "%s at byte %zu is of scikit-learn %s; 1.0 to 1.9 can be read: fit and save the model "
                               "with one of them",
                               name, estimator->offset, version->text);
    return ALERTRON_OK;
}

alertron_status alertron__sklearn_features(const struct value *estimator, uint32_t *n_features, alertron_error *error)
{
    const char *name = alertron__value_describe(estimator);
    const struct value *value = alertron__value_get(estimator->as.object.state, "n_features_in_");
    int64_t n;
    if (!value)
        return alertron__error(error, ALERTRON_ERROR_UNSUPPORTED, estimator->offset,
                               "%s at byte %zu was not fitted: call fit before saving it", name, estimator->offset);
    if (!alertron__value_integer(value, &n) || n < 1)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, value->offset,
                               "%s: n_features_in_ at byte %zu is no number of features: save the model again", name,
                               value->offset);
    if (n > ALERTRON_FEATURES_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, value->offset,
                               "%s at byte %zu has %lld features; at most %u can be loaded", name, estimator->offset,
                               (long long)n, ALERTRON_FEATURES_MAX);
    *n_features = (uint32_t)n;
    return ALERTRON_OK;
}

/* --- parameters -------------------------------------------------------------------------------------- */

static alertron_status add_step(struct scaler_reader *reader, struct scaler_step step)
{
    struct scaler *scaler = reader->scaler;
    if (scaler->n_steps == SCALER_STEPS_MAX)
        return alertron__error(reader->arena->error, ALERTRON_ERROR_LIMIT, reader->estimator->offset,
                               "%s at byte %zu: more scaling steps than the %d that can be loaded", reader->name,
                               reader->estimator->offset, SCALER_STEPS_MAX);
    scaler->steps[scaler->n_steps++] = step;
    return ALERTRON_OK;
}

static bool is_finite(double x)
{
    return x - x == 0.0;
}

static alertron_status refuse_operand(const struct scaler_reader *reader, const char *key, size_t feature,
                                      double operand)
{
    char number[ALERTRON_NUMBER_BYTES + 1] = "";
    alertron__number_text(operand, number);
    return alertron__error(reader->arena->error, ALERTRON_ERROR_UNSUPPORTED, reader->estimator->offset,
                           "%s at byte %zu: %s of feature %zu is %s; it must be %s, and no float32 may overflow: fit "
                           "the scaler again",
                           reader->name, reader->estimator->offset, key, feature, number,
                           strcmp(key, "scale_") == 0 ? "above 0 and finite" : "finite");
}

/* One operation with a fitted array: `narrow` rounds its numbers to the rows' type first. */
static alertron_status add_array(struct scaler_reader *reader, const char *key, enum scaler_operation operation,
                                 bool narrow)
{
    struct array array;
    char what[64];
    alertron__text(what, sizeof what, "%s: %s", reader->name, key);
    alertron_status status = alertron__vector_of(alertron__value_get(reader->state, key), what, reader->n_features,
                                                 &array, reader->arena->error);
    if (status != ALERTRON_OK)
        return status;
    double *operands = alertron__arena_take(reader->arena, reader->n_features, sizeof *operands);
    if (!operands)
        return ALERTRON_ERROR_MEMORY;
    const bool factor = operation == SCALER_DIVIDE || operation == SCALER_MULTIPLY;
    for (size_t i = 0; i < reader->n_features; i++) {
        double operand = alertron__array_number(&array, i);
        operands[i] = narrow && reader->scaler->single ? alertron__rounded_to_single(operand) : operand;
        /* NaN: a column without any number. It makes NaN of every reading, and no tree splits it. */
        const bool unseen = operand != operand;
        if (!unseen && (!is_finite(operands[i]) || (factor && !(operands[i] > 0.0))))
            return refuse_operand(reader, key, i, operand);
    }
    return add_step(reader, (struct scaler_step){.operation = operation, .operands = operands});
}

/* A bool of the constructor; one that this version does not have yet is false. */
static alertron_status read_flag(const struct scaler_reader *reader, const char *key, bool *flag)
{
    const struct value *value = alertron__value_get(reader->state, key);
    int64_t integer = 0;
    if (value && value->kind == VALUE_BOOL)
        integer = value->as.integer;
    else if (value && !alertron__value_integer(value, &integer))
        return alertron__error(reader->arena->error, ALERTRON_ERROR_FORMAT, value->offset,
                               "%s: %s at byte %zu is %s, not a bool: save the model again", reader->name, key,
                               value->offset, alertron__value_describe(value));
    *flag = integer != 0;
    return ALERTRON_OK;
}

/* The operation with `key`, where `flag` asks for it. */
static alertron_status add_if(struct scaler_reader *reader, const char *flag, const char *key,
                              enum scaler_operation operation, bool narrow)
{
    bool wanted = false;
    alertron_status status = read_flag(reader, flag, &wanted);
    if (status != ALERTRON_OK || !wanted)
        return status;
    return add_array(reader, key, operation, narrow);
}

static alertron_status add_clip(struct scaler_reader *reader, double low, double high)
{
    bool wanted = false;
    alertron_status status = read_flag(reader, "clip", &wanted);
    if (status != ALERTRON_OK || !wanted)
        return status;
    if (!is_finite(low) || !is_finite(high) || !(low < high))
        return alertron__error(reader->arena->error, ALERTRON_ERROR_FORMAT, reader->estimator->offset,
                               "%s at byte %zu: feature_range is not two rising numbers: save the model again",
                               reader->name, reader->estimator->offset);
    status = add_step(reader, (struct scaler_step){.operation = SCALER_AT_LEAST, .operand = low});
    if (status == ALERTRON_OK)
        status = add_step(reader, (struct scaler_step){.operation = SCALER_AT_MOST, .operand = high});
    return status;
}

/* --- the scalers --------------------------------------------------------------------------------------- */

static alertron_status read_standard(struct scaler_reader *reader)
{
    const bool narrow = reader->version.minor >= 8;
    alertron_status status = add_if(reader, "with_mean", "mean_", SCALER_SUBTRACT, narrow);
    return status == ALERTRON_OK ? add_if(reader, "with_std", "scale_", SCALER_DIVIDE, narrow) : status;
}

static alertron_status read_robust(struct scaler_reader *reader)
{
    alertron_status status = add_if(reader, "with_centering", "center_", SCALER_SUBTRACT, false);
    return status == ALERTRON_OK ? add_if(reader, "with_scaling", "scale_", SCALER_DIVIDE, false) : status;
}

static alertron_status read_minmax(struct scaler_reader *reader)
{
    double range[2] = {0};
    const struct value *value = alertron__value_get(reader->state, "feature_range");
    const bool pair = value && (value->kind == VALUE_TUPLE || value->kind == VALUE_LIST) && value->as.items.n == 2;
    for (size_t i = 0; pair && i < 2; i++)
        if (!alertron__value_number(value->as.items.items[i], &range[i]))
            range[0] = range[1]; /* refused where it is needed */
    alertron_status status = add_array(reader, "scale_", SCALER_MULTIPLY, false);
    if (status == ALERTRON_OK)
        status = add_array(reader, "min_", SCALER_ADD, false);
    return status == ALERTRON_OK ? add_clip(reader, range[0], range[1]) : status;
}

static alertron_status read_maxabs(struct scaler_reader *reader)
{
    alertron_status status = add_array(reader, "scale_", SCALER_DIVIDE, false);
    return status == ALERTRON_OK ? add_clip(reader, -1.0, 1.0) : status;
}

static alertron_status (*reader_for(const struct value *estimator))(struct scaler_reader *)
{
    switch (alertron__value_class(estimator)) {
    case CLASS_STANDARD_SCALER:
        return read_standard;
    case CLASS_ROBUST_SCALER:
        return read_robust;
    case CLASS_MINMAX_SCALER:
        return read_minmax;
    case CLASS_MAXABS_SCALER:
        return read_maxabs;
    default:
        return NULL;
    }
}

bool alertron__transformer_is(const struct value *estimator)
{
    return reader_for(estimator) != NULL;
}

alertron_status alertron__transformer_read(const struct value *estimator, uint32_t n_features, struct arena *arena,
                                           struct scaler *scaler)
{
    struct scaler_reader reader = {.estimator = estimator,
                                   .state = estimator->as.object.state,
                                   .name = alertron__value_describe(estimator),
                                   .n_features = n_features,
                                   .arena = arena,
                                   .scaler = scaler};
    uint32_t fitted_features = 0;
    alertron_status status = alertron__sklearn_version(estimator, &reader.version, arena->error);
    if (status == ALERTRON_OK)
        status = alertron__sklearn_features(estimator, &fitted_features, arena->error);
    if (status != ALERTRON_OK)
        return status;
    if (fitted_features != n_features)
        return alertron__error(arena->error, ALERTRON_ERROR_UNSUPPORTED, estimator->offset,
                               "%s at byte %zu is fitted to %u features, the forest to %u: fit both to the same",
                               reader.name, estimator->offset, fitted_features, n_features);
    return reader_for(estimator)(&reader);
}
