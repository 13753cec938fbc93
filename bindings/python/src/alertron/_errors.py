"""Errors: the library's statuses as exceptions, with the library's own text."""

from __future__ import annotations

from typing import Optional


class Error(Exception):
    """What all errors of alertron have in common. The text says what was wrong and what to do.

    Attributes
    ----------
    status : str
        The kind of error: "memory", "argument", "format", "compressed", "unsupported", "limit", "self-test" as the
        C library has them, or "closed".
    offset : int or None
        The byte of the input that is at fault, where one is.
    """

    status = "error"
    offset: Optional[int]

    def __init__(self, text: str, offset: Optional[int] = None) -> None:
        super().__init__(text)
        self.offset = offset


class AllocationError(Error, MemoryError):
    """There is not enough memory. A MemoryError."""

    status = "memory"


class ArgumentError(Error, ValueError):
    """An argument is out of range, or rows don't suit the model. A ValueError."""

    status = "argument"


class FormatError(Error, ValueError):
    """The bytes of a model are malformed, cut short or altered. A ValueError."""

    status = "format"


class CompressedError(Error, ValueError):
    """A model is compressed in a way that is not read: neither zlib nor gzip. A ValueError."""

    status = "compressed"


class UnsupportedError(Error, ValueError):
    """Well-formed, but not a model that can be scored: another estimator, an unknown step. A ValueError."""

    status = "unsupported"


class LimitError(Error, ValueError):
    """More than a bound allows, or too few scores for severity cuts. A ValueError."""

    status = "limit"


class SelfTestError(Error, ValueError):
    """The model fails the tests it carries, or does not give the scores that were stored with it. A ValueError."""

    status = "self-test"


class ClosedError(Error, ValueError):
    """The model, the registry or the metric was closed or removed. A ValueError."""

    status = "closed"


# By alertron_status of alertron.h.
BY_STATUS: dict[int, type[Error]] = {
    1: AllocationError,
    2: ArgumentError,
    3: FormatError,
    4: CompressedError,
    5: UnsupportedError,
    6: LimitError,
    7: SelfTestError,
}
