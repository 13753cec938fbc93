"""Models from files and from scikit-learn's objects."""

from __future__ import annotations

import os
import pickle
from typing import Any, BinaryIO, Union

from . import _files
from ._errors import ArgumentError, Error, UnsupportedError
from ._model import Model, load_bytes

_INPUTS = {"default": 0, "float64": 1, "float32": 2}


def _input(name: str) -> int:
    if name not in _INPUTS:
        raise ArgumentError(f"input {name!r}: it must be one of {', '.join(_INPUTS)}")
    return _INPUTS[name]


def load(
    source: Union[str, os.PathLike[str], bytes, bytearray, memoryview, BinaryIO],
    *,
    input: str = "default",
    skip_tests: bool = False,
) -> Model:
    """Loads a model: alertron's own file, or what scikit-learn 1.0 to 1.9 saved with pickle or joblib.

    scikit-learn is not needed, and nothing in the file is executed. It may hold an IsolationForest alone, in a
    Pipeline behind scalers, or in a dict {"scaler", "model"}; scores are scikit-learn's. zlib and gzip (joblib's
    `compress`) are inflated.

    Parameters
    ----------
    source : path, bytes, or file opened with mode "rb"
        At most 1 GiB, inflated. Memory stays below 16 times that.
    input : "default", "float32" or "float64"
        The type of number that was handed to scikit-learn's scaler. It decides the last bit of a score, and so on
        which side of a threshold a reading is. "default" is float32 for a dict of scaler and model, else float64.
    skip_tests : bool
        Load a model that fails the tests it carries, to look into it.

    Returns
    -------
    Model

    Raises
    ------
    FormatError
        Malformed, cut short or altered; `offset` tells where.
    UnsupportedError
        Another estimator, or a step that can't be taken over; the text names it.
    CompressedError
        Compressed by lzma, bz2 or another than zlib and gzip.
    LimitError
        More trees, nodes, bytes, ... than are allowed.
    SelfTestError
        The model does not give the scores stored with it, or fails its tests.
    OSError
        The file can't be read.
    """
    number = _input(input)
    try:
        return load_bytes(_files.inflated(_files.read(source)), number, bool(skip_tests))
    except Error as error:
        if isinstance(source, (str, os.PathLike)):
            error.args = (f"{os.fspath(source)}: {error}",)
        raise


def from_sklearn(estimator: Any, *, input: str = "default") -> Model:
    """The model of scikit-learn's fitted estimator, without a file between.

    Parameters
    ----------
    estimator : sklearn.ensemble.IsolationForest, sklearn.pipeline.Pipeline or dict
        Whatever `load` takes from a file; or an alertron.sklearn.IsolationForest, but not behind a scaler: an isolation
        forest needs none, so fit it to rows as they are.
    input : "default", "float32" or "float64"
        As for `load`.

    Returns
    -------
    Model
        It shares nothing with the estimator.

    Raises
    ------
    Error
        As `load` raises.
    """
    number = _input(input)
    if type(estimator).__module__ == "alertron.sklearn" and isinstance(getattr(estimator, "model_", None), Model):
        return load_bytes(estimator.model_.to_bytes(), number, False)
    try:
        data = pickle.dumps(estimator, protocol=5)
    except Exception as error:
        raise UnsupportedError(f"a {type(estimator).__name__} that can't be pickled ({error}): give a fitted estimator") from error
    return load_bytes(data, number, False)
