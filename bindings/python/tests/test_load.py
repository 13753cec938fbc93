"""Where models come from, and what is refused of it."""

import bz2
import gzip
import io
import lzma
import os
import pathlib
import pickle
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from conftest import in_repository

import alertron
from alertron import _files


@pytest.fixture(scope="module")
def saved(model):
    return model.to_bytes()


def compressions():
    return {"plain": bytes, "zlib": zlib.compress, "gzip": gzip.compress, "zlib, small window": lambda data: deflated(data, 9)}


def deflated(data, bits):
    stream = zlib.compressobj(9, zlib.DEFLATED, bits)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize("how", compressions())
def test_paths_bytes_and_files_are_taken(model, X, saved, tmp_path, how):
    data = compressions()[how](saved)
    path = tmp_path / "größe.alertron"
    path.write_bytes(data)
    sources = [str(path), path, data, bytearray(data), memoryview(data), memoryview(data + b"x")[:-1], io.BytesIO(data), open(path, "rb")]
    for source in sources:
        np.testing.assert_array_equal(alertron.load(source).score(X), model.score(X))
    sources[-1].close()


@pytest.mark.parametrize("how", [lzma.compress, bz2.compress])
def test_other_compressions_are_refused_by_name(saved, how):
    with pytest.raises(alertron.CompressedError) as caught:
        alertron.load(how(saved))
    assert caught.value.status == "compressed"


def test_a_path_that_is_not_there_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        alertron.load(tmp_path / "none.alertron")


def test_an_error_names_the_path(tmp_path):
    path = tmp_path / "broken.alertron"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(alertron.Error, match="broken.alertron: "):
        alertron.load(path)


def test_a_file_opened_as_text_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match="mode 'rb'"):
        alertron.load(io.StringIO("x"))


@pytest.mark.parametrize("source", [None, 0, 1.5, ["model"], object()])
def test_what_is_no_source_is_a_type_error(source):
    with pytest.raises(TypeError):
        alertron.load(source)


@pytest.mark.parametrize("input", ["float16", "", None, 3, ["float32"]])
def test_an_unknown_input_is_refused(saved, input):
    with pytest.raises((ValueError, TypeError)):
        alertron.load(saved, input=input)


def test_input_decides_the_scalers_arithmetic(sklearn_data):
    path = sklearn_data / "1.7.1_dict_standard_float32.joblib"
    by_default, as64 = alertron.load(path), alertron.load(path, input="float64")
    assert alertron.load(path, input="float32").to_bytes() == by_default.to_bytes() != as64.to_bytes()


def test_altered_bytes_raise_and_never_crash(saved):
    random = np.random.default_rng(3)
    for _ in range(2000):
        damaged = bytearray(saved)
        for at in random.integers(0, len(saved), random.integers(1, 4)):
            damaged[at] ^= int(random.integers(1, 256))
        with pytest.raises(alertron.Error):
            alertron.load(damaged)


def test_every_beginning_of_a_file_is_refused(saved, sklearn_data):
    pickled = (sklearn_data / "1.9.1_dict_standard_float32.joblib").read_bytes()
    for data in (saved, pickled, gzip.compress(pickled)):
        for end in range(0, len(data), 1 + len(data) // 400):
            with pytest.raises(alertron.Error):
                alertron.load(data[:end])


def test_hostile_files_are_refused():
    corpus = [path for path in in_repository("tests/corpus/pickle").iterdir() if path.name.startswith(("hostile", "refused"))]
    assert len(corpus) > 10
    for path in corpus:
        with pytest.raises(alertron.Error, match=path.name):
            alertron.load(path)


def test_refused_models_tell_why(sklearn_data):
    for path in sklearn_data.glob("*refused*"):
        with pytest.raises(alertron.Error) as caught:
            alertron.load(path)
        assert len(str(caught.value)) > len(str(path)) + 10


def test_nothing_is_executed(tmp_path):
    class Gadget:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    for protocol in range(2, 6):
        with pytest.raises(alertron.UnsupportedError, match="mkdir"):
            alertron.load(pickle.dumps(Gadget(), protocol=protocol))
        with pytest.raises(alertron.UnsupportedError, match="mkdir"):
            alertron.from_sklearn(Gadget())
    assert not (tmp_path / "made").exists()


def test_what_follows_compressed_data_is_refused(saved):
    with pytest.raises(alertron.FormatError, match="1 bytes follow"):
        alertron.load(gzip.compress(saved) + b"x")
    with pytest.raises(alertron.FormatError, match="follow"):
        alertron.load(zlib.compress(saved) + zlib.compress(saved))


def test_damaged_compressed_data_are_refused(saved):
    data = bytearray(gzip.compress(saved))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(alertron.FormatError, match="damaged compressed data|altered|checksum"):
        alertron.load(data)


def test_a_bomb_is_refused_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(_files, "FILE_BYTES_MAX", 1 << 20)
    bomb = zlib.compress(bytes(64 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(alertron.LimitError, match="inflates to more than 1048576 bytes"):
            alertron.load(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(alertron.LimitError, match="has more than 1048576 bytes"):
        alertron.load(io.BytesIO(bytes((1 << 20) + 1)))


def test_a_raw_file_may_give_less_than_it_was_asked_for(saved):
    class Slow(io.RawIOBase):
        def __init__(self):
            self.rest = saved

        def read(self, n=-1):
            block, self.rest = self.rest[: min(n, 1000)], self.rest[min(n, 1000) :]
            return block

    assert alertron.load(Slow()).to_bytes() == saved


def test_what_inflates_far_more_than_models_do_is_refused():
    bomb = zlib.compress(bytes(16 << 20), 9)
    with pytest.raises(alertron.LimitError, match=f"inflates to more than {len(bomb) * 64 + 65536} bytes"):
        alertron.load(bomb)


def test_inflated_data_may_fill_the_bound(monkeypatch, model, saved):
    monkeypatch.setattr(_files, "FILE_BYTES_MAX", len(saved))
    assert alertron.load(zlib.compress(saved)).to_bytes() == saved
    monkeypatch.setattr(_files, "FILE_BYTES_MAX", len(saved) - 1)
    with pytest.raises(alertron.LimitError):
        alertron.load(zlib.compress(saved))


def test_importing_and_loading_need_no_scikit_learn(sklearn_data):
    """Neither scikit-learn nor what it brings is imported."""
    code = (
        "import sys, alertron; alertron.load(sys.argv[1]).score([[1.0, 2.0]]); "
        "print(sorted({'sklearn', 'scipy', 'joblib', 'pandas'} & set(sys.modules)))"
    )
    path = sklearn_data / "1.7.1_dict_standard_float32.joblib"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_estimator_says_what_it_needs():
    code = "import sys; sys.modules['sklearn'] = None; import alertron.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs scikit-learn 1.6 or later, and there is none: install it" in done.stderr


def test_paths_may_be_of_any_kind(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("here.alertron")
    assert alertron.load(pathlib.Path("here.alertron")).to_bytes() == model.to_bytes()
