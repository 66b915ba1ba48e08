"""What trainings share: data, textures, distances, files."""

import numpy as np
import pytest
import tensorflow as tf

from nst_core import features, images
from nst_core.errors import BadNetwork, BadPicture, ModelUnavailable
from nst_core.instant import InstantLite
from nst_core.training import data, runs, teachers, textures
from tests.training import tiny
from tests.training.tiny import photographs

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


def test_the_verdict_agrees_with_the_benchmarks_judge(tmp_path, monkeypatch):
    """Through a network of random weights, which both read."""
    from benchmarks import judge

    tiny.write_stand_in(tmp_path / "eyes.npz")
    network = judge.Network(tmp_path / "eyes.npz")
    monkeypatch.setattr(judge, "small", lambda: network)
    monkeypatch.setattr(judge, "exact", lambda: network)
    content, style = (images.from_uint8(x) for x in tiny.photographs(2))
    extractor = features.Extractor(teachers.stand_in(tmp_path / "eyes.npz"), [*teachers.STYLE_LAYERS, teachers.CONTENT_LAYER])
    picture = InstantLite().transform(content, InstantLite().predict(style))
    theirs = judge.judge(picture, content, style)
    assert teachers.verdict(extractor, picture, content, style) == pytest.approx((theirs.style, theirs.content), rel=1e-3)
    assert theirs.style > 0.05 and theirs.content > 0.05


# --- files and rates ----------------------------------------------------------------------------------------------------


def test_the_rate_rises_then_falls():
    rates = [runs.rate(1.0, step, step / 1000) for step in (0, 50, runs.WARM_UP, 500, 1000)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.01)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_faults_are_sentences(tmp_path):
    (tmp_path / "no.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelUnavailable, match="no network"):
        teachers.eyes(str(tmp_path / "missing.npz"))
    with pytest.raises(BadNetwork, match="no network of convolutions"):
        teachers.eyes(str(tmp_path / "other.npz"))
    with pytest.raises(ModelUnavailable, match="to start from"):
        runs.read_arrays(tmp_path / "missing.npz")
    with pytest.raises(BadNetwork, match=r"no \.npz archive"):
        runs.read_arrays(tmp_path / "no.npz")
