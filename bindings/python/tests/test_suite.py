"""alertron.testing's language of tests: results, the files and models that tests name, and what goes wrong."""

import itertools
import re
import threading

import numpy as np
import pytest
from conftest import in_repository

import alertron
from alertron import _checks, _readings, _suite
from alertron.testing import assert_tests, run

NAMES = ["heat", "load", "noise"]


@pytest.fixture(scope="module")
def model(X):
    return alertron.fit(X, contamination=0.02, seed=7, feature_names=NAMES)


@pytest.fixture
def folder(tmp_path, model, X):
    """Rows with labels and scores, their columns in another order than the model's, and a previous model."""
    rows = np.column_stack([X[:, ::-1], model.score(X), np.arange(len(X)) >= len(X) - 20])
    np.savetxt(tmp_path / "week.csv", rows, "%.17g", ",", header="noise,load,heat,golden,Label", comments="")
    alertron.fit(X, trees=20, contamination=0.05, feature_names=NAMES).save(tmp_path / "previous.alertron")
    return tmp_path


def only(results):
    assert len(results) == 1
    return results[0]


PASSING = """# what must pass
reading [0, 0, 0]    is none

reading [9, 9, 9]    is high   # far out
reading [0, 0, 0]    scores at most 0.5
file week.csv        alarms at most 2%
file week.csv        scores as its column golden within 1e-9
file week.csv        auroc at least 0.9
file week.csv        average precision at least 0.5 by its column label
file week.csv        recall at least 50% at an alarm rate of 2%
feature heat rising from [0, 0, 0]    never makes it look more normal
feature 1 varying from [0, 0, 0]      never changes the score by more than 0.9
load previous.alertron  agrees on at least 50% of week.csv
file week.csv  takes at most 100000000% of the time of previous.alertron
"""


def test_every_kind_passes(model, folder):
    (folder / "pump.tests").write_text(PASSING)
    results = run(model, folder / "pump.tests")
    assert [result.outcome for result in results] == ["passed"] * 12, [str(result) for result in results]
    assert [result.line for result in results] == [2, *range(4, 15)]
    assert results[1].text.startswith("reading [9, 9, 9]") and results[1].text.endswith("is high")
    assert results[1].reading == (9, 9, 9) and results[1].score == results[1].figure == model.score([9, 9, 9])
    assert results[1].file is None and results[1].feature is None and results[1].passed
    assert results[3].message == "alarms on 2% of 1000 rows" and results[3].file == "week.csv"
    assert results[8].feature == 0 and results[11].reading is None and results[11].score is None
    assert_tests(model, str(folder / "pump.tests"))
    assert_tests(model, text=PASSING, folder=str(folder))


FAILING = """reading [0, 0, 0]    is at least low
reading [9, 9, 9]    is none
reading [0, 0, 0]    scores at most 0.1
file week.csv        alarms at most 1.5%
file week.csv        scores at most 0.3
file week.csv        auroc at most 0.5
file week.csv        average precision at most 0.5 by its column label
file week.csv        recall at most 5% at an alarm rate of 2%
feature heat falling from [9, 9, 9]   never makes it look more normal
feature 1 varying from [0, 0, 0]      never changes the score by more than 0.001
load previous.alertron  agrees on at least 100% of week.csv
file week.csv  takes at most 0.0001% of the time of previous.alertron
"""


def test_every_kind_fails_and_says_why(model, folder, X):
    results = run(model, text=FAILING, folder=folder)
    assert [result.outcome for result in results] == ["failed"] * 12, [str(result) for result in results]
    assert all(" was wanted" in result.message or result.feature is not None for result in results)
    with pytest.raises(AssertionError) as raised:
        assert_tests(model, text=FAILING, folder=folder)
    assert str(raised.value).startswith(
        "12 of 12 tests did not pass\n\nline 1, reading [0, 0, 0] is at least low\n  found      score 0."
    )
    row = int(np.argmax(model.score(X)))
    shown = str(results[3])
    assert f"\n  reading    row {row} of week.csv (line {row + 2})\n" in shown and "\n  caused by  " in shown
    assert results[3].row == row and results[3].reading == tuple(X[row]) and results[3].score == model.score(X[row])
    assert "changed to this" in str(results[8]) and results[8].reading[1:] == (9, 9)


def test_golden_scores_fail(model, folder):
    result = only(run(model, text="file week.csv scores as its column noise", folder=folder))
    assert result.outcome == "failed" and "was wanted, within" in result.message


def test_tests_of_the_model_itself(model):
    carrying = model.with_tests("reading [0, 0, 0] is none\n")
    assert only(run(carrying, text=carrying.tests)).passed
    assert run(model, text="") == [] == run(model, text="# nothing\n")


