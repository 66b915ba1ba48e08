"""Run TF-Hub's Magenta. This module imports TensorFlow; only workers import it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nst_core.errors import BadRecipe
from nst_core.features import tf
from nst_core.images import Image, fit
from nst_core.instant.vectors import STYLE_SIDE, Vector, VectorStylizer, compose, pad_to_multiple
from nst_core.models import weights
from nst_core.pictures.regions import Regions
from nst_core.pictures.strokes import Paint
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Step, Style, with_weight

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

CONTENT, STYLE = "placeholder", "placeholder_1"  # names in the hub module's signature


class Magenta(VectorStylizer):
    """Run TF-Hub's arbitrary-image-stylization-v1-256, split in two at its style vector of 768 numbers.

    The module's signature maps (content, style) to a picture; its two halves are predictor and transformer, with the
    module's own numbers. A module without such a vector is called whole.
    """

    name = "magenta"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._module = tf.saved_model.load(str(folder or weights.path("magenta")))  # keeps the variables alive
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
        return super().stylize(content, styles if self.has_vector else only_styles(styles, recipe), recipe)

    def painter(self, content: Image, regions: Regions, amounts: Sequence[float], recipe: InstantRecipe) -> Paint:
        if self.has_vector:
            return super().painter(content, regions, amounts, recipe)
        styles = regions.learned()
        if not regions.masked:
            return lambda x: self._called_whole(x, styles[0])
        called = lambda x: (self._called_whole(x, style) for style in styles)  # noqa: E731
        return lambda x: compose(x, called(x), regions.shares(amounts, x.shape[:2]))

    def _called_whole(self, content: Image, style: Image) -> Image:
        h, w, _ = content.shape
        outputs = self._whole(**{CONTENT: self._content(content), STYLE: self._style(style)})
        return np.clip(next(iter(outputs.values()))[0, :h, :w].numpy(), 0, 1)

    @staticmethod
    def _content(content: Image) -> tf.Tensor:
        return tf.constant(pad_to_multiple(content, 4)[None])

    @staticmethod
    def _style(style: Image) -> tf.Tensor:
        """Return (1, h, w, 3) with a shorter side of 256, as the publisher recommends."""
        h, w, _ = style.shape
        return tf.constant(fit(style, round(STYLE_SIDE * max(h, w) / min(h, w)))[None])


def split(signature: "ConcreteFunction") -> tuple[Callable[..., tf.Tensor], Callable[..., tf.Tensor]] | None:
    """Return the module's predictor (style → vector) and transformer (content, vector → picture), or None without a vector.

    A TF-1 module in a SavedModel is a call of one flat function, whose inputs are the signature's and the handles of variables.
    So both halves are parts of its graph and share its variables. Frozen to constants, as graphs are usually cut, they would
    take 8 s instead of 1 to load, and three times the memory.
    """
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

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
    """Return the part of a graph between tensors as a function of `inputs`; `bound` provides tensors from outside."""
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
    """Return the single style of a recipe without strength or blend, or several if masks divide the picture.

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
