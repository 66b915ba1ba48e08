"""ONNX Runtime for the visitor's browser: which files of it, their checksums, and where they come from.

They are 15 to 27 MB and not ours, so that they are not in the repository: the browser gets them from the address that
NST_RUNTIME_URL names, else from the app's own `static/onnxruntime-web/` where somebody has put them (`make runtime`), else from
jsDelivr. It checks them before it uses them, whoever gave them.
"""

import os
from typing import NamedTuple

from ui.pictures import ASSETS

VERSION = "1.30.0"
PUBLISHED = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
FOLDER = ASSETS.parent / "static" / "onnxruntime-web"
SERVED = "app/static/onnxruntime-web/"  # where Streamlit serves that folder, below the app's own address


class File(NamedTuple):
    """name: at its address. bytes: how many. sha256: in base64, as browsers have checksums."""

    name: str
    bytes: int
    sha256: str


# A script and its WebAssembly each; `webgpu` waits for the graphics processor by JSPI, which some browsers do not have yet
BACKENDS = {
    "webgpu": (
        File("ort.jspi.bundle.min.mjs", 115_872, "B+wJA1XhGzQslUNttU2i0MK9Wx0xl0W/0zN+a9zxcKw="),
        File("ort-wasm-simd-threaded.jspi.wasm", 16_758_545, "pUx2+GsPDZVyOAzxxikqezkDcW/8vNaw5ccFC/Qw65M="),
    ),
    "webgpu-everywhere": (
        File("ort.webgpu.bundle.min.mjs", 117_732, "BzCBZzHOLN+wbyc9oGXUoccJHrnRdWqDspFsionQFeI="),
        File("ort-wasm-simd-threaded.asyncify.wasm", 26_781_914, "OfnwiU1HiABIftn32+kmGEmNsyDPVcjj2Jrf+NzmWNo="),
    ),
    "wasm": (
        File("ort.wasm.bundle.min.mjs", 73_054, "EeZL2P/hG9GiovDWJ1/fu7pyYvC3a5m1PSKKiiLvPZA="),
        File("ort-wasm-simd-threaded.wasm", 14_239_897, "M5jBDQfSKb2Rs2RUjhMODlGo5XBLiMfAg+u+t4hC3uI="),
    ),
}


def source() -> str:
    """The address of the files, relative to the app's where it serves them itself; ends in a slash."""
    if named := os.environ.get("NST_RUNTIME_URL"):
        return named.rstrip("/") + "/"
    here = all((FOLDER / file.name).is_file() for files in BACKENDS.values() for file in files)
    return SERVED if here else PUBLISHED
