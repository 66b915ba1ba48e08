"""MicroAST's runner paints what the prototype beside the shared weights paints."""

import importlib.util

import numpy as np

from benchmarks.microast import MicroAST


def prototype(shared):
    specification = importlib.util.spec_from_file_location("prototype", shared / "prototypes" / "microast.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_it_paints_what_the_prototype_paints(shared):
    rng = np.random.default_rng(0)
    content, style = rng.random((48, 64, 3), np.float32), rng.random((64, 44, 3), np.float32)
    painted = MicroAST(shared / "models" / "microast.npz")(content, style)
    assert np.abs(painted - prototype(shared).paint(content, style)).max() < 1e-4
    assert painted.std() > 0.01


def test_sides_of_any_length_are_kept(shared):
    content = np.full((45, 63, 3), 0.5, np.float32)
    assert MicroAST(shared / "models" / "microast.npz")(content, content[:41, :43]).shape == (45, 63, 3)
