"""Rows: what users hand over as numbers, as a view for the library. Nothing is copied where it can be used as it is."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np
import numpy.typing as npt

from ._errors import ArgumentError
from ._library import RowsStruct

_DTYPES = {np.dtype(np.float64): 0, np.dtype(np.float32): 1}
_NAMES_SHOWN = 50


def _array_of(numbers: Any) -> npt.NDArray[Any]:
    """As NumPy makes it; of a data frame whose columns are of several numeric dtypes, its own way to numbers."""
    array = np.asarray(numbers)
    if array.dtype.kind != "O" or not all(_is_real(dtype) for dtype in _dtypes_of(numbers)):
        return array
    floats: npt.NDArray[Any] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return floats


def _is_real(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "fiub"


def _dtypes_of(frame: Any) -> list[Any]:
    """Of a data frame's columns, or of a series; [None] of what is neither."""
    dtypes = getattr(frame, "dtypes", None)
    if dtypes is None or not hasattr(frame, "to_numpy"):
        return [None]
    return list(dtypes) if getattr(frame, "ndim", 0) == 2 else [dtypes]


def as_floats(numbers: Any) -> npt.NDArray[Any]:
    """An array of float64 or float32 of this machine: the same memory, or a float64 copy of other real numbers."""
    if isinstance(numbers, np.ma.MaskedArray) and np.ma.is_masked(numbers):
        raise TypeError("numbers are masked: fill them first, e.g. X.filled(numpy.nan) where the model takes missing values")
    array = _array_of(numbers)
    if array.dtype in _DTYPES:
        return array
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    raise TypeError(f"numbers must be real, not of dtype {array.dtype}: convert them first, e.g. X.astype(numpy.float64)")


def names_of(X: Any) -> Optional[list[str]]:
    """The names of a data frame's columns, where all of them are str."""
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = list(columns)
    return names if names and all(isinstance(name, str) for name in names) else None


def shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{list(names[:_NAMES_SHOWN])}{more}"


def as_rows(X: Any) -> npt.NDArray[Any]:
    """X as an array of two dimensions, or of one where it is a single row."""
    rows = as_floats(X)
    if rows.ndim not in (1, 2):
        raise ArgumentError(f"an array of shape {rows.shape}: give rows as (rows, features), or one row as (features,)")
    return rows


def rows_for(X: Any, width: int, names: Optional[Sequence[str]]) -> npt.NDArray[Any]:
    """X as rows of a model: its width, and where both have names, those."""
    columns = names_of(X)
    if names is not None and columns is not None and columns != list(names):
        raise ArgumentError(
            f"the columns are {shown(columns)} and the model's features {shown(names)}: "
            "take them by name and in that order, e.g. X[list(model.features)]"
        )
    rows = as_rows(X)
    if rows.shape[-1] != width:
        hint = ""
        if rows.ndim == 1 and width == 1:
            hint = "; for rows of one feature give X.reshape(-1, 1)"
        raise ArgumentError(f"rows of {rows.shape[-1]} features (shape {rows.shape}) for a model of {width}{hint}")
    return rows


def address(array: npt.NDArray[Any]) -> int:
    """Where the first number lies; half the time of array.ctypes.data."""
    return int(array.__array_interface__["data"][0])


def view(rows: npt.NDArray[Any]) -> RowsStruct:
    """The rows as the library sees them. It points into the array, which must outlive it."""
    row_stride = rows.strides[0] if rows.ndim == 2 else 0
    n_rows = rows.shape[0] if rows.ndim == 2 else 1
    return RowsStruct(address(rows), _DTYPES[rows.dtype], n_rows, rows.shape[-1], row_stride, rows.strides[-1])
