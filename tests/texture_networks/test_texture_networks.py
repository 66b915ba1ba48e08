"""Texture networks: the plan, the generator, its normalisations, training and resuming, files and those that are none."""

import contextlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from nst_core import cli, engines, features, images, recipes
from nst_core.errors import BadNetwork, BadPicture, BadRecipe, Diverged, TooLarge
from nst_core.machine import arrays
from nst_core.models import weights
from nst_core.recipes import Source, TextureNetworkRecipe
from nst_core.service import JobState, Lane, Service, checkpoints
from nst_core.texture_networks import TextureNetwork, Trained, drawing, generators
from nst_core.texture_networks.painting import NetworkPainter, draw_noise, resize_tile
from nst_core.texture_networks.training import Generator, Perception, Training, generator, perception, photographs, run
from nst_core.texture_networks.training.generator import batch_norm, first_values, instance_norm, limit

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds until a hang counts as a failure
QUICK = {"crop": 64, "style_size": 64, "steps": 8, "scales": 3}
PAINTING, TEXTURE = recipes.training(**QUICK), recipes.training(**QUICK, purpose="synthesize")


def blobs(seed, height=64, width=96):
    rng = np.random.default_rng(seed)
    return images.resize(rng.random((height // 8, width // 8, 3), np.float32), height, width)


def network(recipe=PAINTING, seed=0):
    """A network with random numbers."""
    arrays = first_values(generators.plan(recipe), np.random.default_rng(seed))
    return TextureNetwork(recipe, arrays, np.zeros((2, len(generators.LOG)), np.float32))


def training(recipe=PAINTING, **options):
    photographs = [images.to_uint8(blobs(seed, 96, 128)) for seed in range(3)]
    objective = Perception(recipe, features.network("vgg19-lite"), blobs(9, 64, 64))
    return Training(objective, recipe, photographs, blobs(4, 48, 40), **options)


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_parameters_are_the_papers():
    texture, painting = (generators.plan(recipes.training(purpose=p)) for p in ("synthesize", "stylize"))
    # kernels by hand: branches (9·3 + 9·8 + 8)·8, joins 19·(8i)², RGB 8K·3 + 3; scale and shift for each normalised channel
    joins = lambda K: sum(19 * (8 * i) ** 2 for i in range(2, K + 1))  # noqa: E731
    norms = lambda K: K * 3 * 16 + sum(2 * 8 * i + 3 * 16 * i for i in range(2, K + 1))  # noqa: E731
    assert texture.parameters == 5 * (27 + 72 + 8) * 8 + joins(5) + norms(5) + 40 * 3 + 3 == 71_203
    assert painting.parameters == 6 * (54 + 72 + 8) * 8 + joins(6) + norms(6) + 48 * 3 + 3 == 117_587
    assert joins(5) == 65_664  # the paper's "about 65 thousand"


def test_scales_are_the_papers():
    plan = generators.plan(recipes.training())
    assert [stage.ratio for stage in plan.stages] == [32, 16, 8, 4, 2, 1]
    assert [stage.channels for stage in plan.stages] == [8, 16, 24, 32, 40, 48]
    assert [len(generators.plan(recipes.training(purpose="synthesize")).stages)] == [5]


@pytest.mark.parametrize(("ratio", "side"), [(1, 9), (2, 22), (4, 32)])
def test_receptive_fields_are_what_gradients_reach(ratio, side, monkeypatch):
    """Of each branch alone, by the noise it gets; normalisation would see everything, so it is left out here."""
    monkeypatch.setattr(generator, "batch_norm", lambda x, *_: (x, None, None))
    plan = generators.plan(PAINTING)
    values = {name: tf.ones(shape) for name, shape in plan.shapes.items()}
    values = {name: value * 1e-2 if name.endswith("kernel") else value for name, value in values.items()}
    noises = [tf.ones([1, 64 // stage.ratio, 64 // stage.ratio, 3]) for stage in plan.stages]
    index = [stage.ratio for stage in plan.stages].index(ratio)
    sides = []
    for pixel in range(32, 36):
        with tf.GradientTape() as tape:
            tape.watch(noises)
            made = Generator(plan)(values, tf.ones([1, 64, 64, 3]), noises)[0, pixel, pixel, 0]
        reached = tf.reduce_any(tape.gradient(made, noises[index]) != 0, [0, 2, 3])
        sides.append(int(tf.reduce_sum(tf.cast(reached, tf.int32))) * ratio)
    assert max(sides) == side


def test_the_drawing_has_every_convolution():
    plan = generators.plan(recipes.training())
    drawn = drawing.svg(plan)
    convolutions = [c for stage in plan.stages for c in (*stage.branch, *stage.join)]
    assert drawn.count("normalisation, ReLU") == len(convolutions) == 33
    assert "117,587 parameters" in drawn
    assert drawn.count("<rect") == len(convolutions) + len(plan.stages) + 1


# --- normalisation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3])
def test_instance_norm_is_its_definition(n):
    rng = np.random.default_rng(0)
    x = rng.normal(3, 5, (n, 6, 7, 4)).astype(np.float32)
    scale, shift = rng.normal(size=(2, 4)).astype(np.float32)
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-5) * scale + shift
    assert instance_norm(tf.constant(x), scale, shift).numpy() == pytest.approx(expected, abs=1e-4)


def test_a_spike_is_cut_and_nothing_else():
    x = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 2)).astype(np.float32)
    x[0, 3, 3] = 50
    scale, shift = np.array([0.5, -2], np.float32), np.array([1, 3], np.float32)
    normal = instance_norm(tf.constant(x), scale, shift).numpy()
    cut = limit(tf.constant(normal), scale, shift).numpy()
    reach = generator.LIMIT * np.abs(scale)
    np.testing.assert_allclose(cut[0, 3, 3], shift + reach * np.sign(scale), rtol=1e-5)
    assert (np.abs(normal[0, 3, 3] - shift) > 4 * reach).all()
    cut[0, 3, 3] = normal[0, 3, 3]
    np.testing.assert_array_equal(cut, normal)


def test_contrast_changes_batch_norm_and_not_instance_norm():
    rng = np.random.default_rng(0)
    x, one, zero = rng.normal(size=(2, 8, 8, 3)).astype(np.float32), np.ones(3, np.float32), np.zeros(3, np.float32)
    half = x * [[[[0.5]]], [[[1.0]]]]  # the first picture with half its contrast
    half = half.astype(np.float32)
    assert instance_norm(half, one, zero).numpy() == pytest.approx(instance_norm(x, one, zero).numpy(), abs=1e-3)
    differing = np.abs(batch_norm(half, one, zero)[0] - batch_norm(x, one, zero)[0])
    assert differing.max() > 0.5


@pytest.mark.parametrize(("normalisation", "changes"), [("instance", False), ("batch", True)])
def test_contrast_of_the_content_through_the_whole_generator(normalisation, changes):
    """1607.08022: the stylised picture shall not depend on the content's contrast. Without noise, which has none to lose."""
    recipe = recipes.training(**QUICK, normalisation=normalisation)
    plan, values = generators.plan(recipe), network(recipe).arrays
    noises = [np.zeros_like(noise) for noise in draw_noise(plan, np.random.default_rng(0), 1, 64, 64)]
    content = blobs(0, 64, 64)[None]
    full, half = (Generator(plan)(values, picture, noises).numpy() for picture in (content, content * 0.5 + 0.25))
    assert bool(np.abs(full - half).max() > 0.005) is changes


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 97), (33, 130), (100, 37)])
def test_any_size_goes_in_and_comes_out(height, width):
    painter, content = NetworkPainter(network(recipes.training())), blobs(1, 264, 264)[:height, :width]
    made = painter.stylize(content)
    assert made.shape == (height, width, 3)
    assert made.dtype == np.float32
    assert 0 <= made.min() <= made.max() <= 1
    padded = np.pad(content, ((0, -height % 32), (0, -width % 32), (0, 0)), "symmetric")
    np.testing.assert_array_equal(made, painter.stylize(padded)[:height, :width])


