"""The commands that look at models and turn one into another: inspect, convert, diff, and what train shares with them."""

import csv
import json
import math
import os
import pathlib
import pty
import subprocess
import xml.etree.ElementTree

import pytest
from modelfile import with_section
from process import http_post

SKLEARN = pathlib.Path(__file__).parent / "data" / "sklearn"
OURS = sorted(one for one in SKLEARN.iterdir() if one.suffix in (".pkl", ".joblib") and "_refused_" not in one.name)
SEVERITIES = ["none", "low", "medium", "high"]

pytestmark = pytest.mark.quick


@pytest.fixture(scope="session")
def files(program, tmp_path_factory):
    """A folder with normal.csv, mixed.csv (one in ten an anomaly), a.alertron and b.alertron, of both unlike."""
    folder = tmp_path_factory.mktemp("models")
    generate = [program, "generate", "--rate", "max", "--csv"]
    for name, words in {
        "normal.csv": ["--count", "20000", "--anomalies", "0", "--seed", "1"],
        "mixed.csv": ["--count", "3000", "--anomalies", "0.1", "--seed", "2"],
    }.items():
        (folder / name).write_bytes(subprocess.run([*generate, *words], check=True, capture_output=True).stdout)
    for name, words in {"a": ["--trees", "100"], "b": ["--trees", "50", "--seed", "7", "--contamination", "0.02"]}.items():
        subprocess.run([program, "train", folder / "normal.csv", "-o", folder / f"{name}.alertron", *words], check=True, capture_output=True)
    return folder


@pytest.fixture
def run(program, files):
    """run(words...) runs alertrond in the folder of files and gives what it wrote on standard output.

    `status` is the exit status it must have; `error` must stand on standard error.
    """

    def run_alertrond(*words, status=0, error="", env=None, data=None, text=True):
        environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "", "COLUMNS": "80", **(env or {})}
        done = subprocess.run([program, *map(str, words)], cwd=files, capture_output=True, env=environment, input=data)
        told = done.stderr.decode()
        assert (done.returncode, error in told) == (status, True), told
        return done.stdout.decode() if text else done.stdout

    return run_alertrond


@pytest.fixture
def described(run):
    """described(model, ...): what `inspect --json` tells."""
    return lambda *words: json.loads(run("inspect", "--json", *words))


def scores_of(run, model, *words):
    return run("score", "-m", model, *words, text=False)


# ---- convert ----


def assert_converts(run, model, rows, tmp_path, dtype):
    """The converted model gives the same bytes for every row, and its forest is the same."""
    with rows.open() as file:
        width = len(next(csv.reader(file))) - 2
    columns = ",".join(f"f{i}" for i in range(width))
    made = tmp_path / "made.alertron"
    run("convert", model, "-o", made, "--dtype", dtype)
    before = scores_of(run, model, "--dtype", dtype, "--features", columns, rows)
    after = scores_of(run, made, "--features", columns, rows)
    assert before == after and before.count(b"\n") > 10
    found = json.loads(run("diff", model, made, "--dtype", dtype, "--json", "--exit-code"))
    assert found["same_forest"] and found["same_verdicts"] and found["differences"] == []


@pytest.mark.parametrize("model", OURS, ids=lambda one: one.name)
def test_a_converted_model_gives_the_same_scores_to_the_bit(run, tmp_path, model):
    assert_converts(run, model, model.with_suffix(".csv"), tmp_path, "float32" if "float32" in model.name else "float64")


def test_models_of_others_convert_too(run, tmp_path, shared):
    zoo = shared / "upstream" / "zoo"
    models = [one for one in sorted(zoo.iterdir()) if one.suffix in (".pkl", ".joblib")]
    assert models
    for model in models:
        rows = model.with_suffix(".csv") if model.with_suffix(".csv").exists() else zoo / f"{model.name}.csv"
        dtype = next(line.split("|")[9].strip() for line in (zoo / "MANIFEST.md").read_text().splitlines() if f"| {model.name} |" in line)
        assert_converts(run, model, rows, tmp_path, dtype)


