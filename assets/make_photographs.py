"""Render sample photographs: `python assets/make_photographs.py [name ...]` writes assets/photographs/<name>.jpg.

1024×768 pixels, calculated, not taken: layered ridges, water that mirrors them, a town by night.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from brushes import blend, colour, colours, fractal, ramp, step
from darkroom import Drawing, render, seeded
from numpy.random import Generator
from scipy import ndimage

HEIGHT, WIDTH = 768, 1024
Outlines = dict[str, np.ndarray]  # what a photograph shows, by name: (HEIGHT, WIDTH) in [0, 1]


def _field(rng: Generator, across: int, down: int | None = None, *, octaves: int = 5) -> np.ndarray:
    """Fractal noise of the photographs' shape (HEIGHT, WIDTH), in [0, 1]."""
    return ndimage.zoom(fractal(rng, across, down, octaves=octaves), (1, WIDTH / HEIGHT), order=1)


def _skyline(rng: Generator, bumps: int, octaves: int = 8) -> np.ndarray:
    """A ridge's height (WIDTH,) in [0, 1]: noise with the sharp crests that rock has."""
    x = np.arange(WIDTH)
    total = np.zeros(WIDTH)
    for k in range(octaves):
        knots = bumps * 2**k + 2
        smooth = np.interp(x, np.linspace(0, WIDTH, knots), rng.random(knots))
        total += (1 - np.abs(2 * smooth - 1)) * 0.48**k
    return (total - total.min()) / np.ptp(total)


def mountain_lake(rng: Generator, outlines: Outlines | None = None) -> np.ndarray:
    """A lake between mountains, a while after sunset. outlines: are wanted, instead of the picture."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    shore = 452
    scene = ramp(y / shore, colours("24386b 4a5c94 8f7fae d98f9a f7a878 ffcf8a ffe9b8"))
    scene = blend(scene, colour("fff0c4"), 0.75 * np.exp(-(((x - 610) / 330) ** 2) - ((y - 400) / 90) ** 2))
    scene, land = _clouds(scene, rng, x, y), np.zeros((HEIGHT, WIDTH))
    for k, haze in enumerate(np.linspace(0, 1, 6)):
        scene = _ridge(scene, land, rng, y, 215 + 34 * k, 150 - 17 * k, haze, k)
    scene = _forest(scene, land, rng, y, shore)
    if outlines is not None:
        outlines.update(_parted(land, shore, "land", "lake"))
        return scene
    return _finish(_mirror(scene, rng, shore), rng)


def _clouds(scene: np.ndarray, rng: Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Long clouds, dark above and lit from below by a sun that has set."""
    thick = np.clip(3 * _field(rng, 3, 16, octaves=6) - 1.25, 0, 1) * np.exp(-(((y - 120) / 150) ** 4))
    under = np.clip(thick - ndimage.shift(thick, (-9, 0), order=1, mode="nearest"), 0, 1) * 3
    scene = blend(scene, ramp(y / 330, colours("2f3a66 7a5f86 d98a80 ffc890")), 0.8 * thick)
    return blend(scene, colour("ffb48a"), np.clip(under, 0, 0.8))


def _ridge(
    scene: np.ndarray, land: np.ndarray, rng: Generator, y: np.ndarray, top: float, tall: float, near: float, k: int
) -> np.ndarray:
    """One range: bluer and paler the farther it is, with mist in the valley before it. land: what it covers is added."""
    crest = top + tall * (1 - _skyline(rng, 3 + k))
    down = y - crest
    rock = ramp(near, colours("b78fa6 8f7fa6 66689a 46517f 2c3a60 182442"))
    folds = _field(rng, 14 + 4 * k, 10, octaves=6)
    slope = np.gradient(ndimage.gaussian_filter(folds, 1.2), axis=1) * 40
    face = rock * (1 + (0.2 + 0.25 * near) * (slope + 0.5 * (folds - 0.5)))[..., None]
    face = blend(face, ramp(near, colours("f0b49a c99aa6 7f80a8 4a5a84")), 0.55 * np.clip(down / (tall * 1.3), 0, 1))
    cover = step(-down, 1.5)
    np.maximum(land, cover, out=land)
    return blend(scene, face, cover)


def _forest(scene: np.ndarray, land: np.ndarray, rng: Generator, y: np.ndarray, shore: float) -> np.ndarray:
    """Firs along the shore, each a ragged spike. land: what they cover is added."""
    x = np.arange(WIDTH)
    for near in np.linspace(0, 1, 4):
        tops = np.full(WIDTH, shore - 4.0)
        swell = np.interp(x, np.linspace(0, WIDTH, 9), rng.uniform(0, 1, 9) * np.abs(np.linspace(-1.4, 1.4, 9)))
        for _ in range(210):
            foot, tall = rng.uniform(0, WIDTH), rng.uniform(0.5, 1.0) * (16 + 26 * near)
            tall *= 0.7 + 1.3 * np.interp(foot, x, swell)
            branch = np.abs(x - foot) * (3.4 + 0.9 * np.sin(np.abs(x - foot) * 2.1))
            tops = np.minimum(tops, shore - 4 - np.clip(tall - branch, 0, None) - 10 * np.interp(foot, x, swell))
        dark = ramp(near, colours("2a3556 16213a 0a1120")) * (0.75 + 0.5 * _field(rng, 120, 60, octaves=2))[..., None]
        cover = step(tops - y, 1.5) * (y < shore + 1)
        np.maximum(land, cover, out=land)
        scene = blend(scene, dark, cover)
    return scene


