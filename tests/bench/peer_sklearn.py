"""peer_sklearn: scikit-learn's side of tests/bench/scoring. Run with its virtual environment's Python.

    peer_sklearn.py prepare FOLDER [MODEL]   writes FOLDER/model.joblib, FOLDER/rows.f64, FOLDER/training.f64
    peer_sklearn.py serve FOLDER             answers a measurement a line on standard input with a line
"""

import pathlib
import shutil
import sys
import time

import joblib
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

WIDTH = 3
ROWS, TRAINING_ROWS, SINGLE_ROWS, BATCHES = 10_000, 50_000, 100, 3
NORMAL, ANOMALOUS = ([50, 100, 0.5], [5, 10, 0.05]), ([70, 140, 0.9], [6, 12, 0.1])


def readings(n, share, seed):
    """n x 3 doubles, of which a share is anomalous; each is a float32, as the replaced service casts its rows."""
    random = np.random.default_rng(seed)
    rows = random.normal(*NORMAL, (n, WIDTH))
    unusual = random.random(n) < share
    rows[unusual] = random.normal(*ANOMALOUS, (unusual.sum(), WIDTH))
    return rows.astype(np.float32).astype(np.float64)


def prepare(folder, model):
    training = readings(TRAINING_ROWS, 0.01, 1)
    if model:
        shutil.copyfile(model, folder / "model.joblib")
    else:
        scaler = StandardScaler().fit(training)
        forest = IsolationForest(n_estimators=200, contamination=0.01, random_state=42)
        forest.fit(scaler.transform(training.astype(np.float32)))
        joblib.dump({"scaler": scaler, "model": forest}, folder / "model.joblib")
    readings(ROWS, 0.08, 2).tofile(folder / "rows.f64")
    training.tofile(folder / "training.f64")


class Peer:
    def __init__(self, folder):
        self._folder = folder
        loaded = joblib.load(folder / "model.joblib")
        self._scaler, self._forest = loaded["scaler"], loaded["model"]
        self._rows = np.fromfile(folder / "rows.f64").reshape(-1, WIDTH).astype(np.float32)
        self._training = np.fromfile(folder / "training.f64").reshape(-1, WIDTH)

    def _score(self, rows):
        return -self._forest.score_samples(self._scaler.transform(rows))

    def single(self):
        began = time.perf_counter()
        for i in range(SINGLE_ROWS):
            self._score(self._rows[i : i + 1])
        return (time.perf_counter() - began) / SINGLE_ROWS

    def batch(self):
        began = time.perf_counter()
        for _ in range(BATCHES):
            self._score(self._rows)
        return (time.perf_counter() - began) / BATCHES / ROWS

    def fit(self, contamination):
        forest = IsolationForest(n_estimators=200, contamination=contamination, random_state=42)
        began = time.perf_counter()
        forest.fit(self._training)
        return time.perf_counter() - began

    def agreement(self):
        """Largest difference of a score from ours, in ulp, and how many labels differ."""
        ours, theirs = np.fromfile(self._folder / "scores.f64"), self._score(self._rows)
        labels = (-theirs - self._forest.offset_ < 0) != (ours > -self._forest.offset_)
        return f"{np.max(np.abs(ours - theirs) / np.spacing(theirs)):.0f} {labels.sum()}"


def serve(folder):
    peer = Peer(folder)
    answers = {
        "version": lambda: f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}, Python {sys.version.split()[0]}",
        "single": peer.single,
        "batch": peer.batch,
        "fit": lambda: peer.fit(0.01),
        "fit auto": lambda: peer.fit("auto"),
        "agreement": peer.agreement,
    }
    for line in sys.stdin:
        print(answers[line.strip()](), flush=True)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "prepare":
        prepare(folder, sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        serve(folder)
