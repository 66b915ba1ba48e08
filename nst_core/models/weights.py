"""Register the model files: which are embedded, cached or missing, where they come from, and how to get them.

There are three sources, in one table (`MODELS`):
- embedded: our `.npz` files in `nst_core/models/`, always present;
- Keras' VGG weights, in Keras' own cache, so that either uses the other's downloads;
- TF-Hub's Magenta module, in the cache of tensorflow_hub, with Kaggle as the second source.

Environment: `NST_MODEL_DIR` (downloads; default: the platform's cache directory), `TFHUB_CACHE_DIR`, `KERAS_HOME`,
`NST_MAGENTA_HANDLE` (URL of a mirror, or a local SavedModel folder, to use instead of the published handle).
"""

import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import platformdirs

from nst_core.errors import DownloadFailed, ModelUnavailable
from nst_core.models import locks

EMBEDDED = Path(__file__).parent
LITE = EMBEDDED / "lite.onnx"  # `instant-lite` with its feature network, for ONNX Runtime; see `training/export.py`
SUBJECT = EMBEDDED / "subject.onnx"  # selects the subject of a photograph from the maps that LITE makes of it
MAGENTA_HANDLE = "https://tfhub.dev/google/magenta/arbitrary-image-stylization-v1-256/2"
# SHA-256 of the published module's graph and of its index, which has a CRC-32C of every weight. A handle's version never
# changes. Of its 92 MB of weights no digest is known to us, nor whether Kaggle's copy is the same to the byte: its weights are
# compared with its own index.
MAGENTA_SHA256 = {
    "saved_model.pb": "9c061b2fe4c9277d35adea3a2a620522e2d0b9685109f0e06fe8454b0be70a62",
    "variables/variables.index": "ac7a95d72e0ebab3ff54ad58951ed00d3d0ba8b9e785c7b04af10f99caf1b150",
}
MAGENTA_ON_KAGGLE = "google/arbitrary-image-stylization-v1/tensorFlow1/256"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_TIMEOUT = 30  # seconds without data


class Status(StrEnum):
    EMBEDDED = "embedded"
    CACHED = "cached"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Model:
    """Describe a model file. `find` returns its path or None; `fetch` downloads it (None: it is embedded)."""

    name: str
    title: str
    megabytes: float
    source: str
    licence: str
    find: Callable[[], Path | None]
    fetch: Callable[[], None] | None = None
    checksum: str | None = None  # "sha256:…" or, if the publisher states nothing else, "md5:…"

    @property
    def status(self) -> Status:
        if self.fetch is None:
            return Status.EMBEDDED
        return Status.CACHED if self.find() else Status.MISSING


def model_dir() -> Path:
    """Return the folder of downloads."""
    return Path(os.environ.get("NST_MODEL_DIR") or platformdirs.user_cache_dir("nst", appauthor=False))


def path(name: str) -> Path:
    """Return the path of a model on this machine.

    Raises: ModelUnavailable, which says how large it is and how to get it.
    """
    model = MODELS[name]
    file = model.find()
    if file is None:
        raise ModelUnavailable(
            f"{model.title} is not on this machine. To download it ({model.megabytes:.0f} MB): "
            f"`python -m nst_core models --download {name}`."
        )
    return file


