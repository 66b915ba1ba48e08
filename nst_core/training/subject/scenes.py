"""What the subject's training sees: photographs with their masks, cropped, mirrored, relit, or composed on other grounds.

Labelled photographs in, (side, side, 3) in [0, 1] and its mask (side, side) out. No PyTorch.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from nst_core import images
from nst_core.errors import BadNetwork
from nst_core.images import Image, Mask
from nst_core.training import data
from nst_core.training.data import Bytes

KEPT = 0.85  # of the subject that a crop must contain: of less, the teacher might have made something else
SURE = 0.75  # mean distance of a mask's values from ½, doubled, from which its subject is cut out
AREA = 0.03, 0.5  # of the picture, least and most, of a subject that is cut out
WHOLE = (0.0, 0.0, 1.0, 1.0)
UNSEEN = 16  # one photograph in so many is kept for the comparison with the teacher, besides those of the blind test
EMPTY = 0.03  # of the picture, the most that the subject of a ground may take


class Labelled(NamedTuple):
    picture: Bytes  # (h, w, 3)
    mask: Bytes  # (h', w'), of the same scene


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """What is drawn."""

    side: int
    whole: float = 0.35  # share of the scenes that are whole photographs
    composed: float = 0.25  # share of the scenes that are composed
    relit: float = 0.7  # share of the scenes in other light


def is_unseen(file: Path) -> bool:
    """Return whether a photograph takes no part in the training, by its name and that of its folder."""
    return data.is_held_out(file) or zlib.crc32(f"{file.parent.name}/{file.name}".encode()) % UNSEEN == 0


def labelled(masks: Path, pictures: Sequence[Path], shorter: int = 240) -> dict[str, Labelled]:
    """Return the photographs that the file of masks has labels for, as `folder/name`. Raises: BadNetwork."""
    try:
        with np.load(masks, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (ValueError, OSError) as error:
        raise BadNetwork(f"{masks} holds no masks: make it with `python -m nst_core.training.subject.labels`.") from error
    names = {f"{file.parent.name}/{file.name}": file for file in pictures}
    return {name: Labelled(_small(file, shorter), found[name]) for name, file in names.items() if name in found}


def _small(file: Path, shorter: int) -> Bytes:
    picture = Pillow.open(file).convert("RGB")
    scale = min(1.0, shorter / min(picture.size))
    return np.asarray(picture.resize([round(length * scale) for length in picture.size], Pillow.Resampling.LANCZOS))


class Scenes:
    """Draws scenes out of labelled photographs."""

    def __init__(self, photographs: Mapping[str, Labelled], plan: ScenePlan) -> None:
        self._all, self._plan = list(photographs.values()), plan
        self._subjects = [one for one in self._all if _is_subject(one.mask)]
        self._grounds = [one for one in self._all if one.mask.mean() < EMPTY * 255]

    def draw(self, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Return a picture and its mask."""
        plan = self._plan
        if self._subjects and rng.random() < plan.composed:
            picture, mask = self._composed(rng)
        else:
            picture, mask = self._part(self._all[int(rng.integers(len(self._all)))], rng)
        if rng.random() < 0.5:
            picture, mask = picture[:, ::-1], mask[:, ::-1]
        return (relit(picture, rng) if rng.random() < plan.relit else picture), np.ascontiguousarray(mask)

    def _part(self, one: Labelled, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Return the whole photograph, or a crop that contains its subject."""
        box = WHOLE if rng.random() < self._plan.whole else _box(one.mask, rng)
        return cut(one.picture, box, self._plan.side), cut(one.mask, box, self._plan.side)

    def _composed(self, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Return a subject of one photograph before the ground of another."""
        one, side = self._subjects[int(rng.integers(len(self._subjects)))], self._plan.side
        mask = one.mask.astype(np.float32) / 255
        rows, columns = (np.flatnonzero(mask.max(axis) > 0.1) / mask.shape[1 - axis] for axis in (1, 0))
        box = (rows[0], columns[0], rows[-1] + 1 / mask.shape[0], columns[-1] + 1 / mask.shape[1])
        tall, wide = box[2] - box[0], box[3] - box[1]
        scale = rng.uniform(0.3, 0.95) / max(tall, wide)
        height, width = (max(8, min(side, int(length * scale * side))) for length in (tall, wide))
        thing, shape = (cut(x, box, (height, width)) for x in (one.picture, one.mask))
        picture = self._ground(rng)
        if rng.random() < 0.6:  # in the ground's light, in part
            light = picture.mean((0, 1)) - thing.mean((0, 1))
            thing = np.clip(thing + light * np.float32(rng.uniform(0, 0.6)), 0, 1)
        label = np.zeros((side, side), np.float32)
        top = side - height if box[2] > 0.97 else int(rng.integers(side - height + 1))  # what was cut off below stays so
        left = int(rng.integers(side - width + 1))
        place = slice(top, top + height), slice(left, left + width)
        label[place] = shape
        picture[place] = picture[place] * (1 - shape[..., None]) + thing * shape[..., None]
        return picture, label

    def _ground(self, rng: np.random.Generator) -> Image:
        """Return a photograph without a subject, a blurred photograph, or a plain colour with light from a side."""
        side, kind = self._plan.side, rng.random()
        if kind < 0.15:
            y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
            light = np.stack([y, x], -1) @ rng.normal(0, 0.1, 2).astype(np.float32)
            noise = rng.standard_normal((side, side, 3), np.float32) * np.float32(rng.choice([0, 0.01, 0.03]))
            return np.clip(rng.random(3, np.float32) + light[..., None] + noise, 0, 1)
        if kind < 0.65 and self._grounds:
            return cut(self._grounds[int(rng.integers(len(self._grounds)))].picture, anywhere(0.5, rng), side)
        picture = cut(self._all[int(rng.integers(len(self._all)))].picture, anywhere(0.4, rng), side)
        blurred = Pillow.fromarray(images.to_uint8(picture)).filter(ImageFilter.GaussianBlur(rng.uniform(4, 12)))
        return images.from_uint8(np.asarray(blurred))


def _is_subject(mask: Bytes) -> bool:
    share = mask.astype(np.float32) / 255
    return AREA[0] <= share.mean() <= AREA[1] and float(np.abs(2 * share - 1).mean()) > SURE


def anywhere(least: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a box anywhere, as shares of the picture: top, left, bottom, right."""
    tall, wide = rng.uniform(least, 1, 2)
    top, left = rng.uniform(0, 1 - tall), rng.uniform(0, 1 - wide)
    return top, left, top + tall, left + wide


def _box(mask: Bytes, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a box that contains most of the subject; the whole picture if none was found."""
    h, w = mask.shape
    total = max(1.0, float(mask.sum(dtype=np.float64)))
    for _ in range(8):
        box = anywhere(0.55, rng)
        top, left, bottom, right = (round(place * length) for place, length in zip(box, (h, w, h, w), strict=True))
        if mask[top:bottom, left:right].sum(dtype=np.float64) >= KEPT * total:
            return box
    return WHOLE


def cut(picture: Bytes, box: tuple[float, float, float, float], side: int | tuple[int, int]) -> Image:
    """Return the part of a picture or mask inside the box at a size, in [0, 1]."""
    h, w = picture.shape[:2]
    height, width = (side, side) if isinstance(side, int) else side
    top, left, bottom, right = (place * length for place, length in zip(box, (h, w, h, w), strict=True))
    resized = Pillow.fromarray(picture).resize(
        (width, height), Pillow.Resampling.BILINEAR, box=(left, top, min(w, right), min(h, bottom))
    )
    return images.from_uint8(np.asarray(resized))


def relit(picture: Image, rng: np.random.Generator) -> Image:
    """Return a picture under another light: colour, contrast, saturation, brightness, a gradient, grain."""
    h, w, _ = picture.shape
    grey = picture.mean(-1, keepdims=True)
    x = grey + (picture - grey) * np.float32(rng.uniform(0.2, 1.4))
    x = np.clip(x * rng.uniform(0.85, 1.18, 3).astype(np.float32), 0, 1) ** np.float32(2 ** rng.uniform(-0.6, 0.6))
    x = (x - x.mean()) * np.float32(rng.uniform(0.6, 1.3)) + x.mean() + np.float32(rng.uniform(-0.1, 0.1))
    if rng.random() < 0.3:
        slope = np.linspace(-1, 1, w, dtype=np.float32)[None, :, None] * np.float32(rng.normal(0, 0.12))
        x = x + slope
    if rng.random() < 0.3:
        x = x + rng.standard_normal((h, w, 3), np.float32) * np.float32(rng.uniform(0, 0.04))
    return np.clip(x, 0, 1).astype(np.float32)
