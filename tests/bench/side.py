"""side: what the sides of the benchmark that are written in Python share. See docs/benchmarks.md for the commands."""

import gc
import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np
import shapes

SLICE = float(os.environ.get("BENCH_SLICE", "0.05"))  # seconds that a measurement goes on at least
POOL = 4096  # rows that small blocks are cut from
COPIES = 4  # of a model, whose memory is measured
Scorer = Callable[[np.ndarray], np.ndarray]


def folder(shape: str) -> pathlib.Path:
    return shapes.DATA / shape


def training() -> np.ndarray:
    return np.fromfile(shapes.DATA / "training.f64").reshape(-1, 3)


def repeated(work: Callable[[], object]) -> float:
    """Seconds a call, the mean over a slice of time."""
    n, began = 0, time.perf_counter()
    while True:
        work()
        n += 1
        spent = time.perf_counter() - began
        if spent >= SLICE:
            return spent / n


def resident_bytes() -> int:
    gc.collect()
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Side:
    """A peer. Subclasses say how a model is made ready, loaded, scores and is fitted."""

    fit_order = "C"  # of the rows it is fitted to: the one it needs not convert

    def version(self) -> str:
        raise NotImplementedError

    def prepare(self, shape: str) -> None:
        """Makes what `load` needs in the shape's folder; not measured."""

    def path(self, shape: str) -> pathlib.Path:
        """The file that is loaded."""
        raise NotImplementedError

    def load(self, shape: str) -> Scorer:
        raise NotImplementedError

    def fit(self, rows: np.ndarray, variant: str) -> None:
        """variant: "alone", or "scored" for the scores of the same rows as well."""
        raise NotImplementedError

    def __init__(self) -> None:
        self._scorers: dict[str, Scorer] = {}
        self._blocks: dict[tuple[str, ...], list[np.ndarray]] = {}

    def _scorer(self, shape: str) -> Scorer:
        if shape not in self._scorers:
            self._scorers[shape] = self.load(shape)
        return self._scorers[shape]

    def _cut(self, shape: str, rows: str, dtype: str, order: str) -> list[np.ndarray]:
        """The rows as blocks that are scored with a call each."""
        key = (shape, rows, dtype, order)
        if key not in self._blocks:
            n, width = int(rows), shapes.SHAPES[shape].features
            table = np.fromfile(folder(shape) / "rows.f32", np.float32).reshape(-1, width)
            starts = range(0, max(n, POOL // n * n), n)
            self._blocks[key] = [np.array(table[i : i + n], dtype, order=order) for i in starts]
        return self._blocks[key]

    def score(self, shape: str, rows: str, dtype: str, order: str) -> float:
        scorer, n = self._scorer(shape), int(rows)
        blocks = itertools.cycle(self._cut(shape, rows, dtype, order))
        return repeated(lambda: scorer(next(blocks))) / n

    def scores(self, shape: str, rows: str, dtype: str, order: str, path: str) -> str:
        scorer = self._scorer(shape)
        blocks = self._cut(shape, rows, dtype, order)
        np.concatenate([np.ravel(scorer(block)) for block in blocks]).astype(np.float64).tofile(path)
        return "ok"

    def memory(self, shape: str) -> float:
        """Growth of the process by a model that was loaded and has scored."""
        few = self._cut(shape, "64", "float64", "C")[0]
        self.load(shape)(few)
        before = resident_bytes()
        kept = [self.load(shape) for _ in range(COPIES)]
        for scorer in kept:
            scorer(few)
        return (resident_bytes() - before) / COPIES

    def answer(self, words: list[str]) -> object:
        command, *rest = words
        if command == "version":
            return self.version()
        if command == "score":
            return self.score(*rest[:4])
        if command == "scores":
            return self.scores(*rest[:4], rest[5])
        if command == "fit":
            rows = np.array(training(), order=self.fit_order)
            return repeated(lambda: self.fit(rows, rest[0]))
        if command == "load":
            return repeated(lambda: self.load(rest[0]))
        if command == "memory":
            return self.memory(rest[0])
        return "error: unknown command"


def main(side: Side) -> None:
    """`prepare SHAPE ...` as arguments, or commands on standard input."""
    if sys.argv[1:2] == ["prepare"]:
        for shape in sys.argv[2:]:
            if not side.path(shape).exists():
                side.prepare(shape)
        return
    for line in sys.stdin:
        try:
            print(side.answer(line.split()), flush=True)
        except Exception as error:  # whatever a peer raises is said in the table
            print(f"error: {type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
