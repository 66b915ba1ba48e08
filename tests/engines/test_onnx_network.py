"""ONNX networks of one style: strangers' files are checked, good ones paint, ours are exported in their layout."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nst_core import engines, images
from nst_core.engines import Inputs
from nst_core.engines.onnx_network import MAX_BYTES, exporting, reading
from nst_core.errors import BadNetwork, BadRecipe
from nst_core.models import weights
from nst_core.recipes import Source, TextureNetworkRecipe
from nst_core.texture_networks import generators
from nst_core.texture_networks.painting import NetworkPainter

RECIPE = TextureNetworkRecipe(network=Source.of_upload("candy.onnx", b""))


def picture(height=72, width=100):
    return np.random.default_rng(0).random((height, width, 3), np.float32)


class Model:
    """A model written node by node."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, values):
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def op(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def data(self, shape=(1, 3, 224, 224), opset=9, **more):
        ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name in ("input1", "output1")]
        graph = helper.make_graph(self.nodes, "net", *ends, self.weights, **more)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 4
        return model.SerializeToString()


def zoo(channels=8, shape=(1, 3, 224, 224)):
    """Return a small network as PyTorch's example wrote them: reflected borders, instance norm, scales that are computed."""
    rng, model = np.random.default_rng(1), Model()

    def convolve(x, name, ins, outs, side, stride):
        pads = [0, 0, side // 2, side // 2] * 2
        model.op("Pad", [x], f"{name}/pad", mode="reflect", pads=pads)
        kernel = model.weight(f"{name}/w", rng.normal(0, 0.1, (outs, ins, side, side)).astype(np.float32))
        return model.op("Conv", [f"{name}/pad", kernel], f"{name}/conv", strides=[stride] * 2, kernel_shape=[side] * 2)

    x = convolve("input1", "a", 3, channels, 9, 1)
    ones, zeros = (model.weight(name, np.full(channels, value, np.float32)) for name, value in (("one", 1), ("zero", 0)))
    x = model.op("Relu", [model.op("InstanceNormalization", [x, ones, zeros], "norm")], "relu")
    x = convolve(x, "b", channels, channels, 3, 2)
    model.op("Shape", [x], "shape")
    model.op("Cast", ["shape"], "as float", to=TensorProto.FLOAT)
    model.op("Mul", ["as float", model.weight("twice", np.array([1, 1, 2, 2], np.float32))], "wanted")
    model.op("Div", ["wanted", "as float"], "scales")
    x = model.op("Upsample", [x, "scales"], "up", mode="nearest")
    x = convolve(x, "c", channels, 3, 9, 1)
    middle = model.weight("middle", np.array(127.5, np.float32))
    model.op("Add", [x, middle], "output1")
    return model.data(shape)


def test_a_network_in_the_model_zoos_layout_paints_pictures_of_any_size():
    engine = engines.engine_for(RECIPE)
    assert engine.name == "onnx-network" and engine.facts(zoo(), "candy.onnx").texture is False
    for shape in ((72, 100), (63, 65)):
        content = picture(*shape)
        (step,) = engine.run(RECIPE, Inputs({"content": content}, files={"network": zoo()}))
        assert step.image.shape == content.shape and step.image.std() > 0.001
        assert step.image.min() >= 0 and step.image.max() <= 1


def test_a_network_without_a_photograph_is_a_sentence():
    with pytest.raises(BadRecipe, match="paints photographs"):
        list(engines.engine_for(RECIPE).run(RECIPE, Inputs(files={"network": zoo()})))


def test_an_exported_network_paints_like_ours():
    """Its noise is its own, so what both agree on is compared: the mean over several takes, and how far takes differ."""
    data = weights.NETWORKS["starlit-oils"].read_bytes()
    content = images.fit(images.decode(open_sample("city-lights")), 192)
    ours = NetworkPainter(generators.read(data))
    network = reading.network(exporting.export(data))
    takes = np.stack([ours.stylize(content, seed) for seed in range(4)])
    others = np.stack([network.paint(content) for _ in range(4)])
    apart = np.abs(takes[:2].mean(0) - takes[2:].mean(0)).mean()
    assert others.shape == takes.shape
    assert np.abs(others.mean(0) - takes.mean(0)).mean() < 1.3 * apart


def open_sample(name):
    from pathlib import Path

    return (Path(__file__).parents[2] / "assets" / "photographs" / f"{name}.jpg").read_bytes()


def test_a_network_of_textures_is_not_exported():
    textures = next(name for name, file in weights.NETWORKS.items() if not generators.read(file.read_bytes()).plan.picture)
    with pytest.raises(BadNetwork, match="makes textures"):
        exporting.export(weights.NETWORKS[textures].read_bytes(), name=textures)


def loop():
    model, body = Model(), helper.make_graph([], "body", [], [])
    model.op("If", ["input1"], "output1", then_branch=body, else_branch=body)
    return model.data()


def one(kind, *inputs, weights=(), opset=13, shape=(1, 3, 224, 224), **attributes):
    model = Model()
    names = [model.weight(f"w{number}", values) for number, values in enumerate(weights)]
    model.op(kind, [*inputs, *names], "output1", **attributes)
    return model.data(shape, opset)


def external():
    model = onnx.load_model_from_string(zoo())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


def wide(channels):
    kernel = np.zeros((channels, 3, 1, 1), np.float32)
    model = Model()
    model.op("Conv", ["input1", model.weight("k", kernel)], "x")
    back = model.weight("b", np.zeros((3, channels, 1, 1), np.float32))
    model.op("Conv", ["x", back], "output1")
    return model.data()


def enlarged_constant():
    model = Model()
    big = np.array([1, 1, 1e5, 1e5], np.float32)
    model.op("Upsample", [model.weight("x", np.zeros((1, 3, 8, 8), np.float32)), model.weight("s", big)], "y")
    model.op("Add", ["input1", "y"], "output1")
    return model.data()


HOSTILE = {
    "empty": (b"", "no ONNX model|needs one input"),
    "text": (b"hello", "is no ONNX model"),
    "too large": (bytes(MAX_BYTES + 1), "at most 60 MB are read"),
    "cut off": (zoo()[:3000], "is no ONNX model"),
    "a branch": (loop(), "operator If is not among those"),
    "an operator of others": (one("NonMaxSuppression", "input1"), "operator NonMaxSuppression is not among those"),
    "weights elsewhere": (external(), "weights are in another file"),
    "another layout": (one("Relu", "input1", shape=(1, 224, 224, 3)), "needs one input and one output of 1 × 3"),
    "a wide map": (wide(4096), "makes a map that is too large"),
    "enlarged": (one("Upsample", "input1", weights=[np.array([1, 1, 64, 64], np.float32)], opset=9), "too large"),
    "an enlarged constant": (enlarged_constant(), "works on a constant"),
    "half of the size": (one("MaxPool", "input1", kernel_shape=[2, 2], strides=[2, 2]), "made 48×32 pixels of 96×64"),
    "no numbers": (one("Mul", "input1", weights=[np.array(np.nan, np.float32)]), "made no picture"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_get_a_sentence(what):
    data, reason = HOSTILE[what]
    with pytest.raises(BadNetwork, match=reason) as error:
        reading.check(data, name="candy.onnx")
    assert str(error.value).startswith("candy.onnx") and str(error.value).endswith(".")


def test_a_pass_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(reading, "SECONDS", 0.001)
    with pytest.raises(BadNetwork, match="takes too long"):
        reading.network(zoo(channels=32)).paint(picture(1024, 1024))
