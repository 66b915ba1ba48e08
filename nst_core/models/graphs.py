"""Write networks as ONNX models, and run them without TensorFlow.

A `Graph` is built operation by operation; tensors are referred to by name. Maps are (n, c, h, w), as in ONNX; kernels are given
as in TensorFlow, (h, w, in, out).
"""

import logging
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime

Padding = Literal["reflect", "edge", "wrap"]
Shape = Sequence[int | str]  # equal names stand for equal variable lengths; names of pixel counts end in _h and _w

BILINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
OPSET, IR_VERSION = 20, 9  # supported since ONNX Runtime 1.17, also in browsers


class Graph:
    """Build a model. Equal weights are stored once."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._halves: dict[str, str] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Shape) -> str:
        """Declare an input and return its name."""
        self._inputs.append(_value(name, shape))
        return name

    def output(self, name: str, tensor: str, shape: Shape) -> None:
        """Declare an output."""
        self._node("Identity", [tensor], [name])
        self._outputs.append(_value(name, shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add one of ONNX's operators and return the name of its result."""
        return self.ops(kind, *inputs, results=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, results: int, **attributes: Any) -> list[str]:
        """Add an operator with several results and return their names."""
        names = [f"{kind}_{len(self._nodes)}_{i}" for i in range(results)]
        self._node(kind, inputs, names, **attributes)
        return names

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """Store a constant and return its name."""
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        key = array.dtype.str, array.shape, array.tobytes()
        return self._weights.setdefault(key, f"weight_{len(self._weights)}")

    def half(self, values: np.ndarray) -> str:
        """Store a constant as float16, which is converted to float32 for computing, and return its name."""
        name = self.constant(values, np.float16)
        if name not in self._halves:
            self._halves[name] = self.op("Cast", name, to=1)
        return self._halves[name]

    def convolve(
        self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None, *, stride: int = 1, padding: Padding = "reflect"
    ) -> str:
        """Add a convolution padded by half a kernel, so that borders do not darken."""
        side = kernel.shape[0] // 2
        if side:
            x = self.op("Pad", x, self.constant([0, 0, side, side] * 2, np.int64), mode=padding)
        weights = [self.half(kernel.transpose(3, 2, 0, 1)), *([] if bias is None else [self.half(bias)])]
        return self.op("Conv", x, *weights, strides=[stride] * 2)

    def enlarge(self, x: str) -> str:
        """Return a map with every pixel repeated four times."""
        twice = self.constant([1, 1, 2, 2])
        return self.op(
            "Resize", x, "", twice, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
        )

    def pool(self, x: str, side: int) -> str:
        """Return the mean of every side × side; a remainder at the end of a row or column is dropped."""
        return self.op("AveragePool", x, kernel_shape=[side] * 2, strides=[side] * 2)

    def twice(self, x: str) -> str:
        """Return a map of twice the size, by bilinear interpolation."""
        return self.op("Resize", x, "", self.constant([1, 1, 2, 2]), **BILINEAR)

    def like(self, x: str, other: str, *, roi: str = "") -> str:
        """Return a map (n, c, h, w) resized to another, (n', c', h', w'), by bilinear interpolation.

        roi: (8,), the first and the last position of a part of the map in each dimension, relative to its last index.
        """
        ends = self.constant([2], np.int64), self.constant([4], np.int64)
        size = self.op("Slice", self.op("Shape", other), *ends)
        channels = self.op("Slice", self.op("Shape", x), self.constant([0], np.int64), self.constant([2], np.int64))
        how = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"} if roi else BILINEAR
        return self.op("Resize", x, roi, "", self.op("Concat", channels, size, axis=0), **how)

    def model(self) -> bytes:
        """Return the finished model, checked."""
        import onnx  # takes a tenth of a second, and most processes only run models
        from onnx import helper, numpy_helper

        weights = [
            numpy_helper.from_array(np.frombuffer(data, dtype).reshape(shape), name)
            for (dtype, shape, data), name in self._weights.items()
        ]
        nodes = [helper.make_node(kind, *ends, **attributes) for kind, ends, attributes in self._nodes]
        describe = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)  # noqa: E731
        inputs, outputs = ([describe(*value) for value in values] for values in (self._inputs, self._outputs))
        graph = helper.make_graph(nodes, "nst_core", inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nst_core")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()

    def _node(self, kind: str, inputs: Iterable[str], outputs: Iterable[str], **attributes: Any) -> None:
        self._nodes.append((kind, (list(inputs), list(outputs)), attributes))


def _value(name: str, shape: Shape) -> tuple[str, list[int | str]]:
    return name, list(shape)


PROVIDER = "ExecutionProvider"  # suffix of their names
IDLE = 32  # pixels of unused inputs: enough for every layer


class Session:
    """Run a model; several threads may run it at once.

    ONNX Runtime's arena is off, because it never shrinks: 1 GB after one picture of 2048 px. Spinning is off, because its
    threads would occupy cores that others need.
    """

    def __init__(self, model: bytes | Path) -> None:
        options = onnxruntime.SessionOptions()
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = str(model) if isinstance(model, Path) else model
        chosen = providers(os.environ.get("NST_ONNX_PROVIDERS", ""))
        self._session = onnxruntime.InferenceSession(source, options, providers=list(chosen))
        self._idle = {entry.name: np.zeros(_least(entry.shape), np.float32) for entry in self._session.get_inputs()}

    def run(self, *outputs: str, **inputs: np.ndarray) -> list[np.ndarray]:
        """Return outputs for the inputs that they depend on; the other inputs get tiny arrays."""
        return self._session.run(list(outputs), self._idle | inputs)


@lru_cache
def providers(wanted: str) -> tuple[str, ...]:
    """Return ONNX Runtime's execution providers in the order in which they are tried, always with the CPU's.

    wanted: names in ONNX Runtime, separated by commas, with or without their suffix, such as "CUDA". Providers that the
    installed ONNX Runtime lacks are omitted with a warning in the log.
    """
    available = {name.removesuffix(PROVIDER).lower(): name for name in onnxruntime.get_available_providers()}
    names = [name.strip().removesuffix(PROVIDER).lower() for name in wanted.split(",") if name.strip()]
    if missing := [name for name in names if name not in available]:
        logging.getLogger("nst").warning(
            "NST_ONNX_PROVIDERS: this ONNX Runtime has no %s. It has %s; for a GPU install onnxruntime-gpu in its place.",
            ", ".join(missing),
            ", ".join(name.removesuffix(PROVIDER) for name in available.values()),
        )
    return tuple(dict.fromkeys([*(available[name] for name in names if name in available), "CPU" + PROVIDER]))


def _least(shape: Shape) -> list[int]:
    return [length if isinstance(length, int) else IDLE if length.endswith(("_h", "_w")) else 1 for length in shape]
