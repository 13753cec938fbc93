"""Objects at the ends of their lives: collected cycles, copies, forks. Nothing may be used after it was freed."""

import copy
import gc
import os
import pickle
import signal
import threading

import numpy as np
import pytest

import alertron


class Box:
    pass


def test_a_generator_of_a_collected_cycle_still_scores(X):
    scores = []

    def stream(box):
        model = alertron.fit(X, trees=20)
        scores.append(model.score(X[:2]))
        try:
            while True:
                yield
        finally:
            scores.append(model.score(X[:2]))

    box = Box()
    box.stream = stream(box)
    next(box.stream)
    del box
    gc.collect()
    assert len(scores) == 2 and np.array_equal(*scores)


def test_a_finalizer_of_a_collected_cycle_still_counts(X):
    registry, seen = alertron.Registry(), []

    class Device:
        def __init__(self):
            self.me, self.registry = self, alertron.Registry()
            self.readings = self.registry.counter("readings_total", "Readings.")

        def __del__(self):
            self.readings.labels().add(2)
            seen.append(self.readings.labels().value)

    Device()
    gc.collect()
    assert seen == [2.0] and registry.text() is not None


def test_a_resurrected_model_scores(X):
    kept = []

    class Keeper:
        def __init__(self):
            self.me, self.model = self, alertron.fit(X, trees=20)

        def __del__(self):
            kept.append(self.model)

    Keeper()
    gc.collect()
    assert np.array_equal(kept[0].score(X), alertron.fit(X, trees=20).score(X))


def test_a_copy_of_a_metric_is_the_metric():
    registry = alertron.Registry()
    family = registry.histogram("h", "Help.", [1, 2], ["l"])
    child = family.labels("a")
    assert copy.copy(child) is child and copy.deepcopy([child])[0] is child
    assert copy.copy(family) is family and copy.deepcopy(registry) is registry
    child.remove()
    with pytest.raises(alertron.ClosedError):
        copy.copy(child).observe(1)
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_does_not_inherit_a_lock_that_another_thread_holds():
    registry = alertron.Registry()
    child, done = registry.counter("n_total", "Help.").labels(), threading.Event()

    def count():
        while not done.is_set():
            child.add()

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)  # a child that waits for a lock for ever ends by this
                child.add()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_model_does_not_become_another(model, X):
    other = alertron.fit(X[:, :2], trees=3)
    with pytest.raises(TypeError, match="does not become another"):
        model.__setstate__(other.to_bytes())
    assert model.n_features == X.shape[1]
    with pytest.raises(TypeError, match="is made by"):
        type(model)(type(model._open())())
    with pytest.raises(alertron.ClosedError):
        alertron.Model.__new__(alertron.Model).score(X)
