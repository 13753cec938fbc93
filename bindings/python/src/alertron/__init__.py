"""Anomaly detection: fits and scores Isolation Forests, scikit-learn's too, in microseconds.

    import alertron

    model = alertron.load("iforest.joblib")      # scikit-learn's file as it is; scikit-learn is not needed
    scores = model.score(X)                      # float64 (n,), higher is more anomalous; X is not copied
    model.severity(scores)                       # int8 (n,): 0 none, 1 low, 2 medium, 3 high
    model.explain(X[0])                          # which features isolated the row: shares, in model.features' order

    model = alertron.fit(X, trees=200, contamination=0.01, seed=42)
    model.save("pump.alertron")

load, fit, from_sklearn     make a Model: from a file, from rows, from scikit-learn's object
Model                       scores, explains and grades rows; immutable, for any number of threads
Severity, Cuts, ModelInfo   what a model tells
Registry                    counters, gauges and histograms in Prometheus' text formats
kernels                     the ways of scoring that this machine can run
testing                     unit tests of models, for pytest: import alertron.testing
Error                       what all errors have in common; FormatError, UnsupportedError, ... are its kinds

The work is done by libalertron, a C library inside this package; the manual behind this one is its alertron.h.
"""

from . import _library
from ._errors import (
    AllocationError,
    ArgumentError,
    ClosedError,
    CompressedError,
    Error,
    FormatError,
    LimitError,
    SelfTestError,
    UnsupportedError,
)
from ._fit import fit
from ._load import from_sklearn, load
from ._model import Model, ModelInfo, kernels
from ._registry import Counter, CounterChild, Gauge, GaugeChild, Histogram, HistogramChild, Registry
from ._severity import Cuts, Severity

__all__ = [
    "load",
    "fit",
    "from_sklearn",
    "Model",
    "Severity",
    "Cuts",
    "ModelInfo",
    "kernels",
    "Registry",
    "Counter",
    "CounterChild",
    "Gauge",
    "GaugeChild",
    "Histogram",
    "HistogramChild",
    "Error",
    "AllocationError",
    "ArgumentError",
    "FormatError",
    "CompressedError",
    "UnsupportedError",
    "LimitError",
    "SelfTestError",
    "ClosedError",
]

__version__: str = _library.library.alertron_version().decode()

# Users see these names in tracebacks, pickles and help(), and none of the rooms they live in.
for _name in __all__:
    globals()[_name].__module__ = __name__
