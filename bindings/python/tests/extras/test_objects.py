"""scikit-learn's objects, without a file between."""

import numpy as np
import pytest

import alertron

sklearn = pytest.importorskip("sklearn")

from sklearn.ensemble import IsolationForest, RandomForestRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler  # noqa: E402


def agree(model, rows, scores, labels):
    ours = model.score(rows)
    assert np.abs(ours.view(np.int64) - (-scores).view(np.int64)).max() <= 2
    np.testing.assert_array_equal(model.is_anomaly(rows), labels == -1)


@pytest.mark.parametrize("options", [{}, {"contamination": 0.05}, {"max_features": 0.5, "bootstrap": True}, {"max_samples": 1.0}])
def test_a_forest(X, options):
    forest = IsolationForest(n_estimators=20, random_state=3, **options).fit(X)
    model = alertron.from_sklearn(forest)
    assert model.info.producer == f"scikit-learn {sklearn.__version__}"
    agree(model, X, forest.score_samples(X), forest.predict(X))
    agree(model, X.astype(np.float32), forest.score_samples(X.astype(np.float32)), forest.predict(X.astype(np.float32)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler])
def test_a_pipeline_and_a_dict(X, scaler, dtype):
    rows = X.astype(dtype)
    pipeline = make_pipeline(scaler(), IsolationForest(n_estimators=20, random_state=3)).fit(rows)
    expected = pipeline.score_samples(rows), pipeline.predict(rows)
    agree(alertron.from_sklearn(pipeline, input=dtype), rows, *expected)
    agree(alertron.from_sklearn({"scaler": pipeline[0], "model": pipeline[1]}, input=dtype), rows, *expected)


def test_names_of_a_frame(X):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    forest = IsolationForest(n_estimators=5).fit(frame)
    assert alertron.from_sklearn(forest).features == ("a", "b", "c")


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda X: RandomForestRegressor(2).fit(X, X[:, 0]), "RandomForestRegressor"),
        (lambda X: make_pipeline(PolynomialFeatures(), IsolationForest(n_estimators=2)).fit(X), "PolynomialFeatures"),
        (lambda X: IsolationForest(), "fitted"),
        (lambda X: lambda: None, "fitted"),
        (lambda X: object(), "object"),
        (lambda X: None, "fitted"),
    ],
)
def test_what_is_no_forest_is_refused_by_name(X, make, word):
    with pytest.raises(alertron.Error, match=word):
        alertron.from_sklearn(make(X))
