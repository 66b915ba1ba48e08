"""Styles laid, leaded, fired and woven.

Each takes a generator and returns a picture (SIZE, SIZE, 3) in [0, 1].
"""

from __future__ import annotations

import numpy as np
from brushes import (
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
)
from numpy.random import Generator
from scipy import ndimage
from scipy.spatial import cKDTree


def roman_mosaic(rng: Generator) -> np.ndarray:
    """Two carp in a pool, in marble tesserae that follow their outlines."""
    scene, contour = _carp_pool(rng)
    angle = np.arctan2(*np.gradient(ndimage.gaussian_filter(contour, 4)))
    sites, own, edge = _tesserae(rng, angle, 9.5)
    tint = sample(scene, sites) + rng.normal(0, 0.045, (len(sites), 1)) + rng.normal(0, 0.025, (len(sites), 3))
    stone = tint[own] * (1.06 + 0.2 * fractal(rng, 60, octaves=3))[..., None]
    dome = np.clip(edge / 3.2, 0, 1) ** 0.5 + 0.1 * rng.random(len(sites))[own]
    stone = stone * light(ndimage.gaussian_filter(dome, 0.7), 2.2)[..., None]
    grout = colour("4a4038") * (0.75 + 0.5 * noise(rng, 200))[..., None]
    return blend(stone, grout, step(edge - 1.3, 1.4))


