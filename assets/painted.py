"""Styles made with brush, knife, chalk and water.

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
    noise,
    overpaint,
    ramp,
    sample,
    scatter,
    step,
    unit,
    vortices,
)
from numpy.random import Generator
from scipy import ndimage


def starlit_oils(rng: Generator) -> np.ndarray:
    """A sky of whirling stars over sleeping hills, in thick oils."""
    stars = np.array([(585, 150), (150, 120), (360, 285), (90, 360), (690, 385), (365, 60), (505, 430), (235, 470)])
    radii = np.array([80, 52, -95, 40, -48, -34, 36, -44])
    angle = vortices(stars, radii, 0.9 * (noise(rng, 3) - 0.5))
    scene = _night_sky(rng, stars, radii)
    hills, slope = _hills(rng)
    scene, angle = blend(scene, hills, slope[0]), np.where(slope[0] > 0.5, slope[1], angle)
    canvas = Canvas((0.05, 0.1, 0.25))
    for width, length in ((30, 110), (18, 70), (11, 40)):
        overpaint(canvas, rng, scene, angle, width=width, length=length, broken=0.06)
    return canvas.lit(4)


def _night_sky(rng: Generator, stars: np.ndarray, radii: np.ndarray) -> np.ndarray:
    x, y = grid()
    sky = ramp(fractal(rng, 5, 9), colours("0b1740 12306e 1f5a9c 2b4f9e 5fa3c4 173a7a 9fcfd0"))
    for (cx, cy), radius in zip(stars, np.abs(radii), strict=True):
        r = np.hypot(x - cx, y - cy) / radius
        rings = ramp(np.clip(r / 2, 0, 1), colours("fff6c8 ffd95a f2a52c e9d98a 7fb7b5 3f7fb5 2a5c9e"))
        sky = blend(sky, rings, np.exp(-((r / 1.15) ** 4)) * (0.65 + 0.35 * np.cos(9 * r)))
    return sky


def _hills(rng: Generator) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The hills' colours, where they are, and which way their furrows run."""
    x, y = grid()
    scene, cover, furrow = np.zeros((SIZE, SIZE, 3)), np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    tones = ("1b2350 2b3f7f 5a7fb0", "0e2f3f 1f6a62 7fae6a d9c05a", "0a1428 123a3a 3f6f3a c98f2a f2c84a")
    for k, tone in enumerate(tones):
        crest = 545 + 75 * k + 45 * np.sin(x / (150 - 20 * k) + 2.1 * k) + 25 * (noise(rng, 6, 1) - 0.5)
        here = step(crest - y, 2)
        scene = blend(scene, ramp(fractal(rng, 8, 14), colours(tone)), here)
        cover = np.maximum(cover, here)
        furrow = np.where(here > 0.5, np.arctan(np.gradient(crest, axis=1)) + 0.3 * k, furrow)
    return scene, (cover, furrow)


def birch_wood(rng: Generator) -> np.ndarray:
    """An autumn wood of birches, laid on with the palette knife."""
    _, y = grid()
    autumn = colours("cfe3e0 f7e2a0 fbc64a f0922a d9541f a8283a 5f2350 2f2450")
    scene = ramp(unit(fractal(rng, 5) + 0.55 * y / SIZE), autumn)
    scene = blend(scene, colour("4a5fa8"), 0.75 * step(fractal(rng, 6) - 0.36, 0.12))
    scene = blend(scene, colour("6f9a5a"), 0.55 * step(fractal(rng, 6) - 0.32, 0.12))
    canvas = Canvas(colour("5a2a1f"))
    for width, length in ((40, 70), (22, 34)):
        overpaint(canvas, rng, scene, 4 * fractal(rng, 3), width=width, length=length, broken=0.06)
    for depth, foot in zip(np.linspace(0, 1, 13), rng.permutation(np.linspace(-10, SIZE + 10, 13)), strict=True):
        _birch(canvas, rng, foot + rng.normal(0, 14), 8 + 30 * depth, depth)
        leaves = np.clip(2.2 * fractal(rng, 5) - 1.15, 0, 1)
        overpaint(canvas, rng, scene**0.85, 6 * noise(rng, 9), width=10, length=15, density=0.16, broken=0.07, where=leaves)
    return canvas.lit(4)