def test_the_service_serves_a_converted_model(run, tmp_path, shared, embedded, run_service, files):
    """With cuts from readings, so that it needs none of the stream."""
    made = tmp_path / "upstream.alertron"
    run("convert", shared / "upstream" / "anomaly_iforest.joblib", "-o", made, "--calibrate", files / "mixed.csv")
    service = run_service(embedded, model=made)
    assert service.metrics().sum("alertrond_severity_cuts_origin", origin="file") == 1
    reading = {"device_id": "edge-1", "features": [72.1, 141.3, 0.98]}
    answer = json.loads(http_post(f"{service.url}/ingest", json.dumps(reading).encode())[1])
    expected = json.loads(run("score", "-m", made, data=json.dumps(reading).encode()))
    assert (answer["anomaly_score"], answer["severity"]) == (expected["score"], expected["severity"])


def test_training_rows_give_what_the_fit_took_from_them(run, described, tmp_path):
    """The fit's own threshold, cuts and histogram come back to the bit."""
    bare, made = tmp_path / "bare.alertron", tmp_path / "made.alertron"
    run("convert", "a.alertron", "-o", bare, "--threshold", "0.5")
    assert described(bare)["cuts"]["origin"] == "provisional"
    run("convert", bare, "-o", made, "--training", "normal.csv", "--contamination", "0.01")
    before, after = described("a.alertron"), described(made)
    for member in ("threshold", "cuts", "training_scores"):
        assert before[member] == after[member]
    assert "training scores: of 20000 rows of normal.csv\n" in after["provenance"]
    assert "threshold: contamination 0.01 of normal.csv\n" in after["provenance"]


def test_calibration_gives_the_cuts_that_score_takes(run, described, tmp_path):
    made = tmp_path / "made.alertron"
    run("convert", "a.alertron", "-o", made, "--calibrate", "mixed.csv")
    assert described(made)["cuts"]["origin"] == "file"
    assert described(made)["training_scores"] == described("a.alertron")["training_scores"]
    assert scores_of(run, made, "normal.csv") == scores_of(run, "a.alertron", "--calibrate", "mixed.csv", "normal.csv")


def test_contamination_is_a_share_of_the_readings(run, described, tmp_path):
    made = tmp_path / "made.alertron"
    run("convert", "a.alertron", "-o", made, "--calibrate", "mixed.csv", "--contamination", "0.2")
    found = described(made, "mixed.csv")["readings"]["by_severity"]
    assert 3000 - found["none"] == 600


def test_names_and_tests_go_into_the_model_and_out_of_it(run, described, tmp_path):
    made, tests = tmp_path / "made.alertron", tmp_path / "pump.tests"
    tests.write_text("reading [50, 100, 0.5] is none\n")
    run("convert", "a.alertron", "-o", made, "--feature-names", "temperature,flow,grün", "--tests", tests)
    assert described(made)["feature_names"] == ["temperature", "flow", "grün"]
    assert run("inspect", "--tests", made) == tests.read_text() == described(made)["tests"]
    assert "carried tests     1, which --tests prints\n" in run("inspect", made)
    again = tmp_path / "again.alertron"
    run("convert", made, "-o", again, "--no-tests")
    assert described(again)["tests"] is None and described(again)["feature_names"][0] == "temperature"
    run("train", "normal.csv", "-o", made, "--tests", tests)
    assert described(made)["tests"] == tests.read_text()


