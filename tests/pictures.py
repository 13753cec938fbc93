#!/usr/bin/env python3
"""pictures: makes those of the documentation, docs/pictures/*.png, of the real thing.

    tests/pictures.py [NAME...]         all, or these: status-page, status-page-dark, status-page-phone, slack-message

Starts deploy/local/up (with $ALERTROND that program, else it builds one), lets it run for two minutes so that the
charts are full and the spike has reached Slack, and looks at it with a headless Chromium (Debian: chromium).
"""

import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

import browser as browser_room  # noqa: E402
from process import Failure, http_get, wait_until  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
CHARTS_SECONDS = 118
START_SECONDS = 900  # it may build first
BYTES_MAX = 150_000

PAGE = "document.querySelectorAll('#latest tr').length > 0"
MESSAGES = "document.body?.innerText.toUpperCase().includes('FIRING')"

# name: (what of deploy/local/up, what must be there, how the page is opened)
SIGHTS = {
    "status-page": ("metrics", PAGE, {"width": 1280, "height": 720}),
    "status-page-dark": ("metrics", PAGE, {"width": 1280, "height": 720, "dark": True}),
    "status-page-phone": ("metrics", PAGE, {"width": 360, "height": 900, "scale": 2, "phone": True}),
    "slack-message": ("Slack", MESSAGES, {"width": 760, "height": 520}),
}


class Stack:
    """A deploy/local/up; .places are the URLs that it tells."""

    def __enter__(self):
        self._output = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen([ROOT / "deploy" / "local" / "up"], stdin=subprocess.DEVNULL, stdout=self._output,
                                         stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.places = wait_until(self._places, START_SECONDS, "deploy/local/up runs", pause=1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(90)
        self._output.close()

    def _places(self):
        text = os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")
        if self._process.poll() is not None:
            raise Failure(f"deploy/local/up has ended:\n{text}")
        places = dict(re.findall(r"^  (\w+) +(http://[0-9.:]+/)", text, re.MULTILINE))
        return places if {"metrics", "Slack"} <= places.keys() else None


def smaller(png):
    """The same picture, compressed with more patience than a browser has."""
    chunks, at = [], 8
    while at < len(png):
        size = struct.unpack(">I", png[at : at + 4])[0]
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += size + 12
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    kept = [chunks[0], (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in kept
    )


def take(browser, name, stack):
    place, there, looks = SIGHTS[name]
    page = browser.open(stack.places[place], still=True, **looks)
    page.await_true(there)
    path = PICTURES / f"{name}.png"
    page.picture(path)
    page.close()
    path.write_bytes(smaller(path.read_bytes()))
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size} bytes{'  MORE THAN WANTED' if size > BYTES_MAX else ''}", flush=True)


def main(names):
    unknown = set(names) - SIGHTS.keys()
    if unknown or not browser_room.find():
        sys.exit(f"There is no picture {unknown.pop()}: see {__doc__}" if unknown else "No Chromium is here (Debian: chromium).")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Stack() as stack, tempfile.TemporaryDirectory() as directory:
        url = stack.places["metrics"]
        wait_until(lambda: http_get(f"{url}readyz")[0] == 200, 60, "alertrond is ready")
        time.sleep(CHARTS_SECONDS)
        with browser_room.Browser(pathlib.Path(directory)) as browser:
            for name in names or SIGHTS:
                take(browser, name, stack)


if __name__ == "__main__":
    main(sys.argv[1:])
