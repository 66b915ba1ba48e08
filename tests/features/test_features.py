"""Networks and extractors, against Keras' own models and against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nst_core import features, images
from nst_core.errors import ModelUnavailable
from nst_core.features import Extractor, Network
from nst_core.models import weights
from nst_core.recipes import LAYERS

ROOT = Path(__file__).parents[2]
PICTURE = np.random.default_rng(0).random((1, 32, 48, 3), np.float32)


def close(ours: tf.Tensor, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_vgg_agrees_with_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras' model, saved in the file format of its applications, read by us: the same maps at every layer we name."""
    tf.keras.utils.set_random_seed(0)
    applications = {"vgg19": tf.keras.applications.vgg19, "vgg16": tf.keras.applications.vgg16}
    module = applications[name]
    model = getattr(module, name.upper())(include_top=False, weights=None)
    for layer in model.layers:
        if layer.weights:  # biases of zero would hide that ours are lost
            layer.bias.assign(np.random.default_rng(1).normal(0, 5, layer.bias.shape))
    save_as_applications_do(model, tmp_path / "model.h5")
    monkeypatch.setattr(weights, "path", lambda asked: tmp_path / "model.h5" if asked == name else None)

    outputs = [model.get_layer(layer).output for layer in LAYERS[name]]
    theirs = tf.keras.Model(model.input, outputs)(module.preprocess_input(PICTURE * 255))
    ours = Extractor(features.vgg(name), LAYERS[name])(tf.constant(PICTURE))  # type: ignore[arg-type]
    assert list(ours) == list(LAYERS[name])
    for layer, expected in zip(LAYERS[name], theirs, strict=True):
        close(ours[layer], expected.numpy())


def save_as_applications_do(model: tf.keras.Model, file: Path) -> None:
    import h5py

    with h5py.File(file, "w") as archive:
        for layer in model.layers:
            group = archive.create_group(layer.name)
            names = [f"{layer.name}_W_1:0", f"{layer.name}_b_1:0"] if layer.weights else []
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=value)


def test_vgg_without_its_file_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = weights._keras("vgg19", "0", 80.1)
    monkeypatch.setitem(weights.MODELS, "vgg19", missing)
    if missing.find():
        monkeypatch.setattr(weights.Model, "find", lambda self: None)
    with pytest.raises(ModelUnavailable, match="models --download vgg19"):
        features.vgg("vgg19")


def test_lite_against_numpy() -> None:
    """The embedded network to its sixth convolution, written out with loops of shifts."""
    arrays = weights.load("vgg19-lite")
    x = (PICTURE[0] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    maps = Extractor(features.network("vgg19-lite"), LAYERS["vgg19-lite"])(tf.constant(PICTURE))
    for key in ("11", "12", "21", "22", "31", "32"):
        if key in ("21", "31"):
            h, w, c = x.shape
            x = x.reshape(h // 2, 2, w // 2, 2, c).max((1, 3))
        x = numpy_convolution(x, arrays[f"conv{key}.weight"]) + arrays[f"conv{key}.bias"]
        x = np.maximum(x, 0)
        close(maps[f"block{key[0]}_conv{key[1]}"][0], x)


def numpy_convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    h, w, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), "reflect")
    return sum(padded[i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3))  # type: ignore[return-value]


def test_every_network_has_the_layers_that_recipes_name() -> None:
    assert features.NETWORKS.keys() == LAYERS.keys()
    for name in ("vgg19", "vgg16"):
        assert list(features.vgg(name, seed=0).convolutions) == list(LAYERS[name])  # type: ignore[arg-type]
    assert list(features.network("vgg19-lite").convolutions) == list(LAYERS["vgg19-lite"])
    assert features.network("vgg19-lite") is features.network("vgg19-lite")


def test_it_is_cut_after_the_deepest_layer() -> None:
    extractor = Extractor(features.vgg("vgg19", seed=0), ["block2_conv1", "block1_conv1"])
    assert extractor.layers == ("block1_conv1", "block2_conv1")
    graph = tf.function(extractor).get_concrete_function(tf.TensorSpec([1, 32, 32, 3])).graph
    assert sum(operation.type in ("Conv2D", "Conv2DBackpropInput") for operation in graph.get_operations()) == 3


def two_layers() -> Network:
    identity = np.zeros((3, 3, 3, 3), np.float32)
    identity[1, 1] = np.eye(3)
    layer = identity, np.zeros(3, np.float32)
    return Network({"block1_conv1": layer, "block2_conv1": layer}, lambda rgb: rgb)


