"""Unit tests of models, for pytest or whatever takes an AssertionError for a failure.

    from alertron.testing import assert_alarm_rate, assert_severity

    def test_a_worn_bearing_is_seen(model):
        assert_severity(model, [70, 140, 0.9], at_least="medium")

    def test_a_normal_week_has_few_alarms(model, week):
        assert_alarm_rate(model, week, at_most=0.015)

assert_severity, assert_score            of single readings, or of every row
assert_alarm_rate, assert_agreement      shares of rows
assert_auroc, assert_average_precision, assert_recall    of rows with labels
assert_monotone, assert_invariant        one feature, any number
assert_duration                          relative to another model
assert_tests, run                        tests as text, in the language of `alertrond test`

All of them take the model, rows (see `alertron.Model`; X of shape (features,) is one reading) and, by name, what is
wanted of them; bounds belong to what passes. A failure says what was found and what was wanted, the reading that shows
it best, its score, the threshold, and the features that caused it:

    alarms on 2.38% of 1008 rows; at most 1.5% was wanted
      reading    row 713
      score      0.7123: high (anomalies are above 0.5321, medium from 0.6102, high from 0.6911)
      caused by  vibration    0.98   61%
                 temperature  72.1   30%
                 pressure     101.3   9%

A check that can't be made is no failure but an error, an alertron.Error or a TypeError: rows of another width, labels
that are all the same, a bound beyond what can be, which nothing would fail. The checks are libalertron's own: in C
(alertron.h, alertron_cmocka.h), in `alertrond test` and here they give the same answers.

Labels, y, are one a row: bool, or numbers 0 and 1, where True and 1 are anomalies. -1 and 1 are refused, for either may
be the anomaly: give `y == -1` where scikit-learn's predict made them.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Literal, Optional, Union

import numpy.typing as npt

from . import _checks, _suite
from ._model import Model
from ._severity import Severity
from ._suite import Result

__all__ = [
    "assert_severity",
    "assert_score",
    "assert_alarm_rate",
    "assert_agreement",
    "assert_auroc",
    "assert_average_precision",
    "assert_recall",
    "assert_monotone",
    "assert_invariant",
    "assert_duration",
    "assert_tests",
    "run",
    "Result",
]

Result.__module__ = __name__

AnySeverity = Union[Severity, Literal["none", "low", "medium", "high"], int]
Direction = Literal["rising", "falling", "varying"]


# --- single readings, or every row ---


def assert_severity(
    model: Model,
    X: npt.ArrayLike,
    severity: Optional[AnySeverity] = None,
    *,
    at_least: Optional[AnySeverity] = None,
    at_most: Optional[AnySeverity] = None,
) -> None:
    """Every row has the severity, or one in the bounds.

    Parameters
    ----------
    X : array of shape (rows, features), or (features,) for one reading
    severity, at_least, at_most : "none", "low", "medium", "high" or alertron.Severity
        "none" is no anomaly; `at_least="low"` is an anomaly of any severity.

    Examples
    --------
        assert_severity(model, [50, 100, 0.5], "none")
        assert_severity(model, [70, 140, 0.9], at_least="medium")
    """
    __tracebackhide__ = True
    wanted = _checks.wanted(_checks.severity, severity=severity, at_least=at_least, at_most=at_most)
    rows = _checks.rows_of(model, X)
    for relation, one in wanted:
        _checks.check(model, rows, "severity", relation=relation, severity=one)


def assert_score(
    model: Model,
    X: npt.ArrayLike,
    score: Optional[npt.ArrayLike] = None,
    *,
    within: float = 1e-9,
    at_least: Optional[npt.ArrayLike] = None,
    at_most: Optional[npt.ArrayLike] = None,
) -> None:
    """Every row scores so: golden scores, or bounds.

    Parameters
    ----------
    X : array of shape (rows, features), or (features,) for one reading
    score, at_least, at_most : float, or array of shape (rows,)
        Of all rows, or of each; in [0, 1].
    within : float
        How far off `score` they may be. What other machines may differ in is far below 1e-9.

    Examples
    --------
        assert_score(model, [50, 100, 0.5], at_most=0.45)
        assert_score(model, golden_rows, golden_scores)
    """
    __tracebackhide__ = True
    rows = _checks.rows_of(model, X)
    tolerance = _checks.number("within", within, 0.0, 1.0)
    each = functools.partial(_checks.scores, rows)
    bounds = _checks.wanted(each, score=score, at_least=at_least, at_most=at_most)
    for relation, scores in bounds:
        _checks.check(model, rows, "score", relation=relation, tolerance=tolerance, scores=scores.ctypes.data)


# --- shares of rows ---


def assert_alarm_rate(
    model: Model,
    X: npt.ArrayLike,
    *,
    at_least: Optional[float] = None,
    at_most: Optional[float] = None,
    severity: AnySeverity = "low",
) -> None:
    """Such a share of the rows are anomalies.

    Parameters
    ----------
    X : array of shape (rows, features)
    at_least, at_most : float
        Shares in [0, 1]: 0.015 is 1.5%.
    severity : "low", "medium", "high" or alertron.Severity
        Count those of at least this severity.

    Examples
    --------
        assert_alarm_rate(model, normal_week, at_most=0.015)
        assert_alarm_rate(model, normal_week, severity="high", at_most=0.002)
    """
    __tracebackhide__ = True
    band = _checks.alarm("severity", severity)
    bounds = _checks.wanted(_checks.share, at_least=at_least, at_most=at_most)
    _checks.check_all(model, _checks.rows_of(model, X), "alarm_rate", bounds, severity=band)


def assert_agreement(
    model: Model, X: npt.ArrayLike, other: Model, *, at_least: Optional[float] = None, at_most: Optional[float] = None
) -> None:
    """Both models put such a share of the rows on the same side, each of its own threshold.

    Parameters
    ----------
    X : array of shape (rows, features)
    other : Model
        Of the same features: what runs in production now.
    at_least, at_most : float
        Shares in [0, 1]: 0.99 is 99%.
    """
    __tracebackhide__ = True
    rows, handle = _checks.rows_of(model, X), _checks.other(model, other)
    bounds = _checks.wanted(_checks.share, at_least=at_least, at_most=at_most)
    _checks.check_all(model, rows, "agreement", bounds, other=handle)


# --- rows with labels ---


def assert_auroc(
    model: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    at_least: Optional[float] = None,
    at_most: Optional[float] = None,
) -> None:
    """The chance that an anomaly scores higher than another row, equal scores counting half: `roc_auc_score`.

    Parameters
    ----------
    X : array of shape (rows, features)
    y : array of shape (rows,)
        bool, or 0 and 1 for an anomaly; of both there must be some.
    at_least, at_most : float
        In [0, 1].
    """
    __tracebackhide__ = True
    _ranking(model, X, y, "auroc", at_least, at_most)


def assert_average_precision(
    model: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    at_least: Optional[float] = None,
    at_most: Optional[float] = None,
) -> None:
    """The precision at each score, weighted by the recall it adds: `average_precision_score`.

    Parameters
    ----------
    X : array of shape (rows, features)
    y : array of shape (rows,)
        bool, or 0 and 1 for an anomaly; of both there must be some.
    at_least, at_most : float
        In [0, 1].
    """
    __tracebackhide__ = True
    _ranking(model, X, y, "average_precision", at_least, at_most)


def assert_recall(
    model: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    at_least: Optional[float] = None,
    at_most: Optional[float] = None,
    alarm_rate: Optional[float] = None,
) -> None:
    """The share of anomalies that are alarms.

    Parameters
    ----------
    X : array of shape (rows, features)
    y : array of shape (rows,)
        bool, or 0 and 1 for an anomaly; of both there must be some.
    at_least, at_most : float
        Shares in [0, 1].
    alarm_rate : float, optional
        Alarms are the highest scores, as many as this share of all rows allows, in (0, 1]; rows that score the same
        are all in or all out. By default what is above the model's threshold.
    """
    __tracebackhide__ = True
    rate = _checks.above_zero("alarm_rate", alarm_rate, 1.0, "alarms are what is above the model's threshold")
    _ranking(model, X, y, "recall", at_least, at_most, alarm_rate=rate)


def _ranking(
    model: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    kind: str,
    least: Optional[float],
    most: Optional[float],
    **members: Any,
) -> None:
    __tracebackhide__ = True
    bounds = _checks.wanted(_checks.share, at_least=least, at_most=most)
    rows = _checks.rows_of(model, X)
    labels = _checks.labels(y, rows)
    _checks.check_all(model, rows, kind, bounds, labels=labels.ctypes.data, **members)


# --- one feature, any number ---


def assert_monotone(
    model: Model,
    X: npt.ArrayLike,
    *,
    feature: Union[str, int, None] = None,
    direction: Direction,
    tolerance: Optional[float] = None,
) -> None:
    """A feature going one way from each row, the others staying, never makes it look more normal.

    No sampling: a score changes only at the forest's thresholds, and a number between each two is tried.

    Parameters
    ----------
    X : array of shape (rows, features), or (features,) for one reading
        Best a typical reading: scores wiggle where the data lie, and severities with them close to the threshold.
    feature : str or int, optional
        By its name or index. By default every feature, one at a time.
    direction : "rising", "falling" or "varying"
        varying: both ways.
    tolerance : float, optional
        How far the score may fall below one it had before, in [0, 1]; 0.02 to 0.03 is what an isolation forest needs.
        By default the severity must not fall, whatever the score does.

    Examples
    --------
        assert_monotone(model, [50, 100, 0.5], feature="temperature", direction="rising")
    """
    __tracebackhide__ = True
    _along(model, X, "monotone", feature, direction, tolerance)


def assert_invariant(
    model: Model,
    X: npt.ArrayLike,
    *,
    feature: Union[str, int, None] = None,
    direction: Direction = "varying",
    tolerance: Optional[float] = None,
) -> None:
    """A feature going from each row, the others staying, never changes the verdict.

    Parameters
    ----------
    X : array of shape (rows, features), or (features,) for one reading
    feature : str or int, optional
        By its name or index. By default every feature, one at a time.
    direction : "rising", "falling" or "varying"
        varying: both ways.
    tolerance : float, optional
        How far the score may be from the row's own, in [0, 1]. By default the severity must stay, whatever the score
        does.
    """
    __tracebackhide__ = True
    _along(model, X, "invariance", feature, direction, tolerance)


def _along(
    model: Model,
    X: npt.ArrayLike,
    kind: str,
    feature: Union[str, int, None],
    direction: str,
    tolerance: Optional[float],
) -> None:
    __tracebackhide__ = True
    rows = _checks.rows_of(model, X)
    members = {
        "feature": _checks.feature(model, feature),
        "direction": _checks.direction(direction),
        "by_score": tolerance is not None,
        "tolerance": 0.0 if tolerance is None else _checks.number("tolerance", tolerance, 0.0, 1.0),
    }
    _checks.check(model, rows, kind, **members)


# --- time ---


def assert_duration(model: Model, X: npt.ArrayLike, other: Model, *, at_most: float) -> None:
    """The time to score all rows, in times of what another model takes on the same machine at the same time.

    The least of several rounds, in which the models take turns, by time.perf_counter.

    Parameters
    ----------
    X : array of shape (rows, features)
    other : Model
        Of the same features: what runs in production now.
    at_most : float
        Above 0: 1.2 is 120% of the other model's time.
    """
    __tracebackhide__ = True
    rows, handle = _checks.rows_of(model, X), _checks.other(model, other)
    bound = _checks.above_zero("at_most", at_most, 1e9, "nothing is wanted")
    carrier = _checks.Carrier()
    try:
        _checks.check_all(model, rows, "duration", [(2, bound)], other=handle, clock=_checks.clock(carrier))
    finally:
        carrier.deliver()


# --- tests as text ---


def run(
    model: Model,
    path: Union[str, os.PathLike[str], None] = None,
    *,
    text: Optional[str] = None,
    folder: Union[str, os.PathLike[str], None] = None,
) -> list[Result]:
    """Runs tests as text, in the language of `alertrond test` (docs/model-tests.md), and tells what came of each.

    Files that tests name are CSV with a header line, or JSON with a reading a line. Features are found by the model's
    names, else by their order. Labels are 0 or 1, false or true, no or yes, normal or anomaly, inlier or outlier, n or
    o, in the column that the test names, else in the first that there is of label, anomaly, is_anomaly, outlier,
    is_outlier, y, target and class.

    Parameters
    ----------
    path : path, optional
        A file of tests. At most 16 MiB.
    text : str, optional
        Tests, in place of a file: `text=model.tests` for those that the model carries.
    folder : path, optional
        Where files and models are that tests name. By default that of the tests' file, for a text the present one.

    Returns
    -------
    list of Result
        In the order of the tests. A test that could not be run is among them, with the outcome "error".

    Raises
    ------
    FormatError
        A test can't be read; the text has the line, the column and what could stand there. Nothing was run.
    LimitError
        More tests than are allowed.
    OSError
        The file of tests can't be read.
    """
    return _suite.run(model, path, text, folder)


def assert_tests(
    model: Model,
    path: Union[str, os.PathLike[str], None] = None,
    *,
    text: Optional[str] = None,
    folder: Union[str, os.PathLike[str], None] = None,
) -> None:
    """All tests of a file, or of a text, pass. The failure has each that does not, or that could not be run.

    Parameters, and errors, as for `run`.

    Examples
    --------
        assert_tests(model, "pump.tests")
    """
    __tracebackhide__ = True
    results = _suite.run(model, path, text, folder)
    bad = [result for result in results if not result.passed]
    if bad:
        told = "\n\n".join(map(str, bad))
        cause = next((result.exception for result in bad if result.exception), None)
        raise AssertionError(f"{len(bad)} of {len(results)} tests did not pass\n\n{told}") from cause
