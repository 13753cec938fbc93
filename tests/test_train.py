"""test_train: `alertrond train` from outside: what its flags do to the model."""

import csv
import json
import subprocess

import pytest


def train(program, rows, model, *flags):
    return subprocess.run([program, "train", rows, "-o", model, *flags], capture_output=True, text=True)


@pytest.fixture
def rows(tmp_path):
    """A CSV of three columns whose every seventh field is empty."""
    numbers = [str((i * 7919) % 1000 / 10) if i % 7 else "" for i in range(900)]
    lines = [",".join(numbers[i : i + 3]) for i in range(0, 900, 3)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["a,b,c", *lines]) + "\n")
    return path


@pytest.mark.quick
def test_missing_values_are_taken_where_asked_for_and_the_model_scores_them(program, rows, tmp_path):
    model = tmp_path / "model.alertron"
    refused = train(program, rows, model)
    assert refused.returncode == 1 and not model.exists()
    assert ":2:" in refused.stderr and "--missing-values" in refused.stderr
    taken = train(program, rows, model, "--missing-values", "--bootstrap")
    assert taken.returncode == 0, taken.stderr
    described = subprocess.run([program, "inspect", model, "--json"], capture_output=True, text=True, check=True).stdout
    assert json.loads(described)["missing_values"] is True
    assert "bootstrap: yes" in described
    scored = subprocess.run([program, "score", "-m", model, rows], capture_output=True, text=True, check=True).stdout
    scores = [float(row["score"]) for row in csv.DictReader(scored.splitlines())]
    assert len(scores) == 300 and all(0 < score < 1 for score in scores)
