"""Models of a running service: reloaded under load, tried as shadow and canary, promoted and dropped, handed over from one
instance to another. No reading is lost, doubled or scored by more than one."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
import streams
from modelfile import with_section
from process import http_get, http_post, wait_until
from test_service import Run, _check_dead_letter

CHUNK = 5000


COMMANDS = ["--http-admin-access", "local"]


class Writer(threading.Thread):
    """Writes a run's messages in the background, about `rate` a second."""

    def __init__(self, run, first, last, rate):
        super().__init__()
        self._run, self._first, self._last, self._pause = run, first, last, CHUNK / rate
        self.seconds = None

    def run(self):
        begun = time.monotonic()
        for number, first in enumerate(range(self._first, self._last, CHUNK)):
            time.sleep(max(0.0, begun + number * self._pause - time.monotonic()))
            self._run.write(first, min(first + CHUNK, self._last))
        self.seconds = time.monotonic() - begun


def settled(service, still=10):
    """The figures once all partitions are read, and nothing has come or gone for `still` seconds, in which the group asks
    each member three times whether it must join anew (heartbeat.interval.ms)."""
    seen, since = None, 0

    def is_settled():
        nonlocal seen, since
        now = service.metrics()
        figures = [now.sum(name) for name in ("alertrond_partitions", "alertrond_rebalances_total")]
        if seen != figures:
            seen, since = figures, time.monotonic()
        return figures[0] == streams.PARTITIONS and time.monotonic() - since >= still

    wait_until(is_settled, 120, "each worker has its partitions and keeps them")
    return service.metrics()


class TwoModels(Run):
    """A run whose readings either of two models may have scored."""

    def __init__(self, kafka, program, models, directory, count, **kinds):
        super().__init__(kafka, program, models[0], directory, count, **kinds)
        self.said = [self.anomalies, streams.verdicts(program, models[1], self.messages, directory)]

    def check_either(self, versions, decided=None):
        """Each record is what one of the models, named in it, says of its reading; nothing is missing or twice.

        `versions`: of the first and the second model. `decided(message)`: 0 or 1 where it is known which of them scored
        the reading, else None. Returns how many records each wrote.
        """
        records = [json.loads(one.value()) for one in streams.read(self.kafka.bootstrap, self.topics.anomalies)]
        found = {streams.source_of_anomaly(one): one for one in records}
        assert len(found) == len(records)
        counts = [0, 0]
        for message in self.messages:
            record = found.pop(message.place, None)
            by = decided(message) if decided and message.reason is None else None
            if record:
                by = versions.index(record["model_version"]) if by is None else by
                counts[by] += 1
                assert record["model_version"] == versions[by]
                assert self.said[by].get(message.place) == (record["anomaly_score"], record["severity"])
                assert record["device_id"] == message.device
            else:
                silent = [message.place not in one for one in self.said]
                assert silent[by] if by is not None else any(silent), f"{message.place} is missing"
        assert not found
        letters = streams.read(self.kafka.bootstrap, self.topics.dead_letters)
        dead = {streams.source_of_dead_letter(one): one for one in letters}
        assert len(dead) == len(letters) and dead.keys() == self.dead_letters.keys()
        for place, letter in dead.items():
            _check_dead_letter(letter, self.dead_letters[place], self.topics.readings)
        return counts


@pytest.fixture(scope="session")
def models(program, model, tmp_path_factory):
    """Two models of the same readings that differ in seed, trees and how many readings they call anomalies."""
    other = tmp_path_factory.mktemp("other") / "other.alertron"
    words = ["--trees", "100", "--contamination", "0.03", "--seed", "7"]
    subprocess.run([program, "train", model.parent / "normal.csv", "-o", other, *words], check=True, capture_output=True)
    return model, other


@pytest.fixture
def two(kafka, program, models, tmp_path):
    return lambda count, **kinds: TwoModels(kafka, program, models, tmp_path, count, **kinds)


@pytest.fixture
def put(tmp_path):
    """put(name, source) puts a model, a path or bytes, in the place of a file, whole; returns its path."""

    def replace(name, source):
        aside = tmp_path / f"{name}.new"
        aside.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        return aside.rename(tmp_path / name)

    return replace


def command(service, name):
    """(HTTP status, answer) of POST /-/name."""
    status, body = http_post(f"{service.url}/-/{name}", b"")
    return status, json.loads(body)


def bad_models(model):
    """name -> the bytes of a file that must be refused."""
    good = model.read_bytes()
    return {
        "cut": good[: len(good) // 2],
        "garbage": b"\x80\x04nothing that was trained",
        "one bit": good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1 :],
        "empty": b"",
        "failing carried tests": with_section(good, b"test", b"reading [50, 100, 0.5] is high\n"),
    }