def _birch(canvas: Canvas, rng: Generator, foot: float, girth: float, depth: float) -> None:
    """One trunk: short strokes across it, light on the left, blue on the right, and dark scars."""
    n = int(9 * SIZE / girth) * 3
    height, side = rng.uniform(-20, SIZE + 20, n), rng.uniform(-0.5, 0.5, n)
    lean = rng.normal(0, 0.05)
    centre = foot + lean * (SIZE - height) + 8 * np.sin(height / 130 + foot) + side * girth
    tone = ramp(side + 0.5, colours("fff8e8 f4ecd8 d8dce0 93a4bc 4f5f86")) * (0.72 + 0.28 * depth)
    scar = rng.random(n) < 0.09
    tone[scar] = colour("2a2230")
    reach = np.linspace(-0.3, 0.3, 4) * girth
    paths = np.stack([centre[:, None] + reach, height[:, None] + 0.3 * reach * rng.normal(0, 1, (n, 1))], axis=-1)
    canvas.strokes(rng, paths, tone, width=0.22 * girth + 3, streak=0.04)


def pointillist_harbour(rng: Generator) -> np.ndarray:
    """Sails at sundown, in dots of unmixed pigment which the eye mixes."""
    scene = _harbour(rng)
    pigments = colours(
        "fff3c9 ffd24a f7941f e8502a c2285a f2a3b5 7d3c98 3a3f9e 1f6fc0 6fc3df 1f9e8f 8fce5a 2f6b3a 1a1f4a f9f9f4"
    )
    canvas = Canvas(colour("efe3c8"))
    for spacing, size, stray in ((7, 5.4, 0.24), (5.2, 3.7, 0.2), (6.5, 2.6, 0.17)):
        dots = scatter(rng, spacing)
        wish = sample(scene, dots) + rng.normal(0, stray, (len(dots), 3))
        choice = np.linalg.norm(wish[:, None] - pigments, axis=-1).argmin(1)
        tint = 0.86 * pigments[choice] + 0.14 * sample(scene, dots) + rng.normal(0, 0.02, (len(dots), 3))
        canvas.polygons(_dots(rng, dots, size), np.column_stack([tint, rng.uniform(0.5, 1, len(dots))]))
    return canvas.lit(1.6)


def _dots(rng: Generator, centres: np.ndarray, radius: float) -> np.ndarray:
    """Slightly oval, unequal discs as polygons (n, 12, 2)."""
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    disc = radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    return centres[:, None] + disc * rng.uniform(0.7, 1.15, (len(centres), 1, 2))


def _harbour(rng: Generator) -> np.ndarray:
    x, y = grid()
    sky = ramp(y / 430 + 0.16 * (fractal(rng, 3, 8) - 0.5), colours("2f5fa8 6f8fc9 c9a3c9 f7b28a ffd873 fff0b0"))
    swell = 0.5 * (fractal(rng, 5, 40) - 0.5)
    sea = ramp((y - 430) / 338 + swell, colours("b58fc4 f29a6a 7f6fc0 3f7fc5 1f8f9e 17386b"))
    scene = np.where((y < 430)[..., None], sky, sea)
    sun = np.hypot(x - 300, y - 372)
    scene = blend(scene, colour("fffbe0"), np.exp(-((sun / 46) ** 4)))
    scene = blend(scene, colour("ffd24a"), 0.5 * np.exp(-sun / 90))
    glitter = np.exp(-(((x - 300) / (20 + 0.28 * (y - 430))) ** 2)) * (y > 430) * (fractal(rng, 8, 60) > 0.45)
    scene = blend(scene, colour("fff0a0"), 0.9 * glitter)
    cliff = 445 - 210 / (1 + np.exp((600 - x) / 42)) - 40 * fractal(rng, 7, 1)
    rock = ramp(fractal(rng, 10), colours("2a2a6a 5a3f8a 2f6b5a b5708a e8a36a"))
    scene = blend(scene, rock, step(cliff - y, 3) * (y < 432))
    for left, foot, tall in ((60, 560, 300), (215, 500, 150), (430, 660, 390)):
        scene = _sail(scene, x, y, left, foot, tall)
    return scene


