"""Rebuild pictures from what a layer retains, by the same runs as on the Optimize page.

A reconstruction is a run without a style and a texture is one without a content; content against style and the four
improvements are runs with both. One engine serves all of them, and only the recipes differ. TensorFlow is imported when needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.pictures.styles import fitted
from nst_core.recipes import FIRST_LAYERS, OptimizeRecipe
from nst_core.stylizer import Step, Style

NOISE = 0.1  # standard deviation of the initial grey noise
# Weight of total variation for a content layer: deeper layers say less about neighbouring pixels, so more must be assumed.
SMOOTHNESS: Mapping[str, float] = dict(zip(FIRST_LAYERS, (0.3, 1.0, 3.0, 10.0, 100.0), strict=True))
WEIGHTS = (0.15, 1.5, 5.0, 11.0, 50.0, 150.0, 1500.0)  # of style relative to content; the middle is close to that of `fast`
AREA = 2.0  # pixels: a standard deviation
SHOWN = 10  # steps between pictures, because each preview takes time
IMPROVEMENTS: Mapping[str, Mapping[str, bool]] = {
    "none": {},
    "activation shift": {"activation_shift": True},
    "correlation chain": {"correlation_chain": True},
    "all layers": {"all_layers": True},
    "geometric weights": {"geometric_weights": True},
    "all four": dict.fromkeys(("activation_shift", "correlation_chain", "all_layers", "geometric_weights"), True),
}  # Novak & Nikulin 2016, 1605.04603


# --- recipes ----------------------------------------------------------------------------------------------------------


def reconstruction(layer: str, *, iterations: int = 100) -> OptimizeRecipe:
    """Return the recipe for one content layer and no style, from noise."""
    smooth = SMOOTHNESS.get(f"{layer[:6]}_conv1", 3.0)
    return _recipe(
        content_layers=(layer,), style_layers=(layer,), style_weight=0, content_weight=1, tv_weight=smooth,
        learning_rate=0.03, iterations=iterations, scales=3,
    )  # fmt: skip


def texturing(layers: Sequence[str], *, form: str = "rms", iterations: int = 100) -> OptimizeRecipe:
    """Return the recipe for some style layers and no content, from noise. form: "rms": Gram matrices; "moments": mean,
    covariance.
    """
    return _recipe(
        form=form, content_layers=FIRST_LAYERS[:1], style_layers=tuple(layers), content_weight=0, style_weight=1, tv_weight=0,
        learning_rate=0.05, iterations=iterations, scales=2, scale_factor=2.0,
    )  # fmt: skip


def struggle(style_weight: float, *, iterations: int = 100) -> OptimizeRecipe:
    """Return the recipe for content against style: the Optimize page's defaults except for colours, with another weight."""
    return OptimizeRecipe(style_layers=FIRST_LAYERS, style_weight=style_weight, iterations=iterations, scales=3)


def improved(name: str, *, iterations: int = 100) -> OptimizeRecipe:
    """Return the recipe with one of IMPROVEMENTS, from noise. Relative losses keep the weights comparable."""
    return _recipe(
        form="normalised", content_layers=("block3_conv2", "block4_conv2"), content_weight=1, style_weight=5, tv_weight=1e-4,
        learning_rate=0.04, iterations=iterations, scales=3, **IMPROVEMENTS[name],
    )  # fmt: skip


def _recipe(**settings: Any) -> OptimizeRecipe:
    common: dict[str, Any] = {"form": "mean", "init": "image", "warmup": 0, "chroma_smoothing": 0}  # begins with noise
    return OptimizeRecipe(**common | settings)


# --- one picture ------------------------------------------------------------------------------------------------------


def reconstruct(picture: Image, layer: str, *, iterations: int = 100, seed: int = 0) -> Image:
    """Return the picture rebuilt from a single layer of vgg19-lite, (h, w, 3), without what that layer does not retain.

    Mahendran & Vedaldi 2015, 1412.0035.
    """
    return _last(series(picture, picture, [reconstruction(layer, iterations=iterations)], seed=seed))


def texture(
    style: Image,
    layers: Sequence[str] = FIRST_LAYERS,
    *,
    side: int = 192,
    form: str = "rms",
    iterations: int = 100,
    seed: int = 0,
) -> Image:
    """Return a texture (side, side, 3) with the style's Gram matrices (form "rms") or moments ("moments") at the layers.

    Gatys et al. 2015, 1505.07376.
    """
    return _last(series(blank(side), style, [texturing(layers, form=form, iterations=iterations)], seed=seed))


