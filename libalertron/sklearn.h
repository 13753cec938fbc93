/* sklearn.h: what the rooms that read scikit-learn's files show each other. A section a file, in the order data flows.
 */
#ifndef ALERTRON_SKLEARN_H
#define ALERTRON_SKLEARN_H

#include "private.h"

/* --- pickle_value.c: what a pickle describes, as inert values ------------------------------------------- */

enum value_kind {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INTEGER,
    VALUE_LONG, /* an integer that 64 bits do not hold */
    VALUE_FLOAT,
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT, /* items: key, value, key, value ...; of equal keys the last one counts */
    VALUE_CLASS,
    VALUE_OBJECT, /* callable(*arguments), then state was given to it */
    VALUE_ARRAY   /* joblib's: the wrapper's state, and the data behind it in the file */
};

/* What a file may name; allowlist.c has the names. */
enum class_id {
    CLASS_ISOLATION_FOREST,
    CLASS_EXTRA_TREE,
    CLASS_TREE,
    CLASS_PIPELINE,
    CLASS_STANDARD_SCALER,
    CLASS_MINMAX_SCALER,
    CLASS_ROBUST_SCALER,
    CLASS_MAXABS_SCALER,
    CLASS_ARRAY_WRAPPER,
    CLASS_NDARRAY,
    CLASS_DTYPE,
    CLASS_RECONSTRUCT,
    CLASS_FROMBUFFER,
    CLASS_SCALAR,
    CLASS_ENCODE,
    CLASS_INERT_OBJECT,   /* accepted and never looked at: metadata requests, random states, */
    CLASS_INERT_FUNCTION, /* what makes those, */
    CLASS_INERT_NAME      /* and what they are made of */
};

struct values {
    struct value **items;
    size_t n, capacity;
};

/* Values are shared, never copied: a file can make them refer to each other and to themselves, so nobody
 * follows them further than a fixed number of steps. */
struct value {
    enum value_kind kind;
    size_t offset; /* of the byte in the file where it was made */
    union {
        int64_t integer; /* also of a bool */
        double number;
        enum class_id class_id;
        struct values items; /* of a tuple, list or dict */
        struct {             /* of text, bytes and long */
            const unsigned char *bytes;
            size_t n;
            struct value *latin1; /* of text: the same as bytes, once somebody has asked */
        } text;
        struct {
            struct value *callable, *arguments, *state; /* state is NULL until it is given */
        } object;
        struct {
            const struct value *state; /* which the rest of the file may still change */
            const unsigned char *data; /* NULL until they are read */
            size_t n_bytes;
        } array;
    } as;
};

struct value *alertron__value_new(struct arena *arena, enum value_kind kind, size_t offset);
bool alertron__values_reserve(struct arena *arena, struct values *values, size_t extra);
bool alertron__values_push(struct arena *arena, struct values *values, struct value *value);

/* The bytes of a text whose characters, all below 256, are bytes: so protocol 2 holds an array's data. The bytes
 * stay with the text, so that asking again costs nothing. NULL, and the arena's error is filled, on failure. */
struct value *alertron__value_latin1(struct arena *arena, struct value *text, size_t offset);

/* The dict's value for a key of text, or NULL: also where it is no dict at all, or one of more than 128 keys: it may
 * be shared by many objects, and looking it through must not cost more than the file is long. */
const struct value *alertron__value_get(const struct value *dict, const char *key);
bool alertron__value_is_text(const struct value *value, const char *text);

/* The object's class, or -1 where it is none. */
int alertron__value_class(const struct value *value);

/* "a list", "an object of IsolationForest" ...: for an error's text. Lives as long as the library. */
const char *alertron__value_describe(const struct value *value);

/* --- allowlist.c: which classes and functions a file may name ------------------------------------- */

bool alertron__class_find(const unsigned char *module, size_t n_module, const unsigned char *name, size_t n_name,
                          enum class_id *id);
const char *alertron__class_name(enum class_id id);
bool alertron__class_is_called(enum class_id id);    /* by REDUCE */
bool alertron__class_is_instanced(enum class_id id); /* by NEWOBJ */

/* Refuses a name that is not in the list, and says what can be done. */
alertron_status alertron__class_refuse(const unsigned char *module, size_t n_module, const unsigned char *name,
                                       size_t n_name, size_t offset, alertron_error *error);

/* --- pickle.c: bytes to values -------------------------------------------------------------------- */

/* The one value that a pickle or joblib file describes. Nothing is executed. NULL, and the arena's error is
 * filled, on failure. Values point into the arena and into bytes. */
struct value *alertron__pickle_read(const unsigned char *bytes, size_t n_bytes, struct arena *arena);

/* --- ndarray.c: NumPy's dtypes, arrays and scalars ------------------------------------------------- */

