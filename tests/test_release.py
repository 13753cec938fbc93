"""What is shipped: the same bytes from any folder, and a list of what they link."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT

SBOM = ROOT / "deploy" / "sbom"
SOURCES = ("CMakeLists.txt", "cmake", "libalertron", "alertrond", "bindings/cmocka")
VALIDATOR = "cyclonedx-python-lib[json-validation]==11.*"


# ---- the same bytes ----


def build(folder, name, jobs, moment):
    """A release built from a copy of the source, whose files are of another time; {file: its bytes}."""
    source, target = folder / name, folder / f"{name}-built"
    source.mkdir()
    for part in SOURCES:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part)
        else:
            shutil.copy(ROOT / part, source / part)
    for file in source.rglob("*"):
        os.utime(file, (moment, moment))
    env = {**os.environ, "TZ": "UTC" if jobs == 1 else "Asia/Tokyo"}
    configure = ["cmake", "-S", source, "-B", target, "-DCMAKE_BUILD_TYPE=Release"]
    make = ["nice", "cmake", "--build", target, f"-j{jobs}", "--target", "alertrond", "alertron_shared", "alertron_static"]
    for words in (configure, make):
        run = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    files = {"alertrond": "alertrond/alertrond", "shared": "libalertron/libalertron.so", "static": "libalertron/libalertron.a"}
    return {kind: (target / file).read_bytes() for kind, file in files.items()}


def test_two_builds_give_the_same_bytes(tmp_path):
    """In different folders, at different times, in another order."""
    first = build(tmp_path, "here", 2, 1_600_000_000)
    second = build(tmp_path, "in-a-folder-of-another-name", 1, 1_700_000_000)
    for kind, data in first.items():
        assert data == second[kind], f"{kind} differs"
        assert os.fsencode(tmp_path) not in data, f"{kind} holds the path that it was built in"


# ---- what it links ----


@pytest.fixture(scope="module")
def bill(program):
    """What deploy/sbom says of the program."""
    if not shutil.which("dpkg-query"):
        pytest.skip("dpkg-query is missing: deploy/sbom knows Debian's packages")
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    texts = [subprocess.run([SBOM, program], env=env, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert texts[0] == texts[1]
    return json.loads(texts[0])


@pytest.mark.quick
def test_the_bill_names_every_library(bill, program):
    found = {each["name"]: each for each in bill["components"]}
    mapped = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert set(found) == set(re.findall(r"[\w.+-]+\.so[.\d]*(?= => /| \(0x)", mapped.replace("linux-vdso.so.1", "")))
    assert {"librdkafka.so.1", "libcjson.so.1", "libz.so.1", "libc.so.6"} <= set(found)
    direct = re.findall(r"NEEDED.*\[(.+)\]", subprocess.run(["readelf", "-d", program], capture_output=True, text=True).stdout)
    depends = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert depends["alertrond"] == sorted(direct)
    assert set(depends) == set(found) | {"alertrond"}
    rdkafka = found["librdkafka.so.1"]
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "librdkafka1"], capture_output=True, text=True).stdout
    assert rdkafka["version"] == version and rdkafka["purl"].startswith("pkg:deb/") and rdkafka["licenses"]
    assert "libsasl2.so.2" in depends["librdkafka.so.1"]


@pytest.mark.quick
def test_the_bill_is_of_this_program(bill, program):
    root = bill["metadata"]["component"]
    summed = subprocess.run(["sha256sum", program], capture_output=True, text=True, check=True).stdout.split()[0]
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    assert (root["name"], root["version"], root["hashes"][0]["content"]) == ("alertrond", said, summed)
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert str(pathlib.Path(program).parent) not in json.dumps(bill)


def validator():
    """A Python that has CycloneDX's schemas: in build/tests, made at the first run."""
    venv = ROOT / "build" / "tests" / "sbom-venv"
    python = venv / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", "import cyclonedx.validation.json"], capture_output=True).returncode == 0:
        return python
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", venv], capture_output=True, text=True)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", VALIDATOR]
    if made.returncode != 0 or subprocess.run(pip, capture_output=True).returncode != 0:
        pytest.skip(f"{VALIDATOR} can't be installed: the bill was not held against CycloneDX's schema")
    return python


VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read())
sys.exit(str(error) if error else 0)
"""


def test_the_bill_obeys_the_schema_of_cyclonedx(bill):
    python = validator()
    for text, good in ((json.dumps(bill), True), (json.dumps({**bill, "components": [{"name": "untyped"}]}), False)):
        run = subprocess.run([python, "-c", VALIDATE], input=text, capture_output=True, text=True)
        assert (run.returncode == 0) == good, run.stderr
