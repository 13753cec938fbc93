"""Data frames: names of columns are taken and compared; blocks are used where they lie."""

import tracemalloc

import numpy as np
import pytest

import alertron

pandas = pytest.importorskip("pandas")
NAMES = ["temperature", "pressure", "größe_µ"]


@pytest.fixture
def frame(X):
    return pandas.DataFrame(X, columns=NAMES)


@pytest.fixture
def named(frame):
    return alertron.fit(frame, contamination=0.02, seed=7)


def test_fit_takes_names_from_columns(named, model, frame, X):
    assert named.feature_names == named.features == tuple(NAMES)
    np.testing.assert_array_equal(named.score(frame), model.score(X))
    np.testing.assert_array_equal(named.score(X), model.score(X))
    assert alertron.fit(frame, feature_names=["a", "b", "c"]).feature_names == ("a", "b", "c")
    assert alertron.fit(pandas.DataFrame(X)).feature_names is None


@pytest.mark.parametrize("columns", [NAMES[::-1], ["temperature", "pressure", "size"], NAMES[:2]])
def test_other_names_or_another_order_are_refused_with_both(named, frame, columns):
    other = frame.reindex(columns=columns)
    with pytest.raises(ValueError) as caught:
        named.score(other)
    assert str(columns) in str(caught.value) and str(NAMES) in str(caught.value)


def test_a_frame_in_any_order_is_scored_by_the_remedy_that_is_told(named, frame):
    shuffled = frame[NAMES[::-1]]
    np.testing.assert_array_equal(named.score(shuffled[list(named.features)]), named.score(frame))


def test_names_are_not_compared_where_one_side_has_none(named, model, frame, X):
    np.testing.assert_array_equal(model.score(frame), model.score(X))
    np.testing.assert_array_equal(named.score(pandas.DataFrame(X)), model.score(X))
    assert named.score(frame.iloc[3]) == named.score(X[3])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_block_of_a_frame_is_not_copied(named, X, dtype):
    frame = pandas.DataFrame(np.tile(X.astype(dtype), (100, 1)), columns=NAMES)
    tracemalloc.start()
    try:
        named.score(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 8 * len(frame) <= peak < 8 * len(frame) + 65536 < frame.to_numpy().nbytes


def test_columns_of_several_types_are_converted(named, X):
    mixed = pandas.DataFrame({NAMES[0]: X[:, 0], NAMES[1]: X[:, 1].astype(np.float32), NAMES[2]: np.round(X[:, 2]).astype(int)})
    expected = np.column_stack([X[:, 0], X[:, 1].astype(np.float32), np.round(X[:, 2])])
    np.testing.assert_array_equal(named.score(mixed), named.score(expected))


def test_text_in_a_column_is_refused(named, frame):
    with pytest.raises(TypeError, match="numbers must be real"):
        named.score(frame.assign(pressure="high"))


def test_columns_of_several_numeric_dtypes_are_numbers(model, X):
    frame, wanted = pandas.DataFrame(X, columns=list("abc")), model.score(X)
    for other in (frame.astype("Float64"), frame.convert_dtypes(), frame.astype({"a": "Float64"})):
        assert np.array_equal(model.score(other), wanted)
    flags = frame.assign(c=frame.c > 0)
    assert np.array_equal(model.score(flags), model.score(flags.astype(float)))
    missing = frame.astype("Float64")
    missing.iloc[0, 0] = pandas.NA
    assert np.isnan(model.score(missing)[0])
    for texts in (frame.astype(str), frame.assign(a="x"), frame.astype(object)):
        with pytest.raises(TypeError, match="numbers must be real"):
            model.score(texts)
