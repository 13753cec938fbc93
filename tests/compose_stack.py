"""compose_stack: deploy/compose/compose.yaml brought up on an engine, and looked at from outside."""

import json
import os
import re

import paths
from process import Child, Failure, free_port, http_get, wait_until

COMPOSE = paths.DEPLOY / "compose"
PORTS = ("KAFKA_PORT", "ALERTROND_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "SLACK_PORT", "GRAFANA_PORT")
PROJECT = "alertron-test"
FAST = {
    "prometheus/prometheus.yml": {"scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s"},
    "alertmanager/alertmanager.yml": {"group_wait: 10s": "group_wait: 1s", "group_interval: 1m": "group_interval: 5s"},
}


class Stack:
    """What `docker compose up` in deploy/compose brings up, on free ports and with short intervals."""

    def __init__(self, engine, directory):
        self._engine = engine
        self._log = directory / "compose.log"
        self.ports = {name: free_port() for name in PORTS}
        own = {name: value for name, value in engine.environment.items() if not name.startswith(("KAFKA_", "ALERTROND_"))}
        own.update({name: str(port) for name, port in self.ports.items()}, TEST_CONFIGURATION=str(directory))
        self._environment = own
        self._program = self._choose(directory)
        for source, replacements in FAST.items():
            text = (COMPOSE / source).read_text()
            for old, new in replacements.items():
                assert old in text, f"{source} has no {old!r}, which would be replaced here"
                text = text.replace(old, new)
            (directory / os.path.basename(source)).write_text(text)

    def _choose(self, directory):
        """Compose v2 where it is there; else Debian's v1, which reads the same file but for the project's name."""
        file = COMPOSE / "compose.yaml"
        self.is_v2 = self._engine.docker("compose", "version", check=False).returncode == 0
        if not self.is_v2:
            file = directory / "compose.yaml"
            file.write_text(re.sub(r"^name: .*\n", "", (COMPOSE / "compose.yaml").read_text(), flags=re.MULTILINE))
        words = ["docker", "compose"] if self.is_v2 else ["docker-compose"]
        files = ["-f", file, "-f", paths.ROOT / "tests" / "compose" / "override.yaml"]
        return [*words, "--project-directory", COMPOSE, "-p", PROJECT, *files]

    def compose(self, *words, seconds=120):
        """Runs `docker compose WORDS`; Failure, with what it said, where it fails or takes longer."""
        child = Child("compose " + " ".join(words), [*self._program, *words], self._log, env=self._environment)
        try:
            status = child.start().wait(seconds)
        finally:
            child.kill()  # nothing is to be made while `down` takes it away
        if status != 0:
            raise Failure(f"{child.name} failed.\n{child.tail(40)}")

    def up(self, services):
        self.down()  # what tests that were killed have left
        self.compose("up", "-d", "--no-build", *services)
        return self

    def down(self):
        self.compose("down", "-v", "-t", "20")

    def inspect(self, service):
        """What the engine knows of a service's container."""
        name = self._engine.docker(
            "ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}",
            "--filter", f"label=com.docker.compose.service={service}",
        ).stdout.split()
        assert len(name) == 1, f"{service} has {len(name)} containers"
        return json.loads(self._engine.docker("inspect", name[0]).stdout)[0]

    def log(self, service):
        both = self._engine.docker("logs", self.inspect(service)["Id"])
        return both.stdout + both.stderr

    def health(self, service):
        return self.inspect(service)["State"].get("Health", {}).get("Status")

    def await_healthy(self, service, seconds=90):
        try:
            wait_until(lambda: self.health(service) == "healthy", seconds, f"{service} is healthy", pause=0.5)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log(service)[-2000:]}") from failure

    def get(self, port, path):
        status, body = http_get(f"http://127.0.0.1:{self.ports[port]}{path}")
        assert status == 200, body
        return body

    def messages(self):
        """What reached the Slack stand-in."""
        return json.loads(self.get("SLACK_PORT", "/messages"))

    @property
    def bootstrap(self):
        """The broker's listener for programs on this machine."""
        return f"127.0.0.1:{self.ports['KAFKA_PORT']}"
