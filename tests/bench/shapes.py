"""shapes: the models and rows that all sides of the benchmark are given, made by scikit-learn from fixed seeds.

    DATA/SHAPE/model.joblib   the model: a bare IsolationForest, or the dict {"scaler", "model"}
    DATA/SHAPE/rows.f32       100,000 rows of float32, row after row
    DATA/SHAPE/scaled.f32     the same rows after the model's scaler
    DATA/SHAPE/scores.f64     scikit-learn's scores of the rows: what the others are compared with
    DATA/training.f64         50,000 x 3 doubles to fit to
"""

import dataclasses
import hashlib
import pathlib
import shutil
import sys

import joblib
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = ROOT / "build" / "bench" / "data"
REFERENCE = ROOT.parent / "shared" / "upstream" / "anomaly_iforest.joblib"
ROWS, TRAINING_ROWS = 100_000, 50_000


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    trees: int
    features: int
    samples: int = 256
    scaler: bool = False


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("upstream", 200, 3, scaler=True),
        Shape("medium", 100, 10),
        Shape("wide", 300, 50),
        Shape("many", 1000, 3),
        Shape("deep", 100, 3, samples=4096),
    )
}


def title(shape: Shape) -> str:
    text = f"{shape.trees:,} trees x {shape.features} features"
    if shape.samples != 256:
        text += f", max_samples {shape.samples:,}"
    if shape.scaler:
        text += ", a scaler; " + ("the upstream model" if REFERENCE.exists() else "a model like upstream's, made here")
    return text


def readings(n: int, features: int, seed: int) -> np.ndarray:
    """n x features doubles that are float32 numbers: correlated, in units of their own, 5% of them far off."""
    random = np.random.default_rng(seed)
    if features == 3:
        rows = random.normal([50, 100, 0.5], [5, 10, 0.05], (n, 3))
        unusual = random.random(n) < 0.05
        rows[unusual] = random.normal([70, 140, 0.9], [6, 12, 0.1], (unusual.sum(), 3))
    else:
        mixing = np.random.default_rng(features).normal(size=(features, features))
        rows = random.normal(size=(n, features)) @ mixing
        rows[random.random(n) < 0.05] *= 2.5
    return rows.astype(np.float32).astype(np.float64)


def fitted(shape: Shape) -> object:
    training = readings(TRAINING_ROWS, shape.features, seed=1)
    forest = IsolationForest(n_estimators=shape.trees, max_samples=shape.samples, contamination=0.01, random_state=42)
    if not shape.scaler:
        return forest.fit(training)
    scaler = StandardScaler().fit(training)
    return {"scaler": scaler, "model": forest.fit(scaler.transform(training.astype(np.float32)))}


def parts(model: object) -> tuple[StandardScaler | None, IsolationForest]:
    return (model["scaler"], model["model"]) if isinstance(model, dict) else (None, model)


def make(shape: Shape, folder: pathlib.Path) -> None:
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    if shape.name == "upstream" and REFERENCE.exists():
        shutil.copyfile(REFERENCE, part / "model.joblib")
    else:
        joblib.dump(fitted(shape), part / "model.joblib")
    scaler, forest = parts(joblib.load(part / "model.joblib"))
    rows = readings(ROWS, shape.features, seed=2).astype(np.float32)
    scaled = scaler.transform(rows) if scaler else rows
    rows.tofile(part / "rows.f32")
    scaled.tofile(part / "scaled.f32")
    (-forest.score_samples(scaled)).tofile(part / "scores.f64")
    part.rename(folder)


def stamp() -> str:
    """What is kept from an earlier run is of use only where this stays the same."""
    parts = [(HERE / name).read_bytes() for name in ("shapes.py", "peers.txt")]
    return hashlib.sha256(b"".join(parts) + bytes([REFERENCE.exists()])).hexdigest()


def prepare(names: list[str]) -> None:
    kept = DATA / "stamp"
    if DATA.exists() and not (kept.exists() and kept.read_text() == stamp()):
        shutil.rmtree(DATA)
    DATA.mkdir(parents=True, exist_ok=True)
    kept.write_text(stamp())
    if not (DATA / "training.f64").exists():
        readings(TRAINING_ROWS, 3, seed=1).tofile(DATA / "training.f64")
    for name in names:
        if not (DATA / name).exists():
            print(f"  model and rows of {name}: {title(SHAPES[name])}", flush=True)
            make(SHAPES[name], DATA / name)


if __name__ == "__main__":
    prepare(sys.argv[1:])
