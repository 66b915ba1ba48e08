"""ONNX Runtime for the visitor's browser: which files of it, their checksums, and where they come from.

They are 15 to 27 MB and not ours, so that they are not in the repository: the browser gets them from the address that
NST_RUNTIME_URL names, else from the app's own `static/onnxruntime-web/` where `make runtime` has put them, else from jsDelivr.
It checks them before it uses them, whoever gave them.
"""

import base64
import os
import sys
from pathlib import Path
from typing import NamedTuple

VERSION = "1.30.0"
PUBLISHED = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
FOLDER = Path(__file__).parents[1] / "static" / "onnxruntime-web"
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


FILES = [file for files in BACKENDS.values() for file in files]


def source() -> str:
    """The address of the files, relative to the app's where it serves them itself; ends in a slash."""
    if named := os.environ.get("NST_RUNTIME_URL"):
        return named.rstrip("/") + "/"
    return SERVED if all((FOLDER / file.name).is_file() for file in FILES) else PUBLISHED


def fetch(address: str = PUBLISHED) -> None:
    """Put the files into FOLDER, checked, so that the app serves them itself.

    Raises: OSError, ValueError, of a download that failed or of a file that is another.
    """
    import pooch

    for file in FILES:
        checksum = f"sha256:{base64.b64decode(file.sha256).hex()}"
        pooch.retrieve(address + file.name, checksum, fname=file.name, path=FOLDER)


if __name__ == "__main__":
    fetch(*sys.argv[1:])
