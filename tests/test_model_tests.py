"""`alertrond test`: a model's unit tests, their reports, and a service that refuses a model which fails its own."""

import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
import service
from modelfile import with_section
from process import free_port

pytestmark = pytest.mark.quick

NORMAL, WORN = "[50, 100, 0.5]", "[70, 140, 0.9]"
NAMES = "temperature,pressure,vibration"


@pytest.fixture(scope="module")
def pump(program, tmp_path_factory):
    """A model of named features; the folder also has its readings."""
    folder = tmp_path_factory.mktemp("pump")
    words = [program, "generate", "--csv", "--count", "1000", "--anomalies", "0", "--seed", "1"]
    rows = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n", 1)[1]
    (folder / "normal.csv").write_text(f"{NAMES}\n{rows}")
    words = [program, "train", folder / "normal.csv", "-o", folder / "pump.alertron", "--trees", "50"]
    subprocess.run(words, capture_output=True, check=True)
    return folder / "pump.alertron"


@pytest.fixture
def run(program, pump, tmp_path):
    """run(tests, *flags, files={name: text}) runs tests that lie in a folder with these files."""

    def run(tests, *flags, files={}, model=pump, **keywords):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        paths = []
        if tests is not None:
            (tmp_path / "pump.tests").write_text(tests)
            paths = ["pump.tests"]
        words = [program, "test", "-m", model, *paths, *flags]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, **keywords)

    return run


# --- the summary and the exit status ---------------------------------------------------------------------------


