"""Draws models of scikit-learn that alertrond loads, and saves them in the ways that people do: sklearn_models.py."""

import datetime
import gzip
import io
import pathlib
import pickle
import pickletools
import tempfile
import zlib
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

try:
    import pandas
except ImportError:
    pandas = None
try:
    import scipy.sparse as sparse
except ImportError:
    sparse = None

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
TAKES_MISSING = VERSION >= (1, 6)
Random = np.random.RandomState

# --- rows ---------------------------------------------------------------------------------------------------


def training_rows(random: Random) -> np.ndarray:
    """Float64 rows, (n, width). Around zero numbers are closer to each other than scaled ones: roundings decide."""
    n = random.choice([1, 2, 5, 40, 300, 300, 300, 3000])
    width = random.choice([1, 2, 3, 3, 8, 40])
    rows = (random.normal(size=(n, width)) + random.uniform(-1, 1)) * np.exp(random.uniform(-6, 9, size=width))
    if random.rand() < 0.15:
        rows[:, random.randint(width)] = random.choice([0.0, 7.25, -1e-7])
    if random.rand() < 0.15:
        rows = np.round(rows)
    return rows


def with_missing(rows: np.ndarray, random: Random) -> np.ndarray:
    rows = rows.copy()
    rows[random.uniform(size=rows.shape) < 0.1] = np.nan
    rows[0] = 1.0
    if rows.shape[1] > 1 and random.rand() < 0.2:
        rows[:, random.randint(rows.shape[1])] = np.nan
    return rows


def as_passed(rows: np.ndarray, random: Random) -> Any:
    """The same rows as people pass them."""
    name = random.choice(["float64", "float32", "float16", "integer", "big", "fortran", "strided", "frame"])
    if name in ("float32", "float16"):
        return np.clip(rows, -3e4, 3e4).astype(name)
    if name == "integer" and np.isfinite(rows).all():
        return np.clip(rows, -1e6, 1e6).astype(random.choice(["int8", "int32", "int64", "uint16"]))
    if name == "big":
        return rows.astype(">f8")
    if name == "fortran":
        return np.asfortranarray(rows)
    if name == "strided":
        return np.repeat(rows, 2, axis=0)[::2]
    if name == "frame" and pandas is not None:
        frame = pandas.DataFrame(rows, columns=["sensor %d \u00b0C" % i for i in range(rows.shape[1])])
        return frame.astype("float32") if random.rand() < 0.3 else frame
    return rows


# --- models -------------------------------------------------------------------------------------------------


def forest(random: Random, width: int) -> IsolationForest:
    pick = lambda *choices: choices[random.randint(len(choices))]
    options = {
        "n_estimators": pick(1, 2, 10, 30, np.int64(7)),
        "max_samples": pick("auto", "auto", 1, 2, 3, 16, 64, 1000, 0.3, 1.0, np.int64(9)),
        "max_features": pick(1.0, 1.0, 1, 0.5, max(1, width - 1), width),
        "bootstrap": pick(False, False, True),
        "contamination": pick("auto", 0.01, 0.1, 0.5, np.float64(0.05)),
        "random_state": pick(None, 0, 42, Random(3), Random(np.random.PCG64(5)), np.random.mtrand._rand),
        "n_jobs": pick(None, None, 1, 2),
        "warm_start": pick(False, False, True),
        "verbose": 0,
    }
    return IsolationForest(**options)


def scaler(random: Random) -> Any:
    flag = lambda: bool(random.rand() < 0.7) if random.rand() < 0.9 else np.bool_(True)
    kind = random.randint(4)
    if kind == 0:
        made = StandardScaler(copy=flag(), with_mean=flag(), with_std=flag())
    elif kind == 1:
        made = MinMaxScaler([(0, 1), (-1, 3), (0.1, 0.25)][random.randint(3)], copy=flag(), clip=not flag())
    elif kind == 2:
        quantiles = [(25.0, 75.0), (1, 99), (10.0, 50.0)][random.randint(3)]
        made = RobustScaler(with_centering=flag(), with_scaling=flag(), quantile_range=quantiles, copy=flag(),
                            unit_variance=not flag())
    else:
        made = MaxAbsScaler(copy=flag())
        if "clip" in made.get_params():
            made.set_params(clip=not flag())
    if VERSION >= (1, 3) and random.rand() < 0.15 and pandas is not None:
        made.set_output(transform="pandas")
    return made


def steps(random: Random) -> list:
    made = [scaler(random) for _ in range(random.choice([0, 1, 1, 1, 2, 4]))]
    if random.rand() < 0.2:
        made.insert(random.randint(len(made) + 1), [None, "passthrough"][random.randint(2)])
    if random.rand() < 0.2:
        made.append(make_pipeline(scaler(random), "passthrough"))
    return made


