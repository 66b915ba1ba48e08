"""Whose colours the result wears: recolour the style before the transfer, or give the content its chroma back after it.

Pictures in and out are float32 (h, w, 3) in [0, 1], sRGB. Every engine calls `prepare_style` before and `finish` after.
The modes are those of Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", 1606.05897, its optimal
transport cousin and per-channel histogram matching. All work on the sRGB numbers as they stand, as the paper does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from nst_core.images import Image, Mask
from nst_core.recipes import Color

Matrix = npt.NDArray[np.float64]  # (3, 3)

# Added to the variance of each channel, a little less than one 8-bit step squared: a flat picture has a covariance to
# divide by, and the grain of a nearly flat one is not blown up to the content's contrast.
VARIANCE_FLOOR = 1e-5

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # the Y of YIQ, from RGB


def prepare_style(style: Image, content: Image, color: Color, mask: Mask | None = None) -> Image:
    """The style picture to learn from: in the content's colours, or as it is, when the mode does not recolour it.

    The two may differ in size. mask: (h, w) of the content, not all black: only colours there count, in proportion. The
    result has the style's shape and is clipped to [0, 1].
    """
    return _RECOLORINGS[color](style, content, mask)


def finish(stylized: Image, content: Image, color: Color) -> Image:
    """The result to show: with the content's chroma in mode `luminance`, else as it is. Both have the same shape."""
    return luminance_only(stylized, content) if color is Color.LUMINANCE else stylized


def finish_by_region(stylized: Image, content: Image, modes: Sequence[Color], shares: npt.NDArray[np.float32]) -> Image:
    """`finish`, where each of several styles has a mode of its own and `shares` (n, h, w) of the pixels."""
    kept = sum(share for share, mode in zip(shares, modes, strict=True) if mode is Color.LUMINANCE)
    return stylized + np.asarray(kept)[..., None] * (luminance_only(stylized, content) - stylized)


def luminance(image: Image) -> npt.NDArray[np.float32]:
    """(h, w, 3) -> (h, w): the Y of YIQ, in [0, 1]."""
    return image @ _LUMA


def luminance_only(stylized: Image, content: Image) -> Image:
    """The luminance of one picture with the chroma of another, of the same shape; clipped to [0, 1].

    In YIQ a change of Y alone adds the same to R, G and B. So there is no matrix: x = content + Y_stylized − Y_content.
    """
    shift = luminance(stylized) - luminance(content)  # (h, w)
    return np.clip(content + shift[..., None], 0, 1)


def match_moments(
    style: Image, content: Image, solve: Callable[[Matrix, Matrix], Matrix], mask: Mask | None = None
) -> npt.NDArray[np.float64]:
    """Recolour to the content's mean and covariance, not clipped: x' = A(x − μ_S) + μ_C with A = solve(Σ_S, Σ_C)."""
    mean_style, covariance_style = moments(style)
    mean_content, covariance_content = moments(content, mask)
    A = solve(covariance_style, covariance_content)
    return (style - mean_style) @ A.T + mean_content


def moments(image: Image, mask: Mask | None = None) -> tuple[npt.NDArray[np.float64], Matrix]:
    """Mean (3,) and covariance (3, 3) of the colours, the covariance raised by VARIANCE_FLOOR on its diagonal.

    mask: (h, w), how much each pixel counts.
    """
    pixels = image.reshape(-1, 3).astype(np.float64)  # (h*w, 3)
    counts = None if mask is None else mask.ravel().astype(np.float64)
    covariance = np.cov(pixels, rowvar=False, bias=True, aweights=counts)
    return np.average(pixels, axis=0, weights=counts), covariance + VARIANCE_FLOOR * np.eye(3)


def cholesky_map(source: Matrix, target: Matrix) -> Matrix:
    """A = L_T L_S⁻¹, so that A Σ_S Aᵀ = Σ_T. Depends on the order of the channels."""
    inverse: Matrix = np.linalg.inv(np.linalg.cholesky(source))
    return np.linalg.cholesky(target) @ inverse


def pca_map(source: Matrix, target: Matrix) -> Matrix:
    """A = Σ_T^½ Σ_S^−½: whiten along the style's axes, then stretch along the content's."""
    return _power(target, 0.5) @ _power(source, -0.5)


def symmetric_map(source: Matrix, target: Matrix) -> Matrix:
    """A = Σ_S^−½ (Σ_S^½ Σ_T Σ_S^½)^½ Σ_S^−½: optimal transport between Gaussians, it moves colours the least."""
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def match_histogram(style: Image, content: Image, mask: Mask | None = None) -> Image:
    """Give each channel of the style the content's distribution of values; with a mask, of its lighter half's pixels."""
    from skimage.exposure import match_histograms  # half a second to import, and pages start without it

    if mask is not None:
        content = content[mask >= mask.max() / 2][:, None]  # (k, 1, 3)
    return np.clip(match_histograms(style, content, channel_axis=-1), 0, 1).astype(np.float32)


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """A power of a symmetric positive matrix, through its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, np.finfo(np.float64).tiny)  # rounding may leave −1e-20
    return (vectors * values**exponent) @ vectors.T


def _recolor(style: Image, content: Image, mask: Mask | None, *, solve: Callable[[Matrix, Matrix], Matrix]) -> Image:
    return np.clip(match_moments(style, content, solve, mask), 0, 1).astype(np.float32)


def _unchanged(style: Image, content: Image, mask: Mask | None) -> Image:
    return style


_RECOLORINGS: Mapping[Color, Callable[[Image, Image, Mask | None], Image]] = {
    Color.STYLE: _unchanged,
    Color.LUMINANCE: _unchanged,
    Color.LINEAR_CHOLESKY: partial(_recolor, solve=cholesky_map),
    Color.LINEAR_PCA: partial(_recolor, solve=pca_map),
    Color.LINEAR_SYMMETRIC: partial(_recolor, solve=symmetric_map),
    Color.HISTOGRAM: match_histogram,
}
