"""Convert decoded frames for display: upright, square pixels, sRGB, transparency over white; uint8 (h, w, 3)."""

from functools import cache
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation

from nst_core.formats import colorspaces

Pixels = npt.NDArray[np.uint8]  # (h, w, 3)
_RED, _BLUE = 0.2627, 0.0593  # of luma, in ITU-R BT.2020


class Turn(NamedTuple):
    """Describe how to turn stored pixels upright: first swap the axes, then reverse columns and rows."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height after the turn, which also undoes it."""
        return (height, width) if self.transposed else (width, height)

    def applied(self, pixels: Pixels) -> Pixels:
        """Return the pixels, upright."""
        pixels = pixels.swapaxes(0, 1) if self.transposed else pixels
        pixels = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(pixels[::-1] if self.flipped else pixels)


def turn_of(frame: av.VideoFrame) -> Turn:
    """Return the turn in the frame's display matrix, rounded to quarter turns, with or without mirroring."""
    side_data: Any = frame.side_data  # its type hints lack the display matrix
    matrix = bytes(side_data["DISPLAYMATRIX"]) if "DISPLAYMATRIX" in side_data else b""
    if len(matrix) != 36:
        return Turn()
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).astype(int)  # shown x = a·x + c·y, y = b·x + d·y
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def of_frame(frame: av.VideoFrame, shape: tuple[int, int]) -> Pixels:
    """Return the frame scaled to `shape` (h, w)."""
    turn = turn_of(frame)
    width, height = turn.size(shape[1], shape[0])
    interpolation = Interpolation.AREA if frame.width >= width else Interpolation.BICUBIC
    if frame.color_trc in (colorspaces.PQ, colorspaces.HLG):
        return turn.applied(_tone_mapped(frame, width, height, interpolation))
    clear = frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)
    rgb = frame.reformat(width, height, "rgba" if clear else "rgb24", interpolation=interpolation).to_ndarray()
    if clear:
        opacity = rgb[..., 3:] / np.float32(255)
        rgb = (rgb[..., :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
    return turn.applied(np.asarray(rgb, np.uint8))


def _tone_mapped(frame: av.VideoFrame, width: int, height: int, interpolation: Interpolation) -> Pixels:
    """Convert a frame with highlights brighter than white, in BT.2020 colours, to sRGB."""
    if frame.format.is_rgb:
        stored = frame.reformat(width, height, "rgb48le", interpolation=interpolation).to_ndarray()
    else:
        planes = frame.reformat(width, height, "yuv444p16le", interpolation=interpolation).to_ndarray()
        luma, blue, red = np.moveaxis(planes, -1, 0)
        stored = _rgb(luma, blue, red, full=frame.color_range == ColorRange.JPEG)
    linear = _light(frame.color_trc)[stored] @ colorspaces.to_srgb(colorspaces.BT2020).T.astype(np.float32)
    return (colorspaces.srgb_encoded(linear) * 255 + 0.5).astype(np.uint8)


def _rgb(luma: np.ndarray, blue: np.ndarray, red: np.ndarray, *, full: bool) -> npt.NDArray[np.uint16]:
    """Convert BT.2020's luma and colour differences of 16 bits to RGB of 16 bits."""
    black, light, color = (0, 65535, 65535) if full else (16 * 256, 219 * 256, 224 * 256)
    y = (luma.astype(np.float32) - black) / light
    b, r = ((part.astype(np.float32) - 32768) / color for part in (blue, red))
    r, b = y + 2 * (1 - _RED) * r, y + 2 * (1 - _BLUE) * b
    g = (y - _RED * r - _BLUE * b) / (1 - _RED - _BLUE)
    return (np.clip(np.stack([r, g, b], -1), 0, 1) * 65535 + 0.5).astype(np.uint16)


@cache
def _light(transfer: int) -> npt.NDArray[np.float32]:
    """Return linear light, with compressed highlights, of each 16-bit value."""
    return colorspaces.CURVES[transfer](np.linspace(0, 1, 65536, dtype=np.float32)).astype(np.float32)
