"""peers: the sides of the benchmark as processes that stay: what each is called, how it is made ready and asked."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

import shapes
from machine import CFLAGS, FOLDER, HERE, ROOT, TooSlow, Unavailable, run

LIBRARY = FOLDER / "library"
PACKAGES = FOLDER / "python"  # where Python finds alertron
PYTHON = "alertron (Python)"  # the side
ISOTREE = FOLDER / "isotree" / "src"  # its source, unpacked by tests/bench/run
PREPARE_SECONDS = 240  # for a model of a peer, which is then kept; skl2onnx needs longer for 1,000 trees
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOMAXPROCS")


class Process:
    """A program that answers a line with a line."""

    def __init__(self, words, slice_seconds: float):
        environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "BENCH_SLICE": str(slice_seconds)}
        self._words = [str(word) for word in words]
        self._environment = environment
        self._process: subprocess.Popen | None = None
        self.ended = ""

    def ask(self, *words) -> str:
        if self.ended:
            raise Unavailable(self.ended)
        if not self._process:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=open(FOLDER / "sides.log", "a"),
                text=True,
                env=self._environment,
            )
        try:
            self._process.stdin.write(" ".join(str(word) for word in words if word != "") + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.ended = "its process ended: see build/bench/sides.log"
            raise Unavailable(self.ended)
        if answer.startswith("error: "):
            raise Unavailable(answer.removeprefix("error: "))
        return answer

    def close(self) -> None:
        if self._process:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


@dataclasses.dataclass
class Side:
    """A line of the tables: a process, and which variant of its model it is asked for."""

    name: str
    process: Process
    words: list
    variant: str = "-"
    ours: bool = False
    unready: dict[str, str] = dataclasses.field(default_factory=dict)  # shape, or "" for all of them: why

    def ask(self, command: str, shape: str, *words) -> str:
        for what in ("", shape):
            if what in self.unready:
                raise Unavailable(self.unready[what])
        return self.process.ask(command, shape, *words)


def build_library() -> None:
    """For C, and for Python: the package with the library in it, as a wheel has it."""
    run(["cmake", "-S", ROOT, "-B", LIBRARY, "-DCMAKE_BUILD_TYPE=Release", "-DALERTRON_SERVICE=OFF"])
    run(["cmake", "--build", LIBRARY, "--target", "alertron_static", "alertron_shared", "-j", os.cpu_count()])
    shutil.rmtree(PACKAGES, ignore_errors=True)
    shutil.copytree(ROOT / "bindings" / "python" / "src" / "alertron", PACKAGES / "alertron")
    shutil.copyfile(LIBRARY / "libalertron" / "libalertron.so", PACKAGES / "alertron" / "libalertron.so")


def compile_c(name: str, *more) -> pathlib.Path:
    """A side in C: NAME.c with side.c."""
    program = FOLDER / "bin" / name
    program.parent.mkdir(exist_ok=True)
    run([os.environ.get("CC", "cc"), *CFLAGS, "-o", program, HERE / f"{name}.c", HERE / "side.c", *more])
    return program


def compile_with_library(name: str) -> pathlib.Path:
    library = LIBRARY / "libalertron"
    return compile_c(name, "-I", library / "include", library / "libalertron.a", "-lm")


def ours(slice_seconds: float) -> list[Side]:
    """The library with the kernel that a model chooses, from C and from Python, then each that this machine can run."""
    words = [compile_with_library("side_alertron"), shapes.DATA]
    process = Process(words, slice_seconds)
    from_python = [sys.executable, "-B", HERE / "side_python.py"]
    sides = [
        Side("alertron", process, words, ours=True),
        Side(PYTHON, Process(from_python, slice_seconds), from_python, ours=True),
    ]
    for kernel in process.ask("kernels").split():
        sides.append(Side(f"alertron ({kernel})", process, words, kernel, ours=True))
    return sides


def prepare(side: Side, words: list, names: list[str]) -> None:
    """Makes the side's models. What took too long is not tried again while the models stay the same."""
    for name in names:
        gave_up = shapes.DATA / name / f"{side.name}.gave-up"
        if gave_up.exists():
            side.unready[name] = gave_up.read_text()
            continue
        try:
            run([sys.executable, "-B", *words, name], timeout=PREPARE_SECONDS)
        except TooSlow as error:
            gave_up.write_text(str(error))
            side.unready[name] = str(error)
        except Unavailable as error:
            side.unready[name] = str(error)


