/* ndarray.c: NumPy's dtypes, arrays and scalars, read out of a pickle's values.
 *
 * An array's numbers stay where they lie in the file, in the file's byte order and without alignment; they are
 * put together from bytes when they are asked for.
 */
#include "sklearn.h"

#include <string.h>

/* --- dtypes ----------------------------------------------------------------------------------------- */

static alertron_status refuse_dtype(const struct value *value, alertron_error *error)
{
    return alertron__error(error, ALERTRON_ERROR_FORMAT, value->offset,
                           "the type of numbers at byte %zu can't be understood: the file is damaged, or of an unknown "
                           "NumPy; save the model again",
                           value->offset);
}

/* "f8": a letter and a size; U counts characters of four bytes. */
static bool parse_type(const struct value *text, struct dtype *dtype)
{
    if (text->kind != VALUE_TEXT || text->as.text.n < 2 || text->as.text.n > 8)
        return false;
    uint32_t size = 0;
    for (size_t i = 1; i < text->as.text.n; i++) {
        unsigned digit = (unsigned)text->as.text.bytes[i] - '0';
        if (digit > 9)
            return false;
        size = size * 10 + digit;
    }
    dtype->kind = (char)text->as.text.bytes[0];
    dtype->size = dtype->kind == 'U' ? size * 4 : size;
    return dtype->size > 0;
}

static bool known_order(const struct value *order)
{
    return alertron__value_is_text(order, "<") || alertron__value_is_text(order, ">") ||
           alertron__value_is_text(order, "|");
}

/* dtype(type, False, True), and a state (version, order, subarray, names, fields, size, alignment, flags). */
alertron_status alertron__dtype_of(const struct value *value, struct dtype *dtype, alertron_error *error)
{
    *dtype = (struct dtype){0};
    if (alertron__value_class(value) != CLASS_DTYPE)
        return refuse_dtype(value, error);
    const struct values *arguments = &value->as.object.arguments->as.items;
    const struct value *state = value->as.object.state;
    if (arguments->n < 1 || !parse_type(arguments->items[0], dtype) || !state || state->kind != VALUE_TUPLE ||
        state->as.items.n < 8)
        return refuse_dtype(value, error);
    struct value **parts = state->as.items.items;
    if (!known_order(parts[1]) || parts[2]->kind != VALUE_NONE)
        return refuse_dtype(value, error);
    dtype->big_endian = alertron__value_is_text(parts[1], ">");
    dtype->fields = parts[4]->kind == VALUE_DICT ? parts[4] : NULL;
    return ALERTRON_OK;
}

bool alertron__dtype_is_numeric(const struct dtype *dtype)
{
    switch (dtype->kind) {
    case 'f':
        return dtype->size == 2 || dtype->size == 4 || dtype->size == 8;
    case 'i':
    case 'u':
        return dtype->size == 1 || dtype->size == 2 || dtype->size == 4 || dtype->size == 8;
    case 'b':
        return dtype->size == 1;
    default:
        return false;
    }
}

bool alertron__dtype_field(const struct dtype *dtype, const char *name, struct dtype *field)
{
    const struct value *entry = alertron__value_get(dtype->fields, name);
    int64_t offset;
    if (!entry || entry->kind != VALUE_TUPLE || entry->as.items.n < 2 ||
        alertron__dtype_of(entry->as.items.items[0], field, NULL) != ALERTRON_OK ||
        !alertron__dtype_is_numeric(field) || !alertron__value_integer(entry->as.items.items[1], &offset))
        return false;
    if (field->size > dtype->size || offset < 0 || offset > (int64_t)(dtype->size - field->size))
        return false;
    field->offset = (uint32_t)offset;
    return true;
}

/* --- numbers ---------------------------------------------------------------------------------------- */

static uint64_t load_bits(const struct dtype *dtype, const unsigned char *item)
{
    item += dtype->offset;
    if (!dtype->big_endian)
        return alertron__load_le(item, dtype->size);
    uint64_t bits = 0;
    for (uint32_t i = 0; i < dtype->size; i++)
        bits = bits << 8 | item[i];
    return bits;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754's binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
static double half_of_bits(uint64_t bits)
{
    const uint64_t sign = bits >> 15 << 63, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 0)
        return (sign ? -1.0 : 1.0) * (double)fraction / 16777216.0;
    const uint64_t widened = exponent == 31 ? 2047 : exponent - 15 + 1023;
    return alertron__double_of_bits(sign | widened << 52 | fraction << 42);
}