def _carp_pool(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """The cartoon for the mosaic, and a distance field whose level lines the rows of stones follow."""
    x, y = grid()
    r = np.hypot(x - SIZE / 2, y - SIZE / 2)
    swirl = r + 26 * np.sin(3 * np.arctan2(y - SIZE / 2, x - SIZE / 2) + r / 60)
    water = ramp((swirl / 66) % 1, colours("123f52 1f6f80 5fb0a8 cfe3cc 2f8390 123f52"))
    scene, contour = water, swirl
    for turn in (0.6, 0.6 + np.pi):
        body, skin = _carp(x - SIZE / 2, y - SIZE / 2, turn)
        scene = blend(scene, skin, step(body))
        scene = blend(scene, colour("1a1418"), step(np.abs(body - 3) - 5))
        contour = np.where(body < 26, body, contour)
    border = np.minimum(np.minimum(x, SIZE - x), np.minimum(y, SIZE - y))
    along = np.where(np.minimum(x, SIZE - x) < np.minimum(y, SIZE - y), y, x)
    wave = np.sin(along * 2 * np.pi / 64) * 9 + 29
    band = ramp((border - wave) / 24 + 0.5, colours("8f2f24 c9603a efe0c0 efe0c0 d9a441"))
    scene = blend(scene, band, step(border - 56))
    scene = blend(scene, colour("1f1a1c"), step(np.abs(border - 58) - 5))
    return scene, np.where(border < 66, border, contour)


CARP = (
    (-205, 0),
    (-190, 24),
    (-150, 41),
    (-85, 54),
    (-10, 55),
    (70, 40),
    (125, 24),
    (165, 14),
    (190, 24),
    (225, 58),
    (262, 66),
)  # half its width at each place along the spine


def _carp(dx: np.ndarray, dy: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance, roughly, to a carp bent around the centre, and its colours."""
    r, along = np.hypot(dx, dy), (np.arctan2(dy, dx) - turn + np.pi) % (2 * np.pi) - np.pi
    s, off = along * 190, r - 196 - 10 * np.sin(along * 3)  # pixels along and across the bent spine, head at -200
    half = np.interp(s, *np.transpose(CARP))
    half -= np.clip(s - 205, 0, None) * 2.2 * np.exp(-((off / 22) ** 2))  # the tail's notch
    half += np.where(off > 0, np.interp(s, (-80, -40, 60, 75), (0, 30, 22, 0)), np.interp(s, (-60, -20, 0), (0, 34, 0)))
    body = np.maximum(np.abs(off) - half, np.abs(s - 30) - 240) * 0.8
    scales = np.cos(s / 9) * np.cos(off / 9)
    skin = ramp(0.42 + 0.38 * off / 55 + 0.22 * scales, colours("fff2d8 fbc878 f28a3c d2452a 8f1f1a"))
    patch = np.minimum(np.hypot(s + 70, off - 18) - 40, np.hypot(s - 60, off + 4) - 34)
    skin = blend(skin, colour("b3201c"), 0.85 * step(patch, 6))
    skin = blend(skin, colour("fbe6c0"), step(np.minimum(160 - s, 55 - np.abs(off)), 4) * (np.sin(off / 5) > 0))
    skin = blend(skin, colour("fff8e8"), step(np.hypot(s + 155, off - 16) - 15))
    return body, blend(skin, colour("14100f"), step(np.hypot(s + 155, off - 16) - 7))


def _tesserae(rng: Generator, angle: np.ndarray, pitch: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Oriented square cells, relaxed: sites (n, 2), each pixel's cell, and its distance to the cell's border.

    Hausner, "Simulating decorative mosaics", SIGGRAPH 2001: Voronoi cells under a turned max-norm are near squares.
    """
    sites = scatter(rng, pitch, margin=pitch)
    x, y = grid()
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2)
    coarse = pixels[::3]  # enough to relax by
    for _ in range(9):
        own, _ = _square_cells(sites, angle, coarse, 5)
        count = np.maximum(np.bincount(own, minlength=len(sites)), 1)[:, None]
        mean = np.stack([np.bincount(own, axis, len(sites)) for axis in coarse.T], axis=-1) / count
        sites = np.where(count > 3, mean, sites)
    own, edge = _square_cells(sites, angle, pixels, 6)
    return sites, own.reshape(SIZE, SIZE), edge.reshape(SIZE, SIZE)


def _square_cells(sites: np.ndarray, angle: np.ndarray, pixels: np.ndarray, rivals: int) -> tuple[np.ndarray, np.ndarray]:
    _, near = cKDTree(sites).query(pixels, k=rivals)  # (p, rivals)
    apart = pixels[:, None] - sites[near]
    turn = sample(angle, sites)[near]
    u = np.abs(apart[..., 0] * np.cos(turn) + apart[..., 1] * np.sin(turn))
    v = np.abs(apart[..., 1] * np.cos(turn) - apart[..., 0] * np.sin(turn))
    far = np.maximum(u, v)
    first, second = np.sort(far, axis=1)[:, :2].T
    return near[np.arange(len(near)), far.argmin(axis=1)], (second - first) / 2


def rose_window(rng: Generator) -> np.ndarray:
    """A rose window: hand-blown glass in lead, the sun behind it."""
    x, y = grid()
    ring, place, turn, radius = _rose()
    own, edge = cells(SIZE / 2 + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1))
    pairs = colours(
        "fff0a8 fff0a8 c2182f 8f1230 f2a02a f7c84a 1f3fae 17267a f7d04a 1f8f7a c2272d 7a2a8f 2a5fd0 123a9a "
        "e8862a c9203f 1f9e9a 1f4fbe 17267a 5a1f7a c2272d 17267a"
    )
    glass = pairs[2 * ring + place % 2] + rng.normal(0, 0.035, (len(ring), 3))
    streaks = displace(fractal(rng, 5, 30), 40 * np.cos(turn)[own], 40 * np.sin(turn)[own])
    sun = 1.15 - 0.45 * np.hypot(x - 330, y - 300) / 540
    seeds = np.clip(noise(rng, 110) * 3 - 2.1, 0, 1)  # air bubbles
    lit = np.clip(glass, 0, 1)[own] * ((0.5 + 0.75 * streaks + 0.5 * seeds) * sun)[..., None]
    lit = blend(lit, colour("fff8e0"), 0.42 * np.clip(streaks * 1.7 - 0.95, 0, 1) + 0.1 * np.exp(-edge / 5))
    came = 3.4 + 1.6 * np.isin(ring, (1, 4, 7))[own]
    round_ = np.sqrt(np.clip(1 - (edge / came) ** 2, 0, 1))
    lead = 0.11 + 0.16 * (light(ndimage.gaussian_filter(round_, 1), 4) - 0.6) + 0.05 * noise(rng, 150)
    window = blend(lit, lead[..., None] * (0.9, 0.95, 1.1), step(edge - came, 1.4))
    glow = ndimage.gaussian_filter(np.clip(window - 0.35, 0, 1), (11, 11, 0))
    return window + 0.55 * glow