def test_the_seed_decides_the_picture():
    painter, content = NetworkPainter(network()), blobs(0)
    assert (painter.stylize(content, 1) == painter.stylize(content, 1)).all()
    assert (painter.stylize(content, 1) != painter.stylize(content, 2)).any()


def test_a_resized_tile_is_still_one():
    """A wave that runs through the seam at its steepest, at the places where the new pixels are."""
    wave = lambda places: 0.5 + 0.4 * np.sin(2 * np.pi * places / 64)  # noqa: E731
    tile = (wave(np.arange(64) + 0.5)[:, None, None] * np.ones((1, 96, 3))).astype(np.float32)
    made = resize_tile(tile, 60, 90)
    assert made.shape == (60, 90, 3)
    expected = wave((np.arange(60) + 0.5) * 64 / 60)
    np.testing.assert_allclose(made, np.broadcast_to(expected[:, None, None], made.shape), atol=2e-3)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (60, 90)])
def test_textures_have_the_size_asked_for(height, width):
    assert NetworkPainter(network(TEXTURE)).synthesize(height, width, seed=3).shape == (height, width, 3)


def test_a_circular_shift_of_the_noise_shifts_the_texture():
    plan, values = generators.plan(TEXTURE), network(TEXTURE).arrays
    noises = draw_noise(plan, np.random.default_rng(0), 1, 32, 32)
    shifted = [np.roll(noise, 8 // stage.ratio, 1) for noise, stage in zip(noises, plan.stages, strict=True)]
    made, moved = (Generator(plan)(values, None, n).numpy() for n in (noises, shifted))
    assert moved == pytest.approx(np.roll(made, 8, 1), abs=1e-4)


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
@pytest.mark.parametrize("purpose", ["stylize", "synthesize"])
def test_the_painter_is_the_generator_that_was_trained(purpose, normalisation):
    recipe = recipes.training(**QUICK, purpose=purpose, normalisation=normalisation)
    rng, trained = np.random.default_rng(3), network(recipe)
    arrays = {name: (a + rng.normal(0, 0.1, a.shape)).astype(np.float16) for name, a in trained.arrays.items()}
    arrays = {name: np.abs(a) if name.endswith("variance") else a for name, a in arrays.items()}
    trained = replace(trained, arrays={name: a.astype(np.float32) for name, a in arrays.items()})
    content = blobs(0, 64, 96) if purpose == "stylize" else None
    noises = draw_noise(trained.plan, np.random.default_rng(7), 1, 64, 96)
    values = {name: tf.constant(a) for name, a in trained.arrays.items()}
    expected = Generator(trained.plan)(values, None if content is None else tf.constant(content[None]), noises)[0]
    painter = NetworkPainter(trained)
    made = painter.synthesize(64, 96, seed=7) if content is None else painter.stylize(content, seed=7)
    assert expected.numpy().std() > 0.01
    assert made == pytest.approx(expected.numpy(), abs=1e-4)


def test_networks_are_for_one_purpose():
    with pytest.raises(BadRecipe, match="makes textures"):
        NetworkPainter(network(TEXTURE)).stylize(blobs(0))
    with pytest.raises(BadRecipe, match="paints photographs"):
        NetworkPainter(network()).synthesize(64, 64)


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_training_lowers_the_loss_and_ends_with_its_network():
    recipe = recipes.training(**QUICK | {"steps": 60, "learning_rate": 0.01})
    steps = list(training(recipe))
    total = [sum(step.losses.values()) for step in steps]
    assert np.mean(total[-10:]) < 0.6 * np.mean(total[:5])
    assert isinstance(steps[-1], Trained)
    trained = generators.read(steps[-1].network)
    assert trained.recipe == recipe
    assert trained.log[-1][0] == 60
    assert steps[-1].image.shape == (48, 40, 3)
    assert len(steps[-1].network) < 200_000


def test_the_palette_is_that_of_the_style_wherever_its_colours_are():
    rng = np.random.default_rng(0)
    areas = rng.random((16 * 16, 3), np.float32) * 0.5
    lay = lambda colors: colors.reshape(16, 16, 3).repeat(4, 0).repeat(4, 1)  # noqa: E731
    objective = Perception(recipes.training(**QUICK, color_weight=1), features.network("vgg19-lite"), lay(areas))
    term = lambda colors: float(objective(tf.constant(lay(colors)[None]), None)[objective.names.index("style/colors")])  # noqa: E731
    assert term(rng.permutation(areas)) == pytest.approx(0, abs=1e-4)
    directions = perception.DIRECTIONS
    expected = 0.1 * np.abs(directions.sum(0)).mean() / (areas @ directions).std(0).mean()
    assert term(areas + 0.1) == pytest.approx(expected, rel=0.01)
    dull = 0.25 + (areas - 0.25) * 0.8
    spotted = np.where(np.arange(256)[:, None] < 6, np.float32(1), dull)  # white blots bring the variance back
    assert spotted.var(0).mean() > areas.var(0).mean() > dull.var(0).mean()
    assert term(spotted) > 0.9 * term(dull) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"normalisation": "batch", "batch": 2}, {"purpose": "synthesize"}])
