"""Build instant-lite as one ONNX model: the arrays of `instant-lite` and `vgg19-lite` in, the bytes of `models/lite.onnx` out.

    styles (n, h, w, 3) ─► vgg19-lite ─► maps ─► statistics ─► ridge regression ─► predicted (n, 100)
    content (1, h, w, 3), noise (1, h, w, 1), detail (1, h', w', 3), vector (100,) ─► transformer ─► painted (1, h', w', 3)
    ground, ground_noise, ground_detail, vectors (m, 100), shares (1, h, w, m) ─► the same, by region ─► painted_by_region
    what the core draws, lines or ground_lines, and rows of the detail ─► drawn, a strip of a large picture

The transformer works on two pictures of the same scene. Its core sees `content` at the size at which a stroke has its natural
width, and halves it twice; its last three convolutions work at the size of `detail`, which is the result's, and draw edges
along those of the photograph. Maps are enlarged by bilinear interpolation only (Odena et al. 2016: checkerboard artifacts).
White noise is added after four of the normalised layers, with a gain per channel that the style vector sets, so that a flat
area can carry irregular strokes (Karras et al. 2019).

The parts share their weights but nothing else, so that unused inputs can be a few pixels.
`python -m nst_core.training.export` writes the file. `training/instant_network.py` has the same layers in PyTorch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from nst_core.models import vgg_lite
from nst_core.models.graphs import Graph
from nst_core.recipes import LAYERS

LEAST = 0.05  # of the picture: a region of this size is normalised half by its own statistics
EPSILON = 1e-5
MEASURED = LAYERS["vgg19-lite"]
GRAMS = MEASURED[:5]  # block1_conv1 … block3_conv1: more layers would give more numbers than there are training pictures
NUMBERS = 100  # of a style vector

BLOCKS = tuple(f"block{i}" for i in range(1, 5))  # residual, at a quarter of the core's size
NORMALISED = ("down1", "down2", *(f"{block}{part}" for block in BLOCKS for part in "ab"), "up", "lines")
HALF_SIZE = ("down1", "up", "lines")  # layers whose maps have half the core's size; those of the others have a quarter
LINES = 16  # channels from the core to the last stage
NOISY = ("block1a", "block2a", "block3a", "up")  # layers that get noise
COARSE = NOISY[:2]  # the coarse one

Arrays = Mapping[str, np.ndarray]
Layer = tuple[np.ndarray, np.ndarray, np.ndarray]  # kernel (k, k, in, out); dense (100, 2·out or 3·out) and bias of its style
Norm = Callable[[str, str, Layer, str], str]  # a map, the name, arrays and noise of its layer -> the normalised map


def lite(arrays: Arrays, network: Mapping[str, vgg_lite.Convolution]) -> bytes:
    """Return the model. arrays: those of `instant-lite`; network: the convolutions of `vgg19-lite` by layer."""
    graph = Graph()
    maps = _look(graph, graph.input("styles", ("n", "styles_h", "styles_w", 3)), network)
    graph.output("predicted", _predict(graph, maps, [arrays[f"predictor/{i}"] for i in range(4)]), ("n", NUMBERS))
    for layer, x in maps.items():
        graph.output(layer, graph.op("Transpose", x, perm=[0, 2, 3, 1]), ("n", f"{layer}_h", f"{layer}_w", "c"))
    for name, prefix, norm, output in (
        ("content", "", _by_vector, "painted"),
        ("ground", "ground_", _by_region, "painted_by_region"),
    ):
        scene = _Scene.inputs(graph, name, prefix)
        lines = _core(graph, scene, arrays, norm(graph))
        graph.output(f"{prefix}lines", lines, (1, LINES, f"{prefix}lines_h", f"{prefix}lines_w"))
        picture = _drawn(graph, graph.like(lines, scene.detail), scene.detail, arrays)
        graph.output(output, picture, (1, f"{output}_h", f"{output}_w", 3))
    _strip(graph, arrays)
    return graph.model()


# --- styles to vectors ------------------------------------------------------------------------------------------------


def _look(graph: Graph, pictures: str, network: Mapping[str, vgg_lite.Convolution]) -> dict[str, str]:
    """Return the maps of every layer, (n, c, h', w'), of pictures (n, h, w, 3) in [0, 1]."""
    x = graph.op("Div", graph.op("Sub", pictures, graph.constant(vgg_lite.MEAN)), graph.constant(vgg_lite.DEVIATION))
    x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    maps: dict[str, str] = {}
    for layer, (kernel, bias) in network.items():
        if maps and layer.endswith("_conv1"):
            x = graph.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = maps[layer] = graph.op("Relu", graph.convolve(x, kernel, bias))
    return maps


def _predict(graph: Graph, maps: Mapping[str, str], predictor: Sequence[np.ndarray]) -> str:
    """Return style vectors, (n, 100)."""
    mean, deviation, kernel, bias = predictor
    x = graph.op("Sqrt", _statistics(graph, maps))
    x = graph.op("Div", graph.op("Sub", x, graph.half(mean)), graph.half(deviation))
    return graph.op("Gemm", x, graph.half(kernel), graph.half(bias))


def _statistics(graph: Graph, maps: Mapping[str, str]) -> str:
    """Return the predictor's input, (n, 5008): mean and deviation of each channel in MEASURED, half of each Gram matrix of
    GRAMS.
    """
    positions, found = graph.constant([2], np.int64), []
    flat = {layer: graph.op("Reshape", maps[layer], graph.constant([0, 0, -1], np.int64)) for layer in MEASURED}  # (n, c, hw)
    for layer in MEASURED:
        mean = graph.op("ReduceMean", flat[layer], positions)  # (n, c, 1)
        off = graph.op("Sub", flat[layer], mean)
        variance = graph.op("ReduceMean", graph.op("Mul", off, off), positions, keepdims=0)
        found += [
            graph.op("Squeeze", mean, positions),
            graph.op("Sqrt", graph.op("Add", variance, graph.constant(1e-6))),
        ]
    for layer in GRAMS:
        x = flat[layer]
        products = graph.op("MatMul", x, graph.op("Transpose", x, perm=[0, 2, 1]))
        gram = graph.op("Div", products, _length(graph, x, 2))  # (n, c, c)
        rows, columns = np.triu_indices(_channels(layer))
        half = graph.constant(rows * _channels(layer) + columns, np.int64)
        found.append(graph.op("Gather", graph.op("Reshape", gram, graph.constant([0, -1], np.int64)), half, axis=1))
    return graph.op("Concat", *found, axis=1)


def _channels(layer: str) -> int:
    return vgg_lite.CHANNELS[int(layer[5]) - 1]


def _length(graph: Graph, x: str, axis: int) -> str:
    """Return the length of a tensor along an axis, as a float."""
    length = graph.op("Gather", graph.op("Shape", x), graph.constant(axis, np.int64))
    return graph.op("Cast", length, to=1)


# --- content and vectors to a picture ---------------------------------------------------------------------------------


class _Scene(NamedTuple):
    """Hold the inputs of the transformer, (n, c, h, w)."""

    content: str
    noise: str
    detail: str

    @classmethod
    def inputs(cls, graph: Graph, content: str, prefix: str) -> Self:
        """Declare the model's three inputs, (1, h, w, c)."""
        noise, detail = f"{prefix}noise", f"{prefix}detail"
        size, large = (f"{content}_h", f"{content}_w"), (f"{detail}_h", f"{detail}_w")
        shapes = {content: (1, *size, 3), noise: (1, *size, 1), detail: (1, *large, 3)}
        return cls(*(graph.op("Transpose", graph.input(name, shape), perm=[0, 3, 1, 2]) for name, shape in shapes.items()))