def load(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of an embedded model, float32, by name. Pickles are refused."""
    with np.load(path(name), allow_pickle=False) as archive:
        return {key: archive[key].astype(np.float32) for key in archive.files}


def download(name: str) -> Path:
    """Download a model unless it is present. A failed download leaves nothing behind; concurrent callers wait for it.

    Raises: DownloadFailed.
    """
    model = MODELS[name]
    if model.find() is None and model.fetch:
        with locks.alone(f"{model_dir()}/{name}"):
            if model.find() is None:  # it may have arrived while we waited
                model.fetch()
    return path(name)


def best_instant() -> str:
    """Return what `auto` means: magenta if it is on this machine, else instant-lite."""
    return "magenta" if MODELS["magenta"].find() else "instant-lite"


# --- embedded -------------------------------------------------------------------------------------------------------


def _embedded(name: str, title: str) -> Model:
    file = EMBEDDED / f"{name.replace('-', '_')}.npz"
    return Model(name, title, file.stat().st_size / 1e6, "trained by this project", "this project's", lambda: file)


def _network(name: str, file: Path) -> Model:
    megabytes = file.stat().st_size / 1e6
    return Model(name, f"The texture network {name}", megabytes, "trained by this project", "this project's", lambda: file)


NETWORKS = {file.stem.replace("_", "-"): file for file in sorted((EMBEDDED / "texture_networks").glob("[a-z]*.npz"))}
NETWORK_START = EMBEDDED / "texture_networks" / "_photograph.npz"  # the starting point for training painting networks


# --- Keras ----------------------------------------------------------------------------------------------------------


def _keras(name: str, md5: str, megabytes: float) -> Model:
    file = f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    url, checksum, title = f"{_KERAS}/{name}/{file}", f"md5:{md5}", name.upper().replace("VGG", "VGG-")

    def target() -> Path:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models" / file

    def find() -> Path | None:
        return target() if target().is_file() else None

    def fetch() -> None:
        _fetch_file(url, target(), checksum, title)

    return Model(name, title, megabytes, url, "CC BY 4.0 (VGG, Oxford)", find, fetch, checksum)


def _fetch_file(url: str, target: Path, checksum: str, title: str) -> None:
    """Download a file; Pooch writes it beside the target, verifies it, and renames it."""
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT)
    try:
        pooch.retrieve(url, checksum, fname=target.name, path=target.parent, downloader=downloader)
    except (requests.RequestException, OSError, ValueError) as error:  # ValueError: the checksum does not match
        raise DownloadFailed(_apology(title, _reason(error))) from error


# --- Magenta --------------------------------------------------------------------------------------------------------


def magenta_handle() -> str:
    return os.environ.get("NST_MAGENTA_HANDLE") or MAGENTA_HANDLE


def _hub_cache() -> Path:
    # not tensorflow_hub's default, the temporary directory, which a reboot empties
    return Path(os.environ.get("TFHUB_CACHE_DIR") or model_dir() / "tfhub")


def _hub_copy() -> Path:
    return _hub_cache() / hashlib.sha1(magenta_handle().encode()).hexdigest()


def _kaggle_copy() -> Path:
    return model_dir() / "magenta-from-kaggle"


def _find_magenta() -> Path | None:
    candidates = (Path(magenta_handle()), _hub_copy(), _kaggle_copy())
    return next((folder for folder in candidates if _complete(folder)), None)


def _complete(folder: Path) -> bool:
    """Return whether a SavedModel has all shards of its weights: a stream cut between two files ends without an error."""
    variables = folder / "variables"
    shards = [file.name for file in variables.glob("variables.data-*-of-*")]
    has_index = (folder / "saved_model.pb").is_file() and (variables / "variables.index").is_file()
    return has_index and bool(shards) and len(shards) == int(shards[0][-5:])  # variables.data-00000-of-00002


def _check_sums(folder: Path) -> None:
    """Read every weight of a SavedModel, so that TensorFlow compares it with the checksum in the index.

    Raises: tf.errors.OpError, or another reading error, if one does not match.
    """
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)


def _check_published(folder: Path) -> None:
    """Compare graph and index with what was published: a graph is a program. Raises: OSError."""
    for name, digest in MAGENTA_SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise OSError(f"{name} is not the published one")


def _fetch_magenta() -> None:
    """Try TF-Hub, then Kaggle. Imports TensorFlow: call it in a worker or on the command line, never in a page."""
    try:
        _fetch_from_hub()
    except DownloadFailed as first:
        if magenta_handle() != MAGENTA_HANDLE:
            raise  # a failing mirror should be noticed
        try:
            _fetch_from_kaggle()
        except DownloadFailed as second:
            reasons = f"{_reason(first.__cause__)}; Kaggle, the second source: {_reason(second.__cause__)}"
            raise DownloadFailed(_apology("The Magenta model", reasons)) from second


def _fetch_from_hub() -> None:
    import tarfile
    from http.client import HTTPException

    import tensorflow as tf
    import tensorflow_hub

    faults = (OSError, ValueError, RuntimeError, EOFError, HTTPException, tarfile.TarError, tf.errors.OpError)
    _discard_hub_copy()  # tensorflow_hub would take an incomplete download for the module
    try:
        with _hub_settings():
            tensorflow_hub.resolve(magenta_handle())
        if _find_magenta() is None:
            raise OSError("the archive is not complete")
        if magenta_handle() == MAGENTA_HANDLE:
            _check_published(_hub_copy())
        _check_sums(_hub_copy())
    except faults as error:
        _discard_hub_copy()
        raise DownloadFailed(_apology("The Magenta model", _reason(error))) from error


@contextmanager
def _hub_settings() -> Iterator[None]:
    """Set our cache and a timeout for tensorflow_hub, which does not accept them as arguments."""
    cache, timeout = os.environ.get("TFHUB_CACHE_DIR"), socket.getdefaulttimeout()
    os.environ["TFHUB_CACHE_DIR"] = str(_hub_cache())
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        if cache is None:
            del os.environ["TFHUB_CACHE_DIR"]  # otherwise, a later change of NST_MODEL_DIR would have no effect


def _discard_hub_copy() -> None:
    shutil.rmtree(_hub_copy(), ignore_errors=True)
    with suppress(OSError):
        _hub_copy().with_suffix(".descriptor.txt").unlink(missing_ok=True)


def _fetch_from_kaggle() -> None:
    import tarfile

    import kagglehub
    import tensorflow as tf
    from kagglehub import exceptions as kaggle

    theirs = (
        tf.errors.OpError,
        kaggle.BackendError,
        kaggle.NotFoundError,
        kaggle.DataCorruptionError,
        kaggle.UnauthenticatedError,
    )
    faults = (OSError, ValueError, RuntimeError, EOFError, tarfile.TarError, *theirs)
    try:
        model_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=model_dir()) as beside:
            folder = Path(beside) / "module"
            kagglehub.model_download(MAGENTA_ON_KAGGLE, output_dir=str(folder))
            if not _complete(folder):
                raise OSError("files are missing")
            _check_sums(folder)
            shutil.rmtree(_kaggle_copy(), ignore_errors=True)
            folder.rename(_kaggle_copy())
    except faults as error:
        raise DownloadFailed(_apology("The Magenta model", _reason(error))) from error


def _reason(error: BaseException | None) -> str:
    """Return the message of an error, shortened to one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def _apology(title: str, reason: str) -> str:
    return f"{title} could not be downloaded ({reason}). The embedded models still work; try again later."


MODELS = {
    model.name: model
    for model in (
        _embedded("instant-lite", "instant-lite"),
        _embedded("vgg19-lite", "vgg19-lite"),
        Model(
            "magenta",
            "Magenta's arbitrary stylization",
            92,
            MAGENTA_HANDLE,
            "Apache-2.0",
            _find_magenta,
            _fetch_magenta,
        ),
        _keras("vgg19", "253f8cb515780f3b799900260a226db6", 80.1),
        _keras("vgg16", "6d6bbae143d832006294945121d1f1fc", 58.9),
        *(_network(name, file) for name, file in NETWORKS.items()),
    )
}
