"""Threads and processes: Python runs on while the library works, and nothing is freed that is in use."""

import multiprocessing
import sys
import threading
import time

import numpy as np
import pytest

import alertron
from alertron import _library, _registry


@pytest.fixture
def no_switching():
    """Only who gives the interpreter up lets another thread run."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


def progress_during(call):
    """Whether another thread has run while one of a thousand calls did."""
    count, stop = [0], threading.Event()

    def work():
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)  # gives the interpreter back

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(1000):
            before = count[0]
            call()
            if count[0] > before:
                return True
        return False
    finally:
        stop.set()
        thread.join()


def test_another_thread_runs_while_the_library_works(model, X, no_switching):
    assert not progress_during(lambda: sum(range(10000))), "this test could not fail"
    many = np.tile(X, (50, 1))
    assert progress_during(lambda: model.score(many))
    assert progress_during(lambda: alertron.fit(X, trees=200))
    data = model.to_bytes()
    assert progress_during(lambda: alertron.load(data))


def run_all(*works):
    """Runs the functions in threads at once; raises what they raise."""
    errors = []

    def guarded(work):
        try:
            work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_a_model_is_used_by_many_threads(model, X):
    expected = model.score(X), model.explain(X[:50])

    def work():
        for _ in range(30):
            np.testing.assert_array_equal(model.score(X), expected[0])
            np.testing.assert_array_equal(model.explain(X[:50]), expected[1])

    run_all(*[work] * 6)


def test_a_model_may_be_closed_while_others_score(X):
    many = np.tile(X, (20, 1))
    for _ in range(20):
        model = alertron.fit(X, trees=20)
        expected, started = model.score(many), threading.Barrier(4)

        def score(model=model, expected=expected, started=started):
            started.wait()
            try:
                for _ in range(1000):
                    np.testing.assert_array_equal(model.score(many), expected)
            except alertron.ClosedError:
                return
            pytest.fail("the model was never closed")

        def close(model=model, started=started):
            started.wait()
            time.sleep(0.002)
            model.close()

        run_all(score, score, score, close)


def score_in_child(model, X, queue):
    queue.put(model.score(X))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system can't fork")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_model_goes_to_other_processes(model, X, method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=score_in_child, args=(model, X, queue))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=120), model.score(X))
    child.join()
    assert child.exitcode == 0


def test_a_registry_counts_what_threads_add():
    registry = alertron.Registry()
    seen = registry.counter("seen_total", "Seen.", ["device_id"])
    delays = registry.histogram("delay_seconds", "Delay.", [0.1, 1.0])

    def work():
        for i in range(2000):
            seen.labels(i % 7).add()
            delays.labels().observe(i % 3)

    def churn():
        for i in range(2000):
            child = seen.labels(f"short-lived-{i}")
            child.add()
            child.remove()

    def scrape():
        for _ in range(300):
            assert "seen_total" in registry.text()

    run_all(work, work, work, work, churn, scrape, scrape)
    assert sum(seen.labels(i).value for i in range(7)) == 8000
    assert "delay_seconds_count 8000" in registry.text()


def test_whatever_changes_or_reads_a_registrys_children_holds_its_lock(monkeypatch):
    """Two threads at once in the library would lose counts so seldom that no test of threads would see it."""
    registry, called = alertron.Registry(), {}

    class Watched:
        def __getattr__(self, name):
            def call(*arguments):
                called[name] = called.get(name, True) and registry._lock._is_owned()
                return getattr(_library.library, name)(*arguments)

            return call

    monkeypatch.setattr(_registry, "library", Watched())
    seen = registry.counter("seen_total", "Seen.", ["device_id"]).labels("a")
    level = registry.gauge("level", "Level.", ["device_id"]).labels("a")
    delay = registry.histogram("delay", "Delay.", [1], ["device_id"]).labels("a")
    seen.add(), level.set(1), delay.observe(1), seen.value, level.value
    seen.remove(), level.remove(), delay.remove()
    own = ("alertron_counter", "alertron_gauge", "alertron_histogram", "alertron_registry_")
    others = {"new", "free", "text"}
    functions = {name for name in map("alertron_{}".format, _library._functions) if name.startswith(own)}
    assert called == {name: True for name in functions if name.split("_")[-1] not in others}


def test_a_registry_may_be_closed_while_others_count_and_scrape():
    for _ in range(20):
        registry = alertron.Registry()
        seen = registry.counter("seen_total", "Seen.", ["device_id"])
        started = threading.Barrier(3)

        def until_closed(use, started=started):
            started.wait()
            try:
                for i in range(10**6):
                    use(i)
            except alertron.ClosedError:
                return
            pytest.fail("the registry was never closed")

        def close(registry=registry, started=started):
            started.wait()
            time.sleep(0.002)
            registry.close()

        run_all(
            lambda: until_closed(lambda i: seen.labels(i % 100).add()),
            lambda: until_closed(lambda i: registry.text()),
            close,
        )
