"""What the binding's tests share: the repository's data, a model, rows.

They test the package that is installed. Data that stand beside the package in the repository are missing from a source
distribution, and tests of them are skipped there.
"""

import pathlib

import numpy as np
import pytest

import alertron

ROOT = pathlib.Path(__file__).resolve().parents[3]


def in_repository(path):
    """A path under the repository; the test is skipped where it is missing."""
    found = ROOT / path
    if not found.exists():
        pytest.skip(f"{found} is missing")
    return found


@pytest.fixture(scope="session")
def sklearn_data():
    """The folder of models that scikit-learn saved, with its scores beside them."""
    return in_repository("tests/data/sklearn")


@pytest.fixture(scope="session")
def X():
    """1,000 rows of 3 features, the last 20 of them far outside."""
    rows = np.random.default_rng(1).normal(size=(1000, 3))
    rows[-20:] *= 8
    return rows


@pytest.fixture(scope="session")
def model(X):
    """Fitted to X; 2% are anomalies."""
    return alertron.fit(X, contamination=0.02, seed=7)
