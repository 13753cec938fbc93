"""quality: how well forests find labelled anomalies, ours and scikit-learn's with the same options, means over seeds.

The data are not part of the project: where they are missing nothing is measured, and that is said.
"""

import csv
import dataclasses
import functools
import pathlib
import statistics
import sys
import types

import numpy as np
import peers
import report
import shapes
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

DATASETS = shapes.ROOT.parent / "shared" / "datasets"
SEEDS, QUICK_SEEDS = 10, 3
TREES, QUICK_TREES = (100, 200), (100,)
SKAB_TRAINING = 400  # first rows of a file, which its authors train on
METRICS = ("AUROC", "average precision")


@dataclasses.dataclass
class Set:
    """Rows to fit to, rows to score, and which of those are anomalies."""

    training: np.ndarray
    rows: np.ndarray
    anomalous: np.ndarray


def numbers(path: pathlib.Path, delimiter: str, columns: slice) -> tuple[list[str], np.ndarray]:
    with open(path, newline="") as file:
        head, *lines = csv.reader(file, delimiter=delimiter)
    return head[columns], np.array([[float(field) for field in line[columns]] for line in lines])


def tabular(name: str) -> list[Set]:
    _, table = numbers(DATASETS / "tabular" / f"{name}.csv", ",", slice(None))
    return [Set(table[:, :-1], table[:, :-1], table[:, -1] == 1)]


def skab(folder: str) -> list[Set]:
    sets = []
    for path in sorted((DATASETS / "skab" / folder).glob("*.csv")):
        head, table = numbers(path, ";", slice(1, None))
        features = [i for i, name in enumerate(head) if name not in ("anomaly", "changepoint")]
        rest = table[SKAB_TRAINING:]
        sets.append(Set(table[:SKAB_TRAINING, features], rest[:, features], rest[:, head.index("anomaly")] == 1))
    return sets


def all_sets() -> dict[str, list[Set]]:
    sets = {name: tabular(name) for name in ("annthyroid", "mammography", "shuttle")}
    files = skab("valve1")
    return {**sets, f"SKAB valve1, mean of {len(files)} files": files}


@functools.cache
def library() -> types.ModuleType:
    """Ours, which is there once it was built."""
    sys.path.insert(0, str(peers.PACKAGES))
    import alertron

    return alertron


def ours(rows: Set, trees: int, seed: int) -> np.ndarray:
    return library().fit(rows.training, trees=trees, seed=seed, provisional_cuts=True).score(rows.rows)


def theirs(rows: Set, trees: int, seed: int) -> np.ndarray:
    return -IsolationForest(n_estimators=trees, random_state=seed).fit(rows.training).score_samples(rows.rows)


SIDES = {"alertron": ours, "scikit-learn": theirs}


def found(score, sets: list[Set], trees: int, seed: int) -> tuple[float, ...]:
    """Each metric, the mean over the sets."""
    pairs = [(rows.anomalous, score(rows, trees, seed)) for rows in sets]
    return tuple(
        statistics.fmean(metric(*pair) for pair in pairs) for metric in (roc_auc_score, average_precision_score)
    )


def measure(quick: bool) -> dict:
    """{set: {trees: {side: {metric: a number a seed}}}}; empty where there are no data."""
    if not DATASETS.is_dir():
        return {}
    seeds = range(QUICK_SEEDS if quick else SEEDS)
    measured: dict = {}
    for name, sets in all_sets().items():
        for trees in QUICK_TREES if quick else TREES:
            print(f"quality: {name}, {trees} trees", flush=True)
            for side, score in SIDES.items():
                values = zip(*(found(score, sets, trees, seed) for seed in seeds))
                measured.setdefault(name, {}).setdefault(trees, {})[side] = dict(zip(METRICS, map(list, values)))
    return measured


def cell(values: list[float]) -> str:
    return f"{statistics.fmean(values):.3f} +-{statistics.stdev(values):.3f}"


def print_table(measured: dict) -> None:
    if not measured:
        print(f"\nNOT MEASURED  detection quality: there are no labelled sets in {DATASETS}")
        return
    head = ["", "trees", *(f"{metric}, {side}" for metric in METRICS for side in SIDES)]
    lines, n = [], 0
    for name, by_trees in measured.items():
        for trees, by_side in by_trees.items():
            n = len(by_side["alertron"][METRICS[0]])
            lines.append([name, str(trees), *(cell(by_side[side][metric]) for metric in METRICS for side in SIDES)])
    report.print_grid(f"Detection quality: mean and standard deviation over {n} seeds", head, lines)
