"""alertron.sklearn.IsolationForest is scikit-learn's, by its own checks, by name, and in what it finds."""

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

import alertron

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when SciPy is imported; without it a check is skipped
pytest.importorskip("sklearn", minversion="1.6")
pandas = pytest.importorskip("pandas")

from scipy import sparse  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.ensemble import IsolationForest as Theirs  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from alertron.sklearn import IsolationForest  # noqa: E402

WHOLE = [
    IsolationForest(),
    IsolationForest(contamination=0.1, n_estimators=20, max_features=0.7, warm_start=True, random_state=3),
]
DRAWN = [IsolationForest(bootstrap=True), IsolationForest(max_samples=10)]
OF_DRAWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": "which copies of a row are drawn is chance"
    for kind in ("dense", "sparse")
}


@parametrize_with_checks(WHOLE)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@parametrize_with_checks(DRAWN, expected_failed_checks=lambda _: OF_DRAWS)
def test_scikit_learns_checks_pass_where_rows_are_drawn(estimator, check):
    check(estimator)


@pytest.fixture
def forest(X):
    return IsolationForest(random_state=7).fit(X)


# --- by name ---


def test_parameters_and_defaults_are_scikit_learns():
    assert IsolationForest().get_params() == Theirs().get_params()
    ours, theirs = (inspect.signature(it.__init__).parameters.values() for it in (IsolationForest, Theirs))
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]
    for name in ("fit", "fit_predict", "predict", "score_samples", "decision_function"):
        ours, theirs = (list(inspect.signature(getattr(it, name)).parameters) for it in (IsolationForest, Theirs))
        assert ours == theirs, name


def test_attributes_are_scikit_learns_or_say_why_not(X):
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    ours, theirs = IsolationForest().fit(frame), Theirs().fit(frame)
    for name in (name for name in dir(theirs) if name.endswith("_") and not name.startswith("_")):
        if hasattr(ours, name):
            assert type(getattr(ours, name)) is type(getattr(theirs, name)), name
        else:
            with pytest.raises(AttributeError, match=f"{name}.*: .*(not kept|no|not)"):
                getattr(ours, name)
    assert ours.max_samples_ == theirs.max_samples_ == 256
    assert ours.offset_ == theirs.offset_ == -0.5
    assert list(ours.feature_names_in_) == ["a", "b", "c"] and ours.model_.feature_names == ("a", "b", "c")


@pytest.mark.parametrize("contamination", ["auto", 0.02])
def test_results_have_scikit_learns_shapes_types_and_signs(X, contamination):
    ours, theirs = (it(contamination=contamination, random_state=1).fit(X) for it in (IsolationForest, Theirs))
    for name in ("predict", "score_samples", "decision_function"):
        a, b = getattr(ours, name)(X), getattr(theirs, name)(X)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), name
    assert np.corrcoef(ours.score_samples(X), theirs.score_samples(X))[0, 1] > 0.95
    assert np.mean(ours.predict(X) == theirs.predict(X)) > 0.95
    assert set(ours.predict(X)) == {-1, 1} and ours.predict(X)[-20:].sum() < -10
    np.testing.assert_array_equal(ours.predict(X) == -1, ours.decision_function(X) < 0)


def test_detection_is_as_good_as_scikit_learns():
    """Means of 10 seeds: what chance leaves is some 0.005."""
    random = np.random.default_rng(5)
    rows = np.vstack([random.normal(size=(2000, 4)), random.normal(1.5, 1.5, (100, 4))])
    anomalous = np.arange(2100) >= 2000
    means = [
        np.mean([roc_auc_score(anomalous, -it(random_state=seed).fit(rows).score_samples(rows)) for seed in range(10)])
        for it in (IsolationForest, Theirs)
    ]
    assert 0.85 < means[0] < 0.99 and abs(means[0] - means[1]) < 0.02, means


# --- what fit makes ---


def test_scores_are_exactly_the_models(forest, X):
    np.testing.assert_array_equal(forest.score_samples(X), -forest.model_.score(X))
    np.testing.assert_array_equal(forest.predict(X) == -1, forest.model_.is_anomaly(X))


