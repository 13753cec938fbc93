"""fault_kinds: what is broken, and how it is mended: a generator each, which breaks, yields what it broke, and mends.

`world` is a Run of fault_run; `draw` the fault's own random numbers, so that a replay chooses alike.
"""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from fault_cluster import OFFSETS, TRANSACTIONS

SESSION = 6.0  # seconds, see fault_members


@dataclasses.dataclass
class Kind:
    name: str
    act: Callable
    seconds: tuple  # shortest and longest time until it is mended
    busy: tuple  # what no other fault may touch meanwhile
    brokers: tuple  # numbers of brokers that it is for
    place: str  # "first": at the start; "last": nothing after it; "": anywhere


KINDS = {}


def kind(seconds, busy, brokers=(1, 3), place="", name=None):
    def register(act):
        known = name or act.__name__
        KINDS[known] = Kind(known, act, seconds, busy, brokers, place)
        return act

    return register


# --- alertrond ---


@kind((0.1, 3), ("alertrond",))
def alertrond_killed(world, draw):
    member = draw.choice(world.members)
    member.kill()
    yield member.name
    member.start()


@kind((0.1, 1), ("alertrond",))
def alertrond_restarted(world, draw):
    member = draw.choice(world.members)
    member.tell()
    yield member.name
    member.end()
    member.start()


@kind((1, SESSION - 2), ("alertrond",), name="alertrond_frozen")
@kind((SESSION + 1.5, SESSION + 4), ("alertrond",), name="alertrond_frozen_beyond_its_session")
def alertrond_frozen(world, draw):
    member = draw.choice(world.members)
    member.signal(signal.SIGSTOP)
    yield member.name
    member.signal(signal.SIGCONT)


@kind((6, 9), ("alertrond",))
def members_come_and_go(world, _draw):
    guest, over = world.new_member(), threading.Event()

    def come_and_go():
        while not over.is_set():
            guest.start()
            over.wait(2)
            guest.end()

    coming = threading.Thread(target=come_and_go, daemon=True)
    coming.start()
    yield f"{guest.name}, every 2 s"
    over.set()
    coming.join(60)


# --- brokers ---


def _target(world, draw):
    """(node, why it)"""
    topics = world.topics
    places = [(topics.readings, 0), (topics.readings, 1), (topics.anomalies, 0), (topics.anomalies, 2)]
    places += [(topics.dead_letters, 1), (OFFSETS, 0)]
    if world.exactly_once:
        places.append((TRANSACTIONS, 0))
    topic, partition = draw.choice(places)
    names = {OFFSETS: "group coordinator", TRANSACTIONS: "transaction coordinator"}
    return world.cluster.leader(topic, partition), names.get(topic, f"leader of {topic}:{partition}")


@kind((0.5, 5), ("brokers",))
def broker_killed(world, draw):
    node, why = _target(world, draw)
    world.cluster.nodes[node].kill()
    yield f"node {node}, {why}"
    world.cluster.start_node(node)


@kind((1, 5), ("brokers",), brokers=(3,))
def two_brokers_killed(world, draw):
    nodes = draw.sample(sorted(world.cluster.nodes), 2)
    for node in nodes:
        world.cluster.nodes[node].kill()
    yield f"nodes {nodes[0]} and {nodes[1]}"
    for node in nodes:
        world.cluster.start_node(node)


@kind((1, 8), ("brokers",))
def broker_frozen(world, draw):
    node, why = _target(world, draw)
    world.cluster.nodes[node].signal(signal.SIGSTOP)
    yield f"node {node}, {why}"
    world.cluster.nodes[node].signal(signal.SIGCONT)


@kind((2, 5), ("brokers",), place="first")
def broker_down_at_start(world, draw):
    nodes = sorted(world.cluster.nodes)
    if len(nodes) > 1 and draw.random() < 0.5:
        nodes = draw.sample(nodes, 1)
    for node in nodes:
        world.cluster.nodes[node].kill()
    yield f"nodes {' '.join(map(str, nodes))}"
    for node in nodes:
        world.cluster.start_node(node)


@kind((2, 5), ("brokers",), brokers=(1,))
def disk_full(world, _draw):
    if not world.cluster.disk_is_small:
        world.skipped.append("disk_full: a small disk can't be mounted; be root")
        yield "nothing"
        return
    world.cluster.fill_disk()
    yield "node 1"
    node = world.cluster.nodes[1]
    node.kill()  # a broker takes a disk that failed back into use only when it starts
    world.cluster.empty_disk()
    world.cluster.start_node(1)


# --- network between alertrond and the brokers ---


def _network(name, seconds, words_of):
    @kind(seconds, ("network",), name=name)
    def break_network(world, draw):
        nodes = sorted(world.cluster.nodes)
        nodes = nodes if draw.random() < 0.5 else draw.sample(nodes, 1)
        words = words_of(draw)
        world.cluster.proxies.change(nodes, **words)
        yield ", ".join(f"{word}={value}" for word, value in words.items()) + f", nodes {nodes}"
        world.cluster.proxies.mend()


_network("network_slow", (2, 8), lambda draw: {"delay": round(draw.uniform(0.05, 0.5), 2)})
_network("network_cut", (0.5, 8), lambda _draw: {"cut": True})
_network("network_silent", (1, 9), lambda _draw: {"silent": True})


# --- topics ---


@kind((0.5, 1), ("topics", "brokers"))
def partitions_added(world, draw):
    topic = draw.choice([world.topics.readings, world.topics.readings, world.topics.anomalies, world.topics.dead_letters])
    number = len(world.cluster.partitions(topic)) + draw.randint(1, 2)
    with contextlib.suppress(KafkaException):  # given, but not answered in time
        world.cluster.add_partitions(topic, number)
    yield f"{topic}, to {number}"
    if topic == world.topics.readings:
        world.writer.add_partitions(world.cluster.partitions(topic))


@kind((1, 4), ("topics", "brokers"))
def output_topic_made_again(world, draw):
    output = draw.choice([world.anomalies, world.dead_letters])
    partitions = len(world.cluster.partitions(output.topic))
    world.cluster.delete(output.topic)
    yield output.topic
    world.cluster.make_again(output.topic, partitions)
    time.sleep(0.5)
    output.made_again(time.monotonic(), world.ends(world.topics.readings))


@kind((3, 5), ("topics", "brokers", "alertrond", "network"), place="last")
def readings_topic_made_again(world, _draw):
    """Kafka's clients of today tell two topics of one name apart only by an offset that is out of range, so they are
    given the time to see it."""
    topic = world.topics.readings
    partitions = len(world.cluster.partitions(topic))
    world.writer.hold()
    world.watch.paused = True
    world.cluster.delete(topic)
    yield topic
    world.cluster.make_again(topic, partitions)
    world.readings_made_again()
    time.sleep(1)
    world.writer.go_on()


@kind((2, 6), ("topics", "brokers"))
def message_too_large(world, draw):
    output = draw.choice([world.anomalies, world.dead_letters])
    world.cluster.limit_message(output.topic, 100)
    world.headers_may_go = world.headers_may_go or output is world.dead_letters
    yield f"{output.topic}: max.message.bytes=100"
    world.cluster.limit_message(output.topic, 1048588)
