"""Styles pulled from block, plate, screen and bath.

Each takes a generator and returns a picture (SIZE, SIZE, 3) in [0, 1].
"""

from __future__ import annotations

import numpy as np
from brushes import (
    OVERSAMPLE,
    SIZE,
    blend,
    cells,
    colour,
    colours,
    displace,
    fractal,
    grid,
    light,
    noise,
    ramp,
    sample,
    scatter,
    step,
    unit,
    whirl,
)
from numpy.random import Generator
from scipy import ndimage


def woodcut_waves(rng: Generator) -> np.ndarray:
    """A storm sea cut in cherry wood and printed in five blues."""
    x, y = grid()
    picture = ramp(y / 420, colours("8f4a3f d98a5f f2cf9a f4e6c8"))
    sun = np.hypot(x - 545, y - 165)
    picture = blend(picture, colour("c93a24"), step(sun - 92, 1.5))
    bands = np.sin((y + 14 * np.sin(x / 90) + 60 * noise(rng, 4)) / 5.5)
    picture = blend(picture, colour("fbf3dc"), 0.5 * step(0.35 - bands + y / 420, 0.3))
    for depth in np.linspace(-0.12, 1, 8):
        picture = _wave(picture, rng, depth)
    grain = unit(displace(noise(rng, 8, 230), 0, 22 * noise(rng, 5)) + 0.3 * noise(rng, 120))
    return blend(picture, colour("f4e6c8"), 0.34 * np.clip(grain - 0.35, 0, 1)) * (0.95 + 0.05 * grain[..., None])


def _wave(picture: np.ndarray, rng: Generator, depth: float) -> np.ndarray:
    """Print one row of waves over the picture: carved swell lines below, foam on the crests, which curl over."""
    x, y = grid()
    apart, tall = 130 + 190 * depth, 46 + 120 * depth
    base, start = 285 + 470 * depth, rng.uniform(0, 1) * apart
    z = x + 1j * y
    for k in range(-2, int(SIZE / apart) + 2):
        tip = complex(start + k * apart, base - tall)
        z = whirl(z, tip + complex(0.1, 0.2) * apart, 0.2 * apart, -2.3)
    x, y = z.real, z.imag
    swell = (1 - np.abs(np.sin(np.pi * (x - start) / apart))) ** 1.25
    crest = base - tall * swell + 4 * np.sin(x / 23)
    down = y - crest
    blues = ("8fb8c0 3f7fa3 1f4f80", "4f8fae 1f5590 122f60", "2f6f9f 163f78 0c1d44")[round(2 * max(depth, 0))]
    gap = 11 + 9 * depth
    stripe = np.abs((down / gap) % 1 - 0.5) * gap - gap * np.clip(0.25 - down / (7 * tall), 0.05, 1)
    water = blend(ramp(down / (1.6 * tall), colours(blues)), colour("f2eedc"), step(stripe, 1.2))
    lobes = np.abs(np.sin(x / (5 + 6 * depth)))
    foam = tall * (0.08 + 0.3 * swell) * (0.5 + 0.6 * lobes)
    water = blend(water, colour("10264f"), step(np.abs(down - foam) - 1 - 0.8 * depth))
    water = blend(water, colour("fbf6e6"), step(down - foam + 1))
    water = blend(water, colour("6fa3b8"), step(np.abs(down - 0.5 * foam) - 0.6 - 0.7 * depth) * (lobes > 0.35))
    water = blend(water, colour("10264f"), step(np.abs(down) - 1 - depth))
    picture = blend(picture, water, step(-down))
    return _spray(picture, rng, down, swell, depth)