def test_a_seed_gives_the_forest_of_alertron_fit(forest, X):
    np.testing.assert_array_equal(forest.model_.score(X), alertron.fit(X, seed=7).score(X))
    np.testing.assert_array_equal(forest.model_.score(X), clone(forest).fit(X).model_.score(X))
    state = np.random.RandomState(0)
    fits = [IsolationForest(random_state=it).fit(X).score_samples(X[:5]) for it in (state, state, None, None, 0)]
    assert len({scores.tobytes() for scores in fits}) == 5


def test_contamination_is_the_share_of_anomalies(X):
    forest = IsolationForest(contamination=0.03, random_state=1).fit(X)
    assert np.sum(forest.predict(X) == -1) == 30
    assert forest.offset_ == pytest.approx(np.percentile(forest.score_samples(X), 3), rel=1e-14)
    assert forest.model_.cuts.threshold == -forest.offset_ and forest.model_.cuts.origin == "training"


@pytest.mark.parametrize("max_features, wanted", [(1, 1), (5, 5), (10, 10), (0.05, 1), (0.39, 3), (1.0, 10), (0.3, 3)])
def test_max_features_is_a_number_or_a_share(max_features, wanted):
    rows = np.random.default_rng(2).normal(size=(50, 10))
    forest = IsolationForest(max_features=max_features).fit(rows)
    assert f"features a tree: {wanted}\n" in forest.model_.info.provenance


@pytest.mark.parametrize("max_samples, wanted", [("auto", 256), (2, 2), (5000, 1000), (0.5, 500), (1.0, 1000)])
def test_max_samples_is_a_number_or_a_share(X, max_samples, wanted):
    forest = IsolationForest(max_samples=max_samples, n_estimators=3).fit(X)
    assert forest.max_samples_ == forest.model_.info.samples == wanted


def test_bootstrap_grows_another_forest_and_says_so(X):
    forest = IsolationForest(bootstrap=True, random_state=7).fit(X)
    assert "bootstrap: yes" in forest.model_.info.provenance
    assert not np.array_equal(forest.score_samples(X), IsolationForest(random_state=7).fit(X).score_samples(X))


@pytest.mark.parametrize("random_state", [3, None])
def test_warm_start_adds_trees_to_those_there_are(X, random_state):
    forest = IsolationForest(n_estimators=10, warm_start=True, random_state=random_state).fit(X)
    ten = forest.model_.path_length(X[:50])
    forest.set_params(n_estimators=11).fit(X)
    one_more = forest.model_.path_length(X[:50]) - ten
    assert forest.model_.info.trees == 11
    assert np.all(one_more >= 1) and np.all(one_more < 18)
    with pytest.raises(ValueError, match="n_estimators=5 is less than the 11 trees"):
        forest.set_params(n_estimators=5).fit(X)
    assert forest.set_params(warm_start=False).fit(X).model_.info.trees == 5


WRONG = [
    ({"n_estimators": 0}, "n_estimators"),
    ({"n_estimators": 1.5}, "n_estimators"),
    ({"n_estimators": 65537}, "65536"),
    ({"max_samples": "all"}, "max_samples is 'all'"),
    ({"max_samples": 1}, "max_samples"),
    ({"max_samples": 0.0}, "max_samples"),
    ({"max_samples": 0.0015}, "at least 2"),
    ({"max_samples": 1.1}, "max_samples"),
    ({"max_features": 4}, "max_features"),
    ({"max_features": 0.0}, "max_features"),
    ({"max_features": 1.5}, "max_features"),
    ({"contamination": "none"}, "contamination is 'none'"),
    ({"contamination": 0.0}, "contamination"),
    ({"contamination": 0.6}, "contamination"),
    ({"random_state": "seed"}, "seed"),
]


@pytest.mark.parametrize("parameters, text", WRONG)
def test_parameters_out_of_range_are_refused_by_name(X, parameters, text):
    with pytest.raises((ValueError, TypeError), match=text):
        IsolationForest(**parameters).fit(X)


def test_cuts_are_provisional_where_nobody_scored_the_rows(forest, X):
    assert forest.model_.cuts.origin == "provisional" and forest.model_.training_scores is None
    assert forest.model_.calibrate(forest.model_.score(X)).cuts.origin == "file"


# --- weights ---


def test_a_weight_is_how_often_a_row_counts(X):
    rows, weights = X[-40:], np.arange(40) % 4
    weighted = IsolationForest(random_state=1).fit(rows, sample_weight=weights)
    repeated = IsolationForest(random_state=1).fit(np.repeat(rows, weights, axis=0))
    np.testing.assert_array_equal(weighted.score_samples(X), repeated.score_samples(X))
    assert weighted.max_samples_ == weights.sum()


