"""The registry: what is here, what is not and how to get it, and downloads that arrive whole or leave nothing."""

import dataclasses
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import kagglehub
import numpy as np
import pytest
import tensorflow_hub

from nst_core.errors import DownloadFailed, ModelUnavailable
from nst_core.models import weights
from nst_core.models.weights import MODELS, Status

ROOT = Path(__file__).parents[2]
DOWNLOADS = ["magenta", "vgg16", "vgg19"]
PAYLOAD = bytes(range(256)) * 400  # stands for a file of weights


# --- a server of our own ----------------------------------------------------------------------------------------------


class Server:
    """Answers GET from `answers`, path -> (how, body); counts the requests. Ways: whole, cut in mid-body, hang."""

    def __init__(self):
        self.answers, self.requests, self.over = {}, [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                outer.requests.append(path)
                how, body = outer.answers.get(path, ("missing", b""))
                if how == "missing":
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if how == "whole" else body[: len(body) // 2])
                self.wfile.flush()
                if how == "hang":
                    outer.over.wait(60)  # far beyond anybody's patience here
                return None

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def is_sentence(error):
    """One line for a person, with a way out and no traceback in it."""
    text = str(error.value)
    return "\n" not in text and len(text) < 500 and text.endswith(".") and "Traceback" not in text


# --- the registry -----------------------------------------------------------------------------------------------------


def test_embedded_models_are_always_here(empty_caches):
    for name in ("instant-lite", "vgg19-lite"):
        assert MODELS[name].status is Status.EMBEDDED
        assert weights.path(name).is_file()
        assert weights.download(name) == weights.path(name)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_downloads_are_missing_on_a_fresh_machine(empty_caches, name):
    assert MODELS[name].status is Status.MISSING
    with pytest.raises(ModelUnavailable) as error:
        weights.path(name)
    assert f"{MODELS[name].megabytes:.0f} MB" in str(error.value)
    assert f"python -m nst_core models --download {name}" in str(error.value)
    assert is_sentence(error)


def test_names_are_the_keys_and_sizes_the_files():
    assert [model.name for model in MODELS.values()] == list(MODELS)
    for name in ("instant-lite", "vgg19-lite"):
        assert MODELS[name].megabytes == pytest.approx(weights.path(name).stat().st_size / 1e6)


def test_model_dir_is_the_variable_or_the_platforms_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NST_MODEL_DIR", str(tmp_path))
    assert weights.model_dir() == tmp_path
    monkeypatch.delenv("NST_MODEL_DIR")
    assert weights.model_dir().is_absolute() and weights.model_dir() != tmp_path


# --- embedded ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["instant-lite", "vgg19-lite"])
def test_load_gives_float32_by_name(name):
    arrays = weights.load(name)
    with np.load(weights.path(name), allow_pickle=False) as archive:
        assert set(arrays) == set(archive.files)
        for key, array in arrays.items():
            assert array.dtype == np.float32 and np.isfinite(array).all()
            assert np.array_equal(array, archive[key])


class Bomb:
    """What a hostile pickle does when it is loaded: leave a file."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return open, (self.file, "w")


def test_load_refuses_pickles(monkeypatch, tmp_path):
    np.savez(tmp_path / "hostile.npz", kernel=np.array([Bomb(tmp_path / "exploded")], dtype=object))
    hostile = dataclasses.replace(MODELS["instant-lite"], find=lambda: tmp_path / "hostile.npz")
    monkeypatch.setitem(MODELS, "instant-lite", hostile)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        weights.load("instant-lite")
    assert not (tmp_path / "exploded").exists()


# --- Keras ------------------------------------------------------------------------------------------------------------

FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.fixture
def vgg19(monkeypatch, empty_caches, server):
    """The registry's VGG-19, but small and on our server."""
    monkeypatch.setattr(weights, "_KERAS", server.url)
    model = weights._keras("vgg19", hashlib.md5(PAYLOAD).hexdigest(), 0.1)
    monkeypatch.setitem(MODELS, "vgg19", model)
    return model


def test_keras_file_arrives_where_keras_looks(vgg19, server, empty_caches):
    server.answers[f"/vgg19/{FILE}"] = "whole", PAYLOAD
    file = weights.download("vgg19")
    assert file == empty_caches / "keras" / "models" / FILE
    assert file.read_bytes() == PAYLOAD
    assert vgg19.status is Status.CACHED
    assert files(empty_caches) == [f"keras/models/{FILE}"]


def test_what_is_here_is_not_downloaded_again(vgg19, server):
    server.answers[f"/vgg19/{FILE}"] = "whole", PAYLOAD
    weights.download("vgg19")
    weights.download("vgg19")
    assert len(server.requests) == 1


def test_keras_home_counts_when_it_is_asked_for(vgg19, server, monkeypatch, tmp_path):
    server.answers[f"/vgg19/{FILE}"] = "whole", PAYLOAD
    weights.download("vgg19")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
    assert vgg19.status is Status.MISSING


@pytest.mark.parametrize("answer", [("whole", PAYLOAD[::-1]), ("cut", PAYLOAD), ("hang", PAYLOAD), ("missing", b"")])
def test_broken_keras_download_leaves_nothing(vgg19, server, empty_caches, monkeypatch, answer):
    monkeypatch.setattr(weights, "_TIMEOUT", 0.3)
    server.answers[f"/vgg19/{FILE}"] = answer
    start = time.perf_counter()
    with pytest.raises(DownloadFailed, match=r"^VGG-19 could not be downloaded \(.+\)\. .+\.$") as error:
        weights.download("vgg19")
    assert time.perf_counter() - start < 30  # half of what the hanging server takes
    assert is_sentence(error)
    assert files(empty_caches) == []
    assert vgg19.status is Status.MISSING


def test_no_server_at_all_is_a_sentence_too(monkeypatch, empty_caches, server):
    server.close()
    monkeypatch.setattr(weights, "_KERAS", server.url)
    monkeypatch.setitem(MODELS, "vgg19", weights._keras("vgg19", "0" * 32, 0.1))
    with pytest.raises(DownloadFailed) as error:
        weights.download("vgg19")
    assert is_sentence(error)


def test_a_cache_that_cannot_be_written_is_a_sentence(vgg19, server, monkeypatch, tmp_path):
    """A folder below a file cannot be made, whoever asks; a read-only one would not stop root."""
    (tmp_path / "a-file").write_text("no folder")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "a-file" / "keras"))
    with pytest.raises(DownloadFailed) as error:
        weights.download("vgg19")
    assert is_sentence(error)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a-file"]


