"""browser: a headless Chromium, spoken to by its DevTools protocol through a pipe; the standard library is enough.

    with Browser(directory) as browser:
        page = browser.open("http://127.0.0.1:8000/", width=360, dark=True)
        page.evaluate("document.title")
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

from process import Failure, wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome")
ANSWER_SECONDS = 30


def find():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def _pipes():
    """Two pipes, clear of the descriptors that the child gives them."""
    first = os.pipe() + os.pipe()
    moved = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in first]
    for one in first:
        os.close(one)
    return moved


class Browser:
    """A Chromium with a profile of its own below `directory`."""

    def __init__(self, directory, program=None):
        self._directory = directory
        self._program = program or find()
        self._number = 0
        self._text = b""
        self._events = []  # that nobody has looked at

    def __enter__(self):
        read, self._out, self._in, written = _pipes()

        def take_ends():
            """In the new child: DevTools are read from descriptor 3 and written to 4."""
            os.dup2(read, 3)
            os.dup2(written, 4)

        words = [self._program, "--headless", "--remote-debugging-pipe",
                 f"--user-data-dir={self._directory}/profile", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb"]
        if os.geteuid() == 0:
            words.append("--no-sandbox")  # it refuses to run as root with it
        with open(self._directory / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False,
                                             preexec_fn=take_ends, start_new_session=True)
        os.close(read)
        os.close(written)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure, OSError):
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def call(self, method, session=None, **parameters):
        """The result of a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            said = self._receive(end - time.monotonic())
            if said is None:
                raise Failure(f"chromium did not answer {method}")
            if said.get("id") == self._number:
                if "error" in said:
                    raise Failure(f"{method}: {said['error']['message']}")
                return said["result"]
            if "method" in said:
                self._events.append(said)

    def take_events(self, session):
        """What the session's page told since the last call: [(method, parameters)]."""
        while (said := self._receive(0.05)) is not None:
            self._events.append(said)
        ours = [(one["method"], one["params"]) for one in self._events if one.get("sessionId") == session]
        self._events = [one for one in self._events if one.get("sessionId") != session]
        return ours

    def _receive(self, seconds):
        """The next message, or None."""
        end = time.monotonic() + seconds
        while b"\0" not in self._text:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                return None
            read = os.read(self._in, 1 << 20)
            if not read:
                raise Failure("chromium has ended; see chromium.log")
            self._text += read
        message, _, self._text = self._text.partition(b"\0")
        return json.loads(message)

    def open(self, url, *, width=1280, height=900, scale=1, dark=False, still=False, phone=False):
        """A new page; `still` is for those who prefer reduced motion."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, target, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height, scale, phone)
        page.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])
        page.call("Page.navigate", url=url)
        page.await_true(f"(location.href !== 'about:blank' || {json.dumps(url)} === 'about:blank') && document.readyState === 'complete'")
        return page


class Page:
    """One tab."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self._session = browser, target, session
        self.troubles = []  # errors on the console, exceptions, violations of the content security policy
        self.requests = []  # every URL that was asked for
        self.failures = []  # requests that had no answer

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def resize(self, width, height, scale=1, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def evaluate(self, script):
        """The value of a JavaScript expression; a promise's when it is kept."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failure(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def await_true(self, script, seconds=20):
        """The first true value of an expression."""
        return wait_until(lambda: self.evaluate(script), seconds, script)

    def press(self, key, code, number):
        for kind in ("rawKeyDown", "char", "keyUp") if key in ("Enter", " ") else ("rawKeyDown", "keyUp"):
            text = {"text": "\r" if key == "Enter" else key} if kind == "char" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, **text)

    def picture(self, path, whole=False):
        """Writes a PNG of what is seen; `whole`: of the page to its end."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **(self._whole() if whole else {}))["data"]
        path.write_bytes(base64.b64decode(data))

    def _whole(self):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def look(self):
        """Takes what has happened into .troubles, .requests and .failures."""
        for method, said in self._browser.take_events(self._session):
            if method == "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            elif method == "Network.loadingFailed" and not said.get("canceled"):
                self.failures.append(said["errorText"])
            elif method == "Runtime.exceptionThrown":
                self.troubles.append(said["exceptionDetails"]["text"])
            elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
                self.troubles.append(str(said["args"]))
            elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
                self.troubles.append(said["entry"]["text"])
        return self

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)
