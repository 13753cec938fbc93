"""Registry: counters, gauges and histograms with labels, in Prometheus' text formats.

In the C library one thread at a time may change a registry; here that is whoever holds its lock.
"""

from __future__ import annotations

import ctypes
import operator
import os
import threading
import weakref
from typing import Any, Generic, Iterable, Optional, TypeVar

import numpy as np

from ._errors import ArgumentError, ClosedError
from ._library import ErrorStruct, RegistryHandle, RegistryOptionsStruct, library, owned, strings, utf8
from ._rows import address

_OVERFLOW = b"_other"

# A process that forks holds every registry's lock: otherwise the child would have those that other threads hold.
_registries: weakref.WeakSet[Registry] = weakref.WeakSet()
_held: list[Registry] = []


def _before_fork() -> None:
    _held.extend(_registries)
    for registry in _held:
        registry._lock.acquire()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class _Single:
    """What the library knows once is one object here, too: a copy is the same, and it can't be pickled."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _: Any) -> Any:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} counts in this process and can't be pickled: send what text() gives")


class _Child(_Single):
    """One series of a family, as `labels` gives it."""

    __slots__ = ("_family", "_pointer", "_removed", "__weakref__")

    def __init__(self, family: _Family[Any], pointer: int) -> None:
        self._family = family
        self._pointer = pointer
        self._removed = False

    def _live(self) -> int:
        """The library's child, for who holds the lock."""
        self._family._registry._open()
        if self._removed:
            raise ClosedError(f"this child of {self._family.name} was removed: ask for it anew with labels()")
        return self._pointer

    def remove(self) -> None:
        """Takes the child out of the exposition; it can't be used from then on.

        The same label values begin anew at 0. The overflow child and that of a family without labels stay.
        """
        family = self._family
        with family._registry._lock:
            pointer = self._live()
            if pointer != family._permanent:
                family._c("remove")(family._pointer, pointer)
                family._children.pop(pointer, None)
                self._removed = True


class CounterChild(_Child):
    """One series of a counter."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:
        """Adds an amount; those that are negative, infinite or NaN are ignored."""
        number = float(amount)
        with self._family._registry._lock:
            library.alertron_counter_add(self._live(), number)

    @property
    def value(self) -> float:
        """The sum so far."""
        with self._family._registry._lock:
            return float(library.alertron_counter_value(self._live()))


class GaugeChild(_Child):
    """One series of a gauge."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Sets the value."""
        number = float(value)
        with self._family._registry._lock:
            library.alertron_gauge_set(self._live(), number)

    @property
    def value(self) -> float:
        """The value that was set last; 0 at first."""
        with self._family._registry._lock:
            return float(library.alertron_gauge_value(self._live()))


class HistogramChild(_Child):
    """One series of a histogram."""

    __slots__ = ()

    def observe(self, value: float, times: int = 1) -> None:
        """Observes a value, `times` times. NaN counts into the bucket +Inf and makes the sum NaN."""
        number, count = float(value), operator.index(times)
        if not 0 <= count < 2**64:
            raise ArgumentError(f"times is {count}; it must be at least 0 and below 2**64")
        with self._family._registry._lock:
            library.alertron_histogram_observe(self._live(), number, count)


AnyChild = TypeVar("AnyChild", CounterChild, GaugeChild, HistogramChild)


class _Family(_Single, Generic[AnyChild]):
    """A metric with its labels; `labels` gives the series to update."""

    _kind: str
    _child: type[AnyChild]

    def __init__(self, registry: Registry, pointer: int, name: str, label_names: tuple[str, ...]) -> None:
        self._registry = registry
        self._pointer = pointer
        self._children: dict[int, AnyChild] = {}
        self._permanent: Optional[int] = None  # the overflow child, or that of a family without labels, once seen
        self.name = name
        self.label_names = label_names

    def _c(self, verb: str) -> Any:
        return getattr(library, f"alertron_{self._kind}_{verb}")

    def labels(self, *values: object, **named: object) -> AnyChild:
        """The child with these label values, in the order of the labels or by name; keep it, it is the fast way.

        Values become text by str(). Made at 0 where it is new. Where the family has series_max children already, it
        is the family's overflow child, whose label values are all "_other"; alertron_registry_overflow_total counts
        how often that happened. Values of more than 1,024 bytes are cut.

        Raises
        ------
        ArgumentError
            Other labels than the family's.
        """
        if named:
            if values or set(named) != set(self.label_names):
                raise ArgumentError(f"{self.name} has the labels {self.label_names}, all by name or all in order")
            values = tuple(named[name] for name in self.label_names)
        if len(values) != len(self.label_names):
            raise ArgumentError(f"{len(values)} label values for {self.name} with the labels {self.label_names}")
        # What is no text for C is repaired, as the library repairs what is not UTF-8.
        texts = [str(value).replace("\0", "\ufffd").encode("utf-8", "surrogatepass") for value in values]
        array = (ctypes.c_char_p * len(texts))(*texts)
        with self._registry._lock:
            self._registry._open()
            pointer = self._c("with")(self._pointer, array)
            if pointer not in self._children:
                n_others = len(self._children) - (self._permanent is not None)
                if n_others >= self._registry._series_max or all(text == _OVERFLOW for text in texts):
                    self._permanent = pointer
                self._children[pointer] = self._child(self, pointer)
            return self._children[pointer]


