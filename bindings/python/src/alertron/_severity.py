"""Severity: bands of anomalies, and the cuts between them."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import ArgumentError
from ._library import CutsStruct
from ._rows import as_floats

ORIGINS = ("provisional", "training", "file", "stream")


class Severity(enum.IntEnum):
    """How far an anomaly stands out among anomalies: NONE (0: no anomaly), LOW, MEDIUM, HIGH (3).

    Numbers, so that they compare and count: `severities >= Severity.MEDIUM`, `numpy.bincount(severities)`.
    """

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def __str__(self) -> str:
        return self.name.lower()

    @staticmethod
    def names(severities: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """The names "none", "low", "medium", "high" of an array of severities, in its shape."""
        given = np.asarray(severities)
        if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() > Severity.HIGH):
            raise ArgumentError("severities are whole numbers from 0 to 3: give what severity() gave")
        names: npt.NDArray[np.str_] = np.array([str(severity) for severity in Severity])[given.astype(np.intp)]
        return names


class Cuts(NamedTuple):
    """What a model calls an anomaly, and how severe.

    Attributes
    ----------
    threshold : float
        A score above it is an anomaly.
    medium, high : float
        An anomaly with at least this score is medium, or high.
    medium_quantile, high_quantile : float
        Which quantiles of anomalous scores these are.
    n_scores : int
        Anomalous scores that they were taken from; 0 if provisional.
    origin : str
        "provisional": no anomalous scores seen, thirds of the way to the forest's highest score; "training": the
        training rows'; "file": calibrated from rows; "stream": calibrated from readings of a stream.
    """

    threshold: float
    medium: float
    high: float
    medium_quantile: float = 0.80
    high_quantile: float = 0.95
    n_scores: int = 0
    origin: str = "file"

    def severity(self, scores: npt.ArrayLike) -> Any:
        """The bands of scores.

        Parameters
        ----------
        scores : array of any shape, or float
            NaN, no score, is Severity.NONE.

        Returns
        -------
        array of int8 in the shape of scores, or Severity for one score
            Values of Severity.
        """
        given = np.asarray(as_floats(scores), np.float64)
        anomaly = given > self.threshold
        high = anomaly & (given >= self.high)
        bands = anomaly.astype(np.int8) + (high | anomaly & (given >= self.medium)) + high
        return bands.astype(np.int8) if given.ndim else Severity(int(bands))


def cuts_of(struct: CutsStruct) -> Cuts:
    """The library's cuts."""
    return Cuts(
        struct.threshold,
        struct.medium,
        struct.high,
        struct.medium_quantile,
        struct.high_quantile,
        struct.n_scores,
        ORIGINS[struct.origin],
    )


def struct_of(cuts: Cuts) -> CutsStruct:
    """The cuts as the library has them."""
    if cuts.origin not in ORIGINS:
        raise ArgumentError(f"cuts of origin {cuts.origin!r}: it must be one of {', '.join(ORIGINS)}")
    if not 0 <= cuts.n_scores < 2**64:
        raise ArgumentError(f"cuts from {cuts.n_scores} scores: n_scores is a count")
    return CutsStruct(*map(float, cuts[:5]), int(cuts.n_scores), ORIGINS.index(cuts.origin))
