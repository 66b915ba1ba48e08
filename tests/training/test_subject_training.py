"""The subject's training: scenes carry their masks along; a tiny run learns, resumes, and is published as the same network."""

import json

import numpy as np
import pytest

from nst_core import images
from nst_core.errors import BadNetwork
from nst_core.instant import subject_graph
from nst_core.models import weights
from nst_core.models.graphs import Session
from nst_core.training import runs
from nst_core.training.subject import scenes
from nst_core.training.subject.scenes import Labelled, ScenePlan, Scenes

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r requirements-train.txt")

from nst_core.training.subject import __main__ as training  # noqa: E402
from nst_core.training.subject import network  # noqa: E402

Y, X = np.mgrid[:120, :160]
SHAPE = np.random.default_rng(0)


def labelled(row, column, radius, ground=(20, 40, 90)):
    """A red disc and its mask, which has half the sides."""
    inside = np.hypot(Y - row, X - column) <= radius
    picture = np.where(inside[..., None], (220, 30, 30), ground).astype(np.uint8)
    return Labelled(picture, (inside[::2, ::2] * 255).astype(np.uint8))


PHOTOGRAPHS = {str(n): labelled(*SHAPE.uniform((40, 50, 15), (80, 110, 35)), SHAPE.integers(0, 120, 3)) for n in range(6)}
PHOTOGRAPHS["empty"] = Labelled(np.full((120, 160, 3), 60, np.uint8), np.zeros((60, 80), np.uint8))


@pytest.mark.parametrize("composed", [0.0, 1.0])
def test_a_scenes_mask_lies_on_its_subject(composed):
    drawn = Scenes(PHOTOGRAPHS, ScenePlan(96, composed=composed, relit=0.0))
    for seed in range(12):
        picture, mask = drawn.draw(np.random.default_rng(seed))
        assert picture.shape == (96, 96, 3) and mask.shape == (96, 96) and picture.min() >= 0 and picture.max() <= 1
        redness = picture[..., 0] - picture[..., 1:].mean(-1)
        if (mask > 0.5).sum() > 50:
            assert redness[mask > 0.9].mean() > redness[mask < 0.1].mean() + 0.3


def test_what_is_set_aside_takes_no_part(tmp_path):
    names = [tmp_path / "content_train" / f"{number}.jpg" for number in range(400)]
    assert 10 < sum(map(scenes.is_unseen, names)) < 50
    assert scenes.is_unseen(tmp_path / "content_train" / "302003.jpg")  # of the blind test


def small(seed=0):
    settings = training.SubjectSettings(steps=40, batch=4, bank=12, first=8, fresh=1, seed=seed)
    return training.SubjectTraining(
        settings, training.SubjectFeatures(weights.path("vgg19-lite")), Scenes(PHOTOGRAPHS, ScenePlan(network.SIDE))
    )


def test_a_short_run_learns_and_goes_on_where_it_was(tmp_path):
    run = small()
    run.fill(8)
    losses = [run.step() for _ in range(20)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])  # dropped channels make them noisy
    run.save(tmp_path / "a.state.npz")
    again = small(seed=1)
    again.restore(tmp_path / "a.state.npz")
    assert (again.steps, again.drawn) == (run.steps, run.drawn)
    for key, value in again.decoder.state_dict().items():
        assert torch.equal(value, run.decoder.state_dict()[key]), key
    with pytest.raises(BadNetwork, match="no state"):
        again.restore(weights.path("vgg19-lite"))


def test_the_published_model_is_the_network_that_was_trained(tmp_path):
    """Batch normalisation, which has seen something, becomes part of the kernels; float16 rounds them."""
    run = small()
    run.fill(8)
    run.step()
    training.save(run, [], tmp_path / "a.npz", runs.Log(None), {"model": "subject"})
    assert json.loads((tmp_path / "a.json").read_text())["steps"] == 1
    example = training.SubjectFeatures(weights.path("vgg19-lite")).example(*training.whole(PHOTOGRAPHS["0"]))
    with torch.no_grad():
        expected = run.averaged.eval()(*(x.float() for x in example.maps))[-1].sigmoid()[:, 0].numpy()
    feeds = {f: x.float().permute(0, 2, 3, 1).numpy() for f, x in zip(subject_graph.LAYERS, example.maps, strict=True)}
    (mask,) = Session(subject_graph.subject(runs.read_arrays(tmp_path / "a.npz"))).run("mask", **feeds)
    assert mask == pytest.approx(expected, abs=0.01) and np.ptp(mask) > 0.02


def test_a_file_that_holds_no_masks_is_one_sentence(tmp_path):
    (tmp_path / "masks.npz").write_bytes(images.encode(np.zeros((32, 32, 3), np.float32)))
    with pytest.raises(BadNetwork, match="holds no masks"):
        scenes.labelled(tmp_path / "masks.npz", [])