def _sail(scene: np.ndarray, x: np.ndarray, y: np.ndarray, left: float, foot: float, tall: float) -> np.ndarray:
    rise = (foot - y) / tall
    belly = 0.42 * tall * np.clip(1 - rise, 0, 1) ** 0.8
    inside = (rise > 0.03) & (rise < 1) & (x > left) & (x < left + belly)
    cloth = ramp((x - left) / (0.42 * tall) * 0.7 + 0.3 * rise, colours("fffaf0 f9b08a e8603a a83266 4a2f7a"))
    scene = np.where(inside[..., None], cloth, scene)
    hull = (np.abs(x - left - 0.16 * tall) < 0.34 * tall - 1.2 * (y - foot)) & (y > foot) & (y < foot + 0.09 * tall)
    return np.where(hull[..., None], colour("3a1f4a"), scene)


def pastel_poppies(rng: Generator) -> np.ndarray:
    """A meadow of poppies in chalk, the toothed paper showing through."""
    _, y = grid()
    greens = colours("f7d98a f2e6a8 c9d978 8fbf6a 4fa07a 2f7f8a 2a4f8f 3a2f6f")
    scene = ramp(unit(y / SIZE + 0.6 * fractal(rng, 4, 6)), greens)
    angle = -1.35 + 1.1 * (fractal(rng, 4) - 0.5)
    sticks = Canvas(colour("2e2a3f"))
    for width, length in ((16, 95), (7, 70)):
        overpaint(sticks, rng, scene, angle, width=width, length=length, broken=0.09)
    for centre in sorted(scatter(rng, 86, margin=20).tolist(), key=lambda c: c[1]):
        _poppy(sticks, rng, np.array(centre), 15 + 42 * max(centre[1], 0) / SIZE)
    picture, _ = sticks.layers()
    tooth = unit(noise(rng, 380) + 0.8 * noise(rng, 260) + 0.25 * noise(rng, 40))
    return blend(picture, picture * 0.3 + 0.7 * colour("5a4a6a"), 0.85 * step(tooth - 0.34, 0.22))


def _poppy(sticks: Canvas, rng: Generator, centre: np.ndarray, radius: float) -> None:
    """Four petals of chalk strokes that run out from a dark heart, seen a little from the side."""
    n = 110
    turn, reach = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.35, 1, n)
    frill = 0.82 + 0.18 * np.abs(np.sin(2 * turn + centre[0]))
    out = np.stack([np.cos(turn), 0.72 * np.sin(turn)], axis=-1) * (radius * frill * reach)[:, None]
    paths = centre + out[:, None] * np.linspace(0.55, 1.1, 4)[:, None] + rng.normal(0, 1.2, (n, 4, 2))
    reds = colours("8f1230 d4202f f04a2a ff7a3f ffb59a" if rng.random() < 0.8 else "9a3f7a d96a9a f7a8b8 ffe0d0")
    sticks.strokes(rng, paths, ramp(reach * 0.8 + rng.normal(0, 0.15, n), reds), width=0.16 * radius, bristles=3)
    heart = centre + rng.normal(0, 0.11, (16, 1, 2)) * radius + rng.normal(0, 0.05, (16, 3, 2)) * radius
    sticks.strokes(rng, heart, ramp(rng.random(16), colours("120a1f 2a1a3f e8c84a")), width=0.12 * radius, bristles=2)


