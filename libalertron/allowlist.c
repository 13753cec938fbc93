/* allowlist.c: which classes and functions a pickle may name, and what to say of the others.
 *
 * Nothing here is ever called: a name in the list only tells what the values behind it mean.
 */
#include "sklearn.h"

#include <string.h>

enum use { NAMED, INSTANCED, CALLED };

struct allowed {
    const char *module, *name;
    enum class_id id;
    enum use use;
};

static const struct allowed allowlist[] = {
    {"sklearn.ensemble._iforest", "IsolationForest", CLASS_ISOLATION_FOREST, INSTANCED},
    {"sklearn.tree._classes", "ExtraTreeRegressor", CLASS_EXTRA_TREE, INSTANCED},
    {"sklearn.tree._tree", "Tree", CLASS_TREE, CALLED},
    {"sklearn.pipeline", "Pipeline", CLASS_PIPELINE, INSTANCED},
    {"sklearn.preprocessing._data", "StandardScaler", CLASS_STANDARD_SCALER, INSTANCED},
    {"sklearn.preprocessing._data", "MinMaxScaler", CLASS_MINMAX_SCALER, INSTANCED},
    {"sklearn.preprocessing._data", "RobustScaler", CLASS_ROBUST_SCALER, INSTANCED},
    {"sklearn.preprocessing._data", "MaxAbsScaler", CLASS_MAXABS_SCALER, INSTANCED},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", CLASS_ARRAY_WRAPPER, INSTANCED},
    {"numpy", "ndarray", CLASS_NDARRAY, NAMED},
    {"numpy", "memmap", CLASS_NDARRAY, NAMED},
    {"numpy", "dtype", CLASS_DTYPE, CALLED},
    {"numpy.core.multiarray", "_reconstruct", CLASS_RECONSTRUCT, CALLED},
    {"numpy._core.multiarray", "_reconstruct", CLASS_RECONSTRUCT, CALLED},
    {"numpy.core.numeric", "_frombuffer", CLASS_FROMBUFFER, CALLED},
    {"numpy._core.numeric", "_frombuffer", CLASS_FROMBUFFER, CALLED},
    {"numpy.core.multiarray", "scalar", CLASS_SCALAR, CALLED},
    {"numpy._core.multiarray", "scalar", CLASS_SCALAR, CALLED},
    {"_codecs", "encode", CLASS_ENCODE, CALLED},
    {"sklearn.utils._metadata_requests", "MetadataRequest", CLASS_INERT_OBJECT, INSTANCED},
    {"sklearn.utils._metadata_requests", "MethodMetadataRequest", CLASS_INERT_OBJECT, INSTANCED},
    {"joblib.memory", "Memory", CLASS_INERT_OBJECT, INSTANCED},
    {"joblib._store_backends", "FileSystemStoreBackend", CLASS_INERT_OBJECT, INSTANCED},
    {"pathlib", "PosixPath", CLASS_INERT_FUNCTION, CALLED},
    {"pathlib", "WindowsPath", CLASS_INERT_FUNCTION, CALLED},
    {"pathlib._local", "PosixPath", CLASS_INERT_FUNCTION, CALLED},
    {"pathlib._local", "WindowsPath", CLASS_INERT_FUNCTION, CALLED},
    {"datetime", "datetime", CLASS_INERT_FUNCTION, CALLED},
    {"datetime", "date", CLASS_INERT_FUNCTION, CALLED},
    {"datetime", "timedelta", CLASS_INERT_FUNCTION, CALLED},
    {"datetime", "timezone", CLASS_INERT_FUNCTION, CALLED},
    {"numpy.random._pickle", "__randomstate_ctor", CLASS_INERT_FUNCTION, CALLED},
    {"numpy.random._pickle", "__generator_ctor", CLASS_INERT_FUNCTION, CALLED},
    {"numpy.random._pickle", "__bit_generator_ctor", CLASS_INERT_FUNCTION, CALLED},
    {"numpy.random._mt19937", "MT19937", CLASS_INERT_NAME, NAMED},
    {"numpy.random._pcg64", "PCG64", CLASS_INERT_NAME, NAMED},
    {"numpy.random._pcg64", "PCG64DXSM", CLASS_INERT_NAME, NAMED},
    {"numpy.random._philox", "Philox", CLASS_INERT_NAME, NAMED},
    {"numpy.random._sfc64", "SFC64", CLASS_INERT_NAME, NAMED},
    {"numpy.random.bit_generator", "SeedSequence", CLASS_INERT_NAME, NAMED},
    {"numpy.random.bit_generator", "__pyx_unpickle_SeedSequence", CLASS_INERT_FUNCTION, CALLED},
};

