"""fault_cluster: a Kafka cluster made to be broken: quick to notice what is lost, with a proxy before each broker, and,
with one broker, a disk that can be filled."""

import contextlib
import shutil
import subprocess

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions
from conftest import TestKafka
from fault_proxy import Proxies
from process import Failure, free_port, wait_until
from streams import insist

DISK_MEGABYTES = 256
OFFSETS, TRANSACTIONS = "__consumer_offsets", "__transaction_state"

# A broker that is gone is noticed within three seconds; one partition, so its leader is the coordinator.
_QUICK = {
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "replica.lag.time.max.ms": 4000,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1000,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.min.session.timeout.ms": 1000,
    "log.index.size.max.bytes": 1048576,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXY:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
}


class Cluster(TestKafka):
    """`bootstrap` leads to the brokers, `proxied` to the proxies before them."""

    __test__ = False

    def __init__(self, directory, nodes):
        super().__init__(directory, nodes, heap_megabytes=384)
        self._ports = {node: {"PLAINTEXT": free_port(), "CONTROLLER": free_port()} for node in self.nodes}
        self._proxy_ports = {node: (free_port(), free_port()) for node in self.nodes}
        self.bootstrap = self.bootstrap_of("PLAINTEXT")
        self.proxied = ",".join(f"127.0.0.1:{ports[0]}" for ports in self._proxy_ports.values())
        self.proxies = Proxies(self._proxy_ports)
        self._disk = self.directory / "kafka-1.data"
        self.disk_is_small = False
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2, "socket.timeout.ms": 6000})

    def start(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        if len(self.nodes) == 1:
            self._mount_disk()
        self.proxies.start()
        return super().start()

    def stop(self):
        for child in self.children:
            child.signal(18)  # SIGCONT
        super().stop()
        self.proxies.stop()
        if self.disk_is_small:
            subprocess.run(["umount", "-l", self._disk], check=False)

    def _configuration(self, node):
        client, controller = self._ports[node]["PLAINTEXT"], self._ports[node]["CONTROLLER"]
        proxy, behind = self._proxy_ports[node]
        own = {
            **_QUICK,
            "listeners": f"PLAINTEXT://127.0.0.1:{client},PROXY://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client},PROXY://127.0.0.1:{proxy}",
        }
        # The last of two lines with the same key counts.
        return super()._configuration(node) + "".join(f"{key}={value}\n" for key, value in own.items())

    # --- disk ---

    def _mount_disk(self):
        """In a mount namespace of our own, see tests/faults; without the right to do so the disk can't be filled."""
        self._disk.mkdir(parents=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "alertron-faults", self._disk]
        self.disk_is_small = subprocess.run(words, capture_output=True, check=False).returncode == 0

    def fill_disk(self):
        with contextlib.suppress(OSError), open(self._disk / "junk", "wb", buffering=0) as junk:
            while True:
                junk.write(bytes(1 << 16))

    def empty_disk(self):
        (self._disk / "junk").unlink(missing_ok=True)

    # --- where things are ---

    def _metadata(self, *topic):
        return self._admin.list_topics(*topic, timeout=5)

    def leader(self, topic, partition=0):
        """The node that leads the partition; node 1 where nobody can tell, or none leads."""
        try:
            return max(self._metadata().topics[topic].partitions[partition].leader, 1)
        except (KafkaException, KeyError):
            return 1

    def partitions(self, topic):
        """The numbers of the topic's partitions; none where there is no such topic."""
        found = insist(lambda: self._metadata(topic)).topics[topic]
        return [] if found.error else sorted(found.partitions)

    def await_whole(self, seconds=90):
        """Until each node runs and each replica has caught up."""

        def whole():
            try:
                found = self._metadata()
            except KafkaException:
                return False
            every = [one for topic in found.topics.values() for one in topic.partitions.values()]
            return len(found.brokers) == len(self.nodes) and all(set(one.isrs) == set(one.replicas) for one in every)

        for child in self.children:
            child.check()
        wait_until(whole, seconds, "each replica catches up", 0.3)

    # --- what an operator does ---

    def add_partitions(self, topic, number):
        self._admin.create_partitions([NewPartitions(topic, number)])[topic].result(20)

    def delete(self, topic):
        def gone():
            with contextlib.suppress(KafkaException):
                self._admin.delete_topics([topic])[topic].result(20)
            return not self.partitions(topic)

        wait_until(gone, 30, f"{topic} goes", 0.5)

    def forget(self, topics):
        """Deletes what no schedule needs any more."""
        for result in self._admin.delete_topics([topics.readings, topics.anomalies, topics.dead_letters]).values():
            with contextlib.suppress(KafkaException):
                result.result(20)

    def make_again(self, topic, partitions):
        def there():
            with contextlib.suppress(KafkaException):  # alertrond --create-topics may be first
                self.make_topics({topic: partitions})
            return len(self.partitions(topic)) >= partitions

        wait_until(there, 30, f"{topic} is there again", 0.5)

    def limit_message(self, topic, size):
        resource = ConfigResource("topic", topic, {"max.message.bytes": str(size)})
        insist(lambda: self._admin.alter_configs([resource])[resource].result(20))

    def must_run(self):
        for node, child in self.nodes.items():
            if not child.running:
                raise Failure(f"node {node} of Kafka has ended.\n{child.tail()}")