/* A float is cut off, and what no int64 holds becomes its end; whoever asks checks the range. */
static int64_t integer_of_float(double number)
{
    if (number >= -9223372036854775808.0 && number < 9223372036854775808.0)
        return (int64_t)number;
    return number < 0 ? INT64_MIN : INT64_MAX;
}

int64_t alertron__dtype_integer(const struct dtype *dtype, const unsigned char *item)
{
    if (dtype->kind == 'f')
        return integer_of_float(alertron__dtype_number(dtype, item));
    uint64_t bits = load_bits(dtype, item);
    if (dtype->kind != 'i')
        return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    const unsigned unused = 64 - 8 * dtype->size;
    const uint64_t sign = (uint64_t)1 << 63 >> unused;
    bits = (bits ^ sign) - sign;
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double alertron__dtype_number(const struct dtype *dtype, const unsigned char *item)
{
    if (dtype->kind != 'f')
        return (double)alertron__dtype_integer(dtype, item);
    uint64_t bits = load_bits(dtype, item);
    switch (dtype->size) {
    case 2:
        return half_of_bits(bits);
    case 4:
        return (double)float_of_bits((uint32_t)bits);
    default:
        return alertron__double_of_bits(bits);
    }
}

/* A NumPy number is scalar(dtype, bytes). */
static const unsigned char *scalar_of(const struct value *value, struct dtype *dtype)
{
    if (alertron__value_class(value) != CLASS_SCALAR)
        return NULL;
    const struct values *arguments = &value->as.object.arguments->as.items;
    if (arguments->n != 2 || alertron__dtype_of(arguments->items[0], dtype, NULL) != ALERTRON_OK ||
        !alertron__dtype_is_numeric(dtype))
        return NULL;
    const struct value *bytes = arguments->items[1];
    return bytes->kind == VALUE_BYTES && bytes->as.text.n == dtype->size ? bytes->as.text.bytes : NULL;
}

bool alertron__value_number(const struct value *value, double *number)
{
    struct dtype dtype;
    if (!value)
        return false;
    const unsigned char *item = scalar_of(value, &dtype);
    if (item)
        *number = alertron__dtype_number(&dtype, item);
    else if (value->kind == VALUE_FLOAT)
        *number = value->as.number;
    else if (value->kind == VALUE_INTEGER)
        *number = (double)value->as.integer;
    else
        return false;
    return true;
}

bool alertron__value_integer(const struct value *value, int64_t *integer)
{
    struct dtype dtype;
    if (!value)
        return false;
    const unsigned char *item = scalar_of(value, &dtype);
    if (item && dtype.kind != 'f')
        *integer = alertron__dtype_integer(&dtype, item);
    else if (value->kind == VALUE_INTEGER)
        *integer = value->as.integer;
    else
        return false;
    return true;
}

/* --- arrays ------------------------------------------------------------------------------------------- */

/* The values that say what an array is, whichever way it was pickled. */
struct parts {
    const struct value *shape, *dtype, *data;
};

static bool is_ndarray(const struct value *value)
{
    return value && value->kind == VALUE_CLASS && value->as.class_id == CLASS_NDARRAY;
}

/* _reconstruct(ndarray, (0,), b'b') and a state (1, shape, dtype, is_fortran, data). */
static bool reconstructed_parts(const struct value *value, struct parts *parts)
{
    const struct values *arguments = &value->as.object.arguments->as.items;
    const struct value *state = value->as.object.state;
    if (arguments->n < 1 || !is_ndarray(arguments->items[0]) || !state || state->kind != VALUE_TUPLE ||
        state->as.items.n != 5)
        return false;
    struct value **items = state->as.items.items;
    *parts = (struct parts){.shape = items[1], .dtype = items[2], .data = items[4]};
    return true;
}

/* _frombuffer(data, dtype, shape, order) */
static bool buffer_parts(const struct value *value, struct parts *parts)
{
    const struct values *arguments = &value->as.object.arguments->as.items;
    if (arguments->n != 4)
        return false;
    struct value **items = arguments->items;
    *parts = (struct parts){.shape = items[2], .dtype = items[1], .data = items[0]};
    return true;
}

static bool find_array_parts(const struct value *value, struct parts *parts)
{
    if (value->kind == VALUE_ARRAY) {
        const struct value *state = value->as.array.state;
        *parts =
            (struct parts){.shape = alertron__value_get(state, "shape"), .dtype = alertron__value_get(state, "dtype")};
        return is_ndarray(alertron__value_get(state, "subclass")) && parts->shape && parts->dtype;
    }
    switch (alertron__value_class(value)) {
    case CLASS_RECONSTRUCT:
        return reconstructed_parts(value, parts);
    case CLASS_FROMBUFFER:
        return buffer_parts(value, parts);
    default:
        return false;
    }
}

static bool read_shape(const struct value *shape, struct array *array)
{
    if (shape->kind != VALUE_TUPLE || shape->as.items.n > ARRAY_DIMENSIONS_MAX)
        return false;
    array->n = 1;
    array->n_dimensions = shape->as.items.n;
    for (size_t i = 0; i < array->n_dimensions; i++) {
        int64_t length;
        if (!alertron__value_integer(shape->as.items.items[i], &length) || length < 0 ||
            (uint64_t)length > SIZE_MAX / 2 || (length > 0 && array->n > SIZE_MAX / 2 / (size_t)length))
            return false;
        array->shape[i] = (size_t)length;
        array->n *= (size_t)length;
    }
    return true;
}

/* The data must be there to the byte. */
static bool read_data(const struct value *value, const struct value *data, struct array *array)
{
    if (value->kind == VALUE_ARRAY) {
        array->data = value->as.array.data;
        return !array->data || /* they are still to be read, as many as the state asks for */
               (value->as.array.n_bytes % array->dtype.size == 0 &&
                value->as.array.n_bytes / array->dtype.size == array->n);
    }
    if (array->dtype.kind == 'O') {
        array->objects = data;
        return data->kind == VALUE_LIST && data->as.items.n == array->n;
    }
    array->data = data->as.text.bytes;
    return data->kind == VALUE_BYTES && data->as.text.n % array->dtype.size == 0 &&
           data->as.text.n / array->dtype.size == array->n;
}

alertron_status alertron__array_of(const struct value *value, const char *what, struct array *array,
                                   alertron_error *error)
{
    struct parts parts = {0};
    *array = (struct array){0};
    if (!value)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               "%s: it is missing; the model was not fitted, or is of an unknown scikit-learn", what);
    array->offset = value->offset;
    if (!find_array_parts(value, &parts))
        return alertron__error(error, ALERTRON_ERROR_FORMAT, value->offset,
                               "%s: %s at byte %zu where an array is needed: save the model again", what,
                               alertron__value_describe(value), value->offset);
    alertron_status status = alertron__dtype_of(parts.dtype, &array->dtype, error);
    if (status != ALERTRON_OK)
        return status;
    if (!read_shape(parts.shape, array) || !read_data(value, parts.data, array))
        return alertron__error(error, ALERTRON_ERROR_FORMAT, value->offset,
                               "%s: the array at byte %zu has a shape that its data don't fit: the file is damaged; "
                               "save the model again",
                               what, value->offset);
    return ALERTRON_OK;
}

alertron_status alertron__vector_of(const struct value *value, const char *what, size_t n, struct array *array,
                                    alertron_error *error)
{
    alertron_status status = alertron__array_of(value, what, array, error);
    if (status != ALERTRON_OK)
        return status;
    if (array->n_dimensions != 1 || array->n != n || !alertron__dtype_is_numeric(&array->dtype))
        return alertron__error(error, ALERTRON_ERROR_FORMAT, value->offset,
                               "%s: the array at byte %zu is not one of %zu numbers: save the model again", what,
                               value->offset, n);
    return ALERTRON_OK;
}

double alertron__array_number(const struct array *array, size_t index)
{
    return alertron__dtype_number(&array->dtype, array->data + index * array->dtype.size);
}

int64_t alertron__array_integer(const struct array *array, size_t index)
{
    return alertron__dtype_integer(&array->dtype, array->data + index * array->dtype.size);
}
