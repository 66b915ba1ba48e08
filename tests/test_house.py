"""The import rules of the house: towards the ground only, and no TensorFlow where pages are served."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nst_core"

# who may import whom inside the package; what runs in the worker is imported inside functions
MAY_IMPORT = {
    "errors": set(),
    "images": {"errors"},
    "recipes": {"images", "errors"},
    "masks": {"images", "errors", "recipes"},
    "drawings": {"images", "masks"},
    "colors": {"images", "recipes", "errors"},
    "weights": {"errors"},
    "stylizer": {"images", "recipes"},
    "memory": {"recipes", "errors"},
    "features": {"weights", "errors", "images", "memory", "recipes"},
    "losses": {"errors", "images", "recipes"},
    "regions": {"colors", "errors", "images", "masks", "recipes", "stylizer"},
    "instant": {"errors", "features", "images", "masks", "recipes", "regions", "stylizer", "weights"},
    "optimize": {
        "errors",
        "features",
        "images",
        "losses",
        "masks",
        "memory",
        "recipes",
        "regions",
        "stylizer",
        "weights",
    },
    "quality": {"colors", "images", "recipes", "stylizer"},
    "timelapse": {"errors"},
    "generators": {"errors", "recipes", "stylizer"},
    "network_drawing": {"generators"},
    "texture_networks": {"colors", "errors", "features", "generators", "images", "losses", "recipes", "stylizer", "weights"},
    "engine": {"colors", "errors", "images", "masks", "recipes", "stylizer", "weights", "memory"},
    "commands": {"engine", "errors", "generators", "images", "masks", "memory", "recipes", "stylizer", "timelapse", "weights"},
    "__main__": {"commands", "errors", "recipes", "weights"},
    "__init__": set(),
}
# the same for training/, which nothing of the app imports
MAY_TRAIN_WITH = {
    "__init__": set(),
    "data": {"errors", "images"},
    "textures": {"images", "training"},
    "teachers": {"errors", "features", "images"},
    "trainer": {"errors", "weights"},
    "instant_lite": {"errors", "features", "images", "instant", "training"},
    "texture_networks": {"commands", "generators", "images", "recipes", "texture_networks", "weights"},
    "vgg19_lite": {"errors", "features", "images", "recipes", "training"},
}
ONLY_IN_FUNCTIONS = {
    "engine": {"instant", "optimize", "texture_networks"},
    "commands": {"instant", "optimize", "texture_networks"},
    "quality": {"features", "losses"},
}
FREE_OF_TENSORFLOW = [
    "generators",
    "network_drawing",
    "errors",
    "images",
    "drawings",
    "colors",
    "masks",
    "recipes",
    "regions",
    "stylizer",
    "weights",
    "engine",
    "timelapse",
    "quality",
    "commands",
]


def ours(node):
    """The modules of nst_core that an import statement names."""
    if isinstance(node, ast.ImportFrom) and node.module == "nst_core":
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nst_core."):
        return {node.module.split(".")[1]}
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nst_core.")}
    return set()


def imports(path):
    """(at the top, inside functions)"""
    tree = ast.parse(path.read_text())
    inner = {child for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for child in ast.walk(node)}
    top, inside = set(), set()
    for node in ast.walk(tree):
        (inside if node in inner else top).update(ours(node))
    return top, inside


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_imports_point_towards_the_ground(path):
    top, inside = imports(path)
    allowed = MAY_IMPORT[path.stem]
    assert top <= allowed
    assert inside <= allowed | ONLY_IN_FUNCTIONS.get(path.stem, set())


@pytest.mark.parametrize("path", sorted((PACKAGE / "training").glob("*.py")), ids=lambda path: path.stem)
def test_training_imports_what_it_may(path):
    top, inside = imports(path)
    assert top | inside <= MAY_TRAIN_WITH[path.stem]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_knows_no_streamlit(path):
    assert "streamlit" not in path.read_text().replace("Streamlit", "")


@pytest.mark.parametrize("path", [ROOT / "app.py", ROOT / "ui.py", *(ROOT / "pages").glob("*.py")], ids=lambda path: path.name)
def test_pages_import_only_what_is_light(path):
    top, inside = imports(path)
    assert not (top | inside) & {"instant", "optimize", "texture_networks", "features", "losses"}


def test_nothing_that_pages_import_brings_tensorflow():
    names = ", ".join(f"nst_core.{name}" for name in FREE_OF_TENSORFLOW)
    script = f"import sys, ui, {names}; print(*{{'tensorflow', 'keras', 'tensorflow_hub', 'tf_keras'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