def wider(program, tmp_path):
    """The bytes of a model that takes four features."""
    rows = tmp_path / "wide.csv"
    rows.write_text("a,b,c,d\n" + "".join(f"{i % 7},{i % 11},{i % 13},{i % 17}\n" for i in range(500)))
    subprocess.run([program, "train", rows, "-o", tmp_path / "wide.alertron"], check=True, capture_output=True)
    return (tmp_path / "wide.alertron").read_bytes()


def test_reloads_ten_times_a_second_under_load_lose_and_double_nothing(two, kafka, models, put, run_service, program, tmp_path):
    run = two(300_000, seed=21)
    path = put("live.alertron", models[0])
    bad = [*bad_models(models[0]).values(), wider(program, tmp_path)]
    service = run_service(kafka.bootstrap, model=path, env=run.topics.env, options=COMMANDS)
    versions = [command(service, "reload")[1]["primary"]]
    run.write(0, CHUNK)
    wait_until(lambda: service.metrics().sum("predictions_total") > 0, 120, "readings flow")
    before = settled(service)
    writer = Writer(run, CHUNK, len(run.messages), 50_000)
    writer.start()
    done = refused = 0
    while writer.is_alive() or done < 10:
        if (done + refused) % 5 == 4:
            put("live.alertron", bad[refused % len(bad)])
            status, answer = command(service, "reload")
            assert (status, answer["outcome"]) == (409, "refused") and answer["reason"], answer
            refused += 1
        else:
            put("live.alertron", models[(done + 1) % 2])
            status, answer = command(service, "reload")
            assert (status, answer["outcome"], answer["reason"]) == (200, "done", ""), answer
            done += 1
        versions += [] if answer["primary"] in versions else [answer["primary"]]
        assert answer["primary"] == versions[done % 2]
        time.sleep(0.1)
    run.await_all()
    after = service.metrics()
    assert service.stop() == 0
    counts = run.check_either(versions)
    assert all(counts), counts
    for name in ("alertrond_rebalances_total", "kafka_errors_total"):
        assert after.sum(name) == before.sum(name), name
    assert after.sum("alertrond_model_reloads_total", outcome="done") == done
    assert after.sum("alertrond_model_reloads_total", outcome="refused") == refused
    assert after.sum("kafka_messages_consumed_total") == len(run.messages)
    assert after.sum("predictions_total") == len(run.messages) - len(run.dead_letters)
    print(f"{len(run.messages) / writer.seconds:.0f} readings/s written, {done} reloads, {refused} refused, records {counts}")


def test_the_same_devices_are_the_canarys_in_every_instance_until_it_is_promoted(two, kafka, models, put, run_service):
    run = two(60_000, seed=22, devices=200)
    path, candidate = put("live.alertron", models[0]), put("next.alertron", models[1])
    options = ["--candidate-path", candidate, "--candidate-share", "0.3"]
    services = [run_service(kafka.bootstrap, model=path, env=run.topics.env, options=[*COMMANDS, *options]) for _ in range(2)]
    answer = command(services[0], "reload")[1]
    versions = [answer["primary"], answer["candidate"]]
    assert answer["outcome"] == "unchanged" and all(versions)
    run.write(0, 30_000)
    wait_until(lambda: sum(one.metrics().sum("predictions_total") for one in services) >= 29_400, 120, "half is scored")
    metrics = [one.metrics() for one in services]
    for one in metrics:
        compared = one.sum("alertrond_candidate_readings_total")
        assert compared == one.sum("alertrond_model_predictions_total", role="canary") == one.sum("predictions_total") > 0
        assert one.sum("alertrond_candidate_score_shift_count") == compared
        found = one.by("alertrond_candidate_readings_total", "outcome")
        anomalies = {role: one.sum("alertrond_model_anomalies_total", role=role) for role in ("primary", "canary")}
        assert found["both_anomalous"] + found["primary_only"] == anomalies["primary"]
        assert found["both_anomalous"] + found["candidate_only"] == anomalies["canary"]
    for one in services:
        status, answer = command(one, "promote")
        assert (status, answer["primary"], answer["candidate"]) == (200, versions[1], "")
    assert command(services[0], "promote")[0] == 409
    run.write(30_000)
    run.await_all()
    assert [one.stop() for one in services] == [0, 0]
    canaries = _share_of_devices(0.3, {one.device for one in run.messages if one.device})
    assert 30 < len(canaries) < 90
    counts = run.check_either(versions, lambda one: int(one.number >= 30_000 or one.device in canaries))
    assert all(counts)


