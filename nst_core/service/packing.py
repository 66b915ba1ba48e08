"""Packing of pictures for transport between processes: 8 bits a channel, and 16 for what an optimisation made."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nst_core import images
from nst_core.stylizer import Step, Style


def pack(carrier: Any) -> Any:
    """Return a Style or Step with its picture, mask and guide as 8 bits for transport; a Step of an optimisation as 16 bits."""
    fine = isinstance(carrier, Step) and carrier.total > 1
    return _recast(carrier, images.to_uint16 if fine else images.to_uint8)


def pack_all(styles: Sequence[Style]) -> list[Style]:
    """Return the packed styles; a picture that several share, each with its own guide, is sent once."""
    once = {id(style.image): images.to_uint8(style.image) for style in styles}
    return [replace(pack(style), image=once[id(style.image)]) for style in styles]


def unpack(value: Any) -> Any:
    """Return the Style or Step that `pack` was given; anything else as it is."""
    return _recast(value, _from_whole) if isinstance(value, Style | Step) else value


def _from_whole(array: np.ndarray) -> np.ndarray:
    return images.from_uint16(array) if array.dtype == np.uint16 else images.from_uint8(array)


def _recast(carrier: Any, convert: Callable[[Any], np.ndarray]) -> Any:
    arrays = {name: getattr(carrier, name, None) for name in ("image", "mask", "guide")}
    return replace(carrier, **{name: convert(array) for name, array in arrays.items() if array is not None})
