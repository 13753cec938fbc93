"""questions: what is measured: a question is put to one side again and again, and stands in a cell of a table."""

import dataclasses
import statistics

import peers
import shapes

PARTS = ("scoring", "fit", "load", "registry", "decode", "quality")
FIT_TABLE = "Fit: 50,000 rows x 3 features, 200 trees of 256 rows"
LOAD_TABLE = "Load a model from its file"
DECODE_TABLE = "Decode a reading in JSON"
REGISTRY_TABLE = "Registry: a counter with 100,000 series of 2 labels, a histogram of 16 buckets"
FIT_ALONE, FIT_SCORED = "fit alone", "fit, score the rows"


@dataclasses.dataclass
class Question:
    part: str
    table: str
    row: str  # the side, and how it is asked
    column: str
    side: peers.Side
    words: tuple[str, ...]
    numbers: list[float] = dataclasses.field(default_factory=list)  # seconds, one a round
    why_not: str = ""
    slow: bool = False

    def ask(self) -> None:
        try:
            self.numbers.append(float(self.side.ask(*self.words)))
        except peers.Unavailable as error:
            self.why_not = str(error)

    @property
    def minimum(self) -> float:
        return min(self.numbers)

    @property
    def median(self) -> float:
        return statistics.median(self.numbers)


def scoring_table(shape: str, dtype: str, order: str) -> str:
    layout = "rows one after the other" if order == "C" else "column-major (Fortran)"
    return f"Score, a row: {shapes.title(shapes.SHAPES[shape])}, {dtype}, {layout}"


def rows_column(rows: str) -> str:
    return "1 row" if rows == "1" else f"{int(rows):,} rows"


def scoring_questions(sides: list[peers.Side], names: list[str], quick: bool) -> list[Question]:
    """Single rows are float64 (what each side's call for one row takes), batches float32; other layouts in blocks of
    4,096, and for the first shape of 100,000."""
    questions = []
    for name in names:
        large = [] if quick else ["100000"]
        layouts = {("float32", "C"): ["64", "4096", *large]}
        others = ["4096", *(large if name == "upstream" else [])]
        layouts |= {("float64", "C"): ["1", *others], ("float32", "F"): others, ("float64", "F"): others}
        for (dtype, order), counts in layouts.items():
            for rows in counts:
                # A single row is shown beside the batches.
                table = scoring_table(name, *(("float32", "C") if rows == "1" else (dtype, order)))
                for side in sides:
                    words = ("score", name, rows, dtype, order, side.variant)
                    questions.append(Question("scoring", table, side.name, rows_column(rows), side, words))
    return questions + explain_questions(sides, names)


def explain_questions(sides: list[peers.Side], names: list[str]) -> list[Question]:
    table = "Explain, a row: each feature's share in the score"
    return [Question("scoring", table, "alertron", name, sides[0], ("explain", name)) for name in names]


def fit_questions(sides: list[peers.Side]) -> list[Question]:
    def question(row: str, column: str, side: peers.Side, variant: str) -> Question:
        return Question("fit", FIT_TABLE, row, column, side, ("fit", variant))

    ours = sides[0]
    questions = [
        question("alertron", FIT_ALONE, ours, "alone"),
        question("alertron", FIT_SCORED, ours, "contamination"),
        question("alertron (no contamination)", FIT_SCORED, ours, "scored"),
    ]
    for side in sides:
        if side.name in ("isotree", "isotree (C++)", "scikit-learn"):
            questions.append(question(side.name, FIT_ALONE, side, "alone"))
            questions.append(question(side.name, FIT_SCORED, side, "scored"))
        if side.name == peers.PYTHON:
            for row, kind in ((side.name, ""), ("alertron.sklearn", "estimator-")):
                questions.append(question(row, FIT_ALONE, side, kind + "alone"))
                questions.append(question(row, FIT_SCORED, side, kind + "scored"))
    return questions


def load_questions(sides: list[peers.Side], names: list[str]) -> list[Question]:
    questions = []
    for name in names:
        for row, kind in (("alertron", "own"), ("alertron (joblib)", "joblib")):
            questions.append(Question("load", LOAD_TABLE, row, name, sides[0], ("load", name, kind)))
        for side in sides:
            if not side.ours:
                words = ("load", name, side.variant)
                questions.append(Question("load", LOAD_TABLE, side.name, name, side, words))
    return questions


REGISTRY_COLUMNS = {
    "add": "add, by handle",
    "observe": "observe",
    "lookup-1": "look up, 1 device",
    "lookup-all": "look up, all",
    "render": "render",
}


def registry_questions(sides: list[peers.Side]) -> list[Question]:
    return [
        Question("registry", REGISTRY_TABLE, side.name, column, side, (command, ""))
        for command, column in REGISTRY_COLUMNS.items()
        for side in sides
    ]


DECODE_COLUMNS = {
    "short": "3 features of 6 digits, 82 bytes",
    "python": "3 of 17 digits, 122 bytes",
    "five": "5 of 17 digits, 153 bytes",
}


def decode_questions(sides: list[peers.Side]) -> list[Question]:
    return [
        Question("decode", DECODE_TABLE, side.name, column, side, ("decode", readings, side.variant))
        for readings, column in DECODE_COLUMNS.items()
        for side in sides
    ]
