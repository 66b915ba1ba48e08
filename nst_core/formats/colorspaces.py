"""Convert the colour spaces that files declare instead of an ICC profile: transfer curves and primaries.

A transfer curve maps stored values in [0, 1] to linear light, 1 = diffuse white. The codes are those of ITU-T H.273, which
PNG's cICP chunk and video streams share.
"""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ColorValues = npt.NDArray[np.float32]
Curve = Callable[[ColorValues], ColorValues]
Point = tuple[float, float]  # x and y of CIE 1931


class Primaries(NamedTuple):
    """Hold the chromaticities of the three primaries and of white."""

    red: Point
    green: Point
    blue: Point
    white: Point


D65 = (0.3127, 0.3290)
SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)
PRIMARIES = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    9: BT2020,
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
}
PQ, HLG = 16, 18  # transfer codes of pictures with highlights brighter than white
REFERENCE_WHITE = 203.0  # cd/m² of diffuse white in such a picture (ITU-R BT.2408)
PEAK = 1000.0 / REFERENCE_WHITE  # the brightest highlight that stays distinct from white
KNEE = 0.75  # of diffuse white, in linear light: darker values are unchanged, brighter ones are compressed
_SAME = 0.05  # tolerance of gamma × 2.2 around 1 to count as sRGB's curve, as in libpng
_NEAR = 0.002  # tolerance of chromaticities to count as sRGB's
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


# --- curves -----------------------------------------------------------------------------------------------------------


def srgb_encoded(linear: ColorValues) -> ColorValues:
    """Return the sRGB values of linear light, clipped to [0, 1]."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def pq_linear(values: ColorValues) -> ColorValues:
    """Return linear light of SMPTE ST 2084 values, 1 = diffuse white of 203 cd/m²."""
    root = np.clip(values, 0, 1) ** (1 / 78.84375)
    return (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125) * (
        10_000 / REFERENCE_WHITE
    )


def hlg_linear(values: ColorValues) -> ColorValues:
    """Return linear light of ARIB STD-B67 values on a display of 1000 cd/m², per channel; 1 = diffuse white."""
    values = np.clip(values, 0, 1)
    scene = np.where(
        values <= 0.5, values**2 / 3, (np.exp((np.maximum(values, 0.5) - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return np.asarray(scene**1.2 * PEAK, np.float32)


def tone_mapped(linear: ColorValues) -> ColorValues:
    """Compress linear light up to PEAK to at most 1; values below KNEE are unchanged."""
    over = np.clip((linear - KNEE) / (PEAK - KNEE), 0, 1)
    steep = (PEAK - KNEE) / (1 - KNEE)  # so that the slope at the knee is 1
    return np.where(linear <= KNEE, linear, KNEE + (1 - KNEE) * over * steep / (1 + over * (steep - 1)))


def power(exponent: float) -> Curve:
    """Return the curve `values ** exponent`."""
    return lambda values: values**exponent


CURVES: dict[int, Curve] = {
    4: power(2.2),
    5: power(2.8),
    8: power(1.0),
    PQ: lambda values: tone_mapped(pq_linear(values)),
    HLG: lambda values: tone_mapped(hlg_linear(values)),
}  # the others are sRGB's, or close enough that players use it


def gamma_curve(gamma: float) -> Curve | None:
    """Return the curve of PNG's gAMA, such as 1/2.2, or None if it is sRGB's or not a valid gamma."""
    if not 0.01 < gamma < 10 or abs(gamma * 2.2 - 1) < _SAME:
        return None
    return power(1 / gamma)


def table(curve: Curve, levels: int) -> ColorValues:
    """Return the sRGB values of evenly spaced stored values."""
    return srgb_encoded(curve(np.linspace(0, 1, levels, dtype=np.float32))).astype(np.float32)


# --- primaries --------------------------------------------------------------------------------------------------------


def to_xyz(primaries: Primaries) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ.

    Raises: ArithmeticError for degenerate chromaticities.
    """
    *corners, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    matrix = np.stack(corners, 1)
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ArithmeticError("chromaticities on one line")
    return matrix * np.linalg.solve(matrix, white)


def to_srgb(primaries: Primaries) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB of these primaries, whose white is D65, to linear sRGB."""
    return np.asarray(np.linalg.solve(to_xyz(SRGB), to_xyz(primaries)), np.float64)


def profile(primaries: Primaries) -> bytes | None:
    """Return an ICC profile with these primaries and sRGB's curve, or None if they are sRGB's or invalid."""
    if all(abs(a - b) < _NEAR for one, other in zip(primaries, SRGB, strict=True) for a, b in zip(one, other, strict=True)):
        return None
    try:
        matrix = to_xyz(primaries)
    except ArithmeticError:
        return None
    cone, white = _BRADFORD @ matrix.sum(1), _BRADFORD @ _D50
    adapted = np.linalg.solve(_BRADFORD, np.diag(white / cone) @ _BRADFORD @ matrix)
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 100:
        return None
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50)}
    tags |= {name: b"XYZ \0\0\0\0" + _fixed(adapted[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _icc(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _icc(tags: dict[bytes, bytes]) -> bytes:
    start, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x04000000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(_D50)
    return head.ljust(128, b"\0") + table + body


def _fixed(values: Sequence[float] | npt.NDArray[np.float64]) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