struct dtype {
    char kind; /* NumPy's letter: f, i, u, b numbers; V fields; O objects; others are skipped only */
    bool big_endian;
    uint32_t size;   /* bytes of an item */
    uint32_t offset; /* of a field: bytes from the item's beginning */
    const struct value *fields;
};

enum { ARRAY_DIMENSIONS_MAX = 4 };
struct array {
    struct dtype dtype;
    size_t n; /* items, all dimensions together */
    size_t n_dimensions, shape[ARRAY_DIMENSIONS_MAX];
    const unsigned char *data;
    const struct value *objects; /* of object arrays: the list of items; data is NULL */
    size_t offset;
};

/* Each `what` begins an error's text: "tree 3: nodes". */
alertron_status alertron__dtype_of(const struct value *value, struct dtype *dtype, alertron_error *error);
alertron_status alertron__array_of(const struct value *value, const char *what, struct array *array,
                                   alertron_error *error);
/* The same, for n numbers in one dimension. */
alertron_status alertron__vector_of(const struct value *value, const char *what, size_t n, struct array *array,
                                    alertron_error *error);
/* A field of numbers of a dtype with fields; false where there is none. */
bool alertron__dtype_field(const struct dtype *dtype, const char *name, struct dtype *field);

bool alertron__dtype_is_numeric(const struct dtype *dtype);
double alertron__dtype_number(const struct dtype *dtype, const unsigned char *item);
int64_t alertron__dtype_integer(const struct dtype *dtype, const unsigned char *item);
double alertron__array_number(const struct array *array, size_t index);
int64_t alertron__array_integer(const struct array *array, size_t index);

/* A Python or NumPy number; false where it is none, or no integer that 64 bits hold. */
bool alertron__value_number(const struct value *value, double *number);
bool alertron__value_integer(const struct value *value, int64_t *integer);

/* --- scaler.c: scalers as one rising function of one feature --------------------------------------- */

enum scaler_operation { SCALER_SUBTRACT, SCALER_DIVIDE, SCALER_MULTIPLY, SCALER_ADD, SCALER_AT_LEAST, SCALER_AT_MOST };

struct scaler_step {
    enum scaler_operation operation;
    const double *operands; /* one a feature, or NULL: `operand` for all */
    double operand;
};

enum { SCALER_STEPS_MAX = 64 };
struct scaler {
    bool single; /* rows are float32: each step's result is rounded to it */
    size_t n_steps;
    struct scaler_step steps[SCALER_STEPS_MAX];
};

/* The float32 nearest to x; an infinity beyond its range. */
double alertron__rounded_to_single(double x);

/* What the forest compares for a reading of x: scaled, and rounded to float32. */
double alertron__scaler_apply(const struct scaler *scaler, size_t feature, double x);

/* The largest double x, infinities included, for which alertron__scaler_apply(x) <= threshold. -Inf where even
 * -Inf is not below it. Divisors and factors must be above 0 and finite, the other operands finite; NaN where one of
 * the feature's is NaN. */
double alertron__scaler_fold(const struct scaler *scaler, size_t feature, double threshold);

/* --- transformer.c: scikit-learn's scalers as steps ------------------------------------------------ */

struct sklearn_version {
    unsigned major, minor;
    char text[32];
};

/* From an estimator's own state. */
alertron_status alertron__sklearn_version(const struct value *estimator, struct sklearn_version *version,
                                          alertron_error *error);
/* n_features_in_ of an estimator, checked against the bounds. */
alertron_status alertron__sklearn_features(const struct value *estimator, uint32_t *n_features, alertron_error *error);
bool alertron__transformer_is(const struct value *estimator);
alertron_status alertron__transformer_read(const struct value *estimator, uint32_t n_features, struct arena *arena,
                                           struct scaler *scaler);

/* --- iforest.c: scikit-learn's IsolationForest ------------------------------------------------------- */

struct iforest {
    const struct value *estimator, *state;
    struct sklearn_version version;
    uint32_t n_features, tree_features, n_trees, samples;
    double offset;
    const struct values *trees;
    const struct values *subsets; /* each tree's features; NULL where every tree sees all */
    const struct values *depths;  /* of each tree's nodes, and c(rows); NULL before 1.3 */
    const struct values *paths;
};

alertron_status alertron__iforest_read(const struct value *estimator, struct iforest *iforest, alertron_error *error);
/* All trees, with the scaler folded in. n_bytes are the file's. */
struct forest *alertron__iforest_trees(const struct iforest *iforest, const struct scaler *scaler, size_t n_bytes,
                                       struct arena *arena);

/* --- sklearn.c: values to a model -------------------------------------------------------------------- */

/* Takes any bytes; those that are no pickle are refused with a text that says what they seem to be. */
alertron_model *alertron__sklearn_load(const unsigned char *bytes, size_t n_bytes, alertron_input input,
                                       const alertron_allocator *allocator, alertron_error *error);

#endif
