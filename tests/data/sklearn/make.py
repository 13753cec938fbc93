"""Makes the small models beside this file, and what scikit-learn scores with them.

Run it once in an environment of each scikit-learn in MODELS, with the NumPy and joblib named there; it makes the
files of that version and leaves the others alone:

    NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX X86_V4" python make.py

NumPy's AVX-512 kernels are off because their pow differs from the C library's in the last bit.

Each CSV has the columns f0 .. fk, score (-score_samples) and label (1 where predict gives -1). "float32" in a file's
name is the type of the rows that the scalers were given; a CSV's numbers are then float32 numbers, exactly.
"""

import datetime
import os
import pathlib
import pickle
import sys
import warnings
import zlib

import joblib
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["temperature", "druck (bar)", "gr\u00f6\u00dfe_\u00b5"]


def forest(**options):
    options = {"n_estimators": 2, "max_samples": 16, "random_state": 7, **options}
    return IsolationForest(**options)


def in_dict(scaler, **options):
    def build(rows):
        scaled = scaler.fit_transform(rows)
        return {"scaler": scaler, "model": forest(**options).fit(scaled)}

    return build


def in_pipeline(*steps, frame=False, **options):
    def build(rows):
        named = [("step%d" % i, step) for i, step in enumerate(steps)] + [("forest", forest(**options))]
        return Pipeline(named).fit(framed(rows) if frame else rows)

    return build


def bare(frame=False, **options):
    return lambda rows: forest(**options).fit(framed(rows) if frame else rows)


def of_big_endian_arrays(rows):
    """As a machine with the other byte order would have saved it."""
    model = in_dict(StandardScaler())(rows)
    scaler, trees = model["scaler"], model["model"]
    scaler.mean_, scaler.scale_ = scaler.mean_.astype(">f8"), scaler.scale_.astype(">f8")
    trees._average_path_length_per_tree = tuple(a.astype(">f8") for a in trees._average_path_length_per_tree)
    trees._decision_path_lengths = tuple(a.astype(">i8") for a in trees._decision_path_lengths)
    return model


def in_dict_with_other_keys(rows):
    plain = {"trained": "2024-01-01", "features": ["a", "b"], "auc": np.float64(0.9), "limits": np.arange(3.0)}
    return {**plain, **in_dict(StandardScaler(with_mean=np.bool_(False)))(rows), "version": 3}


def in_dict_with_objects(rows):
    """Beside scaler and model: what people note down, and what isn't needed."""
    return {
        **in_dict(StandardScaler())(rows),
        "trained": datetime.datetime(2024, 5, 17, 8, 30, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2024, 5, 17),
        "from": pathlib.Path("readings.csv"),
        "random": np.random.default_rng(3),
        "memory": joblib.Memory(None, verbose=0),
    }


def of_half_floats(rows):
    scalers = in_pipeline(MinMaxScaler((-1, 1)), RobustScaler(), MaxAbsScaler())
    return scalers(rows.astype(np.float16))


def of_shared_trees(rows):
    """A small file that would make a large forest: it is to be refused."""
    model = forest(n_estimators=1).fit(rows)
    for name in vars(model):
        if isinstance(getattr(model, name), (list, tuple)) and len(getattr(model, name)) == 1:
            setattr(model, name, getattr(model, name) * 1000)
    return model


def refused(what):
    """A small model with one thing wrong in it."""

    def build(rows):
        scaler = StandardScaler().fit(rows)
        model = {"scaler": scaler, "model": forest(n_estimators=1, max_samples=4).fit(scaler.transform(rows))}
        what(model, rows)
        return model

    return build


def set_names(*names):
    return refused(lambda model, rows: setattr(model["scaler"], "feature_names_in_", np.array(names, dtype=object)))


def set_scale(change):
    return refused(lambda model, rows: setattr(model["scaler"], "scale_", change(model["scaler"].scale_)))


def other_width(model, rows):
    model["scaler"] = StandardScaler().fit(np.hstack([rows, rows]))


def second_scaler(model, rows):
    model["clipper"] = MinMaxScaler().fit(rows)


def another_tree(model, rows):
    model["model"].estimators_.append(model["model"].estimators_[0])


def no_tree(model, rows):
    model["model"].estimators_[0] = model["scaler"]


def many_samples(model, rows):
    model["model"].max_samples_ = 2**40


def text_as_flag(model, rows):
    model["scaler"].with_mean = "yes"


def no_forest(model, rows):
    model["model"] = model["scaler"]


def not_fitted(model, rows):
    model["model"] = forest()


def scaler_not_fitted(model, rows):
    model["scaler"] = StandardScaler()


def framed(rows):
    import pandas

    return pandas.DataFrame(rows, columns=NAMES[: rows.shape[1]])


def with_holes(rows):
    rows = rows.copy()
    rows[np.random.RandomState(1).uniform(size=rows.shape) < 0.2] = np.nan
    return rows


