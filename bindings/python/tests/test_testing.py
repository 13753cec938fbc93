"""alertron.testing's assertions: each passes, fails and says why, and refuses what makes no sense."""

import ctypes
import re
import threading
import traceback

import numpy as np
import pytest

import alertron
from alertron import Severity, _checks, _library, testing
from alertron.testing import (
    assert_agreement,
    assert_alarm_rate,
    assert_auroc,
    assert_average_precision,
    assert_duration,
    assert_invariant,
    assert_monotone,
    assert_recall,
    assert_score,
    assert_severity,
)

NORMAL, FAR = [0.0, 0.0, 0.0], [9.0, 9.0, 9.0]


@pytest.fixture(scope="module")
def model(X):
    """As conftest's, with names."""
    return alertron.fit(X, contamination=0.02, seed=7, feature_names=["heat", "load", "noise"])


@pytest.fixture(scope="module")
def y(X):
    return np.arange(len(X)) >= len(X) - 20


@pytest.fixture(scope="module")
def previous(X):
    return alertron.fit(X[:500], trees=5, contamination=0.1, seed=1, feature_names=["heat", "load", "noise"])


def failure(function, *arguments, **named):
    """What an assertion that fails says."""
    with pytest.raises(AssertionError) as raised:
        function(*arguments, **named)
    return str(raised.value)


# --- each kind ---


def test_severity(model, X):
    assert_severity(model, NORMAL, "none")
    assert_severity(model, FAR, "high")
    assert_severity(model, [NORMAL, FAR], at_least="none", at_most=Severity.HIGH)
    assert_severity(model, FAR, at_least=np.int8(1))
    assert "is none; at least medium was wanted" in failure(assert_severity, model, NORMAL, at_least="medium")
    assert "is high; none was wanted" in failure(assert_severity, model, FAR, "none")
    assert "is high; at most 2" not in failure(assert_severity, model, FAR, at_least="low", at_most=2)
    text = failure(assert_severity, model, X, "none")
    assert "so it is in 20 of 1000 rows" in text and f"\n  reading    row {np.argmax(model.score(X))}\n" in text


def test_score(model, X):
    golden = model.score(X)
    assert_score(model, X, golden)
    assert_score(model, X, golden.tolist(), at_most=1.0)
    assert_score(model, X, golden + 1e-10)
    assert_score(model, X[0], golden[0])
    assert_score(model, X[0], golden[:1])
    assert_score(model, X[0], golden[0] + 0.01, within=0.02)
    assert_score(model, NORMAL, at_least=0, at_most=model.cuts.threshold)
    assert_score(model, X, at_least=golden - 0.01, at_most=golden)
    text = failure(assert_score, model, X[0], golden[0] + 0.01)
    assert text.startswith("score 0.") and f"; {golden[0] + 0.01:.6f}" in text and " was wanted, within " in text
    wrong = golden.copy()
    wrong[17] -= 1e-6
    assert "of row 17; " in failure(assert_score, model, X, wrong)
    assert "at least 0.5 was wanted" in failure(assert_score, model, NORMAL, at_least=0.5)
    assert "at most 0.5 was wanted" in failure(assert_score, model, FAR, golden[0], at_most=0.5, within=1)


def test_alarm_rate(model, X):
    assert_alarm_rate(model, X, at_least=0.02, at_most=0.02)
    assert_alarm_rate(model, X, at_most=0.001, severity="high")
    assert failure(assert_alarm_rate, model, X, at_most=0.015).startswith(
        "alarms on 2% of 1000 rows; at most 1.5% was wanted\n"
    )
    assert failure(assert_alarm_rate, model, X, at_least=0.03).startswith(
        "alarms on 2% of 1000 rows; at least 3% was wanted\n"
    )
    assert "at most 1% was wanted" in failure(assert_alarm_rate, model, X, at_least=0.01, at_most=0.01)
    assert "alarms of at least medium on" in failure(assert_alarm_rate, model, X, severity=2, at_least=0.5)


def test_agreement(model, previous, X):
    assert_agreement(model, X, model, at_least=1)
    assert_agreement(model, X, previous, at_least=0.5, at_most=0.999)
    text = failure(assert_agreement, model, X, previous, at_least=0.999)
    assert text.startswith("the models agree on ") and "; at least 99.9% was wanted\n  reading    row " in text