def test_a_conversion_at_a_time_gives_the_same_file_again(run, described, tmp_path):
    made = [tmp_path / "1" / "m.alertron", tmp_path / "2" / "m.alertron"]
    for one in made:
        one.parent.mkdir()
        run("convert", "a.alertron", "-o", one, env={"SOURCE_DATE_EPOCH": "1763800000"})
    assert made[0].read_bytes() == made[1].read_bytes()
    assert described(made[0])["provenance"].endswith("converted: from a.alertron, 2025-11-22T08:26:40Z\n")
    assert run("convert", "a.alertron", "-o", "-", env={"SOURCE_DATE_EPOCH": "1763800000"}, text=False) == made[0].read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        ([], 2, "MODEL"),
        (["a.alertron"], 2, "-o OUT is missing"),
        (["nowhere.pkl", "-o", "out"], 1, "nowhere.pkl: No such file"),
        (["normal.csv", "-o", "out"], 1, "normal.csv: "),
        (["a.alertron", "-o", "nowhere/out"], 1, "nowhere/out: No such file"),
        (["a.alertron", "-o", "out", "--threshold", "1.5"], 2, "1.5 is above 1"),
        (["a.alertron", "-o", "out", "--threshold", "0.5", "--contamination", "0.1"], 2, "choose one"),
        (["a.alertron", "-o", "out", "--contamination", "0.1"], 2, "--training or --calibrate FILE"),
        (["a.alertron", "-o", "out", "--features", "f0,f1,f2"], 2, "--features is for --training and --calibrate"),
        (["a.alertron", "-o", "out", "--tests", "x", "--no-tests"], 2, "contradict each other"),
        (["-", "-o", "out", "--training", "-"], 2, "only one of the files can be standard input"),
        (["a.alertron", "-o", "out", "--feature-names", "a,b"], 1, "has 2 names; the model has 3 features"),
        (["a.alertron", "-o", "out", "--feature-names", "a,b,a"], 1, '"a" stands there twice'),
        (["a.alertron", "-o", "out", "--feature-names", "a,,c"], 1, "name 2 is empty"),
        (["a.alertron", "-o", "out", "--feature-names", "a,b," + 257 * "c"], 1, "257 bytes; at most 256"),
        (["a.alertron", "-o", "out", "--calibrate", "normal.csv", "--threshold", "0.99"], 1, "0 of 20000 scores are anomalous"),
        (["a.alertron", "-o", "out", "--calibrate", "mixed.csv", "--contamination", "0.02"], 1, "more than 0.02 of the rows share the highest"),
        (["a.alertron", "-o", "out", "--training", "head.csv"], 1, "head.csv: no rows below the header line"),
        (["a.alertron", "-o", "out", "--training", "narrow.csv"], 1, 'no column "f2"'),
        (["a.alertron", "-o", "out", "--tests", "large.tests"], 1, "larger than 65536 bytes"),
        (["a.alertron", "-o", "out", "--tests", "zero.tests"], 1, "a NUL byte at 3"),
        (["a.alertron", "-o", "out", "--tests", "comment.tests"], 1, "comment.tests: no tests in it"),
        (["a.alertron", "-o", "out", "--tests", "empty.tests"], 1, "empty.tests: no tests in it"),
        (["a.alertron", "-o", "out", "--training", "bars.csv"], 1, "Fields stand between `,`, `;` or tabs"),
        (["a.alertron", "-o", "out", "--training", "infinite.csv"], 1, 'infinite.csv:2: column "f1": "inf" is infinite; write a number'),
    ],
)
def test_convert_says_what_is_wrong_and_leaves_the_file_as_it_was(run, files, words, status, error):
    (files / "head.csv").write_text("f0,f1,f2\n")
    (files / "narrow.csv").write_text("f0,f1,g\n1,2,3\n")
    (files / "large.tests").write_bytes(65537 * b"#")
    (files / "zero.tests").write_bytes(b"abc\0def")
    (files / "comment.tests").write_text("# reading [50, 100, 0.5] is none\n\n")
    (files / "empty.tests").write_text("")
    (files / "bars.csv").write_text("f0|f1|f2\n1|2|3\n")
    (files / "infinite.csv").write_text("f0,f1,f2\n1,inf,3\n")
    (files / "out").write_text("as it was")
    run("convert", *words, status=status, error=error)
    assert (files / "out").read_text() == "as it was"


