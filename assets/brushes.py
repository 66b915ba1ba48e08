"""What every style shares: colour ramps, noise, flow fields, cells, bristled strokes and the light across them.

Pictures are float arrays (SIZE, SIZE, 3) in [0, 1]; fields are (SIZE, SIZE). Points are (n, 2) in pixels, x before y.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

SIZE = 768
OVERSAMPLE = 2  # drawn twice too large, then averaged: PIL's own lines are jagged


# --- colour ---------------------------------------------------------------------------------------------------------


def colours(text: str) -> np.ndarray:
    """Read "1b2a49 f4d35e" as an (n, 3) palette in [0, 1]."""
    return np.array([list(bytes.fromhex(word)) for word in text.split()]) / 255


def colour(text: str) -> np.ndarray:
    """Read one colour, "1b2a49", as (3,) in [0, 1]."""
    return colours(text)[0]


def ramp(t: ArrayLike, palette: np.ndarray) -> np.ndarray:
    """Colour t in [0, 1], of any shape, by walking through the palette (n, 3); returns t.shape + (3,)."""
    knots = np.linspace(0, 1, len(palette))
    return np.stack([np.interp(np.asarray(t, float), knots, channel) for channel in palette.T], axis=-1)


def blend(under: np.ndarray, over: ArrayLike, cover: ArrayLike) -> np.ndarray:
    """Lay one picture or colour over another; cover is a field in [0, 1]."""
    return under + (np.asarray(over) - under) * np.asarray(cover)[..., None]


def step(field: np.ndarray, soft: float = 1.0) -> np.ndarray:
    """A signed distance in pixels as a cover: 1 where negative, 0 where positive, anti-aliased over `soft` pixels."""
    return np.clip(0.5 - field / soft, 0, 1)


# --- fields ---------------------------------------------------------------------------------------------------------


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates x and y."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    return x, y


def _spline_basis(knots: int) -> np.ndarray:
    """Cubic B-spline weights (SIZE, knots + 3), so that smooth noise is two matrix products."""
    d = np.abs(np.linspace(0, knots, SIZE)[:, None] - np.arange(-1, knots + 2))
    return np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.clip(2 - d, 0, None) ** 3 / 6)


def noise(rng: Generator, across: int, down: int | None = None) -> np.ndarray:
    """Smooth noise in about [0, 1], with so many bumps across and down; unequal counts make fibres."""
    down = across if down is None else down
    return _spline_basis(down) @ rng.random((down + 3, across + 3)) @ _spline_basis(across).T


def fractal(rng: Generator, across: int, down: int | None = None, *, octaves: int = 5) -> np.ndarray:
    """Noise over several octaves, each half as strong as the last, stretched to exactly [0, 1]."""
    down = across if down is None else down
    total = sum(noise(rng, across << k, down << k) / 2**k for k in range(octaves))
    return unit(np.asarray(total))


def unit(field: np.ndarray) -> np.ndarray:
    """Stretch a field to exactly [0, 1]."""
    return (field - field.min()) / np.ptp(field)


def sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Read a field or picture at points (..., 2), the nearest pixel; outside, the border's."""
    x, y = np.clip(np.moveaxis(points, -1, 0).astype(int), 0, SIZE - 1)
    return field[y, x]


def displace(field: np.ndarray, dx: ArrayLike, dy: ArrayLike) -> np.ndarray:
    """Pull a field's values from (dx, dy) pixels away, mirrored at the border."""
    x, y = grid()
    return ndimage.map_coordinates(field, [y + dy, x + dx], order=1, mode="mirror")


def vortices(centres: ArrayLike, radii: ArrayLike, drift: np.ndarray) -> np.ndarray:
    """Angle field (SIZE, SIZE): whirls of given centres and signed radii in pixels, over a drift of given angle."""
    x, y = grid()
    u, v = np.cos(drift), np.sin(drift)
    for (cx, cy), radius in zip(np.asarray(centres), np.asarray(radii), strict=True):
        dx, dy = (x - cx) / radius, (y - cy) / radius
        pull = 3 * np.exp(-(dx**2 + dy**2) / 2)
        u, v = u - dy * pull, v + dx * pull
    return np.arctan2(v, u)


def whirl(z: np.ndarray, centre: complex, radius: float, turns: float) -> np.ndarray:
    """Stir points z = x + iy about a centre, by `turns` radians in the middle and nothing far beyond the radius."""
    return centre + (z - centre) * np.exp(-1j * turns * np.exp(-((np.abs(z - centre) / radius) ** 2)))


def light(height: np.ndarray, depth: float) -> np.ndarray:
    """Light from the upper left on a height field in [0, 1]: about 1 on the level, more on slopes that face it."""
    slope_y, slope_x = np.gradient(height * depth)
    return 1 + (slope_x + slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)


# --- places ---------------------------------------------------------------------------------------------------------


def scatter(rng: Generator, spacing: float, *, margin: float = 0) -> np.ndarray:
    """Shuffled points (n, 2), one in each square of the given spacing: random, yet without holes."""
    ticks = np.arange(-margin, SIZE + margin, spacing)
    corners = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return rng.permutation(corners + rng.random(corners.shape) * spacing)


