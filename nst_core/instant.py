"""Stylizers that need one pass: content and styles in, one Step out. TensorFlow lives here; only workers import this file.

Both follow Dumoulin et al. (1610.07629) and Ghiasi et al. (1705.06830): a predictor turns a style picture into a vector, a
transformer turns content and vector into the result. Hence strength s is (1 − s)·vector(content) + s·vector(style) and a
blend of N styles Σ wᵢ·vectorᵢ, and neither needs the predictor again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product, repeat
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def
from tensorflow.types.experimental import ConcreteFunction

from nst_core import features, masks, weights
from nst_core.errors import BadRecipe
from nst_core.features import Extractor
from nst_core.images import Image, digest, fit
from nst_core.recipes import LAYERS, InstantRecipe
from nst_core.regions import Regions
from nst_core.stylizer import Step, Style

Vector = np.ndarray  # (n,) float32
CONTENT, STYLE = "placeholder", "placeholder_1"  # as the hub module's signature names them
STYLE_SIDE = 256  # both predictors were trained on styles of this size
LEAST = 0.05  # of the picture: a region of this size is normalised half by its own statistics
SEAM = 64  # the content's longer side over the radius of a seam between two pictures


class VectorStylizer:
    """What both stylizers share: vectors, remembered by picture; strength and blends; colour; one Step.

    A subclass says how a vector is predicted and how a content is transformed.
    """

    name: str
    remembered = 256  # vectors, 3 kB at most each

    def __init__(self) -> None:
        self._vectors: dict[str, Vector] = {}
        self.predictions = 0  # how often the predictor ran

    def predict(self, style: Image) -> Vector:
        """(h, w, 3) to its style vector."""
        raise NotImplementedError

    def transform(self, content: Image, vector: Vector) -> Image:
        """(h, w, 3) and a style vector to a picture of the same shape."""
        raise NotImplementedError

    def vector(self, style: Image) -> Vector:
        """`predict`, once a picture."""
        key = digest(style)
        if key not in self._vectors:
            if len(self._vectors) >= self.remembered:
                self._vectors.pop(next(iter(self._vectors)))
            self._vectors[key] = self.predict(style)
            self.predictions += 1
        return self._vectors[key]

    def blend(self, content: Image, styles: Sequence[Style], strength: float) -> Vector:
        """(1 − strength)·vector(content) + strength·Σ wᵢ·vectorᵢ, the wᵢ normalised to sum 1."""
        shares = np.array([style.weight for style in styles], np.float32)
        shares /= shares.sum()
        blended = sum(share * self.vector(style.image) for share, style in zip(shares, styles, strict=True))
        if strength == 1:
            return np.asarray(blended)
        return (1 - strength) * self.vector(content) + strength * np.asarray(blended)

    def stylize(self, content: Image, styles: Sequence[Style], recipe: InstantRecipe) -> Iterator[Step]:
        """One Step with the result, of exactly the content's shape.

        Raises: BadRecipe without a style that has weight; BadMask.
        """
        start = time.perf_counter()
        active = with_weight(styles)
        amounts, regions = [style.weight for style in active], Regions(content, active, recipe)
        recolored = regions.recolored()
        if regions.masked:
            result = self.paint(content, recolored, regions.shares(amounts), recipe.strength)
        else:
            blend = [Style(image, amount) for image, amount in zip(recolored, amounts, strict=True)]
            result = self.transform(content, self.blend(content, blend, recipe.strength))
        yield Step(1, 1, {}, regions.finish(result, amounts), time.perf_counter() - start)

    def paint(self, content: Image, styles: Sequence[Image], shares: np.ndarray, strength: float) -> Image:
        """Each style by its share (n, h, w) of every pixel; the rest is the content's.

        Here: a picture for each style, their pixels mixed with each other and with the content along soft seams.
        """
        results = (self.transform(content, self.blend(content, [Style(style)], strength)) for style in styles)
        return compose(content, results, shares)


def compose(content: Image, pictures: Iterable[Image], shares: np.ndarray) -> Image:
    """Pictures mixed by soft shares (n, h, w); the rest is the content."""
    soft = [masks.soften(share, max(share.shape) / SEAM) for share in shares]
    rest = np.maximum(1 - np.sum(soft, axis=0), 0)
    mixed = content * rest[..., None]
    for picture, share in zip(pictures, soft, strict=True):
        mixed += picture * share[..., None]
    return np.clip(mixed, 0, 1)


def with_weight(styles: Sequence[Style]) -> list[Style]:
    """The styles that take part.

    Raises: BadRecipe when none does.
    """
    active = [style for style in styles if style.weight > 0]
    if not active:
        raise BadRecipe("Choose at least one style with a weight above 0.")
    return active


# --- instant-lite ---------------------------------------------------------------------------------------------------


MEASURED = LAYERS["vgg19-lite"]
GRAMS = MEASURED[:5]  # block1_conv1 … block3_conv1: beyond them there would be more numbers than pictures to learn from


def predictors_eyes() -> Extractor:
    """What the predictor looks through."""
    return Extractor(features.network("vgg19-lite"), MEASURED)


def style_statistics(eyes: Extractor, pictures: tf.Tensor) -> tf.Tensor:
    """(n, h, w, 3) -> (n, 5008): roots of each channel's mean and deviation in MEASURED, and of the Gram matrices of GRAMS.

    Roots, since products of activations have long tails. Of a Gram matrix, which is symmetric, one half.
    """
    maps, found = {layer: tf.cast(x, tf.float32) for layer, x in eyes(pictures).items()}, []
    for layer in MEASURED:
        mean, variance = tf.nn.moments(maps[layer], [1, 2])
        found += [mean, tf.sqrt(variance + 1e-6)]
    for layer in GRAMS:
        x = maps[layer]
        flat = tf.reshape(x, [tf.shape(x)[0], -1, x.shape[-1]])
        gram = tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[1], tf.float32)
        half = np.ravel_multi_index(np.triu_indices(x.shape[-1]), (x.shape[-1], x.shape[-1]))
        found.append(tf.gather(tf.reshape(gram, [-1, x.shape[-1] ** 2]), half, axis=1))
    return tf.sqrt(tf.concat(found, 1))


def style_vector(predictor: Sequence[tf.Tensor], statistics: tf.Tensor) -> tf.Tensor:
    """(n, 5008) -> (n, 100). predictor: mean and deviation of the statistics, kernel, bias."""
    mean, deviation, kernel, bias = predictor
    return ((statistics - mean) / deviation) @ kernel + bias


class InstantLite(VectorStylizer):
    """Ours, embedded: 0.45 M parameters of transformer, 0.5 M of predictor, a style vector of 100 numbers.

    The predictor is a linear map of what `vgg19-lite` sees: nine tenths of what style vectors differ by are linear in the roots
    of means, deviations and Gram matrices. Trained to imitate the published mobile Magenta (`nst_core/models/MODELS.md`).
    """

    name = "instant-lite"

    def __init__(self, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        super().__init__()
        arrays = arrays or weights.load("instant-lite")
        count = lambda part: sum(key.startswith(part) for key in arrays)  # noqa: E731
        self._predictor = [tf.constant(arrays[f"predictor/{i}"]) for i in range(count("predictor/"))]
        self._eyes = predictors_eyes()
        *layers, out_kernel, out_bias = (arrays[f"transformer/{i}"] for i in range(count("transformer/")))
        layers[-3] = upsampling_kernel(layers[-3])
        self._layers = [tuple(map(tf.constant, layers[i : i + 3])) for i in range(0, len(layers), 3)]
        self._out = tf.constant(out_kernel), tf.constant(out_bias)
        pixels = tf.TensorSpec([None, None, None, 3])
        self._predict = tf.function(self._predict_graph, input_signature=[pixels])
        self._transform = tf.function(
            self._transform_graph, input_signature=[tf.TensorSpec([1, None, None, 3]), tf.TensorSpec([None])]
        )
        by_pixel = [tf.TensorSpec([1, None, None, 3]), tf.TensorSpec([None, None]), tf.TensorSpec([1, None, None, None])]
        self._paint = tf.function(self._paint_graph, input_signature=by_pixel)

    def predict(self, style: Image) -> Vector:
        return self._predict(squares(style, STYLE_SIDE)).numpy().mean(0)

    def transform(self, content: Image, vector: Vector) -> Image:
        h, w, _ = content.shape
        return self._transform(pad_to_multiple(content, 4)[None], vector.astype(np.float32))[0, :h, :w].numpy()

    def paint(self, content: Image, styles: Sequence[Image], shares: np.ndarray, strength: float) -> Image:
        """In one pass: scale and shift of each instance normalisation vary by pixel; the rest is in the content's own style."""
        vectors = [self.blend(content, [Style(style)], strength) for style in styles]
        rest = np.maximum(1 - shares.sum(0), 0)
        if rest.any():
            vectors, shares = [*vectors, self.vector(content)], np.concatenate([shares, rest[None]])
        h, w, _ = content.shape
        x, by_pixel = (pad_to_multiple(array, 4)[None] for array in (content, np.moveaxis(shares, 0, -1)))
        return self._paint(x, np.stack(vectors).astype(np.float32), by_pixel)[0, :h, :w].numpy()

    def _predict_graph(self, x: tf.Tensor) -> tf.Tensor:
        """(n, 256, 256, 3) to (n, 100)."""
        return style_vector(self._predictor, style_statistics(self._eyes, x))

    def _transform_graph(self, x: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
        """(1, h, w, 3), (100,) to (1, h, w, 3); h and w are multiples of 4."""
        return self._layered(x, lambda x, dense, bias: style_norm(x, tf.linalg.matvec(dense, vector, transpose_a=True) + bias))

    def _paint_graph(self, x: tf.Tensor, vectors: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        """The same with n vectors, (n, 100), and their shares of each pixel, (1, h, w, n), that add up to one."""
        halves = tf.nn.avg_pool2d(shares, 2, 2, "VALID")
        quarters = tf.nn.avg_pool2d(halves, 2, 2, "VALID")

        at_layers = iter((halves, *repeat(quarters, len(self._layers) - 2), halves))
        return self._layered(x, lambda x, dense, bias: regional_norm(x, vectors @ dense + bias, next(at_layers)))

    def _layered(self, x: tf.Tensor, norm: Callable[..., tf.Tensor]) -> tf.Tensor:
        """The network, whatever its norm makes of a layer's map, dense kernel and bias."""
        (down1, down2, *blocks, up) = self._layers
        for kernel, *style in (down1, down2):
            x = tf.nn.relu(norm(convolve(x, kernel, stride=2), *style))
        for (kernel1, *style1), (kernel2, *style2) in zip(blocks[::2], blocks[1::2], strict=True):
            y = tf.nn.relu(norm(convolve(x, kernel1), *style1))
            x += norm(convolve(y, kernel2), *style2)
        kernel, *style = up
        x = tf.nn.depth_to_space(convolve(x, kernel, mode="SYMMETRIC"), 2)
        x = tf.nn.relu(norm(x, *style))
        kernel, bias = self._out
        return tf.sigmoid(tf.nn.depth_to_space(convolve(x, kernel) + bias, 2))


def convolve(x: tf.Tensor, kernel: tf.Tensor, *, stride: int = 1, mode: str = "REFLECT") -> tf.Tensor:
    """Convolution over a picture padded by half a kernel, so that no dark border creeps in."""
    p = kernel.shape[0] // 2
    return tf.nn.conv2d(tf.pad(x, [[0, 0], [p, p], [p, p], [0, 0]], mode), kernel, stride, "VALID")


def style_norm(x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Conditional instance normalisation; style holds scale − 1 and shift, (2c,).

    Over one picture, batch normalisation in training mode is instance normalisation, and its fused kernel a fifth faster
    over the whole network than moments and arithmetic.
    """
    scale, shift = tf.split(style, 2)
    return tf.compat.v1.nn.fused_batch_norm(x, 1 + scale, shift, epsilon=1e-5, is_training=True)[0]


def regional_norm(x: tf.Tensor, styles: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """`style_norm` by region: n styles, (n, 2c), mixed at each pixel by their shares, (1, h, w, n).

    Each is normalised by its own region's mean and variance, so that half a picture looks as if the whole were in that
    style; by those of the whole, a neighbour of other colours would drain it. LEAST of the whole picture is mixed in: a small
    region may have no contrast to stretch.
    """
    ones, zeros = tf.ones_like(x[0, 0, 0]), tf.zeros_like(x[0, 0, 0])
    x, *_ = tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, epsilon=1e-5, is_training=True)
    area = tf.reduce_mean(shares, [0, 1, 2])[:, None]  # (n, 1), of the picture
    whole = tf.reduce_mean(tf.square(x), [0, 1, 2])  # (c,), just below one, for epsilon is in it; the whole's mean is zero
    mean, square = (_regional_mean(y, shares) / (area + LEAST) for y in (x, tf.square(x)))  # (n, c)
    variance = square + whole * LEAST / (area + LEAST) - tf.square(mean)
    scale, shift = tf.split(styles, 2, -1)
    scale = (1 + scale) * tf.math.rsqrt(tf.maximum(variance, 0) + 1 - whole)
    return x * _mixed(shares, scale) + _mixed(shares, shift - mean * scale)


def _regional_mean(x: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Of each share times the map, over all pixels: (1, h, w, c), (1, h, w, n) -> (n, c)."""
    positions = tf.cast(tf.size(x[..., 0]), x.dtype)
    return tf.einsum("bhwn,bhwc->nc", shares, x) / positions


def _mixed(shares: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """(1, h, w, n), (n, c) -> (1, h, w, c)."""
    return tf.einsum("bhwn,nc->bhwc", shares, values)


def upsampling_kernel(kernel: np.ndarray) -> np.ndarray:
    """The 3×3 kernel (3, 3, i, o) that follows a nearest-neighbour ×2, as one over the small map: (3, 3, i, 4·o).

    Output pixel (2y+a, 2x+b) sees rows 2y+a−1 … 2y+a+1 of the enlarged map, which are copies of rows y+⌊(a+d)/2⌋ of the
    small one. Depth-to-space then lays the four phases out. Same numbers, but the enlarged map (a quarter of the memory at
    2048 px) never exists. A reflection of the enlarged map's border is a symmetric one of the small map's.
    """
    _, _, i, o = kernel.shape
    phases = np.zeros((3, 3, i, 2, 2, o), np.float32)
    for a, b, d, e in product((0, 1), (0, 1), (-1, 0, 1), (-1, 0, 1)):
        phases[1 + (a + d) // 2, 1 + (b + e) // 2, :, a, b] += kernel[1 + d, 1 + e]
    return phases.reshape(3, 3, i, 4 * o)


def pad_to_multiple(image: Image, multiple: int) -> Image:
    """(h, w, 3) with reflections below and to the right, so that both sides can be halved evenly."""
    h, w, _ = image.shape
    return np.pad(image, ((0, -h % multiple), (0, -w % multiple), (0, 0)), "reflect")


def squares(image: Image, side: int) -> np.ndarray:
    """(h, w, 3) to (n, side, side, 3): the fewest evenly spread squares that cover it, the shorter side scaled to `side`."""
    h, w, _ = image.shape
    fitted = fit(image, round(side * max(h, w) / min(h, w)))
    longer = 0 if h > w else 1
    count = -(-fitted.shape[longer] // side)
    starts = np.linspace(0, fitted.shape[longer] - side, count).round().astype(int)
    pieces = [fitted[s : s + side] if longer == 0 else fitted[:, s : s + side] for s in starts]
    return np.stack([piece[:side, :side] for piece in pieces])


# --- Magenta --------------------------------------------------------------------------------------------------------


class Magenta(VectorStylizer):
    """TF-Hub's arbitrary-image-stylization-v1-256, cut in two where its style vector of 768 numbers passes.

    The module's signature maps (content, style) to a picture; its two halves are predictor and transformer, with the
    module's own numbers. A module without such a vector is called whole.
    """

    name = "magenta"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._module = tf.saved_model.load(str(folder or weights.path("magenta")))  # it owns the variables
        self._whole = self._module.signatures["serving_default"]
        halves = split(self._whole)
        self.has_vector = halves is not None
        if halves:
            self._predict, self._transform = halves

    def predict(self, style: Image) -> Vector:
        return self._predict(self._style(style)).numpy()  # (1, 1, 1, 768)

    def transform(self, content: Image, vector: Vector) -> Image:
        h, w, _ = content.shape
        result = self._transform(self._content(content), tf.constant(vector, tf.float32))
        return np.clip(result[0, :h, :w].numpy(), 0, 1)

    def stylize(self, content: Image, styles: Sequence[Style], recipe: InstantRecipe) -> Iterator[Step]:
        if self.has_vector:
            yield from super().stylize(content, styles, recipe)
            return
        start, active = time.perf_counter(), only_styles(styles, recipe)
        amounts, regions = [style.weight for style in active], Regions(content, active, recipe)
        results = (self._called_whole(content, style) for style in regions.recolored())
        result = compose(content, results, regions.shares(amounts)) if regions.masked else next(results)
        yield Step(1, 1, {}, regions.finish(result, amounts), time.perf_counter() - start)

    def _called_whole(self, content: Image, style: Image) -> Image:
        h, w, _ = content.shape
        outputs = self._whole(**{CONTENT: self._content(content), STYLE: self._style(style)})
        return np.clip(next(iter(outputs.values()))[0, :h, :w].numpy(), 0, 1)

    @staticmethod
    def _content(content: Image) -> tf.Tensor:
        return tf.constant(pad_to_multiple(content, 4)[None])

    @staticmethod
    def _style(style: Image) -> tf.Tensor:
        """(1, h, w, 3), the shorter side 256 as the publisher recommends."""
        h, w, _ = style.shape
        return tf.constant(fit(style, round(STYLE_SIDE * max(h, w) / min(h, w)))[None])


def split(signature: ConcreteFunction) -> tuple[Callable[..., tf.Tensor], Callable[..., tf.Tensor]] | None:
    """The module's predictor (style → vector) and transformer (content, vector → picture); None where no vector is found.

    A TF-1 module in a SavedModel is one call of one flat function, whose inputs are the signature's and the handles of the
    variables. So the halves are parts of its graph, and share the variables with the module; frozen to constants, as
    graphs are usually cut, they would take 8 s instead of 1 to load and three times the memory.
    """
    calls = [op for op in signature.graph.get_operations() if op.type.endswith("PartitionedCall")]
    if len(calls) != 1:
        return None
    library = signature.graph.as_graph_def().library
    (body,) = (f for f in library.function if f.signature.name == calls[0].get_attr("f").name)
    graph, flat_names = function_def_to_graph_def(body)
    vectors = [f"{node.name}:0" for node in graph.node if node.name.endswith("bottleneck/Mean")]
    if len(vectors) != 1 or len(body.ret) != 1:
        return None
    handles = {inner.name: outer for outer, inner in signature.graph.captures}
    inputs = {t.name: f"{arg.name}:0" for t, arg in zip(calls[0].inputs, body.signature.input_arg, strict=True)}
    bound = {inputs[name]: handle for name, handle in handles.items()}
    (output,) = (flat_names[name] for name in body.ret.values())
    content, style = inputs[f"{CONTENT}:0"], inputs[f"{STYLE}:0"]
    return cut(graph, [style], vectors[0], bound), cut(graph, [content, vectors[0]], output, bound)


def cut(
    graph: tf.compat.v1.GraphDef, inputs: Sequence[str], output: str, bound: Mapping[str, tf.Tensor]
) -> Callable[..., tf.Tensor]:
    """The part of a graph between tensors, as a function of `inputs`; `bound` gives tensors that it takes from outside."""
    nodes = {node.name: node for node in graph.node}
    ends, part, ahead = {name.split(":")[0] for name in (*inputs, *bound)}, set[str](), [output]
    while ahead:
        name = ahead.pop().lstrip("^").split(":")[0]
        if name not in part | ends:
            part.add(name)
            ahead += nodes[name].input
    needed = tf.compat.v1.GraphDef(node=[nodes[name] for name in sorted(part)], versions=graph.versions)
    used = {source.split(":")[0] for node in needed.node for source in node.input}

    def between(*tensors: tf.Tensor) -> tf.Tensor:
        outside = {name: tf.identity(t) for name, t in bound.items() if name.split(":")[0] in used}
        return tf.graph_util.import_graph_def(needed, outside | dict(zip(inputs, tensors, strict=True)), [output], name="")[0]

    return tf.function(between, input_signature=[tf.TensorSpec(None) for _ in inputs]).get_concrete_function()


def only_styles(styles: Sequence[Style], recipe: InstantRecipe) -> list[Style]:
    """The one style of a recipe that asks for neither strength nor blend; several where masks divide the picture.

    Raises: BadRecipe.
    """
    active = with_weight(styles)
    blended = len(active) > 1 and all(style.mask is None for style in active)
    if blended or recipe.strength != 1:
        raise BadRecipe(
            "This Magenta module hides its style vector, so strength and blends are not available: "
            "choose one style at strength 1, or the model instant-lite."
        )
    return active


# --- the two by name ------------------------------------------------------------------------------------------------

STYLIZERS: Mapping[str, type[VectorStylizer]] = {"instant-lite": InstantLite, "magenta": Magenta}
_lock = threading.Lock()
_loaded: dict[str, VectorStylizer] = {}


def stylizer(engine: str = "auto") -> VectorStylizer:
    """The stylizer of that name, loaded once a process; `auto` is magenta where it is cached, else instant-lite.

    Raises: ModelUnavailable.
    """
    name = weights.best_instant() if engine == "auto" else engine
    with _lock:
        if name not in _loaded:
            _loaded[name] = STYLIZERS[name]()
        return _loaded[name]


def warm_up() -> None:
    """Load instant-lite and paint once at the usual size, so that the first picture does not wait for tracing."""
    grey = np.full((384, 512, 3), 0.5, np.float32)
    for _ in stylizer("instant-lite").stylize(grey, [Style(grey)], InstantRecipe(engine="instant-lite")):
        pass
