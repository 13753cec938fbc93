"""Suites: tests as text, run by the library against a model, with the files, models and clock that they need."""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from ._checks import NONE_OF_THEM, Carrier, clock, handle_of, other, reading_told
from ._errors import ArgumentError, Error, LimitError
from ._library import (
    ErrorStruct,
    TestReportCallback,
    TestReportStruct,
    TestsDataStruct,
    TestsHandle,
    TestsSourcesStruct,
    library,
    owned,
)
from ._load import load
from ._model import Model
from ._readings import Readings, read_readings
from ._rows import view

OUTCOMES = ("passed", "failed", "error")
SUITE_BYTES_MAX = 1 << 24
_ARGUMENT = 2  # ALERTRON_ERROR_ARGUMENT


class Result(NamedTuple):
    """What came of a test.

    Attributes
    ----------
    line : int
        Of the text, from 1.
    text : str
        The test as it was written, without comment.
    outcome : "passed", "failed" or "error"
        error: it could not be run, so nobody knows.
    message : str
        What was found and, where it did not pass, what was wanted; or why it could not be run.
    details : str
        Lines for a person: the reading that shows it best, its score, the threshold and the features that caused it.
        "" where there is no such reading.
    figure : float or None
        What was found, as alertron_check_result of alertron.h has it. None where it could not be run.
    score : float or None
        Of the reading.
    reading : tuple of float, or None
        The row that shows it best, passed or not, as it was changed and scored; one number a feature.
    feature : int or None
        Which number of the reading the test changed.
    file : str or None
        The file whose row the reading is; None for the test's own.
    row : int or None
        Which of the file's rows, or of the test's readings, from 0.
    exception : Exception or None
        What kept it from being run, where Python raised it: an OSError, an alertron.Error.

    str() of a result is all of it for a person.
    """

    line: int
    text: str
    outcome: str
    message: str
    details: str = ""
    figure: Optional[float] = None
    score: Optional[float] = None
    reading: Optional[tuple[float, ...]] = None
    feature: Optional[int] = None
    file: Optional[str] = None
    row: Optional[int] = None
    exception: Optional[Exception] = None

    @property
    def passed(self) -> bool:
        """Whether the outcome is "passed"."""
        return self.outcome == "passed"

    def __str__(self) -> str:
        why = self.message if self.outcome != "error" else f"could not be run: {self.message}"
        text = " ".join(self.text.split())
        return f"line {self.line}, {text}\n  {'found':<10} {why}" + (f"\n{self.details}" if self.details else "")


class Suite:
    """Tests of one text, and the files and models that they name, each read once: relative to a folder."""

    def __init__(self, model: Model, folder: Union[str, os.PathLike[str]]) -> None:
        self._model = model
        self._folder = pathlib.Path(folder)
        self._readings: dict[tuple[str, bool, Optional[str], Optional[str]], Readings] = {}
        self._models: dict[str, Model] = {}

    def run(self, tests: TestsHandle) -> list[Result]:
        """Runs tests. Until then the library keeps pointers to what its callbacks gave: the suite holds that."""
        handle, carrier, run = handle_of(self._model), Carrier(), _Run(self)
        sources = TestsSourcesStruct(
            TestsSourcesStruct.Data(carrier.guard(run.give_data, _ARGUMENT)),
            TestsSourcesStruct.Model(carrier.guard(run.give_model, _ARGUMENT)),
            None,
            clock(carrier),
        )
        report, error = TestReportCallback(carrier.guard(run.report, None)), ErrorStruct()
        status = library.alertron_tests_run(
            tests, handle, ctypes.byref(sources), report, None, None, ctypes.byref(error)
        )
        carrier.deliver()
        if status and all(result.passed for result in run.results):
            raise error.exception()
        return run.results

    # --- what tests name ---

    def readings(self, name: str, labelled: bool, label_column: Optional[str], score_column: Optional[str]) -> Readings:
        asked = (name, labelled, label_column, score_column)
        if asked not in self._readings:
            self._readings[asked] = read_readings(str(self._folder / name), self._model, *asked[1:])
        return self._readings[asked]

    def model(self, name: str) -> Model:
        if name not in self._models:
            loaded = load(self._folder / name)
            other(self._model, loaded)
            self._models[name] = loaded
        return self._models[name]

    def result(self, report: TestReportStruct, exception: Optional[Exception], read: Optional[Readings]) -> Result:
        """A report, which lives only for its call, as a result."""
        text = report.text.decode(errors="replace")
        outcome = OUTCOMES[report.outcome]
        if outcome == "error":
            message = str(exception) if exception else report.error.text.decode(errors="replace")
            return Result(report.line, text, outcome, message, exception=exception)
        found = report.result
        message = found.text.decode(errors="replace")
        if not report.reading:
            return Result(report.line, text, outcome, message, figure=found.figure)
        reading = np.array(report.reading[: self._model.n_features])
        feature = None if found.feature == NONE_OF_THEM else int(found.feature)
        file = os.fsdecode(report.file) if report.file else None
        where = f"row {found.row} of {file} (line {read.lines[found.row]})" if file and read else ""
        details = "" if outcome == "passed" else reading_told(self._model, reading, where, feature)
        numbers = tuple(reading.tolist())
        return Result(
            report.line,
            text,
            outcome,
            message,
            details,
            found.figure,
            found.score,
            numbers,
            feature,
            file,
            int(found.row),
        )


