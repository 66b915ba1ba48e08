"""Generate style pictures from random numbers, so that a training never runs out of styles. No TensorFlow.

`texture` returns uint8 (side, side, 3): a motif of `MOTIFS` in random colours, then a finish (canvas, grain, relief or none). A
motif takes the generator, the side and a photograph that provides colours or shapes, and returns float32 in [0, 1].
"""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from nst_core import images
from nst_core.images import Image
from nst_core.training.data import Bytes, crop

Texture = np.ndarray  # (side, side) float32
Motif = Callable[[np.random.Generator, int, Bytes], Image]


def texture(rng: np.random.Generator, side: int, photograph: Bytes) -> Bytes:
    """Return a style picture (side, side, 3), uint8; some motifs take colours and shapes from the photograph."""
    motif = MOTIFS[list(MOTIFS)[rng.integers(len(MOTIFS))]]
    return images.to_uint8(_finish(motif(rng, side, photograph), rng))


# --- what motifs are made of ------------------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, side: int, coarsest: float, octaves: int = 4, roughness: float = 0.5) -> Texture:
    """Return fractal noise in [0, 1]; `coarsest` cells span the picture."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        cells = int(min(side, max(2, coarsest * 2**octave)))
        small = Pillow.fromarray(rng.random((cells, cells), np.float32))
        total += roughness**octave * np.asarray(small.resize((side, side), Pillow.Resampling.BICUBIC))
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def _palette(rng: np.random.Generator, photograph: Bytes, count: int) -> np.ndarray:
    """Return colours of the photograph, saturated, or invented ones around two hues, (count, 3)."""
    if rng.random() < 0.5:
        pixels = photograph.reshape(-1, 3)[rng.integers(photograph.shape[0] * photograph.shape[1], size=count)] / 255.0
        pixels = pixels.mean(-1, keepdims=True) + (pixels - pixels.mean(-1, keepdims=True)) * rng.uniform(1, 2.5)
    else:
        ends = rng.random((2, 3))
        pixels = ends[rng.integers(2, size=count)] + rng.normal(0, rng.uniform(0.05, 0.35), (count, 3))
    if rng.random() < 0.3:
        pixels[: max(1, count // 4)] = rng.choice([0.03, 0.97])  # black or white beside the colours
    return np.clip(pixels, 0, 1).astype(np.float32)


def _colored(field: Texture, palette: np.ndarray, *, hard: bool) -> Image:
    """Map a field in [0, 1] through a palette, in steps or smoothly."""
    place = np.clip(field, 0, 1) * (len(palette) - 1)
    low = np.floor(place).astype(int)
    if hard:
        return palette[np.rint(place).astype(int)]
    share = (place - low)[..., None].astype(np.float32)
    return palette[low] * (1 - share) + palette[np.minimum(low + 1, len(palette) - 1)] * share


def _warped(field: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Distort a picture or field by noise of `strength` times the side."""
    side = field.shape[0]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    cells = rng.uniform(2, 7)
    places = [
        y + (_noise(rng, side, cells, 2) - 0.5) * side * strength,
        x + (_noise(rng, side, cells, 2) - 0.5) * side * strength,
    ]
    move = lambda plane: map_coordinates(plane, places, order=1, mode="reflect")  # noqa: E731
    return move(field) if field.ndim == 2 else np.stack([move(field[..., c]) for c in range(3)], -1)


def _canvas(ground: np.ndarray, side: int) -> tuple[Pillow.Image, ImageDraw.ImageDraw]:
    picture = Pillow.new("RGB", (side, side), _ink(ground))
    return picture, ImageDraw.Draw(picture, "RGBA")


def _ink(color: np.ndarray, alpha: float = 1.0) -> tuple[int, int, int, int]:
    red, green, blue = (int(255 * c) for c in color)
    return red, green, blue, int(255 * alpha)


def _array(picture: Pillow.Image) -> Image:
    return images.from_uint8(np.asarray(picture))


def _angles(rng: np.random.Generator, side: int) -> Texture:
    """Return a field of directions, in radians: constant, turning slowly, or irregular."""
    return (_noise(rng, side, rng.uniform(1, 5), 2) * rng.choice([0.3, 2, 8]) + rng.uniform(0, np.pi)).astype(np.float32)


# --- motifs -----------------------------------------------------------------------------------------------------------


