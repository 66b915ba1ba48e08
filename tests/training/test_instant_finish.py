"""Finishing instant-lite: no lattice on flat ground, walls measured by hand, runs that learn, resume and load."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nst_core.errors import BadRecipe
from nst_core.features import Extractor
from nst_core.instant import InstantLite
from nst_core.models import weights
from nst_core.training import data, instant_finish, runs
from nst_core.training.instant_network import random_weights, transform
from tests.training.test_training import photographs, some_textures, tiny_eyes

ROOT = Path(__file__).parents[2]
TINY = {"styles": 6, "canvases": (64, 96), "batch": (2, 64), "walls": 0.5, "own_style": 0.3, "blended": 0.5, "halved": 0.0}


@pytest.fixture(scope="module")
def start():
    return random_weights(np.random.default_rng(0))


@pytest.fixture(scope="module")
def known(start):
    eyes = Extractor(tiny_eyes(), instant_finish.WEIGHTS)
    return instant_finish.measured(photographs(), some_textures(), eyes, InstantLite(start), instant_finish.Settings(**TINY))


@pytest.fixture(scope="module")
def finish(start, known):
    return lambda **settings: instant_finish.Finish(
        instant_finish.Settings(**{"steps": 4, **TINY, **settings}), photographs(), known, tiny_eyes(), start
    )


def lattice(arrays):
    """The largest difference of the four phases of two pixels, where the content is flat."""
    flat = tf.fill([1, 32, 32, 3], 0.7) * tf.constant([1.0, 0.8, 0.5])
    parameters = [tf.constant(arrays[f"transformer/{i}"], tf.float32) for i in range(35)]
    y = transform(parameters, flat, tf.random.stateless_normal([1, 100], (0, 0)))[0].numpy()
    return np.ptp([y[i::2, j::2].mean((0, 1)) for i in (0, 1) for j in (0, 1)], 0).max()


def test_an_even_network_draws_no_lattice_on_flat_ground(start):
    evened = {name: np.asarray(a) for name, a in instant_finish.even(start).items()}
    assert lattice(start) > 0.01 and lattice(evened) < 1e-6
    again = instant_finish.even(evened)
    assert all(np.allclose(again[name], evened[name], atol=1e-6) for name in start)
    assert [name for name in start if not np.array_equal(start[name], evened[name])] == ["transformer/33"]  # no bias yet


def test_the_embedded_weights_draw_no_lattice():
    assert lattice(weights.load("instant-lite")) < 0.5 / 255


def test_unrest_is_the_mean_difference_of_areas_on_a_wall():
    picture, wall = np.zeros((1, 16, 32, 3), np.float32), np.ones((1, 16, 32, 1), np.float32)
    picture[:, :, 8:16] = 0.3  # areas of 8: 0, 0.3, 0, 0 in both rows; six neighbours right, four down
    found = instant_finish.unrest(tf.constant(picture), tf.constant(wall))
    np.testing.assert_allclose(found, (4 * 0.3 * 3 / (3 * 6 + 1) + 0) / 2, rtol=1e-5)
    wall[:, :, 9] = 0  # the bright areas lie on the thing
    assert instant_finish.unrest(tf.constant(picture), tf.constant(wall)) == 0


def test_a_wall_surrounds_the_photograph_and_says_where_it_is():
    x = np.random.default_rng(0).random((64, 64, 3), np.float32)
    for seed in range(6):
        y, wall = data.wall(x, np.random.default_rng(seed))
        outside = wall[..., 0] == 1
        assert y.dtype == np.float32 and 0.05 < outside.mean() < 0.95 and y.min() >= 0 and y.max() <= 1
        assert y[outside].std(0).max() < 0.1 < y[~outside].std(0).min()


def test_what_is_measured_is_the_style_at_the_size_that_it_is_met(known):
    assert known["vector"].shape == (6, 100) and known["gram/block1_conv1"].shape == (6, 4, 4)
    assert set(known["canvas"]) <= {64, 96} and known["own"].max() >= 0 > known["own"].min()


def test_each_half_is_painted_in_its_own_style_as_masks_do(finish):
    """Half of upright stripes has the statistics of the whole: two halves in one style are the picture in one piece."""
    one, rng = finish(), np.random.default_rng(0)
    x, (a, b) = rng.random((1, 1, 64, 3), np.float32).repeat(64, 1), rng.standard_normal((2, 1, 100), np.float32)
    painted = lambda first, second: one.painted(1, tf.constant(x), tf.concat([first, second], 0))  # noqa: E731
    np.testing.assert_allclose(painted(a, a), one.painted(None, tf.constant(x), tf.constant(a)), atol=1e-4)
    top, bottom = (tf.reduce_mean(tf.abs(part)) for part in tf.split(painted(a, b) - painted(b, b), 2, 1))
    assert top > 2 * bottom


def test_halves_come_in_the_order_of_their_styles():
    x = tf.reshape(tf.range(8), [2, 2, 2, 1])
    assert instant_finish.halves(x, 1)[..., 0].numpy().tolist() == [[[0, 1]], [[4, 5]], [[2, 3]], [[6, 7]]]
    assert instant_finish.halves(x, 2)[..., 0].numpy().tolist() == [[[0], [2]], [[4], [6]], [[1], [3]], [[5], [7]]]


def test_steps_lower_the_loss(finish):
    one = finish(steps=80, peak_rate=2e-3, blended=0.0, halved=0.5)
    losses = [one.step() for _ in range(50)]
    assert np.mean([x["style"] for x in losses[-15:]]) < 0.95 * np.mean([x["style"] for x in losses[:15]])


@pytest.fixture(scope="module")
def whole(finish, tmp_path_factory):
    """A run of four steps, its state after two, and what it wrote."""
    one, folder = finish(), tmp_path_factory.mktemp("run")
    one.step(), one.step()
    one.trainer.save(folder / "two.npz")
    instant_finish.run(one, folder / "net.npz", folder / "state.npz", runs.Log(None), {"model": "tiny"}, 10)
    return one, folder


def test_a_run_resumes_to_the_same_numbers(finish, whole):
    (one, folder), second = whole, finish()
    second.trainer.restore(folder / "two.npz")
    second.step(), second.step()
    for name, array in one.arrays().items():
        np.testing.assert_allclose(second.arrays()[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_run_writes_weights_that_load_and_keeps_the_predictor(whole, start):
    out = whole[1] / "net.npz"
    arrays = runs.read_arrays(out)
    assert InstantLite(arrays).transform(np.zeros((32, 32, 3), np.float32), np.zeros(100)).shape == (32, 32, 3)
    assert all(np.allclose(arrays[n], a, atol=1e-2) for n, a in start.items() if n.startswith("predictor/"))
    assert not np.allclose(arrays["transformer/0"], start["transformer/0"], atol=1e-4) and lattice(arrays) < 2e-3
    assert json.loads(out.with_suffix(".json").read_text())["steps"] == 4


def test_faults_are_sentences(finish, start, known, tmp_path):
    with pytest.raises(BadRecipe, match="photographs and styles"):
        instant_finish.Finish(instant_finish.Settings(), [], known, tiny_eyes(), start)
    command = [sys.executable, "-m", "nst_core.training.instant_finish", str(tmp_path / "o.npz")]
    failed = subprocess.run(
        [*command, "--photographs", str(tmp_path), "--styles", str(tmp_path), "--eyes", "vgg19-lite"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert failed.returncode == 2 and "holds no pictures" in failed.stderr and "Traceback" not in failed.stderr
