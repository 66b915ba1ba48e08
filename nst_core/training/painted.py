"""The pictures that instant-lite's finish sees. No TensorFlow, no JAX, since processes beside the accelerator draw them.

A `Drawn` is a style and photographs to paint in it, both at one canvas: 256 px crops out of photographs of 320 to 512 px, so
that a stroke has the size in pixels that it will have, and the style as the whole picture that it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.training import data, textures
from nst_core.training.data import Bytes

GENERATED = np.zeros((0, 0, 3), np.uint8)  # stands for a texture that is yet to be drawn


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn."""

    canvases: tuple[int, ...] = (320, 384, 384, 512)  # longer sides of the photographs that crops are taken from
    size: int = 256  # of the crops
    crops: int = 3  # for each style
    seen: int = 256  # side of the style as the predictor sees it
    walls: float = 0.12  # share of the photographs that become a thing before a wall
    recolored: float = 0.15  # share of the photographs in other light
    own_style: float = 0.06  # share of the styles that are the photograph itself


class Drawn(NamedTuple):
    """All uint8. own: that the style is the photograph of the crops, as they are."""

    canvas: int
    own: bool
    style: Bytes  # (canvas, canvas, 3), or the photograph's shape where it is its own style
    seen: Bytes  # (seen, seen, 3)
    contents: Bytes  # (crops, size, size, 3)
    walls: np.ndarray  # (crops, size, size), 1 where a wall is


@dataclass(frozen=True, slots=True)
class Pools:
    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]

    def draw(self, plan: Plan, rng: np.random.Generator) -> Drawn:
        canvas, own = int(rng.choice(plan.canvases)), bool(rng.random() < plan.own_style)
        number = int(rng.integers(len(self.photographs)))
        if own:
            photograph = images.from_uint8(self.photographs[number])
            style = images.resize(photograph, canvas, canvas)  # one shape for all; a little squeezed
        else:
            style = self._style(canvas, rng)
        drawn = [self._content(plan, canvas, number if own else None, rng) for _ in range(plan.crops)]
        contents, walls = (np.stack(part) for part in zip(*drawn, strict=True))
        seen = images.to_uint8(images.resize(style, plan.seen, plan.seen))
        return Drawn(canvas, own, images.to_uint8(style), seen, images.to_uint8(contents), walls[..., 0].astype(np.uint8))

    def _style(self, side: int, rng: np.random.Generator) -> Image:
        """Nearly the whole of a style picture, a photograph or a new texture, so that fine things stay fine; or two mixed."""
        drawn = []
        for _ in range(2 if rng.random() < 0.3 else 1):
            x = data.pick([self.photographs, self.styles, [GENERATED]], (0.1, 0.4, 0.5), rng)
            if x is GENERATED:
                x = textures.texture(rng, max(512, side), self.photographs[int(rng.integers(len(self.photographs)))])
            part = data.crop(x, side, rng, least=0.8, squeeze=1.2)
            drawn.append(data.jitter(part, rng) if rng.random() < 0.3 else part)
        return data.mixed(drawn[0], drawn[1], rng) if len(drawn) == 2 else drawn[0]

    def _content(self, plan: Plan, canvas: int, own: int | None, rng: np.random.Generator) -> tuple[Image, np.ndarray]:
        """A crop out of a photograph of this size, and where its wall is; own: that photograph's number, as it is."""
        number = own if own is not None else int(rng.integers(len(self.photographs)))
        x, bare = part(self.photographs[number], canvas, plan.size, rng), np.zeros((plan.size, plan.size, 1), np.float32)
        if own is not None:
            return x, bare
        x = data.jitter(x, rng) if rng.random() < plan.recolored else x
        return data.wall(x, rng) if rng.random() < plan.walls else (x, bare)


def part(picture: Bytes, canvas: int, size: int, rng: np.random.Generator) -> Image:
    """A random (size, size, 3) of a picture whose longer side is brought to `canvas`, its shorter one at least to `size`."""
    x = images.from_uint8(picture)
    h, w, _ = x.shape
    scale = max(canvas / max(h, w), size / min(h, w))
    x = images.resize(x, max(size, round(h * scale)), max(size, round(w * scale)))
    top, left = (int(rng.integers(side - size + 1)) for side in x.shape[:2])
    x = x[top : top + size, left : left + size]
    return np.ascontiguousarray(x[:, ::-1]) if rng.random() < 0.5 else x