def with_one_value(rows):
    rows = with_holes(rows)
    rows[:, 1] = np.where(np.isnan(rows[:, 1]), np.nan, 2.5)
    return rows


def with_empty_column(rows):
    rows = with_holes(rows)
    rows[:, 1] = np.nan
    return rows


def degenerate(rows):
    return np.ones_like(rows)


def two(rows):
    return rows[:2]


# version (NumPy, joblib): name, type of rows, how it is saved, how it is built, and what happens to the rows before
MODELS = {
    "1.0.2": [  # 1.21.6, 1.0.1
        ("bare", "float64", 2, bare()),
        ("dict_standard", "float32", "joblib", in_dict(StandardScaler(), contamination=0.1)),
    ],
    "1.1.3": [  # 1.22.4, 1.1.0
        ("pipeline_minmax_clip", "float64", "joblib", in_pipeline(MinMaxScaler(clip=True))),
    ],
    "1.2.2": [  # 1.23.5, 1.2.0
        ("dict_robust", "float32", "joblib", in_dict(RobustScaler())),
        ("bare_features", "float64", 3, bare(max_features=0.5)),
    ],
    "1.3.2": [  # 1.24.4, 1.3.2
        ("pipeline_maxabs", "float64", 2, in_pipeline(MaxAbsScaler())),
        ("bare_names", "float64", "joblib", bare(frame=True)),
    ],
    "1.4.2": [  # 1.26.4, 1.4.2
        ("dict_minmax", "float32", 4, in_dict(MinMaxScaler((-1, 3)), contamination=0.05)),
    ],
    "1.5.2": [  # 2.0.2, 1.4.2
        ("pipeline_nested", "float64", "joblib", in_pipeline(Pipeline([("a", StandardScaler(with_mean=False))]))),
    ],
    "1.6.1": [  # 1.26.4, 1.4.2
        ("bare_missing", "float64", 5, bare(), with_holes),
        ("pipeline_robust", "float32", 2, in_pipeline(RobustScaler(with_centering=False))),
        ("bare_degenerate", "float64", 4, bare(), degenerate),
    ],
    "1.7.1": [  # 2.3.2, 1.5.1
        ("dict_standard", "float32", "joblib", in_dict(StandardScaler(), contamination=0.1)),
        ("pipeline_standard", "float32", 5, in_pipeline(StandardScaler(with_std=False))),
        ("bare_random_state", "float64", 5, bare(random_state=np.random.RandomState(3), bootstrap=True)),
    ],
    "1.8.0": [  # 2.3.5, 1.5.2
        ("dict_standard", "float32", 4, in_dict(StandardScaler(), contamination=0.1)),
        ("bare_without_rows", "float64", 4, bare(max_samples=0.3), two),
        ("pipeline_names", "float64", 5, in_pipeline(StandardScaler(), frame=True)),
        ("pipeline_four", "float32", "joblib",
         in_pipeline("passthrough", RobustScaler(), MinMaxScaler(clip=True), StandardScaler(), MaxAbsScaler())),
    ],
    "1.9.1": [  # 2.4.6, 1.6.0
        ("dict_standard", "float32", "joblib", in_dict(StandardScaler(), contamination=0.1)),
        ("bare_missing_or_one", "float64", "joblib", bare(n_estimators=4), with_one_value),
        ("pipeline_maxabs_clip", "float64", 5, lambda rows: in_pipeline(MaxAbsScaler(clip=True))(rows)),
        ("bare_deep", "float64", 4, bare(n_estimators=1, max_samples=1.0)),
        ("dict_big_endian", "float32", 4, of_big_endian_arrays),
        ("dict_keys", "float32", 5, in_dict_with_other_keys),
        ("dict_objects", "float32", 5, in_dict_with_objects),
        ("pipeline_empty_column", "float64", 5, in_pipeline(StandardScaler(), MinMaxScaler()), with_empty_column),
        ("pipeline_half_floats", "float64", 5, of_half_floats),
        ("refused_shared_trees", "float64", 4, of_shared_trees),
        ("refused_one_name", "float64", 4, set_names("a")),
        ("refused_number_as_name", "float64", 4, set_names("a", 2)),
        ("refused_long_name", "float64", 4, set_names("a", "b" * 257)),
        ("refused_flat_scale", "float64", 4, set_scale(lambda scale: scale.reshape(1, 2))),
        ("refused_short_scale", "float64", 4, set_scale(lambda scale: scale[:1])),
        ("refused_objects_as_scale", "float64", 4, set_scale(lambda scale: scale.astype(object))),
        ("refused_list_as_scale", "float64", 4, set_scale(list)),
        ("refused_other_width", "float64", 4, refused(other_width)),
        ("refused_second_scaler", "float64", 4, refused(second_scaler)),
        ("refused_another_tree", "float64", 4, refused(another_tree)),
        ("refused_no_tree", "float64", 4, refused(no_tree)),
        ("refused_many_samples", "float64", 4, refused(many_samples)),
        ("refused_text_as_flag", "float64", 4, refused(text_as_flag)),
        ("refused_no_forest", "float64", 4, refused(no_forest)),
        ("refused_not_fitted", "float64", 4, refused(not_fitted)),
        ("refused_scaler_not_fitted", "float64", 4, refused(scaler_not_fitted)),
    ],
}


