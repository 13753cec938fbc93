"""side_sklearn: scikit-learn's side of the benchmark."""

import platform

import joblib
import numpy as np
import shapes
import side
import sklearn
from sklearn.ensemble import IsolationForest


class Sklearn(side.Side):
    def version(self):
        return f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"

    def path(self, shape):
        return side.folder(shape) / "model.joblib"

    def load(self, shape):
        scaler, forest = shapes.parts(joblib.load(self.path(shape)))
        if scaler:
            return lambda rows: -forest.score_samples(scaler.transform(rows))
        return lambda rows: -forest.score_samples(rows)

    def fit(self, rows, variant):
        """With a contamination scikit-learn scores the rows that it was fitted to, for its threshold."""
        contamination = 0.01 if variant == "scored" else "auto"
        IsolationForest(n_estimators=200, contamination=contamination, n_jobs=1, random_state=42).fit(rows)


if __name__ == "__main__":
    side.main(Sklearn())
