#!/usr/bin/python3 -B
"""POST /ingest with keep-alive: requests a second and CPU a request of alertrond, beside civetweb with a handler that does
nothing. In turn, on one core; wrk makes the load on another.

    tests/bench/ingest.py [ROUNDS]

Takes build/release; needs wrk and openssl (Debian: the packages of these names). No broker is needed.
"""

import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

import service  # noqa: E402
from process import Child, free_port, http_get, wait_until  # noqa: E402

PROGRAM = ROOT / "build" / "release" / "alertrond" / "alertrond"
READING = '{"device_id": "edge-1", "features": [50.1, 99.0, 0.51], "ts": 1763800000.25}'
TOKEN, PASSWORD = "0123456789abcdef0123456789abcdef", "open sesame"
OURS, LOADS = (["taskset", "-c", str(core)] for core in sorted(os.sched_getaffinity(0))[:2])
SECONDS, TICK = 2, os.sysconf("SC_CLK_TCK")


def script(directory, name, authorization):
    """What wrk sends."""
    headers = {"Content-Type": "application/json", **({"Authorization": authorization} if authorization else {})}
    lines = ['wrk.method = "POST"', f"wrk.body = {READING!r}", *(f'wrk.headers["{key}"] = "{value}"' for key, value in headers.items())]
    path = directory / f"{name}.lua"
    path.write_text("\n".join(lines))
    return path


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load(pid, url, sends, connections):
    """(requests/s, CPU microseconds a request) of one round."""
    before = cpu_seconds(pid)
    words = [*LOADS, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", sends, f"{url}/ingest"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    count = int(re.search(r"(\d+) requests in", said)[1])
    return count / SECONDS, (cpu_seconds(pid) - before) / count * 1e6


def sides(directory):
    """name -> (command but for the port, what wrk sends)."""
    made = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout
    for name, text in (("tokens", f"gateway:{TOKEN}\n"), ("users", f"alice:{made}")):
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    compiled = directory / "ingest_civetweb"
    source = pathlib.Path(__file__).with_name("ingest_civetweb.c")
    subprocess.run(["cc", "-O2", source, "-o", compiled, "-lcivetweb"], check=True)
    run = [PROGRAM, "run", "-m", service.train(PROGRAM, directory), "--bootstrap", "127.0.0.1:1", "--http-address=127.0.0.1"]
    asked = [*run, "--http-ingest-access=credentials", f"--http-tokens-file={directory / 'tokens'}", f"--http-users-file={directory / 'users'}"]
    login = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    return {
        "civetweb alone": ([compiled], script(directory, "plain", None)),
        "/ingest, local": ([*run, "--port"], script(directory, "plain", None)),
        "/ingest, with a token": ([*asked, "--port"], script(directory, "token", f"Bearer {TOKEN}")),
        "/ingest, with a password": ([*asked, "--port"], script(directory, "password", f"Basic {login}")),
    }


def main(rounds):
    with tempfile.TemporaryDirectory() as name:
        directory, children, found = pathlib.Path(name), {}, {}
        try:
            for number, (side, (words, sends)) in enumerate(sides(directory).items()):
                port = free_port()
                child = Child(side, [*OURS, *words, port], directory / f"{number}.log", env=service.clean_environment())
                children[side] = child.start(), f"http://127.0.0.1:{port}", sends
            for child, url, _ in children.values():
                wait_until(lambda url=url: http_get(url)[0] == 200, 20, "it answers")
            for _ in range(rounds):
                for connections in (1, 8, 32):
                    for side, (child, url, sends) in children.items():
                        found.setdefault((connections, side), []).append(load(child.pid, url, sends, connections))
        finally:
            for child, _, _ in children.values():
                child.stop()
    print("| connections | side | requests/s, best | CPU a request, least |\n|---|---|---|---|")
    for (connections, side), results in found.items():
        rates, costs = zip(*results)
        print(f"| {connections} | {side} | {max(rates):,.0f} | {min(costs):.1f} us |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
