"""What a model tells, how it is changed, kept, copied and closed."""

import copy
import ctypes
import gc
import os
import pickle
import resource
import stat
import threading
import weakref

import numpy as np
import pytest

import alertron
from alertron import Cuts, Severity, _severity
from alertron._library import library


def test_usage_as_it_is_promised(X, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = alertron.fit(X, trees=200, contamination=0.01, seed=42)
    model.save("pump.alertron")
    model = alertron.load("pump.alertron")
    scores = model.score(X)
    assert scores.dtype == np.float64 and scores.shape == (len(X),)
    severities, shares, features = model.severity(scores), model.explain(X[0]), model.features
    assert severities.shape == (len(X),) and shares.shape == (3,) and features == ("f0", "f1", "f2")


# --- severity ---


def test_severity_is_the_librarys(model, X):
    cuts = model.cuts
    edges = [cuts.threshold, cuts.medium, cuts.high, 0.0, 1.0, -1.0, np.nan, np.inf, -np.inf]
    near = [np.nextafter(edge, to) for edge in edges[:3] for to in (0, 1)]
    scores = np.concatenate([model.score(X), edges, near])
    for changed in (cuts, cuts._replace(medium=0.1, high=0.2), cuts._replace(threshold=0.9), cuts._replace(medium=cuts.high)):
        struct = _severity.struct_of(changed)
        expected = [library.alertron_cuts_severity(ctypes.byref(struct), score) for score in scores]
        np.testing.assert_array_equal(changed.severity(scores), expected)
        assert [int(changed.severity(score)) for score in scores] == expected
    assert set(model.severity(scores)) == {0, 1, 2, 3}


def test_severities_are_small_integers_that_compare_and_have_names(model, X):
    severities = model.severity(model.score(X).reshape(-1, 10))
    assert severities.dtype == np.int8 and severities.shape == (100, 10)
    assert (severities >= Severity.MEDIUM).sum() == np.bincount(severities.ravel())[2:].sum() > 0
    names = Severity.names(severities)
    assert names.shape == severities.shape and set(names.ravel()) == {"none", "low", "medium", "high"}
    assert (names == "high").sum() == (severities == Severity.HIGH).sum()
    assert f"{model.severity(1.0)}" == str(Severity.HIGH) == "high" and Severity(2) is Severity.MEDIUM


def test_float32_scores_are_compared_as_doubles(model):
    score = np.float32(model.cuts.threshold)
    assert bool(model.severity(np.array([score]))[0]) == (float(score) > model.cuts.threshold)
    assert bool(model.severity(score)) == (float(score) > model.cuts.threshold)


def test_anomalies_score_above_the_threshold(model, X):
    anomalies = model.is_anomaly(X)
    assert anomalies.dtype == bool and anomalies.sum() == 20
    np.testing.assert_array_equal(anomalies, model.score(X) > model.cuts.threshold)


# --- explaining ---


def test_shares_sum_to_one_and_name_the_feature_that_is_far_out(model):
    rows = np.zeros((3, 3))
    np.fill_diagonal(rows, 20.0)
    shares = model.explain(rows)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all() and list(shares.argmax(axis=1)) == [0, 1, 2]
    np.testing.assert_array_equal(shares[1], model.explain(rows[1]))


def test_a_score_is_the_path_lengths(model, X):
    np.testing.assert_allclose(model.score(X), 2.0 ** -(model.path_length(X) / model.info.normalizer), rtol=1e-15)


# --- what it is ---


def test_info(model, X):
    info = model.info
    assert info.kind == "isolation forest" and info.producer == f"alertron {alertron.__version__}"
    assert (info.features, info.trees, info.samples, info.missing_values) == (3, 100, 256, False)
    assert 100 <= info.nodes <= 100 * 511 and 2 <= info.depth <= 9 and info.bytes > info.nodes
    assert "seed: 7\n" in info.provenance and info.kernel in alertron.kernels()
    assert info == model.info and info._asdict()["trees"] == 100


def test_names_or_numbers_of_features(X):
    assert alertron.fit(X).feature_names is None
    named = alertron.fit(X, feature_names=["a", "größe", "µ" * 100])
    assert named.feature_names == named.features == ("a", "größe", "µ" * 100)
    assert named.n_features == 3


def test_training_scores_are_counted(model, X):
    counts = model.training_scores
    assert counts.dtype == np.uint64 and counts.shape == (256,) and counts.sum() == len(X)
    expected = np.bincount((model.score(X) * 256).astype(int), minlength=256)
    np.testing.assert_array_equal(counts, expected)
    counts[:] = 0
    assert model.training_scores.sum() == len(X)


def test_a_model_that_nobody_scored_has_no_training_scores(X):
    model = alertron.fit(X, provisional_cuts=True)
    assert model.training_scores is None and model.cuts.origin == "provisional"


def test_repr(model):
    assert repr(model).startswith("<alertron.Model: isolation forest of 100 trees, 3 features, threshold 0.")


def test_every_kernel_gives_the_same_bits(model, X):
    kernels = alertron.kernels()
    assert kernels[-1] == "portable"
    for kernel in kernels:
        other = model.with_kernel(kernel)
        assert other.info.kernel == kernel
        np.testing.assert_array_equal(other.score(X), model.score(X))
    with pytest.raises(alertron.ArgumentError, match="no kernel"):
        model.with_kernel("abacus")


# --- the same model, different ---


def test_with_cuts(model, X):
    changed = model.with_cuts(model.cuts._replace(threshold=0.6, medium=0.65, high=0.7, n_scores=12, origin="stream"))
    assert changed.cuts == Cuts(0.6, 0.65, 0.7, 0.80, 0.95, 12, "stream")
    np.testing.assert_array_equal(changed.score(X), model.score(X))
    np.testing.assert_array_equal(changed.is_anomaly(X), model.score(X) > 0.6)
    assert model.cuts.origin == "training"
    worked_out = model.with_cuts(model.cuts._replace(origin="provisional", medium=0.0, high=0.0)).cuts
    assert worked_out.threshold < worked_out.medium < worked_out.high and worked_out.n_scores == 0


@pytest.mark.parametrize(
    "change",
    [dict(threshold=np.nan), dict(medium=0.9, high=0.8), dict(origin="moon"), dict(n_scores=-1), dict(n_scores=2**64)]
    + [dict(medium_quantile=0.99), dict(high_quantile=1.0)],
)
def test_cuts_that_are_none_are_refused(model, change):
    with pytest.raises(ValueError):
        model.with_cuts(model.cuts._replace(**change))


@pytest.mark.parametrize("cuts", [None, 0.6, (0.6, 0.7, 0.8, 0.8, 0.95, 0, "file")])
def test_cuts_of_another_type_are_refused(model, cuts):
    with pytest.raises(TypeError, match="alertron.Cuts"):
        model.with_cuts(cuts)


def test_calibrate_takes_quantiles_of_anomalous_scores(model, X):
    scores = model.score(X)
    before = scores.copy()
    cuts = model.calibrate(scores, threshold=0.5, medium_quantile=0.6, high_quantile=0.9).cuts
    anomalous = scores[scores > 0.5]
    assert (cuts.threshold, cuts.origin, cuts.n_scores) == (0.5, "file", len(anomalous))
    np.testing.assert_allclose([cuts.medium, cuts.high], np.quantile(anomalous, [0.6, 0.9]), rtol=1e-15)
    np.testing.assert_array_equal(scores, before)
    assert model.calibrate(scores).cuts._replace(origin="training") == model.cuts


def test_calibrating_from_too_few_anomalies_is_refused(model):
    with pytest.raises(alertron.LimitError, match="0 of 50 scores are anomalous"):
        model.calibrate(np.full(50, 0.1))
    with pytest.raises(alertron.ArgumentError, match="of shape"):
        model.calibrate(np.full((50, 2), 0.9))


def test_names_provenance_and_tests_are_changed(model, X):
    changed = model.with_feature_names(["a", "b", "c"]).with_provenance("bench: 7").with_tests("reading [0, 0, 0] is none\n")
    assert changed.features == ("a", "b", "c") and "bench: 7" in changed.info.provenance
    assert changed.tests == "reading [0, 0, 0] is none\n" and model.tests == ""
    assert changed.with_tests("").tests == ""
    np.testing.assert_array_equal(changed.score(X), model.score(X))
    assert alertron.load(changed.to_bytes()).tests == changed.tests


def test_changes_that_do_not_suit_are_refused(model):
    with pytest.raises(ValueError, match="2 feature names for a model of 3"):
        model.with_feature_names(["a", "b"])
    with pytest.raises(TypeError, match="not one str"):
        model.with_feature_names("abc")
    with pytest.raises(TypeError):
        model.with_feature_names([1, 2, 3])
    with pytest.raises(alertron.LimitError):
        model.with_feature_names(["a" * 257, "b", "c"])
    with pytest.raises(ValueError, match="NUL"):
        model.with_feature_names(["a\0b", "b", "c"])
    with pytest.raises(alertron.LimitError):
        model.with_tests("#" * 70000)
    with pytest.raises(alertron.LimitError):
        model.with_provenance("x" * 5000)


# --- kept and copied ---


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_model_is_the_same(model, X, protocol):
    data = pickle.dumps(model, protocol)
    assert b"_model" not in data, "a pickle names alertron.Model, so that rooms may move"
    again = pickle.loads(data)
    assert again.to_bytes() == model.to_bytes()
    np.testing.assert_array_equal(again.score(X), model.score(X))


def test_values_and_errors_are_pickled(model):
    for value in (model.cuts, model.info, Severity.HIGH):
        assert pickle.loads(pickle.dumps(value)) == value
    error = pickle.loads(pickle.dumps(alertron.FormatError("why", 7)))
    assert (type(error), str(error), error.offset) == (alertron.FormatError, "why", 7)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_outlives_its_original(X, how):
    model = alertron.fit(X)
    expected, other = model.score(X), how(model)
    model.close()
    np.testing.assert_array_equal(other.score(X), expected)


def test_save_replaces_whole_files_and_leaves_nothing_beside(model, tmp_path):
    path = tmp_path / "pump.alertron"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link = tmp_path / "current"
    link.symlink_to(path)
    model.save(link)
    assert link.is_symlink() and path.read_bytes() == model.to_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["current", "pump.alertron"]


def test_a_save_that_fails_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "pump.alertron"
    path.write_bytes(b"old")

    def fails(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["pump.alertron"]
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "none" / "pump.alertron")


def test_a_pipe_is_written_to_and_not_replaced(model, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    saved = []
    reader = threading.Thread(target=lambda: saved.append(path.read_bytes()))
    reader.start()
    model.save(path)
    reader.join()
    assert saved == [model.to_bytes()] and path.is_fifo()


def test_a_saved_file_has_the_usual_mode(model, tmp_path):
    model.save(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


# --- closed, foreign, gone ---


def uses(X):
    return {
        "score": lambda m: m.score(X),
        "is_anomaly": lambda m: m.is_anomaly(X),
        "severity": lambda m: m.severity(0.5),
        "explain": lambda m: m.explain(X),
        "path_length": lambda m: m.path_length(X),
        "calibrate": lambda m: m.calibrate([0.9] * 20),
        "with_cuts": lambda m: m.with_cuts(Cuts(0.5, 0.6, 0.7)),
        "with_feature_names": lambda m: m.with_feature_names(["a", "b", "c"]),
        "with_provenance": lambda m: m.with_provenance("x"),
        "with_tests": lambda m: m.with_tests(""),
        "with_kernel": lambda m: m.with_kernel("portable"),
        "to_bytes": lambda m: m.to_bytes(),
        "save": lambda m: m.save("unused"),
        "pickle": pickle.dumps,
        "copy": copy.copy,
        **{name: lambda m, name=name: getattr(m, name) for name in ("n_features", "feature_names", "features", "cuts")},
        **{name: lambda m, name=name: getattr(m, name) for name in ("info", "training_scores", "tests")},
    }


def test_each_public_name_of_a_model_is_among_its_uses(X):
    public = {name for name in dir(alertron.Model) if not name.startswith("_")}
    assert public - {"close"} == set(uses(X)) - {"pickle", "copy"}


def test_a_closed_model_raises_whatever_is_asked(X, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = alertron.fit(X)
    model.close()
    model.close()
    for name, use in uses(X).items():
        with pytest.raises(alertron.ClosedError, match="closed"):
            use(model)
            pytest.fail(f"{name} works on a closed model")
    assert repr(model) == "<alertron.Model: closed>" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("handle", [None, 0, 1, 12345, b"model", ctypes.c_void_p(1), object()])
def test_a_model_of_something_else_is_refused(handle):
    with pytest.raises(TypeError, match="alertron.load"):
        alertron.Model(handle)


def test_what_is_no_model_raises(X):
    for foreign in (None, object(), 5, alertron.Model.__new__(alertron.Model)):
        with pytest.raises((AttributeError, TypeError, alertron.ClosedError)):
            alertron.Model.score(foreign, X)
    with pytest.raises(alertron.Error):
        alertron.Model.__new__(alertron.Model).__setstate__(b"no model")


def test_a_model_is_freed_when_nobody_refers_to_it(X):
    freed = []
    model = alertron.fit(X)
    handle = weakref.ref(model._handle)
    weakref.finalize(model._handle, freed.append, True)
    seen = weakref.ref(model)
    del model
    gc.collect()
    assert seen() is None and handle() is None and freed == [True]


def test_memory_comes_back(X):
    """Three hundred models of a hundred and more kilobytes would be seen."""
    for _ in range(20):
        alertron.fit(X)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        alertron.fit(X)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 20_000
