"""Fitting isolation forests."""

from __future__ import annotations

import ctypes
import operator
from typing import Any, Iterable, Optional

import numpy.typing as npt

from ._errors import ArgumentError
from ._library import FEATURES_MAX, SAMPLES_MAX, TREES_MAX, ErrorStruct, FitOptionsStruct, library, owned, strings, utf8
from ._model import Model
from ._rows import as_rows, names_of, view


def _count(name: str, value: Any, most: int, least: int = 1) -> int:
    """An integer that C's type holds; there 0 would mean the default."""
    number = operator.index(value)
    if not least <= number <= most:
        raise ArgumentError(f"{name} is {number}; it must be between {least} and {most}")
    return number


def _share(name: str, value: Any, most: float) -> float:
    number = float(value)
    if not 0.0 < number <= most:
        raise ArgumentError(f"{name} is {number}; it must be above 0 and at most {most:g}")
    return number


def fit(
    X: npt.ArrayLike,
    *,
    trees: int = 100,
    samples: int = 256,
    features: float = 1.0,
    contamination: Optional[float] = None,
    seed: int = 0,
    medium_quantile: float = 0.80,
    high_quantile: float = 0.95,
    feature_names: Optional[Iterable[str]] = None,
    provenance: str = "",
    provisional_cuts: bool = False,
    bootstrap: bool = False,
    missing_values: bool = False,
) -> Model:
    """Fits an Isolation Forest [Liu, Ting and Zhou 2008] to rows.

    Parameters
    ----------
    X : array of shape (rows, features)
        At least 2 rows of numbers, finite or, with missing_values, NaN; see `Model` for what is copied. At most 4,096 features.
    trees : int
        At most 65,536.
    samples : int
        Rows drawn for each tree, without replacement; at most all rows are.
    features : float
        Share of the features that each tree may use, in (0, 1].
    contamination : float, optional
        Share of the rows that are to be anomalies, in (0, 0.5]. Without it the threshold is a score of 0.5.
    seed : int
        In [0, 2**64). The same seed and rows give the same model on every machine.
    medium_quantile, high_quantile : float
        From which quantile of the anomalous rows' scores on an anomaly is medium, or high.
    feature_names : sequence of str, optional
        One a column. By default the columns' names of a data frame.
    provenance : str
        Text to keep with the model, lines of "key: value".
    provisional_cuts : bool
        Do not score the rows, for who wants the forest only: the threshold is 0.5, the cuts are provisional.
    bootstrap : bool
        Draw each tree's rows with replacement. A row drawn twice is one row of its tree.
    missing_values : bool
        NaN is a missing value, in X and in what the model scores: a split sends it where one of the rows that it splits
        goes, drawn at random among those with a number. Rows without NaN give the same trees as without this option.

    Returns
    -------
    Model

    Raises
    ------
    TypeError
        X holds no real numbers.
    ArgumentError
        A value is out of range, or a number of X is not finite; the text says where.
    LimitError
        More features or nodes than are allowed, or texts too long.
    """
    rows = as_rows(X)
    if rows.ndim != 2:
        raise ArgumentError(f"an array of shape {rows.shape}: give rows as (rows, features)")
    # Before the library looks at the width, names would be counted against it.
    _count("the number of features", rows.shape[1], FEATURES_MAX)
    given = names_of(X) if feature_names is None else feature_names
    names = None if given is None else strings("feature names", given)
    if names is not None and len(names) != rows.shape[1]:
        raise ArgumentError(f"{len(names)} feature names for rows of {rows.shape[1]} features")
    options = FitOptionsStruct(
        _count("trees", trees, TREES_MAX),
        _count("samples", samples, SAMPLES_MAX),
        _share("features", features, 1.0),
        0.0 if contamination is None else _share("contamination", contamination, 0.5),
        _count("seed", seed, 2**64 - 1, 0),
        _share("medium_quantile", medium_quantile, 1.0),
        _share("high_quantile", high_quantile, 1.0),
        names,
        utf8("provenance", provenance),
        bool(provisional_cuts),
        bool(bootstrap),
        bool(missing_values),
    )
    error = ErrorStruct()
    return Model(
        owned(library.alertron_model_fit(ctypes.byref(view(rows)), ctypes.byref(options), None, ctypes.byref(error)), error)
    )
