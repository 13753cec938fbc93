"""Checks: what is wanted of a model on rows, decided by the library, and what is said where it is not so."""

from __future__ import annotations

import ctypes
import operator
import time
from typing import Any, Callable, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _library
from ._errors import ArgumentError
from ._library import CheckResultStruct, CheckStruct, ClockStruct, ErrorStruct, ModelHandle, library
from ._model import Model
from ._rows import as_floats, rows_for, shown, view
from ._severity import Severity

# By the library's enumerations.
KINDS = (
    "severity",
    "score",
    "alarm_rate",
    "auroc",
    "average_precision",
    "recall",
    "monotone",
    "invariance",
    "agreement",
    "duration",
)
RELATIONS = ("is", "at_least", "at_most")
DIRECTIONS = ("varying", "rising", "falling")
NONE_OF_THEM = ctypes.c_size_t(-1).value  # a row or a feature that there is not; as a check's feature: every one

_FEATURES_SHOWN = 10
_NAME_SHOWN = 40  # characters
_DECIMALS = range(4, 18)


class Carrier:
    """Carries exceptions out of callbacks: C is told of an error, its caller gets the exception itself."""

    def __init__(self) -> None:
        self._exception: Optional[BaseException] = None

    def guard(self, function: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
        """The function, but what it raises is kept, and C gets `otherwise`, from then on at once."""

        def guarded(*arguments: Any) -> Any:
            try:
                return otherwise if self._exception else function(*arguments)
            except BaseException as error:
                self._exception = error
                return otherwise

        return guarded

    def deliver(self) -> None:
        """Raises what was kept."""
        exception, self._exception = self._exception, None
        if exception is not None:
            raise exception


def clock(carrier: Carrier) -> ClockStruct:
    return ClockStruct(ClockStruct.Seconds(carrier.guard(lambda context: time.perf_counter(), 0.0)), None)


# --- what tests hand over ---


def handle_of(model: Any, what: str = "the model") -> ModelHandle:
    if not isinstance(model, Model):
        made_by = "alertron.load, alertron.fit or alertron.from_sklearn"
        raise TypeError(f"{what} must be an alertron.Model, as {made_by} make it, not {type(model).__name__}")
    return model._open()


def number(name: str, value: Any, least: float, most: float, hint: str = "") -> float:
    """A float within bounds: one beyond them would make a test that can't fail."""
    given = float(value)
    if not least <= given <= most:
        raise ArgumentError(f"{name} is {given!r}; it must be between {least:g} and {most:g}{hint}")
    return given


def share(name: str, value: Any) -> float:
    return number(name, value, 0.0, 1.0, ": 0.015 is 1.5%")


def above_zero(name: str, value: Optional[float], most: float, otherwise: str) -> float:
    """A float above 0, or for None the 0 that tells the library so."""
    if value is None:
        return 0.0
    given = float(value)
    if not 0.0 < given <= most:
        raise ArgumentError(f"{name} is {given!r}; it must be above 0 and at most {most:g}; without it {otherwise}")
    return given


def severity(name: str, value: Union[Severity, str, int]) -> Severity:
    names = [str(one) for one in Severity]
    if isinstance(value, str) and value in names:
        return Severity(names.index(value))
    if isinstance(value, (str, bool)) or operator.index(value) not in range(len(names)):
        raise ArgumentError(f"{name} is {value!r}; it must be one of {', '.join(names)}, or an alertron.Severity")
    return Severity(operator.index(value))


def alarm(name: str, value: Union[Severity, str, int]) -> Severity:
    """The least severity of what counts as an alarm."""
    least = severity(name, value)
    if least == Severity.NONE:
        raise ArgumentError(f"{name} is none, which is no alarm: give low, medium or high")
    return least


def wanted(convert: Callable[[str, Any], Any], *, at_least: Any, at_most: Any, **exactly: Any) -> list[tuple[int, Any]]:
    """(relation, value) of what is given: what it is exactly, by the argument's own name, and bounds."""
    given = {**exactly, "at_least": at_least, "at_most": at_most}
    found = [
        (RELATIONS.index(name) if name in RELATIONS else 0, convert(name, value))
        for name, value in given.items()
        if value is not None
    ]
    if not found:
        raise ArgumentError(f"nothing is wanted, so nothing could fail: give {' or '.join(given)}")
    return found


def scores(rows: npt.NDArray[Any], name: str, given: Any) -> npt.NDArray[np.float64]:
    """One score a row, of one for all or of one each."""
    array, n_rows = np.asarray(as_floats(given), np.float64), count(rows)
    if array.shape not in ((), (n_rows,)):
        raise ArgumentError(f"{name} of shape {array.shape} for {n_rows} rows: give one for all, or one a row")
    if not ((array >= 0.0) & (array <= 1.0)).all():
        raise ArgumentError(f"{name} is not between 0 and 1, as scores are")
    return np.array(np.broadcast_to(array, (n_rows,)))


def labels(y: Any, rows: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Labels as the library has them: 1 for an anomaly."""
    given, n_rows = np.asarray(y), count(rows)
    if given.shape != (n_rows,):
        raise ArgumentError(f"labels of shape {given.shape} for {n_rows} rows: give one a row, of shape ({n_rows},)")
    if given.dtype.kind not in "biuf":
        raise TypeError(f"labels must be bool, or 0 and 1, not of dtype {given.dtype}: give e.g. y == 'anomaly'")
    values = set(np.unique(given).tolist())
    if values <= {0, 1}:
        return np.ascontiguousarray(given, np.uint8)
    if values <= {-1, 1}:
        raise ArgumentError(
            "labels of -1 and 1: either may be the anomaly, so say which: "
            "y == -1 where they are as scikit-learn's predict gives them, else y == 1"
        )
    raise ArgumentError(f"labels are bool, or 0 and 1 for an anomaly; these have {shown(sorted(map(str, values)))}")


def feature(model: Model, given: Union[str, int, None]) -> int:
    """A feature's index, by its name or index; None is every feature."""
    if given is None:
        return NONE_OF_THEM
    if isinstance(given, str):
        if given not in model.features:
            raise ArgumentError(f"the model has no feature {given!r}; it has {shown(model.features)}")
        return model.features.index(given)
    index = operator.index(given)
    if not 0 <= index < model.n_features:
        raise ArgumentError(f"feature {index} of a model of {model.n_features}: they count from 0")
    return index


def direction(given: str) -> int:
    if given not in DIRECTIONS:
        raise ArgumentError(f"direction {given!r}: it must be one of {', '.join(DIRECTIONS)}")
    return DIRECTIONS.index(given)


def other(model: Model, given: Model) -> ModelHandle:
    """Another model's handle, which must have the features of this one."""
    handle = handle_of(given, "the other model")
    if given._names and model._names and given._names != model._names:
        raise ArgumentError(
            f"the other model has the features {shown(given._names)}, and this one {shown(model._names)}: "
            "models are compared that have the same ones in the same order"
        )
    return handle


# --- checks ---


def rows_of(model: Any, X: Any) -> npt.NDArray[Any]:
    handle_of(model)
    return rows_for(X, model._width, model._names)


def count(rows: npt.NDArray[Any]) -> int:
    return len(rows) if rows.ndim == 2 else 1


def check(model: Model, rows: npt.NDArray[Any], kind: str, **members: Any) -> None:
    """Makes a check of the library; AssertionError where the model does not pass. What members point to must stay."""
    __tracebackhide__ = True
    struct = CheckStruct(kind=KINDS.index(kind), rows=view(rows), **members)
    result, error = CheckResultStruct(), ErrorStruct()
    status = library.alertron_model_check(
        handle_of(model), ctypes.byref(struct), ctypes.byref(result), None, ctypes.byref(error)
    )
    _library.check(status, error)
    if not result.passed:
        raise AssertionError(_failure(model, rows, result))


def check_all(
    model: Model, rows: npt.NDArray[Any], kind: str, bounds: Sequence[tuple[int, float]], **members: Any
) -> None:
    """A check for each (relation, bound)."""
    __tracebackhide__ = True
    for relation, bound in bounds:
        check(model, rows, kind, relation=relation, bound=bound, **members)


# --- what is said of a failure ---


def _failure(model: Model, rows: npt.NDArray[Any], result: CheckResultStruct) -> str:
    text = str(result.text.decode(errors="replace"))
    if result.row == NONE_OF_THEM:
        return text
    reading = np.array(np.atleast_2d(rows)[result.row], np.float64)
    changed = None if result.feature == NONE_OF_THEM else int(result.feature)
    if changed is not None:
        reading[changed] = result.value
    where = f"row {result.row}" if count(rows) > 1 else ""
    return f"{text}\n{reading_told(model, reading, where, changed)}"


def reading_told(model: Model, reading: npt.NDArray[np.float64], where: str, changed: Optional[int]) -> str:
    """A reading, its score, and the features that caused it, as lines."""
    score = model.score(reading)
    lines = [f"  {'reading':<10} {where}"] if where else []
    lines.append(f"  {'score':<10} {_score_told(model, score)}")
    return "\n".join(lines + _features_told(model, reading, model.severity(score) > Severity.NONE, changed))


def _score_told(model: Model, score: float) -> str:
    """With so many decimals that numbers which differ from the score do so in the text."""
    cuts = model.cuts[:3]
    for n in _DECIMALS:
        if all(score == cut or f"{score:.{n}f}" != f"{cut:.{n}f}" for cut in cuts):
            break
    threshold, medium, high = (f"{cut:.{n}f}" for cut in cuts)
    bands = f"anomalies are above {threshold}, medium from {medium}, high from {high}"
    return f"{score:.{n}f}: {model.severity(score)} ({bands})"


def _features_told(model: Model, reading: npt.NDArray[np.float64], anomaly: bool, changed: Optional[int]) -> list[str]:
    shares = model.explain(reading)
    first = np.argsort(-shares, kind="stable")[:_FEATURES_SHOWN]
    names = ["".join(c if c.isprintable() else "?" for c in model.features[i][:_NAME_SHOWN]) for i in first]
    values = ["missing" if np.isnan(reading[i]) else repr(float(reading[i])).removesuffix(".0") for i in first]
    name_width, value_width = max(map(len, names)), max(map(len, values))
    lines = []
    for n, i in enumerate(first):
        head = "" if n else "caused by" if anomaly else "features"
        note = "  changed to this" if i == changed else ""
        lines.append(f"  {head:<10} {names[n]:<{name_width}}  {values[n]:>{value_width}}  {shares[i]:4.0%}{note}")
    if len(first) < len(reading):
        lines.append(f"  {'':<10} and {len(reading) - len(first)} more")
    if not anomaly:
        lines.append(f"  {'':<10} (of a reading that is no anomaly the shares say little)")
    return lines
