#!/usr/bin/env python3
"""Tries alertrond on many models of the scikit-learn that is installed: before a new scikit-learn is promised.

    python3 -m venv env && env/bin/pip install scikit-learn pandas cloudpickle
    env/bin/python tests/sklearn_models.py --alertrond build/check/alertrond/alertrond

Draws models of every kind that loads (forests, scalers, containers, ways to save), scores rows with scikit-learn and
with `alertrond score`, and compares: within 2 ulp, and equal labels. Half of the rows lie next to a threshold of the
forest, where one other rounding anywhere gives another leaf. Then it saves what can't be loaded, and shows how each
is refused: a message without the name that it is about is a failure. The last line counts; the exit status is 1
where anything failed.

--keep DIR leaves models and rows there. --again DIR takes the models that another version left there, saves them
again with this one, and compares those.
"""

import os
import warnings

# NumPy's AVX-512 kernels have a pow and a log of their own, which differ from the C library's in the last bits. Their
# names changed with NumPy 2.4; unknown ones are left aside.
os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX X86_V4 AVX512_ICL AVX512_SPR")
warnings.filterwarnings("ignore")

import argparse
import io
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zlib
from typing import Any, Iterator

import joblib
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_drawn import TAKES_MISSING, Random, joblib_dumped, model, pandas, parts, saved, scale

ULP_MAX = 2

# --- rows to score --------------------------------------------------------------------------------------------


def of_ranks(ranks: np.ndarray, dtype: type) -> np.ndarray:
    """Finite numbers in rising order, numbered; 0 is zero."""
    integer = np.int32 if dtype == np.float32 else np.int64
    return np.where(ranks < 0, -np.abs(ranks).astype(integer).view(dtype), np.abs(ranks).astype(integer).view(dtype))


def beside_thresholds(made: Any, like: np.ndarray, random: Random, n: int) -> np.ndarray:
    """Rows with one feature next to where a threshold of the forest parts the readings."""
    splits = []
    trees = parts(made)[-1]
    for tree, features in zip(trees.estimators_, trees.estimators_features_):
        inner = np.flatnonzero(tree.tree_.children_left != -1)
        splits += [(features[tree.tree_.feature[i]], tree.tree_.threshold[i]) for i in inner]
    if not splits:
        return like[:0]
    rows = like[random.randint(len(like), size=n)].copy()
    chosen = [splits[i] for i in random.randint(len(splits), size=n)]
    features, thresholds = np.array([f for f, _ in chosen]), np.array([t for _, t in chosen])
    limit = int(like.dtype.type(1e9).view(np.int32 if like.dtype == np.float32 else np.int64))
    left, right = np.full(n, -limit, dtype=np.int64), np.full(n, limit, dtype=np.int64)
    every = np.arange(n)
    for _ in range(64):
        middle = (left >> 1) + (right >> 1) + (left & right & 1)
        rows[every, features] = of_ranks(middle, like.dtype.type)
        below = scale(made, rows)[every, features].astype(np.float32).astype(np.float64) <= thresholds
        left, right = np.where(below, middle, left), np.where(below, right, middle)
    rows[every, features] = of_ranks(left + random.randint(-1, 3, size=n), like.dtype.type)
    return rows


def extremes(like: np.ndarray, random: Random) -> Iterator[np.ndarray]:
    tiny = 1e-45 if like.dtype == np.float32 else 5e-324
    numbers = [1e30, -3.4e38, 3.5e38, tiny, -tiny, 1e-39, -0.0, np.inf, -np.inf]
    for number in numbers + [np.nan] * 8:
        row = like[random.randint(len(like))].copy()
        with np.errstate(over="ignore"):
            row[random.uniform(size=len(row)) < 0.5] = number
        row[random.randint(len(row))] = number
        yield row


def accepted(made: Any, row: np.ndarray) -> bool:
    try:
        parts(made)[-1].score_samples(scale(made, row.reshape(1, -1)))
        return TAKES_MISSING or bool(np.isfinite(row).all())
    except ValueError:
        return False


def rows_to_score(made: Any, like: np.ndarray, random: Random) -> np.ndarray:
    ordinary = like[random.randint(len(like), size=40)]
    far = ordinary[:20] * like.dtype.type(9)
    beside = beside_thresholds(made, like, random, 80)
    extreme = [row for row in extremes(like, random) if accepted(made, row)]
    return np.vstack([ordinary, far, beside] + extreme)


# --- comparing ------------------------------------------------------------------------------------------------


def expected(made: Any, rows: np.ndarray) -> tuple:
    if isinstance(made, dict):
        scaled = rows.copy() if made["scaler"] is None else made["scaler"].transform(rows.copy())
        return -made["model"].score_samples(scaled), made["model"].predict(scaled) == -1
    return -made.score_samples(rows.copy()), made.predict(rows.copy()) == -1