def _spray(picture: np.ndarray, rng: Generator, down: np.ndarray, swell: np.ndarray, depth: float) -> np.ndarray:
    """White drops thrown up from the crests."""
    x, y = grid()
    drops = scatter(rng, 24 - 8 * depth)
    above = -sample(down, drops)
    keep = (above > 3) & (above < (18 + 44 * depth) * rng.random(len(drops))) & (sample(swell, drops) > 0.3)
    for cx, cy in drops[keep]:
        picture = blend(picture, colour("fbf6e6"), step(np.hypot(x - cx, y - cy) - 1.3 - 2 * depth * rng.random()))
    return picture


def halftone_citrus(rng: Generator) -> np.ndarray:
    """Slices of lemon, lime, orange and grapefruit, screened in dots and printed out of register."""
    fruit = (
        "f7d417 fff4b0 f2a900",
        "9fd356 f1f7c4 3f9e4a",
        "f7902a ffe0a8 e2571f",
        "f2607d ffd0c8 c9203f",
        "37b6c9 d8f4f0 1f6fb0",
    )
    grounds = "e83e8c", "f7902a", "1fa3c4", "f7d417", "f2f0d8"
    picture = np.ones((SIZE, SIZE, 3))
    for row in range(3):
        for column in range(3):
            kind = (2 * row + column) % 5
            picture = _citrus(picture, rng, row, column, colours(fruit[kind]), colour(grounds[kind]))
    paper = 0.95 + 0.05 * noise(rng, 200)
    return picture * paper[..., None] * colour("fffaf0")