def _last(steps: Iterator[Step]) -> Image:
    *_, last = steps
    assert last.image is not None
    return last.image


# --- several, side by side --------------------------------------------------------------------------------------------


def series(content: Image, style: Image, recipes: Sequence[OptimizeRecipe], *, seed: int = 0) -> Iterator[Step]:
    """Run recipes one after another; yield Steps whose pictures show all results side by side, (h, n·w, 3), for `split`.

    Every run begins with the same noise, unless its recipe says otherwise. The losses `1/start` and `1/end` are the sums of
    weighted losses at the first and the latest step of the first run, and so on.
    """
    from nst_core.optimization import Optimization

    start, total, done, seconds = noise(content.shape[:2], seed), sum(recipe.iterations for recipe in recipes), 0, 0.0
    finished, losses = list[Image](), dict[str, float]()
    for number, recipe in enumerate(recipes, 1):
        for step in Optimization(content, [Style(style)], recipe, initial=start):
            ended, loss = step.iteration == step.total, sum(step.losses.values())
            losses = {f"{number}/start": loss} | losses | {f"{number}/end": loss}
            look = ended or step.iteration % SHOWN == 1
            shown = images.resize(step.image, *content.shape[:2]) if look and step.image is not None else None
            if shown is not None and ended:
                finished.append(shown)
            strip = None if shown is None else _strip([*finished, *([] if ended else [shown])], len(recipes))
            if not ended or number == len(recipes):
                yield Step(done + step.iteration, total, losses, strip, seconds + step.seconds)
        done, seconds = done + recipe.iterations, seconds + step.seconds


def split(strip: Image, count: int) -> list[Image]:
    """Split a picture of several side by side."""
    return np.split(strip, count, axis=1)


def _strip(pictures: Sequence[Image], count: int) -> Image:
    """Join pictures side by side, (h, count·w, 3); missing ones are grey."""
    grey = [np.full_like(pictures[0], 0.5)] * (count - len(pictures))
    return np.concatenate([*pictures, *grey], 1)


def blank(side: int) -> Image:
    """Return a grey square, for runs without a content."""
    return np.full((side, side, 3), 0.5, np.float32)


def noise(shape: tuple[int, ...], seed: int) -> Image:
    """Return grey noise (h, w, 3) of low contrast: high contrast drives deep layers too far for a run to recover."""
    rng = np.random.default_rng(seed)
    return np.clip(0.5 + NOISE * rng.standard_normal((*shape, 3)), 0, 1).astype(np.float32)


# --- where losses pull ------------------------------------------------------------------------------------------------


class Pulls(NamedTuple):
    """Hold how strongly each loss would change each pixel, (h, w), relative to the stronger one's peak; and both losses."""

    content: np.ndarray
    style: np.ndarray
    content_loss: float
    style_loss: float


def pulls(picture: Image, content: Image, style: Image, *, style_weight: float = 14.0) -> Pulls:
    """Return where content and style pull at a picture of the content's shape: the lengths of both gradients, blurred.

    The gradients are averaged over areas of AREA pixels first, so that compression noise does not count.
    """
    from scipy.ndimage import gaussian_filter

    from nst_core.features import network, tf
    from nst_core.optimization import Objective

    recipe = struggle(style_weight)
    objective = Objective(recipe, network(recipe.features), content, [fitted(style, max(content.shape[:2]))])
    weights = objective.weights(recipe, [1.0])
    kinds = [np.array([name.startswith(kind) for name in objective.names], np.float32) for kind in ("content", "style")]
    with tf.GradientTape(persistent=True) as tape:
        x = tf.constant(picture[None])
        tape.watch(x)
        losses = [tf.reduce_sum(objective(x) * weights * kind) for kind in kinds]
    gradients = [gaussian_filter(tape.gradient(loss, x).numpy()[0], (AREA, AREA, 0)) for loss in losses]
    lengths = [np.linalg.norm(gradient, axis=-1) for gradient in gradients]
    peak = max(float(np.quantile(length, 0.995)) for length in lengths) or 1.0
    content_pull, style_pull = (np.clip(length / peak, 0, 1) for length in lengths)
    return Pulls(content_pull, style_pull, *(float(loss) for loss in losses))
