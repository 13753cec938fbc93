"""test_model.py: the pump model's tests with pytest, for who has his tests in Python.

    pytest test_model.py
    MODEL=iforest.joblib pytest test_model.py

Without MODEL it is one of readings.csv, as the next version would be. Tests as text need no Python of yours; after
./check.sh, which makes the models that they name:

    pytest pump.tests --alertron-model pump.alertron
"""

import os
import pathlib

import numpy as np
import pytest

import alertron
from alertron.testing import (
    assert_agreement,
    assert_alarm_rate,
    assert_auroc,
    assert_average_precision,
    assert_invariant,
    assert_monotone,
    assert_recall,
    assert_severity,
)

FOLDER = pathlib.Path(__file__).parent
FEATURES = ["temperature", "pressure", "vibration"]
HEALTHY = [50, 100, 0.5]


def read(name):
    """A CSV's numbers, (rows, columns)."""
    return np.loadtxt(FOLDER / name, delimiter=",", skiprows=1)


def fit(seed):
    return alertron.fit(read("readings.csv"), trees=200, contamination=0.01, seed=seed, feature_names=FEATURES)


@pytest.fixture(scope="session")
def model():
    path = os.environ.get("MODEL")
    return alertron.load(path) if path else fit(seed=0)


@pytest.fixture(scope="session")
def previous():
    """What runs in production. Here it is made of the same readings; yours is the file that you deployed last."""
    return fit(seed=1)


@pytest.fixture(scope="session")
def week():
    return read("normal_week.csv")


@pytest.fixture(scope="session")
def labelled():
    """Readings, and which of them people have called incidents."""
    table = read("labelled.csv")
    return table[:, :-1], table[:, -1] == 1


@pytest.mark.parametrize("reading", [HEALTHY, [52, 95, 0.55]])
def test_a_healthy_pump_does_not_alarm(model, reading):
    assert_severity(model, reading, "none")


def test_a_worn_bearing_is_an_anomaly(model):
    assert_severity(model, [70, 140, 0.9], at_least="medium")


def test_a_normal_week_has_few_alarms(model, week):
    assert_alarm_rate(model, week, at_most=0.02)
    assert_alarm_rate(model, week, at_most=0.002, severity="high")


def test_incidents_are_found(model, labelled):
    readings, incidents = labelled
    assert_auroc(model, readings, incidents, at_least=0.99)
    assert_average_precision(model, readings, incidents, at_least=0.95)
    assert_recall(model, readings, incidents, at_least=0.95, alarm_rate=0.10)


@pytest.mark.parametrize("feature", ["temperature", "vibration"])
def test_hotter_or_louder_is_never_healthier(model, feature):
    assert_monotone(model, HEALTHY, feature=feature, direction="rising")


def test_a_broken_pressure_sensor_alone_changes_nothing(model):
    assert_invariant(model, HEALTHY, feature="pressure")


def test_a_new_version_differs_little(model, previous, week):
    assert_agreement(model, week, previous, at_least=0.98)