def _citrus(picture: np.ndarray, rng: Generator, row: int, column: int, flesh: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Print one slice in its square: flat colour first, then dots, then the black plate, each a little off."""
    x, y = grid()
    pane = SIZE / 3
    inside = (x // pane == column) & (y // pane == row)
    u, v = x - pane * (column + 0.5), y - pane * (row + 0.5)
    u, v = u + 10 * np.sin(row * 2 + column), v + 10 * np.cos(row + column * 3)
    r, turn = np.hypot(u, v), np.arctan2(v, u) + rng.uniform(0, 1)
    wedge = np.abs((turn * 9 / (2 * np.pi)) % 1 - 0.5) * r  # pixels, roughly, from the pith between two segments
    segment = np.maximum(np.maximum(0.06 * 96 - (0.5 * r - wedge) * 0.7, r - 84), 10 - r)
    print_ = blend(np.broadcast_to(field, picture.shape), flesh[0], step(r - 108))
    print_ = blend(print_, flesh[1], step(r - 99))
    print_ = blend(print_, flesh[0], step(segment))
    tone = np.clip((u + v) / 190 + 0.42 + 0.25 * np.sin(9 * turn), 0, 1)
    print_ = blend(print_, flesh[2], _screen(tone, 9.5, 0.4) * step(segment))
    corner = np.clip((u - v) / 330 + 0.42, 0, 1)
    print_ = blend(print_, field * 0.62, _screen(corner, 11, 0.8) * step(108 - r))
    shadow = np.maximum(np.hypot(u - 9, v - 11) - 109, 108 - r)
    print_ = blend(print_, colour("18141c"), _screen(np.full_like(r, 0.6), 6, 0.2) * step(shadow))
    rind = np.abs(np.hypot(u - 3, v + 2) - 108) - 3 - 1.5 * np.sin(turn)
    ink = np.minimum(rind, np.abs(displace(segment, 2, 2)) - 1.6)
    drop = np.maximum(np.abs(segment + 9) - 0.9, np.sin(11 * turn + r / 9) * 9 - 2)
    print_ = blend(print_, colour("18141c"), step(np.minimum(ink, drop)))
    frame = np.minimum(pane / 2 - np.abs(x - pane * (column + 0.5)), pane / 2 - np.abs(y - pane * (row + 0.5)))
    print_ = blend(print_, colour("fbf6e8"), step(frame - 4))
    return np.where(inside[..., None], print_, picture)


def _screen(tone: np.ndarray, pitch: float, angle: float) -> np.ndarray:
    """A halftone screen: dots whose area grows with the tone in [0, 1], on a grid turned by an angle."""
    x, y = grid()
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    from_dot = np.hypot((u / pitch) % 1 - 0.5, (v / pitch) % 1 - 0.5) * pitch
    return step(from_dot - pitch * np.sqrt(tone / 2.2))


def engraved_nautilus(rng: Generator) -> np.ndarray:
    """A nautilus on a copper plate: only lines, which swell where it is dark."""
    x, y = grid()
    dx, dy = x - 350, y - 400
    r, turn = np.hypot(dx, dy) + 1e-6, np.arctan2(dy, dx)
    wraps = np.log(r / 395) / np.log(3.0) - (turn - 0.5) / (2 * np.pi)
    coil = np.floor(wraps) + 1  # 0 is the outermost whorl
    across = wraps % 1  # 0 at the inner wall of the tube, 1 at the outer
    unwound = turn - 0.5 + 2 * np.pi * coil
    shell = unwound < 0.0
    flames = np.sin(17 * unwound + 3 * fractal(rng, 8)) + 1.7 * across - 1.25 + fractal(rng, 18)
    dark = 0.16 + 0.75 * np.abs(across - 0.38) ** 1.2 + 0.35 * step(-(flames - 0.8), 0.5) - 0.15 * (dx + dy) / 400
    swell = np.exp2(np.round(np.log2(r / 40)))
    ribs = _burin(unwound * 60 * np.maximum(swell, 0.5) / (2 * np.pi) + 1.2 * across, dark)
    rings = _burin(across * 9 * np.maximum(swell, 1), dark - 0.38)
    figure = np.maximum(ribs, rings)
    sky = 0.32 + 0.3 * (y / SIZE) + 0.25 * (fractal(rng, 4) - 0.5) + 0.3 * np.exp(-(((r - 400) / 60) ** 2))
    ripple = y + 12 * np.sin(x / 70 + 3 * noise(rng, 3)) + 26 * np.exp(-r / 260) * np.sin(turn * 3)
    ground = np.maximum(_burin(ripple / 6.5, sky), _burin((x + y + 20 * noise(rng, 4)) / 7.5, sky - 0.28))
    ink = np.where(shell, figure, ground)
    wall = np.minimum(across, 1 - across) * r * np.log(3.0)
    ink = np.maximum(ink, step(wall - 2.2, 1.5) * shell)
    plate = ramp(fractal(rng, 3), colours("f3e7cb ead9b4 f7efd8")) * (0.95 + 0.05 * noise(rng, 240))[..., None]
    tint = blend(plate, ramp(across, colours("f2c9a0 fff1dc d98a5f")), 0.55 * shell)
    return blend(tint, colour("2a1c1f"), 0.93 * ink)


def _burin(count: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Engraved lines at the whole numbers of `count`, as wide as `dark` in [0, 1] says."""
    slope = np.hypot(*np.gradient(count)) + 1e-6
    off = np.abs((count + 0.5) % 1 - 0.5) - 0.5 * np.clip(dark, 0, 0.92)
    return step(off / np.minimum(slope, 0.5), 1.2) * (dark > 0.03)


def contour_atlas(rng: Generator) -> np.ndarray:
    """A map of islands that never were: tints of height, contour lines, soundings and hill shading."""
    bend = [150 * (fractal(rng, 3, octaves=3) - 0.5) for _ in range(2)]
    height = unit(displace(fractal(rng, 5, octaves=4), *bend))
    level = 36 * height
    tints = colours("12324f 1c5573 2f7f92 6fb5b0 b5d6c4 e6e2b8 e9c987 dca061 c4744a 9a4f45 7a3f4a 5a3048")
    tint = ramp(np.floor(level) / 36, tints)
    tint = tint * (0.55 + 0.45 * light(height, 130))[..., None] * (0.95 + 0.05 * noise(rng, 220))[..., None]
    ink = np.where((height < 0.4)[..., None], colour("0b2540"), colour("4a2418"))
    for every, width, strength in ((0.5, 0.45, 0.35), (1, 0.6, 0.6), (5, 1.3, 0.9)):
        count = level / every
        away = np.abs((count + 0.5) % 1 - 0.5) / (np.hypot(*np.gradient(count)) + 1e-6)  # pixels to the next line
        tint = blend(tint, ink, strength * step(away - width, 1))
    return tint


def marbled_paper(rng: Generator) -> np.ndarray:
    """Drops of ink on a bath of size, raked, combed and curled."""
    side = SIZE * OVERSAMPLE
    y, x = np.mgrid[0:side, 0:side] / OVERSAMPLE
    z = (x + 1j * y).ravel()
    for _ in range(7):  # undo the last gesture first: whirls, then the comb, then the rake, then the drops
        centre, turns = complex(*rng.uniform(60, SIZE - 60, 2)), rng.choice([-1, 1]) * rng.uniform(1.2, 2.6)
        z = whirl(z, centre, rng.uniform(60, 130), turns)
    z = z - 30j * np.abs(np.sin(z.real * np.pi / 32)) ** 0.7 + 22 * np.sin(z.imag / 70)
    z = z - 210 * np.sign(np.sin(z.imag * np.pi / 96)) * np.abs(np.sin(z.imag * np.pi / 96)) ** 2.2
    index = _drops(z, rng, 260)
    inks = colours("f4ead2 1d3b5c a83232 e0a63a 2f7a78 f4ead2 14202e c96a4a 7fb0a8 1d3b5c f7f0dc e8c4a8")
    sheet = inks[index % len(inks)].reshape(SIZE, OVERSAMPLE, SIZE, OVERSAMPLE, 3).mean((1, 3))
    return sheet * (0.93 + 0.07 * noise(rng, 260))[..., None]


def _drops(z: np.ndarray, rng: Generator, count: int) -> np.ndarray:
    """Which drop's ink lies at each point z of the bath; each drop pushes all earlier ones away, area kept."""
    index, open_ = np.zeros(len(z), int), np.arange(len(z))
    for drop in range(count):  # the newest first: what is outside it, it has pushed there
        centre, radius = complex(*rng.uniform(-150, SIZE + 150, 2)), rng.uniform(16, 64)
        away = z - centre
        r2 = (away * away.conj()).real
        index[open_[r2 < radius**2]] = drop
        outside = r2 >= radius**2
        z, open_ = centre + away[outside] * np.sqrt(1 - radius**2 / r2[outside]), open_[outside]
    return index


def molten_embers(rng: Generator) -> np.ndarray:
    """Lava under a torn crust, from white heat to black glass."""
    first = [220 * (fractal(rng, 3) - 0.5) for _ in range(2)]
    second = [120 * (displace(fractal(rng, 4), *first) - 0.5) for _ in range(2)]
    flow = unit(displace(displace(fractal(rng, 6, octaves=6), *first), *second))
    crack = displace(cells(scatter(rng, 64))[1], *second)
    fine = displace(cells(scatter(rng, 20))[1], *first)
    heat = 0.8 * flow**1.8 + 0.5 * np.exp(-crack / 5) + 0.25 * np.exp(-fine / 2.2) * flow - 0.08
    crust = ramp(np.clip(heat, 0, 1), colours("0d0a12 1d1220 3a1020 7a1414 c42f10 f06a12 fba42a ffd964 fff6c8"))
    smoke = light(unit(flow + 0.25 * np.clip(fine / 8, 0, 1)), 42) * 0.5 + 0.5
    crust = crust * smoke[..., None] + 0.05 * fractal(rng, 80, octaves=3)[..., None] * (0.5, 0.6, 1.0)
    glow = ndimage.gaussian_filter(np.clip(crust - 0.35, 0, 1), (9, 9, 0))
    return crust + 0.4 * glow
