"""Transfer colours: recolour the style before the stylization, or restore the content's chroma after it.

Pictures are float32 (h, w, 3) in [0, 1], sRGB. Every engine calls `prepare_style` before and `finish` after its work. The modes
are those of Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", 1606.05897, and in addition optimal
transport and histogram matching per channel. All work on sRGB values without linearising them, as the paper does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from nst_core.images import Image, Mask
from nst_core.pictures import masks
from nst_core.recipes import Color

Matrix = npt.NDArray[np.float64]  # (3, 3)

# Added to the variance of each channel, a little less than one 8-bit step squared, so that the covariance of a flat picture can
# be inverted and the grain of a nearly flat one is not amplified to the content's contrast.
VARIANCE_FLOOR = 1e-5

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # the Y of YIQ, from RGB


def prepare_style(style: Image, content: Image, color: Color, mask: Mask | None = None) -> Image:
    """Return the style picture to learn from: recoloured like the content, or unchanged if the mode does not recolour.

    The two may differ in size. mask: (h, w) of the content, not all black; weights the content's colours. The result has the
    style's shape and is clipped to [0, 1].
    """
    return _RECOLORINGS[color](style, content, mask)


def finish(stylized: Image, content: Image, color: Color) -> Image:
    """Return the final picture: with the content's chroma in mode `luminance`, else unchanged. Both have the same shape."""
    return luminance_only(stylized, content) if color is Color.LUMINANCE else stylized


def finish_by_region(stylized: Image, content: Image, modes: Sequence[Color], shares: npt.NDArray[np.float32]) -> Image:
    """Apply `finish` where each of several styles has its own mode and its `shares`, (n, h, w), of the pixels."""
    restored = sum(share for share, mode in zip(shares, modes, strict=True) if mode is Color.LUMINANCE)
    return stylized + np.asarray(restored)[..., None] * (luminance_only(stylized, content) - stylized)


def luminance(image: Image) -> npt.NDArray[np.float32]:
    """Return the luma (the Y of YIQ) of (h, w, 3) as (h, w) in [0, 1]."""
    return image @ _LUMA


def luminance_only(stylized: Image, content: Image) -> Image:
    """Return the luminance of one picture with the chroma of another of the same shape, clipped to [0, 1].

    In YIQ, changing only Y adds the same amount to R, G and B. No matrix is needed: x = content + Y_stylized − Y_content.
    """
    shift = luminance(stylized) - luminance(content)  # (h, w)
    return np.clip(content + shift[..., None], 0, 1)


def match_moments(
    style: Image, content: Image, solve: Callable[[Matrix, Matrix], Matrix], mask: Mask | None = None
) -> npt.NDArray[np.float64]:
    """Recolour to the content's mean and covariance, without clipping: x' = A(x − μ_S) + μ_C with A = solve(Σ_S, Σ_C)."""
    mean_style, covariance_style = moments(style)
    mean_content, covariance_content = moments(content, mask)
    A = solve(covariance_style, covariance_content)
    return (style - mean_style) @ A.T + mean_content


def take_palette(content: Image, style: Image, *, mask: Mask | None = None, guide: Mask | None = None) -> Image:
    """Return the content with the mean and covariance of the style's colours, by optimal transport; clipped to [0, 1].

    mask: of the content, any shape: whose colours are measured. guide: the same of the style.
    """
    on = lambda weights, picture: None if weights is None else masks.resize(weights, picture.shape[:2])  # noqa: E731
    mean, covariance = moments(content, on(mask, content))
    wanted_mean, wanted = moments(style, on(guide, style))
    moved = (content - mean) @ symmetric_map(covariance, wanted).T + wanted_mean
    return np.clip(moved, 0, 1).astype(np.float32)


def moments(image: Image, mask: Mask | None = None) -> tuple[npt.NDArray[np.float64], Matrix]:
    """Return the mean (3,) and covariance (3, 3) of the colours, with VARIANCE_FLOOR added to the covariance's diagonal.

    mask: (h, w), the weight of each pixel.
    """
    pixels = image.reshape(-1, 3).astype(np.float64)  # (h*w, 3)
    counts = None if mask is None else mask.ravel().astype(np.float64)
    covariance = np.cov(pixels, rowvar=False, bias=True, aweights=counts)
    return np.average(pixels, axis=0, weights=counts), covariance + VARIANCE_FLOOR * np.eye(3)


def cholesky_map(source: Matrix, target: Matrix) -> Matrix:
    """Return A = L_T L_S⁻¹, so that A Σ_S Aᵀ = Σ_T. It depends on the order of the channels."""
    inverse: Matrix = np.linalg.inv(np.linalg.cholesky(source))
    return np.linalg.cholesky(target) @ inverse


def pca_map(source: Matrix, target: Matrix) -> Matrix:
    """Return A = Σ_T^½ Σ_S^−½, which whitens along the style's axes and then stretches along the content's."""
    return _power(target, 0.5) @ _power(source, -0.5)


def symmetric_map(source: Matrix, target: Matrix) -> Matrix:
    """Return A = Σ_S^−½ (Σ_S^½ Σ_T Σ_S^½)^½ Σ_S^−½, optimal transport between Gaussians: colours move the least."""
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def match_histogram(style: Image, content: Image, mask: Mask | None = None) -> Image:
    """Give each channel of the style the content's histogram; with a mask, that of pixels above half its maximum."""
    from skimage.exposure import match_histograms  # takes half a second to import, which pages avoid at their start

    if mask is not None:
        content = content[mask >= mask.max() / 2][:, None]  # (k, 1, 3)
    return np.clip(match_histograms(style, content, channel_axis=-1), 0, 1).astype(np.float32)


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """Return a power of a symmetric positive matrix, by its eigenvalues."""
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
