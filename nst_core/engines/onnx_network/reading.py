"""Untrusted ONNX files: checked, then run with a time limit.

Checked are the file's size, its operators, the number of its weights, the layout of input and output, and, on a copy of fixed
size, the size of every map. Only then the model runs, first on a small picture.
"""

import tempfile
import threading
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, shape_inference

from nst_core import images
from nst_core.engines.onnx_network import BYTES_PER_PIXEL, MAX_BYTES
from nst_core.errors import BadNetwork
from nst_core.images import Image

PICTURE_OPERATORS = {  # the picture passes through them
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "Div", "Identity",
    "InstanceNormalization", "LeakyRelu", "MaxPool", "Mul", "Neg", "PRelu", "Pad", "RandomUniformLike", "ReduceMean", "Relu",
    "Resize", "Sigmoid", "Slice", "SpaceToDepth", "Sqrt", "Sub", "Tanh", "Transpose", "Upsample", "Min", "Max",
}  # fmt: skip
SIZE_OPERATORS = {  # exporters compute sizes with them
    "Cast", "Ceil", "Constant", "Floor", "Gather", "Mod", "Reshape", "Round", "Shape", "Squeeze", "Unsqueeze",
}  # fmt: skip
MAX_NODES, MAX_WEIGHTS = 2000, 20_000_000
TRIAL, OTHER = 64, (64, 96)  # side of the picture on which every map is measured, and the shape of the first real pass
LAYOUT = "one input and one output of 1 × 3 × H × W (RGB, 0 to 255), as the ONNX Model Zoo's fast neural style has them"
MAX_MACS = 1_000_000  # multiplications a pixel; the Model Zoo's networks need a tenth
SECONDS = 120.0  # that a pass may take
ROUNDING = 16  # pixels by which the result may be larger than the content


class OnnxNetwork:
    """A checked model, ready to run."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def paint(self, content: Image) -> Image:
        """Return the content (h, w, 3) painted, at its own shape. Raises: BadNetwork when the pass fails or takes too long."""
        height, width, _ = content.shape
        (made,) = self._run(content.transpose(2, 0, 1)[None] * np.float32(255))
        if made.ndim != 4 or made.shape[:2] != (1, 3) or not np.isfinite(made).all():
            raise BadNetwork(f"This network made no picture of {width}×{height} pixels. It needs {LAYOUT}.")
        if not all(0 <= have - wanted <= ROUNDING for have, wanted in zip(made.shape[2:], (height, width), strict=True)):
            sizes = f"{made.shape[3]}×{made.shape[2]} pixels of {width}×{height}"
            raise BadNetwork(f"This network made {sizes}: export it with sides that may vary.")
        picture = np.clip(made[0].transpose(1, 2, 0) / np.float32(255), 0, 1)
        return images.resize(picture[:height, :width], height, width)

    def _run(self, pixels: np.ndarray) -> list[np.ndarray]:
        options = onnxruntime.RunOptions()
        timer = threading.Timer(SECONDS, lambda: setattr(options, "terminate", True))
        timer.start()
        try:
            return self._session.run(None, {self._input: pixels}, options)
        except Exception as error:  # ONNX Runtime's own types are not public
            reason = "takes too long" if options.terminate else "cannot be run"
            raise BadNetwork(f"This network {reason} on a picture of {pixels.shape[3]}×{pixels.shape[2]} pixels.") from error
        finally:
            timer.cancel()


@lru_cache(maxsize=4)
def network(data: bytes) -> OnnxNetwork:
    """Return a file's network, checked and loaded once a process. Raises: BadNetwork."""
    return OnnxNetwork(_checked(data, "This file"))


def check(data: bytes, *, name: str = "This file") -> None:
    """Check an untrusted file. name: begins the error message. Raises: BadNetwork, and nothing else."""
    grey = np.full((*OTHER, 3), 0.5, np.float32)
    try:
        OnnxNetwork(_checked(data, name)).paint(grey)
    except BadNetwork as error:
        raise BadNetwork(str(error).replace("This network", name, 1)) from error


def _checked(data: bytes, name: str) -> onnx.ModelProto:
    """Return the model with sides that may vary."""
    name = "".join(character for character in name if character.isprintable())[:80] or "This file"
    if len(data) > MAX_BYTES:
        raise BadNetwork(f"{name} has {len(data) / 1024**2:.0f} MB; at most {MAX_BYTES // 1024**2} MB are read.")
    try:
        model = onnx.load_model_from_string(data)
        _check_operators(model)
        source, result = _ends(model)
        _check_layout(source, result)
        _check_maps(model)
    except BadNetwork as error:
        raise BadNetwork(f"{name} cannot be used: {error}.") from None
    except Exception as error:  # protobuf, onnx and ONNX Runtime raise many types on hostile bytes
        raise BadNetwork(f"{name} is no ONNX model, or it is damaged.") from error
    _fix(model, ("h", "w"))
    return model