def tl2cgen(slice_seconds: float, names: list[str]) -> list[Side]:
    words = [compile_c("side_tl2cgen", "-ldl", "-lm"), shapes.DATA]
    process = Process(words, slice_seconds)
    plain = Side("tl2cgen", process, words, "plain")
    print("  tl2cgen: C code of the models, gcc -O3", flush=True)
    prepare(plain, [HERE / "side_tl2cgen_make.py"], names)
    return [plain, Side("tl2cgen (quantized)", process, words, "quantized", unready=plain.unready)]


def isotree_cpp(slice_seconds: float) -> Side:
    """isotree without Python's share, compiled with the flags of its own setup.py. It takes a minute, so it is kept."""
    program = FOLDER / "bin" / "side_isotree_cpp"
    words = [program, shapes.DATA]
    side = Side("isotree (C++)", Process(words, slice_seconds), words)
    sources = [HERE / "side_isotree_cpp.cpp", HERE / "side.c", HERE / "side.h"]
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return side
    print("  isotree (C++)", flush=True)
    flags = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-std=c++17", "-fopenmp", "-w"]
    flags += ["-DNDEBUG", "-D_USE_XOSHIRO", "-D_USE_ROBIN_MAP", "-DSUPPORTS_RESTRICT=1", "-I", ISOTREE]
    try:
        common = program.with_name("side.o")
        run([os.environ.get("CC", "cc"), *CFLAGS, "-c", "-o", common, HERE / "side.c"])
        run([os.environ.get("CXX", "c++"), *flags, "-o", program, sources[0], ISOTREE / "serialize.cpp", common])
    except Unavailable as error:
        side.unready[""] = str(error)
    return side


FILES = {"isotree": "isotree", "scikit-learn": "sklearn", "onnxruntime": "onnxruntime"}


def python_side(name: str, slice_seconds: float, names: list[str]) -> Side:
    words = [sys.executable, "-B", HERE / f"side_{FILES[name]}.py"]
    side = Side(name, Process(words, slice_seconds), words)
    print(f"  {name}: its models", flush=True)
    prepare(side, [words[-1], "prepare"], names)
    return side


PEERS = ("tl2cgen", "isotree", "scikit-learn", "onnxruntime", "client_golang", "prometheus-cpp")


def scoring_sides(slice_seconds: float, names: list[str], wanted: list[str]) -> list[Side]:
    sides = ours(slice_seconds)
    for name in PEERS[:4]:
        if name not in wanted:
            continue
        if name == "tl2cgen":
            sides += tl2cgen(slice_seconds, names)
            continue
        sides.append(python_side(name, slice_seconds, names))
        if name == "isotree":
            sides.append(isotree_cpp(slice_seconds))
    return sides


def client_golang() -> pathlib.Path:
    program = FOLDER / "bin" / "registry_client_golang"
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false -mod=readonly"}
    run(["go", "build", "-o", program, "."], cwd=HERE / "registry_client_golang", env=environment)
    return program


def prometheus_cpp() -> pathlib.Path:
    program = FOLDER / "bin" / "registry_prometheus_cpp"
    if not shutil.which("pkg-config"):
        raise Unavailable("pkg-config is not installed")
    version = run(["pkg-config", "--modversion", "prometheus-cpp-core"]).strip()
    words = [os.environ.get("CXX", "c++"), "-O3", f'-DPROMETHEUS_CPP_VERSION="{version}"', "-o", program]
    run([*words, HERE / "registry_prometheus_cpp.cpp", "-lprometheus-cpp-core"])
    return program


def registry_sides(wanted: list[str]) -> list[Side]:
    makers = {
        "alertron": lambda: compile_with_library("registry_alertron"),
        "client_golang": client_golang,
        "prometheus-cpp": prometheus_cpp,
    }
    sides = []
    for name, make in makers.items():
        if name != "alertron" and name not in wanted:
            continue
        side = Side(name, Process([], 0), [], ours=name == "alertron")
        try:
            side.words = [make()]
            side.process = Process(side.words, 0)
        except Unavailable as error:
            if side.ours:
                raise
            side.unready[""] = str(error)
        sides.append(side)
    return sides


def decode_sides(slice_seconds: float) -> list[Side]:
    """The service's decoder, what it leaves to cJSON, and cJSON alone, in one process."""
    rooms = [ROOT / "alertrond" / f"{room}.c" for room in ("reading", "plain", "decimal", "utf8")]
    flags = ["-O3", "-DNDEBUG", "-ffp-contract=off", "-I", ROOT / "alertrond"]
    words = [compile_c("bench_reading", *flags, *rooms, "-lcjson", "-lm")]
    process = Process(words, slice_seconds)
    return [
        Side("alertron", process, words, "plain", ours=True),
        Side("alertron (unusual readings)", process, words, "arbiter", ours=True),
        Side("cJSON alone", process, words, "cjson"),
    ]
