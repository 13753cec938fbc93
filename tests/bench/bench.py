"""Alertron beside its peers, in one run, on one core of this machine.

    tests/bench/run [--quick] [--only PART] [--peers NAME,...] [--rounds N] [--json FILE]

Builds the library, makes models and rows, checks that all sides agree, and then measures each side in turn, round
after round: scoring, fit, load (with memory), registry, decode. Then how well forests find labelled anomalies. Prints minimum and median of the rounds, and how many times
ours each peer's minimum is; then the aims. docs/benchmarks.md explains how to read it. What it makes is in build/bench.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import time

import agreement
import peers
import quality
import report
import shapes
from questions import PARTS, Question, decode_questions, fit_questions, load_questions, registry_questions
from questions import scoring_questions

SLOW_SECONDS, SLOW_ROUNDS = 2.0, 3  # a measurement that takes that long is made in the first rounds only


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer shapes and rounds: under 3 minutes, once installed")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--peers", default=",".join(peers.PEERS), help="those to measure, of " + ", ".join(peers.PEERS))
    parser.add_argument("--rounds", type=int, metavar="N", help="default 7, or 3 with --quick")
    parser.add_argument("--json", type=pathlib.Path, default=peers.FOLDER / "results.json", metavar="FILE")
    chosen = parser.parse_args()
    chosen.peers = [name for name in chosen.peers.split(",") if name]
    for name in chosen.peers:
        if name not in peers.PEERS:
            parser.error(f"there is no peer {name}: choose of {', '.join(peers.PEERS)}")
    chosen.rounds = max(1, chosen.rounds or (3 if chosen.quick else 7))
    chosen.parts = [chosen.only] if chosen.only else list(PARTS)
    chosen.shapes = ["upstream", "medium"] if chosen.quick else list(shapes.SHAPES)
    return chosen


def one_core() -> int:
    """This process, and those that it starts from now on, on one core: the last, which has fewest interrupts."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure(questions: list[Question], rounds: int) -> None:
    """Asks every question once a round. Those of a case follow one another, in an order that is turned each round."""
    cases: dict[tuple[str, ...], list[Question]] = {}
    for question in questions:
        cases.setdefault((question.part, question.table, question.column), []).append(question)
    for n in range(rounds):
        if not sys.stderr.isatty():
            print(f"round {n + 1} of {rounds}", file=sys.stderr, flush=True)
        for i, asked in enumerate(cases.values()):
            progress(f"round {n + 1} of {rounds}, case {i + 1} of {len(cases)}: {asked[0].table}, {asked[0].column}")
            for question in asked if n % 2 == 0 else asked[::-1]:
                if question.why_not or (question.slow and n >= SLOW_ROUNDS):
                    continue
                began = time.monotonic()
                question.ask()
                question.slow = time.monotonic() - began > SLOW_SECONDS
    progress("")


def memory(sides: list[peers.Side], names: list[str]) -> dict:
    """{side: {shape: bytes or why not}}, each in a process of its own that has loaded nothing else."""
    grown: dict[str, dict[str, float | str]] = {}
    for side in sides:
        if side.ours and side.variant != "-":
            continue
        for name in names:
            fresh = dataclasses.replace(side, process=peers.Process(side.words, 0))
            try:
                value: float | str = float(fresh.ask("memory", name, side.variant))
            except peers.Unavailable as error:
                value = str(error)
            fresh.process.close()
            grown.setdefault(side.name, {})[name] = value
    return grown


def main() -> None:
    chosen = options()
    began = time.monotonic()
    print("Building the library (release) and making ready what is measured; kept in build/bench for the next run.")
    sys.stdout.flush()
    peers.build_library()
    slice_seconds = 0.02 if chosen.quick else 0.05
    sides, registry, decoders = [], [], []
    if {"scoring", "fit", "load"} & set(chosen.parts):
        shapes.prepare(chosen.shapes)
        sides = peers.scoring_sides(slice_seconds, chosen.shapes, chosen.peers)
    if "registry" in chosen.parts:
        registry = peers.registry_sides(chosen.peers)
    if "decode" in chosen.parts:
        decoders = peers.decode_sides(slice_seconds)
    core = one_core()
    facts = report.facts(core, sides + registry + decoders, chosen)
    report.print_head(facts)
    wrong = agreement.check(sides, registry, chosen.shapes)
    wrong += agreement.check_decoders(decoders) if decoders else []
    if wrong:
        sys.exit("The sides do not agree, so nothing is measured:\n  " + "\n  ".join(wrong))

    questions = []
    if "scoring" in chosen.parts:
        questions += scoring_questions(sides, chosen.shapes, chosen.quick)
    if "fit" in chosen.parts:
        questions += fit_questions(sides)
    sizes = {}
    if "load" in chosen.parts:
        questions += load_questions(sides, chosen.shapes)
        sizes = {"memory": memory(sides, chosen.shapes), **report.file_sizes(sides, chosen.shapes)}
    if "registry" in chosen.parts:
        questions += registry_questions(registry)
    if "decode" in chosen.parts:
        questions += decode_questions(decoders)
    if questions:
        measure(questions, chosen.rounds)
    for side in sides + registry + decoders:
        side.process.close()
    qualities = quality.measure(chosen.quick) if "quality" in chosen.parts else {}

    facts["seconds"] = round(time.monotonic() - began)
    if questions:
        report.print_tables(questions, sizes, chosen.shapes)
    if "quality" in chosen.parts:
        quality.print_table(qualities)
    if questions:
        report.print_aims(questions, sizes)
    report.write_json(chosen.json, facts, questions, {"bytes": sizes, "quality": qualities})
    print(f"\n{facts['seconds']} s. All rounds are in {os.path.relpath(chosen.json)}.")


if __name__ == "__main__":
    try:
        main()
    except peers.Unavailable as error:
        sys.exit(f"tests/bench/run: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