def layer_of(arrays: Arrays, name: str) -> Layer:
    """Return kernel, dense and bias of a normalised layer of the transformer."""
    kernel, dense, bias = (arrays[f"transformer/{name}/{part}"] for part in ("kernel", "dense", "bias"))
    return kernel, dense, bias


def _core(graph: Graph, scene: _Scene, arrays: Arrays, norm: Norm) -> str:
    """Return what the last stage draws from, (1, LINES, h / 2, w / 2); the sides of the content are multiples of 4."""
    fine, quarter, coarse = _noises(graph, scene.noise)
    noises = {name: fine if name in HALF_SIZE else coarse if name in COARSE else quarter for name in NOISY}

    def layer(name: str, x: str, stride: int = 1) -> str:
        arrays_of_layer = layer_of(arrays, name)
        return norm(graph.convolve(x, arrays_of_layer[0], stride=stride), name, arrays_of_layer, noises.get(name, ""))

    x = graph.op("Relu", layer("down2", graph.op("Relu", layer("down1", scene.content, 2)), 2))
    for block in BLOCKS:
        x = graph.op("Add", x, layer(f"{block}b", graph.op("Relu", layer(f"{block}a", x))))
    return layer("lines", graph.op("Relu", layer("up", graph.twice(x))))


def _drawn(graph: Graph, lines: str, detail: str, arrays: Arrays) -> str:
    """Return the picture, (1, h', w', 3) in [0, 1], from maps of the detail's size."""

    def plain(name: str, x: str) -> str:
        return graph.convolve(x, *(arrays[f"transformer/{name}/{part}"] for part in ("kernel", "bias")))

    guide = plain("guide", graph.op("Sub", detail, graph.constant(0.5)))
    x = graph.op("Relu", graph.op("Add", lines, guide))
    x = plain("out", graph.op("Relu", plain("refine", x)))
    return graph.op("Transpose", graph.op("Sigmoid", x), perm=[0, 2, 3, 1])


