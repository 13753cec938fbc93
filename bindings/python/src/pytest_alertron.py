"""pytest collects a model's tests: files `*.tests`, each line a test.

    pytest pump.tests --alertron-model pump.alertron
    pytest "pump.tests::reading (50, 100, 0.5) is none" --alertron-model pump.alertron

or, for good, in pytest's configuration, relative to it:

    [pytest]
    alertron_model = pump.alertron

Where no model is named nothing is collected, and neither alertron nor NumPy are imported: pytest loads this module
wherever the package is installed. It takes pytest 7 or later, and is not there for older ones.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any, Iterator, Optional

import pytest

if TYPE_CHECKING:
    from alertron._suite import Suite

_PLAIN = str.maketrans("[]", "()")  # in a test's name pytest takes brackets for a parameter's
_HELP = "model that files *.tests are run against; without it they are not collected"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("alertron").addoption("--alertron-model", metavar="FILE", help=_HELP)
    parser.addini("alertron_model", _HELP)


def _model_path(config: pytest.Config) -> Optional[pathlib.Path]:
    """The option's, relative to where pytest was called; else the configuration's, relative to that."""
    option, configured = config.getoption("--alertron-model"), config.getini("alertron_model")
    if option:
        return pathlib.Path(config.invocation_params.dir, option)
    return (
        pathlib.Path(config.inipath.parent if config.inipath else config.rootpath, configured) if configured else None
    )


if hasattr(pytest, "version_tuple"):  # since pytest 7

    def pytest_collect_file(file_path: pathlib.Path, parent: pytest.Collector) -> Optional[ModelTests]:
        if file_path.suffix != ".tests":
            return None
        if _model_path(parent.config) is not None:
            return ModelTests.from_parent(parent, path=file_path)
        if parent.session.isinitpath(file_path):
            return ModelTests.from_parent(parent, path=file_path)
        return None


class DidNotPass(Exception):
    """Of a test whose result tells all: a traceback of Python would tell nothing."""


class ModelTests(pytest.File):
    """A file of tests."""

    def collect(self) -> Iterator[ModelTest]:
        from alertron import Error, _suite, load

        model_path = _model_path(self.config)
        if model_path is None:
            raise self.CollectError(f"{self.path}: tests of which model? Give --alertron-model FILE")
        try:
            text = _suite.read_suite(self.path)
            _suite.parse(text, str(self.path))
            suite = _suite.Suite(load(model_path), self.path.parent)
        except (Error, OSError) as error:
            raise self.CollectError(str(error)) from None
        for number, line in enumerate(text.split(b"\n"), 1):
            name = " ".join(line.decode(errors="replace").split())
            if name and not name.startswith("#"):
                yield ModelTest.from_parent(self, name=name.translate(_PLAIN), suite=suite, number=number, line=line)


class ModelTest(pytest.Item):
    """A line of it."""

    def __init__(self, *, suite: Suite, number: int, line: bytes, **more: Any) -> None:
        super().__init__(**more)
        self._suite, self._number, self._line = suite, number, line

    def runtest(self) -> None:
        from alertron import _suite

        for result in self._suite.run(_suite.parse(b"\n" * (self._number - 1) + self._line)):
            if not result.passed:
                raise DidNotPass(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, DidNotPass):
            return f"{self.path.name}, {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[pathlib.Path, int, str]:
        return self.path, self._number - 1, f"line {self._number}: {self.name}"