def _share_of_devices(share, devices):
    """Written anew from candidate.h's promise: FNV-1a, MurmurHash3's finalizer, the upper 53 bits as a fraction."""
    mask, chosen = 2**64 - 1, set()
    for device in devices:
        value = 0xCBF29CE484222325
        for byte in device.encode():
            value = (value ^ byte) * 0x100000001B3 & mask
        value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & mask
        value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & mask
        if ((value ^ value >> 33) >> 11) * 2.0**-53 < share:
            chosen.add(device)
    return chosen


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_blue_hands_over_to_green_and_nothing_is_lost_or_doubled(two, kafka, models, run_service, delivery):
    """As docs/models.md says: the new instance joins the group, then the old one is told to end."""
    run = two(150_000, seed=23)
    environment = {**run.topics.env, "KAFKA_DELIVERY": delivery}
    blue = run_service(kafka.bootstrap, model=models[0], env=environment, options=COMMANDS)
    writer = Writer(run, 0, len(run.messages), 15_000)
    writer.start()
    wait_until(lambda: blue.metrics().sum("predictions_total") > 20_000, 120, "blue scores")
    green = run_service(kafka.bootstrap, model=models[1], env=environment, options=COMMANDS)
    wait_until(lambda: green.metrics().sum("predictions_total") > 0, 120, "green has taken a share")
    versions = [command(one, "reload")[1]["primary"] for one in (blue, green)]
    assert blue.stop() == 0
    writer.join()
    run.await_all()
    assert green.stop() == 0
    counts = run.check_either(versions)
    assert all(counts), counts


@pytest.mark.quick
def test_bad_files_are_refused_counted_and_logged(embedded, models, put, run_service, program, tmp_path):
    path = put("live.alertron", models[0])
    service = run_service(embedded, model=path, options=COMMANDS)
    log = (tmp_path / "service-1" / "alertrond.log").read_text
    primary = command(service, "reload")[1]["primary"]
    bad = {**bad_models(models[0]), "wider": wider(program, tmp_path)}
    for number, (name, data) in enumerate(bad.items(), 1):
        put("live.alertron", data)
        status, answer = command(service, "reload")
        assert (status, answer["outcome"], answer["primary"]) == (409, "refused", primary), name
        assert str(path) in answer["reason"] and answer["reason"] in log()
        assert service.metrics().sum("alertrond_model_reloads_total", outcome="refused") == number
    path.unlink()
    assert "No such file" in command(service, "reload")[1]["reason"]
    path.mkdir()
    assert "no regular file" in command(service, "reload")[1]["reason"]
    path.rmdir()
    assert http_get(f"{service.url}/readyz")[0] == 200
    put("live.alertron", models[1])
    os.kill(service.pid, signal.SIGHUP)
    wait_until(lambda: service.metrics().sum("alertrond_model_reloads_total", outcome="done") == 1, 120, "SIGHUP reloads")
    assert command(service, "reload")[1]["primary"] != primary
    assert http_get(f"{service.url}/-/reload")[0] == 405


@pytest.mark.quick
def test_a_file_that_is_written_slowly_is_taken_when_it_is_whole(embedded, models, put, run_service):
    path = put("live.alertron", models[0])
    service = run_service(embedded, model=path, options=[*COMMANDS, "--model-reload-seconds", "1"])
    primary = command(service, "reload")[1]["primary"]

    def count(outcome):
        return service.metrics().sum("alertrond_model_reloads_total", outcome=outcome)

    data = models[1].read_bytes()
    with open(path, "wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        wait_until(lambda: count("refused") == 1, 120, "half a file is refused")
        assert service.metrics().sum("alertrond_model_info", role="primary", model_version=primary) == 1
        file.write(data[len(data) // 2 :])
    wait_until(lambda: count("done") == 1, 120, "the whole file is taken")
    put("live.alertron", models[0])
    wait_until(lambda: count("done") == 2, 120, "a file that takes its place is taken")
    assert service.metrics().sum("alertrond_model_info", role="primary", model_version=primary) == 1


@pytest.mark.quick
@pytest.mark.parametrize("agreement, decision", [("0.5", "promoted"), ("1", "dropped")])
def test_the_rule_ends_a_trial(embedded, models, put, run_service, program, agreement, decision):
    path, candidate = put("live.alertron", models[0]), put("next.alertron", models[1])
    options = ["--candidate-path", candidate, "--candidate-readings", "5000"]
    options += ["--candidate-agreement", agreement, "--candidate-alarm-ratio", "10"]
    service = run_service(embedded, model=path, options=[*COMMANDS, *options])
    before = command(service, "reload")[1]
    words = ["--bootstrap", embedded.bootstrap, "--rate", "max", "--count", "10000", "--seed", "3"]
    subprocess.run([program, "generate", *words], check=True)
    wait_until(lambda: service.metrics().sum("alertrond_candidate_decisions_total", decision=decision, by="rule") == 1, 120, "it ends")
    after = command(service, "reload")[1]
    assert after["outcome"] == "unchanged"  # nor does the file, which is there yet, begin another trial
    assert (after["primary"], after["candidate"]) == (before["candidate" if decision == "promoted" else "primary"], "")
    wait_until(lambda: service.metrics().sum("predictions_total") == 10_000, 120, "all readings are scored")
    wait_until(lambda: not service.metrics().by("alertrond_candidate_readings_total", "outcome"), 120, "its series go")
    metrics = service.metrics()
    assert {one["model_version"] for name, one, _ in metrics if "model_version" in one} == {after["primary"]}
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in before.values() if one not in ("unchanged", ""))
