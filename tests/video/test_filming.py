"""Clips painted: steadily, with what was asked for, and gone on with where they were."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nst_core import images, instant, optimization, recipes
from nst_core.errors import BadClip, BadMask, BadRecipe
from nst_core.models import weights
from nst_core.optimization import Frames
from nst_core.recipes import Color, Source
from nst_core.stylizer import Style
from nst_core.texture_networks import painting
from nst_core.videos import Film, painters, reading
from nst_core.videos.deflicker import Deflicker
from nst_core.videos.run import Filming
from nst_core.videos.segments import SEGMENT
from tests.clips import encoded, pan, scene, seen, told

SHAPE = (192, 256)
RECIPE = recipes.video(size=256)


@pytest.fixture(scope="module")
def style():
    return Style(images.from_uint8(scene(64, 64, 5)))


class Fickle:
    """A painter that inverts, and adds other strokes every time: each frame as good as the last, and none like it."""

    def __init__(self):
        self.rng, self.opened = np.random.default_rng(0), []

    def begin(self, content):
        self.opened.append(content)

    def paint(self, content):
        return np.clip(1 - content + self.rng.normal(0, 0.08, content.shape), 0, 1).astype(np.float32)

    def finish(self, content, painted):
        return painted


class Plain(Fickle):
    """Always the same strokes."""

    def paint(self, content):
        return 1 - content


def filmed(data, styles=(), recipe=RECIPE, **options):
    *steps, film = Filming(data, styles, recipe, **options)
    assert isinstance(film, Film)
    return steps, film


def change(frames, step):
    """Mean square of what changes from frame to frame, along the true motion."""
    pairs = pairwise(frames)
    return np.mean([((a[:, step:].astype(float) - b[:, :-step]) ** 2)[20:-20, 20:-20].mean() for a, b in pairs])


def test_a_steady_hand_flickers_less_than_half_as_much_and_is_as_sharp():
    frames = pan(10, shape=SHAPE, step=3)
    shown = {}
    for steadiness in (0, recipes.STEADINESS):
        hand = Deflicker(Fickle(), steadiness)
        shown[steadiness] = [hand.paint(frame) for frame in frames]
    alone, steady = shown[0], shown[recipes.STEADINESS]
    assert change(steady, 3) < 0.5 * change(alone, 3)
    sharpness = lambda picture: np.abs(np.diff(picture.astype(float), axis=1)).mean()  # noqa: E731
    assert sharpness(steady[-1]) == pytest.approx(sharpness(alone[-1]), rel=0.1)


def test_a_cut_begins_anew():
    frames = [*pan(4, shape=SHAPE), *(np.ascontiguousarray(255 - f[::-1]) for f in pan(4, shape=SHAPE, seed=3))]
    painter = Fickle()
    hand = Deflicker(painter, recipes.STEADINESS)
    shown = [hand.paint(frame) for frame in frames]
    assert len(painter.opened) == 2
    assert (painter.opened[1] == images.from_uint8(frames[4])).all()
    assert np.abs(shown[4] - (255.0 - frames[4])).mean() < 18  # only its own strokes: nothing of the shot before shines through


def test_every_frame_is_a_step_and_the_film_comes_last(style):
    data = encoded(pan(SEGMENT + 2), sound="aac")
    steps, film = filmed(data, [style])
    assert [step.iteration for step in steps] == list(range(1, SEGMENT + 3))
    assert all(step.total > step.iteration for step in steps[:-1])
    assert steps[0].image is not None and steps[0].image.shape == (192, 256, 3)
    made = told(film.mp4)
    assert (made["size"], film.shape, film.iteration, film.notice) == ((256, 192), (192, 256), SEGMENT + 2, "")
    assert made["times"] == told(data)["times"]
    assert made["sounds"][0][0] == "aac"
    before_and_after = images.decode(film.strip)
    assert before_and_after.shape[1] > 4 * before_and_after.shape[0]


@pytest.mark.parametrize("guided", [False, True])
def test_each_frame_is_what_instant_lite_makes_of_it(style, guided):
    """Without steadiness."""
    if guided:
        style = replace(style, guide=np.float32(np.indices((64, 64))[1] < 32))
    data = encoded(pan(2, shape=SHAPE))
    hand = Filming(data, [style], RECIPE.model_copy(update={"steadiness": 0.0}))
    step = next(hand)
    (first, _) = reading.frames(data, SHAPE)
    recipe = recipes.instant(engine="instant-lite", size=256)
    (alone,) = instant.stylizer("instant-lite").stylize(images.from_uint8(first.pixels), [style], recipe)
    assert np.abs(step.image - alone.image).max() <= 1.01 / 255


def test_a_run_that_was_cut_off_goes_on_at_its_frame(tmp_path):
    data = encoded(pan(SEGMENT + 8), sound="aac")
    run_in = lambda name, **more: Filming(data, [], RECIPE, parts=tmp_path / name, painter=Plain(), **more)  # noqa: E731
    _, whole = filmed(data, painter=Plain())
    run = run_in("parts")
    for _ in range(SEGMENT - 2):
        next(run)
    state = {name: np.array(value) for name, value in run.state().items()}
    for _ in range(5):  # beyond the end of a segment: what it knows is not all that is there
        next(run)
    again = run_in("parts", state=state)
    assert next(again).iteration == SEGMENT - 1
    *_, film = again
    assert film.mp4 == whole.mp4 and film.strip == whole.strip

    last = run_in("others")
    for _ in range(SEGMENT + 8):
        next(last)
    (end,) = run_in("others", state=last.state())
    assert end.mp4 == whole.mp4

    assert next(run_in("tidied", state=state)).iteration == 1  # what it had made is gone


def test_a_run_can_be_stopped_and_its_sound_with_it():
    run = Filming(encoded(pan(30), sound="aac"), [], RECIPE, painter=Plain())
    for _ in range(5):
        next(run)
    run.stop()
    (film,) = run
    made = told(film.mp4)
    assert (film.iteration, len(made["times"])) == (5, 5)
    assert made["sounds"][0][1] == pytest.approx(0.2, abs=0.03)


def test_what_breaks_off_is_painted_that_far_and_told():
    *_, film = Filming(encoded(pan(36)), [], RECIPE, painter=Plain())
    whole = film.mp4  # its index first, as on the web; and then the end is missing
    _, film = filmed(whole[: len(whole) * 6 // 10], painter=Plain())
    assert 5 < film.iteration < 33
    assert "ends after" in film.notice and "of 1.4" in film.notice


def test_masks_hold_for_the_whole_clip(style):
    left = np.zeros(SHAPE, np.float32)
    left[:, :128] = 1
    frames = pan(4, shape=SHAPE)
    data = encoded(frames)
    run = Filming(data, [Style(style.image, mask=left)], RECIPE)
    steps = [run._paint(frame) for frame in reading.frames(data, SHAPE)]
    assert len(steps) == 4
    painted = seen(list(run)[-1].mp4)
    for frame, shown in zip(seen(data), painted, strict=True):
        assert np.abs(frame[:, 140:].astype(float) - shown[:, 140:]).mean() < 4
        assert np.abs(frame[:, :100].astype(float) - shown[:, :100]).mean() > 12
    with pytest.raises(BadMask, match="cover nothing"):
        next(Filming(data, [Style(style.image, mask=0 * left)], RECIPE))


def test_the_clips_own_colours(style):
    data = encoded(pan(3, shape=SHAPE))
    _, film = filmed(data, [style], RECIPE.model_copy(update={"color": Color.LUMINANCE}))
    chroma = lambda picture: picture.astype(float) - picture.astype(float) @ [[0.299] * 3, [0.587] * 3, [0.114] * 3]  # noqa: E731
    for before, after in zip(seen(data), seen(film.mp4), strict=True):
        assert np.abs(chroma(before) - chroma(after)).mean() < 6


def test_a_texture_network_paints_clips_too():
    network = weights.NETWORKS["birch-wood"].read_bytes()
    data = encoded(pan(3, shape=SHAPE))
    recipe = RECIPE.model_copy(update={"network": Source(name="birch-wood"), "steadiness": 0.0})
    run = Filming(data, [], recipe, network=painting.painter(network).stylize)
    first = next(run).image
    frame = images.from_uint8(next(reading.frames(data, SHAPE)).pixels)
    assert np.abs(first - painting.painter(network).stylize(frame)).max() <= 1.01 / 255
    *_, film = run
    assert len(seen(film.mp4)) == 3
    with pytest.raises(BadRecipe, match="paints everywhere"):
        recipes.video(network=Source(name="birch-wood"), styles=[{"source": {"name": "x"}, "mask": "y"}])


def test_blends_need_weight():
    with pytest.raises(BadRecipe, match="above 0"):
        Filming(encoded(pan(2)), [], RECIPE)


def test_a_clip_without_a_picture_is_a_sentence():
    with pytest.raises(BadClip):
        Filming(b"no clip", [], RECIPE)


def test_a_painter_that_goes_on_is_given_the_last_frame_moved_along():
    """Where nothing can be followed, the content itself."""

    class GoesOn(Plain):
        def __init__(self):
            super().__init__()
            self.given = []

        def go_on(self, content, last):
            self.given.append((content, last))
            return last

    frames = pan(4, shape=SHAPE, step=3)
    painter = GoesOn()
    shown = [Deflicker.paint(hand, frame) for hand in [Deflicker(painter, recipes.STEADINESS)] for frame in frames]
    assert len(painter.given) == 3
    for frame, made in zip(frames, shown, strict=True):
        assert np.abs(made[20:-20, 20:-20].astype(float) - (255.0 - frame[20:-20, 20:-20])).mean() < 6


def test_the_optimiser_paints_a_clip(style, monkeypatch):
    """Its first frame coarse to fine, here in four steps instead of 300."""
    first = Frames.first
    monkeypatch.setattr(Frames, "first", lambda self, content, *, share: first(self, content, share=share / 75))
    data = encoded(pan(3, shape=(64, 96)))
    fine = recipes.video(fine=True, size=256, strength=1)
    steps, film = filmed(data, [style], fine)
    assert film.iteration == 3
    assert len(steps) == 3


class CountedFrames:
    """What the optimiser is asked for."""

    def __init__(self, *_):
        self.firsts, self.nexts = [], 0

    def first(self, content, *, share):
        self.firsts.append(share)
        return content

    def next(self, content, start):
        self.nexts += 1
        return start


@pytest.mark.parametrize(("rain", "shares"), [(True, [1.0, *[painters.LESS] * 23] * 2 + [1.0, painters.LESS]), (False, [1.0])])
def test_in_rain_few_frames_are_optimised_whole(rain, shares, style, monkeypatch):
    """Nothing of the frame before is found again, so every frame is a shot of its own."""
    made = []
    monkeypatch.setattr(optimization, "Frames", lambda *given: made.append(CountedFrames(*given)) or made[-1])
    rng = np.random.default_rng(0)
    drops = [rng.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(50)]
    hand = Deflicker(painters.OptimizingPainter([style], recipes.video(fine=True)), recipes.STEADINESS)
    for frame in drops if rain else pan(50):
        hand.paint(frame)
    (frames,) = made
    assert frames.firsts == shares
    assert frames.nexts == 50 - len(shares)
