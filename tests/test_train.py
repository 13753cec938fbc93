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
def test_a_column_of_labels_is_told_of(program, tmp_path):
    rows, model = tmp_path / "rows.csv", tmp_path / "model.alertron"
    rows.write_text("a,Label,b,c\n" + "".join(f"{i % 7},{i % 2},{i % 5},{i}\n" for i in range(50)))
    told = train(program, rows, model)
    warning = "rows.csv: the column Label looks like labels and is trained on as a feature; leave it out with --features a,b,c\n"
    assert told.returncode == 0 and warning in told.stderr
    assert "looks like" not in train(program, rows, model, "--features", "a,b,c").stderr
    assert "looks like" not in train(program, rows, model, "--features", "a,Label").stderr


@pytest.mark.quick
def test_features_have_names_of_their_own(program, tmp_path):
    rows, model = tmp_path / "rows.csv", tmp_path / "model.alertron"
    rows.write_text("a,b,a\n1,2,3\n4,5,6\n")
    refused = train(program, rows, model)
    assert refused.returncode == 1 and 'rows.csv: 2 columns are named "a"; give them different names\n' in refused.stderr
    assert train(program, rows, model, "--features", "b").returncode == 0


@pytest.mark.quick
def test_what_is_infinite_is_named_by_line_and_column(program, rows, tmp_path):
    rows.write_text(rows.read_text() + "1,-inf,2\n")
    refused = train(program, rows, tmp_path / "model.alertron", "--missing-values")
    assert refused.returncode == 1 and 'rows.csv:302: column "b": "-inf" is infinite; write a number' in refused.stderr


@pytest.mark.quick
def test_another_separator_is_told_of(program, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("a|b\n1|2\n")
    refused = train(program, rows, tmp_path / "model.alertron")
    assert refused.returncode == 1 and 'column "a|b": "1|2" is not a number; is it several? Fields stand between `,`, `;` or tabs' in refused.stderr


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
