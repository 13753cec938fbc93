"""The C library: the file beside this one, its structures and functions as alertron.h declares them.

What the library makes is held by a Handle and freed when the last reference to that is gone. A running call holds one,
so no thread can free what another one uses.
"""

from __future__ import annotations

import ctypes
import pathlib
import weakref
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char, c_char_p, c_double, c_int, c_size_t, c_ssize_t, c_uint32
from ctypes import c_uint64, c_void_p
from typing import Any, Iterable, TypeVar

import numpy as np
import numpy.typing as npt

from ._errors import BY_STATUS, ArgumentError, Error

library = ctypes.CDLL(str(pathlib.Path(__file__).with_name("libalertron.so")))

FEATURES_MAX = 4096
TREES_MAX = 65536
SAMPLES_MAX = 16777216
SCORE_BINS = 256


class ErrorStruct(ctypes.Structure):
    """alertron_error"""

    _fields_ = [("status", c_int), ("offset", c_uint64), ("text", c_char * 320)]

    def exception(self) -> Error:
        offset = None if self.offset == 2**64 - 1 else int(self.offset)
        return BY_STATUS.get(self.status, Error)(self.text.decode(errors="replace"), offset)


class RowsStruct(ctypes.Structure):
    """alertron_rows"""

    _fields_ = [
        ("data", c_void_p),
        ("dtype", c_int),
        ("rows", c_size_t),
        ("width", c_size_t),
        ("row_stride", c_ssize_t),
        ("column_stride", c_ssize_t),
    ]


class CutsStruct(ctypes.Structure):
    """alertron_cuts"""

    _fields_ = [
        ("threshold", c_double),
        ("medium", c_double),
        ("high", c_double),
        ("medium_quantile", c_double),
        ("high_quantile", c_double),
        ("n_scores", c_uint64),
        ("origin", c_int),
    ]


class LoadOptionsStruct(ctypes.Structure):
    """alertron_load_options"""

    _fields_ = [("input", c_int), ("skip_tests", c_bool)]


class FitOptionsStruct(ctypes.Structure):
    """alertron_fit_options"""

    _fields_ = [
        ("trees", c_uint32),
        ("samples", c_uint32),
        ("features", c_double),
        ("contamination", c_double),
        ("seed", c_uint64),
        ("medium_quantile", c_double),
        ("high_quantile", c_double),
        ("feature_names", POINTER(c_char_p)),
        ("provenance", c_char_p),
        ("provisional_cuts", c_bool),
        ("bootstrap", c_bool),
        ("missing_values", c_bool),
    ]


class ChangesStruct(ctypes.Structure):
    """alertron_model_changes"""

    _fields_ = [
        ("cuts", POINTER(CutsStruct)),
        ("feature_names", POINTER(c_char_p)),
        ("training_scores", POINTER(c_uint64)),
        ("provenance", c_char_p),
        ("tests", c_char_p),
    ]


class InfoStruct(ctypes.Structure):
    """alertron_model_info"""

    _fields_ = [
        ("kind", c_char_p),
        ("producer", c_char_p),
        ("provenance", c_char_p),
        ("kernel", c_char_p),
        ("features", c_uint32),
        ("trees", c_uint32),
        ("nodes", c_uint32),
        ("depth", c_uint32),
        ("samples", c_uint32),
        ("normalizer", c_double),
        ("missing_values", c_bool),
        ("bytes", c_size_t),
    ]


class RegistryOptionsStruct(ctypes.Structure):
    """alertron_registry_options"""

    _fields_ = [("series_max", c_size_t), ("shared", c_bool), ("seed", c_uint64)]


class ClockStruct(ctypes.Structure):
    """alertron_clock"""

    Seconds = CFUNCTYPE(c_double, c_void_p)
    _fields_ = [("seconds", Seconds), ("context", c_void_p)]


class CheckStruct(ctypes.Structure):
    """alertron_check"""

    _fields_ = [
        ("kind", c_int),
        ("rows", RowsStruct),
        ("relation", c_int),
        ("severity", c_int),
        ("bound", c_double),
        ("tolerance", c_double),
        ("labels", c_void_p),
        ("scores", c_void_p),
        ("alarm_rate", c_double),
        ("feature", c_size_t),
        ("direction", c_int),
        ("by_score", c_bool),
        ("other", c_void_p),
        ("clock", ClockStruct),
    ]


class CheckResultStruct(ctypes.Structure):
    """alertron_check_result"""

    _fields_ = [
        ("passed", c_bool),
        ("figure", c_double),
        ("row", c_size_t),
        ("feature", c_size_t),
        ("value", c_double),
        ("score", c_double),
        ("text", c_char * 320),
    ]


class TestsDataStruct(ctypes.Structure):
    """alertron_tests_data"""

    _fields_ = [("rows", RowsStruct), ("labels", c_void_p), ("scores", c_void_p)]


class TestsSourcesStruct(ctypes.Structure):
    """alertron_tests_sources"""

    Data = CFUNCTYPE(
        c_int, c_void_p, c_char_p, c_bool, c_char_p, c_char_p, POINTER(TestsDataStruct), POINTER(ErrorStruct)
    )
    Model = CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(c_void_p), POINTER(ErrorStruct))
    _fields_ = [("data", Data), ("model", Model), ("context", c_void_p), ("clock", ClockStruct)]


class TestReportStruct(ctypes.Structure):
    """alertron_test_report"""

    _fields_ = [
        ("line", c_size_t),
        ("text", c_char_p),
        ("outcome", c_int),
        ("error", ErrorStruct),
        ("result", CheckResultStruct),
        ("file", c_char_p),
        ("reading", POINTER(c_double)),
    ]


