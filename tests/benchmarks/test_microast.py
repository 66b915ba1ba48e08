"""MicroAST's runner paints what the prototype paints with the same weights; `tests.microast` wrote down what that is."""

import numpy as np
import pytest

from benchmarks.microast import MicroAST
from tests import microast


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    file = tmp_path_factory.mktemp("microast") / "weights.npz"
    np.savez(file, **microast.random_weights())
    return MicroAST(file)


def test_it_paints_what_the_prototype_paints(runner):
    painted = runner(*microast.pictures())
    assert np.abs(painted - np.load(microast.EXPECTED)["painted"]).max() < 1e-4
    assert painted.std() > 0.01


def test_sides_of_any_length_are_kept(runner):
    content = np.full((45, 63, 3), 0.5, np.float32)
    assert runner(content, content[:41, :43]).shape == (45, 63, 3)
