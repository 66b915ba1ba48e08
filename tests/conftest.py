"""What several test files share: the folder of models and pictures beside the repository, hub modules, browsers and the app."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from tests import browser, npm

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # PyTorch's threads spin while they wait: those of two processes hold each other up
    os.environ.setdefault("OMP_NUM_THREADS", "1")
MARKED = {"pages": "browser", "engine": "slow", "training": "slow"}  # whole folders; elsewhere tests are marked one by one


def pytest_collection_modifyitems(items):
    for item in items:
        if mark := MARKED.get(item.path.parent.name):
            item.add_marker(mark)
        if "shared" in item.fixturenames:
            item.add_marker("shared")


@pytest.fixture(scope="session")
def shared():
    """Return NST_SHARED, by default `../shared`: models and pictures of others, which this repository must not contain.

    A test that needs them is skipped where they are missing, or fails where NST_SHARED_REQUIRED is 1.
    """
    folder = Path(os.environ.get("NST_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "models").is_dir():
        reason = f"{folder} has no models/: set NST_SHARED to the folder that has it."
        if os.environ.get("NST_SHARED_REQUIRED") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def published_module(shared, tmp_path_factory):
    """Return the folder of a SavedModel with the published hub module's graph and random weights."""
    folder = tmp_path_factory.mktemp("hub")
    made = [sys.executable, str(shared / "models" / "magenta_hub_graph" / "make.py"), str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def small_module(tmp_path_factory):
    """Return the folder of a small SavedModel of ours with random weights that is built as the hub module is.

    One flat function, in which a style vector of 768 numbers passes under the published name and sets scale and shift of an
    instance normalisation.
    """
    import tensorflow as tf

    rng, module = np.random.default_rng(0), tf.Module()
    shapes = {"look": (5, 5, 3, 16), "widen": (1, 1, 16, 768), "draw": (3, 3, 3, 8), "style": (768, 16), "out": (3, 3, 8, 3)}
    for name, shape in shapes.items():
        weights = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[:-1]), dtype=np.float32)
        setattr(module, name, tf.Variable(weights))

    def call(placeholder, placeholder_1):
        maps = tf.nn.relu(tf.nn.conv2d(placeholder_1 - 0.5, module.look, 4, "SAME"))
        wide = tf.nn.conv2d(maps, module.widen, 1, "SAME")
        vector = tf.reduce_mean(wide, [1, 2], keepdims=True, name="bottleneck/Mean")  # (1, 1, 1, 768)
        scale, shift = tf.split(tf.reshape(tf.reshape(vector, [-1, 768]) @ module.style, [-1, 1, 1, 16]), 2, -1)
        x = tf.nn.conv2d(placeholder, module.draw, 1, "SAME")
        mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        x = tf.nn.relu((x - mean) * tf.math.rsqrt(variance + 1e-5) * (1 + scale) + shift)
        return {"output_0": tf.sigmoid(tf.nn.conv2d(x, module.out, 1, "SAME"))}

    return _save(module, call, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def plain_module(tmp_path_factory):
    """Return the folder of a small SavedModel with the hub module's signature but no style vector: content ½ + mean style ½."""
    import tensorflow as tf

    module = tf.Module()
    module.half = tf.Variable(0.5)

    def call(placeholder, placeholder_1):
        return {"output_0": module.half * placeholder + module.half * tf.reduce_mean(placeholder_1, [1, 2], keepdims=True)}

    return _save(module, call, tmp_path_factory.mktemp("plain"))


def _save(module, call, folder):
    """Save a module with the hub module's signature, and return its folder."""
    import tensorflow as tf

    pixels = [tf.TensorSpec([None, None, None, 3], name=name) for name in ("placeholder", "placeholder_1")]
    module.call = tf.function(call, input_signature=pixels)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return folder


@pytest.fixture
def empty_caches(monkeypatch, tmp_path):
    """A machine that has never downloaded anything: every cache in a folder of its own, all below the one returned."""
    for variable, folder in {"NST_MODEL_DIR": "models", "TFHUB_CACHE_DIR": "hub", "KERAS_HOME": "keras"}.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.delenv("NST_MAGENTA_HANDLE", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def runtime():
    """Where ONNX Runtime for browsers is served on this machine; `npm.fetch` gets it there for the tests that need it."""
    with npm.served() as address:
        yield address


@pytest.fixture(scope="session")
def address(tmp_path_factory, runtime):
    """The app, served for all browser tests, with no downloaded model."""
    empty = str(tmp_path_factory.mktemp("models"))
    with browser.served(NST_MODEL_DIR=empty, KERAS_HOME=empty, TFHUB_CACHE_DIR=empty, NST_RUNTIME_URL=runtime) as address:
        yield address


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright):
    launched = browser.launch(playwright)
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def profile(playwright, tmp_path_factory):
    """A browser's profile: what one tab has fetched, and Chromium has compiled, serves the next."""
    context = browser.profile(playwright, tmp_path_factory.mktemp("profile"))
    context.set_default_timeout(browser.PATIENCE)
    yield context
    context.close()


@pytest.fixture
def tab(profile):
    """A new visitor's. Whatever a test does in it, no page ever shows a traceback."""
    page = profile.new_page()
    try:
        yield page
        assert page.locator('[data-testid="stException"]').count() == 0
    finally:
        page.close()
        profile.clear_cookies()
