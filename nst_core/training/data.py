"""Load the pictures of a training, crop them at random, and disturb them. No TensorFlow.

Pictures are kept as uint8 (h, w, 3), since a thousand of them as floats would fill the memory; crops are float32 in [0, 1].
Every draw takes its own generator, so that the pictures of a step depend only on its number and the seed.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadPicture
from nst_core.images import Image

Bytes = npt.NDArray[np.uint8]  # (h, w, 3)


HELD_OUT = Path(__file__).with_name("held_out.json")


@lru_cache(maxsize=1)
def held_out() -> frozenset[str]:
    """Return the pictures that no training may load, as `folder/name`: those of the blind test and similar ones.

    `held_out.json` lists photographs and paintings (the pairs of `benchmarks.taste`, in order) and further `excluded` ones.
    """
    return frozenset(chain.from_iterable(json.loads(HELD_OUT.read_text()).values()))


def is_held_out(file: Path) -> bool:
    """Return whether a file is set aside for the blind test, by its name and that of its folder."""
    return f"{file.resolve().parent.name}/{file.name}" in held_out()


def _is_offered(file: Path) -> bool:
    """Return whether a training may load a file: a picture that is neither hidden nor part of the blind test."""
    return file.suffix.lower() in images.SUFFIXES and not file.name.startswith(".") and not is_held_out(file)


def load(folders: Iterable[Path], short_side: int) -> list[Bytes]:
    """Return the pictures of these folders, their shorter sides at most `short_side`, sorted so that seeds are reproducible.

    Unreadable pictures, very narrow ones and those of the blind test (`held_out`) are skipped. Raises: BadPicture if none is
    left.
    """
    found: list[Bytes] = []
    for folder in folders:
        files = sorted(file for file in folder.glob("*") if _is_offered(file))
        pictures = [picture for file in files if (picture := _read(file, short_side)) is not None]
        if not pictures:
            raise BadPicture(f"{folder} holds no pictures; name a folder of JPEG or PNG files.")
        found += pictures
    return found


def _read(file: Path, short_side: int) -> Bytes | None:
    try:
        image = images.decode(file.read_bytes(), name=file.name)
    except BadPicture:
        return None
    h, w, _ = image.shape
    scale = min(1.0, short_side / min(h, w))
    return images.to_uint8(images.resize(image, round(h * scale), round(w * scale)))


def crop(picture: Bytes, size: int, rng: np.random.Generator, *, least: float = 0.4, squeeze: float = 1.0) -> Image:
    """Return a random part of a picture, its sides at least `least` of the shorter one, as (size, size, 3).

    squeeze: the maximum aspect ratio of the part, which is resized to a square.
    """
    h, w, _ = picture.shape
    shorter = min(h, w)
    side = rng.uniform(min(1.0, max(least, 0.7 * size / shorter)), 1.0) * shorter  # enlarged by at most 1.4 if possible
    aspect = squeeze ** rng.uniform(-1, 1)
    tall, wide = (int(min(limit, side * s)) for limit, s in ((h, aspect**0.5), (w, aspect**-0.5)))
    y, x = rng.integers(h - tall + 1), rng.integers(w - wide + 1)
    part = Pillow.fromarray(picture[y : y + tall, x : x + wide]).resize((size, size), Pillow.Resampling.BICUBIC)
    array = images.from_uint8(np.asarray(part))
    return np.ascontiguousarray(array[:, ::-1]) if rng.random() < 0.5 else array


def jitter(image: Image, rng: np.random.Generator) -> Image:
    """Change the colours: channels swapped; saturation, contrast, gamma and brightness varied; in [0, 1]."""
    x = image[..., rng.permutation(3)] if rng.random() < 0.5 else image
    grey, mean = x.mean(-1, keepdims=True), x.mean()
    x = grey + (x - grey) * np.float32(rng.uniform(0, 1.6))
    x = (x - mean) * np.float32(rng.uniform(0.5, 1.5)) + mean + np.float32(rng.uniform(-0.12, 0.12))
    return np.clip(x, 0, 1) ** np.float32(2 ** rng.uniform(-0.7, 0.7))


def mixed(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Combine two pictures of the same size into one, which multiplies the number of training pictures."""
    h, w, _ = image.shape
    match rng.integers(5):
        case 0:  # one blended with the other
            share = np.float32(rng.uniform(0.25, 0.75))
            return image * share + other * (1 - share)
        case 1:  # one printed over the other
            return image * (0.3 + 0.7 * other) if rng.random() < 0.5 else 1 - (1 - image) * (1 - 0.7 * other)
        case 2:  # one in some places, the other elsewhere
            cells = int(rng.integers(2, 9))
            field = images.resize(rng.random((cells, cells, 3), np.float32), h, w)[..., :1]
            inside = np.clip((field - np.median(field)) * 40 + 0.5, 0, 1)
            return image * inside + other * (1 - inside)
        case 3:  # one with the colours of the other
            spread = (other.std((0, 1)) + 0.02) / (image.std((0, 1)) + 0.02)
            return np.clip((image - image.mean((0, 1))) * spread + other.mean((0, 1)), 0, 1)
    half = [x[::2, ::2] for x in (image, other, other, image)]  # four small ones
    return np.concatenate([np.concatenate(half[:2], 1), np.concatenate(half[2:], 1)])