def run(alertrond: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([alertrond, *arguments], capture_output=True, text=True, errors="replace", check=False)


def scored(alertrond: str, path: pathlib.Path, rows: np.ndarray) -> tuple:
    names = ",".join("f%d" % i for i in range(rows.shape[1]))
    csv = path.with_suffix(".csv")
    lines = (",".join("%.17g" % float(number) for number in row) for row in rows)
    csv.write_text(names + "\n" + "\n".join(lines) + "\n")
    done = run(alertrond, "score", "-m", str(path), "--features", names, "--dtype", str(rows.dtype), str(csv))
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    columns = [line.rsplit(",", 3)[1:3] for line in done.stdout.splitlines()[1:]]
    return np.array([float(score) for score, _ in columns]), np.array([label == "1" for _, label in columns])


def ulps_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.view(np.int64) - b.view(np.int64))


def mistakes(alertrond: str, path: pathlib.Path, made: Any, rows: np.ndarray) -> str:
    """What differs, or nothing."""
    try:
        scores, labels = scored(alertrond, path, rows)
    except ValueError as error:
        return str(error)
    want_scores, want_labels = expected(made, rows)
    # On the threshold itself the last bit of the score decides: such labels may differ as the scores may.
    tie = ulps_between(want_scores, np.full_like(want_scores, -parts(made)[-1].offset_)) <= ULP_MAX
    wrong = np.flatnonzero((ulps_between(scores, want_scores) > ULP_MAX) | ((labels != want_labels) & ~tie))
    if len(wrong) == 0:
        return ""
    first = wrong[0]
    return "%d of %d rows differ; row %d, %s: %.17g and %s, not %.17g and %s" % (
        len(wrong), len(rows), first, rows[first].tolist(), scores[first], labels[first], want_scores[first],
        want_labels[first])


class Tally:
    def __init__(self) -> None:
        self.models = self.rows = self.failed = self.not_fitted = 0

    def fail(self, what: str, why: str) -> None:
        self.failed += 1
        print("FAILED %s\n       %s" % (what, why))


def compare(alertrond: str, path: pathlib.Path, what: str, made: Any, like: np.ndarray, random: Random,
            tally: Tally) -> None:
    tally.models += 1
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            rows = rows_to_score(made, like.astype(dtype), random)
        tally.rows += len(rows)
        why = mistakes(alertrond, path, made, rows)
        if why:
            tally.fail("%s: %s, %s" % (path, what, dtype.__name__), why)
            return


def drawn_models(arguments: argparse.Namespace, folder: pathlib.Path, tally: Tally) -> None:
    for i in range(arguments.count):
        random = Random(arguments.seed + i)
        np.random.seed(i)
        path = folder / ("%s_%05d.model" % (sklearn.__version__, arguments.seed + i))
        try:
            made, like = model(random, str(folder / "memory"))
        except ValueError:  # rows and options that scikit-learn itself refuses
            tally.not_fitted += 1
            continue
        way, data = saved(made, random)
        path.write_bytes(data)
        np.save(path.with_suffix(".npy"), like)
        compare(arguments.alertrond, path, "%s, by %s" % (made, way), made, like, random, tally)
        if not arguments.keep:
            for old in folder.glob(path.stem + ".*"):
                old.unlink()


def models_again(arguments: argparse.Namespace, folder: pathlib.Path, tally: Tally) -> None:
    for rows in sorted(pathlib.Path(arguments.again).glob("*.npy")):
        random = Random(zlib.crc32(rows.name.encode()))
        try:
            made = joblib.load(rows.with_suffix(".model"))
            expected(made, np.load(rows)[:1])
        except Exception:  # scikit-learn promises nothing here: what it can't do needs not be done
            continue
        path = folder / ("%s_by_%s.model" % (rows.stem, sklearn.__version__))
        way, data = saved(made, random)
        path.write_bytes(data)
        compare(arguments.alertrond, path, "%s again, by %s" % (rows.stem, way), made, np.load(rows), random, tally)


# --- refusals -------------------------------------------------------------------------------------------------


class Mine:
    """A class of one's own."""


class MyForest(IsolationForest):
    """Another one."""


