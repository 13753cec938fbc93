"""Metrics: families and children as objects, the exposition, what closed and removed ones do."""

import math
import textwrap
import urllib.request

import pytest

import alertron


@pytest.fixture
def registry():
    return alertron.Registry()


def test_the_exposition(registry):
    registry.counter("pump_anomalies_total", "Anomalies seen.", ["device_id", "severity"]).labels("pump-7", "high").add(3)
    registry.gauge("pump_level", "Level.").labels().set(-1.5)
    registry.histogram("pump_seconds", "Time.", [0.1, 1]).labels().observe(0.5, times=2)
    assert registry.text() == (
        "# HELP pump_anomalies_total Anomalies seen.\n"
        "# TYPE pump_anomalies_total counter\n"
        'pump_anomalies_total{device_id="pump-7",severity="high"} 3\n'
        "# HELP pump_level Level.\n"
        "# TYPE pump_level gauge\n"
        "pump_level -1.5\n"
        "# HELP pump_seconds Time.\n"
        "# TYPE pump_seconds histogram\n"
        'pump_seconds_bucket{le="0.1"} 0\n'
        'pump_seconds_bucket{le="1"} 2\n'
        'pump_seconds_bucket{le="+Inf"} 2\n'
        "pump_seconds_sum 1\n"
        "pump_seconds_count 2\n"
        "# HELP alertron_registry_overflow_total "
        "Times that label values found no room in a family and its _other child was given out instead.\n"
        "# TYPE alertron_registry_overflow_total counter\n"
        'alertron_registry_overflow_total{family="pump_anomalies_total"} 0\n'
    )
    assert registry.text(openmetrics=True).endswith("# EOF\n")
    assert registry.content_type() == "text/plain; version=0.0.4; charset=utf-8"
    assert registry.content_type(openmetrics=True).startswith("application/openmetrics-text")


def test_the_example_of_the_manual_serves():
    code = textwrap.dedent(alertron.Registry.__doc__.split("was counted:\n")[1])
    scope = {}
    exec(code.replace("8000", "0"), scope)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{scope['server'].server_port}/metrics", timeout=60) as answer:
            assert answer.headers["Content-Type"] == scope["registry"].content_type()
            assert 'pump_anomalies_total{device_id="pump-7",severity="high"} 1\n' in answer.read().decode()
    finally:
        scope["server"].shutdown()
        scope["server"].server_close()


def test_the_same_family_and_child_are_the_same_objects(registry):
    seen = registry.counter("seen_total", "Seen.", ["device_id", "kind"])
    assert registry.counter("seen_total", "Other words.", ("device_id", "kind")) is seen
    assert seen.labels("a", "b") is seen.labels(kind="b", device_id="a") is not seen.labels("b", "a")
    assert seen.labels(7, None) is seen.labels("7", "None")
    assert (seen.name, seen.label_names) == ("seen_total", ("device_id", "kind"))


def test_values(registry):
    seen = registry.counter("seen_total", "Seen.").labels()
    for amount in (1, 2.5, -1, math.nan, math.inf):
        seen.add(amount)
    seen.add()
    assert seen.value == 4.5
    level = registry.gauge("level", "Level.").labels()
    assert level.value == 0.0
    level.set(-3)
    assert level.value == -3.0


@pytest.mark.parametrize("values, named", [(("a",), {}), (("a", "b", "c"), {}), ((), {"device_id": 1}), (("a",), {"kind": 1})])
def test_other_labels_are_refused(registry, values, named):
    seen = registry.counter("seen_total", "Seen.", ["device_id", "kind"])
    with pytest.raises(alertron.ArgumentError, match="device_id"):
        seen.labels(*values, **named)


def test_label_values_are_repaired_not_cut(registry):
    seen = registry.counter("seen_total", "Seen.", ["device_id"])
    seen.labels("a\0b").add(1)
    seen.labels("a").add(2)
    seen.labels("\ud800").add(4)
    text = registry.text()
    assert 'device_id="a\ufffdb"} 1' in text and 'device_id="a"} 2' in text and 'device_id="\ufffd' in text


@pytest.mark.parametrize(
    "name, labels", [("seen", []), ("1x_total", []), ("", []), ("x_total", ["a-b"]), ("x_total", ["a", "a"]), ("x_total", ["l%d" % i for i in range(17)])]
)
def test_names_that_prometheus_does_not_take_are_refused(registry, name, labels):
    with pytest.raises(alertron.Error) as caught:
        registry.counter(name, "Help.", labels)
    assert caught.value.status in ("argument", "limit")


