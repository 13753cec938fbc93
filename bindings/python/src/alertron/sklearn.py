"""scikit-learn's IsolationForest with this library's speed. Nothing else of alertron needs scikit-learn.

    from alertron.sklearn import IsolationForest

    forest = IsolationForest(n_estimators=200, contamination=0.01, random_state=42).fit(X)
    forest.predict(X), forest.score_samples(X)    # as from sklearn.ensemble.IsolationForest
    forest.model_.save("pump.alertron")           # what alertrond serves

Works with scikit-learn 1.6 and later.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

try:
    from sklearn import __version__ as _sklearn_version
except ImportError:
    raise ImportError(
        "alertron.sklearn needs scikit-learn 1.6 or later, and there is none: install it, or use alertron.fit"
    ) from None
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from ._fit import fit
from ._model import Model

try:
    from sklearn.utils.validation import validate_data
except ImportError:
    raise ImportError(
        f"alertron.sklearn needs scikit-learn 1.6 or later, this is {_sklearn_version}: update it, or use alertron.fit "
        "and alertron.from_sklearn, which need none"
    ) from None

__all__ = ["IsolationForest"]

_AUTO_SAMPLES = 256
_SPARSE_ROWS = 4096  # of a sparse matrix that are made dense at a time, to be scored
_REPEATS_MOST = 16  # of a row in the mean, as whole weights want it

# What scikit-learn's class has and this one can't give.
_NOT_HERE = {
    "estimators_": "the trees are not Python objects: model_.info describes them, and model_.explain(X) tells which "
    "features isolated a row",
    "estimators_samples_": "which rows a tree was grown on is not kept",
    "estimators_features_": "which features a tree was given is not kept",
    "estimator_": "the trees are not Python objects",
}


def _repeats(sample_weight: Any, n: int, random: np.random.RandomState) -> npt.NDArray[np.intp]:
    """How often each of n rows is to be taken, as its weight wants it.

    Whole numbers are taken as they are, if that is not too many rows. Others are scaled to a sum of n and rounded up or
    down at random, so that the sum stays, equal weights take each row once, and in the mean ratios are kept.
    """
    weights = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weights.shape != (n,):
        raise ValueError(f"sample_weight has the shape {weights.shape}; give one weight a row, {(n,)}")
    if weights.min() < 0 or not weights.any():
        raise ValueError("sample_weight must be at least zero, and above zero for some rows")
    if weights.sum() <= _REPEATS_MOST * n and np.all(weights == np.floor(weights)):
        return weights.astype(np.intp)
    shares = np.cumsum(weights / weights.max())
    bounds = np.floor(shares / shares[-1] * n + random.uniform())
    return np.diff(bounds, prepend=0.0).astype(np.intp)


class IsolationForest(OutlierMixin, BaseEstimator):
    """An Isolation Forest [Liu, Ting and Zhou 2008]: sklearn.ensemble.IsolationForest by name, and far faster.

    Same parameters, same meaning, forests of the same distribution; other random numbers, so a seed gives another
    forest than scikit-learn's, but the same one on every machine, and the one of `alertron.fit` with that seed.

    Parameters
    ----------
    n_estimators : int
        Trees, at most 65,536.
    max_samples : "auto", int or float
        Rows drawn for each tree, at least 2: "auto" is min(256, rows); a float is a share of the rows.
    contamination : "auto" or float
        Share of the training rows that are to be anomalies, in (0, 0.5]; "auto" puts the threshold at a score of 0.5.
    max_features : float or int
        Features that each tree may use: a number of them, or a share in (0, 1].
    bootstrap : bool
        Draw each tree's rows with replacement.
    n_jobs, verbose
        Taken for compatibility, and without effect: fitting and scoring use the calling thread and say nothing.
    random_state : int, RandomState or None
        An int is the seed. A RandomState, or with None NumPy's global one, is asked for a seed at each fit.
    warm_start : bool
        Fit again with the seed of the last fit. On the same rows, more trees are then added to those there were. On
        other rows all trees are of those rows: unlike scikit-learn's, no trees of earlier rows are kept.

    Attributes
    ----------
    model_ : alertron.Model
        What was fitted: to be saved for alertrond, to explain and to grade. It takes rows as the forest was given them,
        so behind a scaler in a Pipeline scaled ones: leave the scaler out, an isolation forest needs none. Its severity cuts are from the training
        rows; with contamination "auto" nobody scored those, as in scikit-learn, and the cuts are provisional until
        alertrond has seen anomalies, or `model_.calibrate(model_.score(X))` makes better ones.
    offset_ : float
        decision_function is score_samples - offset_.
    max_samples_ : int
        Rows drawn for each tree.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X was a data frame whose columns are all named by str.

    Notes
    -----
    X : array, data frame or SciPy sparse matrix of shape (rows, features), of at most 4,096 features. float32 and
    float64 are used where they lie, other numbers are made float64. scikit-learn rounds to float32 instead. A sparse
    matrix is made dense, as a whole to be fitted, 4,096 rows at a time to be scored.

    NaN is a missing value, in fit and in scoring; see `alertron.fit`. Infinite numbers are refused by fit.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        max_samples: Any = "auto",
        contamination: Any = "auto",
        max_features: Any = 1.0,
        bootstrap: bool = False,
        n_jobs: Optional[int] = None,
        random_state: Any = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.contamination = contamination
        self.max_features = max_features
        self.bootstrap = bootstrap
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    def __getattr__(self, name: str) -> Any:
        why = f": {_NOT_HERE[name]}" if name in _NOT_HERE else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{why}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    # --- fit ---

    def _samples(self, n: int) -> int:
        """How many of n rows are drawn for a tree."""
        if isinstance(self.max_samples, str):
            if self.max_samples != "auto":
                raise ValueError(f"max_samples is {self.max_samples!r}; it must be 'auto', an int or a float")
            return min(_AUTO_SAMPLES, n)
        if isinstance(self.max_samples, Integral):
            return min(check_scalar(self.max_samples, "max_samples", Integral, min_val=2), n)
        share = check_scalar(self.max_samples, "max_samples", Real, min_val=0, max_val=1, include_boundaries="right")
        if int(share * n) < 2:
            raise ValueError(f"max_samples={share} of {n} rows are {int(share * n)}; a tree needs at least 2")
        return int(share * n)

    def _feature_share(self, n: int) -> float:
        """The share that `alertron.fit` makes the wanted number of features of n."""
        if isinstance(self.max_features, Integral):
            k = check_scalar(self.max_features, "max_features", Integral, min_val=1, max_val=n)
        else:
            bounds: dict[str, Any] = {"min_val": 0, "max_val": 1, "include_boundaries": "right"}
            k = max(1, int(check_scalar(self.max_features, "max_features", Real, **bounds) * n))
        return min(1.0, (k + 0.5) / n)

    def _share_of_anomalies(self) -> Optional[float]:
        if isinstance(self.contamination, str):
            if self.contamination != "auto":
                raise ValueError(f"contamination is {self.contamination!r}; it must be 'auto' or a float in (0, 0.5]")
            return None
        bounds: dict[str, Any] = {"min_val": 0, "max_val": 0.5, "include_boundaries": "right"}
        return float(check_scalar(self.contamination, "contamination", Real, **bounds))

    def _trees(self) -> int:
        trees = check_scalar(self.n_estimators, "n_estimators", Integral, min_val=1)
        if self.warm_start and hasattr(self, "model_") and trees < self.model_.info.trees:
            raise ValueError(
                f"n_estimators={trees} is less than the {self.model_.info.trees} trees that are fitted: warm_start adds "
                "trees; for fewer, fit with warm_start=False"
            )
        return int(trees)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> IsolationForest:
        """Fits the forest to rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, features)
            At least 2 rows.
        y
            Ignored.
        sample_weight : array of shape (rows,), optional
            As if each row stood in X so many times. Weights that are not whole numbers, or are above 16 in the mean,
            count by their ratios to the mean. X is copied.

        Returns
        -------
        self
        """
        trees, contamination = self._trees(), self._share_of_anomalies()
        X = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,  # the library looks, and says where
            ensure_min_samples=2,
        )
        share = self._feature_share(X.shape[1])
        random = check_random_state(self.random_state)
        if not (self.warm_start and hasattr(self, "_seed")):
            given = isinstance(self.random_state, Integral)
            self._seed = int(self.random_state if given else random.randint(np.iinfo(np.int32).max))
        if sample_weight is not None:
            X = X[np.repeat(np.arange(X.shape[0]), _repeats(sample_weight, X.shape[0], random))]
        self.max_samples_ = self._samples(X.shape[0])
        self.model_: Model = fit(
            X.toarray() if issparse(X) else X,
            trees=trees,
            samples=self.max_samples_,
            features=share,
            contamination=contamination,
            seed=self._seed,
            feature_names=getattr(self, "feature_names_in_", None),
            provisional_cuts=contamination is None,
            bootstrap=bool(self.bootstrap),
            missing_values=True,
        )
        self.offset_ = -self.model_.cuts.threshold
        return self

    # --- score ---

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """The opposite of the anomaly score: in [-1, 0), lower is more anomalous; exactly -model_.score(X).

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, features)

        Returns
        -------
        float64 array of shape (rows,)
        """
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            reset=False,
        )
        if not issparse(X):
            return -self.model_.score(X)
        starts = range(0, X.shape[0], _SPARSE_ROWS)
        return -np.concatenate([self.model_.score(X[at : at + _SPARSE_ROWS].toarray()) for at in starts])

    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """score_samples(X) - offset_: below 0 is an anomaly.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, features)

        Returns
        -------
        float64 array of shape (rows,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> npt.NDArray[np.int_]:
        """Which rows are anomalies.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, features)

        Returns
        -------
        int array of shape (rows,)
            -1 for an anomaly, otherwise 1.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)
