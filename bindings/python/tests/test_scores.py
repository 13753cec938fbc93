"""Models that scikit-learn saved give scikit-learn's scores and labels."""

import numpy as np
import pytest
from conftest import ROOT

import alertron

DATA = sorted(path.name for path in (ROOT / "tests/data/sklearn").glob("*.csv"))
ZOO = ROOT.parent / "shared" / "upstream"


def ulps_between(a, b):
    """Of positive doubles; where both are NaN, 0."""
    apart = np.abs(a.view(np.int64) - b.view(np.int64))
    return np.where(np.isnan(a) & np.isnan(b), 0, apart)


def check(model, rows, scores, labels, dtype):
    rows = rows.astype(dtype)
    ours = model.score(rows)
    assert ulps_between(ours, scores).max() <= 2
    np.testing.assert_array_equal(model.is_anomaly(rows), labels == 1)
    np.testing.assert_array_equal(model.severity(ours) > alertron.Severity.NONE, labels == 1)


def csv_of(path, width):
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    return table[:, :width], table[:, width].copy(), table[:, width + 1]


def test_repository_data_are_there(sklearn_data):
    assert len(DATA) >= 20


@pytest.mark.parametrize("name", DATA)
def test_scores_and_labels_are_scikit_learns(sklearn_data, name):
    path = next(path for path in sklearn_data.glob(name[:-4] + ".*") if path.suffix != ".csv")
    dtype = "float32" if "float32" in name else "float64"
    model = alertron.load(path, input=dtype)
    check(model, *csv_of(sklearn_data / name, model.n_features), dtype)


def zoo_rows():
    """(file, dtype) of the manifest's table."""
    manifest = ZOO / "zoo" / "MANIFEST.md"
    if not manifest.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(f"{manifest} is missing"))]
    rows = [line.split("|")[1:-1] for line in manifest.read_text(encoding="utf-8").splitlines() if line.startswith("| s")]
    return [(row[0].strip(), row[8].strip()) for row in rows]


@pytest.mark.parametrize("name, dtype", zoo_rows())
def test_reference_models_score_as_scikit_learn(name, dtype):
    path = ZOO / "zoo" / name
    model = alertron.load(path, input=dtype)
    check(model, *csv_of(path.with_suffix(".csv"), model.n_features), dtype)


def test_the_upstream_model_scores_as_scikit_learn():
    path = ZOO / "anomaly_iforest.joblib"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    model = alertron.load(path)
    assert (model.info.trees, model.n_features, model.info.producer) == (200, 3, "scikit-learn 1.7.1")
    table = np.genfromtxt(next(ZOO.parent.rglob("reference_scores.csv")), delimiter=",", names=True)
    rows = np.column_stack([table["f0"], table["f1"], table["f2"]])
    check(model, rows, np.ascontiguousarray(table["score"]), table["label"], "float64")
    np.testing.assert_array_equal(model.path_length(rows), table["path_sum"])