def _strip(graph: Graph, arrays: Arrays) -> None:
    """Add the last stage for a few rows of the result, so that a large picture needs no maps of its full size.

    wide_lines (1, LINES, h, w), strip (1, h', w', 3) and roi (8,), first and last position of the strip's pixels in the maps
    relative to their last index (ONNX, Resize) ─► drawn (1, h', w', 3).
    """
    lines = graph.input("wide_lines", (1, LINES, "wide_lines_h", "wide_lines_w"))
    detail = graph.op("Transpose", graph.input("strip", (1, "strip_h", "strip_w", 3)), perm=[0, 3, 1, 2])
    enlarged = graph.like(lines, detail, roi=graph.input("roi", (8,)))
    graph.output("drawn", _drawn(graph, enlarged, detail, arrays), (1, "drawn_h", "drawn_w", 3))


def _noises(graph: Graph, noise: str) -> tuple[str, str, str]:
    """Return noise of unit variance from white noise (1, 1, h, w): at half the size, at a quarter, and coarse at a quarter."""
    fine = graph.op("Mul", graph.pool(noise, 2), graph.constant(2))
    quarter = graph.op("Mul", graph.pool(fine, 2), graph.constant(2))
    coarse = graph.like(graph.op("Mul", graph.pool(quarter, 4), graph.constant(4 * BLURRED)), quarter)
    return fine, quarter, coarse


BLURRED = 1.45  # divided by the deviation of white noise enlarged four times by bilinear interpolation


def _styled(graph: Graph, vector: str, layer: Layer) -> list[str]:
    """Return scale − 1, shift and, where the layer has noise, gain, (m, c) each, of vectors (m, 100)."""
    _, dense, bias = layer
    style = graph.op("Gemm", vector, graph.half(dense), graph.half(bias))
    results = 3 if _noisy(layer) else 2
    return graph.ops("Split", style, results=results, axis=1, num_outputs=results)


def _noisy(layer: Layer) -> bool:
    kernel, _, bias = layer
    return bias.shape[0] == 3 * kernel.shape[-1]


def _each(graph: Graph, values: str) -> str:
    """Return (1, c) or (c,) as (1, c, 1, 1)."""
    return graph.op("Reshape", values, _shape(graph, 1, -1, 1, 1))


def _with_noise(graph: Graph, x: str, noise: str, gain: Sequence[str]) -> str:
    """Return the map with noise added; gain: none, or one value per channel, (1, c)."""
    return graph.op("Add", x, graph.op("Mul", noise, _each(graph, gain[0]))) if gain else x


def _by_vector(graph: Graph) -> Norm:
    """Return conditional instance normalisation: scale and shift of each channel from the style vector; then noise."""
    vector = graph.op("Unsqueeze", graph.input("vector", (NUMBERS,)), graph.constant([0], np.int64))

    def norm(x: str, name: str, layer: Layer, noise: str) -> str:
        scale, shift, *gain = _styled(graph, vector, layer)
        scale, shift = (graph.op("Squeeze", y, _axis(graph, 0)) for y in (scale, shift))
        x = graph.op("InstanceNormalization", x, graph.op("Add", scale, graph.constant(1)), shift, epsilon=EPSILON)
        return _with_noise(graph, x, noise, gain)

    return norm


def borrowing(arrays: Arrays) -> bytes:
    """Return the transformer without instance normalisation: each layer's means and deviations come from outside.

    content, noise, detail, vector, means and deviations (all layers' channels in a row) ─► borrowed (1, h', w', 3); and what
    instance normalisation would take: content, noise, detail, vector ─► own_means, own_deviations.
    """
    graph = Graph()
    total = sum(layer_of(arrays, name)[0].shape[-1] for name in NORMALISED)
    styles, means, deviations = _by_vector(graph), [], []

    def own(x: str, name: str, layer: Layer, noise: str) -> str:
        mean = graph.op("ReduceMean", x, graph.constant([2, 3], np.int64))
        off = graph.op("Sub", x, mean)
        variance = graph.op("ReduceMean", graph.op("Mul", off, off), graph.constant([2, 3], np.int64))
        means.append(_row(graph, mean))
        deviations.append(_row(graph, graph.op("Sqrt", graph.op("Add", variance, graph.constant(EPSILON)))))
        return styles(x, name, layer, noise)

    scene = _Scene.inputs(graph, "content", "")
    _core(graph, scene, arrays, own)
    graph.output("own_means", graph.op("Concat", *means, axis=0), (total,))
    graph.output("own_deviations", graph.op("Concat", *deviations, axis=0), (total,))
    lines = _core(graph, scene, arrays, _by_statistics(graph, total))
    borrowed = _drawn(graph, graph.like(lines, scene.detail), scene.detail, arrays)
    graph.output("borrowed", borrowed, (1, "borrowed_h", "borrowed_w", 3))
    return graph.model()