def _check_operators(model: onnx.ModelProto) -> None:
    graph = model.graph
    if model.functions or any(entry.domain not in ("", "ai.onnx") for entry in model.opset_import):
        raise BadNetwork("it has operators of its own")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in PICTURE_OPERATORS | SIZE_OPERATORS:
            raise BadNetwork(f"the operator {node.op_type[:40]} is not among those of style networks")
        if any(attribute.g.node or attribute.graphs for attribute in node.attribute):
            raise BadNetwork("it has loops or branches")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise BadNetwork("its weights are in another file: export it as one file")
    weights = sum(prod(tensor.dims) for tensor in _tensors(model))
    if len(graph.node) > MAX_NODES or weights > MAX_WEIGHTS or graph.sparse_initializer:
        raise BadNetwork(f"at most {MAX_NODES:,} operators and {MAX_WEIGHTS / 1e6:.0f} million weights are accepted")
    _check_sources(model)


def _check_sources(model: onnx.ModelProto) -> None:
    """Check that what enlarges something enlarges the picture: of a constant, the size of the result would be unknown."""
    pictured = {value.name for value in model.graph.input} - {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        from_picture = node.op_type in PICTURE_OPERATORS and bool(node.input) and any(name in pictured for name in node.input)
        if node.op_type in ("Resize", "Upsample", "Pad", "ConvTranspose") and node.input[0] not in pictured:
            raise BadNetwork(f"its operator {node.op_type} works on a constant")
        if from_picture:
            pictured.update(node.output)


def _tensors(model: onnx.ModelProto) -> list[TensorProto]:
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    inside = [tensor for attribute in attributes for tensor in (attribute.t, *attribute.tensors) if tensor.dims]
    return [*model.graph.initializer, *inside]


def _ends(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]:
    weights = {tensor.name for tensor in model.graph.initializer}
    sources = [value for value in model.graph.input if value.name not in weights]
    if len(sources) != 1 or len(model.graph.output) != 1:
        raise BadNetwork(f"it needs {LAYOUT}")
    return sources[0], model.graph.output[0]


def _check_layout(*ends: onnx.ValueInfoProto) -> None:
    for value in ends:
        kind = value.type.tensor_type
        sides = [side.dim_value for side in kind.shape.dim]  # 0: it may vary
        if kind.elem_type != TensorProto.FLOAT or (sides and (len(sides) != 4 or sides[0] > 1 or sides[1] not in (0, 3))):
            raise BadNetwork(f"it needs {LAYOUT}")


def _fix(model: onnx.ModelProto, sides: tuple[int | str, int | str]) -> None:
    """Set the sides of the input, and forget every other shape in the model."""
    source, result = _ends(model)
    del model.graph.value_info[:]
    for value, shape in ((source, (1, 3, *sides)), (result, (1, 3, "out_h", "out_w"))):
        del value.type.tensor_type.shape.dim[:]
        for side in shape:
            dimension = value.type.tensor_type.shape.dim.add()
            if isinstance(side, str):
                dimension.dim_param = side
            else:
                dimension.dim_value = side


def _check_maps(model: onnx.ModelProto) -> None:
    """Check the size of every map and the number of multiplications, on a copy with an input of fixed size.

    ONNX Runtime computes the sizes that exporters left to be computed, without running the network.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    _fix(fixed, (TRIAL, TRIAL))
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "fixed.onnx")
        options.log_severity_level = 4
        onnxruntime.InferenceSession(fixed.SerializeToString(), options, providers=["CPUExecutionProvider"])
        computed = onnx.load(options.optimized_model_filepath)
    inferred = shape_inference.infer_shapes(computed, strict_mode=True, data_prop=True)
    graph = inferred.graph
    shapes = {value.name: _shape(value) for value in (*graph.value_info, *graph.output, *graph.input)}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    macs = 0.0
    for node in graph.node:
        for name in filter(None, node.output):
            if 0 in (shape := shapes.get(name, (0,))):
                raise BadNetwork(f"the size of what its operator {node.op_type} makes cannot be known")
            if 4 * prod(shape) > BYTES_PER_PIXEL / 4 * TRIAL**2:
                raise BadNetwork(f"its operator {node.op_type} makes a map that is too large")
        macs += _macs(node, shapes)
    if macs > MAX_MACS * TRIAL**2:
        raise BadNetwork(f"it needs {macs / TRIAL**2:,.0f} multiplications a pixel; at most {MAX_MACS:,} are accepted")


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> float:
    if node.op_type not in ("Conv", "ConvTranspose"):
        return 0.0
    kernel = shapes[node.input[1]]
    pixels = shapes[node.output[0] if node.op_type == "Conv" else node.input[0]]
    return prod(kernel) * prod(pixels[2:])


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
