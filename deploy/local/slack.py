"""slack: a local stand-in for Slack's incoming webhooks, and for a dead-man's switch.

POST /services/NAME  takes a message for the channel NAME as Slack does: `ok`, or Slack's word for what is wrong with it
POST /watchdog       a call of the dead-man's switch
GET /                the messages, as Slack would show them
GET /messages        the same as JSON, oldest first
GET /requests        every message that came, with the status it was answered: also what was refused
GET /watchdog        when the dead-man's switch was called, as JSON: [{"seconds": since 1970, "status": "firing"}]
POST /fail           {"status": 500, "times": 3} or {"status": 429, "seconds": 6}: what comes next is answered so, the
                     seconds counted from the first of it; several are one after the other
"""

import argparse
import collections
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse

import slackmessage

MAX_BODY_BYTES = 1 << 20
MAX_REQUESTS = 10000  # older ones are forgotten
_NAME = re.compile(r"/services/([\w-]+(?:/[\w-]+)*)")
WORDS = {429: "rate_limited", 403: "action_prohibited", 404: "no_service", 410: "channel_is_archived"}


class Failing:
    """Answers with a status so many times, or for so many seconds from the first on."""

    def __init__(self, status, times=None, seconds=None):
        if not 400 <= status <= 599 or (times is None) == (seconds is None) or not 0 < (times or seconds) <= 1000:
            raise ValueError
        self.status = status
        self._times = times
        self._seconds = seconds
        self._until = None

    def next(self):
        """Whether this one is answered so, too."""
        if self._times is not None:
            self._times -= 1
            return self._times >= 0
        self._until = self._until or time.monotonic() + self._seconds
        return time.monotonic() < self._until


class Slack:
    """What came, and how it was answered."""

    def __init__(self, keep, failures):
        self._lock = threading.Lock()
        self._requests = collections.deque(maxlen=MAX_REQUESTS)
        self._calls = collections.deque(maxlen=MAX_REQUESTS)
        self._failures = collections.deque(failures)
        self._keep = keep

    def receive(self, name, body):
        """(status, word) for a message to the webhook of that name."""
        with self._lock:
            payload = None
            try:
                payload = slackmessage.parse(body)
                status, word = self._next_failure() or (200, "ok")
            except slackmessage.Refused as refused:
                status, word = refused.status, refused.word
            channel = (payload or {}).get("channel") or "#" + name.rsplit("/", 1)[-1]
            request = {"at": time.strftime("%Y-%m-%d %H:%M:%S"), "seconds": time.time(), "channel": channel}
            request.update(status=status, word=word, payload=payload)
            self._requests.append(request)
            if self._keep:
                self._keep.write(json.dumps(request) + "\n")
                self._keep.flush()
            return status, word

    def call(self, body):
        try:
            status = json.loads(body)["status"]
        except (ValueError, TypeError, KeyError, RecursionError):
            status = None
        with self._lock:
            self._calls.append({"seconds": time.time(), "status": status})

    def fail(self, failing):
        with self._lock:
            self._failures.append(failing)

    def calls(self):
        with self._lock:
            return list(self._calls)

    def requests(self):
        with self._lock:
            return list(self._requests)

    def messages(self):
        return [{**one, **slackmessage.summary(one["payload"])} for one in self.requests() if one["status"] == 200]

    def page(self):
        calls = self.calls()
        last = time.strftime("%H:%M:%S", time.localtime(calls[-1]["seconds"])) if calls else None
        return slackmessage.page(self.messages(), last)

    def _next_failure(self):
        while self._failures:
            if self._failures[0].next():
                status = self._failures[0].status
                return status, WORDS.get(status, "rollup_error")
            self._failures.popleft()
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        slack = self.server.slack
        if self.path == "/":
            self._answer(200, slack.page(), "text/html; charset=utf-8")
            return
        lists = {"/messages": slack.messages, "/requests": slack.requests, "/watchdog": slack.calls}
        if self.path in lists:
            self._answer(200, json.dumps(lists[self.path]()), "application/json")
        else:
            self._answer(404, "no such page\n")

    def do_POST(self):
        body = self._body()
        if body is None:
            return
        webhook = _NAME.fullmatch(self.path)
        if webhook:
            status, word = self.server.slack.receive(webhook[1], body)
            self._answer(status, word, retry=status == 429)
        elif self.path == "/fail":
            self._fail(body)
        elif self.path == "/watchdog":
            self.server.slack.call(body)
            self._answer(200, "ok")
        else:
            self._answer(404, "no_service")

    def _body(self):
        """The message in the request; None where it was answered already."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413 if length.isdigit() else 411, "invalid_payload")
            return None
        body = self.rfile.read(int(length))
        # Slack takes a form's field `payload`, and JSON whatever the content type says.
        if self.headers.get_content_type() == "application/x-www-form-urlencoded" and body.startswith(b"payload="):
            body = urllib.parse.unquote_to_bytes(body[len(b"payload=") :].replace(b"+", b" "))
        return body

    def _fail(self, body):
        try:
            self.server.slack.fail(Failing(**json.loads(body)))
        except (ValueError, TypeError):
            self._answer(400, 'say {"status": 400 to 599, "times": 1 to 1000}, or "seconds" in place of "times"\n')
            return
        self._answer(200, "ok")

    def _answer(self, status, text, content_type="text/plain; charset=utf-8", retry=False):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if retry:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *values):
        sys.stderr.write(f"{self.log_date_time_string()} {form % values}\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, port, slack):
        self.slack = slack
        super().__init__((address, port), Handler)


def _failure(word):
    status, _, times = word.partition(":")
    return Failing(int(status), int(times or 1))


def main():
    parser = argparse.ArgumentParser(description="A local stand-in for Slack's incoming webhooks.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) is a free one, which is printed")
    parser.add_argument("--address", default="127.0.0.1", help="to listen on (default 127.0.0.1)")
    parser.add_argument("--keep", metavar="FILE", help="append every request to this file, a JSON object a line")
    parser.add_argument("--fail", type=_failure, action="append", default=[], metavar="STATUS:TIMES",
                        help="answer the first messages so; may be given again")
    options = parser.parse_args()
    keep = open(os.fspath(options.keep), "a", encoding="utf-8") if options.keep else None
    server = Server(options.address, options.port, Slack(keep, options.fail))
    print(f"http://{options.address}:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
