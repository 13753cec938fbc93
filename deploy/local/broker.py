"""broker: what carries the readings: alertrond's embedded broker, or a real Apache Kafka of one or more nodes."""

import base64
import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import uuid

import paths
from process import Child, Failure, free_port

KAFKA_VERSION = "4.1.0"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>alertron</groupId><artifactId>local-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

_ADDRESS = re.compile(r"\S+:\d+\n")


class EmbeddedBroker:
    """`alertrond broker`: Kafka's protocol, in memory, for a look and for quick tests."""

    # With two workers it now and then needs a session's time or two to share out the partitions.
    service_options = ["--kafka-workers", "1"]

    def __init__(self, program, directory):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._address = directory / "broker.address"
        self._child = Child("the embedded broker", [program, "broker"], directory / "broker.log", output=self._address)
        self.children = [self._child]
        self.bootstrap = None

    def start(self):
        self._child.start().await_ready(lambda: _ADDRESS.match(self._address.read_text()), 60)
        self.bootstrap = self._address.read_text().splitlines()[0]
        return self

    def stop(self):
        self._child.stop()


class Kafka:
    """A Kafka cluster in KRaft mode; each node is broker and controller. Its data is in `directory`.

    Beside the plain listener it has `listeners`, {name: security protocol}, on ports of their own; `settings` are more
    lines of its configuration, `users` those of SCRAM, {name: password}, and `java` more words for the JVM.
    """

    def __init__(self, directory, nodes=1, heap_megabytes=512, *, listeners=None, settings=None, users=None, java=()):
        self.directory = pathlib.Path(directory)
        self._heap = heap_megabytes
        self._protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **(listeners or {})}
        self._settings = settings or {}
        self._users = users or {}
        self._java = list(java)
        self._cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._ports = {node: {name: free_port() for name in self._protocols} for node in range(1, nodes + 1)}
        self.nodes = {node: self._child(node) for node in self._ports}
        self.bootstrap = self.bootstrap_of("PLAINTEXT")

    def bootstrap_of(self, listener):
        return ",".join(self._address(node, listener) for node in self._ports)

    def _address(self, node, listener):
        """Certificates are for a name, so that is what encrypted listeners go by."""
        host = "localhost" if self._protocols[listener].endswith("SSL") else "127.0.0.1"
        return f"{host}:{self._ports[node][listener]}"

    @property
    def children(self):
        return list(self.nodes.values())

    def start(self):
        fetch_kafka()
        for node in self._ports:
            self._format(node)
        for node in self.nodes:
            self.start_node(node)
        self.await_ready()
        return self

    def start_node(self, node):
        """Starts one node (again), without waiting for it."""
        self.nodes[node].start()

    def await_ready(self, seconds=120):
        """Waits until each running node knows of all running nodes."""
        running = [node for node, child in self.nodes.items() if child.running]
        for node in running:
            client = self._ports[node]["PLAINTEXT"]
            self.nodes[node].await_ready(lambda: len(known_brokers("127.0.0.1", client)) >= len(running), seconds)

    def stop(self):
        for child in self.nodes.values():
            child.signal(15)
        for child in self.nodes.values():
            child.stop(15)

    def _child(self, node):
        # A JVM otherwise leaves hsperfdata and unpacked libraries in the system's /tmp.
        java = ["java", "-Xms128m", f"-Xmx{self._heap}m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        java += [f"-Djava.io.tmpdir={self.directory}", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        java += [*self._java, "kafka.Kafka", self._properties(node)]
        return Child(f"Kafka (node {node})", java, self.directory / f"kafka-{node}.log", env=_java_environment())

    def _properties(self, node):
        return self.directory / f"kafka-{node}.properties"

    def _format(self, node):
        self.directory.mkdir(parents=True, exist_ok=True)
        self._properties(node).write_text(self._configuration(node))
        java = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", f"-Djava.io.tmpdir={self.directory}"]
        java += ["kafka.tools.StorageTool", "format", f"--cluster-id={self._cluster}", "-c", self._properties(node)]
        for name, password in self._users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                java += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        log = self.directory / f"kafka-{node}.format.log"
        formatting = Child("formatting Kafka's storage", java, log, env=_java_environment()).start()
        if formatting.wait(60) != 0:
            raise Failure(f"Kafka's storage could not be formatted.\n{formatting.tail()}")

    def _configuration(self, node):
        voters = ",".join(f"{other}@{self._address(other, 'CONTROLLER')}" for other in self._ports)
        listeners = {name: f"{name}://{self._address(node, name)}" for name in self._protocols}
        protocols = ",".join(f"{name}:{protocol}" for name, protocol in self._protocols.items())
        replicas = min(3, len(self._ports))
        in_sync = max(1, replicas - 1)
        # A properties file takes a backslash as an escape.
        data = str(self.directory / f"kafka-{node}.data").replace("\\", "\\\\")
        lines = {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": voters,
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(text for name, text in listeners.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": protocols,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": data,
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            # Consumers of a fresh group get their partitions at once.
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            **self._settings,
        }
        return "".join(f"{key}={value}\n" for key, value in lines.items())


def _java_environment():
    return {**os.environ, "CLASSPATH": f"{paths.KAFKA_JARS / 'libs'}/*"}


def fetch_kafka():
    """Kafka's jars, through Maven, once."""
    if (paths.KAFKA_JARS / "libs").is_dir():
        return
    for command in ("java", "mvn"):
        if not shutil.which(command):
            raise paths.Missing(f"{command} is missing, which fetches or runs Kafka: deploy/local/up --kafka installs it.")
    paths.KAFKA_JARS.mkdir(parents=True, exist_ok=True)
    with open(paths.KAFKA_JARS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (paths.KAFKA_JARS / "libs").is_dir():
            _fetch_jars()


def _fetch_jars():
    part = paths.KAFKA_JARS / "part"
    shutil.rmtree(part, ignore_errors=True)
    (part / "tmp").mkdir(parents=True)
    (part / "pom.xml").write_text(_POM)
    # A repository of its own, so that nothing is left in the home folder.
    maven = ["mvn", "-q", "-B", f"-Dmaven.repo.local={part / 'repository'}", "dependency:copy-dependencies"]
    maven += ["-DincludeScope=runtime", f"-DoutputDirectory={part / 'libs'}"]
    log = paths.KAFKA_JARS / "fetch.log"
    log.unlink(missing_ok=True)
    # Maven's launcher splits MAVEN_OPTS at spaces, which the checkout's path may contain: no path goes in there.
    environment = {**os.environ, "MAVEN_OPTS": "-XX:-UsePerfData"}
    fetching = Child("fetching Kafka", maven, log, env=environment, cwd=part).start()
    if fetching.wait(600) != 0:
        raise Failure(f"Kafka {KAFKA_VERSION} could not be fetched with Maven.\n{fetching.tail()}")
    (part / "libs").rename(paths.KAFKA_JARS / "libs")
    shutil.rmtree(part)


def reach(bootstrap):
    """Failure where nothing listens at any address of the list; whether it is a Kafka is alertrond's to tell."""
    whys = []
    for address in bootstrap.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
            return
        except OSError as error:
            whys.append(f"{address} ({error.strerror or error})")
    raise Failure(f"No broker can be reached at {', '.join(whys)}.\nStart it, or name another with --bootstrap.")


def known_brokers(host, port):
    """The ids of the brokers that this one knows, from a Metadata request; empty where it does not answer."""
    # Request header 1: api key 3, version 7, correlation id, client id; then no topics, no topic creation.
    client = b"alertron"
    body = struct.pack(">hhih", 3, 7, 1, len(client)) + client + struct.pack(">i?", 0, False)
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                return _broker_ids(answer.read(size))
    except (OSError, struct.error):
        return []


def _broker_ids(metadata):
    """Of a Metadata answer of version 7: correlation id, throttle time, then the brokers."""
    (count,) = struct.unpack_from(">i", metadata, 8)
    at, ids = 12, []
    for _ in range(count):
        (node,) = struct.unpack_from(">i", metadata, at)
        (host,) = struct.unpack_from(">h", metadata, at + 4)
        (rack,) = struct.unpack_from(">h", metadata, at + 6 + host + 4)
        at += 12 + host + max(rack, 0)
        ids.append(node)
    return ids