TestReportCallback = CFUNCTYPE(None, c_void_p, POINTER(TestReportStruct))


class Handle(c_void_p):
    """A pointer to what the library made, and the function that frees it when the anchor goes."""

    free: str
    anchor: npt.NDArray[np.float64]


class ModelHandle(Handle):
    """alertron_model *"""

    free = "alertron_model_free"


class RegistryHandle(Handle):
    """alertron_registry *"""

    free = "alertron_registry_free"


class TestsHandle(Handle):
    """alertron_tests *"""

    free = "alertron_tests_free"


_strings = POINTER(c_char_p)
_error = POINTER(ErrorStruct)
_family = [RegistryHandle, c_char_p, c_char_p, _strings, c_size_t]

# Result and arguments of each function; doubles and other arrays are addresses.
_functions: dict[str, tuple[Any, list[Any]]] = {
    "version": (c_char_p, []),
    "cuts_severity": (c_int, [POINTER(CutsStruct), c_double]),
    "cuts_calibrate": (c_int, [POINTER(CutsStruct), c_void_p, c_size_t, c_int, _error]),
    "model_load_with": (ModelHandle, [c_char_p, c_size_t, POINTER(LoadOptionsStruct), c_void_p, _error]),
    "model_fit": (ModelHandle, [POINTER(RowsStruct), POINTER(FitOptionsStruct), c_void_p, _error]),
    "model_with": (ModelHandle, [ModelHandle, POINTER(ChangesStruct), c_void_p, _error]),
    "model_save": (c_size_t, [ModelHandle, c_void_p, c_size_t]),
    "model_free": (None, [c_void_p]),
    "model_score_rows": (c_int, [ModelHandle, POINTER(RowsStruct), c_void_p]),
    "model_path_length": (c_double, [ModelHandle, c_void_p]),
    "model_explain": (None, [ModelHandle, c_void_p, c_void_p]),
    "model_cuts": (CutsStruct, [ModelHandle]),
    "model_training_scores": (POINTER(c_uint64), [ModelHandle]),
    "model_tests": (c_char_p, [ModelHandle]),
    "model_features": (c_size_t, [ModelHandle]),
    "model_feature_name": (c_char_p, [ModelHandle, c_size_t]),
    "model_describe": (None, [ModelHandle, POINTER(InfoStruct)]),
    "kernel_name": (c_char_p, [c_size_t]),
    "model_set_kernel": (c_int, [ModelHandle, c_char_p, _error]),
    "model_check": (c_int, [ModelHandle, POINTER(CheckStruct), POINTER(CheckResultStruct), c_void_p, _error]),
    "tests_parse": (TestsHandle, [c_char_p, c_size_t, c_void_p, _error]),
    "tests_free": (None, [c_void_p]),
    "tests_run": (
        c_int,
        [TestsHandle, ModelHandle, POINTER(TestsSourcesStruct), TestReportCallback, c_void_p, c_void_p, _error],
    ),
    "registry_new": (RegistryHandle, [POINTER(RegistryOptionsStruct), c_void_p, _error]),
    "registry_free": (None, [c_void_p]),
    "registry_counter": (c_void_p, [*_family, _error]),
    "registry_gauge": (c_void_p, [*_family, _error]),
    "registry_histogram": (c_void_p, [*_family, c_void_p, c_size_t, _error]),
    "counter_with": (c_void_p, [c_void_p, _strings]),
    "gauge_with": (c_void_p, [c_void_p, _strings]),
    "histogram_with": (c_void_p, [c_void_p, _strings]),
    "counter_remove": (None, [c_void_p, c_void_p]),
    "gauge_remove": (None, [c_void_p, c_void_p]),
    "histogram_remove": (None, [c_void_p, c_void_p]),
    "counter_add": (None, [c_void_p, c_double]),
    "counter_value": (c_double, [c_void_p]),
    "gauge_set": (None, [c_void_p, c_double]),
    "gauge_value": (c_double, [c_void_p]),
    "histogram_observe": (None, [c_void_p, c_double, c_uint64]),
    "exposition_content_type": (c_char_p, [c_int]),
    "registry_text": (c_size_t, [RegistryHandle, c_int, c_void_p, c_size_t]),
}
for _name, (_result, _arguments) in _functions.items():
    _function = getattr(library, "alertron_" + _name)
    _function.restype, _function.argtypes = _result, _arguments

AnyHandle = TypeVar("AnyHandle", bound=Handle)


def owned(handle: AnyHandle, error: ErrorStruct) -> AnyHandle:
    """The handle, which is freed with its last reference; raises the error where it is NULL."""
    if not handle:
        raise error.exception()
    # The garbage collector calls back for what it tracks before it runs finalizers, which may still use the handle. It
    # does not track an array, and this one goes with the handle.
    handle.anchor = np.empty(0)
    # A thread that runs on while Python ends may still be scoring: the end of the process frees what is left.
    weakref.finalize(handle.anchor, getattr(library, handle.free), handle.value).atexit = False
    return handle


def check(status: int, error: ErrorStruct) -> None:
    """Raises the error where the status is one."""
    if status:
        raise error.exception()


def utf8(what: str, text: str) -> bytes:
    """A text as C has it."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str, not {type(text).__name__}")
    if "\0" in text:
        raise ArgumentError(f"{what} has a NUL character: leave it out")
    return text.encode("utf-8", "surrogatepass")


def strings(what: str, texts: Iterable[str]) -> ctypes.Array[c_char_p]:
    """Texts as an array of C's strings."""
    if isinstance(texts, str):
        raise TypeError(f"{what} must be a sequence of str, not one str")
    encoded = [utf8(f"each of {what}", text) for text in texts]
    return (c_char_p * len(encoded))(*encoded)