# --- Magenta, from the hub --------------------------------------------------------------------------------------------


def archive(folder):
    """The tar of a SavedModel as the hub packs it: names relative to the module, saved_model.pb first, then its folders."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.add(folder / "saved_model.pb", "saved_model.pb")
        tar.add(folder / "variables", "variables")
    return file.getvalue()


@pytest.fixture
def mirror(monkeypatch, empty_caches, server):
    """NST_MAGENTA_HANDLE on our server: a function that sets its answer."""
    monkeypatch.setenv("NST_MAGENTA_HANDLE", f"{server.url}/magenta/2")
    monkeypatch.setattr(weights, "_TIMEOUT", 0.3)

    def answer(how, body=b""):
        server.answers["/magenta/2"] = how, body

    return answer


def test_module_arrives_in_the_hubs_cache(mirror, empty_caches, server, plain_module):
    mirror("whole", gzip.compress(archive(plain_module)))
    assert weights.best_instant() == "instant-lite"
    folder = weights.download("magenta")
    assert folder.parent == empty_caches / "hub"
    assert (folder / "saved_model.pb").read_bytes() == (plain_module / "saved_model.pb").read_bytes()
    assert MODELS["magenta"].status is Status.CACHED
    assert weights.best_instant() == "magenta"
    weights.download("magenta")
    assert len(server.requests) == 1


def test_hub_cache_is_in_the_model_dir_unless_set(mirror, empty_caches, monkeypatch, plain_module):
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    mirror("whole", gzip.compress(archive(plain_module)))
    assert weights.download("magenta").parent == empty_caches / "models" / "tfhub"
    assert "TFHUB_CACHE_DIR" not in os.environ  # or a later NST_MODEL_DIR would not count


def test_a_hub_cache_that_cannot_be_written_is_a_sentence(mirror, monkeypatch, plain_module, tmp_path):
    (tmp_path / "a-file").write_text("no folder")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "a-file" / "hub"))
    mirror("whole", gzip.compress(archive(plain_module)))
    with pytest.raises(DownloadFailed) as error:
        weights.download("magenta")
    assert is_sentence(error)
    assert weights.best_instant() == "instant-lite"


def ends_between_two_files(tar):
    """Cut where tarfile sees no error: after saved_model.pb, the weights still to come."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as names:
        first, second = names.getmembers()[:2]
        assert first.name == "saved_model.pb"
    return tar[: second.offset]


