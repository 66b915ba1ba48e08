"""Paint the pictures of the home page's cards: `make cards`, or `PYTHONPATH=. python assets/make_cards.py [name ...]`.

Sample photographs and our embedded models in, assets/cards/<name>.jpg out, 240×200 pixels: what each page gives, at a glance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from darkroom import Drawing, render
from numpy.random import Generator
from skimage import data
from skimage.draw import polygon2mask

from nst_core import images, recipes
from nst_core.images import Image, Mask
from nst_core.instant import stylizer
from nst_core.models import weights
from nst_core.pictures import masks
from nst_core.recipes import PRESETS
from nst_core.stylizer import Style
from nst_core.videos import Film

ASSETS = Path(__file__).parent
HEIGHT, WIDTH = 200, 240
LIMIT = 12_000  # bytes: all of them travel with the page
SIDE = 384  # pixels that are painted: strokes are to be seen in a small picture
Box = tuple[float, float, float, float]  # left, top, right, bottom of what is shown, as shares of the photograph
CAT, WOMAN, CUP, LAKE = (0.2, 0, 0.85, 0.81), (0.1, 0.01, 0.9, 0.677), (0.17, 0, 0.89, 0.9), (0.15, 0.1, 0.95, 0.99)
FACE = (0.22, 0.02, 0.66, 0.387)
SCENE = (0.2, 0, 0.87, 1)  # of the motorcycle's clip
ASTRONAUT = np.array([
    (22, 512), (25, 400), (30, 330), (45, 280), (70, 250), (110, 215), (113, 190), (125, 168), (150, 153), (187, 150),
    (178, 130), (160, 122), (152, 90), (155, 60), (175, 30), (200, 17), (235, 14), (265, 22), (290, 45), (301, 80), (297, 110),
    (283, 130), (270, 138), (262, 170), (285, 185), (303, 215), (305, 238), (335, 250), (352, 290), (360, 340), (375, 350),
    (400, 345), (450, 355), (490, 400), (500, 512),
])  # fmt: skip


def cut(picture: Image, box: Box) -> Image:
    """The box of a picture (h, w, 3), SIDE pixels long."""
    h, w, _ = picture.shape
    left, top, right, bottom = box
    return images.fit(picture[round(top * h) : round(bottom * h), round(left * w) : round(right * w)], SIDE)


def style(name: str, mask: Mask | None = None) -> Style:
    picture = images.decode((ASSETS / "styles" / f"{name}.jpg").read_bytes(), max_side=512)
    return Style(picture, mask=mask)


def at_once(content: Image, *styles: Style) -> Image:
    """By `instant-lite`."""
    recipe = recipes.instant(engine="instant-lite", size=SIDE)
    (step,) = stylizer("instant-lite").stylize(content, styles, recipe)
    assert step.image is not None
    return step.image


def slanted(pictures: list[Image]) -> Image:
    """The pictures side by side in one, with slanted borders."""
    h, w, _ = pictures[0].shape
    y, x = np.mgrid[0:h, 0:w]
    at = np.clip((x / w + 0.25 * (y / h - 0.5)) * len(pictures), 0, len(pictures) - 1e-6).astype(int)
    return np.choose(at[..., None], pictures)


def instant(_: Generator) -> Image:
    """A cat in three styles: any of them is a moment away."""
    cat = cut(images.from_uint8(data.chelsea()), CAT)
    return slanted([at_once(cat, style(name)) for name in ("woodcut-waves", "halftone-citrus", "rose-window")])


def live(_: Generator) -> Image:
    """Somebody before the camera, and how they are seen."""
    woman = cut(images.from_uint8(data.astronaut()), FACE)
    return slanted([woman, at_once(woman, style("halftone-citrus"))])


def optimize(_: Generator) -> Image:
    """What the Optimize page opens with, finished."""
    from nst_core.optimization import Optimization

    lake = cut(images.decode((ASSETS / "photographs" / "mountain-lake.jpg").read_bytes()), LAKE)
    finished = list(Optimization(lake, [style("starlit-oils")], PRESETS["fast"]))[-1].image
    assert finished is not None
    return finished


def masked(_: Generator) -> Image:
    """A portrait that stays as it is, before a ground in two styles."""
    photograph = images.from_uint8(data.astronaut())
    woman = cut(photograph, WOMAN)
    inside = polygon2mask(photograph.shape[:2], ASTRONAUT[:, ::-1]).astype(np.float32)
    kept = masks.soften(cut(np.dstack([inside] * 3), WOMAN)[..., 0], 3)
    left = np.broadcast_to(np.arange(SIDE) < 0.45 * SIDE, kept.shape).astype(np.float32)
    grounds = [masks.without(half, kept) for half in (left, masks.invert(left))]
    styles = [style(name, mask) for name, mask in zip(("starlit-oils", "molten-embers"), grounds, strict=True)]
    return at_once(woman, *styles)


def texture_networks(_: Generator) -> Image:
    """A photograph by one network, and an endless texture by another."""
    from nst_core.texture_networks.painting import painter

    by = lambda name: painter(weights.NETWORKS[name].read_bytes())  # noqa: E731
    cup = cut(images.from_uint8(data.coffee()), CUP)
    return slanted([by("cubist-guitar").stylize(cup), by("molten-embers-texture").synthesize(*cup.shape[:2])])


def explained(_: Generator) -> Image:
    """A photograph, and the same rebuilt from a layer that knows what is there, not how it looked."""
    from nst_core import explain

    cat = cut(images.from_uint8(data.chelsea()), CAT)
    return slanted([cat, explain.reconstruct(cat, "block4_conv1", iterations=200)])


def video(_: Generator) -> Image:
    """Frames of a clip, before and after, as on a strip of film."""
    from nst_core.videos import reading, run

    clip = (ASSETS / "clips" / "motorcycle.mp4").read_bytes()
    recipe = recipes.video(size=SIDE)
    film = list(run.Filming(clip, [style("cubist-guitar")], recipe))[-1]
    assert isinstance(film, Film)
    frames = [[frame.pixels for frame in reading.frames(data, film.shape)] for data in (clip, film.mp4)]
    return slanted([cut(images.from_uint8(frames[side][number]), SCENE) for side, number in ((0, 20), (1, 21), (1, 22))])


def small(draw: Drawing) -> Drawing:
    """The same, as large as a card shows them on a fine screen."""
    return lambda rng: images.resize(draw(rng), HEIGHT, WIDTH)


CARDS: dict[str, Callable[[Generator], Image]] = {
    "instant": instant,
    "live": live,
    "optimize": optimize,
    "masks": masked,
    "texture_networks": texture_networks,
    "explain": explained,
    "video": video,
}

if __name__ == "__main__":
    render({name: small(draw) for name, draw in CARDS.items()}, sys.argv[1:], ASSETS / "cards", limit=LIMIT)
