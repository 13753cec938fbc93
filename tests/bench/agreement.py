"""agreement: all sides give the same scores, or nothing is measured."""

import numpy as np
import peers
import shapes
from questions import DECODE_COLUMNS

OURS_ULP = 2
LAYOUTS = (("1", "float64", "C"), ("64", "float32", "C"), ("4096", "float64", "F"), ("100000", "float32", "C"))
# Sides that compute in float32 put a row at a threshold on the other side of it now and then.
CLOSE, FAR, FAR_SHARE = 1e-5, 2e-2, 1e-3
RANK_CORRELATION = 0.8  # of isotree's own forest with scikit-learn's


def scores_of(side: peers.Side, shape: str, layout: tuple[str, ...]) -> np.ndarray:
    path = peers.FOLDER / "scores.f64"
    side.ask("scores", shape, *layout, side.variant, path)
    return np.fromfile(path)


def ulps(ours: np.ndarray, theirs: np.ndarray) -> float:
    return np.max(np.abs(ours - theirs) / np.spacing(theirs))


def check_ours(side: peers.Side, shape: str, expected: np.ndarray, wrong: list[str]) -> str:
    """Within 2 ulp of scikit-learn, and the same bits in each layout."""
    all_scores = [scores_of(side, shape, layout) for layout in LAYOUTS]
    worst = np.max([ulps(scores, expected[: len(scores)]) for scores in all_scores])
    if not worst <= OURS_ULP:  # also where it is NaN
        wrong.append(f"{shape}, {side.name}: {worst:.0f} ulp apart, {OURS_ULP} are allowed")
    largest = max(all_scores, key=len)
    for layout, scores in zip(LAYOUTS, all_scores):
        if not np.array_equal(scores, largest[: len(scores)]):
            wrong.append(f"{shape}, {side.name}: other bits in {' '.join(layout)} than in other layouts")
    return f"within {worst:.0f} ulp, the same bits in {len(LAYOUTS)} layouts"


def check_close(side: peers.Side, shape: str, expected: np.ndarray, wrong: list[str]) -> str:
    worst = share = 0.0
    for layout in LAYOUTS[1:3]:
        scores = scores_of(side, shape, layout)
        difference = np.abs(scores - expected[: len(scores)])
        worst, share = max(worst, difference.max()), max(share, np.mean(difference > CLOSE))
    text = f"at most {worst:.1g} apart, {share:.2%} of the rows by more than {CLOSE:g}"
    if not (worst <= FAR and share <= FAR_SHARE):
        wrong.append(f"{shape}, {side.name}: {text}")
    return text


def check_ranks(side: peers.Side, shape: str, expected: np.ndarray, wrong: list[str]) -> str:
    scores = scores_of(side, shape, LAYOUTS[1])
    ranks = [np.argsort(np.argsort(values)) for values in (scores, expected[: len(scores)])]
    correlation = np.corrcoef(*ranks)[0, 1]
    text = f"a forest of its own, rank correlation {correlation:.2f}"
    if not correlation >= RANK_CORRELATION:
        wrong.append(f"{shape}, {side.name}: {text}")
    return text


def check_registry(sides: list[peers.Side], wrong: list[str]) -> None:
    for side in sides:
        try:
            n = float(side.ask("series", ""))
        except peers.Unavailable as error:
            side.unready[""] = str(error)
            continue
        if n != 100_000:
            wrong.append(f"registry, {side.name}: {n:.0f} series instead of 100,000")


def check_decoders(sides: list[peers.Side]) -> list[str]:
    """All read the same numbers."""
    sums = {(readings, side.ask("sum", readings, side.variant)) for readings in DECODE_COLUMNS for side in sides}
    return [] if len(sums) == len(DECODE_COLUMNS) else [f"decode: the sides read other numbers: {sorted(sums)}"]


def check(sides: list[peers.Side], registry: list[peers.Side], names: list[str]) -> list[str]:
    """Prints how well the sides agree; returns what is wrong."""
    wrong: list[str] = []
    check_registry(registry, wrong)
    if not sides:
        return wrong
    print("Agreement with scikit-learn's scores:")
    for shape in names:
        expected = np.fromfile(shapes.DATA / shape / "scores.f64")
        sides[0].ask("save", shape)
        for side in sides:
            try:
                how = check_ours if side.ours else check_ranks if side.name.startswith("isotree") else check_close
                print(f"  {shape}, {side.name}: {how(side, shape, expected, wrong)}", flush=True)
            except peers.Unavailable as error:
                side.unready[shape] = str(error)
                print(f"  {shape}, {side.name}: not measured: {error}", flush=True)
                # A kernel need not take every model, the library does.
                if side.ours and (side.variant == "-" or side.process.ended):
                    wrong.append(f"{shape}, {side.name}: {error}")
    return wrong
