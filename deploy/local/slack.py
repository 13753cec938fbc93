"""slack: a local stand-in for Slack's incoming webhooks.

POST /services/...  takes a message as Slack does: `ok`, or Slack's word for what is wrong with it
GET /               the messages, as Slack would show them
GET /messages       the same as JSON, oldest first
GET /requests       every message that came, with the status it was answered: also what was refused
POST /fail          {"status": 500, "times": 3}: the next messages are answered with that status
"""

import argparse
import collections
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse

import slackmessage

MAX_BODY_BYTES = 1 << 20
MAX_REQUESTS = 10000  # older ones are forgotten
WORDS = {429: "rate_limited", 403: "action_prohibited", 404: "no_service", 410: "channel_is_archived"}


class Channel:
    """What came, and how it was answered."""

    def __init__(self, keep, failures):
        self._lock = threading.Lock()
        self._requests = collections.deque(maxlen=MAX_REQUESTS)
        self._failures = collections.deque(failures)
        self._keep = keep

    def receive(self, body):
        """(status, word) for a message."""
        with self._lock:
            payload = None
            try:
                payload = slackmessage.parse(body)
                status, word = self._next_failure() or (200, "ok")
            except slackmessage.Refused as refused:
                status, word = refused.status, refused.word
            request = {"at": time.strftime("%Y-%m-%d %H:%M:%S"), "seconds": time.time(), "status": status, "payload": payload}
            self._requests.append(request)
            if self._keep:
                self._keep.write(json.dumps(request) + "\n")
                self._keep.flush()
            return status, word

    def fail(self, status, times):
        with self._lock:
            self._failures.append([status, times])

    def requests(self):
        with self._lock:
            return list(self._requests)

    def messages(self):
        return [{**one, **slackmessage.summary(one["payload"])} for one in self.requests() if one["status"] == 200]

    def _next_failure(self):
        if not self._failures:
            return None
        status = self._failures[0][0]
        self._failures[0][1] -= 1
        if self._failures[0][1] <= 0:
            self._failures.popleft()
        return status, WORDS.get(status, "rollup_error")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        channel = self.server.channel
        if self.path == "/":
            self._answer(200, slackmessage.page(channel.messages()), "text/html; charset=utf-8")
        elif self.path == "/messages":
            self._answer(200, json.dumps(channel.messages()), "application/json")
        elif self.path == "/requests":
            self._answer(200, json.dumps(channel.requests()), "application/json")
        else:
            self._answer(404, "no such page\n")

    def do_POST(self):
        body = self._body()
        if body is None:
            return
        if self.path == "/fail":
            self._fail(body)
        elif self.path.startswith("/services/"):
            status, word = self.server.channel.receive(body)
            self._answer(status, word, retry=status == 429)
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
            asked = json.loads(body)
            status, times = int(asked["status"]), int(asked["times"])
            if not (400 <= status <= 599 and 1 <= times <= 1000):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            self._answer(400, 'say {"status": 400 to 599, "times": 1 to 1000}\n')
            return
        self.server.channel.fail(status, times)
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

    def __init__(self, port, channel):
        self.channel = channel
        super().__init__(("127.0.0.1", port), Handler)


def _failure(word):
    status, _, times = word.partition(":")
    return [int(status), int(times or 1)]


def main():
    parser = argparse.ArgumentParser(description="A local stand-in for Slack's incoming webhooks.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (default) is a free one, which is printed")
    parser.add_argument("--keep", metavar="FILE", help="append every request to this file, a JSON object a line")
    parser.add_argument("--fail", type=_failure, action="append", default=[], metavar="STATUS:TIMES",
                        help="answer the first messages so; may be given again")
    options = parser.parse_args()
    keep = open(os.fspath(options.keep), "a", encoding="utf-8") if options.keep else None
    server = Server(options.port, Channel(keep, options.fail))
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
