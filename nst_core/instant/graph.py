"""instant-lite as one ONNX model: the arrays of `instant-lite` and `vgg19-lite` in, the bytes of `models/lite.onnx` out.

    styles (n, h, w, 3) ─► vgg19-lite ─► maps ─► statistics ─► ridge regression ─► predicted (n, 100)
    content (1, h, w, 3), vector (100,) ────────► transformer ─────────► painted (1, h, w, 3)
    ground (1, h, w, 3), vectors (m, 100), shares (1, h, w, m) ─► the same, by region ─► painted_by_region

The three share their weights but nothing else, so that what nobody asks for can be fed a few pixels.
`python -m nst_core.training.export` writes the file. What each layer is, `training/instant_network.py` says in TensorFlow; a
test holds the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat

import numpy as np

from nst_core.models import eyes
from nst_core.models.graphs import Graph
from nst_core.recipes import LAYERS

LEAST = 0.05  # of the picture: a region of this size is normalised half by its own statistics
EPSILON = 1e-5
MEASURED = LAYERS["vgg19-lite"]
GRAMS = MEASURED[:5]  # block1_conv1 … block3_conv1: beyond them there would be more numbers than pictures to learn from
NUMBERS = 100  # of a style vector

Arrays = Mapping[str, np.ndarray]
Norm = Callable[[str, np.ndarray, np.ndarray], str]  # a map, dense kernel and bias of its style -> the normalised map


def lite(arrays: Arrays, network: Mapping[str, eyes.Convolution]) -> bytes:
    """The model. arrays: of `instant-lite`; network: the convolutions of `vgg19-lite` by layer."""
    graph = Graph()
    predictor, transformer = _part(arrays, "predictor/"), _part(arrays, "transformer/")
    maps = _look(graph, graph.input("styles", ("n", "styles_h", "styles_w", 3)), network)
    graph.output("predicted", _predict(graph, maps, predictor), ("n", NUMBERS))
    for layer, x in maps.items():
        graph.output(layer, graph.op("Transpose", x, perm=[0, 2, 3, 1]), ("n", f"{layer}_h", f"{layer}_w", "c"))
    norms = {"content": _by_vector(graph), "ground": _by_region(graph, len(transformer))}
    for (name, norm), output in zip(norms.items(), ("painted", "painted_by_region"), strict=True):
        x = graph.op("Transpose", graph.input(name, (1, f"{name}_h", f"{name}_w", 3)), perm=[0, 3, 1, 2])
        graph.output(output, _transform(graph, x, transformer, norm), (1, f"{output}_h", f"{output}_w", 3))
    return graph.model()


def _part(arrays: Arrays, name: str) -> list[np.ndarray]:
    return [arrays[f"{name}{i}"] for i in range(sum(key.startswith(name) for key in arrays))]


# --- styles to vectors ------------------------------------------------------------------------------------------------


def _look(graph: Graph, pictures: str, network: Mapping[str, eyes.Convolution]) -> dict[str, str]:
    """(n, h, w, 3) in [0, 1] to the maps of every layer, (n, c, h', w')."""
    x = graph.op("Div", graph.op("Sub", pictures, graph.constant(eyes.MEAN)), graph.constant(eyes.DEVIATION))
    x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    maps: dict[str, str] = {}
    for layer, (kernel, bias) in network.items():
        if maps and layer.endswith("_conv1"):
            x = graph.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = maps[layer] = graph.op("Relu", graph.convolve(x, kernel, bias))
    return maps


def _predict(graph: Graph, maps: Mapping[str, str], predictor: Sequence[np.ndarray]) -> str:
    """Maps to style vectors, (n, 100)."""
    mean, deviation, kernel, bias = predictor
    x = graph.op("Sqrt", _statistics(graph, maps))
    x = graph.op("Div", graph.op("Sub", x, graph.half(mean)), graph.half(deviation))
    return graph.op("Gemm", x, graph.half(kernel), graph.half(bias))


def _statistics(graph: Graph, maps: Mapping[str, str]) -> str:
    """(n, 5008): each channel's mean and deviation in MEASURED; of the Gram matrices of GRAMS one half."""
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
    return eyes.CHANNELS[int(layer[5]) - 1]