def unloadable(rows: np.ndarray) -> Iterator[tuple]:
    """The word that the message must have, and what is saved."""
    from sklearn.compose import ColumnTransformer
    from sklearn.covariance import EllipticEnvelope
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import LocalOutlierFactor
    from sklearn.preprocessing import (FunctionTransformer, Normalizer, OneHotEncoder, PolynomialFeatures,
                                       PowerTransformer, QuantileTransformer)
    from sklearn.svm import OneClassSVM

    fitted, scaling = IsolationForest(n_estimators=2).fit(rows), StandardScaler().fit(rows)
    for other in (LocalOutlierFactor(novelty=True), OneClassSVM(), EllipticEnvelope()):
        yield type(other).__name__, other.fit(rows)
    yield "RandomForestClassifier", RandomForestClassifier(2).fit(rows, rows[:, 0] > 0)
    columns = ColumnTransformer([("a", StandardScaler(), [0])])
    for step in (columns, PCA(2), QuantileTransformer(n_quantiles=9), PowerTransformer(), FunctionTransformer(np.log1p),
                 SimpleImputer(), Normalizer(), PolynomialFeatures(), OneHotEncoder(handle_unknown="ignore")):
        yield type(step).__name__, make_pipeline(step, IsolationForest(n_estimators=2)).fit(rows)
    search = GridSearchCV(IsolationForest(), {"n_estimators": [1, 2]}, scoring="accuracy", cv=2)
    yield "GridSearchCV", search.fit(rows, np.where(rows[:, 0] > 0, 1, -1))
    yield "Mine", {"scaler": scaling, "model": Mine()}
    yield "MyForest", MyForest(n_estimators=2).fit(rows)
    yield "not fitted", IsolationForest()
    yield "not fitted", make_pipeline(StandardScaler(), IsolationForest())
    yield "not fitted", {"scaler": StandardScaler(), "model": fitted}
    yield "StandardScaler", scaling
    yield "StandardScaler", make_pipeline(scaling, MinMaxScaler().fit(rows))
    yield "a list", [scaling, fitted]
    yield "a tuple", (scaling, fitted)
    yield "an array", rows
    yield "an integer", 7
    yield "None", None
    yield "text", "model.pkl"
    yield "'scaler'", {"StandardScaler": scaling, "IsolationForest": fitted}
    yield "'scaler'", {"model": fitted}
    yield "'model'", {"scaler": scaling}
    yield "MinMaxScaler", {"scaler": scaling, "model": fitted, "clipper": MinMaxScaler().fit(rows)}
    yield "IsolationForest", {"scaler": fitted, "model": scaling}
    yield "fitted to 2 features", {"scaler": StandardScaler().fit(rows[:, :2]), "model": fitted}
    yield "set", {"scaler": scaling, "model": fitted, "columns": {"a", "b"}}
    if pandas is not None:
        yield "DataFrame", pandas.DataFrame(rows)


def files_unloadable(rows: np.ndarray) -> Iterator[tuple]:
    fitted = IsolationForest(n_estimators=2).fit(rows)
    for kind in ("bz2", "lzma", "xz", "lz4"):
        try:
            yield kind, joblib_dumped(fitted, compress=(kind, 3))
        except ValueError as error:
            print("%s: not tried, %s" % (kind, error))
    for protocol in (0, 1):
        yield "protocol", pickle.dumps(fitted, protocol)
        yield "protocol", pickle.dumps({"scaler": None, "model": fitted}, protocol)
    yield "cut short", pickle.dumps(fitted)[:-100]
    yield "Pipeline", pickle.dumps(StandardScaler().fit(rows)) + pickle.dumps(fitted)
    yield "empty", b""
    yield "neither", b"not a model"
    array = io.BytesIO()
    np.save(array, rows)
    yield "NumPy array", array.getvalue()


def refusals(arguments: argparse.Namespace, folder: pathlib.Path, tally: Tally) -> None:
    rows = np.abs(Random(1).normal(size=(60, 3)))
    as_files = [(word, pickle.dumps(made)) for word, made in unloadable(rows)]
    path = folder / "refused"
    for word, data in as_files + list(files_unloadable(rows)):
        path.write_bytes(data)
        done = run(arguments.alertrond, "inspect", str(path))
        message = done.stderr.strip()
        if done.returncode != 1 or word not in message:
            tally.fail("a refusal that names %s" % word, message or done.stdout)
        elif arguments.verbose:
            print(message.replace(str(path), "FILE"))
    path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--alertrond", default="build/check/alertrond/alertrond", help="the program to try")
    parser.add_argument("--count", type=int, default=400, help="models to draw (400)")
    parser.add_argument("--seed", type=int, default=0, help="of the first model (0)")
    parser.add_argument("--keep", metavar="DIR", help="leave the models there")
    parser.add_argument("--again", metavar="DIR", help="models that another version left there, instead of drawn ones")
    parser.add_argument("--verbose", action="store_true", help="show the refusals")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(arguments.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.again:
            models_again(arguments, folder, tally)
        else:
            drawn_models(arguments, folder, tally)
            refusals(arguments, folder, tally)
    print("scikit-learn %s, NumPy %s: %d models, %d rows, %d failed, %d not fitted" % (
        sklearn.__version__, np.__version__, tally.models, tally.rows, tally.failed, tally.not_fitted))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
