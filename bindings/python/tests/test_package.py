"""The package: what is in it, what it shows, its structures."""

import ctypes
import importlib.metadata
import inspect
import re
import subprocess

import pytest
from conftest import in_repository

import alertron
import alertron.testing
from alertron import _checks, _library, _suite


def test_the_wheel_has_the_library_and_serves_every_python():
    distribution = importlib.metadata.distribution("alertron")
    if "editable" in (distribution.read_text("direct_url.json") or ""):
        pytest.skip("installed for editing, not from a wheel")
    inside = {str(file) for file in distribution.files}
    assert {"alertron/__init__.py", "alertron/libalertron.so", "alertron/py.typed"} <= inside
    assert any(name.endswith("LICENSE") for name in inside)
    assert re.search(r"^Tag: py3-none-\w+$", distribution.read_text("WHEEL"), re.MULTILINE)
    assert "Root-Is-Purelib: false" in distribution.read_text("WHEEL")
    assert [line for line in distribution.requires if "extra" not in line] == ["numpy>=1.22"]


def test_versions_agree():
    assert alertron.__version__ == importlib.metadata.version("alertron")
    header = in_repository("libalertron/alertron.h").read_text(encoding="utf-8")
    assert f'#define ALERTRON_VERSION "{alertron.__version__}"' in header


def test_bounds_and_statuses_are_the_headers():
    header = in_repository("libalertron/alertron.h").read_text(encoding="utf-8")
    for name in ("FEATURES_MAX", "TREES_MAX", "SAMPLES_MAX", "SCORE_BINS"):
        assert re.search(rf"#define ALERTRON_{name} {getattr(_library, name)}u\b", header)
    statuses = re.findall(r"^    ALERTRON_ERROR_(\w+),?", header, re.MULTILINE)
    assert len(statuses) == 7
    assert [name.lower().replace("_", "-") for name in statuses] == [kind.status for kind in _library.BY_STATUS.values()]


def test_enumerations_are_the_headers():
    header = in_repository("libalertron/alertron.h").read_text(encoding="utf-8")
    for prefix, names in (
        ("CHECK_", _checks.KINDS),
        ("", _checks.RELATIONS),
        ("", _checks.DIRECTIONS),
        ("TEST_", _suite.OUTCOMES),
    ):
        pattern = r",[^}]*".join(rf"ALERTRON_{prefix}{name.upper()}\b" for name in names)
        assert re.search(r"enum \w+ \{\s*" + pattern.replace(r"\b", r"\b( = 0)?", 1), header), names


STRUCTURES = {
    "alertron_error": _library.ErrorStruct,
    "alertron_rows": _library.RowsStruct,
    "alertron_cuts": _library.CutsStruct,
    "alertron_load_options": _library.LoadOptionsStruct,
    "alertron_fit_options": _library.FitOptionsStruct,
    "alertron_model_changes": _library.ChangesStruct,
    "alertron_model_info": _library.InfoStruct,
    "alertron_registry_options": _library.RegistryOptionsStruct,
    "alertron_clock": _library.ClockStruct,
    "alertron_check": _library.CheckStruct,
    "alertron_check_result": _library.CheckResultStruct,
    "alertron_tests_data": _library.TestsDataStruct,
    "alertron_tests_sources": _library.TestsSourcesStruct,
    "alertron_test_report": _library.TestReportStruct,
}


def test_structures_lie_in_memory_as_the_compiler_lays_them(tmp_path):
    header = in_repository("libalertron/alertron.h")
    lines, expected = [], []
    for name, struct in STRUCTURES.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {ctypes.sizeof(struct)}")
        for field, _ in struct._fields_:
            lines.append(f'printf("{field} %zu\\n", offsetof({name}, {field}));')
            expected.append(f"{field} {getattr(struct, field).offset}")
    source = tmp_path / "layout.c"
    source.write_text(f'#include "{header}"\n#include <stdio.h>\nint main(void) {{ {" ".join(lines)} }}\n')
    subprocess.run(["cc", str(source), "-o", str(tmp_path / "layout")], check=True)
    assert subprocess.check_output([str(tmp_path / "layout")], text=True).split("\n")[:-1] == expected


def test_the_header_has_every_function_with_as_many_arguments():
    header = re.sub(r"/\*.*?\*/", "", in_repository("libalertron/alertron.h").read_text(encoding="utf-8"), flags=re.DOTALL)
    for name, (_, arguments) in _library._functions.items():
        found = re.search(rf"\balertron_{name}\(([^;]*)\);", header)
        assert found, name
        given = [] if found[1] == "void" else found[1].split(",")
        assert len(given) == len(arguments), name


@pytest.mark.parametrize("module", [alertron, alertron.testing])
def test_everything_public_has_a_docstring(module):
    for name in module.__all__:
        item = getattr(module, name)
        assert item.__module__ == module.__name__ and inspect.getdoc(item), name
        for member_name in dir(item) if inspect.isclass(item) and not issubclass(item, (tuple, int, Exception)) else []:
            assert member_name.startswith("_") or member_name in ("name", "label_names") or inspect.getdoc(getattr(item, member_name))