def estimators(model):
    if isinstance(model, dict):
        return estimators(model["scaler"]) + estimators(model["model"])
    if isinstance(model, Pipeline):
        return [inner for _, step in model.steps if step != "passthrough" for inner in estimators(step)]
    return [model]


def of_rank(rank, dtype):
    """Finite numbers in rising order, numbered; 0 is zero."""
    integer = np.int32 if dtype == np.float32 else np.int64
    return np.copysign(np.array(abs(rank), dtype=integer).view(dtype), dtype.type(rank))


def rank_of(number):
    integer = np.int32 if number.dtype == np.float32 else np.int64
    return int(np.copysign(1, number)) * int(np.abs(number).view(integer))


def goes_left(scalers, row, feature, threshold):
    row = row.reshape(1, -1).copy()
    for scaler in scalers:
        row = np.asarray(scaler.transform(row))
    return np.float64(np.float32(row[0, feature])) <= threshold


def rows_at_thresholds(parts, rows, random, count):
    """Ordinary rows with one feature on the last number that goes left at a threshold, or on the first that does not:
    other arithmetic in a scaler, or another comparison, has other neighbours."""
    splits = []
    for tree, features in zip(parts[-1].estimators_, parts[-1].estimators_features_):
        inner = np.flatnonzero(tree.tree_.children_left != -1)
        splits += [(features[tree.tree_.feature[i]], tree.tree_.threshold[i]) for i in inner]
    for i in range(count if splits else 0):
        feature, threshold = splits[random.randint(len(splits))]
        row = rows[random.randint(len(rows))].copy()
        left, right = rank_of(rows.dtype.type(-1e9)), rank_of(rows.dtype.type(1e9))
        while right - left > 1:
            middle = (left + right) // 2
            row[feature] = of_rank(middle, rows.dtype)
            if goes_left(parts[:-1], row, feature, threshold):
                left = middle
            else:
                right = middle
        row[feature] = of_rank(right if i % 2 else left, rows.dtype)
        yield row


def rows_to_score(parts, rows, missing):
    random = np.random.RandomState(11)
    rows = np.nan_to_num(rows)
    found = [rows[i] for i in random.randint(len(rows), size=8)]
    found += [rows[i] * rows.dtype.type(9) for i in random.randint(len(rows), size=4)]
    found += rows_at_thresholds(parts, rows, random, 24)
    for extreme in (1e30, -1e30, -0.0):
        found.append(rows[0].copy())
        found[-1][random.randint(rows.shape[1])] = extreme
    for _ in range(4 if missing else 0):
        found.append(rows[random.randint(len(rows))].copy())
        found[-1][random.randint(rows.shape[1])] = np.nan
    return np.array(found, dtype=rows.dtype)


def write_scores(path, model, rows, missing):
    parts = estimators(model)
    rows = rows_to_score(parts, rows, missing)
    scaled = rows.copy()
    for scaler in parts[:-1]:
        scaled = np.asarray(scaler.transform(scaled))
    assert scaled.dtype == rows.dtype
    scores, labels = -parts[-1].score_samples(scaled), parts[-1].predict(scaled) == -1
    with open(path, "w") as file:
        file.write(",".join("f%d" % i for i in range(rows.shape[1])) + ",score,label\n")
        for row, score, label in zip(rows, scores, labels):
            file.write(",".join("%.17g" % float(number) for number in row) + ",%.17g,%d\n" % (score, label))


def make(name, dtype, how, build, prepare=lambda rows: rows):
    random = np.random.RandomState(zlib.crc32((sklearn.__version__ + name).encode()))
    width = 3 if "names" in name else 4 if "features" in name else 2
    # Around zero float32 numbers are closer to each other than the scaled ones are: roundings decide often.
    rows = (random.normal(size=(120, width)) + 0.3) * np.exp(random.uniform(-2, 5, size=width))
    rows = prepare(rows).astype(dtype)
    model = build(rows)
    stem = os.path.join(HERE, "%s_%s_%s" % (sklearn.__version__, name, dtype))
    if how == "joblib":
        joblib.dump(model, stem + ".joblib")
    else:
        with open(stem + ".pkl", "wb") as file:
            pickle.dump(model, file, protocol=how)
    if name.startswith("refused"):
        return
    missing = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 6)
    write_scores(stem + ".csv", model, rows, missing)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    if sklearn.__version__ not in MODELS:
        sys.exit("scikit-learn %s makes no models here" % sklearn.__version__)
    for arguments in MODELS[sklearn.__version__]:
        make(*arguments)
