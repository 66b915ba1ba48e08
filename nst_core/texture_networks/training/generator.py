"""Build a network's plan as tensors, for training."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nst_core.features import tf
from nst_core.texture_networks.generators import GeneratorConvolution, GeneratorPlan
from nst_core.texture_networks.painting import EPSILON, LIMIT

Values = Mapping[str, tf.Tensor]


class Generator:
    """Compute pictures from pictures and noise; the trained values are arguments.

    dtype: of the convolutions; sums and normalisations use float32.
    """

    def __init__(self, plan: GeneratorPlan, dtype: tf.DType = tf.float32) -> None:
        self.plan, self._dtype = plan, dtype
        self._pad = replicate if plan.picture else wrap

    def __call__(
        self,
        values: Values,
        picture: tf.Tensor | None,
        noises: Sequence[tf.Tensor],
        statistics: dict[str, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Return pictures in [0, 1] for (n, h, w, 3) in [0, 1], sides multiples of the plan's, and a noise per stage.

        statistics: in training, receives the statistics of this batch, which batch normalisation then uses. None: the running
        ones.
        """
        x = None
        for stage, noise in zip(self.plan.stages, noises, strict=True):
            parts = [noise] if picture is None else [pool(picture, stage.ratio) * 2 - 1, noise]
            branch = self._chain(tf.concat(parts, -1), values, stage.branch, statistics)
            if x is None:
                x = branch
                continue
            # normalise before enlarging: repeated pixels have the same mean and variance, at a quarter of the work
            name = f"join{stage.ratio}/coarser"
            x = self._norm(x, values, name, statistics)
            x = enlarge(limit(x, values[f"{name}/scale"], values[f"{name}/shift"]))
            branch = self._norm(branch, values, f"join{stage.ratio}/branch", statistics)
            x = self._chain(tf.concat([x, branch], -1), values, stage.join, statistics)
        x = self._convolve(x, values["rgb/kernel"])
        return tf.sigmoid(tf.cast(x, tf.float32) + values["rgb/bias"])  # the papers clip; a sigmoid always has a gradient

    def _chain(
        self, x: tf.Tensor, values: Values, convolutions: Sequence[GeneratorConvolution], statistics: object
    ) -> tf.Tensor:
        for c in convolutions:
            x = self._convolve(x, values[f"{c.name}/kernel"])
            x = tf.nn.relu(self._norm(x, values, c.name, statistics))
        return x

    def _convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        x = tf.cast(x, self._dtype)
        x = self._pad(x) if kernel.shape[0] == 3 else x
        return tf.cast(tf.nn.conv2d(x, tf.cast(kernel, self._dtype), 1, "VALID"), tf.float32)

    def _norm(self, x: tf.Tensor, values: Values, name: str, statistics: object) -> tf.Tensor:
        scale, shift = values[f"{name}/scale"], values[f"{name}/shift"]
        if self.plan.normalisation == "instance":
            return instance_norm(x, scale, shift)
        if isinstance(statistics, dict):
            x, mean, variance = batch_norm(x, scale, shift)
            statistics |= {f"{name}/mean": mean, f"{name}/variance": variance}
            return x
        return batch_norm(x, scale, shift, values[f"{name}/mean"], values[f"{name}/variance"])[0]


def instance_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Normalise each channel of each picture to mean 0 and variance 1 over h × w, then scale and shift (c,). 1607.08022, eq. 5.

    For a single picture, this equals batch normalisation in training mode, whose fused kernel is four times as fast.
    """
    if x.shape[0] == 1:
        return batch_norm(x, scale, shift)[0]
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) * (tf.math.rsqrt(variance + EPSILON) * scale) + shift


def batch_norm(
    x: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    mean: tf.Tensor | None = None,
    variance: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return (normalised, mean, variance), by the batch's mean and variance or by the given ones."""
    return tf.compat.v1.nn.fused_batch_norm(
        x, scale, shift, mean=mean, variance=variance, epsilon=EPSILON, is_training=mean is None
    )


def limit(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Clip a map that was normalised with this scale and shift at LIMIT standard deviations.

    This is our addition: networks learn to shift the statistics of a map by a few extreme coarse pixels, which become white
    blots.
    """
    reach = LIMIT * tf.abs(scale)
    return tf.clip_by_value(x, shift - reach, shift + reach)


def pool(picture: tf.Tensor, ratio: int) -> tf.Tensor:
    return picture if ratio == 1 else tf.nn.avg_pool2d(picture, ratio, ratio, "VALID")


@tf.custom_gradient
def enlarge(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Repeat every pixel four times: (n, h, w, c) -> (n, 2h, 2w, c). The gradient, a sum of four, is computed as an average."""
    return tf.repeat(tf.repeat(x, 2, 1), 2, 2), lambda upstream: 4 * tf.nn.avg_pool2d(upstream, 2, 2, "VALID")


@tf.custom_gradient
def replicate(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Pad by a pixel on every side with copies of the border: (n, h, w, c) -> (n, h + 2, w + 2, c)."""
    tall = tf.concat([x[:, :1], x, x[:, -1:]], 1)
    padded = tf.concat([tall[:, :, :1], tall, tall[:, :, -1:]], 2)
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]  # with one pixel, symmetric padding equals replication
    return padded, lambda upstream: tf.raw_ops.MirrorPadGrad(input=upstream, paddings=border, mode="SYMMETRIC")


def wrap(x: tf.Tensor) -> tf.Tensor:
    """Pad by a pixel on every side with the opposite side, so that the result tiles."""
    tall = tf.concat([x[:, -1:], x, x[:, :1]], 1)
    return tf.concat([tall[:, :, -1:], tall, tall[:, :, :1]], 2)


def first_values(plan: GeneratorPlan, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return initial values: kernels as He et al. 2015, scales and variances one, the rest zero."""
    values = {}
    for name, shape in plan.shapes.items():
        if name.endswith("/kernel"):
            values[name] = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[:3]), dtype=np.float32)
        else:
            values[name] = np.full(shape, float(name.endswith(("/scale", "/variance"))), np.float32)
    return values


QUIET = 0.2


def quiet(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the same network with reduced contributions of the coarser scales.

    At full strength, they produce blots in the first steps of a style: a few extreme coarse pixels, which normalisation
    amplifies and no later step removes.
    """
    return {name: array * QUIET if name.endswith("/coarser/scale") else array for name, array in arrays.items()}
