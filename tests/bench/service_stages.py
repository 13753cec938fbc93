"""service_stages: where alertrond's time goes: a profile whose samples are given to stages by source file.

`perf record` takes samples of all threads with their callers. From the innermost frame outwards, the first one that is
alertrond's own says the stage: its source file, from the program's symbols. So malloc, memcpy or strtod count where
they were called from. What librdkafka's own threads do, and what it does before it calls us back, is the client
library; the kernel's share of that is a line of its own. What it does when we produce counts as produce.
"""

import collections
import pathlib
import re
import shutil
import subprocess

import machine
import service_sides

HERTZ = 999
KERNEL, CLIENT, CLIENT_KERNEL, OTHER = "kernel", "client library", "client library: in the kernel", "the loop, the rest"
STAGES = (
    ("decode", r"reading|decimal|utf8|decode"),
    ("rank", r"rank\.c|ranking\.c"),
    ("score", r"kernel|isolation|forest|lanes|model\.c|along\.c|severity|number\.c"),
    ("metrics", r"registry|family|children|metrics|devices|scorer|exposition|histogram|counter|hash"),
    ("produce", r"kafka_producer|kafka_transaction|unsent|offsets|delivery|verdict|outputs"),
    ("HTTP", r"http|routes"),
)
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")


def stage_of_file(name: str, symbol: str) -> str:
    if re.match(r"find_positions|alertron__rank|positions_", symbol):
        return "rank"
    for stage, pattern in STAGES:
        if re.match(pattern, name) or re.search(rf"_{pattern}", name):
            return stage
    return CLIENT if name.startswith("kafka") else OTHER


def stages_of_symbols(program: pathlib.Path) -> dict[str, str]:
    """{function: stage} of everything that is linked into the program."""
    lines = machine.run(["nm", "--defined-only", "--line-numbers", program], timeout=120).splitlines()
    found = {}
    for line in lines:
        words = line.split(None, 3)
        if len(words) == 4 and words[1] in "tT":
            file = pathlib.PurePath(words[3].rpartition(":")[0]).name
            found[words[2]] = stage_of_file(file, words[2])
    return found


def stage_of_sample(thread: str, frames: list[tuple[str, str]], stages: dict[str, str]) -> str:
    in_kernel = bool(frames) and ("kernel" in frames[0][1] or frames[0][1] == "[unknown]" and thread.startswith("rdk:"))
    if thread.startswith("rdk:"):
        return CLIENT_KERNEL if in_kernel else CLIENT
    client = False
    for symbol, binary in frames:
        if "cjson" in binary:
            return "decode"
        if "civetweb" in binary:
            return "HTTP"
        client |= "rdkafka" in binary
        stage = stages.get(symbol.split("+")[0]) if "alertrond" in binary else None
        if stage:
            return stage if not client or stage == "produce" else CLIENT
    if client:
        return CLIENT_KERNEL if in_kernel else CLIENT
    return KERNEL if in_kernel else OTHER


def read_samples(text: str, stages: dict[str, str]) -> collections.Counter:
    """Of `perf script`: a line with the thread's name, then a line a frame, innermost first, then an empty one."""
    counts: collections.Counter = collections.Counter()
    for block in text.split("\n\n"):
        head, *lines = block.strip("\n").splitlines() or [""]
        if head.strip():
            frames = [match.groups() for match in map(FRAME.match, lines) if match]
            counts[stage_of_sample(head.strip(), frames, stages)] += 1
    return counts


class Profile:
    """Samples of one process from here to the end of the block."""

    def __init__(self, pid: int):
        self.data = service_sides.FOLDER / "perf.data"
        self.why_not = "" if shutil.which("perf") else "perf is not installed (Debian: linux-perf)"
        self.words = ["perf", "record", "-q", "-F", str(HERTZ), "-e", "cpu-clock", "--call-graph", "dwarf,8192"]
        self.words += ["-o", str(self.data), "-p", str(pid)]

    def __enter__(self) -> "Profile":
        if not self.why_not:
            log = open(service_sides.FOLDER / "perf.log", "w")
            self.recording = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_) -> None:
        if not self.why_not:
            self.recording.send_signal(2)
            self.recording.wait()

    def shares(self) -> dict[str, float]:
        """{stage: share of all samples}; Unavailable where perf may not be used."""
        if self.why_not:
            raise machine.Unavailable(self.why_not)
        words = ["perf", "script", "-i", self.data, "--no-inline", "-F", "comm,ip,sym,dso"]
        text = machine.run(words, timeout=300)
        counts = read_samples(text, stages_of_symbols(service_sides.PROGRAM))
        if not counts:
            raise machine.Unavailable("perf took no samples: it may not be permitted here (kernel.perf_event_paranoid)")
        return {stage: count / counts.total() for stage, count in counts.most_common()}
