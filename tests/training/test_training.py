"""instant-lite, trained in TensorFlow: a tiny run learns, resumes to the same numbers, writes what is read; data, distances."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nst_core import features, images
from nst_core.errors import BadNetwork, BadPicture, BadRecipe, ModelUnavailable
from nst_core.instant import InstantLite
from nst_core.models import weights
from nst_core.training import data, instant_lite, instant_network, runs, teachers, textures, trainer
from tests.training import tiny
from tests.training.tiny import photographs, some_textures

ROOT = Path(__file__).parents[2]


class FakeMagenta:
    """A teacher of two lines: the vector holds the style's mean colours, the picture is tinted by it."""

    def predict(self, styles):
        return np.tile(styles.mean((1, 2)), (1, 34))[:, :100] - 0.5

    def transform(self, contents, vectors):
        return np.clip(contents * 0.5 + 0.5 * (vectors[:, None, None, :3] + 0.5), 0, 1).astype(np.float32)


def tiny_eyes():
    return features.Network(tiny.convolutions(), lambda rgb: rgb, "REFLECT")


def painter(steps=40, start=None, **settings):
    """A tiny run of instant-lite."""
    small = {"steps": steps, "sizes": (32,), "pixels": 2 * 32 * 32, "solved": 64, "imitated": (2, 32), **settings}
    new = start or instant_lite.random_weights(np.random.default_rng(0))
    pools = instant_lite.Pools(photographs(), some_textures(), (), some_textures(2))
    return instant_lite.Training(instant_lite.Settings(**small), pools, tiny_eyes(), FakeMagenta(), new)


def run(training, steps):
    return [training.step() for _ in range(steps)]


def mean(losses, name):
    return np.mean([loss[name] for loss in losses if name in loss])


# --- data -------------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_order_and_shrunk_but_never_enlarged(tmp_path):
    for name, side in (("b.png", 200), ("a.png", 40)):
        (tmp_path / name).write_bytes(images.encode(np.full((side, side, 3), 0.5, np.float32)))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "c.png").write_bytes(b"broken")
    assert [x.shape for x in data.load([tmp_path], 100)] == [(40, 40, 3), (100, 100, 3)]


def test_a_folder_without_pictures_says_so(tmp_path):
    with pytest.raises(BadPicture, match="holds no pictures; name a folder"):
        data.load([tmp_path], 100)


