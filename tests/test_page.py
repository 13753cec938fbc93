"""The status page, in a headless Chromium: what it shows of a service that scores, and what it does not let happen.

Skipped where there is no Chromium (Debian: chromium).
"""

import json
import re
import subprocess
import urllib.error
import urllib.request

import broker as broker_room
import browser as browser_room
import pytest
import service as service_room
from process import free_port, http_get, http_post, wait_until

FEATURES = "temperature, pressure, vibration"
NORMAL, ANOMALOUS = [50, 100, 0.5], [90, 190, 3.0]

MARKUP = "<img src=x onerror=\"window.owned=1;console.error('owned')\">"
SCRIPT = "'\"></td><script>window.owned=1</script><svg onload=window.owned=1>"
TURNED = "pump-\u202e\u05d0\u05d1 moc.live\u2066"
LONGEST = "n" * 252 + "</b"
SHOWN = {TURNED: "pump-\\u{202e}\u05d0\u05d1 moc.live\\u{2066}"}  # what can't be seen, and what turns text around, is told
HOSTILE = [MARKUP, SCRIPT, TURNED, LONGEST, "javascript:window.owned=1", "__proto__", "constructor", "&lt;b&gt;"]

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "img-src": "'self' data:",
    "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
}
PATHS = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/status.json": "application/json"}

# Names of devices as they are shown, in order.
DEVICES = "[...document.querySelectorAll('#devices .id')].map(one => one.textContent)"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if not browser_room.find():
        pytest.skip("no Chromium is here (Debian: chromium), so the status page was not looked at")
    with browser_room.Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def visit(chromium):
    """visit(url, ...) opens a page, which is closed after the test and must have had no trouble."""
    opened = []

    def open_page(url, **looks):
        opened.append(chromium.open(url, **looks))
        return opened[-1]

    yield open_page
    for page in opened:
        page.look()
        page.close()


@pytest.fixture(scope="module")
def live(program, model, tmp_path_factory):
    """A service that scores a generator's readings, five devices', a fifth of them anomalous."""
    directory = tmp_path_factory.mktemp("live")
    broker = broker_room.EmbeddedBroker(program, directory)
    options = ["--model-feature-names", FEATURES]
    service = generator = None
    try:
        broker.start()
        service = service_room.Service(program, directory, model, broker.bootstrap, free_port(), options=options)
        service.start().await_ready()
        generator = service_room.Generator(program, directory, broker.bootstrap, rate=100, anomalies=0.2).start()
        yield service
    finally:
        for one in filter(None, (generator, service, broker)):
            one.stop()


@pytest.fixture
def alone(run_service):
    """alone(options...) starts a service without a broker, which is never ready, and scores what it is sent."""

    def start(*options):
        service = run_service("127.0.0.1:1", options=options, wait=False)
        wait_until(lambda: http_get(f"{service.url}/healthz")[0] == 200, 20, "it answers")
        return service

    return start


def send(service, device, features):
    status, answer = http_post(f"{service.url}/ingest", json.dumps({"device_id": device, "features": features}).encode())
    assert status == 200, answer
    return json.loads(answer)


def no_trouble(page, url):
    """Nothing on the console, and nothing asked of anybody else."""
    page.look()
    assert page.troubles == []
    assert {re.match(r"[a-z]+:(//[^/]+)?", one)[0] for one in page.requests} <= {url, "data:"}


def number(text):
    return float(text.replace(",", ""))


# --- what is answered ---