def test_a_training_goes_on_from_its_state_with_the_same_numbers(settings):
    recipe = recipes.training(**QUICK, **settings)
    whole = training(recipe)
    losses, states = [], []
    for step in whole:
        losses.append(step.losses)
        states.append({name: array.copy() for name, array in whole.state().items()})
    rest = training(recipe, state=states[3])
    assert [step.losses for step in rest] == losses[4:]
    again, first = rest.state(), states[-1]
    assert all((again[name] == first[name]).all() for name in ("flat", "average", "first", "second"))


@pytest.mark.slow
def test_another_seed_is_another_training():
    one, other = (next(training(recipes.training(**QUICK, seed=seed))).losses for seed in (0, 1))
    assert one != other


def test_stop_ends_a_training_at_its_next_step(monkeypatch):
    monkeypatch.setattr("nst_core.texture_networks.training.run.LOGGED", 1)  # a row at the end only
    run = training()
    next(run)
    run.stop()
    last = next(run)
    assert isinstance(last, Trained)
    assert (last.iteration, last.total) == (2, 2)
    assert next(run, None) is None
    made = generators.read(last.network)
    assert made.recipe.steps == 8  # what the learning rate was falling over
    assert [row[0] for row in made.log] == [2]


@pytest.mark.parametrize("paused_after", [0, 10, 17, 23])
def test_a_budget_of_seconds_becomes_steps(paused_after, monkeypatch):
    clock = [0.0]

    def learn(self):
        clock[0] += 0.1 if self._iteration - self._began > 2 else 1.0  # slow at first, as tracing is
        return np.ones(len(self._objective.names))

    monkeypatch.setattr(run, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(Training, "_learn", learn)
    recipe = recipes.training(**QUICK | {"steps": 1}, seconds=20)
    first = training(recipe)
    for _ in range(paused_after):
        next(first)
    last = list(training(recipe, state=first.state() if paused_after else None))[-1]
    assert clock[0] == pytest.approx(20, abs=0.2)
    known = generators.read(last.network).recipe
    assert (known.seconds, known.steps) == (None, last.iteration)


def test_stop_holds_before_a_budget_is_steps():
    steps = training(recipes.training(**QUICK, seconds=60))
    for _ in range(2 * run.UNTIMED + 7):
        next(steps)
    steps.stop()
    assert len(list(steps)) == 1


def test_losses_that_are_no_numbers_end_a_training():
    class Broken:
        names = ("content",)

        def __call__(self, made, content):
            return tf.stack([tf.reduce_sum(made) * np.nan])

    with pytest.raises(Diverged, match="lower learning rate"):
        list(Training(Broken(), PAINTING, [images.to_uint8(blobs(0))], blobs(0)))


def test_a_folder_without_photographs(tmp_path):
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7")  # which macOS leaves beside a picture
    with pytest.raises(BadPicture, match="no photograph"):
        photographs.photographs_in(tmp_path)
    (tmp_path / "a.jpg").write_bytes(images.encode(blobs(0), "jpeg"))
    assert len(photographs.photographs_in(tmp_path)) == 1


@pytest.mark.slow
def test_a_killed_worker_costs_a_training_seconds_and_no_numbers():
    engine = Service()
    try:
        engine.wait_until_ready(PATIENCE)
        recipe = recipes.training(crop=64, style_size=64, steps=120)
        job = engine.run(recipe, {"style": blobs(9, 64, 64), "shown": blobs(4, 48, 48)})
        from tests import jobs

        doomed = engine.submit(jobs.process_id, lane=Lane.TENSORFLOW).result(PATIENCE)
        state, deadline = checkpoints.path(job.id), time.monotonic() + PATIENCE

        def ahead() -> bool:
            """Say whether the page has heard of steps behind the state: only these are done twice."""
            return bool(job.progress) and state.exists() and job.progress[-1].iteration > arrays.load(state)["iteration"] + 2

        while True:
            assert time.monotonic() < deadline and not job.finished
            time.sleep(0.01)
            if ahead():
                os.kill(doomed, signal.SIGSTOP)  # or a new state could be written between the look and the kill
                if ahead():
                    break
                os.kill(doomed, signal.SIGCONT)
        os.kill(doomed, signal.SIGKILL)
        assert job.wait(PATIENCE)
        assert job.state is JobState.DONE
        assert generators.read(job.result().network).log[-1][0] == 120
        seen = {}
        for progress in job.progress:  # what was done twice was the same
            assert seen.setdefault(progress.iteration, progress.losses) == progress.losses
        assert len(job.progress) > len(seen) == 120
    finally:
        engine.close()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_brings_back_what_was_written():
    written = network()
    data = generators.write(written)
    found = generators.read(data)
    assert found.recipe == written.recipe
    assert set(found.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        assert found.arrays[name] == pytest.approx(array, abs=2e-3)
    assert generators.write(found) == data


def packed(**changes):
    """A network's file with some of its arrays replaced; None: left out."""
    sound = network()
    arrays = {name: array.astype(np.float16) for name, array in sound.arrays.items()}
    arrays |= {"recipe": np.array(sound.recipe.model_dump_json()), "log": sound.log} | changes
    file = io.BytesIO()
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file.getvalue()


class Trap:
    """Unpickling it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def absurd(shape):
    """A file whose header promises more than there is."""
    data, file = packed(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "rgb/bias.npy":
                header = {"descr": "<f2", "fortran_order": False, "shape": shape}
                stream = io.BytesIO()
                np.lib.format.write_array_header_1_0(stream, header)
                content = stream.getvalue() + b"\0" * 64
            new.writestr(info.filename, content)
    return file.getvalue()


def repacked(kind):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed())) as old, zipfile.ZipFile(file, "w", kind) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    return file.getvalue()


RECIPE = json.loads(PAINTING.model_dump_json())
BAD = {
    "empty": lambda: b"",
    "random": lambda: np.random.default_rng(0).bytes(50_000),
    "text": lambda: b"Dear Sir or Madam",
    "zip of nothing": lambda: b"PK\x05\x06" + b"\0" * 18,
    "truncated": lambda: packed()[:-3000],
    "cut in the middle": lambda: packed()[:9000],
    "too large": lambda: b"PK" + b"\0" * (3 * 1024**2),
    "another archive": lambda: packed(recipe=None),
    "no log": lambda: packed(log=None),
    "a layer missing": lambda: packed(**{"rgb/bias": None}),
    "a layer more": lambda: packed(**{"rgb/more": np.zeros(3, np.float16)}),
    "a log too long": lambda: packed(log=np.zeros((generators.MAX_LOG + 1, len(generators.LOG)), np.float32)),
    "bzip2": lambda: repacked(zipfile.ZIP_BZIP2),
    "lzma": lambda: repacked(zipfile.ZIP_LZMA),
    "right header, too long": lambda: absurd((3,)),
    "another shape": lambda: packed(**{"rgb/bias": np.zeros(4, np.float16)}),
    "another shape of the same size": lambda: packed(**{"rgb/kernel": np.zeros((1, 1, 3, 24), np.float16)}),
    "absurd shape": lambda: absurd((10**12,)),
    "negative shape": lambda: absurd((-3,)),
    "huge product": lambda: absurd((2**40, 2**40)),
    "right header, too short": lambda: absurd((40,)),
    "integers": lambda: packed(**{"rgb/bias": np.zeros(3, np.int64)}),
    "complex": lambda: packed(**{"rgb/bias": np.zeros(3, np.complex64)}),
    "not finite": lambda: packed(**{"rgb/bias": np.array([0, np.nan, 0], np.float16)}),
    "infinite": lambda: packed(**{"rgb/bias": np.array([0, np.inf, 0], np.float16)}),
    "recipe of numbers": lambda: packed(recipe=np.zeros(3)),
    "recipe no JSON": lambda: packed(recipe=np.array("{")),
    "recipe of another kind": lambda: packed(recipe=np.array('{"kind": "instant"}')),
    "recipe too deep": lambda: packed(recipe=np.array("[" * 15_000)),
    "recipe too long": lambda: packed(recipe=np.array(" " * 1_000_000 + PAINTING.model_dump_json())),
    "recipe of other layers": lambda: packed(recipe=np.array(json.dumps(RECIPE | {"scales": 4}))),
    "absurd recipe": lambda: packed(recipe=np.array(json.dumps(RECIPE | {"scales": 10**9}))),
    "log of another form": lambda: packed(log=np.zeros((3, 99), np.float32)),
    "log too long": lambda: packed(log=np.zeros((10_000, 4), np.float32)),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_network_gets_a_sentence(kind):
    with pytest.raises(BadNetwork) as caught:
        generators.read(BAD[kind](), name="gift.npz")
    sentence = str(caught.value)
    assert sentence.startswith("gift.npz")
    assert sentence.endswith(".") and len(sentence) < 250


@pytest.mark.parametrize("place", ["rgb/bias", "recipe", "log"])
def test_pickles_are_never_opened(tmp_path, place):
    mark = tmp_path / "opened"
    with pytest.raises(BadNetwork):
        generators.read(packed(**{place: np.array([Trap(mark)], object)}))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark)))  # it would have been
    assert mark.exists()


def test_bytes_changed_at_random_never_raise_anything_else():
    data, rng = bytearray(generators.write(network())), np.random.default_rng(0)
    for _ in range(150):
        hurt = bytearray(data)
        for place in rng.integers(0, len(hurt), 4):
            hurt[place] = rng.integers(256)
        with contextlib.suppress(BadNetwork):
            generators.read(bytes(hurt))


# --- the ready ones ---------------------------------------------------------------------------------------------------


def test_ready_networks_are_sound():
    found = [generators.read(file.read_bytes()) for file in weights.NETWORKS.values()]
    assert sum(n.recipe.purpose == "stylize" for n in found) >= 4
    assert sum(n.recipe.purpose == "synthesize" for n in found) >= 1
    for ready in found:
        assert ready.recipe.style.is_sample
        assert (ROOT / "assets" / "styles" / f"{ready.recipe.style.name}.jpg").exists()
        assert len(ready.log) > 50
        assert ready.log[-10:, 3].mean() < 0.7 * ready.log[:5, 3].mean()  # the style's loss fell


@pytest.mark.parametrize("name", weights.NETWORKS)
def test_a_ready_network_brings_pictures_closer_to_its_style(name):
    """By vgg19-lite's Gram matrices, on a photograph that training never saw."""
    ready = generators.read(weights.NETWORKS[name].read_bytes())
    from nst_core.texture_networks.training.perception import _gram

    style = images.decode((ROOT / "assets" / "styles" / f"{ready.recipe.style.name}.jpg").read_bytes())
    content = images.fit(images.decode((ROOT / "assets" / "photographs" / "city-lights.jpg").read_bytes()), 256)
    painter = NetworkPainter(ready)
    made = painter.stylize(content) if ready.plan.picture else painter.synthesize(*content.shape[:2])
    extract = features.Extractor(features.network("vgg19-lite"), ready.recipe.style_layers)
    grams = [[_gram(F) for F in extract(tf.constant(p[None])).values()] for p in (images.fit(style, 512), content, made)]
    apart = lambda other: np.mean([np.linalg.norm(G - A) / np.linalg.norm(A) for A, G in zip(grams[0], other, strict=True)])  # noqa: E731
    assert apart(grams[2]) < 0.6 * apart(grams[1])


def test_a_pass_that_needs_more_memory_than_there_is_names_a_size(monkeypatch):
    monkeypatch.setenv("NST_MEMORY_LIMIT", str(2 * 10**9))
    recipe = TextureNetworkRecipe(network=Source(name="cubist-guitar"))
    engines.check(recipe, (768, 1024))
    with pytest.raises(TooLarge, match=r"2048 px with texture-network needs about 3.3 GB.* choose \d+ px at most") as caught:
        engines.check(recipe, (2048, 2048))
    largest = int(str(caught.value).split("choose ")[1].split()[0])
    engines.check(recipe, (largest, largest))
    with pytest.raises(TooLarge):
        engines.check(recipe, (largest + 64, largest + 64))


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def nst(tmp_path, monkeypatch, capsys):
    """Run the command line in this process, in a folder with pictures: (exit code, standard error)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(images.encode(blobs(0, 64, 96)))
    (tmp_path / "waves.jpg").write_bytes(images.encode(blobs(1, 64, 64), "jpeg"))
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    (tmp_path / "bad.npz").write_bytes(b"PK and so on")

    def run(line):
        monkeypatch.setattr(sys, "argv", ["nst_core", "texture-network", *line.split()])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr().err

    return run


@pytest.mark.slow
def test_train_apply_and_synthesize(nst, tmp_path):
    assert nst("train waves.jpg -o net.npz --steps 4 --crop 64 --log losses.jsonl") == (0, "")
    assert [json.loads(line)["iteration"] for line in (tmp_path / "losses.jsonl").read_text().splitlines()] == [1, 2, 3, 4]
    assert nst("apply net.npz cat.png -o painted.png --size 256 --seed 5") == (0, "")
    png = (tmp_path / "painted.png").read_bytes()
    assert images.decode(png).shape == (171, 256, 3)
    recipe = recipes.of_png(png)
    assert (recipe.kind, recipe.seed, recipe.network.name, recipe.content.name) == ("texture-network", 5, "net.npz", "cat.png")
    assert nst("train waves.jpg -o tiles.npz --texture --steps 2 --crop 64") == (0, "")
    assert nst("synthesize tiles.npz -o tiles.jpg --width 100 --height 70") == (0, "")
    assert images.decode((tmp_path / "tiles.jpg").read_bytes()).shape == (70, 100, 3)
    assert not list(tmp_path.glob(".*"))  # nothing left half-written


MISTAKES = {
    "apply nowhere cat.png -o out.png": "There is no network “nowhere”",
    "apply nowhere.npz cat.png -o out.png": "nowhere.npz cannot be read",
    "apply bad.npz cat.png -o out.png": "bad.npz is no texture network made here",
    "apply letter.txt cat.png -o out.png": "letter.txt is no network",
    "apply starlit-oils letter.txt -o out.png": "letter.txt is not a picture",
    "apply starlit-oils cat.png -o out.pdf": "pictures are written as",
    "apply starlit-oils cat.png -o out.png --color histogram": "color is style or luminance",
    "synthesize starlit-oils -o out.png": "paints photographs",
    "synthesize molten-embers-texture -o out.png --width 9": "shape",
    "train letter.txt -o net.npz": "letter.txt is not a picture",
    "train waves.jpg -o net.pt": "networks are written as .npz",
    "train waves.jpg -o nowhere/net.npz": "There is no folder nowhere",
    "train waves.jpg -o net.npz --steps 0": "steps",
    "train waves.jpg -o net.npz --steps 5 --minutes 1": "not both",
    "train waves.jpg -o net.npz --crop 65": "crop",
    "train waves.jpg -o net.npz --steps 2 --photographs nowhere": "no photograph in nowhere",
    "train waves.jpg -o net.npz --features vgg19": "models --download vgg19",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_gets_one_sentence(nst, tmp_path, line):
    code, said = nst(line)
    assert code == 2
    assert MISTAKES[line] in said
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob("net*"))


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(tmp_path):
    """Killed in the middle, started again: the network is the one that an undisturbed run makes, bit for bit."""
    (tmp_path / "waves.png").write_bytes(images.encode(blobs(1, 64, 64)))
    start = "from nst_core.cli import main, texture_networks; texture_networks.CHECKPOINT_EVERY = 0.5; main()"

    def command(out):
        line = f"texture-network train {tmp_path}/waves.png -o {tmp_path}/{out} --steps 30 --crop 64".split()
        return subprocess.Popen([sys.executable, "-c", start, *line], cwd=ROOT)

    killed, checkpoint = command("net.npz"), tmp_path / ".net.npz.checkpoint.npz"
    deadline = time.monotonic() + PATIENCE
    while not checkpoint.exists():
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "net.npz").exists()
    assert 0 < int(np.load(checkpoint)["iteration"]) < 30
    for out in ("net.npz", "whole.npz"):
        assert command(out).wait(PATIENCE) == 0
    resumed, whole = (generators.read((tmp_path / out).read_bytes()) for out in ("net.npz", "whole.npz"))
    assert all((resumed.arrays[name] == whole.arrays[name]).all() for name in whole.arrays)
    assert (resumed.log[:, 2:] == whole.log[:, 2:]).all()
    assert not checkpoint.exists()


def test_recipes_are_frozen_and_told_apart():
    recipe = recipes.texture_network(network=recipes.Source(name="starlit-oils"), shape=(64, 128))
    assert recipes.parse(recipe.model_dump_json()) == recipe
    with pytest.raises(BadRecipe, match="scales"):
        recipes.training(scales=7)
    assert replace(network(), recipe=TEXTURE).plan.picture is False
