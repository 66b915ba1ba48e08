"""`--subject`: the subject stays the photograph, or is painted less, or alone."""

import numpy as np
import pytest

from nst_core import images, recipes
from nst_core.pictures import cutouts, masks
from tests.clips import encoded, seen

H, W, SIZE = 192, 256, 256
Y, X = np.mgrid[:H, :W]
AWAY = np.hypot(Y - 100, X - 120)  # from the middle of the ball
BALL, GROUND = AWAY < 32, AWAY > 58


def ball():
    """An orange ball on a dark blue ground, with grain."""
    cover = (AWAY <= 42)[..., None]
    picture = cover * (0.9, 0.5, 0.1) + ~cover * (0.1, 0.2, 0.4) + np.random.default_rng(0).normal(0, 0.02, (H, W, 3))
    return np.clip(picture, 0, 1).astype(np.float32)


@pytest.fixture
def changed(nst, here):
    """Run a command on ball.png: how far its result is from the photograph on the ball, and on the ground."""
    (here / "ball.png").write_bytes(images.encode(ball()))

    def run(command):
        assert nst(f"{command} ball.png waves.jpg -o out.png --size {SIZE}") == (0, "", "")
        off = np.abs(images.decode((here / "out.png").read_bytes()) - images.decode((here / "ball.png").read_bytes()))
        return off[BALL].mean(), off[GROUND].mean()

    return run


@pytest.mark.parametrize("command", ["instant --engine instant-lite", "optimize --iterations 4"])
def test_the_subject_stays_the_photograph_or_is_painted_alone(command, changed, here):
    on_ball, on_ground = changed(f"{command} --subject keep")
    assert (on_ball, on_ground > 0.005) == (0, True)
    kept = masks.of_text(recipes.of_png((here / "out.png").read_bytes()).styles[0].mask, (H, W))
    assert kept[BALL].max() == 0 and kept[GROUND].min() == 1  # the recipe paints the same again
    on_ball, on_ground = changed(f"{command} --subject only")
    assert (on_ball > 0.005, on_ground) == (True, 0)


def test_a_lighter_subject_has_less_of_the_style(changed, here):
    assert min(changed("instant --engine instant-lite --subject lighter")) > 0.005
    mask = masks.of_text(recipes.of_png((here / "out.png").read_bytes()).styles[0].mask, (H, W))
    assert mask[BALL] == pytest.approx(cutouts.LIGHTER, abs=0.01) and mask[GROUND].min() == 1


def test_masks_hold_besides(changed, here):
    (here / "left.png").write_bytes(masks.to_png((X < 120).astype(np.float32)))
    changed("instant --engine instant-lite --subject only --mask left.png")
    mask = masks.of_text(recipes.of_png((here / "out.png").read_bytes()).styles[0].mask, (H, W))
    assert mask[BALL & (X < 116)].min() == 1 and mask[BALL & (X > 124)].max() == 0 and mask[GROUND].max() == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("instant . waves.jpg -o out --subject keep", "--subject follows one photograph"),
        ("optimize cat.png waves.jpg -o out --also woods.webp --subject keep", "--subject follows one photograph"),
        ("instant flat.png waves.jpg -o out.png --subject only", "No subject was found"),
        ("instant cat.png waves.jpg -o out.png --subject all", "--subject"),
        ("instant cat.png -o out.png --engine net.onnx --subject keep", "leave --subject out"),
        ("video clip.mp4 -o out.mp4 --network birch-wood --subject keep", "give --network, or styles"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(line, sentence, nst, here):
    (here / "flat.png").write_bytes(images.encode(np.full((H, W, 3), 0.5, np.float32)))
    code, _, said = nst(line)
    assert code == 2 and sentence in said


def test_a_clip_keeps_the_subject_of_its_first_frame(nst, here):
    frames = [images.to_uint8(ball())] * 3
    (here / "ball.mp4").write_bytes(encoded(frames))
    code, _, said = nst(f"video ball.mp4 waves.jpg -o out.mp4 --size {SIZE} --subject keep")
    assert (code, said) == (0, "")
    before, after = (seen((here / name).read_bytes())[-1].astype(float) for name in ("ball.mp4", "out.mp4"))
    off = np.abs(before - after)
    assert off[BALL].mean() < 4 < off[GROUND].mean()