# ---- what is read is not written over ----


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ("train n.csv -o n.csv", "n.csv"),
        ("train n.csv -o n.tests --tests n.tests", "n.tests"),
        ("score -m m.alertron n.csv -o m.alertron", "m.alertron"),
        ("score -m m.alertron m.csv -o n.csv --calibrate n.csv", "n.csv"),
        ("convert m.alertron -o n.csv --training n.csv", "n.csv"),
        ("convert m.alertron -o n.csv --calibrate ./n.csv", "./n.csv"),
        ("convert m.alertron -o n.tests --tests n.tests", "n.tests"),
        ("inspect m.alertron --svg m.alertron", "m.alertron"),
        ("inspect m.alertron --svg link", "m.alertron"),
        ("inspect m.alertron n.csv --svg n.csv", "n.csv"),
        ("test -m m.alertron n.tests --junit m.alertron", "m.alertron"),
        ("test -m m.alertron m.tests n.tests --junit n.tests", "n.tests"),
    ],
)
def test_an_output_never_takes_the_place_of_what_is_read(program, files, tmp_path, words, lost):
    contents = {"m.alertron": (files / "a.alertron").read_bytes(), "n.csv": (files / "mixed.csv").read_bytes()}
    contents |= {"m.csv": contents["n.csv"], "n.tests": b"reading [50, 100, 0.5] is none\n", "m.tests": b"reading [50, 100, 0.5] is none\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link").symlink_to("m.alertron")
    done = subprocess.run([program, *words.split()], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and f"would be written in place of {lost}, which is read; name another file; see alertrond" in done.stderr
    assert contents == {name: (tmp_path / name).read_bytes() for name in contents}


def test_a_model_and_readings_may_be_changed_in_place(run, described, tmp_path):
    made, rows = tmp_path / "made.alertron", tmp_path / "rows.csv"
    run("convert", "a.alertron", "-o", made)
    run("convert", made, "-o", made, "--threshold", "0.7")
    assert described(made)["threshold"] == 0.7
    rows.write_text("f0,f1,f2\n50,100,0.5\n")
    run("score", "-m", made, rows, "-o", rows)
    assert rows.read_text().startswith("f0,f1,f2,score,anomaly,severity\n")


# ---- texts of models from anywhere ----


@pytest.fixture
def hostile(files, tmp_path):
    """A model whose producer and tests hold what a terminal would act upon."""
    path = tmp_path / "hostile.alertron"
    model = with_section((files / "a.alertron").read_bytes(), b"PROD", b"\x1b[31mme\nx")
    path.write_bytes(with_section(model, b"test", HOSTILE_TESTS.encode()))
    return path


HOSTILE_TESTS = "# \x1b[31mred\x07\n\treading [50, 100, 0.5] is none\n"


def test_a_terminal_gets_no_commands_of_a_model(run, program, hostile, tmp_path):
    text = run("inspect", hostile)
    assert "made by ?[31mme?x\n" in text and "\033" not in text and "carried tests     1, which" in text
    run("convert", hostile, "-o", tmp_path / "out", error="made by ?[31mme?x\n")
    assert run("inspect", "--tests", hostile) == HOSTILE_TESTS
    parent, child = pty.openpty()
    subprocess.run([program, "inspect", "--tests", hostile], stdout=child, check=True)
    os.close(child)
    with open(parent, "rb", buffering=0) as terminal:
        assert terminal.read(65536) == b"# ?[31mred?\r\n\treading [50, 100, 0.5] is none\r\n"


# ---- inspect ----


def test_inspect_counts_readings_as_score_does(run, described):
    found = described("a.alertron", "mixed.csv")["readings"]
    rows = list(csv.DictReader(scores_of(run, "a.alertron", "mixed.csv").decode().splitlines()))
    assert found["rows"] == len(rows) == 3000
    assert found["by_severity"] == {one: sum(row["severity"] == one for row in rows) for one in SEVERITIES}
    bins = [0] * 256
    for row in rows:
        bins[min(int(float(row["score"]) * 256), 255)] += 1
    assert found["scores"] == bins


def test_inspect_tells_scripts_at_least_what_it_always_did(described):
    found = described("a.alertron")
    members = (
        "path kind producer provenance features feature_names missing_values threshold cuts trees samples nodes depth normalizer bytes kernel"
    )
    assert list(found)[: len(members.split())] == members.split()
    assert sum(found["training_scores"]) == 20000
    assert (found["tests"], found["tests_pass"], found["readings"]) == (None, None, None)


def test_inspect_draws_where_it_can_and_says_what_to_do_where_not(run):
    picture = run("inspect", "a.alertron")
    assert "a.alertron: scores of 20000 training rows; heights are logarithmic" in picture
    assert "anomaly above 0.6" in picture and ": 200 rows, 1.0%" in picture and "█" in picture and "\033" not in picture
    for words, env in ([["--ascii"], {}], [[], {"LANG": "C"}], [[], {"TERM": "dumb"}]):
        assert run("inspect", "a.alertron", *words, env=env).isascii()
    assert "scores of 3000 rows of mixed.csv" in run("inspect", "a.alertron", "mixed.csv")
    bare = run("inspect", OURS[0])
    assert "No picture" in bare and "alertrond inspect MODEL READINGS" in bare
    run("inspect", OURS[0], "--svg", "none.svg", status=1, error="give readings")


def test_the_svg_stands_alone(run, files):
    run("inspect", "a.alertron", "mixed.csv", "--svg", "a.svg")
    text = (files / "a.svg").read_text()
    assert run("inspect", "a.alertron", "mixed.csv", "--svg", "-") == text
    root = xml.etree.ElementTree.fromstring(text)
    names = {one.tag.removeprefix("{http://www.w3.org/2000/svg}") for one in root.iter()}
    assert names == {"svg", "style", "title", "rect", "line", "text"}
    assert not any(word in text for word in ("href", "url(", "@import", "<script", "onload"))
    assert text.count("http") == 1, "the name space, and nothing else"
    assert "prefers-color-scheme:dark" in text
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if len(one)]
    assert sum(int(one[0].text.split()[3]) for one in bars) == 3000


