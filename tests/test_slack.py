"""The Slack stand-in: it refuses what Slack refuses or cuts, fails when told, keeps channels apart, and shows messages
without trusting them."""

import html.parser
import json
import time

import monitoring
import pytest
from process import free_port, http_get, http_post

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def slack(tmp_path_factory):
    made = monitoring.Slack(tmp_path_factory.mktemp("slack"), free_port())
    try:
        yield made.start()
    finally:
        made.stop()


def post(slack, payload, channel="alerts"):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return http_post(f"{slack.url}/services/{channel}", body)


def attached(**attachment):
    return {"attachments": [attachment]}


REFUSED = {
    "nothing": (b"", 400, "invalid_payload"),
    "no JSON": (b"text=hello", 400, "invalid_payload"),
    "half of it": (b'{"text": "x"', 400, "invalid_payload"),
    "NaN": (b'{"text": NaN}', 400, "invalid_payload"),
    "no UTF-8": (b'{"text": "\xff"}', 400, "invalid_payload"),
    "deep nesting": (b"[" * 100000, 400, "invalid_payload"),
    "a list": ([], 400, "invalid_payload"),
    "a number for a text": ({"text": 7}, 400, "invalid_payload"),
    "no text": ({}, 400, "no_text"),
    "an empty text": ({"text": "", "attachments": []}, 400, "no_text"),
    "attachments that are none": ({"attachments": {"text": "x"}}, 400, "invalid_attachments"),
    "101 attachments": ({"attachments": [{"text": "x"}] * 101}, 400, "too_many_attachments"),
    "an empty attachment": (attached(color="good"), 400, "missing_text_or_fallback_or_attachments"),
    "an unknown color": (attached(text="x", color="blue"), 400, "invalid_attachments"),
    "half a color": (attached(text="x", color="#12"), 400, "invalid_attachments"),
    "fields that are none": (attached(text="x", fields=["x"]), 400, "invalid_attachments"),
    "a number for a field": (attached(text="x", fields=[{"title": "x", "value": 7}]), 400, "invalid_attachments"),
    "a text that would be cut": ({"text": "x" * 40001}, 400, "msg_too_long"),
    "an attachment that would be cut": (attached(text="x" * 8001), 400, "invalid_attachments"),
    "a title that would be cut": (attached(title="x" * 1025), 400, "invalid_attachments"),
    "no such channel": ({"text": "x", "channel": "#no channel"}, 404, "channel_not_found"),
}


@pytest.mark.parametrize("payload, status, word", REFUSED.values(), ids=REFUSED.keys())
def test_what_slack_refuses_is_refused_by_its_word(slack, payload, status, word):
    before = len(slack.messages())
    assert post(slack, payload) == (status, word)
    assert len(slack.messages()) == before
    assert slack.requests()[-1]["word"] == word


@pytest.mark.parametrize(
    "payload",
    [{"text": "x" * 40000}, attached(text="x" * 8000, color="#2eb67d"), attached(fallback="x", color="danger"), {"attachments": [{"text": "x"}] * 100}],
    ids=["a long text", "a long attachment", "a fallback", "100 attachments"],
)
def test_what_slack_takes_is_taken(slack, payload):
    assert post(slack, payload) == (200, "ok")
    assert slack.messages()[-1]["payload"] == payload


def test_what_is_no_webhook_is_no_service(slack):
    for path in ("/", "/services/", "/services/../x", "/elsewhere"):
        assert http_post(slack.url + path, b'{"text": "x"}') == (404, "no_service")


def test_a_webhook_has_its_channel_unless_the_message_names_one(slack):
    for path, payload, channel in [("pumps", {}, "#pumps"), ("T0/B0/pumps", {}, "#pumps"), ("pumps", {"channel": "#ops"}, "#ops")]:
        assert post(slack, {"text": "x", **payload}, path)[0] == 200
        assert slack.messages()[-1]["channel"] == channel


def test_it_fails_so_often_or_so_long_as_it_is_told(slack):
    slack.fail(500, times=2)
    slack.fail(429, seconds=0.5)
    assert [post(slack, {"text": "x"}) for _ in range(3)] == [(500, "rollup_error"), (500, "rollup_error"), (429, "rate_limited")]
    time.sleep(0.7)
    assert post(slack, {"text": "x"}) == (200, "ok")


@pytest.mark.parametrize(
    "asked",
    [
        {}, [], {"status": 200, "times": 1}, {"status": 500}, {"status": 500, "times": 0},
        {"status": 500, "times": 1, "seconds": 1}, {"status": "500", "times": 1},
    ],
)
def test_it_does_not_fail_in_a_way_it_does_not_understand(slack, asked):
    assert http_post(f"{slack.url}/fail", json.dumps(asked).encode())[0] == 400
    assert post(slack, {"text": "x"}) == (200, "ok")


class Page(html.parser.HTMLParser):
    """Its tags, its links, its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_a_message_as_slack_does(slack):
    text = "*Device* `edge-3`\nline &amp; line <https://example.test/a?b=1&amp;c=2|Runbook> <!channel>"
    fields = [{"title": "Score", "value": "0.9"}]
    post(slack, attached(title="It &lt;fires&gt;", title_link="https://example.test/graph", text=text, color="danger", fields=fields))
    http_post(slack.watchdog, b"{}")
    page = http_get(slack.url + "/")[1]
    assert 'border-color:#e01e5a' in page
    assert '<a href="https://example.test/graph">It &lt;fires&gt;</a>' in page
    assert "<b>Device</b> <code>edge-3</code><br>line &amp; line" in page
    assert '<a href="https://example.test/a?b=1&amp;c=2">Runbook</a> <span class="mention">@channel</span>' in page
    assert "<b>Score</b><br>0.9" in page
    assert "dead-man's switch was last called at" in page


def test_the_page_loads_nothing_and_runs_nothing_of_what_a_message_says(slack):
    nasty = '</div><script>alert(1)</script><img src=x onerror=alert(1)>"\'&lt;script&gt;`<b>` <javascript:alert(1)|x>'
    nasty += ' <https://example.test/"onmouseover="x|y>'
    attachment = dict.fromkeys(("title", "text", "pretext", "footer"), nasty)
    attachment.update(title_link="javascript:alert(1)", fields=[{"title": nasty, "value": nasty}])
    post(slack, {"text": nasty, "username": nasty, "attachments": [attachment]})
    page = Page(http_get(slack.url + "/")[1])
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert page.addresses and all(one.startswith("https://") for one in page.addresses)
    assert "<script>alert(1)</script>" in page.text
