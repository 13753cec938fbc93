"""compose_engine: a Docker engine of the tests' own, and images made here under the names of those that compose.yaml pins.

Nothing can be assumed of the machine but root, control groups and overlay file systems, and Debian's packages docker.io,
docker-compose and debootstrap. The engine touches neither iptables nor forwarding and has no bridge of its own; its images
are kept in build/compose for the next run, and all else goes when it stops.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile
import zlib

import broker
import paths
from process import Child, Failure

KEPT = paths.ROOT / "build" / "compose"
ROOM = paths.ROOT / "tests" / "compose"
BASE = "debian:bookworm-slim"
# What a slim image leaves out; and what belongs to a running machine.
LEFT_OUT = ["dev", "proc", "sys", "var/lib/apt/lists/*", "var/cache/apt/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*"]
MONITORING = [["prometheus"], ["promtool"], ["amtool"], ["prometheus-alertmanager", "alertmanager"]]  # the images' names last
PROGRAMS = {"dockerd": "docker.io", "docker": "docker.io", "debootstrap": "debootstrap"}


class Unavailable(Exception):
    """No engine can be had here; says why."""


class Engine:
    """dockerd. Unavailable where none can run.

    Its sockets are in a folder of a short name, as such paths have a limit. It is the same each time, so that what was left
    by tests that were killed is found, and killed, by the engine that starts next.
    """

    def __init__(self):
        missing = [f"{name} (Debian: {package})" for name, package in PROGRAMS.items() if not shutil.which(name)]
        if os.geteuid() != 0:
            raise Unavailable("only root can start an engine")
        if missing:
            raise Unavailable(f"missing: {', '.join(missing)}")
        self._run = pathlib.Path(f"/run/alertron-tests-{zlib.crc32(bytes(paths.ROOT)):08x}")
        socket = f"unix://{self._run / 'd.sock'}"
        KEPT.mkdir(parents=True, exist_ok=True)
        words = ["dockerd", "--data-root", KEPT / "docker", "--exec-root", self._run / "exec", "--pidfile", self._run / "d.pid"]
        words += ["-H", socket, "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        self._child = Child("the Docker engine", words, KEPT / "engine.log")
        self._lock = open(KEPT / "lock", "w")
        self.environment = {**os.environ, "DOCKER_HOST": socket, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}

    def start(self):
        """Unavailable where it does not come up."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._run.mkdir(exist_ok=True)
        (self._run / "d.pid").unlink(missing_ok=True)
        (KEPT / "engine.log").unlink(missing_ok=True)
        try:
            self._child.start().await_ready(lambda: self.docker("version", check=False).returncode == 0, 60)
        except Failure as failure:
            lines = str(failure).splitlines()  # of its log the last one, which has the reason
            raise Unavailable(f"{lines[0]} {lines[-1].strip()}") from failure
        return self

    def stop(self):
        """Also what it, or one that was killed, leaves behind: mounts, and its folder."""
        self._child.stop(60)
        for left in (self._run / "exec" / "netns" / "default", KEPT / "docker"):
            subprocess.run(["umount", left], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._run, ignore_errors=True)
        self._lock.close()

    def docker(self, *words, check=True, seconds=600, **how):
        """Runs `docker WORDS`; Failure, with what it said, where it fails."""
        run = subprocess.run(
            ["docker", *map(str, words)], env=self.environment, stdin=how.pop("stdin", subprocess.DEVNULL),
            capture_output=True, text=True, timeout=seconds, **how
        )
        if check and run.returncode != 0:
            raise Failure(f"docker {' '.join(map(str, words[:3]))} ... failed:\n{(run.stdout + run.stderr)[-3000:]}")
        return run

    def has(self, image):
        return self.docker("image", "inspect", image, check=False).returncode == 0

    # ---- images ----

    def make_images(self, pinned):
        """Under their pinned names: {"kafka": "apache/kafka:4.1.0", ...}; with layers that are kept from an earlier run.
        Unavailable where no container runs at all."""
        if not self.has(BASE):
            self._make_base()
        try:
            self.docker("run", "--rm", "--network", "none", BASE, "true")
        except Failure as failure:
            raise Unavailable(str(failure)) from failure
        makers = {"kafka": self._kafka, "prometheus": self._monitoring, "alertmanager": self._monitoring}
        makers.update({"slack": self._python, "alertrond": self._alertrond})
        for service, image in pinned.items():
            with tempfile.TemporaryDirectory(dir=KEPT) as context:
                words = makers[service](pathlib.Path(context), service)
                self.docker("build", "--network", "host", "-t", image, *words)
        self.docker("image", "prune", "--force", "--filter", "until=72h")  # what earlier runs have left

    def _make_base(self):
        with tempfile.TemporaryDirectory(dir=KEPT) as root, open(KEPT / "debootstrap.log", "w") as log:
            words = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root]
            if subprocess.run(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode != 0:
                raise Failure(f"debootstrap failed: see {log.name}")
            words = ["tar", "-C", root, *(f"--exclude=./{path}" for path in LEFT_OUT), "-c", "."]
            with subprocess.Popen(words, stdout=subprocess.PIPE) as packing:
                self.docker("import", "-c", 'CMD ["bash"]', "-", BASE, stdin=packing.stdout)

    def _kafka(self, context, _):
        broker.fetch_kafka()
        _link_tree(paths.KAFKA_JARS / "libs", context / "libs")
        shutil.copy(_fetch_tools(), context / "libs")
        for script in ("kafka-run", "kafka-topics.sh"):
            shutil.copy(ROOM / script, context)
        return ["-f", ROOM / "kafka.Dockerfile", context]

    def _monitoring(self, context, target):
        for part in ("bin", "pages"):
            (context / part).mkdir()
        for names in MONITORING:
            program, folder = paths.monitoring_program(*names)
            _link(program, context / "bin" / names[-1])
        pages = pathlib.Path(folder or "/", "usr/share/prometheus")
        if pages.is_dir():  # those who do not come from Debian have them inside
            _link_tree(pages, context / "pages")
        return ["-f", ROOM / "monitoring.Dockerfile", "--target", target, context]

    def _python(self, context, _):
        return ["-f", ROOM / "python.Dockerfile", context]

    def _alertrond(self, _, __):
        """The product's own, from its Dockerfile as it is."""
        return ["-f", paths.DEPLOY / "compose" / "Dockerfile", paths.ROOT]


def _fetch_tools():
    """The jar of Kafka's command line tools, through Maven, once."""
    jar = KEPT / f"kafka-tools-{broker.KAFKA_VERSION}.jar"
    if not jar.exists():
        with tempfile.TemporaryDirectory(dir=KEPT) as part:
            words = ["mvn", "-q", "-B", f"-Dmaven.repo.local={part}/repository", "org.apache.maven.plugins:maven-dependency-plugin:copy"]
            words += [f"-Dartifact=org.apache.kafka:kafka-tools:{broker.KAFKA_VERSION}", f"-DoutputDirectory={part}"]
            run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
            if run.returncode != 0:
                raise Failure(f"Kafka's tools could not be fetched with Maven:\n{run.stdout[-2000:]}")
            os.rename(pathlib.Path(part) / jar.name, jar)
    return jar


def _link_tree(source, target):
    """A copy for a build, which takes only what is below its context."""
    shutil.copytree(source.resolve(), target, copy_function=_link, symlinks=True, dirs_exist_ok=True)


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