class Counter(_Family[CounterChild]):
    """A metric that only rises. Made by `Registry.counter`."""

    _kind = "counter"
    _child = CounterChild


class Gauge(_Family[GaugeChild]):
    """A metric that is set. Made by `Registry.gauge`."""

    _kind = "gauge"
    _child = GaugeChild


class Histogram(_Family[HistogramChild]):
    """A metric that counts values in buckets. Made by `Registry.histogram`."""

    _kind = "histogram"
    _child = HistogramChild


AnyFamily = TypeVar("AnyFamily", Counter, Gauge, Histogram)


class Registry(_Single):
    """Metrics for Prometheus: families of counters, gauges and histograms, and their exposition.

    Any thread may do anything with it: changes take turns by a lock of the registry, and `text` waits for none.

    Parameters
    ----------
    series_max : int
        Children of one family before new ones go to its overflow child: label values are unbounded input.

    Examples
    --------
    Count, and serve what was counted:

        import http.server, threading
        import alertron

        registry = alertron.Registry()
        anomalies = registry.counter("pump_anomalies_total", "Anomalies seen.", ["device_id", "severity"])
        anomalies.labels("pump-7", "high").add()

        class Metrics(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", registry.content_type())
                self.end_headers()
                self.wfile.write(registry.text().encode())

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    """

    def __init__(self, series_max: int = 10_000) -> None:
        self._series_max = operator.index(series_max)
        if not 1 <= self._series_max < 2**32:
            raise ArgumentError(f"series_max is {self._series_max}; it must be at least 1 and below 2**32")
        seed = int.from_bytes(os.urandom(8), "little")
        options, error = RegistryOptionsStruct(self._series_max, False, seed), ErrorStruct()
        handle = library.alertron_registry_new(ctypes.byref(options), None, ctypes.byref(error))
        self._handle: Optional[RegistryHandle] = owned(handle, error)
        # Reentrant, for signal handlers and finalizers that count something while their thread does.
        self._lock = threading.RLock()
        self._families: dict[int, Any] = {}
        _registries.add(self)

    def _open(self) -> RegistryHandle:
        handle = self._handle
        if handle is None:
            raise ClosedError("the registry is closed: make a new one")
        return handle

    def close(self) -> None:
        """Gives the registry up: whatever is asked of it or of its metrics from now on raises ClosedError."""
        with self._lock:
            self._handle = None

    def counter(self, name: str, help: str, labels: Iterable[str] = ()) -> Counter:
        """A family of counters.

        Parameters
        ----------
        name : str
            As Prometheus wants it; ends in "_total". The same name with the same labels gives the same family.
        help : str
            What is counted.
        labels : sequence of str
            At most 16. A family without labels is there from the start, at 0; its one child is `labels()`.

        Raises
        ------
        ArgumentError
            A name that Prometheus does not take, or one that is taken.
        LimitError
            More than 1,024 families.
        """
        return self._family(Counter, name, help, labels)

    def gauge(self, name: str, help: str, labels: Iterable[str] = ()) -> Gauge:
        """A family of gauges. Parameters and errors as for `counter`, but for the name's end."""
        return self._family(Gauge, name, help, labels)

    def histogram(self, name: str, help: str, buckets: Iterable[float], labels: Iterable[str] = ()) -> Histogram:
        """A family of histograms. Parameters and errors as for `counter`, but for the name's end.

        Parameters
        ----------
        buckets : sequence of float
            Finite upper bounds, strictly rising, at most 64; +Inf is added.
        """
        bounds = np.array(list(buckets), np.float64)
        return self._family(Histogram, name, help, labels, address(bounds), len(bounds))

    def _family(self, family: type[AnyFamily], name: str, help: str, labels: Iterable[str], *bounds: int) -> AnyFamily:
        array, error = strings("labels", labels), ErrorStruct()
        make = getattr(library, f"alertron_registry_{family._kind}")
        with self._lock:
            texts = (utf8("name", name), utf8("help", help))
            pointer = make(self._open(), *texts, array, len(array), *bounds, ctypes.byref(error))
            if not pointer:
                raise error.exception()
            label_names = tuple(str(label, "utf-8") for label in array if label)
            made: AnyFamily = self._families.setdefault(pointer, family(self, pointer, name, label_names))
            return made

    def text(self, openmetrics: bool = False) -> str:
        """The exposition: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0."""
        handle, capacity = self._open(), 4096
        while True:
            buffer = ctypes.create_string_buffer(capacity)
            size = library.alertron_registry_text(handle, int(bool(openmetrics)), buffer, capacity)
            if size <= capacity:
                return ctypes.string_at(buffer, size).decode()
            capacity = size + size // 8  # children may appear in between

    @staticmethod
    def content_type(openmetrics: bool = False) -> str:
        """The Content-Type of `text`, as an HTTP header's value."""
        return str(library.alertron_exposition_content_type(int(bool(openmetrics))).decode())