def answer(url, path, accept="text/html"):
    request = urllib.request.Request(url + path, headers={"Accept": accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as said:
        return said.headers, said.read()


@pytest.mark.quick
def test_the_page_and_its_parts_come_with_a_strict_policy(live):
    for path, kind in PATHS.items():
        headers, body = answer(live.url, path)
        policy = dict(one.strip().split(" ", 1) for one in headers["Content-Security-Policy"].split(";"))
        assert policy == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"].split(";")[0] == kind
        assert len(body) > 500
    assert b"style=" not in answer(live.url, "/")[1] and b" on" + b"load" not in answer(live.url, "/")[1]
    assert b"GET  /metrics" in answer(live.url, "/", accept="*/*")[1]


@pytest.mark.quick
def test_the_page_can_be_switched_off(alone):
    off = alone("--http-status-page=false")
    for path in PATHS:
        request = urllib.request.Request(off.url + path, headers={"Accept": "text/html"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        assert refused.value.code == 404
        assert b"http.status_page" in refused.value.read()
    assert http_get(f"{off.url}/")[0] == 200, "the list of paths is for everybody else"
    assert http_get(f"{off.url}/metrics")[0] == 200


@pytest.mark.quick
def test_the_page_is_for_those_who_may_read_metrics(alone):
    closed = alone("--http-metrics-access", "nobody")
    for path in ("/", "/status.json"):
        assert refused(closed, path) == (403, None)
    assert http_get(f"{closed.url}/")[0] == 200, "the list of paths is for everybody"


def refused(service, path):
    """The status and the challenge of an answer to a browser."""
    with pytest.raises(urllib.error.HTTPError) as error:
        answer(service.url, path)
    return error.value.code, error.value.headers["WWW-Authenticate"]


def test_a_browser_is_asked_for_credentials_once(alone, visit, tmp_path):
    users = tmp_path / "users"
    made = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True, check=True)
    users.write_text(f"ops:{made.stdout}")
    users.chmod(0o600)
    closed = alone("--http-metrics-access", "credentials", "--http-users-file", users)
    for path in ("/", "/status.json"):
        assert refused(closed, path) == (401, 'Basic realm="alertrond"')
    page = visit(closed.url.replace("//", "//ops:secret@"))
    page.await_true("document.getElementById('health-text').textContent.startsWith('Not ready')")
    assert page.evaluate("document.getElementById('gone').hidden")


# --- what is shown ---


def test_figures_are_live(live, visit):
    page = visit(live.url)
    page.await_true("document.body.classList.contains('ready')")
    page.await_true("document.querySelectorAll('#devices tr').length === 5")
    page.await_true("document.querySelectorAll('#latest tr').length >= 10")
    seen = page.evaluate("document.getElementById('readings-note').textContent")
    page.await_true(f"document.getElementById('readings-note').textContent !== {json.dumps(seen)}")
    wait_until(lambda: 50 < number(page.evaluate("document.getElementById('rate').textContent")) < 200, 20, "the rate is that of the generator")
    assert number(page.evaluate("document.getElementById('anomalies').textContent")) > 10
    assert page.evaluate("[...document.querySelectorAll('#severities li')].map(one => one.textContent.split(' ')[0])") == ["low", "medium", "high"]
    assert sorted(page.evaluate(DEVICES)) == [f"edge-{i}" for i in range(1, 6)]
    strips = page.evaluate("[...document.querySelectorAll('.strip')].map(one => [[...one.querySelectorAll('path')].map(bars => bars.getAttribute('d')).join('').length, one.children[4].getAttribute('y1')])")
    thresholds = {y for _, y in strips}
    assert all(length > 20 for length, _ in strips) and len(thresholds) == 1 and 0 < float(thresholds.pop()) < 28
    features = set(page.evaluate("[...document.querySelectorAll('#latest .feature')].map(one => one.textContent)"))
    assert features <= set(FEATURES.split(", ")) and features
    shares = page.evaluate("[...document.querySelectorAll('#latest tr')].map(row => [...row.querySelectorAll('.share')].map(one => Number(one.getAttribute('width'))))")
    assert all(one == sorted(one, reverse=True) and 0 < sum(one) <= 100.2 for one in shares)
    model = page.evaluate("document.getElementById('model').textContent")
    assert "200 trees, 3 features" in model and "none" in model
    assert "4 partitions of readings" in page.evaluate("document.getElementById('lag-note').textContent")
    no_trouble(page, live.url)


def test_hostile_names_are_text(alone, visit):
    quiet = alone()
    page = visit(quiet.url)
    for name in HOSTILE:
        send(quiet, name, NORMAL)
        assert send(quiet, name, ANOMALOUS)["anomaly"]
    page.await_true(f"document.querySelectorAll('#latest tr').length >= {len(HOSTILE)}")
    page.await_true(f"document.querySelectorAll('#devices tr').length >= {len(HOSTILE)}")
    shown = {SHOWN.get(name, name) for name in HOSTILE}
    assert sorted(page.evaluate(DEVICES)) == sorted(shown)
    assert set(page.evaluate("[...document.querySelectorAll('#latest .id')].map(one => one.textContent)")) == shown
    assert page.evaluate("window.owned === undefined && document.images.length === 0 && document.scripts.length === 1")
    # A name that turns the direction of text does not turn what stands beside it.
    assert page.evaluate("[...document.querySelectorAll('.id')].every(one => getComputedStyle(one).unicodeBidi.startsWith('isolate'))")
    for width in (1280, 360):
        page.resize(width, 740)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    no_trouble(page, quiet.url)


def test_names_of_features_are_text_too(alone, visit):
    named = alone("--model-feature-names", f"{MARKUP},<b>p</b>,v")
    page = visit(named.url)
    send(named, "a", ANOMALOUS)
    page.await_true("document.querySelectorAll('#latest tr').length === 1")
    shown = page.evaluate("[...document.querySelectorAll('#latest .feature')].map(one => one.textContent)")
    assert set(shown) <= {MARKUP, "<b>p</b>", "v"} and shown
    assert page.evaluate("window.owned === undefined && document.images.length === 0")
    no_trouble(page, named.url)


def test_a_script_that_got_in_would_not_run(live, visit):
    """The policy holds by itself, whatever the page did."""
    page = visit(live.url)
    page.await_true("document.body.classList.contains('ready')")
    page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(MARKUP)})")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.owned = 1'}))")
    page.evaluate("new Promise(done => setTimeout(done, 300))")
    assert page.evaluate("window.owned === undefined")
    assert any("Content Security Policy" in one for one in page.look().troubles)


