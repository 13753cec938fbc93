"""side_python: the library from Python: `alertron`, and the estimator in `alertron.sklearn`."""

import pathlib
import sys

import numpy as np
import shapes
import side

sys.path.insert(0, str(shapes.ROOT / "build" / "bench" / "python"))

import alertron  # noqa: E402
from alertron.sklearn import IsolationForest  # noqa: E402


class Python(side.Side):
    def version(self) -> str:
        return f"alertron {alertron.__version__}"

    def path(self, shape: str) -> pathlib.Path:
        return side.folder(shape) / "model.joblib"

    def load(self, shape: str) -> side.Scorer:
        return alertron.load(self.path(shape)).score

    def fit(self, rows: np.ndarray, variant: str) -> None:
        """alone, scored: as the others; estimator-alone, estimator-scored: by the estimator, as scikit-learn's side."""
        contamination = 0.01 if variant.endswith("scored") else None
        if variant.startswith("estimator"):
            IsolationForest(n_estimators=200, contamination=contamination or "auto", random_state=42).fit(rows)
        else:
            alone = contamination is None
            alertron.fit(rows, trees=200, contamination=contamination, seed=42, provisional_cuts=alone)


if __name__ == "__main__":
    side.main(Python())
