"""vgg19-lite: the trained network is the one that sees; batch normalisation there and back; a run learns, resumes, judges."""

import json
import queue
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nst_core.errors import BadNetwork, BadRecipe
from nst_core.instant import InstantLite
from nst_core.models import weights
from nst_core.training import jaxed, runs
from nst_core.training.vgg19_lite import __main__ as command
from nst_core.training.vgg19_lite import heads, judge, network, pictures
from nst_core.training.vgg19_lite.network import NAMES, ROOT_MEAN_SQUARE
from nst_core.training.vgg19_lite.training import Vgg19LiteSettings, Vgg19LiteTraining, sampled
from tests.training import tiny

ROOT = Path(__file__).parents[2]
EVERY = [f"block{b}_conv{c}" for b, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)) for c in range(1, count + 1)]
FEW = [f"block{x[0]}_conv{x[1]}" for x in ("11", "12", "21", "31", "41", "51")]
SETTINGS = Vgg19LiteSettings(steps=3, minutes=10, peak_rate=5e-3, batch=4, size=32, bank=60, sample=12)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).random((3, 64, 64, 3), np.float32)


@pytest.fixture(scope="module")
def normed_maps():
    return jax.jit(network.normed_maps)


def crippled():
    """Random weights; the first half of every layer's channels has fallen silent."""
    arrays = network.random_weights(np.random.default_rng(0))
    for name, bias in arrays.items():
        if name.endswith(".bias"):
            bias[: len(bias) // 2] = -1e3
    return arrays


@pytest.fixture(scope="module")
def variables(noise):
    return network.revived(crippled(), jnp.asarray(network.normalised(noise)), np.random.default_rng(1))


# --- the network ------------------------------------------------------------------------------------------------------


def test_the_trained_maps_are_those_that_painters_see(noise):
    ours, theirs = network.maps(weights.load("vgg19-lite"), noise), InstantLite().maps(noise[0], NAMES)
    for layer in NAMES:
        np.testing.assert_allclose(ours[layer][0], theirs[layer], rtol=1e-3, atol=1e-4, err_msg=layer)


def test_new_weights_have_the_shapes_of_the_embedded_ones():
    new = network.random_weights(np.random.default_rng(0))
    assert {k: a.shape for k, a in new.items()} == {k: a.shape for k, a in weights.load("vgg19-lite").items()}


def test_reviving_wakes_the_silent_channels_and_leaves_the_others_but_for_their_scale(noise, normed_maps, variables):
    before, after = network.maps(crippled(), noise), normed_maps(variables, network.normalised(noise))
    for layer in NAMES:
        old, new = (np.asarray(found[layer]).reshape(-1, found[layer].shape[-1]) for found in (before, after))
        half = old.shape[1] // 2
        assert not old[:, :half].any() and (new[:, :half] > 0).mean(0).min() > 0.05, layer
        living = half + np.flatnonzero((old[:, half:] > 0).mean(0) > 0.05)
        for channel in living:
            assert np.corrcoef(old[:, channel], new[:, channel])[0, 1] > 0.999, (layer, channel)


def test_what_is_published_gives_the_same_maps_each_channel_at_its_root_mean_square(noise, normed_maps, variables):
    arrays = network.published(variables, noise)
    assert {k: a.shape for k, a in arrays.items()} == {k: a.shape for k, a in weights.load("vgg19-lite").items()}
    plain, normed = network.maps(arrays, noise), normed_maps(variables, network.normalised(noise))
    for layer in NAMES:
        new, old = np.asarray(plain[layer]), np.asarray(normed[layer])
        root = np.sqrt((old**2).mean((0, 1, 2)))
        alive = root > 2e-3
        assert alive.mean() > 0.9
        np.testing.assert_allclose(np.sqrt((new**2).mean((0, 1, 2)))[alive], ROOT_MEAN_SQUARE, rtol=1e-2, err_msg=layer)
        expected = (old / root)[..., alive] * ROOT_MEAN_SQUARE
        np.testing.assert_allclose(new[..., alive], expected, rtol=1e-2, atol=1e-2, err_msg=layer)


def test_a_silent_channels_weights_do_not_grow(noise, variables):
    silent = {**variables, "conv11.shift": np.where(np.arange(16) == 3, -100, variables["conv11.shift"])}
    found = network.published(silent, noise)
    assert max(np.abs(a).max() for a in found.values()) < 1e4


def test_numbers_are_shaken_by_a_share_of_themselves():
    x, random = jnp.full((4, 64, 64, 2), jnp.array([1.0, -8.0])), jax.random.key(0, impl="rbg")
    off = np.asarray(network.shaken(x, 0.01, random) / x - 1)
    np.testing.assert_allclose(off.std((0, 1, 2)), 0.01, rtol=0.05)
    assert np.abs(off.mean()) < 1e-3 and np.abs(off).max() < 0.018
    assert network.shaken(x, 0.0, random) is x and network.shaken(x, 0.01, None) is x


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_some_crops_are_made_dark_some_flat_and_the_others_stay():
    x = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    changed = np.asarray(jax.jit(pictures.darkened)(jnp.tile(x, (150, 1, 1, 1)), jax.random.key(0)))
    same = [any(np.array_equal(y[:, ::step], one) for one in x for step in (1, -1)) for y in changed]
    assert 0.7 < np.mean(same) < 0.92 and changed.min() >= 0 and changed.max() <= 1
    others = changed[~np.array(same)]
    dark = others.mean((1, 2, 3)) < 0.2
    assert 0.45 < dark.mean() < 0.85 and others[~dark].std((1, 2)).max() < 0.15 < x.std()


def test_a_chunk_is_bytes():
    pools = pictures.PicturePools(tiny.photographs(2), tiny.some_textures(1))
    found = pools.chunk(32, np.random.default_rng(0))
    assert found.shape == (pictures.CHUNK, 32, 32, 3) and found.dtype == np.uint8 and np.ptp(found) > 100
    with pytest.raises(BadRecipe, match="photographs and styles"):
        pictures.PicturePools(tiny.photographs(1), [])


# --- judging ----------------------------------------------------------------------------------------------------------


def test_solved_heads_find_the_linear_map_that_there_is():
    rng = np.random.default_rng(0)
    x, true = rng.standard_normal((500, 4)), rng.standard_normal((4, 3))
    head, shift = heads.solve_heads({"a": x}, {"a": x @ true + [1, 2, 3]})["a"]
    np.testing.assert_allclose(head, true, atol=0.01)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=0.01)


