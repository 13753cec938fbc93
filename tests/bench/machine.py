"""machine: what all parts of the benchmark share: where things are, programs that are run, this machine, tables."""

import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build" / "bench"
CFLAGS = ["-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra"]
FLAGS = ("avx2", "avx512f", "avx512bw", "avx512vbmi", "asimd")


class Unavailable(Exception):
    """A side can't be measured; the text says why."""


class TooSlow(Unavailable):
    """It takes longer than it is given."""


def run(words, timeout=None, **options) -> str:
    """Standard output of a program. Unavailable, with the end of what it said, where it fails."""
    try:
        words = [str(word) for word in words]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, **options)
    except FileNotFoundError:
        raise Unavailable(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise TooSlow(f"making its model ready took more than {timeout:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Unavailable(" / ".join(lines[-2:])[:300] or f"{words[0]} failed")
    return done.stdout


def cpu() -> tuple[str, list[str]]:
    name, flags = platform.machine(), []
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = [flag for flag in FLAGS if flag in value.split()]
    return name, flags


def commit() -> str:
    try:
        revision = run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]).strip()
        return revision + (", changed" if run(["git", "-C", ROOT, "status", "--porcelain"]) else "")
    except Unavailable:
        return "unknown"


def print_grid(title: str, head: list[str], lines: list[list[str]]) -> None:
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    print(f"\n{title}")
    for line in [head, *lines]:
        print("  " + "   ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