def test_inspect_says_what_is_wrong_with_readings(run, files):
    (files / "head.csv").write_text("f0,f1,f2\n")
    run("inspect", "a.alertron", "head.csv", status=1, error="no rows")
    run("inspect", "a.alertron", "nowhere.csv", status=1, error="nowhere.csv: No such file")
    run("inspect", "a.alertron", "--features", "f0", status=2, error="READINGS")
    run("inspect", "-", "-", status=2, error="can't both be standard input")
    run("inspect", "a.alertron", "mixed.csv", "--svg", "nowhere/a.svg", status=1, error="nowhere/a.svg")


# ---- diff ----


def ranks_of(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for i in order[begin:end]:
            ranks[i] = (begin + end - 1) / 2
        begin = end
    return ranks


def correlation(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    ab = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    return ab / math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))


def test_diff_tells_what_two_models_make_of_readings(run):
    found = json.loads(run("diff", "a.alertron", "b.alertron", "mixed.csv", "--json", "--rows", "5"))["readings"]
    a, b = (list(csv.DictReader(scores_of(run, one, "mixed.csv").decode().splitlines())) for one in ("a.alertron", "b.alertron"))
    pairs = [(x["severity"], y["severity"]) for x, y in zip(a, b)]
    assert found["severities"] == [[pairs.count((x, y)) for y in SEVERITIES] for x in SEVERITIES]
    sides = [(x["anomaly"], y["anomaly"]) for x, y in zip(a, b)]
    assert [found["to_anomaly"], found["to_normal"]] == [sides.count(("0", "1")), sides.count(("1", "0"))]
    assert found["same_side"] == 3000 - found["to_anomaly"] - found["to_normal"]
    scores_a, scores_b = ([float(row["score"]) for row in rows] for rows in (a, b))
    assert math.isclose(found["spearman"], correlation(ranks_of(scores_a), ranks_of(scores_b)), rel_tol=1e-9)
    shifts = [y - x for x, y in zip(scores_a, scores_b)]
    assert math.isclose(found["mean_shift"], sum(shifts) / 3000, rel_tol=1e-9)
    assert found["largest_shift"] == max(shifts, key=abs)
    changed = sorted((i for i in range(3000) if sides[i][0] != sides[i][1]), key=lambda i: -abs(shifts[i]))
    assert len(changed) > 5
    for told, i in zip(found["changed"], changed[:5], strict=True):
        assert (told["line"], told["score_a"], told["score_b"]) == (i + 2, scores_a[i], scores_b[i])
        assert told["features"] == [float(a[i][name]) for name in ("f0", "f1", "f2")]