enum { N_ALLOWED = sizeof allowlist / sizeof *allowlist };

static bool same(const char *text, const unsigned char *bytes, size_t n)
{
    return strlen(text) == n && memcmp(text, bytes, n) == 0;
}

bool alertron__class_find(const unsigned char *module, size_t n_module, const unsigned char *name, size_t n_name,
                          enum class_id *id)
{
    for (size_t i = 0; i < N_ALLOWED; i++) {
        if (same(allowlist[i].name, name, n_name) && same(allowlist[i].module, module, n_module)) {
            *id = allowlist[i].id;
            return true;
        }
    }
    return false;
}

static const struct allowed *first_of(enum class_id id)
{
    size_t i = 0;
    while (allowlist[i].id != id)
        i++;
    return &allowlist[i];
}

const char *alertron__class_name(enum class_id id)
{
    return first_of(id)->name;
}

bool alertron__class_is_called(enum class_id id)
{
    return first_of(id)->use == CALLED;
}

bool alertron__class_is_instanced(enum class_id id)
{
    return first_of(id)->use == INSTANCED;
}

/* --- refusals ----------------------------------------------------------------------------------- */

/* Whoever wrote the file chose these bytes: what may upset a terminal or a log is replaced. */
static void copy_printable(char *out, size_t capacity, const unsigned char *bytes, size_t n)
{
    size_t length = n < capacity - 1 ? n : capacity - 1;
    for (size_t i = 0; i < length; i++)
        out[i] = bytes[i] > 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    out[length] = 0;
}

struct advice {
    const char *begin; /* of "module.name" */
    const char *text;
};

static const char save_forest[] =
    "save a fitted IsolationForest: alone, in a Pipeline with StandardScaler, MinMaxScaler, "
    "RobustScaler or MaxAbsScaler, or in a dict {'scaler', 'model'}";

/* The first that matches. */
static const struct advice advices[] = {
    {"sklearn.preprocessing.", "this transformer can't be folded into a forest; use StandardScaler, MinMaxScaler, "
                               "RobustScaler or MaxAbsScaler, or transform the readings before they are sent"},
    {"sklearn.compose.", "this transformer can't be folded into a forest; scale all columns alike in a Pipeline"},
    {"sklearn.impute.", "this transformer can't be folded into a forest; from scikit-learn 1.6 on an IsolationForest "
                        "takes missing values as they are"},
    {"sklearn.decomposition.", "this transformer can't be folded into a forest; fit the forest to the readings as "
                               "they are, or transform them before they are sent"},
    {"sklearn.externals.", "the file is of a scikit-learn before 0.23; fit and save the model with a later one"},
    {"sklearn.ensemble.iforest", "the file is of a scikit-learn before 0.22; fit and save the model with a later one"},
    {"sklearn.model_selection.", "save its best_estimator_ instead"},
    {"sklearn.", save_forest},
    {"imblearn.pipeline", "use scikit-learn's Pipeline instead"},
    {"pyod.", "save the scikit-learn forest inside it, its detector_"},
    {"joblib.", "the file is of an old or changed joblib; save the model with joblib 1.0 or later"},
    {"numpy.", "it is not needed for a forest; save the forest alone"},
    {"pandas.", "it is not needed for a forest; leave it out, or save what it holds as text or numbers"},
    {"builtins.set", "leave it out, or save it as a list"},
    {"__builtin__.set", "leave it out, or save it as a list"},
    {"collections.", "save a plain dict or list instead"},
    {"__main__.", "a class of one's own can't be loaded; save the scikit-learn objects inside it"},
    {"", "load only models that you trust; if it is a class of your own, save the scikit-learn objects inside it"},
};

alertron_status alertron__class_refuse(const unsigned char *module, size_t n_module, const unsigned char *name,
                                       size_t n_name, size_t offset, alertron_error *error)
{
    char module_text[48], name_text[40], whole[90];
    copy_printable(module_text, sizeof module_text, module, n_module);
    copy_printable(name_text, sizeof name_text, name, n_name);
    alertron__text(whole, sizeof whole, "%s.%s", module_text, name_text);
    const struct advice *advice = advices;
    while (strncmp(whole, advice->begin, strlen(advice->begin)) != 0)
        advice++;
    return alertron__error(error, ALERTRON_ERROR_UNSUPPORTED, offset,
                           "%s at byte %zu is not part of an isolation forest; %s", whole, offset, advice->text);
}