BROKEN = {
    "cut connection": lambda tar: ("cut", gzip.compress(tar)),
    "hanging server": lambda tar: ("hang", gzip.compress(tar)),
    "not found": lambda tar: ("missing", b""),
    "a login page": lambda tar: ("whole", b"<html>Please log in</html>" * 100),
    "nothing": lambda tar: ("whole", b""),
    "ends in a file": lambda tar: ("whole", gzip.compress(tar[:700])),
    "ends between files": lambda tar: ("whole", gzip.compress(ends_between_two_files(tar))),
    "ends in a header": lambda tar: ("whole", gzip.compress(tar[: len(ends_between_two_files(tar)) + 100])),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_module_leaves_nothing(mirror, empty_caches, plain_module, fault):
    mirror(*BROKEN[fault](archive(plain_module)))
    start = time.perf_counter()
    with pytest.raises(DownloadFailed, match=r"^The Magenta model could not be downloaded \(.+\)\. .+\.$") as error:
        weights.download("magenta")
    assert time.perf_counter() - start < 30
    assert is_sentence(error)
    assert files(empty_caches) == []
    assert MODELS["magenta"].status is Status.MISSING
    assert weights.best_instant() == "instant-lite"


def test_a_second_try_succeeds(mirror, plain_module):
    tar = archive(plain_module)
    mirror("whole", gzip.compress(ends_between_two_files(tar)))
    with pytest.raises(DownloadFailed):
        weights.download("magenta")
    mirror("whole", gzip.compress(tar))
    assert (weights.download("magenta") / "variables" / "variables.index").is_file()


def test_half_a_module_in_the_cache_is_replaced(mirror, plain_module):
    """Left by whomever: tensorflow_hub itself would take it for the module, for ever."""
    weights._hub_copy().mkdir(parents=True)
    (weights._hub_copy() / "saved_model.pb").write_bytes(b"half")
    assert MODELS["magenta"].status is Status.MISSING
    mirror("whole", gzip.compress(archive(plain_module)))
    assert (weights.download("magenta") / "saved_model.pb").read_bytes() != b"half"


def test_a_shard_missing_is_not_cached(empty_caches, monkeypatch, tmp_path):
    folder = tmp_path / "sharded"
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00001-of-00002"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    monkeypatch.setenv("NST_MAGENTA_HANDLE", str(folder))
    assert MODELS["magenta"].status is Status.MISSING
    (folder / "variables" / "variables.data-00000-of-00002").touch()
    assert MODELS["magenta"].status is Status.CACHED


def test_local_folder_as_handle_counts_as_cached(empty_caches, monkeypatch, plain_module):
    monkeypatch.setenv("NST_MAGENTA_HANDLE", str(plain_module))
    assert MODELS["magenta"].status is Status.CACHED
    assert weights.path("magenta") == plain_module
    assert weights.best_instant() == "magenta"


def test_failing_mirror_is_not_papered_over(mirror, monkeypatch):
    monkeypatch.setattr(kagglehub, "model_download", lambda *_, **__: pytest.fail("Kaggle was asked"))
    mirror("missing")
    with pytest.raises(DownloadFailed, match="404"):
        weights.download("magenta")


# --- Magenta, from Kaggle ---------------------------------------------------------------------------------------------


@pytest.fixture
def forbidden(empty_caches, monkeypatch):
    """The published handle as it was in October 2025."""

    def resolve(handle):
        assert handle == weights.MAGENTA_HANDLE
        raise urllib.error.HTTPError(handle, 403, "Forbidden", None, None)

    monkeypatch.setattr(tensorflow_hub, "resolve", resolve)


def kaggle(monkeypatch, module, names):
    """Kaggle has these files of a module."""

    def model_download(handle, *, output_dir):
        assert handle == weights.MAGENTA_ON_KAGGLE
        for name in names:
            file = Path(output_dir) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes((module / name).read_bytes())
        return output_dir

    monkeypatch.setattr(kagglehub, "model_download", model_download)


MODULE = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]


def test_kaggle_is_the_second_source(forbidden, monkeypatch, empty_caches, plain_module):
    kaggle(monkeypatch, plain_module, MODULE)
    folder = weights.download("magenta")
    assert (folder / "saved_model.pb").read_bytes() == (plain_module / "saved_model.pb").read_bytes()
    assert MODELS["magenta"].status is Status.CACHED
    assert weights.best_instant() == "magenta"
    assert files(empty_caches) == sorted(f"models/magenta-from-kaggle/{name}" for name in MODULE)
    assert [folder.name for folder in (empty_caches / "models").iterdir()] == ["magenta-from-kaggle"]


def test_half_a_module_from_kaggle_leaves_nothing(forbidden, monkeypatch, empty_caches, plain_module):
    kaggle(monkeypatch, plain_module, MODULE[:2])
    with pytest.raises(DownloadFailed):
        weights.download("magenta")
    assert files(empty_caches) == []


def with_a_wrong_bit(module, folder):
    """A copy whose weights are not those that the index has the checksums of."""
    shutil.copytree(module, folder)
    (data,) = (folder / "variables").glob("variables.data*")
    wrong = bytearray(data.read_bytes())
    wrong[0] ^= 1
    data.write_bytes(wrong)
    return folder