@pytest.mark.parametrize("weight", [1, 0.1, 1 / 3, 1e-300, 1e300])
def test_equal_weights_are_none(X, forest, weight):
    weighted = IsolationForest(random_state=7).fit(X, sample_weight=np.full(len(X), weight))
    np.testing.assert_array_equal(weighted.score_samples(X), forest.score_samples(X))


def test_weights_count_by_their_ratios(X):
    """Rows that are far out become usual where they weigh a lot, and more so where they are all that weighs."""
    means = []
    for weight in (1.0, 40.5, 1e6):
        weights = np.where(np.arange(len(X)) < len(X) - 20, 1.0, weight)
        means.append(IsolationForest(random_state=1).fit(X, sample_weight=weights).score_samples(X[-20:]).mean())
    assert means[0] < means[1] - 0.05 < means[2] - 0.06


# --- rows ---


def test_rows_in_any_form_give_the_same_scores(forest, X):
    expected = forest.score_samples(X)
    for rows in (np.asfortranarray(X), X.tolist(), sparse.csr_matrix(X), sparse.csc_array(X), pandas.DataFrame(X)):
        np.testing.assert_array_equal(forest.score_samples(rows), expected)
        np.testing.assert_array_equal(IsolationForest(random_state=7).fit(rows).score_samples(X), expected)
    narrow = X.astype(np.float32)
    np.testing.assert_array_equal(forest.score_samples(narrow), forest.score_samples(narrow.astype(np.float64)))


def test_many_sparse_rows_are_scored_in_their_order(forest, X):
    rows = np.tile(X, (9, 1))
    np.testing.assert_array_equal(forest.score_samples(sparse.csr_matrix(rows)), np.tile(forest.score_samples(X), 9))


def test_missing_values_are_fitted_and_scored_and_infinite_ones_are_not_fitted(forest, X):
    rows = X.copy()
    rows[::3, 1] = np.nan
    for fitted in (forest, IsolationForest(contamination=0.02, random_state=7).fit(rows)):
        scores = fitted.score_samples(rows)
        assert np.all((scores < 0) & (scores >= -1))
        assert scores[:-20].mean() > scores[-20:].mean() + 0.1
    rows[4, 2] = np.inf
    with pytest.raises(ValueError, match="row 4, feature 2 is infinite"):
        IsolationForest().fit(rows)


# --- beside others ---


def test_a_pickle_scores_the_same_in_another_process(forest, X, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(forest, tmp_path / "forest.joblib")
    np.save(tmp_path / "rows.npy", X)
    program = (
        "import sys, joblib, numpy as np; folder = sys.argv[1];"
        "forest = joblib.load(folder + '/forest.joblib');"
        "np.save(folder + '/scores.npy', forest.score_samples(np.load(folder + '/rows.npy')));"
        "assert forest.offset_ == -0.5 and forest.random_state == 7"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), forest.score_samples(X))


def test_the_saved_model_scores_the_same(forest, X, tmp_path):
    forest.model_.save(tmp_path / "forest.alertron")
    np.testing.assert_array_equal(alertron.load(tmp_path / "forest.alertron").score(X), -forest.score_samples(X))


def test_it_works_in_pipelines_and_searches(X):
    anomalous = np.where(np.arange(len(X)) >= len(X) - 20, -1, 1)
    pipeline = make_pipeline(StandardScaler(), IsolationForest(contamination=0.05, random_state=1))
    choices = {"isolationforest__n_estimators": [5, 50], "isolationforest__max_features": [1, 1.0]}
    search = GridSearchCV(pipeline, choices, scoring="f1_macro", cv=3, n_jobs=1).fit(X, anomalous)
    assert search.best_score_ > 0.6
    assert np.mean(search.predict(X)[-20:] == -1) > 0.8
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    assert pipeline.set_output(transform="pandas").fit(frame)[-1].model_.feature_names == ("a", "b", "c")


def test_scikit_learn_is_needed_here_only_and_an_old_one_is_refused():
    def said(program):
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stderr

    assert said("import sys, alertron; assert 'sklearn' not in sys.modules") == ""
    old = "import sklearn.base, sklearn.utils.validation as it; del it.validate_data; import alertron.sklearn"
    assert "needs scikit-learn 1.6 or later" in said(old)