@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (64, 64)])
def test_crops_have_the_size_asked_for_and_stay_in_range(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for seed in range(8):
        x = data.jitter(data.crop(picture, 48, np.random.default_rng(seed), squeeze=1.5), np.random.default_rng(seed))
        assert x.shape == (48, 48, 3) and x.min() >= 0 and x.max() <= 1


def test_a_third_of_the_pictures_is_disturbed():
    x, other = np.full((32, 32, 3), 0.5, np.float32), np.zeros((32, 32, 3), np.float32)
    disturbed = [data.disturb(x, other, np.random.default_rng(seed)) for seed in range(400)]
    assert 0.28 < np.mean([not np.array_equal(y, x) for y in disturbed]) < 0.42
    assert all(y.min() >= 0 and y.max() <= 1 for y in disturbed)


def test_mixtures_are_pictures_that_differ_from_both():
    one, bright = (data.crop(p, 64, np.random.default_rng(0)) for p in photographs(2))
    other = bright * np.float32(0.4)
    made = [data.mixed(one, other, np.random.default_rng(seed)) for seed in range(30)]
    assert all(x.shape == one.shape and x.min() >= 0 and x.max() <= 1 + 1e-6 for x in made)
    assert all(np.abs(x - y).mean() > 0.01 for x in made for y in (one, other))
    assert len({x.tobytes() for x in made}) > 12


def test_a_plain_ground_is_one_colour_around_the_photograph():
    x = data.plain_ground(np.random.default_rng(0).random((64, 64, 3), np.float32), np.random.default_rng(0))
    corners = x[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.ptp(corners, 0).max() == 0 and np.ptp(x, (0, 1)).min() > 0.5


@pytest.mark.parametrize("name", textures.MOTIFS)
def test_every_motif_follows_from_its_seed_and_is_no_flat_ground(name):
    draw = lambda seed: textures.MOTIFS[name](np.random.default_rng(seed), 96, photographs(1)[0])  # noqa: E731
    for seed in range(3):
        first = draw(seed)
        assert first.shape == (96, 96, 3) and first.min() >= 0 and first.max() <= 1
        np.testing.assert_array_equal(first, draw(seed))
        assert not np.array_equal(first, draw(seed + 100))
    assert np.mean([draw(seed).std((0, 1)).mean() for seed in range(6)]) > 0.02


# --- distances --------------------------------------------------------------------------------------------------------


def test_a_gram_matrix_by_hand():
    x = tf.constant([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2): two positions, two channels
    np.testing.assert_allclose(teachers.gram(x)[0], [[(1 + 9) / 2, (2 + 12) / 2], [(2 + 12) / 2, (4 + 16) / 2]])


def test_relative_distance_by_hand():
    assert float(teachers.relative(tf.constant([[3.0, 4.0]]), tf.constant([[0.0, 4.0]]))[0]) == pytest.approx(3 / 4, abs=1e-4)


def test_the_verdict_agrees_with_the_benchmarks_judge(shared):
    from benchmarks import judge

    content, style = judge.pair(*judge.PAIRS[0], 128)
    eyes = teachers.stand_in(shared / "models" / "vgg19_16x.npz")
    extractor = features.Extractor(eyes, [*teachers.STYLE_LAYERS, teachers.CONTENT_LAYER])
    picture = InstantLite().transform(content, InstantLite().predict(style))
    theirs = judge.judge(picture, content, style)
    assert teachers.verdict(extractor, picture, content, style) == pytest.approx((theirs.style, theirs.content), rel=1e-3)


# --- instant-lite -----------------------------------------------------------------------------------------------------


def test_the_trained_functions_are_the_runtimes():
    arrays = weights.load("instant-lite")
    part = lambda name: [tf.constant(a) for key, a in arrays.items() if key.startswith(name)]  # noqa: E731
    content, style = (images.from_uint8(x)[:64, :96] for x in photographs(2))
    seen, model = images.resize(style, 256, 256), InstantLite(arrays)
    vector = model.predict(seen)[None]
    painted = instant_lite.transform(part("transformer/"), tf.constant(content[None]), vector).numpy()
    np.testing.assert_allclose(painted[0], model.transform(content, vector[0]), atol=2e-3)


def test_new_weights_have_the_shapes_of_the_embedded_ones():
    new = instant_lite.random_weights(np.random.default_rng(0))
    assert {k: a.shape for k, a in new.items()} == {k: a.shape for k, a in weights.load("instant-lite").items()}


def test_ridge_regression_finds_the_linear_map_that_there_is():
    rng = np.random.default_rng(0)
    true = rng.standard_normal((6, 3)).astype(np.float32)
    draw = lambda n: rng.standard_normal((n, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 6] + 10  # noqa: E731
    predictor = instant_lite.solved((x, x @ true + [1, 2, 3]) for x in (draw(400), draw(300), draw(500)))
    np.testing.assert_allclose(predictor[0], 10, atol=0.7)
    np.testing.assert_allclose(predictor[1], [1, 2, 3, 4, 5, 6], rtol=0.1)
    unseen = draw(50)
    found = instant_network.style_vector([tf.constant(a) for a in predictor], tf.constant(unseen, tf.float32))
    np.testing.assert_allclose(found, unseen @ true + [1, 2, 3], atol=1.5)
    assert np.corrcoef(found.numpy().ravel(), (unseen @ true + [1, 2, 3]).ravel())[0, 1] > 0.999


def test_the_solved_predictor_knows_its_teacher():
    training = painter(solved=2 * instant_lite.SOLVED_BATCH)
    training.solve()
    x = np.stack([training.pools.style(256, np.random.default_rng((5, i)), small=True) for i in range(12)])
    wanted, model = training.magenta.predict(x), InstantLite(training.trainer.averaged())
    guess = np.stack([model.predict(style) for style in x])
    assert ((guess - wanted) ** 2).mean() < 0.3 * wanted.var(0).mean()


def test_the_statistics_mean_and_deviation_are_never_trained():
    training = painter(odds=(0, 1))
    before = training.trainer.averaged()
    run(training, 3)
    after = training.trainer.averaged()
    assert [i for i in range(4) if not np.array_equal(before[f"predictor/{i}"], after[f"predictor/{i}"])] == [2, 3]


@pytest.mark.parametrize(("odds", "loss"), [((1, 0), "imitate/pixel"), ((0, 1), "paint/style")])
def test_each_kind_of_step_lowers_its_loss(odds, loss):
    losses = run(painter(odds=odds, steps=80, peak_rate=2e-3), 60)
    assert {name.split("/")[0] for step in losses for name in step} == {loss.split("/")[0]}
    assert mean(losses[-15:], loss) < 0.9 * mean(losses[:15], loss)


def test_the_same_seed_resumes_to_the_same_numbers(tmp_path):
    whole, second = painter(), painter()
    run(whole, 4)
    whole.trainer.save(tmp_path / "state.npz")
    run(whole, 4)
    second.trainer.restore(tmp_path / "state.npz")
    run(second, 4)
    assert second.trainer.step == 8
    for name, array in whole.trainer.averaged().items():
        np.testing.assert_allclose(second.trainer.averaged()[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_another_seed_gives_other_numbers():
    one, other = painter(odds=(0, 1)), painter(odds=(0, 1), seed=1)
    run(one, 2), run(other, 2)
    assert not np.array_equal(one.trainer.averaged()["transformer/0"], other.trainer.averaged()["transformer/0"])


def test_a_run_writes_weights_that_load_and_says_what_made_them(tmp_path):
    training, out = painter(steps=3), tmp_path / "net.npz"
    pairs = instant_lite.held_out(photographs(2), some_textures(2), 2, 64)
    instant_lite.run(training, out, tmp_path / "s.npz", pairs, runs.Log(tmp_path / "log"), {"model": "tiny"}, 2, 2)
    with np.load(out, allow_pickle=False) as archive:
        assert {archive[key].dtype for key in archive.files} == {np.dtype(np.float16)}
        model = InstantLite({key: archive[key].astype(np.float32) for key in archive.files})
    assert model.transform(pairs[0][0], model.predict(pairs[0][1])).shape == pairs[0][0].shape
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert (manifest["model"], manifest["steps"]) == ("tiny", 3)
    assert set(manifest["result"]) == {"held-out/style", "held-out/content"}
    assert out.with_suffix(".best.npz").is_file()
    assert [json.loads(line)["step"] for line in (tmp_path / "log").read_text().splitlines()] == [2, 3]


def test_without_a_teacher_every_step_paints():
    training = painter()
    training.magenta = None
    assert {name.split("/")[0] for step in run(training, 4) for name in step} == {"paint"}


def test_a_step_whose_gradients_are_no_numbers_changes_nothing():
    variable = tf.Variable([1.0, 2.0])
    one = trainer.Trainer({"x": variable})
    one.apply(["x"], [tf.constant([np.nan, 1.0])], tf.constant(0.1))
    assert variable.numpy().tolist() == [1.0, 2.0]
    one.apply(["x"], [tf.constant([1.0, -1.0])], tf.constant(0.1))
    np.testing.assert_allclose(variable, [0.9, 2.1], rtol=1e-5)  # Adam's first step is the rate


def test_the_rate_rises_then_falls():
    rates = [runs.rate(1.0, step, step / 1000) for step in (0, 50, runs.WARM_UP, 500, 1000)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.01)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_faults_are_sentences(tmp_path):
    new = lambda: instant_lite.random_weights(np.random.default_rng(0))  # noqa: E731
    (tmp_path / "no.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelUnavailable, match="no network"):
        teachers.eyes(str(tmp_path / "missing.npz"))
    with pytest.raises(BadNetwork, match="no network of convolutions"):
        teachers.eyes(str(tmp_path / "other.npz"))
    with pytest.raises(ModelUnavailable, match="to start from"):
        runs.starting(str(tmp_path / "missing.npz"), "instant-lite", new)
    for name in ("no.npz", "other.npz"):
        with pytest.raises(BadNetwork):
            runs.starting(str(tmp_path / name), "instant-lite", new)
        with pytest.raises(BadNetwork, match="no checkpoint"):
            trainer.Trainer({"x": tf.Variable(1.0)}).restore(tmp_path / name)
    with pytest.raises(BadRecipe, match="photographs and styles"):
        replace_pools(painter(), photographs=())


def replace_pools(training, **pools):
    return replace(training, pools=replace(training.pools, **pools))


def test_the_magenta_teacher_says_what_is_missing(tmp_path, monkeypatch):
    with pytest.raises(ModelUnavailable, match=r"predict_quantized_256\.tflite: name the folder"):
        teachers.MobileMagenta(tmp_path)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ModelUnavailable, match="pip install ai-edge-litert"):
        teachers.MobileMagenta(tmp_path)


def test_the_magenta_teacher_paints(shared):
    magenta = teachers.MobileMagenta(shared / "models" / "magenta_mobile")
    x = np.stack([data.crop(p, 256, np.random.default_rng(0)) for p in photographs(2)])
    vectors = magenta.predict(x)
    assert vectors.shape == (2, 100) and not np.allclose(vectors[0], vectors[1])
    painted = magenta.transform(x[:, :64, :64], vectors)
    assert painted.shape == (2, 64, 64, 3) and painted.min() >= 0 and painted.max() <= 1


def test_the_command_line(tmp_path):
    command = [sys.executable, "-m", "nst_core.training.instant_lite"]
    arguments = [str(tmp_path / "o.npz"), "--photographs", str(tmp_path), "--styles", str(tmp_path)]
    failed = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 2 and "holds no pictures" in failed.stderr and "Traceback" not in failed.stderr