def test_wrong_weights_are_not_kept(forbidden, monkeypatch, empty_caches, plain_module, tmp_path):
    kaggle(monkeypatch, with_a_wrong_bit(plain_module, tmp_path / "wrong"), MODULE)
    with pytest.raises(DownloadFailed):
        weights.download("magenta")
    assert MODELS["magenta"].status is Status.MISSING
    assert not list((empty_caches / "models").iterdir())


def test_wrong_weights_of_the_hub_are_not_kept(mirror, plain_module, tmp_path):
    mirror("whole", gzip.compress(archive(with_a_wrong_bit(plain_module, tmp_path / "wrong"))))
    with pytest.raises(DownloadFailed) as error:
        weights.download("magenta")
    assert is_sentence(error)
    assert MODELS["magenta"].status is Status.MISSING


def test_a_graph_that_was_not_published_is_not_kept(empty_caches, monkeypatch, plain_module):
    """A whole module with sound weights, from the published handle; a mirror of one's own may serve any."""
    monkeypatch.setattr(tensorflow_hub, "resolve", lambda handle: shutil.copytree(plain_module, weights._hub_copy()))
    kaggle(monkeypatch, plain_module, [])
    with pytest.raises(DownloadFailed, match=r"saved_model\.pb is not the published one"):
        weights.download("magenta")
    assert files(empty_caches) == []


def test_the_published_graph_is_known(shared):
    for name, digest in weights.MAGENTA_SHA256.items():
        file = shared / "models" / "magenta_hub_graph" / name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest


def test_two_who_ask_at_once_download_once(empty_caches, monkeypatch):
    """In one process or in two: the second waits, and finds it."""
    fetched, found, both = [], [], threading.Barrier(2, timeout=20)

    def fetch():
        fetched.append(1)
        time.sleep(0.2)  # the other is at the door by then
        found.append(empty_caches)

    slow = dataclasses.replace(MODELS["magenta"], fetch=fetch, find=lambda: found[0] if found else None)
    monkeypatch.setitem(MODELS, "magenta", slow)
    ask = lambda: (both.wait(), weights.download("magenta"))  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [1]


def test_two_clicks_at_once_fetch_the_module_once_and_both_get_it(mirror, empty_caches, server, plain_module):
    """The first still writes the file when the second asks: it must neither fetch it again nor delete what is there."""
    mirror("whole", gzip.compress(archive(plain_module)))
    both = threading.Barrier(2, timeout=20)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: (both.wait(), weights.download("magenta"))[1], range(2)))
    assert len(server.requests) == 1
    assert found == [weights.path("magenta")] * 2
    assert (found[0] / "saved_model.pb").read_bytes() == (plain_module / "saved_model.pb").read_bytes()


def test_what_the_published_address_serves_is_compared_with_its_checksums(empty_caches, server, monkeypatch, plain_module):
    """A sound module at the published address, in place of the published one, leaves nothing behind."""
    monkeypatch.setattr(weights, "MAGENTA_HANDLE", f"{server.url}/magenta/2")
    server.answers["/magenta/2"] = "whole", gzip.compress(archive(plain_module))
    kaggle(monkeypatch, plain_module, [])
    with pytest.raises(DownloadFailed, match=r"saved_model\.pb is not the published one"):
        weights.download("magenta")
    assert files(empty_caches) == []
    digests = {name: hashlib.sha256((plain_module / name).read_bytes()).hexdigest() for name in weights.MAGENTA_SHA256}
    monkeypatch.setattr(weights, "MAGENTA_SHA256", digests)
    assert weights.download("magenta").is_dir()


def test_another_process_waits_too(tmp_path):
    """Each adds its line at the end of what it read at the beginning: together they would lose one."""
    script = (
        "import sys, time; from pathlib import Path; from nst_core.models.locks import alone\n"
        "file = Path(sys.argv[1])\n"
        "with alone('a test of locks'):\n"
        "    before = file.read_text(); time.sleep(0.3); file.write_text(before + 'x')\n"
    )
    log = tmp_path / "log"
    log.write_text("")
    runs = [subprocess.Popen([sys.executable, "-c", script, str(log)], cwd=ROOT) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert log.read_text() == "xxx"


@pytest.mark.parametrize(
    "fault", [kagglehub.exceptions.BackendError("busy"), ConnectionError("busy"), tarfile.ReadError("busy")]
)
def test_both_sources_failing_is_one_sentence(forbidden, monkeypatch, empty_caches, fault):
    def model_download(handle, *, output_dir):
        raise fault

    monkeypatch.setattr(kagglehub, "model_download", model_download)
    with pytest.raises(DownloadFailed) as error:
        weights.download("magenta")
    assert str(error.value) == (
        "The Magenta model could not be downloaded (HTTP Error 403: Forbidden; Kaggle, the second source: busy). "
        "The embedded models still work; try again later."
    )
    assert files(empty_caches) == []