@pytest.mark.parametrize("assertion", [assert_auroc, assert_average_precision, assert_recall])
def test_rankings(model, X, y, assertion):
    assertion(model, X, y, at_least=0.7)
    assertion(model, X, y.astype(int), at_least=0.7, at_most=1)
    assertion(model, X, y.astype(np.float32).tolist(), at_least=0.7)
    text = failure(assertion, model, X, ~y, at_least=0.99)
    assert "at least 0.99 was wanted" in text or "at least 99% was wanted" in text
    assert "\n  reading    row " in text and "\n  features   " in text
    assert "was wanted" in failure(assertion, model, X, y, at_most=0.1)


def test_rankings_are_what_they_are_called(model, X, y):
    scores = model.score(X)
    auroc = (scores[y][:, None] > scores[~y]).mean() + 0.5 * (scores[y][:, None] == scores[~y]).mean()
    assert_auroc(model, X, y, at_least=auroc - 1e-12, at_most=min(1, auroc + 1e-12))
    recall = np.isin(np.flatnonzero(y), np.argsort(-scores)[:10]).sum() / y.sum()
    assert_recall(model, X, y, alarm_rate=0.01, at_least=recall - 1e-12, at_most=recall + 1e-12)
    assert " at an alarm rate of 1%; " in failure(assert_recall, model, X, y, alarm_rate=0.01, at_least=1)
    assert " at the model's threshold; " in failure(assert_recall, model, X, y, at_most=0.5)


def test_monotone(model, X):
    assert_monotone(model, NORMAL, feature="heat", direction="rising")
    assert_monotone(model, NORMAL, direction="varying", tolerance=0.2)
    assert_monotone(model, NORMAL, feature=np.int64(2), direction="falling", tolerance=0.2)
    text = failure(assert_monotone, model, FAR, feature="heat", direction="falling")
    value = float(re.match(r"heat at ([-.\d]+) scores ", text)[1])
    changed = re.search(r" heat +([-.\d]+) .*  changed to this", text)
    assert float(changed[1]) == pytest.approx(value, rel=1e-12) and value < 9
    assert "a fall of at most 0.0001 was wanted" in failure(
        assert_monotone, model, X[:3], direction="rising", tolerance=1e-4
    )


def test_invariant(model):
    assert_invariant(model, NORMAL, feature=1, direction="falling", tolerance=0.5)
    text = failure(assert_invariant, model, NORMAL, feature="noise", tolerance=0.001)
    assert "noise" in text.splitlines()[0] and "  changed to this" in text


def test_duration(model, previous, X):
    assert_duration(model, X, previous, at_most=1e6)
    text = failure(assert_duration, model, X, previous, at_most=1e-6)
    assert text.startswith("takes ") and text.endswith(" of the other model's time; at most 0.0001% was wanted")


# --- what a failure says ---


def test_a_failure_tells_reading_score_threshold_and_causes(model):
    reading = [0.0, 9.5, 0.25]
    lines = failure(assert_severity, model, reading, "none").splitlines()
    score, cuts, shares = model.score(reading), model.cuts, model.explain(reading)
    assert lines[0] == f"score {score:.4f} is {model.severity(score)}; none was wanted"
    assert lines[1].startswith(
        f"  score      {score:.4f}: {model.severity(score)} (anomalies are above {cuts.threshold:.4f}, "
    )
    assert lines[2].split() == ["caused", "by", "load", "9.5", f"{shares[1]:.0%}"]
    assert {line.split()[0] for line in lines[3:]} == {"heat", "noise"} and len(lines) == 5


def test_scores_that_differ_from_a_cut_do_so_in_the_text(model):
    threshold = model.cuts.threshold
    close = model.with_cuts(
        model.cuts._replace(threshold=np.nextafter(model.score(FAR), 2), medium=0.99, high=0.995, origin="file")
    )
    text = failure(assert_severity, close, FAR, at_least="low").splitlines()[1]
    score, above = text.split()[1].rstrip(":"), text.split("above ")[1].split(",")[0]
    assert threshold != float(above) != float(score)


def test_many_features_without_names_and_missing_values_are_told():
    wide = alertron.fit(np.random.default_rng(0).normal(size=(300, 40)), trees=20)
    text = failure(assert_score, wide, np.full(40, 2.0), at_most=0)
    assert " f" in text and "\n             and 30 more" in text and len(text.splitlines()) < 16
    named = wide.with_feature_names([f"\n{'é' * 100}{i}" for i in range(40)])
    assert "?" + "é" * 39 + "  2 " in failure(assert_score, named, np.full(40, 2.0), at_most=0)