def test_tests_that_pass_end_with_status_0(run):
    done = run(f"# a comment\n\nreading {NORMAL} is none\nreading {WORN}   is  an anomaly # two blanks\n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["pump.tests", f"  ok          3  reading {NORMAL} is none", f"  ok          4  reading {WORN} is an anomaly"]
    assert re.fullmatch(r"2 passed, 0 failed in \d+\.\d\d s", lines[-1])
    assert "\033" not in done.stdout


def test_a_failure_shows_the_reading_its_score_and_what_caused_it(run):
    done = run(f"reading {WORN} is none\n")
    assert done.returncode == 1
    assert f"  FAILED      1  reading {WORN} is none\n" in done.stdout
    assert re.search(r"found +score 0\.\d+ is high; none was wanted\n", done.stdout)
    assert re.search(r"score +0\.\d+: high \(anomalies are above 0\.\d+, medium from 0\.\d+, high from 0\.\d+\)\n", done.stdout)
    shares = dict(re.findall(r" (temperature|pressure|vibration) +[\d.]+ +(\d+)%\n", done.stdout))
    assert len(shares) == 3 and 98 <= sum(map(int, shares.values())) <= 102
    assert re.search(r"caused by +(\w+) +[\d.]+ +\d+%\n", done.stdout)
    assert "0 passed, 1 failed in " in done.stdout


def test_a_failure_of_a_file_names_the_row_and_its_line(run):
    rows = f"{NAMES}\n\n50,100,0.5\n71,141,0.9\n50,101,0.5\n"
    done = run("file rows.csv alarms at most 0%\n", files={"rows.csv": rows})
    assert done.returncode == 1
    assert "reading    row 1 of rows.csv (line 4)\n" in done.stdout
    assert re.search(r" pressure +141 ", done.stdout)


def test_what_was_changed_is_told_from_and_to(run):
    done = run(f"feature temperature rising from {NORMAL} never changes the score by more than 0.01\n")
    assert done.returncode == 1
    found = re.search(r"found +temperature at ([\d.e+]+) scores .*; unchanged, at 50, it was 0\.", done.stdout)
    assert found
    assert re.search(rf" temperature +{re.escape(found[1])} +\d+%  changed to this\n", done.stdout)


def test_verbose_tells_what_passing_tests_found(run):
    tests = f"reading {NORMAL} is none\n"
    assert "found" not in run(tests).stdout
    assert re.search(r"found +score 0\.\d+ is none\n", run(tests, "--verbose").stdout)


def test_colour_is_for_terminals_that_want_it(program, pump, tmp_path):
    (tmp_path / "pump.tests").write_text(f"reading {NORMAL} is none\n")

    def shown(**environment):
        parent, child = pty.openpty()
        words = [program, "test", "-m", pump, tmp_path / "pump.tests"]
        subprocess.run(words, stdout=child, check=True, env={**service.clean_environment(), "TERM": "xterm", **environment})
        os.close(child)
        with open(parent, "rb", buffering=0) as terminal:
            return terminal.read(65536)

    assert b"\033[32mok" in shown(NO_COLOR="")
    assert b"\033" not in shown(NO_COLOR="1")


# --- files and models that tests name ------------------------------------------------------------------------------


def test_names_are_relative_to_the_tests(program, pump, tmp_path):
    folder = tmp_path / "here" / "there"
    folder.mkdir(parents=True)
    tests = "file rows.csv is none\nload ../other.alertron agrees on at least 100% of rows.csv\n"
    (folder / "pump.tests").write_text(tests)
    (folder / "rows.csv").write_text(f"{NAMES}\n50,100,0.5\n")
    (tmp_path / "here" / "other.alertron").write_bytes(pump.read_bytes())
    words = [program, "test", "-m", pump, "here/there/pump.tests"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_file_called_minus_is_one_beside_the_tests(run):
    done = run("file - is none\n", files={"-": f"{NAMES}\n50,100,0.5\n"})
    assert done.returncode == 0, done.stdout


def test_tests_come_from_standard_input(run):
    done = run(None, "-", input="file rows.csv is none\n", files={"rows.csv": f"{NAMES}\n50,100,0.5\n"})
    assert done.returncode == 0 and done.stdout.startswith("standard input\n  ok ")


def check_labels(run, column, normal, anomaly):
    rows = f"{column},vibration,pressure,temperature\n{normal},0.5,100,50\n{anomaly},0.9,140,70\n"
    done = run("file rows.csv auroc at least 1\n", "-v", files={"rows.csv": rows})
    assert done.returncode == 0 and "AUROC 1\n" in done.stdout


@pytest.mark.parametrize("column", ["label", "Anomaly", "is_anomaly", "OUTLIER", "is_outlier", "y", "target", "class"])
def test_the_column_of_labels_is_found(run, column):
    check_labels(run, column, 0, 1)


@pytest.mark.parametrize("labels", ["0.0 1.0", "False true", "no YES", "normal Anomaly", "inlier outlier", "n o"])
def test_labels_are_numbers_or_words(run, labels):
    check_labels(run, "label", *labels.split())


def test_labels_stand_in_the_column_that_a_test_names(run):
    rows = f"{NAMES},label,Fault\n50,100,0.5,1,no\n70,140,0.9,0,yes\n"
    tests = "file rows.csv auroc at least 1 by its column fault\nfile rows.csv auroc at most 0\n"
    done = run(tests, files={"rows.csv": rows})
    assert done.returncode == 0, done.stdout


def test_a_feature_is_never_taken_for_labels(run, program, tmp_path):
    rows = (("y,b\n") + "".join(f"{i % 7},{i % 5}\n" for i in range(100))).replace("6,", "60,")
    (tmp_path / "train.csv").write_text(rows)
    subprocess.run([program, "train", tmp_path / "train.csv", "-o", tmp_path / "y.alertron"], capture_output=True, check=True)
    files = {"rows.csv": "y,b,target\n1,2,no\n60,2,yes\n"}
    done = run("file rows.csv auroc at least 1\n", model=tmp_path / "y.alertron", files=files)
    assert done.returncode == 0, done.stdout


def test_readings_in_json_have_labels_too(run):
    row = '{{"device_id": "a", "features": {}, "label": {}}}\n'
    rows = row.format(NORMAL, "false") + row.format(WORN, 1)
    done = run("file rows.ndjson auroc at least 1\n", files={"rows.ndjson": rows})
    assert done.returncode == 0, done.stdout


def test_scores_are_those_of_score(run, program, pump):
    words = [program, "score", "-m", pump, pump.parent / "normal.csv"]
    scored = subprocess.run(words, capture_output=True, text=True, check=True)
    done = run("file scored.csv scores as its column score within 0\n", files={"scored.csv": scored.stdout})
    assert done.returncode == 0, done.stdout
    wrong = re.sub(r",0\.\d+,0,none\n", ",0.9,0,none\n", scored.stdout, count=1)
    done = run("file scored.csv scores as its column score within 0\n", files={"scored.csv": wrong})
    assert done.returncode == 1 and "row 0 of scored.csv (line 2)" in done.stdout


def test_a_model_without_names_takes_all_columns_but_the_labels(run, program, tmp_path):
    model = tmp_path / "nameless.alertron"
    words = [program, "generate", "--count", "1000", "--rate", "max", "--anomalies", "0", "--seed", "1"]
    readings = subprocess.run(words, capture_output=True, check=True).stdout
    subprocess.run([program, "train", "-", "-o", model], input=readings, capture_output=True, check=True)
    rows = "a,b,label,c\n50,100,0,0.5\n70,140,1,0.9\n"
    tests = "file rows.csv auroc at least 1\nfile rows.csv alarms at least 50%\n"
    done = run(tests, model=model, files={"rows.csv": rows})
    assert done.returncode == 0, done.stdout
    rows = "label,a,b,c\n0,50,0.5,100\n1,70,0.9,140\n"
    done = run(tests, "--features", "a,c,b", model=model, files={"rows.csv": rows})
    assert done.returncode == 0, done.stdout


ERRORS = {
    "missing": (None, "is none", "x.csv: No such file or directory"),
    "no rows": (f"{NAMES}\n", "is none", "x.csv: no rows"),
    "another width": (f"{NAMES}\n50,100,0.5\n50,100\n", "is none", "x.csv:3: 2 fields; the header line has 3"),
    "other columns": ("temperature,flow,vibration\n1,2,3\n", "is none", 'x.csv: no column "pressure", which the model'),
    "one class": (f"{NAMES},y\n50,100,0.5,0\n", "auroc at least 0.5", "no row has a label that makes it an anomaly"),
    "no labels": (f"{NAMES}\n50,100,0.5\n", "auroc at least 0.5", "no labels: expected a column called label, anomaly"),
    "signs": (f"{NAMES},y\n1,1,1,1\n1,1,1,-1\n", "auroc at least 0.5", 'x.csv:3: label "-1" in "y": is -1 or 1 the'),
    "no label": (f"{NAMES},y\n50,100,0.5,2\n", "auroc at least 0.5", 'x.csv:2: label "2" in "y": expected 0 or 1'),
    "no column": (f"{NAMES}\n50,100,0.5\n", "auroc at least 0.5 by its column z", 'no column "z"; the columns are temperature'),
    "no score": (f"{NAMES},s\n50,100,0.5,a\n", "scores as its column s", 'x.csv:2: "a" in "s" is no score'),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_test_that_cannot_be_run_says_why(run, case):
    content, wanted, why = ERRORS[case]
    done = run(f"reading {NORMAL} is none\nfile x.csv {wanted}\n", files={"x.csv": content} if content else {})
    assert done.returncode == 1
    assert f"  ERROR       2  file x.csv {wanted}\n" in done.stdout
    assert why in done.stdout
    assert "1 passed, 0 failed, 1 could not be run in " in done.stdout


def test_another_model_must_take_the_same_features(run, pump, program, tmp_path):
    swapped = (pump.parent / "normal.csv").read_text().replace(NAMES, "pressure,temperature,vibration")
    (tmp_path / "swapped.csv").write_text(swapped)
    subprocess.run([program, "train", tmp_path / "swapped.csv", "-o", tmp_path / "other"], capture_output=True, check=True)
    done = run("load other agrees on at least 0% of rows.csv\n", files={"rows.csv": f"{NAMES}\n50,100,0.5\n"})
    assert done.returncode == 1 and "other: its features have other names or another order than this model's" in done.stdout


# --- mistakes ----------------------------------------------------------------------------------------------------


def test_a_mistake_is_shown_with_its_line_and_a_caret(run):
    done = run(f"reading {NORMAL} is none\n\treading \u00fc is none\n")
    assert (done.returncode, done.stdout) == (1, "")
    said, line, caret = done.stderr.splitlines()
    assert said.startswith("alertrond test: pump.tests:2:10: ")
    assert line == "     2 |  reading \u00fc is none"
    assert caret.index("^") == line.index("\u00fc")


@pytest.mark.parametrize("before", ["\u00fc\u20ac.csv", "x" * 250 + ".csv", "\u00fc" * 250 + ".csv"], ids="short long wide".split())
def test_the_caret_stands_below_characters_of_any_width_and_line(run, before):
    done = run(f"file {before} is fine # {'and so on ' * 20}\n")
    said, line, caret = done.stderr.splitlines()
    assert said.startswith(f"alertrond test: pump.tests:1:{len(before) + 10}: ")
    assert line[caret.index("^") :].startswith("fine") and len(line) < 130


def test_a_line_that_ends_too_early_is_shown_at_its_end(run):
    for end in "", "\n":
        said, line, caret = run("reading [1] is" + end).stderr.splitlines()
        assert said.startswith("alertrond test: pump.tests:1:15: ")
        assert line == "     1 | reading [1] is" and caret.index("^") == len(line)


def test_mistakes_of_every_file_are_told_before_anything_runs(run, tmp_path):
    (tmp_path / "b.tests").write_text(f"reading {NORMAL} is fine\n")
    (tmp_path / "c.tests").write_text("# nothing\n")
    done = run("nonsense\n", "b.tests", "c.tests")
    assert (done.returncode, done.stdout) == (1, "")
    told = [line for line in done.stderr.splitlines() if line.startswith("alertrond test: ")]
    assert [line.split(":")[1] for line in told] == [" pump.tests", " b.tests", " c.tests"]
    assert "c.tests: no tests in it" in told[2]


@pytest.mark.parametrize(
    "words, said",
    [
        ("", "-m MODEL is missing"),
        ("-m - -", "standard input can be read once"),
        ("-m x --dtype int", "--dtype: "),
        ("-m x --list --tap", "--list runs nothing"),
        ("-m x x.tests --junit -", "name a file"),
    ],
)
def test_wrong_use_is_status_2(program, words, said):
    words = [program, "test", *words.split()]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and "see alertrond test --help" in done.stderr


def test_a_list_runs_nothing(run):
    done = run(f"reading {WORN} is none\n\nfile missing.csv is none\n", "--list")
    listed = f"pump.tests:1: reading {WORN} is none\npump.tests:3: file missing.csv is none\n"
    assert (done.returncode, done.stdout) == (0, listed)


# --- TAP and JUnit -------------------------------------------------------------------------------------------------

MIXED = f"reading {NORMAL} is none\nreading {WORN} is none\nfile \"a&b #1.csv\" is none\n"


def test_tap_has_a_plan_results_and_diagnoses(run):
    done = run(MIXED, "--tap")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:3] == ["TAP version 14", "1..3", f"ok 1 - pump.tests:1: reading {NORMAL} is none"]
    assert lines[3] == f"not ok 2 - pump.tests:2: reading {WORN} is none"
    assert 'not ok 3 - pump.tests:3: file "a&b \\#1.csv" is none' in lines
    assert lines[4] == "  ---" and lines.count("  ---") == lines.count("  ...") == 2
    assert "  verdict: high" in lines and '    - name: "vibration"' in lines


def test_tap_shows_any_name_of_a_file_in_one_line(run, program, pump, tmp_path):
    (tmp_path / "a\nok 2.tests").write_text(f"reading {NORMAL} is none\nreading {WORN} is none\n")
    lines = run(None, "--tap", "a\nok 2.tests").stdout.splitlines()
    assert lines[2:4] == [f"ok 1 - a?ok 2.tests:1: reading {NORMAL} is none", f"not ok 2 - a?ok 2.tests:2: reading {WORN} is none"]
    assert '    file: "a?ok 2.tests"' in lines
    (tmp_path / os.fsdecode(b"\xff.tests")).write_text(f"reading {NORMAL} is none\n")
    for name in b"\xff.tests", b"\xfe.tests":
        done = subprocess.run([program, "test", "-m", pump, "--tap", name], cwd=tmp_path, capture_output=True)
        assert b"?.tests:" in done.stdout.decode().encode()


def test_tap_bails_out_where_tests_cannot_be_read(run):
    done = run("nonsense\n", "--tap")
    assert done.returncode == 1 and re.fullmatch(r"TAP version 14\nBail out! pump.tests:1:1: .*\n", done.stdout)


def test_junit_is_written_beside_the_summary(run, tmp_path):
    done = run(MIXED, "--junit", "report.xml")
    assert done.returncode == 1 and "1 passed, 1 failed, 1 could not be run" in done.stdout
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    (suite,) = root
    assert root.tag == "testsuites" and suite.tag == "testsuite" and suite.get("name") == "pump.tests"
    for one in root, suite:
        assert [one.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    passed, failed, error = suite
    assert [one.get("line") for one in suite] == ["1", "2", "3"]
    assert error.get("name") == 'file "a&b #1.csv" is none' and error.get("classname") == "pump"
    assert [child.tag for child in passed] == ["system-out"]
    assert "none was wanted" in failed.find("failure").get("message")
    assert re.search(r"caused by +\w+ +[\d.]+ +\d+%\n", failed.find("failure").text)
    assert "a&b #1.csv: No such file" in error.find("error").get("message")


def test_junit_that_cannot_be_written_fails(run):
    done = run(f"reading {NORMAL} is none\n", "--junit", "no/such/folder.xml")
    assert done.returncode == 1 and "no/such/folder.xml" in done.stderr


# --- tests that a model carries ---------------------------------------------------------------------------------------


@pytest.fixture
def failing(pump, tmp_path):
    """A model that fails the second of the tests it carries."""
    path = tmp_path / "failing.alertron"
    path.write_bytes(with_section(pump.read_bytes(), b"test", f"reading {NORMAL} is none\nreading {WORN} is none\n".encode()))
    return path


def test_tests_that_a_model_carries_are_run_without_a_file(run, pump, tmp_path):
    path = tmp_path / "good.alertron"
    path.write_bytes(with_section(pump.read_bytes(), b"test", f"reading {NORMAL} is none\n".encode()))
    done = run(None, model=path)
    assert done.returncode == 0 and f"{path}\n  ok          1  reading {NORMAL} is none\n" in done.stdout
    done = run(None)
    assert done.returncode == 1 and "the model carries no tests; name a file of them" in done.stderr


def test_a_model_that_fails_its_tests_is_loaded_to_see_which(run, failing):
    done = run(None, model=failing)
    assert done.returncode == 1 and f"  FAILED      2  reading {WORN} is none\n" in done.stdout


def test_carried_tests_that_take_too_long_for_a_loader_do_not_pass(program, run, pump, tmp_path):
    path = tmp_path / "slow.alertron"
    words = [program, "train", pump.parent / "normal.csv", "-o", path, "--trees", "400"]
    subprocess.run(words, capture_output=True, check=True)
    lines = f"every feature varying from {NORMAL} never changes the score by more than 1\n" * 600
    path.write_bytes(with_section(path.read_bytes(), b"test", lines.encode()))
    done = run(None, model=path)
    assert done.returncode == 1 and "600 passed" in done.stdout
    assert "elsewhere the model is not loaded" in done.stderr and "takes as long as" in done.stderr


def test_carried_tests_read_no_files(run, pump, tmp_path):
    path = tmp_path / "curious.alertron"
    path.write_bytes(with_section(pump.read_bytes(), b"test", "file rows.csv is none\n".encode()))
    done = run(None, model=path, files={"rows.csv": f"{NAMES}\n50,100,0.5\n"})
    assert done.returncode == 1 and "files can't be read here" in done.stdout


def test_a_service_refuses_a_model_that_fails_its_tests(program, failing):
    words = [program, "run", "-m", failing, "--bootstrap", f"127.0.0.1:{free_port()}", "--port", str(free_port())]
    done = subprocess.run(words, env=service.clean_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "failing.alertron: the tests that the model carries: line 2, `reading [70, 140, 0.9] is none`: " in done.stderr
    assert "none was wanted" in done.stderr
