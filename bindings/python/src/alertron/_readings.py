"""Readings of a file that tests name: CSV or newline-delimited JSON, by the rules of `alertrond test`."""

from __future__ import annotations

import csv
import json
from typing import Any, Iterator, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ._errors import ArgumentError
from ._model import Model
from ._rows import shown

# Where no test names the column of the labels, the first of these that there is and that is no feature of the model.
LABEL_COLUMNS = ("label", "anomaly", "is_anomaly", "outlier", "is_outlier", "y", "target", "class")
_NORMAL = {"false", "no", "n", "normal", "inlier"}
_ANOMALOUS = {"true", "yes", "o", "anomaly", "anomalous", "outlier"}
_MISSING = {"", "nan", "na", "null"}
_INFINITE = {"inf", "infinity"}


class Row(NamedTuple):
    """A row of a file: the line it begins on, its features, and all its fields with their names."""

    line: int
    features: list[str]
    names: list[str]
    fields: list[str]


class Readings(NamedTuple):
    """What a file holds: features float64 (rows, features), labels uint8 (rows,), scores float64 (rows,), lines."""

    features: npt.NDArray[np.float64]
    labels: Optional[npt.NDArray[np.uint8]]
    scores: Optional[npt.NDArray[np.float64]]
    lines: list[int]


def read_readings(
    path: str, model: Model, labelled: bool, label_column: Optional[str], score_column: Optional[str]
) -> Readings:
    """The readings of a file for the model, with labels and scores where they are wanted."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(_json_rows(path, file) if _is_json(path, file) else _csv_rows(path, file, model))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ArgumentError(f"{path}: neither a CSV nor JSON, one reading a line, in UTF-8: {error}") from error
    if not rows:
        raise ArgumentError(f"{path}: no rows")
    missing_values = model.info.missing_values
    features = np.array([_features(path, row, model.n_features, missing_values) for row in rows], np.float64)
    labels = scores = None
    if labelled:
        column = label_column or _label_column(path, rows[0], model)
        labels = np.array([_label(path, row, column) for row in rows], np.uint8)
    if score_column is not None:
        scores = np.array([_score(path, row, score_column) for row in rows], np.float64)
    return Readings(features, labels, scores, [row.line for row in rows])


# --- rows ---


def _is_json(path: str, file: Any) -> bool:
    """By the first character that is no blank."""
    first = next((line.strip() for line in file if line.strip()), "")
    file.seek(0)
    if first.startswith("["):
        raise ArgumentError(f"{path}: a JSON array; expected one reading a line, or a CSV")
    return bool(first.startswith("{"))


def _json_rows(path: str, file: Any) -> Iterator[Row]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            reading = json.loads(text)
            numbers = reading["features"]
            if not all(type(value) in (int, float, type(None)) for value in numbers):
                raise TypeError("features that are no numbers")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ArgumentError(
                f'{path}:{line}: expected a reading, {{"device_id": "...", "features": [...]}}: {error}'
            ) from error
        members = {name: _as_text(value) for name, value in reading.items() if isinstance(value, (str, int, float))}
        yield Row(line, [_as_text(value) for value in numbers], list(members), list(members.values()))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _csv_rows(path: str, file: Any, model: Model) -> Iterator[Row]:
    line = _first_line(file)
    separator = max(",;\t", key=_outside_quotes(line).count)
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    columns: list[str] = []
    chosen: list[int] = []
    before = 0
    for fields in reader:
        line_number, before = before + 1, reader.line_num
        if not fields or (len(fields) == 1 and not fields[0].strip()):
            continue
        fields = [field.strip(" \t") for field in fields]
        if not columns:
            columns, chosen = fields, _choose(path, fields, model)
            continue
        if len(fields) != len(columns):
            wrong = f"{len(fields)} fields; the header line has {len(columns)}: mend the row, or its quotes"
            raise ArgumentError(f"{path}:{line_number}: {wrong}")
        yield Row(line_number, [fields[i] for i in chosen], columns, fields)


def _first_line(file: Any) -> str:
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    return str(first)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _choose(path: str, columns: list[str], model: Model) -> list[int]:
    """The columns that are the model's features: by name, else all of them."""
    if all(_is_number(column) for column in columns):
        raise ArgumentError(f"{path}: numbers where a header line is expected; add one with the columns' names")
    names = model.feature_names
    if names and len(names) <= len(columns):
        for name in names:
            if columns.count(name) != 1:
                count = "several columns are" if name in columns else "no column is"
                raise ArgumentError(
                    f"{path}: {count} named {name!r}, a feature of the model; the columns are {shown(columns)}"
                )
        return [columns.index(name) for name in names]
    beside = LABEL_COLUMNS if len(columns) > model.n_features else ()
    chosen = [i for i, column in enumerate(columns) if column.lower() not in beside]
    if len(chosen) != model.n_features:
        raise ArgumentError(f"{path}: {len(columns)} columns ({shown(columns)}); the model wants {model.n_features}")
    return chosen


# --- numbers, labels and scores ---


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _number(path: str, row: Row, text: str, missing_values: bool) -> float:
    if _is_number(text):
        return float(text)
    bare = text.lower().lstrip("+-")
    if missing_values and bare in _MISSING:
        return float("nan")
    if missing_values and bare in _INFINITE:
        return float(text)
    what = (
        "is a missing value, which this model does not take"
        if bare in _MISSING
        else "is not a number that can be taken"
    )
    raise ArgumentError(f"{path}:{row.line}: {text[:40]!r} {what}")


def _features(path: str, row: Row, width: int, missing_values: bool) -> list[float]:
    if len(row.features) != width:
        raise ArgumentError(f"{path}:{row.line}: {len(row.features)} features; the model wants {width}")
    return [_number(path, row, text, missing_values) for text in row.features]


def _find(row: Row, name: str) -> Optional[str]:
    """A field by its name; where none is called exactly so, in any case."""
    if name in row.names:
        return row.fields[row.names.index(name)]
    return next((field for key, field in zip(row.names, row.fields) if key.lower() == name.lower()), None)


def _field(path: str, row: Row, column: str) -> str:
    found = _find(row, column)
    if found is None:
        raise ArgumentError(f"{path}:{row.line}: no column {column!r}; there are {shown(row.names)}")
    return found


def _label_column(path: str, row: Row, model: Model) -> str:
    features = {name.lower() for name in model.feature_names or ()}
    for column in LABEL_COLUMNS:
        if column not in features and _find(row, column) is not None:
            return column
    expected = f"{', '.join(LABEL_COLUMNS[:-1])} or {LABEL_COLUMNS[-1]}"
    raise ArgumentError(
        f"{path}: no labels: expected a column called {expected}; "
        "end the test with `by its column NAME` where it has another name"
    )


def _label(path: str, row: Row, column: str) -> int:
    text = _field(path, row, column).lower()
    value = float(text) if _is_number(text) else None
    if value == 0 or text in _NORMAL:
        return 0
    if value == 1 or text in _ANOMALOUS:
        return 1
    what = "expected 0 or 1, false or true, normal or anomaly"
    if value == -1:
        what = "of -1 and 1 either may be the anomaly: write 0 for normal, 1 for it"
    raise ArgumentError(f"{path}:{row.line}: label {text[:40]!r} in {column!r}; {what}")


def _score(path: str, row: Row, column: str) -> float:
    text = _field(path, row, column)
    if not _is_number(text):
        raise ArgumentError(f"{path}:{row.line}: {text[:40]!r} in {column!r} is no score; expected a number")
    return float(text)