def pipeline(random: Random, rows: Any, width: int, scratch: str) -> Pipeline:
    made = make_pipeline(*steps(random), forest(random, width), verbose=False)
    if random.rand() < 0.2:
        made.set_params(memory=[scratch, joblib.Memory(scratch, verbose=0)][random.randint(2)])
    if random.rand() < 0.1:
        made = Pipeline([("all", made)])
    if VERSION < (1, 6) or random.rand() < 0.8:
        return made.fit(rows)
    with sklearn.config_context(enable_metadata_routing=True):
        return made.set_params(transform_input=["X_val"]).fit(rows)


def as_dict(random: Random, rows: Any, width: int) -> dict:
    scaling = scaler(random) if random.rand() < 0.9 else None
    if scaling is not None and random.rand() < 0.3:
        scaling = make_pipeline(scaling, scaler(random))
    scaled = rows if scaling is None else scaling.fit_transform(rows)
    made = {"scaler": scaling, "model": forest(random, width).fit(scaled)}
    if random.rand() < 0.3:
        made.update(plain_data())
    return made


def plain_data() -> dict:
    return {
        "trained": datetime.datetime(2024, 5, 17, 8, 30, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2024, 5, 17),
        "features": ["a", "b"],
        "aucs": np.array([0.9, 0.8]),
        "seed": Random(3),
        "ids": (1, 2**70, None, True, b"\0", {"deep": [1.5]}),
    }


def bare(random: Random, rows: Any, width: int) -> IsolationForest:
    made = forest(random, width)
    if VERSION >= (1, 3) and random.rand() < 0.15:
        with sklearn.config_context(enable_metadata_routing=True):
            made.set_fit_request(sample_weight=True)
    if random.rand() < 0.2 and not hasattr(rows, "columns") and rows.dtype.kind == "f" and rows.dtype.itemsize > 2:
        if sparse is not None:
            rows = sparse.csr_matrix(np.nan_to_num(rows).astype(rows.dtype.newbyteorder("=")))
    weights = random.uniform(0.5, 2.0, size=rows.shape[0]) if random.rand() < 0.2 else None
    made.fit(rows, sample_weight=weights)
    if made.warm_start:
        made.set_params(n_estimators=int(made.n_estimators) + 3).fit(rows, sample_weight=weights)
    return made


def model(random: Random, scratch: str) -> tuple:
    """A fitted model, and float64 rows like those it was fitted to."""
    rows = training_rows(random)
    if TAKES_MISSING and random.rand() < 0.2:
        rows = with_missing(rows, random)
    passed, width = as_passed(rows, random), rows.shape[1]
    kind = random.randint(3)
    if kind == 0:
        made = bare(random, passed, width)
    elif kind == 1:
        made = as_dict(random, passed, width)
    else:
        made = pipeline(random, passed, width, scratch)
    return made, np.nan_to_num(rows)


def parts(made: Any) -> list:
    """Scalers in their order, and the forest."""
    if isinstance(made, dict):
        return parts(made["scaler"]) + parts(made["model"])
    if isinstance(made, Pipeline):
        return [part for _, step in made.steps for part in parts(step)]
    return [] if made is None or isinstance(made, str) else [made]


def scale(made: Any, rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    for part in parts(made)[:-1]:
        rows = np.asarray(part.transform(rows))
    return rows


# --- ways to save -------------------------------------------------------------------------------------------


def python_pickled(made: Any, protocol: int) -> bytes:
    out = io.BytesIO()
    pickle._Pickler(out, protocol).dump(made)
    return out.getvalue()


def joblib_dumped(made: Any, **options: Any) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".joblib") as file:
        joblib.dump(made, file.name, **options)
        return pathlib.Path(file.name).read_bytes()


def cloudpickled(made: Any, protocol: int) -> bytes:
    try:
        import cloudpickle
    except ImportError:
        return pickle.dumps(made, protocol)
    return cloudpickle.dumps(made, protocol)


def saved(made: Any, random: Random) -> tuple:
    """How, and the bytes."""
    protocol, level = random.randint(2, 6), random.randint(1, 10)
    ways = {
        "pickle": lambda: pickle.dumps(made, protocol),
        "pickle in Python": lambda: python_pickled(made, protocol),
        "optimized pickle": lambda: pickletools.optimize(pickle.dumps(made, protocol)),
        "cloudpickle": lambda: cloudpickled(made, protocol),
        "pickle, gzip": lambda: gzip.compress(pickle.dumps(made, protocol), level),
        "pickle, zlib": lambda: zlib.compress(pickle.dumps(made, protocol), level),
        "joblib": lambda: joblib_dumped(made),
        "joblib, protocol": lambda: joblib_dumped(made, protocol=protocol),
        "joblib, zlib": lambda: joblib_dumped(made, compress=level),
        "joblib, gzip": lambda: joblib_dumped(made, compress=("gzip", level), protocol=protocol),
    }
    way = list(ways)[random.randint(len(ways))]
    return "%s (protocol %d, level %d)" % (way, protocol, level), ways[way]()
