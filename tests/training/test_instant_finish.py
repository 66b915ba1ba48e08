"""Finishing instant-lite: what is trained is what is painted; no lattice, walls by hand; a run learns, resumes and loads."""

import json
import queue
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nst_core import images
from nst_core.errors import BadNetwork, BadRecipe
from nst_core.instant import InstantLite
from nst_core.models import eyes, weights
from nst_core.training import data, instant_finish, instant_jaxed, instant_losses, jaxed, painted, runs
from nst_core.training.instant_losses import Order
from nst_core.training.vgg19_lite import network
from tests.training import tiny

ROOT = Path(__file__).parents[2]
NAMES = tuple(f"block{x[0]}_conv{x[1]}" for x in ("11", "21", "31", "41", "42", "51"))
PLAN = painted.Plan(canvases=(64,), size=64, crops=2, seen=32)
SETTINGS = instant_finish.Settings(
    minutes=0.01, peak_rate=0.05, whole=2, halved=2, blocks=2, content_weight=0.014, vector_weight=0.0, average=0.9
)


def drawn(number):
    """As `painted.Pools.draw` gives it: stripes across, as wide as the number says, and blobs to paint."""
    style = np.zeros((64, 64, 3), np.uint8)
    style[(np.arange(64) // (number % 3 + 2)) % 2 == 0] = np.random.default_rng(number).integers(256, size=3)
    contents = np.stack([data.crop(x, 64, np.random.default_rng(number)) for x in tiny.photographs(2)])
    walls = np.zeros((2, 64, 64), np.uint8)
    walls[:, :24] = 1
    return painted.Drawn(64, number % 5 == 0, style, style[::2, ::2], images.to_uint8(contents), walls)


@pytest.fixture(scope="module")
def start():
    """Numbers that float16 holds, as painters keep them."""
    return {name: a.astype(np.float16).astype(np.float32) for name, a in tiny.painter(np.random.default_rng(0)).items()}


@pytest.fixture(scope="module")
def bank():
    found = instant_finish.Bank(jaxed.Eyes(tiny.convolutions(NAMES), np.eye(3), np.zeros(3)), eyes.convolutions(), PLAN, 2)
    for number in range(instant_finish.BLOCK):
        found.take(drawn(number))
    return found


@pytest.fixture(scope="module")
def finish(start, bank):
    return instant_finish.Finish(SETTINGS, bank, start)


def picture(h, w, seed=0):
    return np.random.default_rng(seed).random((h, w, 3), np.float32)


# --- the network that is trained is the one that paints ---------------------------------------------------------------


@pytest.fixture(scope="module")
def model(start):
    return InstantLite(start)


def test_the_trained_transformer_is_the_one_that_paints(start, model):
    vectors, parameters = np.random.default_rng(1).standard_normal((2, 100)).astype(np.float32), trained(start)
    x = np.stack([picture(32, 48, seed) for seed in range(2)])
    found = jax.jit(instant_jaxed.transform)(parameters, x, vectors)
    expected = np.stack([model.transform(content, vector) for content, vector in zip(x, vectors, strict=True)])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert expected.std() > 0.05


def test_the_trained_transformer_by_region_is_the_one_that_paints(start, model):
    vectors, shares = np.random.default_rng(1).standard_normal((3, 100)).astype(np.float32), picture(32, 48, 5)
    shares[:, :20, 1] = 0
    shares /= shares.sum(-1, keepdims=True)
    found = jax.jit(instant_jaxed.transform_by_region)(trained(start), picture(32, 48)[None], vectors[None], shares[None])
    expected = model.transform_regions(picture(32, 48), list(vectors), np.moveaxis(shares, -1, 0))
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_the_embedded_predictor_is_the_one_that_is_trained():
    style, arrays = picture(256, 256), weights.load("instant-lite")
    statistics = jax.jit(instant_jaxed.style_statistics)(eyes.convolutions(), network.normalised(style)[None])
    found = instant_jaxed.style_vector(instant_jaxed.ordered(arrays, "predictor"), statistics)
    np.testing.assert_allclose(found[0], InstantLite().predict(style), atol=1e-4)


def trained(arrays):
    return instant_jaxed.ordered(arrays, "transformer")


def lattice(arrays):
    """The largest difference of the four phases of two pixels, where the content is flat."""
    flat = np.full((1, 32, 32, 3), [0.7, 0.56, 0.35], np.float32)
    y = jax.jit(instant_jaxed.transform)(trained(arrays), flat, np.random.default_rng(0).standard_normal((1, 100)))[0]
    return np.ptp([np.asarray(y[i::2, j::2]).mean((0, 1)) for i in (0, 1) for j in (0, 1)], 0).max()


def test_an_even_network_draws_no_lattice_on_flat_ground(start):
    uneven = {**start, "transformer/16": np.linspace(-1, 1, 12, dtype=np.float32)}
    evened = {name: np.asarray(a) for name, a in instant_jaxed.even(uneven).items()}
    assert lattice(uneven) > 0.1 and lattice(evened) < 1e-5
    again = instant_jaxed.even(evened)
    assert all(np.allclose(again[name], evened[name], atol=1e-6) for name in start)
    assert [n for n in start if not np.array_equal(uneven[n], evened[n])] == ["transformer/15", "transformer/16"]


def test_the_embedded_weights_draw_no_lattice():
    assert lattice(weights.load("instant-lite")) < 0.5 / 255


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_what_is_drawn_has_the_shapes_that_the_bank_takes():
    plan = painted.Plan(canvases=(64,), size=64, crops=2, seen=32, walls=1, own_style=0)
    pools = painted.Pools(tiny.photographs(2), tiny.some_textures(1))
    found = pools.draw(plan, np.random.default_rng(0))
    for one, like in zip(found[2:], drawn(0)[2:], strict=True):
        assert one.shape == like.shape and one.dtype == np.uint8
    assert not found.own and 0.05 < found.walls.mean() < 0.95
    again = pools.draw(plan, np.random.default_rng(0))
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


def test_a_photograph_in_its_own_style_is_left_as_it_is():
    plan = painted.Plan(canvases=(96,), size=96, crops=1, seen=32, walls=1, recolored=1, own_style=1)
    found = painted.Pools(tiny.photographs(1, 96), []).draw(plan, np.random.default_rng(0))
    photograph = tiny.photographs(1, 96)[0]
    assert found.own and not found.walls.any()
    assert any(
        np.array_equal(found.contents[0][:, ::step], photograph[:, left : left + 96]) for left in range(33) for step in (1, -1)
    )


def test_a_wall_surrounds_the_photograph_and_says_where_it_is():
    x = np.random.default_rng(0).random((64, 64, 3), np.float32)
    for seed in range(6):
        y, wall = data.wall(x, np.random.default_rng(seed))
        outside = wall[..., 0] == 1
        assert y.dtype == np.float32 and 0.05 < outside.mean() < 0.95 and y.min() >= 0 and y.max() <= 1
        assert y[outside].std(0).max() < 0.1 < y[~outside].std(0).min()


def test_styles_and_photographs_share_a_canvas_and_a_photograph_keeps_its_own_style():
    canvases = painted.Plan(canvases=(64, 96), crops=2)
    bank = instant_finish.Bank(jaxed.Eyes({}, None, None), {}, canvases, 4)
    bank.ring.count, bank.canvases, bank.own[0, :] = 3, np.array([64, 96, 64, 0]), True
    first, other, contents = bank.choose(400, np.random.default_rng(0))
    block = lambda x, each=1: x // (instant_finish.BLOCK * each)  # noqa: E731
    assert set(block(first)) == {0, 1, 2}
    for at in (block(other), block(contents, 2)):
        assert np.array_equal(bank.canvases[at], bank.canvases[block(first)]) and not np.array_equal(at, block(first))
    own = block(first) == 0
    assert np.array_equal(contents[own] // 2, first[own]) and not np.array_equal(contents[~own] // 2, first[~own])


def test_pictures_are_picked_mirrored_and_turned_as_ordered():
    contents = np.arange(8 * 16 * 3, dtype=np.uint8).reshape(1, 2, 4, 4, 4, 3)  # one block of two styles, four crops each
    bank = {"contents": jnp.asarray(contents), "walls": jnp.asarray(contents[..., 0])}
    order = Order(np.array([5, 0, 7, 2]), np.array([True, False, False, True]), *[np.zeros(4, int)] * 2, np.ones(2),
                  np.array([True, False]))  # fmt: skip
    crops = contents.reshape(8, 4, 4, 3)
    expected = [crops[5][:, ::-1], crops[0], crops[7].swapaxes(0, 1), crops[2][:, ::-1]]
    x, walls = instant_losses.pictures(bank, order)
    np.testing.assert_allclose(x, np.stack(expected) / np.float32(255), rtol=1e-6)
    np.testing.assert_array_equal(walls[..., 0], np.stack(expected)[..., 0])


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_unrest_is_the_mean_difference_of_areas_on_a_wall():
    picture, wall = np.zeros((1, 16, 32, 3), np.float32), np.ones((1, 16, 32, 1), np.float32)
    picture[:, :, 8:16] = 0.3  # areas of 8: 0, 0.3, 0, 0 in both rows; six neighbours right, four down
    np.testing.assert_allclose(instant_losses.unrest(picture, wall), (4 * 0.3 * 3 / (3 * 6 + 1) + 0) / 2, rtol=1e-5)
    wall[:, :, 9] = 0  # the bright areas lie on the thing
    assert instant_losses.unrest(picture, wall) == 0


def test_variation_by_hand():
    x = np.zeros((1, 2, 2, 1), np.float32)
    x[0, 0, 0] = 1  # one step down and one to the right
    assert float(instant_losses.variation(x)) == 2 / 4


def test_halves_come_in_the_order_of_their_styles():
    x = np.arange(8).reshape(2, 2, 2, 1)
    assert instant_losses.halves(x)[..., 0].tolist() == [[[0, 1]], [[4, 5]], [[2, 3]], [[6, 7]]]


def test_each_half_is_painted_in_its_own_style_as_masks_do(start):
    """Half of upright stripes has the statistics of the whole: two halves in one style are the picture in one piece."""
    rng, parameters = np.random.default_rng(0), trained(start)
    x, (a, b) = rng.random((1, 1, 64, 3), np.float32).repeat(64, 1), rng.standard_normal((2, 1, 100), np.float32)
    by_halves = jax.jit(partial(instant_losses.by_halves, parameters))
    np.testing.assert_allclose(by_halves(x, a, a), jax.jit(instant_jaxed.transform)(parameters, x, a), atol=1e-4)
    upper, lower = (jnp.abs(part).mean() for part in jnp.split(by_halves(x, a, b) - by_halves(x, b, b), 2, 1))
    assert upper > 2 * lower


def test_each_half_is_judged_by_its_own_style(finish, start):
    """Where the styles' Gram matrices are those of what is painted, nothing is left to ask; exchanged, there is."""
    arrays, same = finish.bank.ring.arrays, np.zeros(4, int)
    order = Order(same, same > 0, np.array([0, 0, 1, 1]), np.array([0, 0, 2, 2]), np.ones(2, np.float32), np.zeros(2, bool))
    upper, lower = instant_jaxed.style_vector(instant_jaxed.ordered(start, "predictor"), arrays["statistics"][0, 1:3])
    x = instant_losses.pictures(arrays, order)[0].astype(jnp.bfloat16)[2:3]

    @jax.jit
    def grams(arrays):
        painted = instant_losses.by_halves(trained(instant_jaxed.even(arrays)), x, upper[None], lower[None])
        seen = finish._known.eyes.raw_maps(instant_losses.halves(painted), dtype=jnp.bfloat16)
        return {f"gram/{layer}": jaxed.gram(jax.nn.relu(m)) for layer, m in seen.items()}

    found = grams(start)
    bank = {name: a.at[0, 1:3].set(found[name]) if name.startswith("gram/") else a for name, a in arrays.items()}
    apart = lambda order: finish._graph(fresh(start), finish._known, bank, order, np.float32(0))[1]["halves"]  # noqa: E731
    assert apart(order) < 0.1 * apart(order._replace(first=order.other, other=order.first))


def fresh(start):
    """A state that may be given away."""
    return jaxed.state_of({n: a for n, a in jaxed.on_device(start).items() if n not in ("predictor/0", "predictor/1")})


# --- runs -------------------------------------------------------------------------------------------------------------


def test_steps_lower_the_loss(finish):
    losses = [finish.step(0.0) for _ in range(30)]
    assert np.mean([x["style"] for x in losses[-10:]]) < 0.9 * np.mean([x["style"] for x in losses[:10]])
    assert set(losses[0]) == {"loss", "style", "halves", "content", "variation", "wall", "vector"}


def test_a_run_resumes_to_the_same_numbers(finish, tmp_path):
    finish.save(tmp_path / "state.npz")
    steps = finish.steps
    finish.step(0.5), finish.step(0.5)
    whole = finish.arrays()
    finish.step(0.5)
    finish.restore(tmp_path / "state.npz")
    assert finish.steps == steps
    finish.step(0.5), finish.step(0.5)
    for name, array in finish.arrays().items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_run_writes_weights_that_load(finish, start, tmp_path):
    waiting, out, steps = queue.Queue(), tmp_path / "net.npz", finish.steps
    for number in range(instant_finish.BLOCK):
        waiting.put(drawn(number))
    instant_finish.run(finish, waiting, 2, out, runs.Log(tmp_path / "log"))
    arrays, manifest = runs.read_arrays(out), json.loads(out.with_suffix(".json").read_text())
    assert InstantLite(arrays).transform(np.zeros((32, 32, 3), np.float32), np.zeros(100)).shape == (32, 32, 3)
    assert not np.allclose(arrays["transformer/0"], start["transformer/0"], atol=1e-3) and lattice(arrays) < 5e-3
    assert all(np.array_equal(arrays[f"predictor/{i}"], start[f"predictor/{i}"]) for i in range(2))
    assert manifest["steps"] == finish.steps > steps and manifest["styles"] == 2 * instant_finish.BLOCK
    assert out.with_suffix(".state.npz").is_file() and "end" in (tmp_path / "log").read_text().splitlines()[-1]


def test_faults_are_sentences(tmp_path):
    tiny.write_stand_in(tmp_path / "eyes.npz")
    folder, embedded = [tmp_path], ROOT / "nst_core" / "models"
    others = {"photographs": folder, "styles": folder, "eyes": tmp_path / "eyes.npz"}
    one, other = embedded / "instant_lite.npz", embedded / "vgg19_lite.npz"
    with pytest.raises(BadNetwork, match="no weights of instant-lite"):
        instant_finish.main(tmp_path / "o.npz", **others, predictors_eyes=other, start=other)
    with pytest.raises(BadNetwork, match="no weights of vgg19-lite"):
        instant_finish.main(tmp_path / "o.npz", **others, predictors_eyes=one, start=one)
    with pytest.raises(BadRecipe, match="two numbers"):
        instant_finish.main(tmp_path / "o.npz", **others, predictors_eyes=other, start=one, schedule="all")
    options = {**others, "photographs": tmp_path, "styles": tmp_path, "predictors-eyes": other, "start": one}
    command = [sys.executable, "-m", "nst_core.training.instant_finish", str(tmp_path / "o.npz")]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 2 and "holds no pictures" in failed.stderr and "Traceback" not in failed.stderr
