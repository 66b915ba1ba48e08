"""ONNX Runtime for the visitor's browser: which files of it, their checksums, and where they come from.

They are 14 to 27 MB and not ours, so they are not in the repository. The browser gets each from the address that
NST_RUNTIME_URL names, else from the app's own `static/onnxruntime-web/` if it is there, else from jsDelivr, and checks it
before it is used.

`make run` and the Dockerfile fill that folder with what every browser can run (`python -P ui/runtime.py --set-up`), `make
runtime` with everything. The files come from their published address, else by npm. This file imports nothing of the app.
"""

import base64
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

VERSION = "1.30.0"
PUBLISHED = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
FOLDER = Path(__file__).parents[1] / "static" / "onnxruntime-web"
SERVED = "app/static/onnxruntime-web/"  # where Streamlit serves that folder, below the app's own address
TIMEOUT, NPM_TIMEOUT = 20, 240  # seconds: of the published address while it says nothing, and of npm altogether


class RuntimeFile(NamedTuple):
    """name: at its address. bytes: how many. sha256: in base64, as browsers have checksums."""

    name: str
    bytes: int
    sha256: str


# A script and its WebAssembly each; `webgpu` waits for the graphics processor by JSPI, which some browsers do not have yet
BACKENDS = {
    "webgpu": (
        RuntimeFile("ort.jspi.bundle.min.mjs", 115_872, "B+wJA1XhGzQslUNttU2i0MK9Wx0xl0W/0zN+a9zxcKw="),
        RuntimeFile("ort-wasm-simd-threaded.jspi.wasm", 16_758_545, "pUx2+GsPDZVyOAzxxikqezkDcW/8vNaw5ccFC/Qw65M="),
    ),
    "webgpu-everywhere": (
        RuntimeFile("ort.webgpu.bundle.min.mjs", 117_732, "BzCBZzHOLN+wbyc9oGXUoccJHrnRdWqDspFsionQFeI="),
        RuntimeFile("ort-wasm-simd-threaded.asyncify.wasm", 26_781_914, "OfnwiU1HiABIftn32+kmGEmNsyDPVcjj2Jrf+NzmWNo="),
    ),
    "wasm": (
        RuntimeFile("ort.wasm.bundle.min.mjs", 73_054, "EeZL2P/hG9GiovDWJ1/fu7pyYvC3a5m1PSKKiiLvPZA="),
        RuntimeFile("ort-wasm-simd-threaded.wasm", 14_239_897, "M5jBDQfSKb2Rs2RUjhMODlGo5XBLiMfAg+u+t4hC3uI="),
    ),
}


FILES = [file for files in BACKENDS.values() for file in files]


def source(file: RuntimeFile) -> str:
    """Return the file's address, relative to the app's where the app serves it itself."""
    if named := os.environ.get("NST_RUNTIME_URL"):
        return f"{named.rstrip('/')}/{file.name}"
    own = FOLDER / file.name
    there = own.is_file() and own.stat().st_size == file.bytes  # another version's has another size
    return (SERVED if there else PUBLISHED) + file.name


def sound(path: Path, file: RuntimeFile) -> bool:
    """Return whether the file is there and the one that the checksum names."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode() == file.sha256


# --- set-up -----------------------------------------------------------------------------------------------------------


def set_up() -> None:
    """Fetch what every browser can run. A failure costs one line on standard error: browsers then ask jsDelivr themselves."""
    try:
        fetch(BACKENDS["wasm"])
    except OSError as error:
        reason = " ".join(str(error).split())[:200]
        print(f"Live: visitors need jsDelivr for now, the painter's files were not fetched ({reason}).", file=sys.stderr)


def fetch(files: Sequence[RuntimeFile] = FILES, folder: Path | None = None, address: str = PUBLISHED) -> None:
    """Put the files that are missing into the folder (default FOLDER), from the address, else by npm, checked.

    Raises: OSError, with the reasons, of files that neither gave.
    """
    folder, reasons = folder or FOLDER, list[str]()
    for way in (lambda missing: _download(missing, folder, address), lambda missing: _by_npm(missing, folder)):
        if missing := [file for file in files if not sound(folder / file.name, file)]:
            try:
                way(missing)
            except (OSError, ValueError) as error:  # ValueError: a file is another than its checksum says
                reasons.append(str(error))
    if lacking := [file.name for file in files if not sound(folder / file.name, file)]:
        raise OSError(f"{', '.join(lacking)}: {'; '.join(reasons)}")


def _download(files: Sequence[RuntimeFile], folder: Path, address: str) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    for file in files:
        checksum = f"sha256:{base64.b64decode(file.sha256).hex()}"
        downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
        pooch.retrieve(address + file.name, checksum, fname=file.name, path=folder, downloader=downloader)


def _by_npm(files: Sequence[RuntimeFile], folder: Path) -> None:
    """Fetch the package with npm, from the registry that it is set to, and take the files out of it."""
    import shutil
    import subprocess
    import tempfile

    if (npm := shutil.which("npm")) is None:
        raise OSError("npm, the other way, is not installed")
    with tempfile.TemporaryDirectory() as place:
        command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--silent", "--pack-destination", place]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=NPM_TIMEOUT, cwd=place)
        except subprocess.SubprocessError as error:
            raise OSError(f"npm failed ({getattr(error, 'stderr', None) or error})") from error
        for package in Path(place).glob("*.tgz"):
            _unpack(package, files, folder)


def _unpack(package: Path, files: Sequence[RuntimeFile], folder: Path) -> None:
    """Take the files that are sound out of the package. Each appears when it is whole."""
    import tarfile

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(package) as archive:
            for file in files:
                partial = folder / f"{file.name}.partial"
                if member := archive.extractfile(f"package/dist/{file.name}"):
                    partial.write_bytes(member.read())
                if sound(partial, file):
                    partial.replace(folder / file.name)
                partial.unlink(missing_ok=True)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise OSError(f"npm's package is not as expected ({error})") from error


if __name__ == "__main__":
    if sys.argv[1:] == ["--set-up"]:
        set_up()
    else:
        fetch(FILES, None, *sys.argv[1:])