def _by_statistics(graph: Graph, total: int) -> Norm:
    """Return a normalisation with scale, shift and gain from the vector, mean and deviation from outside."""
    given = [graph.input(name, (total,)) for name in ("means", "deviations")]
    vector = graph.op("Unsqueeze", "vector", graph.constant([0], np.int64))
    at = 0

    def norm(x: str, name: str, layer: Layer, noise: str) -> str:
        nonlocal at
        width = layer[0].shape[-1]
        ends = _axis(graph, at), _axis(graph, at + width)
        mean, deviation = (_each(graph, graph.op("Slice", y, *ends)) for y in given)
        at += width
        scale, shift, *gain = _styled(graph, vector, layer)
        normal = graph.op("Div", graph.op("Sub", x, mean), deviation)
        scaled = graph.op("Mul", normal, _each(graph, graph.op("Add", scale, graph.constant(1))))
        return _with_noise(graph, graph.op("Add", scaled, _each(graph, shift)), noise, gain)

    return norm


def _row(graph: Graph, x: str) -> str:
    return graph.op("Reshape", x, _shape(graph, -1))


def _by_region(graph: Graph) -> Norm:
    """Return a normalisation where each pixel has shares of several styles, which add up to one.

    Each style is normalised by its own region's mean and variance, so that half a picture looks as if the whole were in that
    style; statistics of the whole picture would let a neighbour of other colours drain it. LEAST of the whole picture is added,
    because a small region may lack contrast.
    """
    vectors = graph.input("vectors", ("m", NUMBERS))
    shares = graph.op("Transpose", graph.input("shares", (1, "ground_h", "ground_w", "m")), perm=[0, 3, 1, 2])
    halves = graph.pool(shares, 2)
    fine, coarse = (
        graph.op("Reshape", graph.op("Squeeze", x, _axis(graph, 0)), _shape(graph, 0, -1))
        for x in (halves, graph.pool(halves, 2))
    )  # (m, h·w / 4), (m, h·w / 16)

    def norm(x: str, name: str, layer: Layer, noise: str) -> str:
        share, channels = fine if name in HALF_SIZE else coarse, layer[0].shape[-1]
        ones, zeros = graph.constant(np.ones(channels)), graph.constant(np.zeros(channels))
        x = graph.op("InstanceNormalization", x, ones, zeros, epsilon=EPSILON)
        size, x = graph.op("Shape", x), graph.op("Reshape", x, _shape(graph, channels, -1))  # (c, hw)
        mean, variance, whole = _moments(graph, x, share)
        spread = graph.op("Sqrt", graph.op("Add", graph.op("Relu", variance), graph.op("Sub", graph.constant(1), whole)))
        scale, shift, *gain = _styled(graph, vectors, layer)  # (m, c)
        scale = graph.op("Div", graph.op("Add", scale, graph.constant(1)), spread)
        shift = graph.op("Sub", shift, graph.op("Mul", mean, scale))
        by_pixel = lambda values: graph.op("Gemm", values, share, transA=1)  # noqa: E731
        x = graph.op("Add", graph.op("Mul", x, by_pixel(scale)), by_pixel(shift))  # (c, hw)
        if gain:
            flat = graph.op("Reshape", noise, _shape(graph, 1, -1))
            x = graph.op("Add", x, graph.op("Mul", by_pixel(gain[0]), flat))
        return graph.op("Reshape", x, size)

    return norm


def _moments(graph: Graph, x: str, share: str) -> tuple[str, str, str]:
    """Return mean and variance of each region, (m, c), and the whole's variance, (c,), of a normalised map (c, hw)."""
    squares = graph.op("Mul", x, x)
    own = graph.op("Add", graph.op("ReduceMean", share, _axis(graph, 1)), graph.constant(LEAST))  # (m, 1), of the picture
    positions = _length(graph, share, 1)
    mean, square = (
        graph.op("Div", graph.op("Div", graph.op("Gemm", share, y, transB=1), positions), own) for y in (x, squares)
    )
    whole = graph.op("ReduceMean", squares, _axis(graph, 1), keepdims=0)
    rest = graph.op("Mul", whole, graph.op("Div", graph.constant(LEAST), own))
    return mean, graph.op("Sub", graph.op("Add", square, rest), graph.op("Mul", mean, mean)), whole


def _axis(graph: Graph, axis: int) -> str:
    return graph.constant([axis], np.int64)


def _shape(graph: Graph, *lengths: int) -> str:
    return graph.constant(lengths, np.int64)
