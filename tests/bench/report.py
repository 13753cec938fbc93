"""report: the head, the tables, the aims and the JSON file."""

import argparse
import datetime
import json
import os
import pathlib
import platform

import peers
import shapes
from machine import commit, cpu, print_grid
from questions import DECODE_COLUMNS, DECODE_TABLE, FIT_ALONE, FIT_SCORED, FIT_TABLE, LOAD_TABLE, REGISTRY_COLUMNS
from questions import REGISTRY_TABLE, Question, rows_column, scoring_table

UNITS = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s"))


GENERATED, ISOTREE, SKLEARN = ("tl2cgen", "tl2cgen (quantized)"), ("isotree", "isotree (C++)"), ("scikit-learn",)


def facts(core: int, sides: list[peers.Side], chosen: argparse.Namespace) -> dict:
    name, flags = cpu()
    versions = {}
    for side in sides:
        if side.ours or side.name in (*GENERATED, "isotree (C++)"):
            continue
        try:
            versions[side.name] = side.ask("version", "")
        except peers.Unavailable as error:
            side.unready[""] = str(error)
            versions[side.name] = f"not measured: {error}"
    pins = [line for line in (peers.HERE / "peers.txt").read_text().split() if line.startswith(("tl2cgen", "treelite"))]
    if any(side.name == "tl2cgen" for side in sides):
        versions["tl2cgen"] = ", ".join(pin.replace("==", " ") for pin in pins)
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": name,
        "flags": flags,
        "cpus": os.cpu_count(),
        "core": core,
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "compiler": peers.run([os.environ.get("CC", "cc"), "--version"]).splitlines()[0],
        "commit": commit(),
        "rounds": chosen.rounds,
        "peers": versions,
    }


def print_head(facts: dict) -> None:
    print(f"\ndate      {facts['date']}, commit {facts['commit']}")
    print(f"machine   {facts['cpu']}, {facts['cpus']} CPUs, {' '.join(facts['flags'])}, {facts['system']}")
    print(f"compiler  {facts['compiler']}")
    for version in facts["peers"].values():
        print(f"peer      {version}")
    print(f"way       all on core {facts['core']}, one thread, in turn, {facts['rounds']} rounds")
    if facts["load"] > 0.5:
        print(f"WARNING   the machine is busy (load {facts['load']:.1f}): trust the minima, not the medians")
    print(flush=True)