class _Run:
    """The callbacks of one run. The library gives the tests their turns: what is kept here is the present one's."""

    def __init__(self, suite: Suite) -> None:
        self.results: list[Result] = []
        self._suite = suite
        self._exception: Optional[Exception] = None
        self._readings: Optional[Readings] = None

    def _refuse(self, error: Any, exception: Exception) -> int:
        """Makes the test one that can't be run; the tests behind it are."""
        self._exception = exception
        text = str(exception).encode("utf-8", "replace")[:319].replace(b"\0", b"?")
        error[0] = ErrorStruct(_ARGUMENT, 2**64 - 1, text)
        return _ARGUMENT

    def give_data(self, _: Any, name: bytes, labelled: bool, label: Any, score: Any, data: Any, error: Any) -> int:
        try:
            columns = [None if column is None else column.decode() for column in (label, score)]
            readings = self._readings = self._suite.readings(os.fsdecode(name), labelled, *columns)
        except (OSError, Error, UnicodeError) as exception:
            return self._refuse(error, exception)
        labels, scores = readings.labels, readings.scores
        data[0] = TestsDataStruct(
            view(readings.features),
            None if labels is None else labels.ctypes.data,
            None if scores is None else scores.ctypes.data,
        )
        return 0

    def give_model(self, _: Any, name: bytes, model: Any, error: Any) -> int:
        try:
            loaded = self._suite.model(os.fsdecode(name))
        except (OSError, Error) as exception:
            return self._refuse(error, exception)
        model[0] = handle_of(loaded).value
        return 0

    def report(self, _: Any, report: Any) -> None:
        exception, self._exception, readings, self._readings = self._exception, None, self._readings, None
        self.results.append(self._suite.result(report[0], exception, readings))


def parse(text: bytes, path: Optional[str] = None) -> TestsHandle:
    """The library's tests of a text, which a file has."""
    error = ErrorStruct()
    try:
        tests: TestsHandle = owned(library.alertron_tests_parse(text, len(text), None, ctypes.byref(error)), error)
    except Error as refused:
        refused.args = (f"{path}: {refused}",) if path else refused.args
        raise
    return tests


def read_suite(path: Union[str, os.PathLike[str]]) -> bytes:
    """The text of a file of tests."""
    with open(path, "rb") as file:
        text = file.read(SUITE_BYTES_MAX + 1)
    if len(text) > SUITE_BYTES_MAX:
        raise LimitError(f"{os.fspath(path)}: more than {SUITE_BYTES_MAX} bytes; split the tests into several files")
    return text


def run(model: Model, path: Union[str, os.PathLike[str], None], text: Optional[str], folder: Any) -> list[Result]:
    """Runs the tests of a file or of a text."""
    handle_of(model)
    if (path is None) == (text is None):
        raise ArgumentError("tests are a file's or a text's: give a path, or text=...")
    if path is not None:
        tests = parse(read_suite(path), os.fspath(path))
        return Suite(model, folder or pathlib.Path(path).parent).run(tests)
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    return Suite(model, folder or ".").run(parse(text.encode("utf-8", "surrogatepass")))
