"""Styles of thread.

Each takes a generator and returns a picture (SIZE, SIZE, 3) in [0, 1].
"""

from __future__ import annotations

import numpy as np
from brushes import (
    SIZE,
    Canvas,
    blend,
    colour,
    colours,
    fractal,
    grid,
    light,
    noise,
    ramp,
    scatter,
)
from numpy.random import Generator
from scipy import ndimage


def kilim_weave(rng: Generator) -> np.ndarray:
    """A flat-woven rug of stepped diamonds in madder, indigo and walnut wool."""
    x, y = grid()
    knot = 6.0
    column, row = np.floor(x / knot), np.floor(y / knot)
    scene = _kilim(column, row, int(SIZE / knot))
    abrash = ramp(fractal(rng, 2, 40), np.array([[0.82] * 3, [1.0] * 3, [1.12] * 3]))  # dye lots differ from row to row
    tuft = np.abs(np.sin(np.pi * (x / knot + 0.5 * (row % 2)))) ** 0.6 * np.abs(np.sin(np.pi * y / knot)) ** 0.6
    fibre = fractal(rng, 190, 60, octaves=2)
    wool = scene * abrash * (0.82 + 0.36 * fibre)[..., None]
    height = ndimage.gaussian_filter(tuft + 0.35 * fibre, 0.6)
    return wool * (0.6 + 0.4 * light(height, 3.0))[..., None] * (0.55 + 0.5 * tuft)[..., None]


def _kilim(column: np.ndarray, row: np.ndarray, count: int) -> np.ndarray:
    """The pattern, one colour a knot: diamonds within diamonds, hooks, and a border of teeth."""
    wool = colours("7a1f24 b5382a d98a3a ecd9b0 1f2f52 2f5f6a 3a2420 c9562f 8f9a6a")
    u, v = np.abs((column + 0.5) % 32 - 16), np.abs((row + 0.5) % 42 - 21)
    ring = np.floor(u * 1.31 + v).astype(int)
    which = (np.floor((column + 0.5) / 32) + np.floor((row + 0.5) / 42)).astype(int) % 3
    order = np.array(
        [
            [3, 6, 1, 1, 3, 4, 4, 2, 2, 6, 0, 0, 3, 5, 5, 6, 7, 7, 3, 4, 4, 6],
            [2, 4, 4, 3, 0, 0, 6, 5, 5, 3, 1, 1, 6, 2, 2, 4, 0, 0, 3, 6, 6, 1],
            [3, 0, 7, 7, 6, 2, 2, 4, 4, 3, 5, 5, 6, 1, 1, 3, 4, 4, 2, 0, 0, 6],
        ]
    )
    return wool[order[which, (ring // 2) % 22]]


def embroidered_garden(rng: Generator) -> np.ndarray:
    """Silk flowers in satin stitch on black linen."""
    x, y = grid()
    weave = 0.5 + 0.25 * np.sin(x * np.pi / 2.5) * np.sin(y * np.pi / 2.5) + 0.3 * noise(rng, 150)
    cloth = Canvas(colour("14161f"))
    flowers = scatter(rng, 116, margin=60)
    sizes = rng.uniform(38, 74, len(flowers))
    for centre in scatter(rng, 36, margin=40):
        _stitched_leaf(cloth, rng, centre, rng.uniform(30, 58))
    for centre, radius in zip(flowers, sizes, strict=True):
        _stitched_flower(cloth, rng, centre, radius)
    picture, thick = cloth.layers()
    linen = colour("1c1f2c") * (0.55 + 0.8 * weave)[..., None]
    bare = np.clip(1 - np.abs(thick - 0.3) * 40, 0, 1)
    picture = blend(picture, linen, bare)
    return picture * light(ndimage.gaussian_filter(thick, 0.8), 3.0)[..., None]


def _satin(cloth: Canvas, rng: Generator, starts: np.ndarray, ends: np.ndarray, tints: np.ndarray) -> None:
    """Lay threads from starts to ends (n, 2); silk shines where it runs across the light."""
    s = np.linspace(0, 1, 5)[:, None]
    paths = starts[:, None] * (1 - s) + ends[:, None] * s + rng.normal(0, 0.5, (len(starts), 1, 2))
    run = ends - starts
    sheen = 0.24 * np.cos(2 * (np.arctan2(run[:, 1], run[:, 0]) - 2.2))
    cloth.strokes(rng, paths, tints * (0.92 + sheen[:, None]) + 0.05, width=2.6, bristles=2, streak=0.035)


def _stitched_leaf(cloth: Canvas, rng: Generator, root: np.ndarray, length: float) -> None:
    """A leaf of slanting stitches, light on one side of its vein and dark on the other."""
    turn = rng.uniform(0, 2 * np.pi)
    n = int(1.6 * length)
    along = np.linspace(0.02, 1, n)
    axis = np.exp(1j * turn)
    greens = colours("1f4a3a 2f7a5a 6fae6a b9cf7a") if rng.random() < 0.7 else colours("1f3f5a 2f6f8a 7fb5b0 cfe3cc")
    for side in (-1, 1):
        rib = axis * along * length
        rim = axis * (np.clip(along + 0.22, 0, 1.15) + 1j * side * 0.36 * np.sin(np.pi * along) ** 0.8) * length
        tint = ramp(0.5 + 0.3 * side + 0.2 * (along - 0.5) + rng.normal(0, 0.05, n), greens)
        _satin(cloth, rng, root + _plane(rib), root + _plane(rim), tint)


SILKS = (
    "7a1230 c9203f f0564a f9a07a fff0d0",
    "8a3a0f e0762a f7b03a fde08a fff6d8",
    "3a1f6a 7a4fb0 b98fd9 f0c8e8 ffe9a0",
    "0f3f6a 2a7ab8 7fc0e0 e0f2f0 f7d04a",
    "8f1f5a d9488a f28ab0 ffd0d8 f7d88a",
)


def _stitched_flower(cloth: Canvas, rng: Generator, centre: np.ndarray, radius: float) -> None:
    """Rings of radial stitches, each ring over the last and of its own colour, then knots in the middle."""
    silks, petals, phase = colours(SILKS[rng.integers(len(SILKS))]), int(rng.integers(5, 9)), rng.uniform(0, 6)
    for k, (inner, outer) in enumerate(((0.55, 1.0), (0.36, 0.72), (0.2, 0.48), (0.06, 0.26))):
        n = int(5.2 * radius * outer)
        turn = rng.permutation(np.linspace(0, 2 * np.pi, n, endpoint=False))
        lobe = 0.66 + 0.34 * np.abs(np.cos(petals * (turn - phase) / 2)) ** 0.6
        ray, uneven = np.exp(1j * turn) * radius, rng.normal(0, 0.025, n)
        tint = ramp(np.clip(0.23 * k + 0.18 * lobe + rng.normal(0, 0.04, n), 0, 1), silks)
        start, end = ray * (inner * lobe + uneven), ray * (outer * lobe + uneven)
        _satin(cloth, rng, centre + _plane(start), centre + _plane(end), tint)
    knots = centre + rng.normal(0, 0.07 * radius, (14, 1, 2)) + np.linspace(-1, 1, 3)[:, None] * (1.4, 0.8)
    cloth.strokes(rng, knots, ramp(rng.random(14), colours("f7d04a fff0b0 b5702a")), width=3, bristles=2)


def _plane(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], axis=-1)