# --- for whom ---


def test_it_can_be_walked_with_the_keyboard(live, visit):
    page = visit(live.url)
    page.await_true("document.body.classList.contains('ready')")
    stops = []
    for _ in range(6):
        page.press("Tab", "Tab", 9)
        stops.append(page.evaluate(
            "(one => [one.textContent.trim(), getComputedStyle(one).outlineStyle, one.getBoundingClientRect().left >= 0])(document.activeElement)"
        ))
    assert [name for name, _, _ in stops] == ["Skip to the figures", "Pause", "metrics", "status.json", "readyz", "healthz"]
    assert all(outline == "solid" and visible for _, outline, visible in stops), stops
    page.evaluate("document.getElementById('pause').focus()")
    page.press("Enter", "Enter", 13)
    assert page.evaluate("document.getElementById('pause').textContent") == "Go on"
    page.evaluate("new Promise(done => setTimeout(done, 1200))")
    asked = len(page.look().requests)
    page.evaluate("new Promise(done => setTimeout(done, 2200))")
    assert len(page.look().requests) == asked, "a page that is paused asks nothing"
    page.press("Enter", "Enter", 13)
    wait_until(lambda: len(page.look().requests) > asked, 10, "it goes on")
    no_trouble(page, live.url)


def test_a_screen_reader_finds_its_way(live, visit):
    page = visit(live.url)
    page.await_true("document.querySelectorAll('#devices tr').length > 0")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]}
    roles = {role for role, _ in named}
    assert {"banner", "main", "contentinfo", "navigation", "status", "heading", "table", "columnheader", "rowheader"} <= roles
    assert ("table", "Recent scores by device") in named and ("table", "Latest anomalies") in named
    assert all(name for role, name in named if role in ("image", "img", "link", "button", "table")), named
    assert any(name.startswith("last score 0.") for role, name in named if role in ("image", "img"))
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [320, 360, 768])
def test_narrow_screens_scroll_downwards_only(live, visit, width):
    page = visit(live.url, width=width, height=740, phone=True)
    page.await_true("document.querySelectorAll('#latest tr').length > 3")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = page.evaluate("[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('thead')).map(one => one.outerHTML.slice(0, 80))")
    assert cut == []
    no_trouble(page, live.url)