def digits(value: float) -> str:
    """Three of them, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def scaled(seconds: float, unit_of: float) -> tuple[str, str]:
    for below, factor, unit in UNITS:
        if unit_of < below:
            return digits(seconds * factor), unit
    raise AssertionError


def cell(question: Question | None, base: Question | None) -> str:
    if question is None:
        return ""
    if question.why_not:
        return "not measured"
    least, unit = scaled(question.minimum, question.minimum)
    middle, _ = scaled(question.median, question.minimum)
    text = f"{least} / {middle} {unit}"
    if base and base.numbers and base is not question:
        text += f"  {digits(question.minimum / base.minimum)}x"
    return text


def print_tables(questions: list[Question], sizes: dict, names: list[str]) -> None:
    print("\nminimum / median of the rounds; x: times alertron's minimum, so how much faster alertron is")
    for table in dict.fromkeys(question.table for question in questions):
        asked = [question for question in questions if question.table == table]
        columns = list(dict.fromkeys(question.column for question in asked))
        if "1 row" in columns:
            columns.insert(0, columns.pop(columns.index("1 row")))
        found = {(question.row, question.column): question for question in asked}
        lines = []
        for row in dict.fromkeys(question.row for question in asked):
            cells = [cell(found.get((row, column)), found.get(("alertron", column))) for column in columns]
            lines.append([row, *cells])
        print_grid(table, ["", *columns], lines)
        reasons = [f"{question.row}: {question.why_not}" for question in asked if question.why_not]
        for reason in dict.fromkeys(reasons):
            print(f"  NOT MEASURED  {reason}")
    if sizes:
        print_sizes(sizes, names)


def kib(value: float | str | None) -> str:
    if value is None:
        return ""
    return "not measured" if isinstance(value, str) else f"{value / 1024:,.0f} KiB"


def print_sizes(sizes: dict, names: list[str]) -> None:
    titles = {
        "memory": "Memory: growth of the process by a model that has scored (mean of 4 copies; generated code: one)",
        "held": "Memory: what alertron_model_describe says the model holds",
        "files": "Size of the model's file",
    }
    for key, title in titles.items():
        lines = [[row, *(kib(columns.get(name)) for name in names)] for row, columns in sizes[key].items()]
        print_grid(title, ["", *names], lines)


def file_sizes(sides: list[peers.Side], names: list[str]) -> dict:
    files = {
        "alertron": "model.alertron",
        "scikit-learn (joblib)": "model.joblib",
        "isotree": "model.isotree",
        "onnxruntime": "model.onnx",
        "tl2cgen": "tl2cgen.so",
        "tl2cgen (quantized)": "tl2cgen-quantized.so",
    }
    found: dict[str, dict[str, float]] = {}
    for row, file in files.items():
        for name in names:
            path = shapes.DATA / name / file
            if path.exists():
                found.setdefault(row, {})[name] = path.stat().st_size
    held = {name: float(sides[0].ask("describe", name).split()[0]) for name in names}
    return {"held": {"alertron": held}, "files": found}


class Measured:
    """Minima, by table, row and column; None where something was not measured."""

    def __init__(self, questions: list[Question]):
        self._minima = {(q.table, q.row, q.column): q.minimum for q in questions if q.numbers}

    def seconds(self, table: str, row: str, column: str) -> float | None:
        return self._minima.get((table, row, column))

    def ratio(self, table: str, column: str, ours: str, peers: tuple[str, ...] = ()) -> float | None:
        """The fastest of the peers (of all, where none is named) to ours."""
        case = {row: seconds for (its, row, at), seconds in self._minima.items() if (its, at) == (table, column)}
        theirs = [case[row] for row in case if (row in peers if peers else not row.startswith("alertron"))]
        mine = self.seconds(table, ours, column)
        return min(theirs) / mine if theirs and mine else None


def aims(measured: Measured, sizes: dict) -> list[tuple[str, float | None, float, str]]:
    """What is wanted: text, measured, bound, and the bound's unit: x is at least, others are at most."""
    upstream = scoring_table("upstream", "float32", "C")
    batch = rows_column("4096")

    def batch_ratio(shape: str, row: str) -> float | None:
        return measured.ratio(scoring_table(shape, "float32", "C"), batch, row)

    def load(row: str) -> float | None:
        return measured.seconds(LOAD_TABLE, row, "upstream")

    def registry(command: str) -> float | None:
        return measured.seconds(REGISTRY_TABLE, "alertron", REGISTRY_COLUMNS[command])

    decode = measured.seconds(DECODE_TABLE, "alertron", DECODE_COLUMNS["python"])
    explain = measured.seconds("Explain, a row: each feature's share in the score", "alertron", "upstream")
    return [
        ("batch of 4,096 float32, 200 x 3, fastest peer", batch_ratio("upstream", "alertron"), 20, "x"),
        ("the same, 100 x 10", batch_ratio("medium", "alertron"), 15, "x"),
        ("the same, 300 x 50", batch_ratio("wide", "alertron"), 15, "x"),
        ("the same, 200 x 3, AVX2 only", batch_ratio("upstream", "alertron (avx2)"), 8, "x"),
        ("the same, 200 x 3, portable only", batch_ratio("upstream", "alertron (portable)"), 4, "x"),
        ("single row, tl2cgen's", measured.ratio(upstream, "1 row", "alertron", GENERATED), 4, "x"),
        ("fit alone, isotree's", measured.ratio(FIT_TABLE, FIT_ALONE, "alertron", ISOTREE), 1, "x"),
        ("fit alone, scikit-learn's", measured.ratio(FIT_TABLE, FIT_ALONE, "alertron", SKLEARN), 100, "x"),
        ("fit and scores, isotree's", measured.ratio(FIT_TABLE, FIT_SCORED, "alertron", ISOTREE), 1, "x"),
        ("fit and scores, scikit-learn's", measured.ratio(FIT_TABLE, FIT_SCORED, "alertron", SKLEARN), 100, "x"),
        ("load the upstream joblib", load("alertron (joblib)"), 10e-3, "s"),
        ("load our own file of it", load("alertron"), 1e-3, "s"),
        ("memory of 200 trees", sizes.get("held", {}).get("alertron", {}).get("upstream"), 256 * 1024, "B"),
        ("explain a row of the upstream model", explain, 5e-6, "s"),
        ("counter, add by handle", registry("add"), 3e-9, "s"),
        ("histogram, observe", registry("observe"), 10e-9, "s"),
        ("look up by label values, 1 device", registry("lookup-1"), 50e-9, "s"),
        ("render 100,000 series", registry("render"), 30e-3, "s"),
        ("decode a reading of 122 bytes", decode, 90e-9, "s"),
    ]


def amount(value: float, unit: str) -> str:
    if unit == "x":
        return f"{digits(value)}x"
    return kib(value) if unit == "B" else " ".join(scaled(value, value))


def print_aims(questions: list[Question], sizes: dict) -> None:
    lines = []
    for text, value, bound, unit in aims(Measured(questions), sizes):
        bound_text = ("at least " if unit == "x" else "at most ") + amount(bound, unit)
        if value is None:
            lines.append([text, bound_text, "not measured", ""])
        else:
            met = value >= bound if unit == "x" else value <= bound
            lines.append([text, bound_text, amount(value, unit), "met" if met else "NOT MET"])
    print_grid("Aims (on a machine with AVX-512)", ["", "aim", "measured", ""], lines)


def write_json(path: pathlib.Path, facts: dict, questions: list[Question], more: dict) -> None:
    measured = Measured(questions)
    results = []
    for question in questions:
        result = {key: getattr(question, key) for key in ("part", "table", "column")}
        result |= {"side": question.row, "asked": " ".join(question.words)}
        if question.numbers:
            base = measured.seconds(question.table, "alertron", question.column)
            result |= {"seconds": question.numbers, "minimum": question.minimum, "median": question.median}
            result |= {"times_ours": question.minimum / base if base else None}
        else:
            result["not_measured"] = question.why_not
        results.append(result)
    wanted = [dict(zip(("aim", "measured", "bound", "unit"), aim)) for aim in aims(measured, more["bytes"])]
    document = {"machine": facts, "results": results, **more, "aims": wanted}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
