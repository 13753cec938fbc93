"""The plugin that makes pytest collect files of tests, each line a test; in processes of its own."""

import subprocess
import sys
import xml.etree.ElementTree

import pytest

TESTS = """# pump.tests
reading [0, 0, 0]    is none

reading [9, 9, 9]    is none   # far out
file week.csv        alarms at most 2%
file missing.csv     alarms at most 2%
"""


@pytest.fixture
def folder(tmp_path, model, X):
    (tmp_path / "pump.tests").write_text(TESTS)
    (tmp_path / "week.csv").write_text("a,b,c\n" + "".join(f"{a},{b},{c}\n" for a, b, c in X.tolist()))
    (tmp_path / "test_code.py").write_text("def test_code():\n    pass\n")
    model.save(tmp_path / "pump.alertron")
    return tmp_path


def run_pytest(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_each_line_is_a_test(folder):
    done = run_pytest(folder, "pump.tests", "--alertron-model", "pump.alertron", "--junit-xml", "report.xml")
    out = done.stdout
    assert done.returncode == 1 and "2 failed, 2 passed" in out, out + done.stderr
    assert "pump.tests, line 4, reading [9, 9, 9] is none\n  found      score 0." in out
    assert " is high; none was wanted\n  score      0." in out and "\n  caused by  f" in out
    assert "pump.tests, line 6, file missing.csv alarms at most 2%\n  found      could not be run: " in out
    assert "FAILED pump.tests::reading (9, 9, 9) is none # far out" in out
    assert "Traceback" not in out and ".py:" not in out
    cases = xml.etree.ElementTree.parse(folder / "report.xml").getroot().iter("testcase")
    assert [(case.get("name"), len(case)) for case in cases] == [
        ("reading (0, 0, 0) is none", 0),
        ("reading (9, 9, 9) is none # far out", 1),
        ("file week.csv alarms at most 2%", 0),
        ("file missing.csv alarms at most 2%", 1),
    ]


def test_one_line_can_be_chosen(folder):
    done = run_pytest(folder, "pump.tests::reading (0, 0, 0) is none", "--alertron-model", "pump.alertron")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    done = run_pytest(folder, "pump.tests", "--alertron-model", "pump.alertron", "-k", "week.csv")
    assert done.returncode == 0 and "1 passed, 3 deselected" in done.stdout, done.stdout + done.stderr


def test_a_configured_model_is_relative_to_the_configuration(folder):
    (folder / "pytest.ini").write_text("[pytest]\nalertron_model = pump.alertron\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "more.tests").write_text("reading [0, 0, 0] is none\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd=folder / "sub", capture_output=True, text=True
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    done = run_pytest(folder)
    assert done.returncode == 1 and "2 failed, 4 passed" in done.stdout, done.stdout + done.stderr


def test_without_a_model_nothing_is_collected_and_whoever_names_a_file_is_told(folder):
    done = run_pytest(folder)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    done = run_pytest(folder, "pump.tests")
    assert (
        done.returncode in (2, 4)
        and "pump.tests: tests of which model? Give --alertron-model FILE" in done.stdout + done.stderr
    )


@pytest.mark.parametrize(
    "text, named, message",
    [
        (
            "reading [0, 0, 0] is fine\n",
            "pump.alertron",
            "pump.tests: line 1, column 22: `fine`: what could stand here",
        ),
        ("reading [0, 0, 0] is none\n", "missing.alertron", "missing.alertron"),
        ("reading [0, 0, 0] is none\n", "week.csv", "week.csv: "),
    ],
)
def test_what_cannot_be_read_is_an_error_without_a_traceback(folder, text, named, message):
    (folder / "pump.tests").write_text(text)
    done = run_pytest(folder, "pump.tests", "--alertron-model", named)
    assert done.returncode == 2 and message in done.stdout and "1 error" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout and ".py:" not in done.stdout


def test_pytest_imports_nothing_heavy_for_it(folder):
    (folder / "conftest.py").write_text(
        "import sys\n\ndef pytest_sessionfinish(session):\n"
        "    assert session.config.pluginmanager.hasplugin('alertron')\n"
        "    assert not {'alertron', 'numpy', 'ctypes.util'} & set(sys.modules)\n    print('nothing heavy')\n"
    )
    done = run_pytest(folder, "-s")
    assert done.returncode == 0 and "nothing heavy" in done.stdout, done.stdout + done.stderr