def test_a_file_is_found_beside_the_tests_whatever_the_present_folder(model, folder, monkeypatch):
    (folder / "sub").mkdir()
    (folder / "sub" / "pump.tests").write_text("file ../week.csv alarms at most 3%")
    monkeypatch.chdir("/")
    assert_tests(model, folder / "sub" / "pump.tests")
    monkeypatch.chdir(folder / "sub")
    assert_tests(model, "pump.tests")
    assert_tests(model, text=f"file {folder}/week.csv alarms at most 3%")


# --- what can't be run, or read ---


@pytest.mark.parametrize(
    "test, kind, message",
    [
        ("file missing.csv alarms at most 1%", FileNotFoundError, "missing.csv"),
        ("file . alarms at most 1%", IsADirectoryError, ""),
        ("load missing.alertron agrees on at least 1% of week.csv", FileNotFoundError, "missing.alertron"),
        ("load week.csv agrees on at least 1% of week.csv", alertron.Error, "week.csv: "),
        (
            "load other.alertron agrees on at least 1% of week.csv",
            alertron.ArgumentError,
            "the same ones in the same order",
        ),
        (
            "file week.csv auroc at least 0.5 by its column heat",
            alertron.ArgumentError,
            "expected 0 or 1, false or true",
        ),
        (
            "file week.csv auroc at least 0.5 by its column bad",
            alertron.ArgumentError,
            "no column 'bad'; there are ['noise',",
        ),
        ("file week.csv scores as its column bad", alertron.ArgumentError, "no column 'bad'"),
        ("reading [1, 2] is none", None, "2"),
        ("feature pressure rising from [1, 2, 3] never makes it look more normal", None, "no feature `pressure`"),
    ],
)
def test_what_cannot_be_run_is_an_error_of_its_test_and_the_others_run(model, folder, test, kind, message):
    model.with_feature_names(["load", "heat", "noise"]).save(folder / "other.alertron")
    before, result, behind = run(
        model, text=f"reading [0, 0, 0] is none\n{test}\nfile week.csv alarms at most 2%", folder=folder
    )
    assert before.passed and behind.passed and behind.exception is None
    assert (result.outcome, result.line, result.figure, result.details) == ("error", 2, None, "")
    assert isinstance(result.exception, kind) if kind else result.exception is None
    assert message in result.message and str(result).startswith(f"line 2, {test}\n  found      could not be run: ")
    with pytest.raises(AssertionError, match="1 of 1 tests did not pass") as raised:
        assert_tests(model, text=test, folder=folder)
    assert isinstance(raised.value.__cause__, kind) if kind else raised.value.__cause__ is None


def test_each_error_is_that_of_its_own_test(model, folder):
    results = run(
        model,
        text="file missing.csv alarms at most 1%\nreading [1, 2] is none\nfile week.csv alarms at most 1%",
        folder=folder,
    )
    assert [type(result.exception) for result in results] == [FileNotFoundError, type(None), type(None)]
    assert "missing.csv" in results[0].message and "missing.csv" not in results[1].message


def test_a_test_that_cannot_be_read_is_refused_before_any_is_run(model, folder):
    (folder / "bad.tests").write_text("reading [0, 0, 0] is none\nreading [0, 0, 0] is fine\n")
    with pytest.raises(
        alertron.FormatError, match="bad.tests: line 2, column 22: `fine`: what could stand here: "
    ) as raised:
        run(model, folder / "bad.tests")
    assert raised.value.offset == 26 + 21
    with pytest.raises(alertron.FormatError, match="^line 1, column 1"):
        run(model, text="\0")
    with pytest.raises(alertron.FormatError):
        run(model, text="reading [0, 0, 0] is \ud800")


