"""Losses on feature maps: pure functions, maps in, numbers out.

Features are (n, h, w, c), n pictures of h·w = M positions and c = N channels; Gram matrices are (n, N, N). A loss is a scalar:
its formula for one picture, the mean over n. Everything is differentiable and follows the type of what comes in, so that
float64 can be checked against finite differences.

Sums over positions make weights depend on the picture's size. The paper's forms keep them (`content_loss`, and
`style_loss` on sums); ours are means (`mean_loss`, `rms_style_loss`, `moments_loss`), whose weights survive a change of size.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from nst_core.features.lean import tf

# Added to the diagonal of a covariance. Lite's channels have a root mean square of 1.5, VGG's of tens: small to both, and the
# gradient of a flat picture's distance stays finite.
COVARIANCE_FLOOR = 1e-4
PIECES = 8  # of a map whose size is not known when the graph is traced
PIECE = 1 << 23  # numbers of a map that are squared at once: 32 MB in float32

# --- content --------------------------------------------------------------------------------------------------------


def content_loss(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """½ Σ (F − P)², features and target (n, h, w, c). Gatys et al. 2015, 1508.06576, eq. 1."""
    return _mean_over_pictures(0.5 * tf.math.squared_difference(_exact(features), _exact(target)))


def mean_loss(values: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """mean (x − t)², for maps or Gram matrices of any one shape. Ours: weights survive a change of size."""
    return tf.reduce_mean(tf.math.squared_difference(_exact(values), _exact(target)))


def normalised_loss(values: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """½ Σ ((x − t)/‖t‖)², for maps or Gram matrices (n, …). The form of the `stylenet-vgg16` preset.

    With G = FᵀF/(hwc) the factor cancels, except where the two pictures differ in size.
    """
    values, target = _exact(values), _exact(target)
    squares = tf.reduce_sum(tf.square(target), list(range(1, len(target.shape))), keepdims=True)
    return _mean_over_pictures(0.5 * tf.math.squared_difference(values, target) / tf.maximum(squares, _tiny(squares)))


# --- style, by Gram matrices ----------------------------------------------------------------------------------------


def gram_matrix(features: tf.Tensor, *, shift: float = 0.0, mask: tf.Tensor | np.ndarray | None = None) -> tf.Tensor:
    """G = (F + s)ᵀ(F + s), summed over positions: (n, h, w, c) -> (n, c, c). Symmetric and positive.

    shift: s of Novak & Nikulin 2016, 1605.04603 §3.3; 0 is Gatys'.
    mask: T (h, w), the guide at this layer's size; G = Fᵀ diag(T²) F / Σ T², a mean over what it shows (Gatys et al. 2017,
    1611.07865, eq. 6, whose T has ‖T‖ = 1).
    """
    return _correlation(features, features, shift, mask)


def chain_gram(
    lower: tf.Tensor,
    upper: tf.Tensor,
    *,
    shift: float = -1.0,
    mask: tf.Tensor | np.ndarray | None = None,
    factor: int | None = None,
) -> tf.Tensor:
    """G^(l,l−1) = (F^l + s)ᵀ (F^(l−1) + s), of two neighbouring layers: (n, c_upper, c_lower), summed over positions.

    Novak & Nikulin 2016, 1605.04603 §3.5. Across a pooling the lower map is the larger one. We average it to the upper one's
    grid (the paper's formula enlarges; a mean over each cell costs a quarter, and invents no positions). mask: as for
    `gram_matrix`, at the upper layer's size. factor: by how much the lower map is larger; by default, as the shapes say.
    """
    factor = round(lower.shape[1] / upper.shape[1]) if factor is None else factor
    if factor > 1:
        lower = tf.nn.avg_pool2d(lower, factor, factor, "VALID")
    return _correlation(upper, lower, shift, mask)


def style_loss(gram: tf.Tensor, target: tf.Tensor, *, positions: float = 1.0) -> tf.Tensor:
    """E = 1/(4 N² M²) Σ (G − A)². Gatys et al. 2015, 1508.06576, eq. 4.

    positions: M for Gram matrices that are sums; 1 for means over positions, which is the same number, and also right where
    style and content differ in size. N² is the number of entries, so that it serves chains of different widths.
    """
    entries = gram.shape[-1] * gram.shape[-2]
    return _mean_over_pictures(tf.math.squared_difference(gram, target)) / (4 * entries * positions**2)


def rms_style_loss(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """√ mean (G − A)², per picture. The form of the `vgg19-rms` preset; its gradient at zero is zero, not NaN."""
    mean = tf.reduce_mean(tf.math.squared_difference(gram, target), [-2, -1])
    return tf.reduce_mean(mean * tf.math.rsqrt(tf.maximum(mean, _tiny(mean))))


def geometric_weights(n: int, *, kind: Literal["style", "content"] = "style") -> np.ndarray:
    """Weights of n layers, bottom first, that sum to 1: style ∝ 2^(D − d), content ∝ 2^d, with d = 1 … D = n.

    Novak & Nikulin 2016, 1605.04603 §3.1: for style the bottom layers weigh most. The sum of 1 is ours.
    """
    powers = 2.0 ** np.arange(n)
    return (powers if kind == "content" else powers[::-1]) / powers.sum()


# --- style, by moments ----------------------------------------------------------------------------------------------


def moments(features: tf.Tensor, *, mask: tf.Tensor | np.ndarray | None = None) -> tf.Tensor:
    """Mean and covariance over positions, side by side: (n, h, w, c) -> (n, c, 1 + c).

    The first column is the mean; on the covariance's diagonal lies COVARIANCE_FLOOR. mask: T (h, w), at this layer's size;
    positions count by T², as for `gram_matrix`.
    """
    guide, area = (None, positions(features)) if mask is None else _guide(mask, _exact(features).dtype)
    return _moments(features, guide, tf.cast(area, _exact(features).dtype))


def _moments(features: tf.Tensor, guide: tf.Tensor | None, area: tf.Tensor) -> tf.Tensor:
    """`moments`, with a gradient of its own: TensorFlow's takes three times as long.

    With g the gradient by the mean and D that by the covariance, the gradient by a position F is T²((D + Dᵀ)(F − μ) + g)/Σ T²:
    μ depends on F too, but the sum of all T²(F − μ) is zero. guide: T (h, w, 1). area: Σ T².
    """
    n, c = features.shape[0], features.shape[-1]

    @tf.custom_gradient
    def of(features: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        exact = _exact(features)
        mean = tf.reduce_sum(exact if guide is None else exact * tf.square(guide), [1, 2]) / area  # (n, c)
        centred = features - tf.cast(mean, features.dtype)[:, None, None]
        centred = tf.reshape(centred if guide is None else centred * tf.cast(guide, centred.dtype), [n, -1, c])
        square = tf.add_n([tf.matmul(piece, piece, transpose_a=True) for piece in map(_exact, _pieces(centred))])

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            both = (upstream[..., 1:] + tf.linalg.matrix_transpose(upstream[..., 1:])) / area  # (n, c, c)
            constant = upstream[..., 0] / area - tf.linalg.matvec(both, mean)  # (n, c)
            rows = _pieces(tf.reshape(features, [n, -1, c]))
            made = [tf.cast(_affine(_exact(piece), both, constant), features.dtype) for piece in rows]
            whole = tf.reshape(made[0] if len(made) == 1 else tf.concat(made, 1), tf.shape(features))
            return whole if guide is None else whole * tf.cast(tf.square(guide), whole.dtype)

        return _side_by_side(mean, square / area), gradient

    return of(features)


def _affine(rows: tf.Tensor, matrix: tf.Tensor, constant: tf.Tensor) -> tf.Tensor:
    """Return R A + b: (n, m, c), (n, c, c), (n, c) -> (n, m, c). Of one picture by operations that TensorFlow joins."""
    if rows.shape[0] == 1:
        return tf.nn.bias_add(tf.matmul(rows[0], matrix[0]), constant[0])[None]
    return tf.matmul(rows, matrix) + constant[:, None]


def _side_by_side(mean: tf.Tensor, covariance: tf.Tensor) -> tf.Tensor:
    """(n, c), (n, c, c) -> (n, c, 1 + c), COVARIANCE_FLOOR on the diagonal."""
    floor = COVARIANCE_FLOOR * tf.eye(mean.shape[-1], dtype=mean.dtype)
    return tf.concat([mean[..., None], covariance + floor], -1)


def moments_loss(moments: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """W₂²/c = (‖μ − ν‖² + tr(C + D − 2 (D^½ C D^½)^½)) / c, between Gaussians (μ, C) and (ν, D), c channels.

    The 2-Wasserstein distance as Crowson's style-transfer-pytorch uses it; over c, so that wide layers weigh no more.
    """
    shift = tf.reduce_sum(tf.math.squared_difference(moments[..., 0], target[..., 0]), -1)
    # roots of small eigenvalues lose half their digits: float32 would have none left
    C, D = (tf.cast(x[..., 1:], tf.float64) for x in (moments, target))
    root = matrix_root(D)
    spread = tf.linalg.trace(C) + tf.linalg.trace(D) - 2 * trace_of_root(root @ C @ root)
    return tf.reduce_mean(shift + tf.cast(spread, shift.dtype)) / moments.shape[-2]


def matrix_root(matrix: tf.Tensor) -> tf.Tensor:
    """The symmetric square root of symmetric positive matrices (…, c, c)."""
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.nn.relu(values))[..., None, :], vectors, transpose_b=True)


@tf.custom_gradient
def trace_of_root(matrix: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """tr √A of symmetric positive matrices (…, c, c): (…). Its gradient is ½ A^−½.

    TensorFlow would go through the eigenvectors, whose gradient is infinite where two eigenvalues meet.
    """
    values, vectors = tf.linalg.eigh((matrix + tf.linalg.matrix_transpose(matrix)) / 2)
    floor = tf.reduce_max(values, -1, keepdims=True) * np.finfo(values.dtype.as_numpy_dtype).eps  # rounding's size
    roots = tf.sqrt(tf.maximum(values, tf.maximum(floor, _tiny(values))))

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        inverse = tf.matmul(vectors / roots[..., None, :], vectors, transpose_b=True)
        return 0.5 * upstream[..., None, None] * inverse

    return tf.reduce_sum(roots, -1), gradient


# --- smoothness -----------------------------------------------------------------------------------------------------


def total_variation(image: tf.Tensor, *, form: Literal["mahendran", "squared"] = "mahendran") -> tf.Tensor:
    """How much neighbouring pixels of (n, h, w, c) differ, summed over pixels and channels.

    mahendran: Σ (dx² + dy²)^1.25, Mahendran & Vedaldi 2015, 1412.0035, β = 2.5. squared: Σ dx² + Σ dy².
    """
    return _mean_over_pictures(_VARIATIONS[form](image))


def _mahendran(image: tf.Tensor) -> tf.Tensor:
    # both differences start from the same pixel, so the last row and column have none
    corner, right, below = (_window(image, *at, 1, 1) for at in ((0, 0), (0, 1), (1, 0)))
    return _power_of_five_quarters(tf.square(right - corner) + tf.square(below - corner))


def _squared(image: tf.Tensor) -> tf.Tensor:
    dx = _window(image, 0, 1, 0, 1) - _window(image, 0, 0, 0, 1)
    dy = _window(image, 1, 0, 1, 0) - _window(image, 0, 0, 1, 0)
    return tf.concat([tf.reshape(tf.square(d), [tf.shape(image)[0], -1]) for d in (dx, dy)], 1)


def _window(image: tf.Tensor, top: int, left: int, less_high: int, less_wide: int) -> tf.Tensor:
    """A cut of (n, h, w, c) from (top, left). The gradient of `image[:, 1:]` takes six times the rest; this one's does not."""
    height, width = (tf.shape(image)[axis] if image.shape[axis] is None else image.shape[axis] for axis in (1, 2))
    return tf.slice(image, [0, top, left, 0], [-1, height - less_high, width - less_wide, -1])


@tf.custom_gradient
def _power_of_five_quarters(u: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """u^1.25 by two roots, which vectorise where `tf.pow` does not."""
    root = tf.sqrt(tf.sqrt(u))
    return u * root, lambda upstream: 1.25 * upstream * root


_VARIATIONS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {"mahendran": _mahendran, "squared": _squared}


def positions(maps: tf.Tensor) -> tf.Tensor | int:
    """Return how many positions maps (n, h, w, c) have: h · w, a tensor where the graph does not know them."""
    h, w = maps.shape[1:3]
    return tf.shape(maps)[1] * tf.shape(maps)[2] if h is None or w is None else h * w


# --- what they share ------------------------------------------------------------------------------------------------


def _correlation(
    rows: tf.Tensor, columns: tf.Tensor, shift: float = 0.0, mask: tf.Tensor | np.ndarray | None = None
) -> tf.Tensor:
    """(R + s)ᵀ(C + s) over all positions: (n, h, w, r), (n, h, w, c) -> (n, r, c). With a mask T the mean, by T².

    Expanded to RᵀC + s (Σr 1ᵀ + 1 Σcᵀ) + s² M, so that no shifted copy of a map is kept for the gradient.
    """
    n = rows.shape[0]
    same, area, T = rows is columns, None, None
    if mask is not None:
        guide, area = _guide(mask, _exact(rows).dtype)
        T = tf.reshape(guide, [-1, 1])
        rows = rows * tf.cast(guide, rows.dtype)
        columns = rows if same else columns * tf.cast(guide, columns.dtype)
    R, C = (tf.reshape(x, [n, -1, x.shape[-1]]) for x in (rows, columns))
    total = _exact(_square(R) if same else tf.matmul(R, C, transpose_a=True))
    if shift:
        row_sums, column_sums = (tf.reduce_sum(_exact(x) if T is None else _exact(x) * T, 1) for x in (R, C))  # (n, r), (n, c)
        count = tf.cast(positions(rows), total.dtype) if T is None else tf.reduce_sum(tf.square(T))
        total += shift * (row_sums[:, :, None] + column_sums[:, None, :]) + shift**2 * count
    return total if area is None else total / area


def _guide(mask: tf.Tensor | np.ndarray, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """T as (h, w, 1), and Σ T²: not zero, so that an empty mask gives zeros, no NaN."""
    guide = tf.cast(tf.convert_to_tensor(mask), dtype)[..., None]
    area = tf.reduce_sum(tf.square(guide))
    return guide, tf.maximum(area, _tiny(area))


@tf.custom_gradient
def _square(R: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """RᵀR of (n, m, c), with the gradient R (D + Dᵀ): one product where TensorFlow makes two, half the time.

    In float32 also where maps are bfloat16: its eight bits would drown the small eigenvalues of a covariance, whose inverse
    roots the gradient holds; black skies came out as grain. Piece by piece, since a map in float32 is twice as large.
    """

    def gradient(D: tf.Tensor) -> tf.Tensor:
        both = D + tf.linalg.matrix_transpose(D)
        return tf.concat([tf.cast(tf.matmul(_exact(piece), both), R.dtype) for piece in _pieces(R)], 1)

    exact = (_exact(piece) for piece in _pieces(R))
    return tf.add_n([tf.matmul(piece, piece, transpose_a=True) for piece in exact]), gradient


def _pieces(R: tf.Tensor) -> list[tf.Tensor]:
    """(n, m, c) along its positions, a few megabytes each."""
    if R.dtype != tf.bfloat16:
        return [R]
    n, m, c = R.shape
    if m is None:  # so many that those of a picture of 1024 × 1024 px have as few numbers
        length = tf.shape(R)[1]
        ends = length * tf.range(PIECES + 1) // PIECES
        return [R[:, ends[i] : ends[i + 1]] for i in range(PIECES)]
    at_once = max(1, PIECE // (n * c))
    return [R[:, start : start + at_once] for start in range(0, m, at_once)]


def _exact(x: tf.Tensor) -> tf.Tensor:
    """bfloat16 to float32, all else as it is: products may be rough, sums and differences of them may not."""
    return tf.cast(x, tf.float32) if x.dtype == tf.bfloat16 else x


def _mean_over_pictures(terms: tf.Tensor) -> tf.Tensor:
    """(n, …) -> scalar: the sum within each picture, the mean over pictures."""
    return tf.reduce_sum(terms) / tf.cast(tf.shape(terms)[0], terms.dtype)


def _tiny(like: tf.Tensor) -> float:
    """The smallest divisor that is safe in this type."""
    return float(np.finfo(like.dtype.as_numpy_dtype).tiny)
