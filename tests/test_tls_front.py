"""deploy/tls: stunnel before alertrond, and a real Prometheus that scrapes through it with a client certificate."""

import json
import os
import re
import shutil
import urllib.parse

import paths
import pytest
from process import Child, free_port, http_get, wait_until
from test_http import certificate, client_context, get

SHIPPED = paths.DEPLOY / "tls" / "alertrond-tls.conf"
SCRAPES = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: with
    scheme: https
    tls_config: {{ca_file: clients-ca.crt, cert_file: client.crt, key_file: client.key}}
    static_configs: [{{targets: ["localhost:{port}"]}}]
  - job_name: without
    scheme: https
    tls_config: {{ca_file: clients-ca.crt}}
    static_configs: [{{targets: ["localhost:{port}"]}}]
  - job_name: stranger
    scheme: https
    tls_config: {{ca_file: clients-ca.crt, cert_file: stranger.crt, key_file: stranger.key}}
    static_configs: [{{targets: ["localhost:{port}"]}}]
"""


@pytest.fixture
def running():
    """running(child) starts a child that is stopped after the test."""
    started = []

    def start(child):
        started.append(child.start())
        return child

    yield start
    for child in started:
        child.stop()


@pytest.fixture
def front(run_service, running, tmp_path):
    """The front's port, before a service without a broker; certificates are in tmp_path."""
    if not shutil.which("stunnel4"):
        pytest.skip("stunnel4 is missing")
    service = run_service(f"127.0.0.1:{free_port()}", wait=False)
    wait_until(lambda: http_get(f"{service.url}/healthz")[0] == 200, 120, "it lives")
    certificate(tmp_path, "clients-ca")
    certificate(tmp_path, "server", "clients-ca")
    certificate(tmp_path, "client", "clients-ca")
    certificate(tmp_path, "stranger")
    port = free_port()
    ours = {
        "accept = 8443": f"accept = 127.0.0.1:{port}",
        "127.0.0.1:8000": service.url.removeprefix("http://"),
        "/etc/alertrond/tls": str(tmp_path),
    }
    if os.geteuid() != 0:  # only root can become another
        ours.update({"setuid = stunnel4\n": "", "setgid = stunnel4\n": ""})
    text = SHIPPED.read_text()
    for old, new in ours.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "front.conf").write_text(text)
    child = running(Child("stunnel", ["stunnel4", tmp_path / "front.conf"], tmp_path / "stunnel.log"))
    good = client_context(tmp_path, "clients-ca", "client")
    child.await_ready(lambda: get(f"https://localhost:{port}/healthz", good) == 200, 120)
    return port


@pytest.mark.quick
def test_the_file_is_one_for_debians_unit():
    """Which is Type=simple, and has no folder for a file of the process id. test_systemd.py has systemd run it."""
    lines = SHIPPED.read_text().splitlines()
    assert "foreground = yes" in lines
    assert not [line for line in lines if line.startswith("pid")]


@pytest.mark.quick
def test_only_clients_with_a_certificate_get_through(front, tmp_path):
    url = f"https://localhost:{front}/metrics"
    assert get(url, client_context(tmp_path, "clients-ca", "client")) == 200
    assert get(url, client_context(tmp_path, "clients-ca")) is None
    assert get(url, client_context(tmp_path, "clients-ca", "stranger")) is None
    assert http_get(f"http://localhost:{front}/metrics")[0] == 0


@pytest.mark.quick
def test_prometheus_scrapes_through_it_with_a_client_certificate(front, running, tmp_path):
    (tmp_path / "prometheus.yml").write_text(SCRAPES.format(port=front))
    port = free_port()
    program, cwd = paths.monitoring_program("prometheus")
    words = [program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    words += [f"--web.listen-address=127.0.0.1:{port}"]
    child = running(Child("Prometheus", words, tmp_path / "prometheus.log", cwd=cwd))
    child.await_ready(lambda: http_get(f"http://127.0.0.1:{port}/-/ready")[0] == 200, 120)

    def up():
        query = urllib.parse.urlencode({"query": "up"})
        status, body = http_get(f"http://127.0.0.1:{port}/api/v1/query?{query}")
        result = json.loads(body)["data"]["result"] if status == 200 else []
        found = {one["metric"]["job"]: one["value"][1] for one in result}
        return len(found) == 3 and found

    assert wait_until(up, 120, "all jobs were scraped") == {"with": "1", "without": "0", "stranger": "0"}
    status, body = http_get(f"http://127.0.0.1:{port}/api/v1/targets")
    assert status == 200 and re.search(r"certificate required|handshake failure|unknown (certificate )?(ca|authority)", body), body
