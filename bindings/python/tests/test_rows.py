"""What is taken as rows: every view as it lies, other numbers by a copy, and nothing else."""

import tracemalloc

import numpy as np
import pytest

import alertron


def unaligned(rows):
    raw = np.empty(rows.nbytes + 1, np.uint8)
    view = raw[1:].view(rows.dtype).reshape(rows.shape)
    view[:] = rows
    assert not view.flags.aligned
    return view


def read_only(rows):
    copy = rows.copy()
    copy.flags.writeable = False
    return copy


def field(rows):
    """Columns of records with gaps between them."""
    records = np.zeros(len(rows), [("id", np.int8), ("x", rows.dtype, rows.shape[1]), ("tail", np.int16)])
    records["x"] = rows
    return records["x"]


# name: a view of the rows' numbers, which lie otherwise
VIEWS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "upside down": lambda rows: rows[::-1].copy()[::-1],
    "mirrored": lambda rows: rows[:, ::-1].copy()[:, ::-1],
    "every third row": lambda rows: np.repeat(rows, 3, axis=0)[::3],
    "every second column": lambda rows: np.repeat(rows, 2, axis=1)[:, ::2],
    "transposed, upside down": lambda rows: np.asfortranarray(rows[::-1])[::-1],
    "unaligned": unaligned,
    "read only": read_only,
    "records": field,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_scores_as_its_copy(model, X, name, dtype):
    plain = X.astype(dtype)
    view = VIEWS[name](plain)
    np.testing.assert_array_equal(view, plain)
    expected = model.score(plain)
    np.testing.assert_array_equal(model.score(view), expected)
    np.testing.assert_array_equal(model.score(view[5]), expected[5])
    np.testing.assert_array_equal(model.explain(view[:9]), model.explain(plain[:9].astype(np.float64)))
    np.testing.assert_array_equal(model.path_length(view[:9]), model.path_length(plain[:9].tolist()))


def test_a_row_repeated_without_memory_scores_as_that_row(model, X):
    np.testing.assert_array_equal(model.score(np.broadcast_to(X[0], (50, 3))), np.full(50, model.score(X[0])))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_copied(model, X, name, dtype):
    view = VIEWS[name](np.tile(X.astype(dtype), (100, 1)))
    tracemalloc.start()
    try:
        model.score(view)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    scores = 8 * len(view)
    assert scores <= peak < scores + 4096


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "float16", "longdouble", ">f8", ">f4"])
def test_other_real_numbers_are_converted(model, X, dtype):
    given = np.round(X).astype(dtype)
    np.testing.assert_array_equal(model.score(given), model.score(given.astype(np.float64)))


@pytest.mark.parametrize(
    "given", [[["a", "b", "c"]], [[None, 1, 2]], [[1j, 2, 3]], [[10**30, 1, 2]], np.zeros((1, 3), "M8[s]"), [[b"1", b"2", b"3"]]]
)
def test_what_is_no_real_number_is_refused(model, given):
    with pytest.raises(TypeError, match="numbers must be real, not of dtype"):
        model.score(given)


def test_masked_numbers_are_refused_and_unmasked_ones_taken(model, X):
    masked = np.ma.masked_array(X, mask=X > 2)
    with pytest.raises(TypeError, match="masked: fill them"):
        model.score(masked)
    np.testing.assert_array_equal(model.score(np.ma.masked_array(X)), model.score(X))


def test_lists_are_rows(model, X):
    np.testing.assert_array_equal(model.score(X.tolist()), model.score(X))


def test_one_row_gives_one_answer(model, X):
    scores = model.score(X)
    assert type(model.score(X[-1])) is float and model.score(X[-1]) == scores[-1]
    assert type(model.is_anomaly(X[-1])) is bool and model.is_anomaly(X[-1])
    assert type(model.path_length(X[-1])) is float
    assert model.explain(X[-1]).shape == (3,)
    assert model.severity(model.score(X[-1])) is alertron.Severity(int(model.severity(scores)[-1]))


def test_no_rows_give_no_answers(model):
    none = np.empty((0, 3))
    assert model.score(none).shape == (0,) and model.is_anomaly(none).shape == (0,) and model.path_length(none).shape == (0,)
    assert model.explain(none).shape == (0, 3) and model.severity(model.score(none)).dtype == np.int8


@pytest.mark.parametrize("ask", ["score", "is_anomaly", "explain", "path_length"])
def test_another_width_is_refused_with_both(model, ask):
    with pytest.raises(ValueError, match=r"rows of 4 features \(shape \(10, 4\)\) for a model of 3"):
        getattr(model, ask)(np.zeros((10, 4)))
    with pytest.raises(alertron.ArgumentError, match=r"rows of 2 features \(shape \(2,\)\) for a model of 3"):
        getattr(model, ask)([1.0, 2.0])


def test_a_column_given_flat_is_refused_with_the_remedy():
    one = alertron.fit(np.arange(20.0).reshape(-1, 1))
    with pytest.raises(ValueError, match=r"X.reshape\(-1, 1\)"):
        one.score(np.arange(20.0))


@pytest.mark.parametrize("shape", [(), (2, 2, 3)])
def test_other_dimensions_are_refused(model, shape):
    with pytest.raises(ValueError, match="shape"):
        model.score(np.zeros(shape))


def test_missing_values_have_no_score_where_the_model_takes_none(model):
    assert np.isnan(model.score([1.0, np.nan, 2.0]))
    assert not model.is_anomaly([1.0, np.nan, 2.0])
    assert model.severity(np.nan) is alertron.Severity.NONE
    assert np.isnan(model.explain([1.0, np.nan, 2.0])).all()


def test_rows_and_scores_are_never_written(model, X):
    before = X.copy()
    model.score(X), model.explain(X), model.path_length(X), alertron.fit(X), model.calibrate(model.score(X))
    np.testing.assert_array_equal(X, before)
