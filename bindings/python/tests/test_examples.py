"""The examples in Python do what their comments say."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import in_repository

import alertron


def run(folder, *command, **environment):
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def score(tmp_path):
    for name in ("score.py", "pump.csv"):
        shutil.copy(in_repository(f"examples/{name}"), tmp_path)
    return tmp_path


def test_score_says_what_the_other_languages_say(score):
    """The page shows what all of them print."""
    page = in_repository("examples/README.md").read_text(encoding="utf-8")
    numbers, expected = re.search(r"\$ ./score pump.alertron (.*)\n([^`]*)```", page).groups()
    assert run(score, "score.py", "pump.csv", *numbers.split()) == (0, expected, "")
    assert run(score, "score.py", "pump.alertron", *numbers.split()) == (0, expected, "")
    assert "`python score.py pump.csv 72.1 141.3 0.98`" in page


def test_score_takes_models_of_scikit_learn(score, sklearn_data):
    path = str(sklearn_data / "1.2.2_dict_robust_float32.joblib")
    status, out, _ = run(score, "score.py", path, "9", "-9", "0", "0")
    assert status == 0 and re.fullmatch(r"0\.\d{3} \w+(  f0 [\d.]+  f1 [\d.]+)?\n0\.\d{3} none\n", out), out


def test_score_says_what_is_wrong(score):
    (score / "bad.alertron").write_bytes(b"alertron")
    for arguments, message in (
        ((), "usage: score.py"),
        (("missing.alertron", "1"), "missing.alertron"),
        (("bad.alertron", "1"), "bad.alertron: "),
        (("pump.csv", "1", "2"), "3"),
        (("pump.csv", "1", "x", "2"), "x"),
    ):
        status, out, said = run(score, "score.py", *arguments)
        assert (status, out) == (1, "") and message in said and "Traceback" not in said


@pytest.fixture
def tested_model(tmp_path):
    for name in ("test_model.py", "pump.tests", "readings.csv", "normal_week.csv", "labelled.csv"):
        shutil.copy(in_repository(f"examples/tested_model/{name}"), tmp_path)
    return tmp_path


def read(folder, name):
    return np.loadtxt(folder / name, delimiter=",", skiprows=1)[:, :3]


PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "--rootdir", ".")
NAMES = ["temperature", "pressure", "vibration"]


def test_the_tested_model_passes(tested_model):
    status, out, said = run(tested_model, *PYTEST, "test_model.py")
    assert status == 0 and "9 passed" in out, out + said
    model = alertron.fit(read(tested_model, "readings.csv"), trees=200, contamination=0.01, feature_names=NAMES)
    model.save(tested_model / "pump.alertron")
    model.save(tested_model / "pump-previous.alertron")
    status, out, said = run(tested_model, *PYTEST, "pump.tests", "--alertron-model", "pump.alertron")
    assert status == 0 and " passed" in out, out + said


def test_a_worse_model_fails_and_it_says_why(tested_model):
    """Of 3 trees, and with the incidents among what it takes for normal."""
    rows = np.concatenate([read(tested_model, "readings.csv"), read(tested_model, "labelled.csv")])
    alertron.fit(rows, trees=3, contamination=0.05, feature_names=NAMES).save(tested_model / "worse.alertron")
    status, out, said = run(tested_model, *PYTEST, "test_model.py", MODEL="worse.alertron")
    assert status == 1, out + said
    assert re.search(
        r"alarms on [\d.]+% of 1008 rows; at most 2% was wanted\nE +reading    row \d+\nE +score +0\.\d+: \w+ \(anom",
        out,
    ), out
    assert re.search(r"\nE +caused by  (temperature|pressure|vibration) +[\d.]+ +\d+%\n", out), out
    assert "alertron/testing.py" not in out and "_checks.py" not in out