def disturb(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Disturb pictures as an optimiser does: noise of random grain on a quarter, another picture blended into a tenth."""
    u, side = rng.random(), image.shape[0]
    if u < 0.25:
        grain = 2 ** int(rng.integers(0, 4))
        noise = rng.standard_normal((side // grain, side // grain, 3), np.float32).repeat(grain, 0).repeat(grain, 1)
        return np.clip(image + noise * np.float32(rng.uniform(0.02, 0.3)), 0, 1)
    return np.asarray(image + other, np.float32) / np.float32(2) if u < 0.35 else image


def wall(picture: Image, rng: np.random.Generator) -> tuple[Image, np.ndarray]:
    """Return the middle of a photograph on a wall, often white, lit from a side; and where the wall is, (h, w, 1)."""
    h, w, _ = picture.shape
    inside = _oval(h, w, rng)
    color = rng.uniform(0.9, 1, 3) if rng.random() < 0.5 else rng.random(3)
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    light = np.stack([y, x], -1) @ rng.normal(0, 0.03, 2)
    noise = rng.standard_normal((h, w, 3)) * rng.choice([0, 0.002, 0.01])
    ground = np.clip(color + light[..., None] + noise, 0, 1).astype(np.float32)
    return picture * inside + ground * (1 - inside), (inside == 0).astype(np.float32)


def _oval(h: int, w: int, rng: np.random.Generator) -> np.ndarray:
    """Return one inside a random oval and zero outside, with a soft edge; (h, w, 1)."""
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    cy, cx = rng.uniform(-0.3, 0.3, 2)
    ry, rx = rng.uniform(0.3, 0.8, 2)
    distance = np.abs((y - cy) / ry) ** 2.5 + np.abs((x - cx) / rx) ** 2.5
    return np.clip((1 - distance) * 12, 0, 1)[..., None].astype(np.float32)


def batch(count: int, draw: Callable[[], Image]) -> Image:
    """Return a batch of pictures, (count, h, w, 3)."""
    return np.stack([draw() for _ in range(count)]).astype(np.float32)


def pick(pools: Sequence[Sequence[Bytes]], odds: Sequence[float], rng: np.random.Generator) -> Bytes:
    """Return a picture of a pool that is chosen by its odds; empty pools are skipped."""
    shares = np.array([share if pool else 0.0 for pool, share in zip(pools, odds, strict=True)])
    pool = pools[rng.choice(len(pools), p=shares / shares.sum())]
    return pool[int(rng.integers(len(pool)))]