def watercolour_blooms(rng: Generator) -> np.ndarray:
    """Flowers in many thin washes, whose pigment dries darkest along the edge."""
    wander = np.array([30 * (fractal(rng, 8, octaves=6) - 0.5) for _ in range(2)])
    grain = unit(noise(rng, 280) + 0.5 * noise(rng, 90))
    picture = ramp(fractal(rng, 3, octaves=6), colours("bfe0dc f7f0d8 f9d8c4 e3d0ec c4dcf2"))
    leaves = colours("4f8f4a 1f7a6a 9fb03a 2f5f8a 6fae8a")
    petals = colours("e0285a f2703a d93a9a 6a4ad0 f7b01f e85a6a 2f6fd9")
    for centre in scatter(rng, 62, margin=30):
        _wash(picture, rng, centre, rng.uniform(50, 100), 1, leaves[rng.integers(5)], wander, grain)
    for centre in scatter(rng, 104, margin=30):
        count = int(rng.integers(5, 8))
        _wash(picture, rng, centre, rng.uniform(44, 96), count, petals[rng.integers(7)], wander, grain)
    return picture * (0.95 + 0.05 * noise(rng, 260))[..., None]


def _wash(
    picture: np.ndarray,
    rng: Generator,
    centre: np.ndarray,
    radius: float,
    petals: int,
    ink: np.ndarray,
    wander: np.ndarray,
    grain: np.ndarray,
) -> None:
    """Lay one flower (or, with one petal, a leaf) in place: lift what is wet below it, then darken, as glass does."""
    left, top = np.clip(centre - 1.5 * radius - 30, 0, None).astype(int)
    box = np.s_[top : int(centre[1] + 1.5 * radius + 30), left : int(centre[0] + 1.5 * radius + 30)]
    x, y = grid()
    dx, dy = (x + wander[0])[box] - centre[0], (y + wander[1])[box] - centre[1]
    turn, r = np.arctan2(dy, dx) + rng.uniform(0, 7), np.hypot(dx, dy)
    cover, inside = _blossom(r, turn, radius, petals) if petals > 1 else _leaf(r, turn, radius)
    cover = inside * np.clip((cover + 0.35 * (grain[box] - 0.5)) * rng.uniform(0.75, 1.15), 0, 1)
    lifted = blend(picture[box], colour("fffaf0"), inside * (0.72 if petals > 1 else 0.3))
    picture[box] = lifted * (1 - cover[..., None] * (1 - ink))


def _blossom(r: np.ndarray, turn: np.ndarray, radius: float, petals: int) -> tuple[np.ndarray, np.ndarray]:
    """How dense the pigment of a flower is, pooled at rim, heart and veins; and where the flower is."""
    rim = radius * (0.34 + 0.66 * np.abs(np.cos(petals * turn / 2)) ** 0.5)
    veins = np.cos(3 * petals * turn + r / 30) ** 12
    pooled = np.exp(np.clip(r - rim, None, 0) / 3) + 0.8 * np.exp(-r / (0.2 * radius))
    return 0.42 + 0.6 * pooled + 0.2 * veins + 0.25 * (r / radius) ** 2, step(r - rim, 1.5)