def cells(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw Voronoi cells: flat, shaded towards their middle, or with seams."""
    count = int(2 ** rng.uniform(4, 10))
    points = rng.random((count, 2)) * side
    y, x = np.mgrid[:side, :side]
    metric = rng.choice([1, 2, np.inf])
    distance, index = cKDTree(points).query(np.stack([y.ravel(), x.ravel()], -1), k=2, p=metric)
    color = _palette(rng, photograph, 12)[rng.integers(12, size=count)][index[:, 0]].reshape(side, side, 3)
    unit = side / count**0.5
    match rng.integers(3):
        case 0:
            return color
        case 1:
            shade = 1 - 0.7 * (distance[:, 0] / distance[:, 0].max()).reshape(side, side, 1)
            return (color * shade).astype(np.float32)
    seam = ((distance[:, 1] - distance[:, 0]) < unit * rng.uniform(0.05, 0.25)).reshape(side, side, 1)
    return np.where(seam, rng.choice([0.0, 0.1, 0.9]), color).astype(np.float32)


def bands(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw stripes or rings, bent by noise, in hard or soft steps."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    angle, frequency = rng.uniform(0, np.pi), 2 ** rng.uniform(1, 5)
    place = np.hypot(x, y) if rng.random() < 0.3 else x * np.cos(angle) + y * np.sin(angle)
    bent = place + (_noise(rng, side, rng.uniform(1, 6), 3) - 0.5) * rng.choice([0, 0.3, 1.5])
    wave = (np.sin(bent * frequency * np.pi) + 1) / 2
    return _colored(wave, _palette(rng, photograph, int(rng.integers(2, 7))), hard=bool(rng.random() < 0.5))


def plaid(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw two crossing sets of coloured threads."""
    palette = _palette(rng, photograph, 8)
    runs = [palette[np.repeat(rng.integers(8, size=side), rng.integers(2, 24, side))[:side]] for _ in range(2)]
    over = np.indices((side, side)).sum(0) // int(rng.integers(1, 6)) % 2 if rng.random() < 0.6 else np.full((side, side), 0.5)
    share = over[..., None].astype(np.float32)
    return _warped(runs[0][None] * share + runs[1][:, None] * (1 - share), rng, rng.choice([0.0, 0.05]))


def clouds(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw fractal noise through a palette, distorted by more noise."""
    field = _noise(rng, side, 2 ** rng.uniform(1, 6), 5, rng.uniform(0.4, 0.8))
    return _colored(_warped(field, rng, rng.uniform(0, 0.6)), _palette(rng, photograph, 6), hard=bool(rng.random() < 0.3))


def spots(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw band-passed noise with hard edges: spots and labyrinths, stretched or not."""
    width = 2 ** rng.uniform(0.5, 3.5)
    stretch = (width * rng.choice([1, 1, 3]), width)
    white = rng.standard_normal((side, side)).astype(np.float32)
    field = gaussian_filter(white, stretch) - gaussian_filter(white, (stretch[0] * 1.6, stretch[1] * 1.6))
    soft = 1 / (1 + np.exp(-field / field.std() * rng.choice([2, 20]) + rng.uniform(-1, 1)))
    return _colored(soft, _palette(rng, photograph, int(rng.integers(2, 5))), hard=False)


def scribble(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw wandering lines of a pen on a background."""
    palette = _palette(rng, photograph, 6)
    picture, draw = _canvas(palette[0], side)
    angles, width = _angles(rng, side), int(rng.integers(1, 6))
    for _ in range(int(rng.integers(60, 500))):
        point, path = rng.random(2) * side, []
        for _ in range(int(rng.integers(3, 25))):
            path.append((point[1], point[0]))
            angle = angles[int(point[0]) % side, int(point[1]) % side] + rng.normal(0, 0.3)
            point = point + 7 * np.array([np.sin(angle), np.cos(angle)])
        draw.line(path, _ink(palette[rng.integers(1, 6)], rng.uniform(0.5, 1)), width, joint="curve")
    return _array(picture)


def strokes(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw the photograph in short brush strokes, coarse ones first."""
    source = crop(photograph, side, rng)
    boost = rng.uniform(1, 2)
    source = np.clip(source.mean(-1, keepdims=True) * (1 - boost) + source * boost, 0, 1)
    picture, draw = _canvas(source.mean((0, 1)), side)
    angles, width = _angles(rng, side), 2 ** rng.uniform(1.3, 3.8)
    for coarse in (2.0, 1.0):
        for _ in range(min(3000, int(4 * (side / (width * coarse)) ** 2))):
            y, x = rng.integers(side, size=2)
            reach = width * coarse * rng.uniform(0.8, 2.5)
            dy, dx = reach * np.sin(angles[y, x]), reach * np.cos(angles[y, x])
            color = np.clip(source[y, x] + rng.normal(0, 0.05, 3), 0, 1)
            draw.line((x - dx, y - dy, x + dx, y + dy), _ink(color), max(1, round(width * coarse)))
    return _array(picture)


def shards(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw translucent overlapping polygons."""
    palette = _palette(rng, photograph, 8)
    picture, draw = _canvas(palette[0], side)
    reach, corners = side * 2 ** rng.uniform(-4.5, -1.5), int(rng.integers(3, 7))
    for _ in range(int(min(2500, 5 * (side / reach) ** 2))):
        turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
        middle = rng.random(2) * side
        points = [(middle[0] + reach * np.cos(t), middle[1] + reach * np.sin(t)) for t in turns]
        draw.polygon(points, _ink(palette[rng.integers(8)], rng.uniform(0.4, 1)))
    return _array(picture)


def discs(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw rings and discs of many sizes on a background."""
    palette = _palette(rng, photograph, 6)
    picture, draw = _canvas(palette[0], side)
    largest, outline = side * 2 ** rng.uniform(-5, -2), int(rng.integers(0, 4))
    for _ in range(int(min(2500, 3 * (side / largest) ** 2))):
        (x, y), r = rng.random(2) * side, largest * rng.uniform(0.2, 1)
        edge = _ink(palette[rng.integers(6)]) if outline else None
        draw.ellipse((x - r, y - r, x + r, y + r), _ink(palette[rng.integers(6)]), edge, outline or 1)
    return _array(picture)


def letters(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw printed lines of random letters."""
    palette = _palette(rng, photograph, 2)
    picture, draw = _canvas(palette[0] * 0.3 + 0.7, side)
    height = int(rng.integers(8, 48))
    font = ImageFont.load_default(height)
    for y in range(0, side, height + 2):
        draw.text((-4, y), "".join(chr(c) for c in rng.integers(33, 127, 80)), _ink(palette[1] * 0.5), font)
    return _warped(_array(picture), rng, rng.choice([0.0, 0.08]))


def poster(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw the photograph in a few flat inks, with or without drawn edges."""
    source = gaussian_filter(crop(photograph, side, rng).mean(-1), rng.uniform(0.5, 3))
    ranks = np.argsort(np.argsort(source.ravel())).reshape(side, side) / side**2
    palette = _palette(rng, photograph, int(rng.integers(3, 7)))
    flat = _colored(ranks.astype(np.float32), palette[np.argsort(palette.sum(-1))], hard=True)
    if rng.random() < 0.5:
        return flat
    slope = np.hypot(*np.gradient(gaussian_filter(source, 1)))
    return np.where((slope > np.quantile(slope, 0.88))[..., None], np.float32(0.05), flat)


def dots(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw the photograph in round dots of pure colour on a background, scattered or in rows."""
    source = crop(photograph, side, rng)
    palette = _palette(rng, photograph, int(rng.integers(5, 16)))
    picture, draw = _canvas(rng.choice([palette.mean(0), np.full(3, 0.95), np.full(3, 0.08)]), side)
    radius, rows = 2 ** rng.uniform(0.6, 3.2), bool(rng.random() < 0.4)
    grid = np.moveaxis(np.mgrid[0 : side : 2.2 * radius, 0 : side : 2.2 * radius], 0, -1).reshape(-1, 2)
    count = int(min(12_000, 1.2 * (side / radius) ** 2))
    places = grid if rows else rng.random((count, 2)) * side
    turned = (places - side / 2) @ _turn(rng.uniform(0, np.pi)) * 2**0.5 + side / 2 if rows else places
    for y, x in turned[((turned >= 0) & (turned < side)).all(-1)]:
        wanted = source[int(y), int(x)] + rng.normal(0, 0.12, 3)
        color = palette[np.argmin(((palette - wanted) ** 2).sum(-1))]
        r = radius * (max(0.1, 1.5 * (1 - wanted.mean())) if rows else rng.uniform(0.6, 1.3))
        draw.ellipse((x - r, y - r, x + r, y + r), _ink(color))
    return _array(picture)


def tesserae(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw the photograph in small square stones that follow its shapes, with grout between them."""
    source = crop(photograph, side, rng)
    height = gaussian_filter(source.mean(-1), side / rng.uniform(15, 40))
    angles = np.arctan2(*np.gradient(height)) if rng.random() < 0.6 else _angles(rng, side)
    pitch = 2 ** rng.uniform(2.3, 4.5)
    picture, draw = _canvas(np.full(3, rng.choice([0.08, 0.3, 0.85])), side)
    grid = np.moveaxis(np.mgrid[0 : side + pitch : pitch, 0 : side + pitch : pitch], 0, -1).reshape(-1, 2)
    boost, spread = rng.uniform(1, 2), rng.uniform(0.02, 0.12)
    for y, x in grid + rng.normal(0, 0.1 * pitch, grid.shape):
        row, column = (int(np.clip(v, 0, side - 1)) for v in (y, x))
        tone = source[row, column]
        color = np.clip(tone.mean() * (1 - boost) + tone * boost + rng.normal(0, spread, 3), 0, 1)
        corners = pitch * rng.uniform(0.36, 0.5) * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) @ _turn(angles[row, column])
        draw.polygon([(x + dx, y + dy) for dy, dx in corners], _ink(color))
    return _array(picture)


def hatching(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw the photograph in parallel lines, thicker where it is darker, in one direction or crossing."""
    tone = gaussian_filter(crop(photograph, side, rng).mean(-1), 1)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    bend = (gaussian_filter(tone, side / 30) - 0.5) * side * rng.choice([0.0, 0.2, 0.6])
    period, angle, paper = 2 ** rng.uniform(1.6, 3.6), rng.uniform(0, np.pi), np.ones_like(tone)
    for turn, floor in ((0.0, 0.0), (rng.uniform(0.7, 1.6), 0.35))[: int(rng.integers(1, 3))]:
        wave = np.cos((x * np.cos(angle + turn) + y * np.sin(angle + turn) + bend) * 2 * np.pi / period) * 0.5 + 0.5
        dark = np.clip(1 - tone - floor, 0, 1) * rng.uniform(0.8, 1.3)
        paper = paper * (1 - np.clip((dark - wave) * period, 0, 1))
    inks = _palette(rng, photograph, 2)
    return _colored(paper, np.stack([inks[0] * 0.4, inks[1] * 0.3 + 0.7]), hard=False)


def repeats(rng: np.random.Generator, side: int, photograph: Bytes) -> Image:
    """Draw a small motif, mirrored and tiled: stepped like a weave, or drawn."""
    palette, tile = _palette(rng, photograph, int(rng.integers(2, 7))), int(2 ** rng.uniform(4.5, 7.3))
    if rng.random() < 0.5:
        across = int(rng.integers(4, 14))
        y, x = np.mgrid[:across, :across]
        steps = (x * rng.integers(1, 3) + y * rng.integers(1, 3)) // int(rng.integers(1, 4))
        steps += rng.integers(2, size=steps.shape)
        motif = Pillow.fromarray(images.to_uint8(palette[steps % len(palette)])).resize((tile, tile), Pillow.Resampling.NEAREST)
    else:
        motif, draw = _canvas(palette[0], tile)
        for _ in range(int(rng.integers(3, 9))):
            (x, y), r = rng.random(2) * tile, tile * rng.uniform(0.1, 0.5)
            box, width = (x - r, y - r, x + r, y + r), int(rng.integers(1, 5))
            draw.ellipse(box, _ink(palette[rng.integers(len(palette))]), _ink(palette[rng.integers(len(palette))]), width)
    one = _array(motif)
    both = np.concatenate([one, one[:, ::-1]], 1)
    block = np.concatenate([both, both[::-1]], 0)
    times = -(-side // block.shape[0])
    return _warped(np.tile(block, (times, times, 1))[:side, :side], rng, rng.choice([0.0, 0.0, 0.04]))


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


MOTIFS: Mapping[str, Motif] = {
    motif.__name__: motif
    for motif in (
        *(cells, bands, plaid, clouds, spots, scribble, strokes, shards),
        *(discs, letters, poster, dots, tesserae, hatching, repeats),
    )
}


def _finish(image: np.ndarray, rng: np.random.Generator) -> Image:
    """Add grain, the weave of a canvas, relief, or nothing."""
    side = image.shape[0]
    match rng.integers(4):
        case 1:
            image = image + rng.normal(0, rng.uniform(0.02, 0.12), (side, side, 1))
        case 2:
            y, x = np.mgrid[:side, :side] * rng.uniform(0.8, 2.2)
            image = image * (1 + rng.uniform(0.03, 0.15) * (np.sin(x) * np.sin(y)))[..., None]
        case 3:
            height = image.mean(-1) + _noise(rng, side, side / rng.uniform(2, 12), 2) * 0.5
            image = image + (np.diff(height, axis=0, prepend=height[:1]) * rng.uniform(0.3, 1.2))[..., None]
    return np.clip(image, 0, 1).astype(np.float32)
