"""The reference, docs/python.md: of the whole package, so that scikit-learn is needed to write it."""

import subprocess
import sys

import pytest
from conftest import in_repository

pytest.importorskip("sklearn")


def test_the_reference_is_current():
    script = in_repository("bindings/python/reference.py")
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