def _mirror(scene: np.ndarray, rng: Generator, shore: int) -> np.ndarray:
    """Water below the shore: the scene upside down, shaken by ripples that grow towards us, darker and bluer."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    near = np.clip((y - shore) / (HEIGHT - shore), 0, 1)
    ripple = _field(rng, 10, 130, octaves=3) - 0.5 + 0.6 * (_field(rng, 30, 340, octaves=2) - 0.5)
    calm = np.clip(2.2 * _field(rng, 2, 9, octaves=3) - 0.6, 0.15, 1)
    look_y = 2 * shore - (shore + (y - shore) * 1.25) + ripple * calm * (6 + 95 * near)
    look_x = x + ripple * (3 + 12 * near)
    mirrored = np.stack(
        [
            ndimage.map_coordinates(c, [np.clip(look_y, 0, shore - 2), look_x], order=1, mode="nearest")
            for c in np.moveaxis(scene, -1, 0)
        ],
        axis=-1,
    )
    water = mirrored * ramp(near, colours("e8e4ec a9b4cc 6f82a8")) + colour("0a1428") * near[..., None]
    water = blend(water, colour("fbd0a0"), 0.3 * np.exp(-(((y - shore - 2) / 1.5) ** 2)))
    return np.where((y > shore)[..., None], water, scene)


def city_lights(rng: Generator, outlines: Outlines | None = None) -> np.ndarray:
    """A town on a river by night, seen from the other bank. outlines: likewise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    quay = 500
    scene = ramp(y / quay, colours("0b1230 16224f 2b2f6b 57407f 9a5a86 e08a7a f7b98a"))
    scene = _clouds(scene * 0.9, rng, x, y)
    moon = np.hypot(x - 770, y - 130)
    scene = blend(scene, colour("fff4d8"), np.maximum(step(moon - 34, 2), 0.3 * np.exp(-moon / 70)))
    town = np.zeros((HEIGHT, WIDTH))
    for near in np.linspace(0, 1, 5):
        left = -20.0
        while left < WIDTH:
            wide = rng.uniform(34, 84) * (0.7 + 0.5 * near)
            middle = np.exp(-(((left - 470) / 300) ** 2))
            tall = rng.uniform(0.35, 1) * (110 + 270 * middle * (1 - 0.55 * near))
            _tower(scene, town, rng, int(left), int(left + wide), int(quay - tall), quay, near)
            left += wide + rng.uniform(-12, 8)
    lamps = np.hypot((x - 9) % 47 - 23, y - quay + 9)
    scene = blend(scene, colour("ffd890"), np.clip(np.exp(-lamps / 3.2) * 1.6 + 0.25 * np.exp(-lamps / 14), 0, 1))
    if outlines is not None:
        outlines.update(_parted(town, quay, "town", "river"), moon=step(moon - 34, 2) * (1 - town))
        return scene
    return _finish(_mirror(scene, rng, quay), rng)


def _tower(
    scene: np.ndarray, town: np.ndarray, rng: Generator, left: int, right: int, top: int, foot: int, near: float
) -> None:
    """Build one tower into scene and town: a wall, floors of windows of which some are lit, now and then a spire."""
    left, right = max(left, 0), min(right, WIDTH)
    if right - left < 12:
        return
    if rng.random() < 0.3:
        mast = (left + right) // 2
        spire = slice(top - int(rng.uniform(14, 54)), top), slice(mast - 1, mast + 1)
        scene[spire], town[spire] = ramp(near, colours("4a4070 1c2142")), 1
    v, u = np.mgrid[0 : foot - top, 0 : right - left]
    wall = ramp(near, colours("5c4a7e 3a3767 20284f 141a38")) * rng.uniform(0.8, 1.15)
    face = wall * (1.15 - 0.3 * u / (right - left))[..., None] * (0.9 + 0.25 * v / (foot - top))[..., None]
    storey, bay = int(rng.integers(7, 11)), int(rng.integers(5, 10))
    lit = rng.random((v.max() // storey + 1, u.max() // bay + 1)) < rng.uniform(0.2, 0.6)
    glass = ramp(rng.random(lit.shape), colours("ffb45a ffd48a fff0c4 ffca70 bfe0f0"))
    glass *= rng.uniform(0.55, 1, (*lit.shape, 1))
    pane = (v % storey > 1) & (v % storey < storey - 1) & (u % bay > 0) & (u % bay < bay - 1)
    window = np.where(lit[..., None], glass, wall * 0.75)[v // storey, u // bay]
    town[top:foot, left:right] = 1
    scene[top:foot, left:right] = np.where(pane[..., None], window * (0.55 + 0.45 * near), face)


def _parted(covered: np.ndarray, shore: int, land: str, water: str) -> Outlines:
    """Sky, what stands before it down to the shore, and the water below."""
    below = np.zeros_like(covered)
    below[shore + 1 :] = 1
    return {"sky": (1 - covered) * (1 - below), land: covered * (1 - below), water: below}


def _finish(scene: np.ndarray, rng: Generator) -> np.ndarray:
    """What a lens and a sensor add: glow round the lights, darker corners, grain."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    glow = ndimage.gaussian_filter(np.clip(scene - 0.6, 0, 1), (14, 14, 0))
    grain = rng.normal(0, 0.009, (HEIGHT, WIDTH, 1))
    return (scene + 0.35 * glow) * (1 - 0.16 * (x**2 + y**2))[..., None] + grain


DRAWN = {"mountain-lake": mountain_lake, "city-lights": city_lights}
PHOTOGRAPHS: dict[str, Drawing] = dict(DRAWN)


def outlines(name: str) -> Outlines:
    """Of what a photograph shows, as its drawing knows them: the truth for whoever looks for outlines."""
    found: Outlines = {}
    DRAWN[name](seeded(name), found)
    return found


if __name__ == "__main__":
    render(PHOTOGRAPHS, sys.argv[1:], Path(__file__).parent / "photographs")