def _rose() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The window's panes: each one's ring, its place in the ring, and its middle as angle and radius."""
    rings = (
        (0, 1),
        (46, 8),
        (92, 16),
        (146, 16),
        (196, 32),
        (246, 16),
        (296, 32),
        (352, 32),
        (404, 48),
        (462, 48),
        (530, 48),
    )
    panes = [(ring, k, n, radius) for ring, (radius, n) in enumerate(rings) for k in range(n)]
    ring, place, count, radius = np.transpose(panes)
    return ring, place, (place + 0.5 * (ring % 2)) * 2 * np.pi / count, radius  # every other ring half a pane on


def azulejo_tiles(rng: Generator) -> np.ndarray:
    """Sixteen tiles painted by hand in cobalt, with a little ochre, under a crazed glaze."""
    x, y = grid()
    tile = SIZE / 4
    wobble = [5 * (fractal(rng, 22, octaves=3) - 0.5) for _ in range(2)]
    u, v = ((c % tile) - tile / 2 for c in (x + wobble[0], y + wobble[1]))
    odd = ((x // tile + y // tile) % 2).astype(bool)
    blue, ochre = (np.where(odd, a, b) for a, b in zip(_rosette(u, v), _lattice(u, v), strict=True))
    wash = fractal(rng, 26, octaves=4)
    strength = np.clip(blue * (0.75 + 0.6 * wash), 0, 1)
    lot = rng.normal(0, 0.02, (4, 4, 3)).repeat(192, 0).repeat(192, 1)
    glaze = colour("efeee4") + lot - 0.06 * fractal(rng, 9)[..., None]
    picture = glaze * ramp(strength, colours("ffffff a3bce4 4470bf 173a8f 0c1c5a"))
    picture = picture * blend(np.ones(3), colour("f2b03a"), ochre * (0.55 + 0.5 * wash))
    _, craze = cells(scatter(rng, 17))
    crazed = step(displace(craze, *wobble) - 0.5) * (fractal(rng, 5) > 0.5)
    picture = blend(picture, colour("6f6a66"), 0.28 * crazed)
    joint = np.minimum(tile / 2 - np.abs((x % tile) - tile / 2), tile / 2 - np.abs((y % tile) - tile / 2))
    picture = picture * light(1 - np.exp(-joint / 5) + 0.02 * fractal(rng, 40), 2.5)[..., None]
    return blend(picture, colour("8a8274") * (0.8 + 0.3 * noise(rng, 180))[..., None], step(joint - 1.8, 1.5))


def _rosette(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tile with a flower and four quarter flowers; how much blue, how much ochre."""
    r, turn = np.hypot(u, v), np.arctan2(v, u)
    corner = np.hypot(96 - np.abs(u), 96 - np.abs(v))
    around = np.arctan2(96 - np.abs(v), 96 - np.abs(u))
    petals = r - 62 * (0.5 + 0.5 * np.abs(np.cos(4 * turn)) ** 0.55)
    inner = r - 34 * (0.45 + 0.55 * np.abs(np.sin(4 * turn)) ** 0.6)
    fan = corner - 50 * (0.62 + 0.38 * np.abs(np.cos(4 * around)) ** 0.6)
    blue = _painted(petals) * (0.35 + 0.65 * (r / 62) ** 2 + 0.3 * np.cos(40 * turn) ** 8)
    blue = np.where(inner < 2, _painted(inner), blue)
    blue = np.maximum(blue, _painted(fan) * (0.4 + 0.6 * (corner / 50) ** 2))
    dots = np.hypot(r - 76, (((turn * 16 / (2 * np.pi)) % 1) - 0.5) * 2 * np.pi * 76 / 16)
    blue = np.maximum(blue, 0.9 * step(dots - 4))
    blue = np.maximum(blue, np.maximum(0.9 * step(np.abs(corner - 57) - 1.3), step(np.abs(r - 10) - 1.5)))
    ground = 0.3 * step(76 - r) * step(57 - corner) * (0.6 + 0.4 * np.cos((u + v) * 0.8) * np.cos((u - v) * 0.8))
    blue = np.maximum(blue, ground)
    ochre = np.maximum(step(np.minimum(r - 10, corner - 17)), 0.8 * step(np.abs(r - 66) - 2.5))
    return np.where(r < 9, 0, blue), ochre


