"""The network that selects a subject as an ONNX model: its trained arrays in, the bytes of `models/subject.onnx` out.

    block3_conv3 (n, h, w, 64), block4_conv3 (n, h/2, w/2, 128), block5_conv1 (n, h/4, w/4, 128) ─► mask (n, h, w) in [0, 1]

The maps are those that `lite.onnx` makes of photographs, by these names and in this order of dimensions, so that a page that
runs one model can hand its outputs to the other. `training/subject/network.py` has the same layers in PyTorch.
"""

from collections.abc import Mapping

import numpy as np

from nst_core.models.graphs import Graph

LAYERS = ("block3_conv3", "block4_conv3", "block5_conv1")
CHANNELS = (64, 128, 128)
BLOCKS = (4, 2, 1)  # at a sixteenth, an eighth, a quarter of the photograph's size
BEFORE = 2  # blocks before the mean of the whole picture is added

SubjectArrays = Mapping[str, np.ndarray]


def subject(arrays: SubjectArrays) -> bytes:
    """Return the model. arrays: as `training/subject` writes them, kernels (out, in, h, w)."""
    graph = Graph()
    fine, middle, coarse = (_entered(graph, *layer) for layer in zip(LAYERS, CHANNELS, strict=True))
    x = graph.op("Concat", graph.pool(middle, 2), coarse, axis=1)
    x = graph.op("Relu", _convolve(graph, arrays, "enter", x))
    for number in range(BLOCKS[0]):
        x = _with_whole(graph, arrays, x) if number == BEFORE else x
        x = _block(graph, arrays, f"stage.0.{number}", x)
    for stage, skipped in enumerate((middle, fine), 1):
        enlarged = graph.like(_convolve(graph, arrays, f"lift.{stage - 1}", x), skipped)
        x = graph.op("Relu", graph.op("Add", enlarged, _convolve(graph, arrays, f"skip.{stage - 1}", skipped)))
        for number in range(BLOCKS[stage]):
            x = _block(graph, arrays, f"stage.{stage}.{number}", x)
    mask = graph.op("Sigmoid", _convolve(graph, arrays, "head.2", x))
    graph.output("mask", graph.op("Squeeze", mask, graph.constant([1], np.int64)), ("n", "mask_h", "mask_w"))
    return graph.model()


def _entered(graph: Graph, layer: str, channels: int) -> str:
    return graph.op("Transpose", graph.input(layer, ("n", f"{layer}_h", f"{layer}_w", channels)), perm=[0, 3, 1, 2])


def _with_whole(graph: Graph, arrays: SubjectArrays, x: str) -> str:
    """Return a map to which what the whole picture is like has been added."""
    mean = graph.op("ReduceMean", x, graph.constant([2, 3], np.int64))
    kernel = arrays["whole.weight"][:, :, None, None]
    added = graph.op("Conv", mean, graph.half(kernel), graph.half(arrays["whole.bias"]))
    return graph.op("Add", x, graph.op("Relu", added))


def _block(graph: Graph, arrays: SubjectArrays, name: str, x: str) -> str:
    inside = _convolve(graph, arrays, f"{name}.depth", x)
    inside = graph.op("Relu", _convolve(graph, arrays, f"{name}.wide", inside))
    return graph.op("Add", x, _convolve(graph, arrays, f"{name}.narrow", inside))


def _convolve(graph: Graph, arrays: SubjectArrays, name: str, x: str) -> str:
    """Return the map after a convolution padded with zeros; one with a single channel for each output is depthwise."""
    kernel, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    group = kernel.shape[0] if kernel.shape[1] == 1 and kernel.shape[0] > 1 else 1
    pads = [kernel.shape[2] // 2] * 4
    return graph.op("Conv", x, graph.half(kernel), graph.half(bias), group=group, pads=pads)
