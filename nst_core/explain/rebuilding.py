"""Pictures made again from what a layer keeps: pictures in, pictures out, by the same runs as the Optimize page's.

A reconstruction is a run without a style, a texture one without a content; the tug of war and the four improvements are runs
with both. So there is one engine, and its recipes are the lesson. TensorFlow is imported when it is wanted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.pictures.styles import fitted
from nst_core.recipes import FIRST_LAYERS, OptimizeRecipe
from nst_core.stylizer import Step, Style

NOISE = 0.1  # deviation of the grey noise that runs begin with
# Total variation beside a content layer: the deeper, the less it says about neighbouring pixels, and the more must be assumed.
SMOOTHNESS: Mapping[str, float] = dict(zip(FIRST_LAYERS, (0.3, 1.0, 3.0, 10.0, 100.0), strict=True))
WEIGHTS = (0.15, 1.5, 5.0, 11.0, 50.0, 150.0, 1500.0)  # of style against content; the middle is near `fast`'s
AREA = 2.0  # pixels, a deviation
SHOWN = 10  # steps from one picture to the next: each becomes a preview, which takes its time
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
    """Nothing but one content layer, from noise."""
    smooth = SMOOTHNESS.get(f"{layer[:6]}_conv1", 3.0)
    return _recipe(
        content_layers=(layer,), style_layers=(layer,), style_weight=0, content_weight=1, tv_weight=smooth,
        learning_rate=0.03, iterations=iterations, scales=3,
    )  # fmt: skip


def texturing(layers: Sequence[str], *, form: str = "rms", iterations: int = 100) -> OptimizeRecipe:
    """Nothing but a style at some layers, from noise. form: "rms" compares Gram matrices, "moments" mean and covariance."""
    return _recipe(
        form=form, content_layers=FIRST_LAYERS[:1], style_layers=tuple(layers), content_weight=0, style_weight=1, tv_weight=0,
        learning_rate=0.05, iterations=iterations, scales=2, scale_factor=2.0,
    )  # fmt: skip


def struggle(style_weight: float, *, iterations: int = 100) -> OptimizeRecipe:
    """Content against style: the defaults of the Optimize page, but for its colours, with another weight."""
    return OptimizeRecipe(style_layers=FIRST_LAYERS, style_weight=style_weight, iterations=iterations, scales=3)


def improved(name: str, *, iterations: int = 100) -> OptimizeRecipe:
    """A run with one of IMPROVEMENTS, from noise. Losses are relative to their targets, so that weights keep their meaning."""
    return _recipe(
        form="normalised", content_layers=("block3_conv2", "block4_conv2"), content_weight=1, style_weight=5, tv_weight=1e-4,
        learning_rate=0.04, iterations=iterations, scales=3, **IMPROVEMENTS[name],
    )  # fmt: skip


def _recipe(**settings: Any) -> OptimizeRecipe:
    common: dict[str, Any] = {"form": "mean", "init": "image", "warmup": 0, "chroma_smoothing": 0}  # noise has nothing to lose
    return OptimizeRecipe(**common | settings)


# --- one picture ------------------------------------------------------------------------------------------------------


def reconstruct(picture: Image, layer: str, *, iterations: int = 100, seed: int = 0) -> Image:
    """The picture rebuilt from one layer of vgg19-lite alone, (h, w, 3): what that layer has not kept is gone.

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
    """A texture (side, side, 3) whose Gram matrices (form "rms") or moments ("moments") at the layers are the style's.

    Gatys et al. 2015, 1505.07376.
    """
    return _last(series(blank(side), style, [texturing(layers, form=form, iterations=iterations)], seed=seed))


def _last(steps: Iterator[Step]) -> Image:
    *_, last = steps
    assert last.image is not None
    return last.image


# --- several, side by side --------------------------------------------------------------------------------------------


def series(content: Image, style: Image, recipes: Sequence[OptimizeRecipe], *, seed: int = 0) -> Iterator[Step]:
    """One run after another, as Steps whose pictures show all of them side by side, (h, n·w, 3); `split` takes them apart.

    Every run begins with the same noise, or where its recipe says. The losses are `1/start` and `1/end`, the first run's sums
    of weighted losses at its first and at its latest step, and so on.
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
    """A picture of several side by side, taken apart."""
    return np.split(strip, count, axis=1)


def _strip(pictures: Sequence[Image], count: int) -> Image:
    """(h, count·w, 3); those to come are grey."""
    grey = [np.full_like(pictures[0], 0.5)] * (count - len(pictures))
    return np.concatenate([*pictures, *grey], 1)


def blank(side: int) -> Image:
    """Where there is no content: a grey square."""
    return np.full((side, side, 3), 0.5, np.float32)


def noise(shape: tuple[int, ...], seed: int) -> Image:
    """Grey noise (h, w, 3), quiet: a loud one drives deep layers where they never come back from."""
    rng = np.random.default_rng(seed)
    return np.clip(0.5 + NOISE * rng.standard_normal((*shape, 3)), 0, 1).astype(np.float32)


# --- where losses pull ------------------------------------------------------------------------------------------------


class Pulls(NamedTuple):
    """How strongly each loss wants to change each pixel, (h, w), in [0, 1] of the stronger one's peak; and the two losses."""

    content: np.ndarray
    style: np.ndarray
    content_loss: float
    style_loss: float


def pulls(picture: Image, content: Image, style: Image, *, style_weight: float = 14.0) -> Pulls:
    """Where content and style pull at a picture of the content's shape: the lengths of the two gradients, softened.

    The gradients are averaged over areas of AREA pixels first: so the grain of a compressed picture does not count.
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
