"""`import nst_core`: what it imports, which names it has, what a missing extra says; the examples of the docstrings."""

import doctest
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import nst_core as nst
from nst_core import extras
from nst_core.errors import MissingPackage

ROOT = Path(__file__).parents[2]
HEAVY = {
    "numpy", "PIL", "scipy", "skimage", "pydantic", "onnx", "onnxruntime", "tensorflow", "cv2", "av", "dask", "distributed",
    "streamlit", "typer", "tifffile", "pooch",
}  # fmt: skip
ONE_PASS = HEAVY - {"numpy", "PIL", "pydantic", "onnxruntime", "scipy"}
DOCUMENTED = ["", ".extras", ".sample_files", ".stylizer", ".library.calls", ".library.network", ".library.painted_clip", ".library.picture"]  # fmt: skip # noqa: E501


def loaded(code):
    """What a fresh process has imported after running code."""
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_library_imports_nothing():
    assert not loaded("import nst_core; dir(nst_core)") & HEAVY


def test_one_pass_imports_what_it_needs():
    code = "import nst_core as nst; s = nst.samples(); nst.stylize(s['mountain-lake'], s['starlit-oils'], size=256)"
    found = loaded(code)
    assert "onnxruntime" in found and not found & ONE_PASS


def test_every_name_is_there_and_stays_itself():
    """A module of the same name would replace a function as soon as it is imported."""
    modules = {info.name for info in pkgutil.iter_modules(nst.__path__)}
    assert not modules & set(nst.__all__)
    assert set(nst.__all__) <= set(dir(nst))
    for name in nst.__all__:
        assert getattr(nst, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        nst.stylise  # noqa: B018


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"nst_core{name}")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(module, optionflags=options, verbose=False)
    assert tried and not failed


def test_every_function_has_an_example():
    for name in ("stylize", "optimize", "video", "train", "load_network", "samples"):
        assert ">>> " in getattr(nst, name).__doc__, name
    for method in (nst.Picture.save, nst.TrainedNetwork.stylize, nst.TrainedNetwork.texture, nst.TrainedNetwork.save):
        assert ">>> " in method.__doc__, method


@pytest.mark.parametrize(
    ("package", "extra", "code"),
    [
        ("tensorflow", "optimize", "nst.optimize(s['mountain-lake'], s['starlit-oils'], size=256)"),
        ("av", "video", "nst.video(s['mountain-lake.mp4'], s['starlit-oils'], size=256)"),
        ("cv2", "video", "nst.video(s['mountain-lake.mp4'], s['starlit-oils'], size=256)"),
        ("tensorflow", "optimize", "nst.train(s['starlit-oils'], steps=2)"),
    ],
)
def test_a_missing_extra_is_named(package, extra, code):
    script = f"import sys; sys.modules[{package!r}] = None; import nst_core as nst; s = nst.samples(); {code}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    told = f'MissingPackage: This needs the package {package}, which is not installed: pip install "nst-core[{extra}]".'
    assert told in done.stderr.splitlines()[-1]


def test_the_command_line_names_a_missing_extra(tmp_path):
    script = "import sys; sys.modules['tensorflow'] = None; from nst_core.cli import main; main()"
    lake, oils = nst.samples()["mountain-lake"], nst.samples()["starlit-oils"]
    line = [sys.executable, "-c", script, "optimize", lake, oils, "-o", tmp_path / "out.png", "--size", "256"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == 'This needs the package tensorflow, which is not installed: pip install "nst-core[optimize]".'


def test_other_missing_modules_are_not_explained():
    assert extras.explained(ModuleNotFoundError(name="nst_core.nowhere")) is None
    with pytest.raises(ModuleNotFoundError), extras.named():
        import nowhere_at_all  # noqa: F401
    with pytest.raises(MissingPackage), extras.named():
        raise ModuleNotFoundError(name="av.video")


@pytest.mark.parametrize("name", ["quickstart", "explain"])
def test_notebooks_use_what_is_installed(name):
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any("sys.path" in line for cell in code for line in cell["source"])
    assert all(not cell["outputs"] for cell in code)


@pytest.mark.slow
def test_the_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "notebooks" / "quickstart.ipynb").read_text())
    names = {"display": lambda *shown: None}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (tmp_path / "lake.png").is_file() and (tmp_path / "lake.mp4").is_file()