def _lattice(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tile with a knotted band, leaves along the diagonals, and a star."""
    r, turn = np.hypot(u, v), np.arctan2(v, u)
    p, q = np.abs(u + v) / np.sqrt(2), np.abs(u - v) / np.sqrt(2)
    along, off = np.maximum(p, q), np.minimum(p, q)
    leaf = off - 19 * np.sin(np.pi * np.clip((along - 26) / 92, 0, 1)) ** 0.9 + 3 * np.sin(along / 4.5)
    leaf = np.where((along > 26) & (along < 118), leaf, 9)
    side = np.minimum(np.hypot(np.abs(u) - 96, v), np.hypot(u, np.abs(v) - 96))
    star = r - 26 * (0.55 + 0.45 * np.cos(8 * turn))
    vein = step(np.abs((off - 0.6 * along) % 9 - 4.5) - 0.8) * step(leaf + 3)
    blue = np.maximum(_painted(leaf) * (0.45 + 0.5 * off / 19) + 0.5 * vein, _painted(star))
    blue = np.maximum(blue, np.maximum(step(np.abs(side - 44) - 4.5), 0.8 * step(np.abs(side - 33) - 1.3)))
    blue = np.maximum(blue, _painted(side - 24 * (0.6 + 0.4 * np.abs(np.cos(3 * np.arctan2(u, v))))) * 0.8)
    return np.clip(blue, 0, 1), np.maximum(step(side - 9), step(np.abs(side - 38.5) - 2))


def _painted(distance: np.ndarray) -> np.ndarray:
    """Cobalt as a brush leaves it: a wash inside the shape, pooled dark along its outline."""
    return step(distance) * (0.42 + 0.58 * np.exp(distance / 4))


GLAZES = (  # three tones of each glaze, then what was painted on it
    "0f1f3a 1b3f6b 3f7fa0 a8d0d8",
    "4f8a7a 8fbca6 cfe0c8 2f5a50",
    "5a1418 98281f cf5f3f f2c08a",
    "d9c8a4 efe6d2 fbf6e8 3a4f86",
    "17171d 33303a 5a5450 d9b25a",
    "1a5058 2f8a8f 8fd0c4 f2efd9",
    "8a4a1f c98a2f ecc46f 5a2414",
)


def mended_glazes(rng: Generator) -> np.ndarray:
    """Shards of many pots joined with gold, after the craft of kintsugi."""
    bend = np.array([34 * (fractal(rng, 5) - 0.5) for _ in range(2)])
    x, y = grid()
    shards = scatter(rng, 118, margin=118)
    own, seam = cells(shards)
    own, seam = sample(own, np.stack([x + bend[0], y + bend[1]], axis=-1)), displace(seam, *bend)
    kind = rng.permutation(np.arange(len(shards)) % 7)[own]
    flow = unit(fractal(rng, 6) + 0.35 * fractal(rng, 70, octaves=2) + 0.3 * displace(fractal(rng, 30, 5), *bend))
    picture = np.select([(kind == k)[..., None] for k in range(7)], [ramp(flow, colours(g)[:3]) for g in GLAZES])
    brush = np.array([colours(g)[3] for g in GLAZES])[kind]
    spin = rng.uniform(0, np.pi, len(shards))[own]
    u, v = (x + bend[0]) * np.cos(spin) + y * np.sin(spin), y * np.cos(spin) - (x + bend[1]) * np.sin(spin)
    painted = _pot_pattern(rng.integers(0, 6, len(shards))[own], u, v)
    picture = blend(picture, brush, painted * (0.35 + 0.55 * fractal(rng, 40)))
    craze = np.minimum(displace(cells(scatter(rng, 26))[1], *bend), 1.4 * displace(cells(scatter(rng, 12))[1], *bend))
    picture = blend(picture, picture * 0.35, 0.6 * step(craze - 0.6, 1.2))
    width = 2 + 5.5 * noise(rng, 7) ** 2
    bead = np.sqrt(np.clip(1 - (seam / width) ** 2, 0, 1)) + 0.06 * noise(rng, 160)
    gold = ramp(light(ndimage.gaussian_filter(bead, 1), 5) * 0.5, colours("5a3a0f a8742a e0b04a ffe9a0 fffbe0"))
    shade = light(np.clip(seam / 16, 0, 1) ** 0.5, 6)
    return blend(picture * shade[..., None], gold, step(seam - width, 1.4))


def _pot_pattern(kind: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """What was painted on each pot, by its kind: scales, rings, reeds, a net, dots, or nothing; a cover in [0, 1]."""
    row = np.floor(v / 13)
    scale = np.hypot((u + 13 * (row % 2)) % 26 - 13, v % 13)
    scales = step(np.abs((scale + 2) % 5 - 2.5) - 0.9) * (scale < 14)
    rings = step(np.abs((v + 3 * np.sin(u / 17)) % 22 - 11) - 2.4)
    reeds = step(np.abs((u + 7 * np.sin(v / 21)) % 15 - 7.5) - 1.2 - np.cos(v / 13))
    net = step(np.minimum(np.abs((u + v) % 24 - 12), np.abs((u - v) % 24 - 12)) - 1.3)
    dots = step(np.hypot(u % 18 - 9, (v + 9 * np.floor(u / 18)) % 18 - 9) - 4)
    return np.choose(kind, [scales, rings, reeds, net, dots, np.zeros_like(u)])


def gilded_garden(rng: Generator) -> np.ndarray:
    """A cloak of gold leaf, set with spirals, eyes, blossoms and checks."""
    x, y = grid()
    sites = _relaxed(rng, 78)
    own, edge = cells(sites)
    dx, dy = x - sites[own, 0], y - sites[own, 1]
    spin = rng.uniform(0, 2 * np.pi, len(sites))[own]
    r, turn = np.hypot(dx, dy), np.arctan2(dy, dx) + spin
    u, v = (dx * np.cos(spin) + dy * np.sin(spin)), (dy * np.cos(spin) - dx * np.sin(spin))
    kind = rng.integers(0, 5, len(sites))
    motif = np.choose(kind[own], _motifs(r, turn, u, v))  # which of five inks, at each pixel
    inks = colours("f3d06a 14213d b23a48 2f7f79 f7efd8 3d2645 d9822b 1d3b2f e8a9a0 5b6fae")
    sets = np.array([list(map(int, word)) for word in ["01426", "10243", "42018", "30456", "50849", "07342", "70648"]])
    picture = inks[sets[rng.integers(0, len(sets), len(sites))[own], motif]]
    ground = _leaf_squares(rng)
    inside = np.minimum(edge - 4, 37 + 5 * np.cos(3 * turn) - r)
    picture = blend(ground, picture, step(-inside))
    picture = blend(picture, colour("2a1a12"), 0.8 * step(np.abs(inside) - 1.1))
    brushed = fractal(rng, 30, 90, octaves=4)
    gilt = np.clip(1 - np.linalg.norm(picture - inks[0], axis=-1) * 1.6, 0, 1)
    shine = light(0.6 * brushed + 0.4 * np.clip(inside / 6, 0, 1), 5)
    picture = picture * (0.72 + 0.45 * brushed)[..., None] * (0.5 + 0.5 * shine)[..., None]
    return blend(picture, colour("fff6c0"), 0.6 * gilt * np.clip(shine - 1.12, 0, 1))


def _relaxed(rng: Generator, spacing: float) -> np.ndarray:
    """Scattered sites moved to their cells' middles a few times: even, yet not regular."""
    sites = scatter(rng, spacing, margin=spacing)
    x, y = grid()
    for _ in range(4):
        own, _ = cells(sites)
        count = np.bincount(own.ravel(), minlength=len(sites))
        total = np.stack([np.bincount(own.ravel(), c.ravel(), len(sites)) for c in (x, y)], axis=-1)
        whole = count > 0.5 * spacing**2  # a cell mostly out of frame stays where it is
        sites[whole] = total[whole] / count[whole, None]
    return sites


def _motifs(r: np.ndarray, turn: np.ndarray, u: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
    """Spiral, eye, blossom, checks and triangles, each as ink numbers 0 to 4."""
    spiral = np.where((r / 9 - turn / (2 * np.pi)) % 1 < 0.5, 0, 1)
    eye = np.select([r < 5, r < 10, r < 16, r < 20, r < 27], [1, 4, 2, 1, 0], 3)
    lids = np.abs(v) < 15 * np.cos(np.clip(u / 24, -1, 1) * np.pi / 2)
    lens = np.where(lids, eye, np.where((u + 2 * np.abs(v)) % 12 < 5, 0, 1))
    lobe = np.abs(np.cos(2.5 * turn))
    bloom = np.select([r < 6, r < 12 + 8 * lobe, r < 17 + 16 * lobe], [0, 2, 4], 1)
    light_square = (np.floor(u / 9) + np.floor(v / 9)) % 2 == 0
    checks = np.where(light_square, np.where(np.hypot(u % 9 - 4.5, v % 9 - 4.5) < 2.4, 0, 1), 4)
    row = np.floor(v / 14)
    tooth = v % 14 < 28 * np.abs((u / 12) % 1 - 0.5)
    teeth = np.where(tooth, np.where(row % 2 == 0, 2, 0), np.where(row % 3 == 0, 4, 1))
    return [spiral, lens, bloom, checks, teeth]


def _leaf_squares(rng: Generator) -> np.ndarray:
    """The gold between the motifs: small squares of leaf, some of them enamel."""
    x, y = grid()
    bend = 5 * fractal(rng, 7)
    u, v = x + bend, y + bend[::-1]
    tile = (np.floor(u / 11) * 71 + np.floor(v / 11) * 131).astype(int) % 1009
    leaf = ramp(rng.random(1009), colours("8a5a1c c9962f e8be55 f7dc8a e0a93f"))
    enamel = rng.random(1009) < 0.16
    leaf[enamel] = colours("14213d b23a48 2f7f79 f7efd8")[rng.integers(0, 4, enamel.sum())]
    joint = np.minimum(np.minimum(u % 11, 11 - u % 11), np.minimum(v % 11, 11 - v % 11))
    return blend(leaf[tile], colour("4a2f14"), 0.75 * step(joint - 0.7, 1.2))