def cells(sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi cells of sites (n, 2): which site owns each pixel, and how many pixels away its border is."""
    pixels = np.stack(grid(), axis=-1)
    (near, far), (own, other) = (np.moveaxis(a, -1, 0) for a in cKDTree(sites).query(pixels, k=2))
    return own, (far**2 - near**2) / (2 * np.linalg.norm(sites[own] - sites[other], axis=-1))


# --- strokes --------------------------------------------------------------------------------------------------------


def streamlines(starts: np.ndarray, angle: np.ndarray, length: float, *, points: int = 8) -> np.ndarray:
    """Paths (n, points + 1, 2) that follow an angle field from starts (n, 2) for a length in pixels."""
    stride, behind, ahead = length / points, [starts], [starts]  # the start is the stroke's middle
    for _ in range(points // 2):
        behind.append(behind[-1] - stride * _heading(sample(angle, behind[-1])))
        ahead.append(ahead[-1] + stride * _heading(sample(angle, ahead[-1])))
    return np.stack(behind[:0:-1] + ahead, axis=1)


def _heading(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


class Canvas:
    """Paint in layers: red, green, blue, and in the alpha channel how thick the paint lies."""

    def __init__(self, ground: ArrayLike) -> None:
        """Prime the canvas with one colour, three numbers in [0, 1]."""
        side = SIZE * OVERSAMPLE
        self._image = Image.new("RGBA", (side, side), _ink(np.append(ground, 0.3)))
        self._draw = ImageDraw.Draw(self._image)

    def strokes(
        self,
        rng: Generator,
        paths: np.ndarray,
        tints: np.ndarray,
        *,
        width: float,
        bristles: int = 7,
        streak: float = 0.05,
    ) -> None:
        """Draw strokes along paths (n, k, 2) in tints (n, 3); each bristle strays in place, shade and thickness."""
        n = len(paths)
        along = np.gradient(paths, axis=1)
        along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
        across = along[..., ::-1] * (-1, 1)  # (n, k, 2)
        offset = np.linspace(-0.5, 0.5, bristles) * width if bristles > 1 else np.zeros(1)
        slip = rng.normal(0, 0.3 * width, (n, bristles, 1, 1))  # ragged ends
        lines = paths[:, None] + across[:, None] * offset[:, None, None] + along[:, None] * slip  # (n, b, k, 2)
        shade = tints[:, None] + rng.normal(0, streak, (n, bristles, 1))
        thick = rng.uniform(0.3, 0.8, (n, bristles, 1)) + 0.2 * np.abs(np.linspace(-1, 1, bristles))[:, None]
        self.lines(
            lines.reshape(n * bristles, -1, 2),
            np.concatenate([shade, thick], -1).reshape(-1, 4),
            width=1.7 * width / bristles,
        )

    def lines(self, paths: np.ndarray, inks: np.ndarray, *, width: float) -> None:
        """Draw plain lines along paths (n, k, 2) in inks (n, 4): colour, then thickness."""
        pen = max(1, round(width * OVERSAMPLE))
        for path, ink in zip((paths * OVERSAMPLE).reshape(len(paths), -1).tolist(), inks, strict=True):
            self._draw.line(path, fill=_ink(ink), width=pen)

    def polygons(self, corners: np.ndarray, inks: np.ndarray) -> None:
        """Fill polygons (n, k, 2) with inks (n, 4): colour, then thickness."""
        for polygon, ink in zip((corners * OVERSAMPLE).reshape(len(corners), -1).tolist(), inks, strict=True):
            self._draw.polygon(polygon, fill=_ink(ink))

    def layers(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture (SIZE, SIZE, 3) and the paint's thickness (SIZE, SIZE), both in [0, 1]."""
        pixels = np.asarray(self._image).reshape(SIZE, OVERSAMPLE, SIZE, OVERSAMPLE, 4).mean((1, 3)) / 255
        return pixels[..., :3], pixels[..., 3]

    def lit(self, depth: float) -> np.ndarray:
        """The picture under a raking light that shows the paint's thickness, `depth` pixels at most."""
        picture, thickness = self.layers()
        return picture * light(ndimage.gaussian_filter(thickness, 0.9), depth)[..., None]


def _ink(rgba: np.ndarray) -> tuple[int, ...]:
    return tuple(np.clip(np.asarray(rgba) * 255, 0, 255).astype(int).tolist())


def overpaint(
    canvas: Canvas,
    rng: Generator,
    picture: np.ndarray,
    angle: np.ndarray,
    *,
    width: float,
    length: float,
    density: float = 1.0,
    broken: float = 0.05,
    where: np.ndarray | None = None,
) -> None:
    """Paint a picture with strokes along an angle field; `broken` strays a stroke's colour, `where` masks its start."""
    starts = scatter(rng, np.sqrt(width * length / (2 * density)), margin=length / 2)
    if where is not None:
        starts = starts[sample(where, starts) > rng.random(len(starts))]
    value, hue = rng.normal(0, broken, (len(starts), 1)), rng.normal(0, 0.6 * broken, (len(starts), 3))
    canvas.strokes(
        rng,
        streamlines(starts, angle, length),
        sample(picture, starts) + value + hue,
        width=width,
        bristles=max(2, round(width / 2.5)),
    )