def _leaf(r: np.ndarray, turn: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The same of a leaf: pooled at its rim and along its one vein."""
    rim = 1.5 * radius * np.clip(np.cos(turn), 0, 1) ** 6
    pooled = np.exp(np.clip(r - rim, None, 0) / 3)
    return 0.45 + 0.6 * pooled + 0.3 * np.exp(-((r * np.sin(turn) / 1.6) ** 2)), step(r - rim, 1.5)


def ink_bamboo(rng: Generator) -> np.ndarray:
    """Bamboo in the mist, brushed in four strengths of ink before a low red sun."""
    x, y = grid()
    paper = ramp(fractal(rng, 3), colours("efe2c6 f6eedb e6d8bc")) * (0.95 + 0.05 * noise(rng, 30, 300))[..., None]
    sun = np.hypot(x - 520, y - 235) + 8 * (fractal(rng, 14) - 0.5)
    paper = blend(paper, colour("c8402a"), 0.85 * step(sun - 105, 3) * (0.75 + 0.25 * fractal(rng, 30)))
    picture = paper
    for depth in np.linspace(0, 1, 5):
        picture = picture * (1 - _grove(rng, depth)[..., None] * (1 - colour("1c2024")))
    return picture


def _grove(rng: Generator, depth: float) -> np.ndarray:
    """How much ink (SIZE, SIZE) one distance of the grove lays: 0 far and faint, 1 near and black."""
    canvas = Canvas((0, 0, 0))
    for foot in rng.uniform(-40, SIZE + 40, 4):
        _stalk(canvas, rng, foot, 7 + 17 * depth)
    clumps = scatter(rng, 128 - 14 * depth, margin=60)
    for knot in clumps[rng.random(len(clumps)) < 0.75]:
        _leaves(canvas, rng, knot, 60 + 60 * depth)
    ink, _ = canvas.layers()
    soft = ndimage.gaussian_filter(ink[..., 0], 3.2 * (1 - depth) + 0.3)
    pooled = 0.55 + 0.3 * fractal(rng, 5) + 0.3 * fractal(rng, 60, octaves=3)
    return np.clip(soft * (0.2 + 0.75 * depth**1.6) * pooled, 0, 1)


def _stalk(canvas: Canvas, rng: Generator, foot: float, girth: float) -> None:
    """One cane from below to above the frame, a gap at each joint and a hard dark lip beside it."""
    lean, height = rng.normal(0, 0.08), SIZE + 20.0
    while height > -20:
        reach = girth * rng.uniform(6, 9)
        way = np.linspace(0.03, 0.97, 6) * reach
        path = np.stack([foot + lean * (SIZE - height + way), height - way], axis=-1)
        canvas.strokes(rng, path[None], np.full((1, 3), 0.62), width=girth, bristles=11, streak=0.18)
        lip = path[-1] + np.stack([np.linspace(-0.6, 0.6, 4) * girth, -3 - np.array([2, 0, 0, 2])], axis=-1)
        canvas.strokes(rng, lip[None], np.full((1, 3), 0.95), width=0.16 * girth, bristles=2)
        height -= reach


def _leaves(canvas: Canvas, rng: Generator, knot: np.ndarray, length: float) -> None:
    """A fan of pointed leaves that hang from one knot."""
    n = int(rng.integers(4, 8))
    turn, long = rng.normal(1.4, 0.75, n), length * rng.uniform(0.6, 1.2, n)
    s = np.linspace(0, 1, 14)
    spine = s * np.exp(1j * (turn[:, None] + 0.25 * s * rng.normal(0, 1, (n, 1)))) * long[:, None]
    half = 1j * np.exp(1j * turn)[:, None] * (np.sin(np.pi * s**0.8) ** 1.3 * 0.085) * long[:, None]
    hang = knot + rng.normal(0, 7, (n, 1, 2))
    for slim in (1, 0.75, 0.5, 0.25):  # a loaded brush: hairs of unequal ink
        edge = np.concatenate([spine + slim * half, (spine - half * slim**2)[:, ::-1]], axis=1)
        inks = np.repeat(rng.uniform(0.45, 1, (n, 1)), 4, axis=1)
        canvas.polygons(hang + np.stack([edge.real, edge.imag], axis=-1), inks)


def cubist_guitar(rng: Generator) -> np.ndarray:
    """A guitar and a bottle seen from sixty sides at once."""
    x, y = grid()
    facet, edge, middle = _facets(rng, 72)
    count = len(middle)
    z = x + 1j * y - middle[facet]
    view = rng.uniform(0.8, 1.05, count) * np.exp(1j * rng.normal(0, 0.1, count))  # each facet turns and scales,
    shift = rng.normal(0, 9, (count, 2)) @ (1, 1j)  # and shifts a little what is seen through it
    seen = (middle + shift)[facet] + view[facet] * z
    facing = rng.uniform(0, 2 * np.pi, count)
    fall = np.clip((z * np.exp(-1j * facing[facet])).real / 70, -1, 1)
    tone = colours("1f5a7a c98a3f f0cf90 6a2f2a e0662a 6fb0b0 a8322a f7ecd0")[rng.integers(0, 8, count)][facet]
    scene = blend(_still_life(seen.real, seen.imag), tone, 0.2) * (0.98 + 0.4 * fall)[..., None]
    scene = blend(scene, colour("f7eed8"), 0.55 * np.clip(fall, 0, 1) ** 2)
    canvas = Canvas(colour("4a4038"))
    hatch = (facing + np.pi / 2)[facet] + 0.8 * (noise(rng, 6) - 0.5)
    for width, length in ((14, 34), (8, 18)):
        overpaint(canvas, rng, scene, hatch, width=width, length=length, broken=0.035)
    picture = blend(scene, canvas.lit(2.5), 0.5)  # half the sharp cartoon: facets need their edges
    worn = fractal(rng, 12)
    return blend(picture, colour("1c1614"), 0.85 * step(edge - 0.4 - 2.4 * worn, 1.6) * (worn > 0.3))


def _facets(rng: Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut the frame with straight lines, the largest piece each time: its facet and way to an edge
    for each pixel, and each facet's middle as x + iy."""
    x, y = grid()
    facet, edge = np.zeros((SIZE, SIZE), int), np.full((SIZE, SIZE), np.inf)
    for new in range(1, count):
        here = facet == np.bincount(facet.ravel()).argmax()
        turn = rng.choice((0.5, 1.1, 1.9, 2.6)) + rng.normal(0, 0.18)
        off = (x - rng.normal(x[here].mean(), 14)) * np.cos(turn) + (y - rng.normal(y[here].mean(), 14)) * np.sin(turn)
        edge = np.where(here, np.minimum(edge, np.abs(off)), edge)
        facet = np.where(here & (off > 0), new, facet)
    size = np.bincount(facet.ravel(), minlength=count)
    across, down = (np.bincount(facet.ravel(), c.ravel(), count) / size for c in (x, y))
    return facet, edge, across + 1j * down


def _still_life(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The still life at any points (x, y): a guitar that leans across a table, a bottle, a sheet of music."""
    scene = ramp((x + y) / (2 * SIZE), colours("1f3f5a 4f8a94 c9b078 a8622f 4a2a2a"))
    sheet = np.maximum(np.abs(x * 0.94 + y * 0.34 - 250), np.abs(y * 0.94 - x * 0.34 - 420)) - 120
    stave = step(np.abs((y * 0.94 - x * 0.34) % 13 - 6.5) - 1.2)
    scene = blend(scene, blend(colour("efe6cf") * np.ones((*x.shape, 1)), colour("2a2420"), stave), step(sheet))
    u, v = (0.64 * (x - 400) - 0.48 * (y - 440)), (0.48 * (x - 400) + 0.64 * (y - 440))
    waist = np.interp(u, (-210, -190, -120, -40, 30, 90, 130), (0, 80, 132, 112, 84, 96, 0))
    wood = ramp(0.5 + v / 260 + 0.08 * np.sin(v / 5), colours("7a2f10 c9602a f0a040 ffd27a e08a35"))
    scene = blend(scene, wood, step(np.abs(v) - waist))
    hole = np.hypot(u + 5, v)
    scene = blend(scene, colour("1f1512"), step(np.minimum(np.abs(np.abs(v) - waist) - 3, hole - 42)))
    scene = blend(scene, colour("e8c48a"), step(np.abs(hole - 48) - 3))
    neck = np.maximum(np.abs(v) - 22, np.abs(u - 250) - 190)
    scene = blend(scene, colour("3a2218"), step(neck))
    strings = np.maximum(np.abs((v + 18) % 7.2 - 3.6) - 0.8, np.maximum(np.abs(v) - 19, np.abs(u - 150) - 290))
    frets = np.maximum(np.abs((u % 34) - 17) - 1.4, neck)
    scene = blend(scene, colour("f7ecd0"), np.maximum(step(strings), step(frets)))
    flask = np.abs(x - 160) - np.interp(y, (90, 100, 230, 300, 330, 640, 650), (0, 22, 24, 60, 66, 66, 0))
    glass = ramp(0.5 + (x - 160) / 140, colours("12302f 2f6f62 9fc9ae 2f5f5a 0f2424"))
    scene = blend(scene, glass, step(flask))
    return blend(scene, colour("e8dcb8"), 0.9 * step(np.maximum(flask, np.abs(y - 480) - 60)))