@pytest.mark.parametrize(
    "change", [lambda X: X.astype(np.float32), np.asfortranarray, lambda X: X[::-1][::-1], lambda X: X.tolist()]
)
def test_rows_of_every_kind_are_told_as_they_are(model, X, change):
    text = failure(assert_severity, model, change(X), "none")
    row = np.asarray(change(X))[np.argmax(model.score(change(X)))]
    for number in row:
        assert f" {float(number)!r} " in text


def test_the_tracebacks_of_failures_show_none_of_ours(model, X):
    """pytest leaves out frames that say so: what is left is the test."""
    for call in (
        lambda: assert_severity(model, FAR, "none"),
        lambda: assert_score(model, FAR, at_most=0.1),
        lambda: assert_alarm_rate(model, X, at_most=0),
        lambda: assert_agreement(model, X, model, at_most=0),
        lambda: assert_auroc(model, X, X[:, 0] > 0, at_least=1),
        lambda: assert_average_precision(model, X, X[:, 0] > 0, at_least=1),
        lambda: assert_recall(model, X, X[:, 0] > 0, at_least=1),
        lambda: assert_monotone(model, FAR, direction="falling"),
        lambda: assert_invariant(model, FAR),
        lambda: assert_duration(model, X, model, at_most=1e-9),
        lambda: testing.assert_tests(model, text="reading [9, 9, 9] is none"),
    ):
        with pytest.raises(AssertionError) as raised:
            call()
        frames = [frame for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
        ours = [frame for frame in frames if frame.f_globals["__name__"].startswith("alertron")]
        assert ours and all(frame.f_locals["__tracebackhide__"] for frame in ours)


# --- what makes no sense ---

NONSENSE = {
    "nothing is wanted, so nothing could fail": [
        lambda m, X, y: assert_severity(m, X),
        lambda m, X, y: assert_score(m, X),
        lambda m, X, y: assert_alarm_rate(m, X),
        lambda m, X, y: assert_recall(m, X, y, alarm_rate=0.1),
    ],
    "it must be one of none, low, medium, high": [
        lambda m, X, y: assert_severity(m, X, "severe"),
        lambda m, X, y: assert_severity(m, X, 4),
        lambda m, X, y: assert_severity(m, X, at_least=True),
    ],
    "is none, which is no alarm": [lambda m, X, y: assert_alarm_rate(m, X, severity="none", at_most=0.1)],
    "must be between 0 and 1: 0.015 is 1.5%": [
        lambda m, X, y: assert_alarm_rate(m, X, at_most=1.5),
        lambda m, X, y: assert_alarm_rate(m, X, at_most=float("nan")),
        lambda m, X, y: assert_auroc(m, X, y, at_least=-0.1),
        lambda m, X, y: assert_agreement(m, X, m, at_least=99),
    ],
    "is not between 0 and 1, as scores are": [
        lambda m, X, y: assert_score(m, X, 1.5),
        lambda m, X, y: assert_score(m, X, at_most=np.nan),
        lambda m, X, y: assert_score(m, X, np.full(len(X), -1.0)),
    ],
    "give one for all, or one a row": [lambda m, X, y: assert_score(m, X, [0.5, 0.5])],
    "within is -1.0; it must be between": [lambda m, X, y: assert_score(m, X, 0.5, within=-1)],
    "tolerance is": [
        lambda m, X, y: assert_monotone(m, X, direction="rising", tolerance=-0.1),
        lambda m, X, y: assert_invariant(m, X, tolerance=float("nan")),
    ],
    "without it alarms are what is above the model's threshold": [
        lambda m, X, y: assert_recall(m, X, y, at_least=0.5, alarm_rate=0)
    ],
    "direction 'up'": [lambda m, X, y: assert_monotone(m, X, direction="up")],
    "no feature 'pressure'; it has": [lambda m, X, y: assert_monotone(m, X, feature="pressure", direction="rising")],
    "they count from 0": [
        lambda m, X, y: assert_invariant(m, X, feature=3),
        lambda m, X, y: assert_invariant(m, X, feature=-1),
    ],
    "rows of 2 features": [lambda m, X, y: assert_severity(m, X[:, :2], "none")],
    "there is no row": [lambda m, X, y: assert_severity(m, X[:0], "none")],
    "row 1 has no score": [lambda m, X, y: assert_severity(m, [NORMAL, [0, np.nan, 0]], "none")],
    "give one a row, of shape (1000,)": [
        lambda m, X, y: assert_auroc(m, X, y[1:], at_least=0.5),
        lambda m, X, y: assert_auroc(m, X, y[:, None], at_least=0.5),
        lambda m, X, y: assert_auroc(m, X, True, at_least=0.5),
    ],
    "either may be the anomaly": [lambda m, X, y: assert_auroc(m, X, np.where(y, -1, 1), at_least=0.5)],
    "labels are bool, or 0 and 1": [
        lambda m, X, y: assert_auroc(m, X, np.where(y, 2, 1), at_least=0.5),
        lambda m, X, y: assert_auroc(m, X, np.where(y, np.nan, 1), at_least=0.5),
    ],
    "label": [lambda m, X, y: assert_auroc(m, X, y & False, at_least=0.5)],
    "without it nothing is wanted": [lambda m, X, y: assert_duration(m, X, m, at_most=0)],
}


@pytest.mark.parametrize("text, number", [(text, i) for text, calls in NONSENSE.items() for i in range(len(calls))])
def test_what_makes_no_sense_is_an_error_and_no_failure(model, X, y, text, number):
    with pytest.raises(alertron.ArgumentError) as raised:
        NONSENSE[text][number](model, X, y)
    assert text in str(raised.value)


def test_what_is_of_another_type_is_an_error(model, X, y):
    for call in (
        lambda: assert_severity(None, X, "none"),
        lambda: assert_severity(model._handle, X, "none"),
        lambda: assert_severity(ctypes.c_void_p(1), X, "none"),
        lambda: assert_agreement(model, X, "previous.alertron", at_least=0.5),
        lambda: assert_severity(model, [["a", "b", "c"]], "none"),
        lambda: assert_severity(model, None, "none"),
        lambda: assert_auroc(model, X, np.where(y, "bad", "good"), at_least=0.5),
        lambda: assert_auroc(model, X, y.astype(object), at_least=0.5),
        lambda: assert_alarm_rate(model, X, at_most=[1]),
        lambda: assert_monotone(model, X, feature=1.5, direction="rising"),
        lambda: assert_score(model, X, "0.5"),
        lambda: assert_severity(model, X, at_least=1.0),
        lambda: assert_severity(model, X, at_least=np.zeros(2)),
    ):
        with pytest.raises(TypeError):
            call()


def test_models_of_other_features_are_not_compared(model, X):
    with pytest.raises(alertron.ArgumentError, match="another number of features"):
        assert_agreement(model, X, alertron.fit(X[:, :2], trees=3), at_least=0.5)
    renamed = model.with_feature_names(["load", "heat", "noise"])
    with pytest.raises(alertron.ArgumentError, match="the same ones in the same order"):
        assert_agreement(model, X, renamed, at_least=0.5)


def test_a_closed_model_is_an_error(model, X):
    closed = alertron.load(model.to_bytes())
    closed.close()
    for call in (
        lambda: assert_severity(closed, X, "none"),
        lambda: assert_monotone(closed, X, direction="rising"),
        lambda: assert_agreement(model, X, closed, at_least=0.5),
        lambda: assert_duration(model, X, closed, at_most=9),
        lambda: testing.run(closed, text="reading [1, 2, 3] is none"),
    ):
        with pytest.raises(alertron.ClosedError):
            call()


@pytest.mark.parametrize("exception", [KeyboardInterrupt, RuntimeError])
def test_what_is_raised_while_the_clock_is_read_is_not_lost(model, X, monkeypatch, exception):
    def interrupted():
        raise exception("while the clock is read")

    monkeypatch.setattr(_checks.time, "perf_counter", interrupted)
    with pytest.raises(exception, match="while the clock is read"):
        assert_duration(model, X, model, at_most=1e9)


def test_a_clock_that_stands_still_is_an_error(model, X, monkeypatch):
    monkeypatch.setattr(_checks.time, "perf_counter", lambda: 1.0)
    with pytest.raises(alertron.ArgumentError, match="the clock stands still"):
        assert_duration(model, X, model, at_most=1e9)


def test_many_threads_check_one_model(model, previous, X, y):
    wrong = []

    def work():
        try:
            for _ in range(10):
                assert_auroc(model, X, y, at_least=0.7)
                assert_duration(model, X, previous, at_most=1e6)
                assert "at most 1.5% was wanted" in failure(assert_alarm_rate, model, X, at_most=0.015)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_library_decides(model, X, monkeypatch):
    """What these functions say is what alertron_model_check says."""

    def passes(handle, check, result, allocator, error):
        result._obj.passed = True
        return 0

    monkeypatch.setattr(_library.library, "alertron_model_check", passes)
    assert_severity(model, FAR, "none")
    assert_alarm_rate(model, X, at_most=0)
