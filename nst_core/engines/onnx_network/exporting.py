"""Our texture networks in the layout of the ONNX Model Zoo's fast neural style, for other programs."""

from nst_core.errors import BadNetwork
from nst_core.models.graphs import Graph
from nst_core.texture_networks import generators, painting

NAMES = ("input1", "output1")  # the Model Zoo's


def export(data: bytes, *, name: str = "This file") -> bytes:
    """Return the ONNX model of a texture network's file. It draws its noise itself, so that no two passes are quite the same.

    Raises: BadNetwork when the network makes textures, or the file is none of ours.
    """
    network = generators.read(data, name=name)
    if not network.plan.picture:
        raise BadNetwork(f"{name} makes textures from nothing: this layout is for networks that paint photographs.")
    graph, multiple = Graph(), network.plan.multiple
    pixels = graph.input(NAMES[0], (1, 3, "h", "w"))
    content = graph.op("Div", pixels, graph.constant(255))
    padded = graph.op("Pad", content, _missing(graph, content, multiple), mode="edge")
    noises = {stage.ratio: _noise(graph, padded, stage.ratio) for stage in network.plan.stages}
    made = graph.op("Mul", painting.generator(graph, network, padded, noises), graph.constant(255))
    ends, axes = graph.op("Slice", graph.op("Shape", content), *_indices(graph, 2, 4)), graph.constant([2, 3], int)
    graph.output(NAMES[1], graph.op("Slice", made, graph.constant([0, 0], int), ends, axes), (1, 3, "h", "w"))
    return graph.model()


def _indices(graph: Graph, *values: int) -> list[str]:
    return [graph.constant([value], int) for value in values]


def _missing(graph: Graph, content: str, multiple: int) -> str:
    """Return the padding that makes both sides multiples: below and to the right."""
    sides = graph.op("Slice", graph.op("Shape", content), *_indices(graph, 2, 4))
    missing = graph.op("Mod", graph.op("Neg", sides), graph.constant([multiple, multiple], int))
    return graph.op("Concat", graph.constant([0] * 6, int), missing, axis=0)


def _noise(graph: Graph, picture: str, ratio: int) -> str:
    smaller = graph.pool(picture, ratio) if ratio > 1 else picture
    amplitude = painting.AMPLITUDE
    return graph.op("RandomUniformLike", smaller, dtype=1, low=-amplitude, high=amplitude)
