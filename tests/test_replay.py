"""alertrond replay against a real Kafka: each dead letter is put back once, as it came, whatever happens to the replay."""

import json
import random
import subprocess
import time

import pytest
import streams
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from process import wait_until
from test_backpressure import limit_message
from test_service import Run

BEGUN_MS = streams.BEGUN_MS


def reasons(topic, code, text="expected {} and got []"):
    """The headers that alertrond writes behind a message's own."""
    return [
        ("__connect.errors.topic", topic),
        ("__connect.errors.partition", "0"),
        ("__connect.errors.offset", "7"),
        ("__connect.errors.stage", "VALUE_CONVERTER"),
        ("__connect.errors.exception.message", text),
        ("alertrond.error.code", code),
        ("alertrond.version", "0.1.0"),
    ]


class Letters:
    """Topics with dead letters that are written here, and what a replay makes of them."""

    def __init__(self, kafka, program):
        self.kafka, self.program, self.topics = kafka, program, kafka.fresh_topics(streams.PARTITIONS)
        self.written = {}  # number -> (key, value, own headers, timestamp)

    def write(self, letters):
        """(own headers, reason headers, key, value), ... with times of a second each, round the partitions."""
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, "enable.idempotence": True})
        for key, value, own, ours in letters:
            number = len(self.written)
            timestamp = BEGUN_MS + 1000 * number if len(letters) < 1000 else BEGUN_MS + number
            self.written[number] = (key, value, own, timestamp)
            producer.produce(
                self.topics.dead_letters,
                key=key,
                value=value,
                headers=own + ours,
                timestamp=timestamp,
                partition=number % streams.PARTITIONS,
            )
            producer.poll(0)
        assert producer.flush(60) == 0
        return self

    def words(self, *flags):
        return [self.program, "replay", "--bootstrap", self.kafka.bootstrap, *flags]

    def replay(self, *flags, status=0):
        done = subprocess.run(self.words(*flags), env=self.topics.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def found(self, topic=None):
        return streams.read(self.kafka.bootstrap, topic or self.topics.readings, "read_committed")

    def check(self, numbers, topic=None):
        """The topic holds these letters once each, byte by byte."""
        found = [(one.key(), one.value(), one.headers() or [], one.timestamp()[1]) for one in self.found(topic)]
        expected = [self.written[number] for number in numbers]

        def order(one):
            return one[3], one[0] or b"", one[1] or b""

        assert sorted(found, key=order) == sorted(expected, key=order)


@pytest.fixture
def letters(kafka, program):
    return Letters(kafka, program)


def various(topic, count=40):
    """Letters of three reasons in turn, with keys, headers and values of every kind."""
    kinds = [("wrong_width", b'{"a": 1}'), ("not_json", b"\x00\xff{"), ("tombstone", None), ("empty", b"")]
    own = [[], [("note", b"\x00\xff"), ("note", b""), ("null", None)], [("alertrond.mine", b"1")]]
    keys = [b"edge-1", None, b"", b"\xff\x00"]
    made = []
    for number in range(count):
        code, value = kinds[number % 4]
        made.append((keys[number // 4 % 4], value, own[number % 3], reasons(topic, code)))
    return made


def of_reason(count, *positions):
    return [number for number in range(count) if number % 4 in positions]


def test_letters_come_back_as_they_came_and_only_once(letters):
    letters.write(various(letters.topics.readings))
    told = letters.replay()
    assert "40 dead letters of" in told and "10 wrong_width" in told and "10 tombstone" in told
    letters.check(range(40))
    assert letters.replay().startswith("0 dead letters of")
    letters.check(range(40))
    assert "40 dead letters of" in letters.replay("--group", "another")
    letters.check([*range(40), *range(40)])


def test_a_dry_run_tells_and_writes_nothing(letters):
    letters.write(various(letters.topics.readings))
    for _ in range(2):
        told = letters.replay("--dry-run")
        assert "40 dead letters of" in told and "would be put back: 10 empty" in told
        assert told.count("expected {} and got []") == 3 * 4
    letters.check([])
    assert set(streams.committed(letters.kafka.bootstrap, "alertrond-replay", letters.topics.dead_letters).values()) == {0}
    letters.replay()
    letters.check(range(40))


def test_only_what_is_chosen_comes_back_and_the_rest_is_told(letters):
    letters.write(various(letters.topics.readings))
    told = letters.replay("--reason", "wrong_width,empty")
    assert "20 passed, as not chosen: 10 not_json, 10 tombstone" in told and "another --group" in told
    letters.check(of_reason(40, 0, 3))
    assert letters.replay("--reason", "tombstone").startswith("0 dead letters")
    again = ["--reason", "not_json,tombstone", "--group", "passed"]
    for put in (3, 3, 14, 0):  # as if it were stopped twice
        limit = ["--limit", "3"] if put == 3 else []
        assert f"{put} dead letters of" in letters.replay(*again, *limit)
    letters.check(range(40))
    assert letters.replay().startswith("0 dead letters")


def test_no_flag_takes_a_group_back_to_letters_that_it_has_put_back(letters):
    letters.write(various(letters.topics.readings))
    letters.replay("--reason", "wrong_width")
    told = letters.replay("--from-beginning", "--reason", "not_json", "--limit", "3", status=2)
    assert "--from-beginning" in told
    letters.replay("--since", "0", "--until", "1")
    assert letters.replay().startswith("0 dead letters")
    letters.check(of_reason(40, 0))


def test_ranges_of_times_and_offsets(letters):
    letters.write(various(letters.topics.readings))

    def moment(number):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGUN_MS // 1000 + number))

    letters.replay("--since", moment(10), "--until", moment(20), "--group", "times")
    letters.check(range(10, 20))
    told = letters.replay("--since", "5", "--until", "8", "--partition", "2", "--group", "offsets")
    assert "5 passed, as not chosen: 5 tombstone" in told  # what lies behind --until is not passed
    letters.check([*range(10, 20), 22, 26, 30])
    assert "2 dead letters of" in letters.replay("--partition", "2", "--group", "offsets")


def test_a_group_that_has_no_place_says_so_before_it_writes(letters):
    letters.write(various(letters.topics.readings, 1))
    assert streams.held(letters.kafka.bootstrap, letters.topics.dead_letters) == 1  # waits until all partitions are led
    for flag in ("--dry-run", "--partition=1", "--limit=1"):
        told = letters.replay(flag)
        assert ("has no place in 1 partition of" in told) == (flag != "--partition=1")
    letters.write(various(letters.topics.readings, 6))  # also where there were none
    told = letters.replay()
    assert "6 dead letters of" in told and "no place" not in told
    letters.check(range(7))
    assert "has no place in 4 partitions of" in letters.replay("--group", "another", "--dry-run")


def test_a_replay_with_nothing_to_do_renews_its_places_which_kafka_would_forget(letters):
    letters.write(various(letters.topics.readings))
    letters.replay()
    before = streams.held(letters.kafka.bootstrap, "__consumer_offsets")
    assert letters.replay().startswith("0 dead letters of")
    assert streams.held(letters.kafka.bootstrap, "__consumer_offsets") >= before + streams.PARTITIONS


def test_partitions_without_a_leader_are_waited_for(letters):
    """As those of a topic that was just made are."""
    admin = AdminClient({"bootstrap.servers": letters.kafka.bootstrap, "log_level": 2})
    letters.kafka.make_topics({"just-made": 50})
    wait_until(lambda: "just-made" in admin.list_topics(timeout=30).topics, 60, "the topic is shown", 0.001)
    assert letters.replay("--dry-run", "--dead-letters", "just-made").startswith("0 dead letters of")


def test_a_limit_ends_it_and_the_next_goes_on(letters):
    letters.write(various(letters.topics.readings))
    for n, expected in ((15, 15), (15, 30), (15, 40), (15, 40)):
        letters.replay("--limit", str(n))
        assert len(letters.found()) == expected
    letters.check(range(40))


def test_what_does_not_say_where_it_came_from_needs_a_topic(letters):
    foreign = [("__connect.errors.topic", b"orders"), ("__connect.errors.class.name", b"sink")]
    letters.write([(b"1", b"bare", [("own", b"1")], []), (b"2", b"foreign", foreign, []), (b"3", b"ours", [], reasons(letters.topics.readings, "empty"))])
    told = letters.replay()
    assert "2 passed, as nothing says where they came from" in told and "--reason none --topic TOPIC" in told
    letters.check([2])
    letters.replay("--group", "bare", "--reason", "none", "--topic", letters.topics.anomalies)
    letters.check([2])
    letters.check([0, 1], letters.topics.anomalies)


def test_a_topic_that_is_missing_or_refuses_leaves_all_as_it_was(letters):
    draw = random.Random(1)  # compressed they are no smaller
    many = [(b"%d" % number, draw.randbytes(2000), [], reasons(letters.topics.readings, "not_json")) for number in range(200)]
    letters.write(many)
    told = letters.replay("--topic", "nowhere", status=1)
    assert "topic nowhere is not there" in told and "0 dead letters of" in told
    limit_message(letters.kafka, letters.topics.readings, 1000)
    told = letters.replay(status=1)
    assert f"writing to topic {letters.topics.readings}" in told and "raise max.message.bytes" in told
    letters.check([])
    assert set(streams.committed(letters.kafka.bootstrap, "alertrond-replay", letters.topics.dead_letters).values()) == {0}
    limit_message(letters.kafka, letters.topics.readings, 4000)  # each fits, a batch does not
    letters.replay()
    letters.check(range(200))


def test_killed_again_and_again_each_letter_comes_back_once(letters):
    count = 50_000
    letters.write([(b"%d" % number, b"value %d" % number, [("n", b"%d" % number)], reasons(letters.topics.readings, "wrong_width")) for number in range(count)])
    kills = 0
    for part in range(1, 6):
        running = subprocess.Popen(letters.words(), env=letters.topics.env, stdout=subprocess.DEVNULL)
        try:
            before = count * part // 8
            wait_until(lambda: streams.held(letters.kafka.bootstrap, letters.topics.readings) > before, 120, "letters come back", 0.005)
            kills += running.poll() is None
        finally:
            running.kill()
            running.wait()
    assert kills >= 3, "the replay was over before it could be killed"
    letters.replay()
    letters.check(range(count))


def test_the_older_of_two_ends_and_says_why(letters):
    count = 50_000
    letters.write([(b"%d" % number, b"x", [], reasons(letters.topics.readings, "empty")) for number in range(count)])
    older = subprocess.Popen(letters.words(), env=letters.topics.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: streams.held(letters.kafka.bootstrap, letters.topics.readings) > 1000, 120, "letters come back", 0.005)
    letters.replay()
    told = older.communicate(timeout=120)[1]
    assert older.returncode == 1 and "another" in told
    letters.check(range(count))


def test_a_model_of_the_wrong_width_is_mended_and_its_letters_scored(kafka, program, model, tmp_path, run_service):
    rows, narrow = tmp_path / "two.csv", tmp_path / "two.alertron"
    with open(rows, "w") as out:
        words = [program, "generate", "--csv", "--count", "2000", "--anomalies", "0", "--normal", "50:5,100:10"]
        subprocess.run([*words, "--anomalous", "70:6,140:12"], stdout=out, check=True)
    subprocess.run([program, "train", rows, "-o", narrow, "--trees", "20"], check=True, capture_output=True)
    run = Run(kafka, program, model, tmp_path, 5000, bad_every=0)
    letters = Letters(kafka, program)
    letters.topics = run.topics
    run.write()
    wrong = run_service(kafka.bootstrap, model=narrow, env=run.topics.env)
    run.await_all()
    assert streams.held(kafka.bootstrap, run.topics.dead_letters) == len(run.messages)
    # While the cause is there each letter is put back and fails again, and the replay ends nevertheless.
    assert "5000 dead letters" in letters.replay("--group", "too-early")
    wait_until(lambda: streams.held(kafka.bootstrap, run.topics.dead_letters) == 10000, 120, "they fail again")
    assert wrong.stop() == 0
    run_service(kafka.bootstrap, env=run.topics.env)
    # The same group goes on behind the first letters, at those that failed again.
    assert "5000 dead letters" in letters.replay("--group", "too-early")

    def records():
        return [json.loads(one.value()) for one in streams.read(kafka.bootstrap, run.topics.anomalies, "read_committed")]

    wait_until(lambda: len(records()) >= len(run.anomalies), 120, "all are scored", 0.5)
    by_place = {one.place: one for one in run.messages}
    expected = [(by_place[place].device, by_place[place].ts or 0, score) for place, (score, _) in run.anomalies.items()]
    assert sorted((one["device_id"], one["ts"] or 0, one["anomaly_score"]) for one in records()) == sorted(expected)
