"""What the black-box tests share: the program, a model, brokers, and the components of deploy/local.

The program is $ALERTROND, or that of the `check` build.
"""

import itertools
import os
import pathlib
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

import broker  # noqa: E402
import process  # noqa: E402
import service  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: also part of tests/run --quick")


@pytest.fixture(scope="session")
def program():
    """The path of alertrond."""
    path = pathlib.Path(os.environ.get("ALERTROND") or ROOT / "build" / "check" / "alertrond" / "alertrond").absolute()
    assert os.access(path, os.X_OK), f"{path} is not there: cmake --preset check && cmake --build --preset check"
    return path


@pytest.fixture(scope="session")
def shared():
    """The folder of reference models and data beside the checkout; tests that need it are skipped without."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"{path} is missing")
    return path


@pytest.fixture(scope="session")
def model(program, tmp_path_factory):
    """A model of the generator's normal readings, as deploy/local/up trains it."""
    return service.train(program, tmp_path_factory.mktemp("model"))


@pytest.fixture
def embedded(program, tmp_path):
    """An embedded broker of this test's own; has .bootstrap."""
    started = broker.EmbeddedBroker(program, tmp_path)
    try:
        yield started.start()
    finally:
        started.stop()


class TestKafka(broker.Kafka):
    """A real Kafka with topics for one test after another."""

    __test__ = False
    _numbers = itertools.count(1)

    def make_topics(self, partitions):
        """Makes topics: {name: number of partitions}."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        replication = min(3, len(self.nodes))
        made = admin.create_topics([NewTopic(name, number, replication) for name, number in partitions.items()])
        for result in made.values():
            result.result(60)

    def delete_topic(self, topic):
        """Returns once the broker knows it no more, which is some time after it has said yes."""
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        admin.delete_topics([topic])[topic].result(60)
        process.wait_until(lambda: admin.list_topics(topic, 30).topics[topic].error, 60, f"{topic} is gone")

    def fresh_topics(self, partitions=4):
        """Topics and a group that no test has used: .readings, .anomalies, .dead_letters, .group; .env tells them to
        alertrond."""
        number = next(self._numbers)
        names = types.SimpleNamespace(
            readings=f"readings-{number}", anomalies=f"anomalies-{number}", dead_letters=f"readings-{number}.dlq", group=f"group-{number}"
        )
        self.make_topics(dict.fromkeys((names.readings, names.anomalies, names.dead_letters), partitions))
        names.env = {
            **service.clean_environment(),
            "KAFKA_READINGS_TOPIC": names.readings,
            "KAFKA_ANOMALIES_TOPIC": names.anomalies,
            "KAFKA_DEAD_LETTERS_TOPIC": names.dead_letters,
            "KAFKA_GROUP_ID": names.group,
        }
        return names


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """A real Kafka of one node; has .bootstrap, make_topics and fresh_topics."""
    started = TestKafka(tmp_path_factory.mktemp("kafka"), heap_megabytes=768)
    try:
        yield started.start()
    finally:
        started.stop()


@pytest.fixture
def run_service(program, model, tmp_path):
    """run_service(broker, ...) starts an alertrond that is stopped after the test, and waits until it is ready.

    `broker` is an embedded one, or an address; `model`, `env` and `options` are passed on; `wait=False` returns at once.
    """
    started = []

    def start(broker, *, model=model, env=None, options=(), wait=True):
        bootstrap = getattr(broker, "bootstrap", broker)
        options = [*getattr(broker, "service_options", ()), *options]
        directory = tmp_path / f"service-{len(started) + 1}"
        directory.mkdir()
        port = process.free_port()
        made = service.Service(program, directory, model, bootstrap, port, env, options)
        started.append(made)
        made.start()
        return made.await_ready() if wait else made

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def generate(program, tmp_path):
    """generate(bootstrap, rate=..., anomalies=..., ...) starts a generator that is stopped after the test."""
    started = []

    def start(bootstrap, **options):
        made = service.Generator(program, tmp_path, bootstrap, f"generator-{len(started) + 1}", **options)
        started.append(made)
        return made.start()

    yield start
    for one in started:
        one.stop()