def test_pooling_by_hand() -> None:
    picture = np.array([[0.0, 1], [2, 5]], np.float32)[None, :, :, None].repeat(3, -1)
    for pooling, expected in (("max", 5), ("average", 2)):
        maps = Extractor(two_layers(), ["block2_conv1"], pooling=pooling)(tf.constant(picture))  # type: ignore[arg-type]
        np.testing.assert_array_equal(maps["block2_conv1"], np.full((1, 1, 1, 3), expected))


@pytest.mark.parametrize("again", [False, True])
def test_making_block_1_again_changes_no_gradient(again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the plain chain of convolutions, with one reading in and one behind the block."""
    monkeypatch.setattr(Extractor, "_saves_memory", lambda self, names: again and names[0] == "block1_conv1")
    network = features.network("vgg19-lite")
    x = tf.constant(PICTURE)

    def plain(x: tf.Tensor) -> list[tf.Tensor]:
        y, maps = network.preprocess(x), []
        for name in ("block1_conv1", "block1_conv2", "block2_conv1"):
            kernel, bias = network.convolutions[name]
            y = tf.nn.max_pool2d(y, 2, 2, "VALID") if name == "block2_conv1" else y
            y = tf.nn.conv2d(tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), kernel, 1, "VALID")
            y = tf.nn.relu(y + bias)
            maps.append(y)
        return [maps[0], maps[2]]

    extractor = Extractor(network, ["block1_conv1", "block2_conv1"])
    gradients = []
    for run in (plain, lambda x: list(extractor(x).values())):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.add_n([tf.reduce_mean(tf.square(F)) for F in run(x)])
        gradients.append(tape.gradient(loss, x).numpy())
    close(gradients[1], gradients[0])


def test_pixels_are_read_as_the_network_takes_them() -> None:
    network = features.network("vgg19-lite")
    extractor = Extractor(network, ["pixels", "block1_conv1"], dtype=tf.bfloat16)
    assert extractor.layers == ("block1_conv1",)
    first, pixels = extractor.read(tf.constant(PICTURE), [("block1_conv1", tf.identity), ("pixels", tf.identity)])
    assert (first.dtype, pixels.dtype) == (tf.bfloat16, tf.float32)
    np.testing.assert_array_equal(pixels, features.networks.PIXEL_GAIN * network.preprocess(tf.constant(PICTURE)))


def test_readings_come_in_the_order_asked() -> None:
    extractor = Extractor(features.network("vgg19-lite"), ["block1_conv2", "block3_conv1"])
    maps = extractor(tf.constant(PICTURE))
    readings = [("block3_conv1", tf.identity), ("block1_conv2", tf.reduce_mean), ("block3_conv1", tf.reduce_max)]
    third, mean, highest = extractor.read(tf.constant(PICTURE), readings)
    np.testing.assert_array_equal(third, maps["block3_conv1"])
    assert float(mean) == float(tf.reduce_mean(maps["block1_conv2"]))
    assert float(highest) == float(tf.reduce_max(maps["block3_conv1"]))


def test_bfloat16_stays_near_float32() -> None:
    network = features.network("vgg19-lite")
    exact = Extractor(network, ["block4_conv2"])(tf.constant(PICTURE))["block4_conv2"]
    rough = Extractor(network, ["block4_conv2"], dtype=tf.bfloat16)(tf.constant(PICTURE))["block4_conv2"]
    assert rough.dtype == tf.bfloat16
    error = tf.norm(tf.cast(rough, tf.float32) - exact) / tf.norm(exact)
    assert 0 < float(error) < 0.02


@pytest.mark.parametrize(
    "failure", ["raise ImportError('DLL\\nload failed.')", "raise RuntimeError('DLL\\nload failed.')", "import no_such_module"]
)
def test_an_import_of_tensorflow_that_fails_is_one_message_and_leaves_nothing_behind(tmp_path: Path, failure: str) -> None:
    """Afterwards Keras and JAX, where they are installed, can be imported as before."""
    (tmp_path / "tensorflow.py").write_text(failure)
    script = (
        "import sys\nfrom nst_core.errors import Failure\n"
        "try:\n    import nst_core.features\nexcept Failure as error:\n    print(error)\n"
        "print({'keras', 'jax'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    message, left, _ = done.stdout.split("\n")
    reason = "no_such_module" if "such" in failure else "DLL load failed"
    assert message.startswith("TensorFlow is installed but cannot be imported (")
    assert reason in message
    assert "pip install --force-reinstall tensorflow" in message
    assert left == "set()"


def test_optimize_ends_with_one_line_where_tensorflow_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('broken')")
    for name in ("photo", "style"):
        (tmp_path / f"{name}.png").write_bytes(images.encode(np.full((64, 64, 3), 0.5, np.float32)))
    command = [sys.executable, "-m", "nst_core", "optimize", "photo.png", "style.png", "-o", "out.png"]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("TensorFlow is installed but cannot be imported (ImportError: broken).")