def test_a_name_that_is_taken_is_refused(registry):
    registry.counter("seen_total", "Seen.", ["device_id"])
    with pytest.raises(ValueError, match="is there already"):
        registry.counter("seen_total", "Seen.", ["kind"])
    with pytest.raises(ValueError, match="is there already"):
        registry.gauge("seen_total", "Seen.", ["device_id"])


@pytest.mark.parametrize("buckets", [[1, 1], [2, 1], [math.inf], [math.nan], list(range(65))])
def test_buckets_must_rise_and_be_few(registry, buckets):
    with pytest.raises(ValueError):
        registry.histogram("delay", "Delay.", buckets)


def test_wrong_types_are_refused(registry):
    seen = registry.counter("seen_total", "Seen.").labels()
    delay = registry.histogram("delay", "Delay.", [1]).labels()
    for use in (
        lambda: registry.counter(5, "Help."),
        lambda: registry.counter("x_total", None),
        lambda: registry.counter("x_total", "Help.", "label"),
        lambda: seen.add(None),
        lambda: delay.observe(1, 1.5),
        lambda: alertron.Registry("many"),
    ):
        with pytest.raises(TypeError):
            use()
    for use in (lambda: delay.observe(1, -1), lambda: delay.observe(1, 2**64), lambda: alertron.Registry(0), lambda: alertron.Registry(-1)):
        with pytest.raises(alertron.ArgumentError):
            use()


def test_a_removed_child_raises_and_its_labels_begin_anew(registry):
    seen = registry.counter("seen_total", "Seen.", ["device_id"])
    child = seen.labels("pump-7")
    child.add(5)
    child.remove()
    assert "pump-7" not in registry.text()
    for use in (child.add, child.remove, lambda: child.value):
        with pytest.raises(alertron.ClosedError, match="seen_total was removed"):
            use()
    assert seen.labels("pump-7").value == 0.0


def test_what_finds_no_room_shares_a_child_that_stays():
    small = alertron.Registry(series_max=2)
    seen = small.counter("seen_total", "Seen.", ["device_id"])
    first, second = seen.labels(1), seen.labels(2)
    other = seen.labels(3)
    assert seen.labels(4) is other and other is not first
    other.add(6)
    other.remove()
    other.add(1)
    assert 'seen_total{device_id="_other"} 7\n' in small.text()
    second.remove()
    again = seen.labels(5)
    again.add(9)
    assert again is not other and 'seen_total{device_id="5"} 9\n' in small.text()
    again.remove()
    assert "9\n" not in small.text() and seen.labels("_other") is other


def test_children_that_nobody_may_remove_are_told_from_the_start():
    small = alertron.Registry(series_max=1)
    seen = small.counter("seen_total", "Seen.", ["device_id"])
    other, first = seen.labels("_other"), seen.labels("a")
    other.remove()
    other.add(1)
    first.remove()
    with pytest.raises(alertron.ClosedError):
        first.add()
    alone = small.counter("alone_total", "Alone.").labels()
    alone.remove()
    alone.add()
    assert alone.value == 1


def test_a_family_holds_as_many_children_as_promised_and_no_more_objects():
    small = alertron.Registry(series_max=100)
    seen = small.counter("seen_total", "Seen.", ["device_id"])
    for i in range(5000):
        seen.labels(i).add()
    assert len(seen._children) == 101
    assert seen.labels("_other").value == 4900


def test_a_closed_registry_raises_whatever_is_asked_of_it_and_its_children(registry):
    seen = registry.counter("seen_total", "Seen.", ["device_id"])
    child, level = seen.labels("a"), registry.gauge("level", "Level.").labels()
    delay = registry.histogram("delay", "Delay.", [1]).labels()
    registry.close()
    registry.close()
    for use in (
        registry.text,
        lambda: registry.counter("x_total", "Help."),
        lambda: registry.gauge("x", "Help."),
        lambda: registry.histogram("x", "Help.", [1]),
        lambda: seen.labels("a"),
        child.add,
        child.remove,
        lambda: child.value,
        lambda: level.set(1),
        lambda: level.value,
        lambda: delay.observe(1),
    ):
        with pytest.raises(alertron.ClosedError, match="the registry is closed"):
            use()


def test_a_child_keeps_its_registry():
    child = alertron.Registry().counter("seen_total", "Seen.").labels()
    child.add(2)
    assert child.value == 2 and "seen_total 2" in child._family._registry.text()