def test_diff_tells_what_models_are(run):
    text = run("diff", "a.alertron", "b.alertron")
    for line in ("  trees             100                           50\n", "  forest            different\n"):
        assert line in text
    assert "from              - contamination: 0.01\n" in text and "+ contamination: 0.02\n" in text
    found = json.loads(run("diff", "a.alertron", "b.alertron", "--json"))
    assert {"trees", "nodes", "threshold", "training_scores"} <= set(found["differences"])
    assert found["readings"] is None and not found["same_forest"]


def test_diff_of_features(run, files, tmp_path):
    """B has one more, and takes its own columns of the readings; then the same ones in another order."""
    text = (files / "mixed.csv").read_text().splitlines()
    (files / "wide.csv").write_text("\n".join([f"{text[0]},humidity", *(f"{line},{i % 10}" for i, line in enumerate(text[1:]))]))
    run("train", "wide.csv", "-o", tmp_path / "wide", "--trees", "10")
    found = json.loads(run("diff", "a.alertron", tmp_path / "wide", "wide.csv", "--json"))
    assert found["feature_names"] == {"only_a": [], "only_b": ["humidity"], "reordered": False}
    assert found["readings"]["rows"] == 3000
    run("diff", "a.alertron", tmp_path / "wide", "mixed.csv", status=1, error='B: mixed.csv: 3 columns')
    run("convert", "a.alertron", "-o", tmp_path / "turned", "--feature-names", "f1,f0,f2")
    assert "the same in another order" in run("diff", "a.alertron", tmp_path / "turned", "--exit-code", status=3)


def test_diff_ends_as_asked_for(run, tmp_path):
    run("diff", "a.alertron", "b.alertron")
    run("diff", "a.alertron", "b.alertron", "--exit-code", status=3)
    run("convert", "a.alertron", "-o", tmp_path / "same")
    run("diff", "a.alertron", tmp_path / "same", "--exit-code")
    run("convert", "a.alertron", "-o", tmp_path / "stricter", "--threshold", "0.7")
    text = run("diff", "a.alertron", tmp_path / "stricter", "--exit-code", status=3)
    assert "the same, node by node" in text and "anomaly above" in text


def test_diff_says_what_is_wrong(run, files):
    run("diff", "a.alertron", status=2, error="B")
    run("diff", "a.alertron", "nowhere.pkl", status=1, error="nowhere.pkl: No such file")
    run("diff", "a.alertron", "b.alertron", "-", status=1, error="standard input is read more than once")
    run("diff", "-", "-", status=2, error="can't both be standard input")
    run("diff", "a.alertron", "b.alertron", "--features", "f0", status=2, error="READINGS")
    (files / "bad.csv").write_text("f0,f1,f2\n1,2,3\n1,two,3\n")
    run("diff", "a.alertron", "b.alertron", "bad.csv", status=1, error='A: bad.csv:3: column "f1": "two" is not a number')