def _length(graph: Graph, x: str, axis: int) -> str:
    """How long a tensor is along an axis, as a float."""
    length = graph.op("Gather", graph.op("Shape", x), graph.constant(axis, np.int64))
    return graph.op("Cast", length, to=1)


# --- content and vectors to a picture ---------------------------------------------------------------------------------


def _transform(graph: Graph, x: str, transformer: Sequence[np.ndarray], norm: Norm) -> str:
    """(1, 3, h, w), sides multiples of 4, to (1, h, w, 3); whatever the norm makes of each layer."""
    *layers, out_kernel, out_bias = transformer
    (down1, down2, *blocks, up) = [layers[i : i + 3] for i in range(0, len(layers), 3)]
    for kernel, *style in (down1, down2):
        x = graph.op("Relu", norm(graph.convolve(x, kernel, stride=2), *style))
    for (kernel1, *style1), (kernel2, *style2) in zip(blocks[::2], blocks[1::2], strict=True):
        y = graph.op("Relu", norm(graph.convolve(x, kernel1), *style1))
        x = graph.op("Add", x, norm(graph.convolve(y, kernel2), *style2))
    kernel, *style = up
    x = graph.op("Relu", norm(graph.convolve(graph.enlarge(x), kernel), *style))
    x = graph.op("DepthToSpace", graph.convolve(x, out_kernel, out_bias), blocksize=2, mode="DCR")
    return graph.op("Transpose", graph.op("Sigmoid", x), perm=[0, 2, 3, 1])


def _by_vector(graph: Graph) -> Norm:
    """Conditional instance normalisation: scale and shift of each channel from the style vector."""
    vector = graph.op("Unsqueeze", graph.input("vector", (NUMBERS,)), graph.constant([0], np.int64))

    def norm(x: str, dense: np.ndarray, bias: np.ndarray) -> str:
        style = graph.op("Gemm", vector, graph.half(dense), graph.half(bias))
        scale, shift = graph.ops("Split", graph.op("Squeeze", style), results=2, num_outputs=2)
        return graph.op("InstanceNormalization", x, graph.op("Add", scale, graph.constant(1)), shift, epsilon=EPSILON)

    return norm


