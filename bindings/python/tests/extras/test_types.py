"""Types: the package's own are strict, and whoever uses it has them."""

import re
import subprocess
import sys

import pytest
from conftest import in_repository

pytest.importorskip("mypy")


def test_types_are_strict():
    source, settings = in_repository("bindings/python/src"), in_repository("bindings/python/pyproject.toml")
    options = ["--config-file", str(settings), "--strict", "--cache-dir", "/dev/null"]
    command = [sys.executable, "-m", "mypy", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_program_that_uses_it_has_types(tmp_path):
    """py.typed is found, and mistakes are."""
    program = tmp_path / "program.py"
    program.write_text(
        "import alertron\nimport numpy as np\n"
        "model = alertron.fit(np.zeros((9, 2)), trees=5)\n"
        "first: str = model.features[0]\nbands = model.severity(model.score([[1.0, 2.0]])).sum()\n"
        "wrong: int = model.cuts.origin\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert re.findall(r"program.py:(\d+): error", done.stdout) == ["6"], done.stdout
