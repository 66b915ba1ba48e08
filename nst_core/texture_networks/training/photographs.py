"""Load the photographs of a training, 8 bits, and crop them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadPicture
from nst_core.images import Image
from nst_core.sample_files import PHOTOGRAPHS

MAX_PHOTOGRAPHS, PHOTOGRAPH_SIDE = 1000, 640  # read from a folder, and their longer side: 0.8 GB at most


def default_photographs() -> list[np.ndarray]:
    """Return scikit-image's photographs and our rendered ones, 8 bits."""
    from skimage import data

    files = [images.decode(path.read_bytes(), max_side=PHOTOGRAPH_SIDE) for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
    theirs = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.stereo_motorcycle()[0])
    return [*theirs, *map(images.to_uint8, files)]


def first_photograph() -> Image:
    """Return the photograph for previews, if none was chosen."""
    return images.decode((PHOTOGRAPHS / "mountain-lake.jpg").read_bytes())


def photographs_in(folder: Path) -> list[np.ndarray]:
    """Return all readable photographs of a folder, 8 bits, without hidden files: macOS adds ._a.jpg, not a picture, to a.jpg.

    Raises: BadPicture if there is none.
    """
    found: list[np.ndarray] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in images.SUFFIXES and not path.name.startswith(".") and len(found) < MAX_PHOTOGRAPHS:
            found.append(images.to_uint8(images.decode(path.read_bytes(), name=path.name, max_side=PHOTOGRAPH_SIDE)))
    if not found:
        raise BadPicture(f"There is no photograph in {folder}.")
    return found


def crops(photographs: Sequence[np.ndarray], n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return random squares of any size, (n, side, side, 3) in [0, 1], some mirrored, with slightly changed colours."""
    batch = np.empty((n, side, side, 3), np.float32)
    for i in range(n):
        photograph = photographs[int(rng.integers(len(photographs)))]
        shorter = min(photograph.shape[:2])
        size = int(shorter * rng.uniform(0.4, 1))
        y, x = (int(rng.integers(length - size + 1)) for length in photograph.shape[:2])
        square = Pillow.fromarray(photograph[y : y + size, x : x + size])
        batch[i] = np.asarray(square.resize((side, side), Pillow.Resampling.BICUBIC), np.float32) / 255
        if rng.random() < 0.5:
            batch[i] = batch[i, :, ::-1]
        if rng.random() < 0.3:
            batch[i] = batch[i][..., rng.permutation(3)]
        contrast, brightness = rng.uniform(0.7, 1.2), rng.uniform(-0.15, 0.15)
        batch[i] = (batch[i] - 0.5) * contrast + 0.5 + brightness
    return np.clip(batch, 0, 1, out=batch)