def borrowing(arrays: Arrays) -> bytes:
    """The transformer without instance normalisation: it takes each layer's means and deviations from outside.

    content (1, h, w, 3), vector (100,), means and deviations (all layers' channels in a row) ─► borrowed (1, h, w, 3); and what
    instance normalisation would take them from: content, vector ─► own_means, own_deviations.
    """
    graph, transformer = Graph(), _part(arrays, "transformer/")
    total = sum(bias.shape[0] // 2 for bias in transformer[2:-2:3])
    styles, means, deviations = _by_vector(graph), [], []

    def own(x: str, dense: np.ndarray, bias: np.ndarray) -> str:
        mean = graph.op("ReduceMean", x, graph.constant([2, 3], np.int64))
        off = graph.op("Sub", x, mean)
        variance = graph.op("ReduceMean", graph.op("Mul", off, off), graph.constant([2, 3], np.int64))
        means.append(_row(graph, mean))
        deviations.append(_row(graph, graph.op("Sqrt", graph.op("Add", variance, graph.constant(EPSILON)))))
        return styles(x, dense, bias)

    x = graph.op("Transpose", graph.input("content", (1, "content_h", "content_w", 3)), perm=[0, 3, 1, 2])
    _transform(graph, x, transformer, own)
    graph.output("own_means", graph.op("Concat", *means, axis=0), (total,))
    graph.output("own_deviations", graph.op("Concat", *deviations, axis=0), (total,))
    painted = _transform(graph, x, transformer, _by_statistics(graph, total))
    graph.output("borrowed", painted, (1, "borrowed_h", "borrowed_w", 3))
    return graph.model()


def _by_statistics(graph: Graph, total: int) -> Norm:
    """Scale and shift from the vector, mean and deviation from outside."""
    given = [graph.input(name, (total,)) for name in ("means", "deviations")]
    at = 0

    def norm(x: str, dense: np.ndarray, bias: np.ndarray) -> str:
        nonlocal at
        width = bias.shape[0] // 2
        ends = _axis(graph, at), _axis(graph, at + width)
        mean, deviation = (graph.op("Reshape", graph.op("Slice", x, *ends), _shape(graph, 1, width, 1, 1)) for x in given)
        at += width
        vector = graph.op("Unsqueeze", "vector", graph.constant([0], np.int64))
        style = graph.op("Gemm", vector, graph.half(dense), graph.half(bias))
        scale, shift = (
            graph.op("Reshape", half, _shape(graph, 1, width, 1, 1))
            for half in graph.ops("Split", style, results=2, axis=1, num_outputs=2)
        )
        normal = graph.op("Div", graph.op("Sub", x, mean), deviation)
        return graph.op("Add", graph.op("Mul", normal, graph.op("Add", scale, graph.constant(1))), shift)

    return norm


def _row(graph: Graph, x: str) -> str:
    return graph.op("Reshape", x, _shape(graph, -1))


def _by_region(graph: Graph, count: int) -> Norm:
    """The same where each pixel has shares of several styles, which add up to one; see `instant_jaxed.regional_norm`."""
    vectors = graph.input("vectors", ("m", NUMBERS))
    shares = graph.op("Transpose", graph.input("shares", (1, "ground_h", "ground_w", "m")), perm=[0, 3, 1, 2])
    pool = lambda x: graph.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])  # noqa: E731
    flat = lambda x: graph.op("Reshape", graph.op("Squeeze", x, _axis(graph, 0)), _shape(graph, 0, -1))  # noqa: E731
    halves = pool(shares)
    fine, coarse = flat(halves), flat(pool(halves))  # (m, h·w / 4), (m, h·w / 16)
    layers = iter((fine, *repeat(coarse, count // 3 - 2), fine))  # the first and the last but the output see half the size

    def norm(x: str, dense: np.ndarray, bias: np.ndarray) -> str:
        share, channels = next(layers), dense.shape[1] // 2
        ones, zeros = graph.constant(np.ones(channels)), graph.constant(np.zeros(channels))
        x = graph.op("InstanceNormalization", x, ones, zeros, epsilon=EPSILON)
        size, x = graph.op("Shape", x), graph.op("Reshape", x, _shape(graph, channels, -1))  # (c, hw)
        squares = graph.op("Mul", x, x)
        area = graph.op("ReduceMean", share, _axis(graph, 1))  # (m, 1)
        own = graph.op("Add", area, graph.constant(LEAST))
        positions = _length(graph, share, 1)
        mean, square = (
            graph.op("Div", graph.op("Div", graph.op("Gemm", share, y, transB=1), positions), own) for y in (x, squares)
        )  # (m, c)
        whole = graph.op("ReduceMean", squares, _axis(graph, 1), keepdims=0)  # (c,)
        rest = graph.op("Mul", whole, graph.op("Div", graph.constant(LEAST), own))
        variance = graph.op("Sub", graph.op("Add", square, rest), graph.op("Mul", mean, mean))
        positive = graph.op("Relu", variance)
        spread = graph.op("Sqrt", graph.op("Add", positive, graph.op("Sub", graph.constant(1), whole)))
        style = graph.op("Gemm", vectors, graph.half(dense), graph.half(bias))
        scale, shift = graph.ops("Split", style, results=2, axis=1, num_outputs=2)
        scale = graph.op("Div", graph.op("Add", scale, graph.constant(1)), spread)
        shift = graph.op("Sub", shift, graph.op("Mul", mean, scale))
        scaled = graph.op("Mul", x, graph.op("Gemm", scale, share, transA=1))  # (c, hw)
        return graph.op("Reshape", graph.op("Add", scaled, graph.op("Gemm", shift, share, transA=1)), size)

    return norm


def _axis(graph: Graph, axis: int) -> str:
    return graph.constant([axis], np.int64)


def _shape(graph: Graph, *lengths: int) -> str:
    return graph.constant(lengths, np.int64)