def test_arguments_that_make_no_sense(model, folder, monkeypatch):
    with pytest.raises(alertron.ArgumentError, match="give a path, or text="):
        run(model)
    with pytest.raises(alertron.ArgumentError, match="give a path, or text="):
        run(model, "pump.tests", text="")
    for call in (lambda: run(model, text=b"reading"), lambda: run("pump.alertron", text=""), lambda: run(model, 3.5)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(FileNotFoundError):
        run(model, folder / "missing.tests")
    monkeypatch.setattr(_suite, "SUITE_BYTES_MAX", 3)
    (folder / "long.tests").write_text("# long\n")
    with pytest.raises(alertron.LimitError, match="long.tests: more than 3 bytes"):
        run(model, folder / "long.tests")


@pytest.mark.parametrize("exception", [KeyboardInterrupt, RuntimeError, MemoryError, SystemExit])
@pytest.mark.parametrize("at", ["readings", "model", "result"])
def test_what_callbacks_raise_comes_to_the_caller(model, folder, monkeypatch, exception, at, capfd):
    def fail(*arguments):
        raise exception("within a callback")

    monkeypatch.setattr(_suite.Suite, at, fail)
    with pytest.raises(exception, match="within a callback"):
        run(model, text=PASSING, folder=folder)
    assert capfd.readouterr() == ("", "")


def test_a_clock_that_is_interrupted(model, folder, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(_checks.time, "perf_counter", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(model, text=PASSING, folder=folder)


def test_a_model_may_be_closed_while_its_tests_run(model, folder, monkeypatch):
    """A call keeps what it uses; what is asked of the model afterwards raises."""
    closing = alertron.load(model.to_bytes())
    read = _readings.read_readings

    def close_and_read(*arguments):
        closing.close()
        return read(folder / "week.csv", model, *arguments[2:])

    monkeypatch.setattr(_suite, "read_readings", close_and_read)
    assert only(run(closing, text="reading [1, 1, 1] is none")).passed
    with pytest.raises(alertron.ClosedError):
        run(closing, text="file week.csv alarms at most 2%", folder=folder)


def test_a_file_is_read_once_and_buffers_stay(model, folder, monkeypatch):
    read, count = _readings.read_readings, itertools.count()

    def counting(*arguments):
        next(count)
        return read(*arguments)

    monkeypatch.setattr(_suite, "read_readings", counting)
    assert_tests(
        model, text="file week.csv alarms at most 2%\n" * 50 + "file week.csv auroc at least 0.9\n" * 50, folder=folder
    )
    assert next(count) == 2


def test_many_threads_run_tests_of_one_model(model, folder):
    wrong = []

    def work():
        try:
            for _ in range(5):
                assert_tests(model, text=PASSING, folder=folder)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- files ---


def read(path, content, model, labelled=False, label_column=None, score_column=None):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return _readings.read_readings(str(path), model, labelled, label_column, score_column)


@pytest.mark.parametrize(
    "content",
    [
        "heat,load,noise\n1,2,3\n4,5,6\n",
        "heat;load;noise\r\n1;2;3\r\n4;5;6",
        "\ufeffnoise\tload\theat\n\n 3\t2 \t1\n\n6\t5\t4\n\n",
        '"heat", "load",noise ,"a, ""b"""\n"1",2,3,"x\ny"\n4,5,6,\n',
        "Heat,heat,load,noise\n9,1,2,3\n9,4,5,6\n",
        '{"device_id": "a", "features": [1, 2.0, 3]}\n\n{"features": [4, 5, 6], "ts": 1}\n',
    ],
)
def test_csv_and_json_of_every_kind(model, tmp_path, content):
    readings = read(tmp_path / "x.csv", content, model)
    np.testing.assert_array_equal(readings.features, [[1, 2, 3], [4, 5, 6]])
    assert readings.labels is None and readings.scores is None and readings.features.flags.c_contiguous


def test_lines_are_those_that_rows_begin_on(model, tmp_path):
    readings = read(tmp_path / "x.csv", 'heat,load,noise,note\n\n1,2,3,"two\nlines"\n4,5,6,\n', model)
    assert readings.lines == [3, 5]
    assert read(tmp_path / "x.json", '\n{"features": [1, 2, 3]}\n\n{"features": [1, 2, 3]}', model).lines == [2, 4]


def test_columns_of_models_without_names(X, tmp_path):
    nameless = alertron.fit(X[:, :2], trees=3)
    assert read(tmp_path / "x.csv", "a,b\n1,2\n", nameless).features.tolist() == [[1, 2]]
    labelled = read(tmp_path / "x.csv", "a,Anomaly,b\n1,0,2\n", nameless, True)
    assert labelled.features.tolist() == [[1, 2]] and labelled.labels.tolist() == [0]
    with pytest.raises(alertron.ArgumentError, match=r"3 columns \(\['a', 'b', 'c'\]\); the model wants 2"):
        read(tmp_path / "x.csv", "a,b,c\n1,2,3\n", nameless)


def test_labels_are_found_as_alertrond_finds_them(X, tmp_path):
    model = alertron.fit(X, trees=3, feature_names=["label", "y", "z"])
    for header, expected in (("label,y,z,Class", 1), ("label,y,z,class,Outlier", 0), ("anomaly,label,class,y,z", 1)):
        columns = header.split(",")
        fields = ["1" if column in ("Class", "anomaly") else "0" for column in columns]
        assert read(tmp_path / "x.csv", f"{header}\n{','.join(fields)}\n", model, True).labels.tolist() == [expected]
    words = "0 1 0.0 1.0 False true NO yes normal Anomaly inlier outlier n o".split()
    text = "label,y,z,class\n" + "".join(f"1,2,3,{word}\n" for word in words)
    assert read(tmp_path / "x.csv", text, model, True).labels.tolist() == [0, 1] * 7
    text = '{"features": [1, 2, 3], "anomaly": true}\n{"features": [1, 2, 3], "anomaly": 0}\n'
    assert read(tmp_path / "x.json", text, model, True).labels.tolist() == [1, 0]


def test_the_columns_of_labels_are_those_of_alertrond():
    source = in_repository("alertrond/table.c").read_text(encoding="utf-8")
    columns = re.search(r"table_label_columns\[\] = \{([^}]*)\}", source)[1]
    assert tuple(re.findall(r'"(\w+)"', columns)) == _readings.LABEL_COLUMNS


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "no rows"),
        ("\n \n", "no rows"),
        ("heat,load,noise\n", "no rows"),
        ("1,2,3\n4,5,6\n", "numbers where a header line is expected"),
        ("[[1, 2, 3]]", "a JSON array"),
        ("heat,load,loud\n1,2,3\n", "no column is named 'noise'"),
        ("heat,load,noise,heat\n1,2,3,4\n", "several columns are named 'heat'"),
        ("heat,load\n1,2\n", "the model wants 3"),
        ("heat,load,noise\n1,2\n", "x.csv:2: 2 fields; the header line has 3"),
        ("heat,load,noise\n1,2,3\n1,2,x\n", "x.csv:3: 'x' is not a number"),
        ("heat,load,noise\n1,2,1_0\n", "'1_0' is not a number"),
        ("heat,load,noise\n1,2,inf\n", "'inf' is not a number that can be taken"),
        ("heat,load,noise\n1,2,1e999\n", "'1e999' is not a number that can be taken"),
        ("heat,load,noise\n1,,3\n", "'' is a missing value, which this model does not take"),
        ('heat,load,noise\n1,2,"3\n', "neither a CSV nor JSON"),
        (b"heat,load,noise\n1,2,\xff\n", "neither a CSV nor JSON"),
        ('{"features": [1, 2]}', "x.csv:1: 2 features; the model wants 3"),
        ('{"features": [1, 2, "3"]}', "expected a reading"),
        ('{"features": [1, 2, true]}', "expected a reading"),
        ('{"features": 3}', "expected a reading"),
        ('{"device_id": 3}', "expected a reading"),
        ("{" * 100000, "expected a reading"),
        ('{"features": [1, 2, 3]', "expected a reading"),
        ('{"features": [1, 2, null]}', "is a missing value"),
        ('{"features": [1, 2, NaN]}', "is a missing value"),
    ],
)
def test_bad_files_are_refused(model, tmp_path, content, message):
    with pytest.raises(alertron.ArgumentError) as raised:
        read(tmp_path / "x.csv", content, model)
    assert message in str(raised.value) and "x.csv" in str(raised.value)


