"""What several test files share: the folder of models and pictures beside the repository, and hub modules made from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests import browser, npm

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MARKED = {"pages": "browser", "engine": "slow", "training": "slow"}  # whole folders; elsewhere tests are marked one by one


def pytest_collection_modifyitems(items):
    for item in items:
        if mark := MARKED.get(item.path.parent.name):
            item.add_marker(mark)
        if "shared" in item.fixturenames:
            item.add_marker("shared")


@pytest.fixture(scope="session")
def shared():
    """NST_SHARED, by default `../shared`. What needs it fails without it; nothing is skipped."""
    folder = Path(os.environ.get("NST_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "models").is_dir():
        pytest.fail(f"{folder} has no models/: set NST_SHARED to the folder that has it.", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def hub_module(shared, tmp_path_factory):
    """The folder of a SavedModel with the published hub module's graph and random weights."""
    folder = tmp_path_factory.mktemp("hub")
    made = [sys.executable, str(shared / "models" / "magenta_hub_graph" / "make.py"), str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def plain_module(tmp_path_factory):
    """The folder of a small SavedModel with the hub module's signature but no style vector: content ½ + mean style ½."""
    import tensorflow as tf

    pixels = [tf.TensorSpec([None, None, None, 3], name=name) for name in ("placeholder", "placeholder_1")]
    module = tf.Module()
    module.half = tf.Variable(0.5)
    module.call = tf.function(
        lambda placeholder, placeholder_1: {
            "output_0": module.half * placeholder + module.half * tf.reduce_mean(placeholder_1, [1, 2], keepdims=True)
        },
        input_signature=pixels,
    )
    folder = tmp_path_factory.mktemp("plain")
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