def test_correlation_by_hand():
    true = np.array([[0, 1, 2, 3], [0, 1, 0, 1]], np.float32).T.reshape(1, 2, 2, 2)
    assert heads.correlation(2 * true + 5, true) == pytest.approx(1)
    assert heads.correlation(true * [1, -1], true) == pytest.approx(0, abs=1e-6)  # the mean of 1 and −1


def test_bfloat16_keeps_eight_bits():
    assert judge.as_bfloat16(jnp.array([1 + 2**-7, 1 + 2**-9, 300.4])).tolist() == [1 + 2**-7, 1, 300]


def test_correlations_are_high_for_the_embedded_network_and_low_for_a_random_one(shared):
    teacher = jaxed.stand_in(shared / "models" / "vgg19_16x.npz")
    pools = pictures.PicturePools(tiny.photographs(8, 128), tiny.some_textures(8))
    fitted, tested = (pools.draw(12, 64, np.random.default_rng(seed)) for seed in (0, 1))
    new = network.random_weights(np.random.default_rng(0))
    (embedded,), (random,) = (judge.correlations(a, teacher, fitted, tested) for a in (weights.load("vgg19-lite"), new))
    assert all(embedded[layer] > random[layer] for layer in NAMES[2:])
    assert embedded["block1_conv1"] > 0.95
    (own,) = judge.own_correlations(teacher, fitted, tested)
    assert all(own[layer] > random[layer] for layer in NAMES), (own, random, embedded)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chunks():
    pools = pictures.PicturePools(tiny.photographs(), tiny.some_textures())
    return [pools.chunk(32, np.random.default_rng(seed)) for seed in range(2)]


