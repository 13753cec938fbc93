"""Model: what scores, explains and grades rows."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Iterable, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _files
from ._errors import ArgumentError, ClosedError
from ._library import (
    SCORE_BINS,
    ChangesStruct,
    ErrorStruct,
    InfoStruct,
    LoadOptionsStruct,
    ModelHandle,
    check,
    library,
    owned,
    strings,
    utf8,
)
from ._rows import address, as_floats, rows_for, view
from ._severity import ORIGINS, Cuts, cuts_of, struct_of


class ModelInfo(NamedTuple):
    """What a model is and where it came from.

    Attributes
    ----------
    kind : str
        "isolation forest".
    producer : str
        E.g. "scikit-learn 1.7.1", "alertron 0.1.0".
    provenance : str
        Lines of "key: value": the parts of the file, fit options, the caller's text.
    kernel : str
        Which kernel scores: see `kernels`. "walk", slow, where none takes the model.
    features, trees : int
        Features of a row; trees of the forest.
    nodes : int
        Of all trees together.
    depth : int
        Nodes on the longest path.
    samples : int
        Rows that each tree was grown on.
    normalizer : float
        trees * c(samples), the denominator of a score.
    missing_values : bool
        NaN is scored; otherwise the score of a row with NaN is NaN.
    bytes : int
        Memory that the model holds.
    """

    kind: str
    producer: str
    provenance: str
    kernel: str
    features: int
    trees: int
    nodes: int
    depth: int
    samples: int
    normalizer: float
    missing_values: bool
    bytes: int


def kernels() -> tuple[str, ...]:
    """The names of the kernels that this machine can run, fastest first. All of them give the same bits."""
    names: list[str] = []
    while name := library.alertron_kernel_name(len(names)):
        names.append(name.decode())
    return tuple(names)


def load_bytes(data: bytes, input: int, skip_tests: bool) -> Model:
    """A model of bytes that are not compressed; input as alertron_input counts."""
    error = ErrorStruct()
    options = LoadOptionsStruct(input, skip_tests)
    handle = library.alertron_model_load_with(data, len(data), ctypes.byref(options), None, ctypes.byref(error))
    return Model(owned(handle, error))


class Model:
    """An anomaly detector: an isolation forest with its threshold, severity cuts, names and tests.

    Made by `load`, `fit` and `from_sklearn`. Immutable: what changes it gives a new one. It may be used by any number
    of threads at the same time; while the library works, Python's other threads run. It can be pickled and copied.

    X is whatever NumPy takes for rows, of shape (rows, features), in the units that the model was trained on: arrays,
    data frames, lists. Arrays of float32 and float64 are used where they lie, in any order, with any strides, aligned
    or not, writable or not. Integers, booleans, float16, longdouble and numbers in foreign byte order are copied to
    float64. Where both the model and X (a data frame) have names, those must be the same in the same order. A single
    row may be given as shape (features,), and gives a single answer.

    NaN is a missing value: scored where `info.missing_values`, otherwise the row's score is NaN.

    Methods raise
    -------------
    TypeError
        X holds no real numbers: objects, strings, complex, masked.
    ArgumentError
        X has another width or other names than the model.
    ClosedError
        The model is closed.
    """

    __slots__ = ("_handle", "_width", "_names", "__weakref__")
    _handle: Optional[ModelHandle]

    def __new__(cls, *_: Any) -> Model:
        model = super().__new__(cls)
        model._handle = None
        return model

    def __init__(self, handle: ModelHandle) -> None:
        if not isinstance(handle, ModelHandle) or not handle:
            raise TypeError("a Model is made by alertron.load, alertron.fit or alertron.from_sklearn")
        self._adopt(handle)

    def _adopt(self, handle: ModelHandle) -> None:
        if getattr(self, "_handle", None) is not None:
            raise TypeError("a Model does not become another one: load or fit a new one")
        self._width = int(library.alertron_model_features(handle))
        names = [library.alertron_model_feature_name(handle, i) for i in range(self._width)]
        self._names = None if names[0] is None else tuple(name.decode(errors="replace") for name in names)
        self._handle = handle

    def _open(self) -> ModelHandle:
        handle = self._handle
        if handle is None:
            raise ClosedError("the model is closed: load or fit it again")
        return handle

    def close(self) -> None:
        """Gives the model up: whatever is asked of it from now on raises ClosedError.

        Its memory is freed when calls that other threads are making have ended. Models that nobody refers to are
        freed by themselves; closing is for who wants the memory back at once.
        """
        self._handle = None

    # --- rows ---

    def score(self, X: npt.ArrayLike) -> Any:
        """Anomaly scores: in (0, 1], higher is more anomalous.

        Equal to -score_samples(X) of scikit-learn within 2 ulp, for rows of the dtype that `load`'s input stands for:
        `2 ** -(path_length / (trees * c(samples)))` [Liu, Ting and Zhou 2008].

        Parameters
        ----------
        X : array of shape (rows, features), or (features,) for one row

        Returns
        -------
        float64 array of shape (rows,), or float for one row
        """
        handle = self._open()
        rows = rows_for(X, self._width, self._names)
        scores = np.empty(rows.shape[0] if rows.ndim == 2 else 1)
        if library.alertron_model_score_rows(handle, ctypes.byref(view(rows)), address(scores)):
            raise ArgumentError(f"rows of shape {rows.shape} do not suit the model")
        return scores if rows.ndim == 2 else float(scores[0])

    def is_anomaly(self, X: npt.ArrayLike) -> Any:
        """Which rows are anomalies: those that score above the threshold.

        Parameters
        ----------
        X : array of shape (rows, features), or (features,) for one row

        Returns
        -------
        bool array of shape (rows,), or bool for one row
            True where scikit-learn's predict gives -1.
        """
        return self.score(X) > self.cuts.threshold

    def severity(self, scores: npt.ArrayLike) -> Any:
        """The bands of scores by the model's own cuts.

        Parameters
        ----------
        scores : array of any shape, or float
            What `score` gave. NaN is Severity.NONE.

        Returns
        -------
        array of int8 in the shape of scores, or Severity for one score
            Values of `Severity`: 0 none, 1 low, 2 medium, 3 high. `Severity.names` makes texts of them.
        """
        return self.cuts.severity(scores)

    def explain(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Which features isolated rows: for each row shares of at least 0 whose sum is 1.

        For rows that are anomalies: of a normal row no feature isolated it, and shares are noise. They compare
        features within one row, are no probabilities, and do not grow with how far out a number is. NaN where the
        score is NaN. alertron.h has the formula.

        Parameters
        ----------
        X : array of shape (rows, features), or (features,) for one row
            Taken row by row, some microseconds each; copied to float64 where it isn't.

        Returns
        -------
        float64 array of the shape of X
            In the order of `features`.
        """
        handle, rows = self._open(), self._packed_rows(X)
        shares = np.empty(rows.shape)
        first, out = address(rows), address(shares)
        for offset in range(0, rows.nbytes, rows.itemsize * self._width):
            library.alertron_model_explain(handle, first + offset, out + offset)
        return shares

    def path_length(self, X: npt.ArrayLike) -> Any:
        """The sum over trees of (nodes on the row's path + c(rows in the leaf)) - 1, before it becomes a score.

        Equal to scikit-learn's to the bit. NaN as for the score.

        Parameters
        ----------
        X : array of shape (rows, features), or (features,) for one row

        Returns
        -------
        float64 array of shape (rows,), or float for one row
        """
        handle, rows = self._open(), self._packed_rows(X)
        first, step = address(rows), rows.itemsize * self._width
        lengths = [library.alertron_model_path_length(handle, first + at) for at in range(0, rows.nbytes, step)]
        return np.array(lengths) if rows.ndim == 2 else lengths[0]

    def _packed_rows(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Rows of float64 one behind the other: what the library's functions of one row take."""
        return np.require(rows_for(X, self._width, self._names), np.float64, ["C", "ALIGNED"])

    # --- what it is ---

    @property
    def n_features(self) -> int:
        """Number of features of a row."""
        self._open()
        return self._width

    @property
    def feature_names(self) -> Optional[tuple[str, ...]]:
        """The names of the features, or None where the model has none."""
        self._open()
        return self._names

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features; "f0", "f1", ... where the model has none."""
        return self.feature_names or tuple(f"f{i}" for i in range(self._width))

    @property
    def cuts(self) -> Cuts:
        """The threshold and the severity cuts."""
        return cuts_of(library.alertron_model_cuts(self._open()))

    @property
    def info(self) -> ModelInfo:
        """What the model is and where it came from."""
        handle, struct = self._open(), InfoStruct()
        library.alertron_model_describe(handle, ctypes.byref(struct))
        values: dict[str, Any] = {name: getattr(struct, name) for name in ModelInfo._fields}
        texts = {name: value.decode(errors="replace") for name, value in values.items() if isinstance(value, bytes)}
        return ModelInfo(**{**values, **texts})

    @property
    def training_scores(self) -> Optional[npt.NDArray[np.uint64]]:
        """How the scores of the training rows lie: uint64 (256,), [i] of them in [i/256, (i+1)/256).

        None where nobody scored them: scikit-learn's models, and fits with provisional cuts.
        """
        handle = self._open()
        counts = library.alertron_model_training_scores(handle)
        return np.ctypeslib.as_array(counts, (SCORE_BINS,)).copy() if counts else None

    @property
    def tests(self) -> str:
        """The tests that the model carries; "" where it carries none."""
        handle = self._open()
        return str(library.alertron_model_tests(handle).decode(errors="replace"))

    # --- the same model, different ---

    def with_cuts(self, cuts: Cuts) -> Model:
        """The model with another threshold and other severity cuts.

        Parameters
        ----------
        cuts : Cuts
            E.g. `model.cuts._replace(threshold=0.6)`. With the origin "provisional" medium and high are worked out.

        Raises
        ------
        ArgumentError, FormatError
            The cuts are no numbers in rising order, or the quantiles are out of range.
        """
        if not isinstance(cuts, Cuts):
            raise TypeError(f"cuts must be alertron.Cuts, not {type(cuts).__name__}")
        struct = struct_of(cuts)
        return self._with(cuts=ctypes.pointer(struct))

    def calibrate(
        self,
        scores: npt.ArrayLike,
        *,
        threshold: Optional[float] = None,
        medium_quantile: Optional[float] = None,
        high_quantile: Optional[float] = None,
    ) -> Model:
        """The model with severity cuts taken anew: quantiles of those scores that are anomalous.

        Parameters
        ----------
        scores : array of shape (n,)
            `model.score(X)` of rows that hold anomalies as the model will meet them.
        threshold : float, optional
            A new threshold, e.g. `numpy.quantile(scores, 0.99)`. By default the model's own stays.
        medium_quantile, high_quantile : float, optional
            From which quantile of anomalous scores on an anomaly is medium, or high. By default the model's own stay.

        Raises
        ------
        LimitError
            Fewer than 10 of the scores are anomalous, or too many are equal to tell three bands apart.
        """
        scratch = np.array(as_floats(scores), np.float64)
        if scratch.ndim != 1:
            raise ArgumentError(f"scores of shape {scratch.shape}: give model.score(X), of shape (n,)")
        struct, error = struct_of(self.cuts), ErrorStruct()
        struct.threshold = struct.threshold if threshold is None else threshold
        struct.medium_quantile = struct.medium_quantile if medium_quantile is None else medium_quantile
        struct.high_quantile = struct.high_quantile if high_quantile is None else high_quantile
        status = library.alertron_cuts_calibrate(
            ctypes.byref(struct), address(scratch), len(scratch), ORIGINS.index("file"), ctypes.byref(error)
        )
        check(status, error)
        return self._with(cuts=ctypes.pointer(struct))

    def with_feature_names(self, names: Iterable[str]) -> Model:
        """The model with names for its features, one each."""
        array = strings("feature names", names)
        if len(array) != self.n_features:
            raise ArgumentError(f"{len(array)} feature names for a model of {self._width} features")
        return self._with(feature_names=array)

    def with_provenance(self, provenance: str) -> Model:
        """The model with lines of "key: value" in its provenance, in place of its own with the same keys."""
        return self._with(provenance=utf8("provenance", provenance))

    def with_tests(self, tests: str) -> Model:
        """The model with tests to carry, in place of its own; "" for none.

        Raises
        ------
        SelfTestError
            The model fails them.
        """
        return self._with(tests=utf8("tests", tests))

    def with_kernel(self, name: str) -> Model:
        """The model scoring with the kernel of that name, for tests and benchmarks: see `kernels`."""
        model = load_bytes(self.to_bytes(), 0, True)
        error = ErrorStruct()
        check(library.alertron_model_set_kernel(model._open(), utf8("name", name), ctypes.byref(error)), error)
        return model

    def _with(self, **changes: Any) -> Model:
        error, struct = ErrorStruct(), ChangesStruct(**changes)
        return Model(owned(library.alertron_model_with(self._open(), ctypes.byref(struct), None, ctypes.byref(error)), error))

    # --- out ---

    def to_bytes(self) -> bytes:
        """The model in alertron's own format, as `load` reads it."""
        handle = self._open()
        size = library.alertron_model_save(handle, None, 0)
        buffer = ctypes.create_string_buffer(size)
        library.alertron_model_save(handle, buffer, size)
        return buffer.raw

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the model to a file, in alertron's own format.

        It is written beside, synced and renamed: the path has the old file or the new one, whole.

        Raises
        ------
        OSError
        """
        _files.write(path, self.to_bytes())

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, state: bytes) -> None:
        # What was a model once may have been loaded in spite of its tests; so it is again.
        self._adopt(load_bytes(state, 0, True)._open())

    def __repr__(self) -> str:
        if self._handle is None:
            return "<alertron.Model: closed>"
        info = self.info
        return (
            f"<alertron.Model: {info.kind} of {info.trees} trees, {info.features} features, "
            f"threshold {self.cuts.threshold:.4g}, by {info.producer}>"
        )