def contrast(page, selector):
    """Of an element's text to what is behind it, as WCAG counts it."""
    colors = page.evaluate(f"""(one => {{
        let behind = one;
        while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
        return [getComputedStyle(one).color, getComputedStyle(behind).backgroundColor];
    }})(document.querySelector({json.dumps(selector)}))""")
    lights = []
    for color in colors:
        parts = [int(one) / 255 for one in re.findall(r"\d+", color)[:3]]
        linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_dark_mode_is_dark_and_both_can_be_read(live, visit):
    grounds = []
    for dark in (False, True):
        page = visit(live.url, dark=dark)
        page.await_true("document.body.classList.contains('ready')")
        grounds.append(sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor")))))
        for selector in ("#rate", "h2", "#about", "#devices-note", "#model dd", "#health", "footer p"):
            assert contrast(page, selector) >= 4.5, (selector, dark)
        page.evaluate("document.body.className = 'unready'")
        assert contrast(page, "#health") >= 4.5
        page.evaluate("document.body.className = 'lost'")
        assert contrast(page, "#health") >= 4.5
    assert grounds[0] > 600 and grounds[1] < 150


def test_nothing_moves_for_those_who_prefer_so(live, visit):
    moving = "getComputedStyle(document.querySelector('.dot')).animationName"
    for still, name in ((False, "breathe"), (True, "none")):
        page = visit(live.url, still=still)
        page.await_true("document.body.classList.contains('ready')")
        assert page.evaluate(moving) == name


# --- when something is wrong ---


def test_it_says_that_the_service_has_gone_and_goes_on_when_it_is_back(alone, visit):
    service = alone()
    page = visit(service.url)
    send(service, "before", ANOMALOUS)
    page.await_true("document.querySelectorAll('#latest tr').length === 1")
    no_trouble(page, service.url)
    service.kill()
    page.await_true("document.body.classList.contains('lost')")
    assert "has not answered since" in page.evaluate("document.getElementById('gone').textContent")
    assert page.evaluate("document.getElementById('health-text').textContent") == "No answer"
    assert page.evaluate("document.title").startswith("No answer")
    assert page.evaluate(DEVICES) == ["before"], "what is known stays"
    service.start()
    page.await_true("!document.body.classList.contains('lost') && document.getElementById('gone').hidden")
    page.await_true("document.querySelectorAll('#latest tr').length === 0")
    send(service, "after", ANOMALOUS)
    page.await_true(f"{DEVICES}.includes('after')")


def test_it_says_why_the_service_is_not_ready(alone, visit):
    page = visit(alone().url)
    page.await_true("document.body.classList.contains('unready')")
    page.await_true("document.getElementById('health-text').textContent.includes('waiting for a broker at 127.0.0.1:1')")
    page.await_true("document.title === 'Not ready · alertrond'")


def test_it_says_why_it_may_not_look(alone, visit, tmp_path):
    """As where somebody's line was taken out of the file while the page was open."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a" * 32 + "\n")
    tokens.chmod(0o600)
    closed = alone("--http-metrics-access", "credentials", "--http-tokens-file", tokens)
    page = visit("about:blank")
    page.call("Network.setExtraHTTPHeaders", headers={"Authorization": "Bearer " + "a" * 32})
    page.call("Page.navigate", url=closed.url)
    page.await_true("document.getElementById('health-text')?.textContent.startsWith('Not ready')")
    page.call("Network.setExtraHTTPHeaders", headers={})
    page.await_true("document.getElementById('gone').textContent.includes('/status.json was answered 401')")
    assert page.evaluate("document.getElementById('health-text').textContent") == "Refused"