@pytest.fixture(scope="module")
def training(chunks):
    """Of few layers, which compile in a quarter of the time."""
    teacher = jaxed.JaxNetwork(tiny.convolutions(FEW), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    return Vgg19LiteTraining(SETTINGS, teacher, tiny.watcher(np.random.default_rng(0), FEW), sampled(chunks, 12, 0))


@pytest.fixture(scope="module")
def ring(chunks):
    found = SETTINGS.new_ring()
    for chunk in chunks:
        found.put({"crops": chunk})
    return found


def test_it_learns_its_teachers_maps(training, ring):
    errors = [training.step(ring, 5e-3) for _ in range(40)]
    logarithms = np.log([[float(one[layer]) for layer in FEW] for one in errors])  # what is added up
    early, late = logarithms[:12].mean(0), logarithms[-12:].mean(0)
    assert (late < early).all() and late.sum() < early.sum() - 1
    assert set(errors[0]) == {*FEW, *(f"own {layer}" for layer in FEW)}


def test_it_resumes_to_the_same_numbers(training, ring, tmp_path):
    training.save(tmp_path / "state.npz")
    steps = training.steps
    training.step(ring, 1e-3), training.step(ring, 1e-3)
    whole = jax.device_get(training.state["average"])
    training.step(ring, 1e-3)
    training.restore(tmp_path / "state.npz")
    assert training.steps == steps
    training.step(ring, 1e-3), training.step(ring, 1e-3)
    for name, array in training.state["average"].items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_run_writes_weights_of_the_shapes_that_it_began_with(training, chunks, tmp_path):
    waiting, out, steps = queue.Queue(), tmp_path / "net.npz", training.steps
    for chunk in chunks:
        waiting.put(chunk)
    command.run(training, waiting, out, runs.Log(tmp_path / "log"), {"model": "tiny"}, 2)
    arrays, manifest = runs.read_arrays(out), json.loads(out.with_suffix(".json").read_text())
    assert {k: a.shape for k, a in arrays.items()} == {k: a.shape for k, a in training.start.items()}
    assert (manifest["model"], manifest["steps"]) == ("tiny", steps + 3) and out.with_suffix(".state.npz").is_file()
    squares = [np.sqrt((np.asarray(m) ** 2).mean((0, 1, 2))) for m in network.maps(arrays, training.sample).values()]
    assert all(np.median(root) == pytest.approx(ROOT_MEAN_SQUARE, rel=0.02) for root in squares)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2] and {*FEW, "own"} <= set(lines[0])


def test_a_report_names_its_measures(monkeypatch, tmp_path, capsys, noise):
    squares = noise.reshape(3, 2, 32, 2, 32, 3).swapaxes(2, 3).reshape(12, 32, 32, 3)
    monkeypatch.setattr(judge, "black_skies", lambda: squares * np.float32(0.05))
    tiny.write_stand_in(tmp_path / "eyes.npz", EVERY)
    np.savez(tmp_path / "sets.npz", a=squares, b=squares[::-1], c=squares[:, ::-1])
    np.savez(tmp_path / "lame.npz", **crippled())
    judge.main([tmp_path / "lame.npz"], tmp_path / "eyes.npz", tmp_path / "sets.npz")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and all(line.startswith("lame.npz") for line in lines)
    figures = {line.split("  ")[1].strip(): [float(x) for x in line.split()[-len(NAMES) :]] for line in lines}
    assert figures["living channels"][0] == 0.5 >= max(figures["living channels"])
    assert all(0 < x < 0.2 for x in figures["bfloat16 error, photographs"])


def test_faults_are_sentences(tmp_path):
    tiny.write_stand_in(tmp_path / "eyes.npz", EVERY)
    others = {"photographs": [tmp_path], "styles": [tmp_path], "teacher": tmp_path / "eyes.npz"}
    with pytest.raises(BadNetwork, match="no weights of vgg19-lite"):
        command.main(tmp_path / "o.npz", **others, start=str(tmp_path / "eyes.npz"))
    with pytest.raises(BadNetwork, match="to judge with"):
        command.main(tmp_path / "o.npz", **others, sets=tmp_path / "eyes.npz")
    with pytest.raises(BadNetwork, match="no weights of vgg19-lite"):
        network.read(tmp_path / "eyes.npz")
    options = {"photographs": tmp_path, "styles": tmp_path, "teacher": tmp_path / "eyes.npz"}
    line = [sys.executable, "-m", "nst_core.training.vgg19_lite", str(tmp_path / "o.npz")]
    line += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    failed = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 2 and "holds no pictures" in failed.stderr and "Traceback" not in failed.stderr
