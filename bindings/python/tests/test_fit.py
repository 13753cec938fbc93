"""Fitting: the same everywhere for a seed; what is out of range is refused before the library sees it."""

import hashlib

import numpy as np
import pytest

import alertron


def test_the_same_seed_and_rows_give_the_same_model(X):
    first = alertron.fit(X, trees=50, contamination=0.05, seed=3).to_bytes()
    assert alertron.fit(X, trees=50, contamination=0.05, seed=3).to_bytes() == first
    assert alertron.fit(np.asfortranarray(X), trees=50, contamination=0.05, seed=np.uint8(3)).to_bytes() == first
    assert alertron.fit(X, trees=50, contamination=0.05, seed=4).to_bytes() != first


def test_a_seed_gives_the_same_forest_on_every_machine():
    """Of rows that are made without rounding. A change of the forest or of the file's format changes the figure."""
    rows = np.arange(3000.0).reshape(1000, 3) ** 2 % 997
    scores = alertron.fit(rows, trees=20, seed=1).score(rows)
    assert hashlib.sha256(scores.astype("<f8").tobytes()).hexdigest()[:16] == "bc55ae874d037561"


def test_options_are_followed(X):
    model = alertron.fit(X, trees=17, samples=64, features=0.4, seed=2**64 - 1, medium_quantile=0.5, high_quantile=0.9)
    assert (model.info.trees, model.info.samples) == (17, 64)
    assert "features a tree: 1\n" in model.info.provenance and f"seed: {2**64 - 1}\n" in model.info.provenance
    assert (model.cuts.medium_quantile, model.cuts.high_quantile, model.cuts.threshold) == (0.5, 0.9, 0.5)
    assert alertron.fit(X, samples=5000).info.samples == len(X)
    assert "who: me" in alertron.fit(X, provenance="who: me").info.provenance


def test_the_contamination_is_the_share_of_anomalies(X):
    for share in (0.5, 0.1, 0.01):
        model = alertron.fit(X, contamination=share)
        assert model.is_anomaly(X).sum() == share * len(X)
        assert model.cuts.threshold == np.quantile(model.score(X), 1 - share)


@pytest.mark.parametrize(
    "option, wrong",
    [("trees", 0), ("trees", -1), ("trees", 65537), ("trees", 2**32 + 1), ("samples", 0), ("samples", 2**32 + 1), ("samples", -5)]
    + [("features", 0.0), ("features", 1.5), ("features", np.nan), ("contamination", 0.0), ("contamination", 0.6)]
    + [("contamination", np.nan), ("seed", -1), ("seed", 2**64), ("medium_quantile", 0), ("high_quantile", 1.5)]
    + [("medium_quantile", 0.99), ("high_quantile", 0.5), ("feature_names", ["a", "b"]), ("provenance", "a\0b")],
)
def test_what_is_out_of_range_is_refused(X, option, wrong):
    with pytest.raises(alertron.ArgumentError) as caught:
        alertron.fit(X, **{option: wrong})
    assert option.split("_")[-1] in str(caught.value)


@pytest.mark.parametrize("option, wrong", [("trees", 1.5), ("trees", "9"), ("seed", None), ("features", "all"), ("feature_names", "abc")])
def test_another_type_is_refused(X, option, wrong):
    with pytest.raises((TypeError, ValueError)):
        alertron.fit(X, **{option: wrong})


@pytest.mark.parametrize("rows", [np.zeros(5), np.zeros((2, 2, 2)), np.zeros((1, 3)), np.zeros((0, 3)), np.zeros((5, 0)), np.zeros((5, 4097))])
def test_rows_of_another_shape_are_refused(rows):
    with pytest.raises(ValueError):
        alertron.fit(rows)


def test_a_number_that_is_not_finite_is_named(X):
    rows = X.copy()
    rows[17, 2] = np.nan
    with pytest.raises(alertron.ArgumentError, match="row 17, feature 2 is not a number"):
        alertron.fit(rows)
    rows[17, 2] = -np.inf
    with pytest.raises(alertron.ArgumentError, match="row 17, feature 2 is infinite"):
        alertron.fit(rows, missing_values=True)


def test_missing_values_and_a_bootstrap_are_asked_for(X):
    rows = X.copy()
    rows[::3, 1] = np.nan
    model = alertron.fit(rows, missing_values=True, bootstrap=True)
    assert model.info.missing_values and "bootstrap: yes" in model.info.provenance
    assert np.isfinite(model.score(rows)).all()
    np.testing.assert_array_equal(alertron.fit(X, missing_values=True, seed=3).score(X), alertron.fit(X, seed=3).score(X))


def test_integers_are_rows_too():
    rows = np.arange(300).reshape(100, 3)
    assert alertron.fit(rows).to_bytes() == alertron.fit(rows.astype(float)).to_bytes()


def test_provisional_cuts_and_a_contamination_exclude_each_other(X):
    with pytest.raises(alertron.ArgumentError, match="provisional_cuts"):
        alertron.fit(X, provisional_cuts=True, contamination=0.1)
