"""walk: runs the blocks of a page as a reader would paste them, and compares what they print with what the page shows.

    walk.py [--write] PAGE NAME=FILE...

Blocks of `python` are cells of one session, blocks of `sh` lines of one shell; both work in a scratch folder, in which
each FILE is under its NAME. A block of `text` that follows one of them is what it prints; --write puts what was printed
into the page. The interpreter that runs this is the page's Python; programs come from PATH. The exit status is 1 where
a block failed or printed something else. Port 8000 is replaced by a free one.
"""

import argparse
import contextlib
import difflib
import io
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

TIMEOUT_SECONDS = 300  # of the whole walk; past it the walk ends with an exception
PORT = "8000"

# What differs from machine to machine and from day to day.
VARYING = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d+ bytes, kernel \w+|in \d+\.\d\d s")
DOUBLE = re.compile(r"\d+\.\d{12,}")

BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


class Shell:
    """One bash for all blocks of sh, so that jobs in the background go on."""

    END = "walk: that was the block, status "

    def __init__(self, folder, port):
        self.port = port
        self.process = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, source):
        self.process.stdin.write(f"{source.replace(PORT, self.port)}\nset -- $?; echo; echo '{self.END}'$1\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith(self.END):
                if int(line[len(self.END) :]) != 0:
                    raise RuntimeError("the block failed:\n" + "".join(lines))
                return "".join(lines).replace(self.port, PORT)
            lines.append(line)
        raise RuntimeError("the shell ended:\n" + "".join(lines))

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cells:
    """One namespace for all blocks of python."""

    def __init__(self):
        self.names = {"__name__": "__main__"}

    def run(self, source):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "cell", "exec"), self.names)
        return printed.getvalue()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def essence(text):
    """Without what varies, among it the last bits of doubles: NumPy's arithmetic is not the same on every processor."""
    return DOUBLE.sub(lambda match: f"{float(match[0]):.12g}", VARYING.sub("", text))


def walk(page, folder):
    """Runs the page's blocks: the page with what they printed in it, and how many of them printed something else."""
    os.chdir(folder)
    shell, cells = Shell(folder, free_port()), Cells()
    wrong = 0

    def step(match):
        nonlocal wrong
        kind, source, shown = match.groups()
        print(f"{kind}: {source.splitlines()[0]}", flush=True)
        printed = (shell if kind == "sh" else cells).run(source).strip("\n")
        printed += "\n" if printed else ""
        if essence(shown or "") == essence(printed):
            return match[0]
        wrong += 1
        before, after = (shown or "").splitlines(True), printed.splitlines(True)
        sys.stdout.writelines(difflib.unified_diff(before, after, "the page", "printed"))
        return f"```{kind}\n{source}```\n" + (f"\n```text\n{printed}```\n" if printed else "")

    try:
        return BLOCK.sub(step, page), wrong
    finally:
        shell.stop()


def too_long(_number, _frame):
    raise TimeoutError(f"the walk takes longer than {TIMEOUT_SECONDS} seconds")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("files", nargs="*", metavar="NAME=FILE")
    options = parser.parse_args()
    page_path = options.page.resolve()
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TIMEOUT_SECONDS)
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        for file in options.files:
            name, _, path = file.partition("=")
            (pathlib.Path(folder) / name).symlink_to(pathlib.Path(path).resolve())
        page, wrong = walk(page_path.read_text(), folder)
    if options.write:
        page_path.write_text(page)
    elif wrong:
        sys.exit(f"{wrong} blocks of {options.page} printed something else; --write puts it into the page")


if __name__ == "__main__":
    main()
