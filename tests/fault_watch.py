"""fault_watch: samples, all the time, how far the group has committed and how far the outputs reach."""

import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

PAUSE = 0.1  # seconds between two samples


class Sample:
    """committed = {partition: offset}; reach = {topic: {partition: offset behind its last message}}."""

    def __init__(self, at, committed, reach):
        self.at, self.committed, self.reach = at, committed, reach


class Watch(threading.Thread):
    """The order of its reads is what proves: first the committed offsets, then the ends of the outputs. Whatever the
    committed offsets promise was acknowledged before, so it lies below those ends. They are the ends of what is
    written and not of what is committed: a transaction's offsets may be seen before its other partitions have their
    markers. What is aborted is not there when all is read in the end."""

    def __init__(self, bootstrap, topics):
        super().__init__(daemon=True)
        self._topics = topics
        words = {"bootstrap.servers": bootstrap, "group.id": topics.group, "isolation.level": "read_uncommitted"}
        quick = {"log_level": 2, "socket.timeout.ms": 3000, "reconnect.backoff.max.ms": 500}
        self._consumer = Consumer({**words, **quick})
        self._stopped = threading.Event()
        self.samples = []
        self.paused = False  # the readings' topic is not what it was, so committed offsets mean nothing

    def run(self):
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(PAUSE)  # and once more behind that, when all is mended
            try:
                sample = self.look()
            except (KafkaException, KeyError):
                continue  # a broker is away
            if not self.paused:
                self.samples.append(sample)
        self._consumer.close()

    def stop(self):
        self._stopped.set()
        if self.is_alive():
            self.join(30)

    def look(self):
        at = time.monotonic()
        committed = self._committed()
        outputs = (self._topics.anomalies, self._topics.dead_letters)
        return Sample(at, committed, {topic: self.ends(topic) for topic in outputs})

    def _places(self, topic):
        found = self._consumer.list_topics(topic, 3).topics[topic]
        if found.error:
            raise KafkaException(found.error)
        return [TopicPartition(topic, partition) for partition in found.partitions]

    def _committed(self):
        found = self._consumer.committed(self._places(self._topics.readings), 3)
        return {one.partition: max(one.offset, 0) for one in found}

    def ends(self, topic):
        return {one.partition: self._consumer.get_watermark_offsets(one, 3)[1] for one in self._places(topic)}

    def lag(self):
        """{partition: messages}, of partitions with any; None where nobody answers."""
        try:
            committed, ends = self._committed(), self.ends(self._topics.readings)
        except (KafkaException, KeyError):
            return None
        return {one: end - committed.get(one, 0) for one, end in ends.items() if end != committed.get(one, 0)}