@pytest.mark.parametrize(
    "row, message", [("-1", "of -1 and 1 either may be the anomaly"), ("2", "expected 0 or 1"), ("", "expected 0 or 1")]
)
def test_bad_labels_are_refused(model, tmp_path, row, message):
    with pytest.raises(alertron.ArgumentError, match=message):
        read(tmp_path / "x.csv", f"heat,load,noise,label\n1,2,3,{row}\n", model, True)


def test_files_without_labels_are_refused(model, tmp_path):
    with pytest.raises(
        alertron.ArgumentError, match="no labels: expected a column called label, anomaly, .* or class; end the test"
    ):
        read(tmp_path / "x.csv", "heat,load,noise\n1,2,3\n", model, True)


def test_missing_values_where_the_model_takes_them(sklearn_data, tmp_path):
    taking = [path for path in sorted(sklearn_data.glob("*.joblib")) if alertron.load(path).info.missing_values]
    assert taking, "there is no such model"
    model = alertron.load(taking[0])
    fields = ["NaN", "", "-inf", "na", "null", "Infinity", "1"]
    header = model.feature_names or [f"c{i}" for i in range(model.n_features)]
    text = (
        ",".join(header) + "\n" + "".join(",".join([field] + ["1"] * (model.n_features - 1)) + "\n" for field in fields)
    )
    if model.n_features == 1:
        text = text.replace("\n\n", '\n""\n')
    first = read(tmp_path / "x.csv", text, model).features[:, 0]
    np.testing.assert_array_equal(first, [np.nan, np.nan, -np.inf, np.nan, np.nan, np.inf, 1])
