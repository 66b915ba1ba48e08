"""Draw the pictures of instant-lite's training. No PyTorch, because processes beside the accelerator draw them.

A `Drawn` is a style and photographs to paint in it, all at one size: crops of 256 px from photographs of 384 or 512 px, so that
strokes have their final size in pixels, and the style as a whole picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.training import data, textures
from nst_core.training.data import Bytes

GENERATED = np.zeros((0, 0, 3), np.uint8)  # represents a texture that is drawn later


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the settings of drawing."""

    canvases: tuple[int, ...] = (320, 384, 512)  # longer sides of the photographs that crops are taken from
    halved: float = 0.35  # fraction of styles whose contents the core sees at half their size
    size: int = 256  # of the crops
    crops: int = 3  # for each style
    seen: int = 256  # side of the style for the predictor
    walls: float = 0.12  # fraction of photographs that become an object before a wall
    recolored: float = 0.15  # fraction of photographs with changed colours
    own_style: float = 0.06  # fraction of styles that are the photograph itself
    odds: tuple[float, float, float] = (0.1, 0.65, 0.25)  # of a photograph, a style picture or a texture as the style


class Drawn(NamedTuple):
    """Hold a style and its contents, all uint8."""

    halved: bool
    canvas: int
    style: Bytes  # (canvas, canvas, 3)
    seen: Bytes  # (seen, seen, 3)
    contents: Bytes  # (crops, size, size, 3)
    own: bool  # the style is the photograph of the crops


@dataclass(frozen=True, slots=True)
class Pools:
    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]

    def draw(self, plan: Plan, rng: np.random.Generator) -> Drawn:
        """Return a style and its contents; halved ones are drawn at the largest size."""
        halved, own = bool(rng.random() < plan.halved), bool(rng.random() < plan.own_style)
        canvas = max(plan.canvases) if halved else int(rng.choice(plan.canvases))
        number = int(rng.integers(len(self.photographs)))
        if own:
            style = images.resize(images.from_uint8(self.photographs[number]), canvas, canvas)  # slightly distorted
        else:
            style = self._style(plan, canvas, rng)
        contents = np.stack([self._content(plan, canvas, number if own else None, rng) for _ in range(plan.crops)])
        seen = images.to_uint8(images.resize(style, plan.seen, plan.seen))
        return Drawn(halved, canvas, images.to_uint8(style), seen, images.to_uint8(contents), own)

    def _style(self, plan: Plan, side: int, rng: np.random.Generator) -> Image:
        """Return most of a style picture, photograph or new texture, so that fine detail stays fine; or two mixed."""
        drawn = []
        for _ in range(2 if rng.random() < 0.3 else 1):
            x = data.pick([self.photographs, self.styles, [GENERATED]], plan.odds, rng)
            if x is GENERATED:
                x = textures.texture(rng, max(512, side), self.photographs[int(rng.integers(len(self.photographs)))])
            part = data.crop(x, side, rng, least=0.8, squeeze=1.2)
            drawn.append(data.jitter(part, rng) if rng.random() < 0.3 else part)
        return data.mixed(drawn[0], drawn[1], rng) if len(drawn) == 2 else drawn[0]

    def _content(self, plan: Plan, canvas: int, own: int | None, rng: np.random.Generator) -> Image:
        """Return a crop of a photograph of this size. own: the number of that photograph, which is not changed."""
        number = own if own is not None else int(rng.integers(len(self.photographs)))
        x = part(self.photographs[number], canvas, plan.size, rng)
        if own is not None:
            return x
        x = data.jitter(x, rng) if rng.random() < plan.recolored else x
        return data.wall(x, rng)[0] if rng.random() < plan.walls else x


def part(picture: Bytes, canvas: int, size: int, rng: np.random.Generator) -> Image:
    """Return a random (size, size, 3) of a picture whose longer side is resized to `canvas`, the shorter one at least to
    `size`.
    """
    x = images.from_uint8(picture)
    h, w, _ = x.shape
    scale = max(canvas / max(h, w), size / min(h, w))
    x = images.resize(x, max(size, round(h * scale)), max(size, round(w * scale)))
    top, left = (int(rng.integers(side - size + 1)) for side in x.shape[:2])
    x = x[top : top + size, left : left + size]
    return np.ascontiguousarray(x[:, ::-1]) if rng.random() < 0.5 else x
