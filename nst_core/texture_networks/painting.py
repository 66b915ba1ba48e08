"""Run a trained texture network: paint a photograph, or make a texture.

The generator is built as ONNX from its plan and arrays on first use; TensorFlow, which trained it (`training`), is not needed.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image as Pillow

from nst_core.errors import BadRecipe
from nst_core.images import Image
from nst_core.models.graphs import Graph, Padding, Session
from nst_core.pictures import colors, strokes
from nst_core.recipes import TextureNetworkRecipe
from nst_core.stylizer import Step
from nst_core.texture_networks import generators
from nst_core.texture_networks.generators import NOISE, WIDTH, GeneratorConvolution, GeneratorPlan, TextureNetwork

EPSILON = 1e-5  # of the normalisations
AMPLITUDE = 0.3  # of the noise, for a picture in [−1, 1]
LIMIT = 2.5  # standard deviations at which maps from a coarser scale are clipped
REMEMBERED = 12  # painters cached per process


# --- the model --------------------------------------------------------------------------------------------------------


def model(network: TextureNetwork) -> bytes:
    """Return the generator with its numbers in it: content (1, h, w, 3), if it takes one, and a noise per stage -> picture."""
    graph = Graph()
    maps = lambda name: graph.op("Transpose", graph.input(name, (1, f"{name}_h", f"{name}_w", 3)), perm=[0, 3, 1, 2])  # noqa: E731
    content = maps("content") if network.plan.picture else None
    made = generator(graph, network, content, {stage.ratio: maps(f"noise{stage.ratio}") for stage in network.plan.stages})
    graph.output("made", graph.op("Transpose", made, perm=[0, 2, 3, 1]), (1, "made_h", "made_w", 3))
    return graph.model()


def generator(graph: Graph, network: TextureNetwork, content: str | None, noises: Mapping[int, str]) -> str:
    """Add the generator to a graph and return its result, (1, 3, h, w) in [0, 1].

    content: (1, 3, h, w) in [0, 1], its sides multiples of the plan's; None for a network of textures. noises: by ratio,
    (1, 3, h / ratio, w / ratio).
    """
    return _Generator(graph, network).made(content, noises)


class _Generator:
    """Build the nodes of a graph from a plan."""

    def __init__(self, graph: Graph, network: TextureNetwork) -> None:
        self._graph, self._plan, self._arrays = graph, network.plan, network.arrays
        self._padding: Padding = "edge" if self._plan.picture else "wrap"

    def made(self, picture: str | None, noises: Mapping[int, str]) -> str:
        graph, plan, x = self._graph, self._plan, ""
        if picture:
            picture = graph.op("Sub", graph.op("Mul", picture, graph.constant(2)), graph.constant(1))
        for stage in plan.stages:
            noise = noises[stage.ratio]
            branch = noise if picture is None else graph.op("Concat", self._pool(picture, stage.ratio), noise, axis=1)
            branch = self._chain(branch, stage.branch)
            x = self._join(x, branch, stage) if x else branch
        return graph.op("Sigmoid", self._convolve(x, self._arrays["rgb/kernel"], self._arrays["rgb/bias"]))

    def _join(self, coarser: str, branch: str, stage: generators.GeneratorStage) -> str:
        """Add the first convolution of two joined maps as the sum of two convolutions, which saves copying them."""
        graph, first = self._graph, stage.join[0]
        kernel = self._arrays[f"{first.name}/kernel"]
        branch = self._norm(branch, f"join{stage.ratio}/branch")
        coarser = graph.enlarge(self._limited(self._norm(coarser, f"join{stage.ratio}/coarser"), f"join{stage.ratio}/coarser"))
        halves = self._convolve(coarser, kernel[:, :, :-WIDTH]), self._convolve(branch, kernel[:, :, -WIDTH:])
        x = graph.op("Relu", self._norm(graph.op("Add", *halves), first.name))
        return self._chain(x, stage.join[1:])

    def _chain(self, x: str, convolutions: Sequence[GeneratorConvolution]) -> str:
        for c in convolutions:
            x = self._graph.op("Relu", self._norm(self._convolve(x, self._arrays[f"{c.name}/kernel"]), c.name))
        return x

    def _convolve(self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> str:
        return self._graph.convolve(x, kernel, bias, padding=self._padding)

    def _norm(self, x: str, name: str) -> str:
        graph, arrays = self._graph, self._arrays
        scale, shift = graph.half(arrays[f"{name}/scale"]), graph.half(arrays[f"{name}/shift"])
        if self._plan.normalisation == "instance":
            return graph.op("InstanceNormalization", x, scale, shift, epsilon=EPSILON)
        running = graph.half(arrays[f"{name}/mean"]), graph.half(arrays[f"{name}/variance"])
        return graph.op("BatchNormalization", x, scale, shift, *running, epsilon=EPSILON)

    def _limited(self, x: str, name: str) -> str:
        """Clip a normalised map; see `training.generator.limit`."""
        graph, shift = self._graph, self._arrays[f"{name}/shift"][:, None, None]
        reach = LIMIT * np.abs(self._arrays[f"{name}/scale"][:, None, None])
        return graph.op("Min", graph.op("Max", x, graph.constant(shift - reach)), graph.constant(shift + reach))

    def _pool(self, picture: str, ratio: int) -> str:
        return picture if ratio == 1 else self._graph.op("AveragePool", picture, kernel_shape=[ratio] * 2, strides=[ratio] * 2)


def draw_noise(plan: GeneratorPlan, rng: np.random.Generator, n: int, height: int, width: int) -> list[np.ndarray]:
    """Return uniform noise around 0, an array per stage, coarsest first: (n, h / ratio, w / ratio, 3)."""
    sides = [(height // stage.ratio, width // stage.ratio) for stage in plan.stages]
    return [(rng.random((n, h, w, NOISE), np.float32) * 2 - 1) * AMPLITUDE for h, w in sides]


# --- use --------------------------------------------------------------------------------------------------------------


class NetworkPainter:
    """Hold a network that is ready to paint."""

    def __init__(self, network: TextureNetwork) -> None:
        self.plan = network.plan
        self._session = Session(model(network))

    def stylize(self, content: Image, seed: int = 0) -> Image:
        """Return (h, w, 3) painted, with the same shape.

        Raises: BadRecipe if the network makes textures.
        """
        if not self.plan.picture:
            raise BadRecipe("This network makes textures from nothing; choose one for photographs.")
        h, w, _ = content.shape
        below, right = -h % self.plan.multiple, -w % self.plan.multiple
        padded = np.pad(content, ((0, below), (0, right), (0, 0)), "symmetric")
        return self._paint(padded, seed)[:h, :w]

    def synthesize(self, height: int, width: int, seed: int = 0) -> Image:
        """Return a texture of that size, (h, w, 3), that tiles without seams.

        Raises: BadRecipe if the network paints photographs.
        """
        if self.plan.picture:
            raise BadRecipe("This network paints photographs; choose one for textures.")
        multiple = self.plan.multiple
        grey = np.empty((height + -height % multiple, width + -width % multiple, 3), np.float32)
        return resize_tile(self._paint(grey, seed), height, width)

    def _paint(self, picture: Image, seed: int) -> Image:
        noises = draw_noise(self.plan, np.random.default_rng(seed), 1, *picture.shape[:2])
        inputs = {f"noise{stage.ratio}": noise for stage, noise in zip(self.plan.stages, noises, strict=True)}
        return self._session.run("made", **inputs, **({"content": picture[None]} if self.plan.picture else {}))[0][0]


def resize_tile(tile: Image, height: int, width: int) -> Image:
    """Resize a tile by a few pixels, to a size that is not a multiple of the coarsest pixel; it still tiles."""
    h, w, _ = tile.shape
    if (h, w) == (height, width):
        return tile
    border = 8  # wider than the filter
    wide = np.pad(tile, ((border, border), (border, border), (0, 0)), "wrap")
    box = (border, border, border + w, border + h)
    planes = [
        Pillow.fromarray(np.ascontiguousarray(wide[..., channel])).resize((width, height), Pillow.Resampling.LANCZOS, box)
        for channel in range(3)
    ]
    return np.clip(np.stack([np.asarray(plane) for plane in planes], -1), 0, 1)


_lock = threading.Lock()
_painters: dict[bytes, NetworkPainter] = {}


def painter(data: bytes) -> NetworkPainter:
    """Return the painter of a network file, loaded once per process.

    Raises: BadNetwork.
    """
    with _lock:
        if data not in _painters:
            while len(_painters) >= REMEMBERED:
                _painters.pop(next(iter(_painters)))
            _painters[data] = NetworkPainter(generators.read(data))
        return _painters[data]


def paint(data: bytes, content: Image | None, recipe: TextureNetworkRecipe) -> Iterator[Step]:
    """Yield one Step: the content painted by the network in the file, or without a content, a texture.

    Raises: BadNetwork, BadRecipe.
    """
    start = time.perf_counter()
    network = painter(data)
    if content is not None:
        painted = strokes.painted(content, recipe.stroke_size, lambda x: network.stylize(x, recipe.seed))
        image = colors.finish(painted, content, recipe.color)
    else:
        image = network.synthesize(*(recipe.shape or (recipe.size, recipe.size)), recipe.seed)
    yield Step(1, 1, {}, image, time.perf_counter() - start)
