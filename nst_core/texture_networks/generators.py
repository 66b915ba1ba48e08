"""Define a texture network and its file: layers and their shapes from settings; arrays <-> `.npz` bytes.

The generator of Ulyanov et al. 2016, 1603.03417, with instance normalisation, 1607.08022:

    ratio 32   pooled picture + noise ─► 3×3 ─► 3×3 ─► 1×1 ─┐ 8 channels
    ratio 16   pooled picture + noise ─► 3×3 ─► 3×3 ─► 1×1 ─┤─► join: 3×3 ─► 3×3 ─► 1×1 ─┐ 16 channels
    ratio 8    …                                                                        ─┤─► …    24, 32, 40, 48
    ratio 1    …                                                            last join ─► 1×1 ─► RGB

`plan` is that drawing as data: the tensors (`training`), the page's drawing, and the check of untrusted files
are all made from it. This file does not import TensorFlow, because pages import it.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np
from pydantic import ValidationError

from nst_core.errors import BadNetwork
from nst_core.recipes import TrainingRecipe
from nst_core.stylizer import Step

WIDTH = 8  # channels of a branch; each join adds as many
NOISE = 3  # channels of noise added to the picture at every scale
SCALES = {"stylize": 6, "synthesize": 5}  # the paper's choices
MAX_BYTES = 2 * 1024**2  # of a file; ours have 0.25 MB
MAX_RECIPE = 20_000  # characters
MAX_LOG = 2_000  # rows
LOG = ("iteration", "seconds", "content", "style")  # columns of the training log

GeneratorArrays = dict[str, np.ndarray]


# --- the plan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GeneratorConvolution:
    """Describe a convolution with normalisation and ReLU; the last one, which makes RGB, has only a bias."""

    name: str
    size: int  # of the kernel: 1 or 3
    inputs: int
    outputs: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class GeneratorStage:
    """Describe a scale: the branch, and the join with the result of the coarser scale (the coarsest has none).

    ratio: pixels of the result per pixel of this scale. channels: of the output.
    """

    ratio: int
    branch: tuple[GeneratorConvolution, ...]
    join: tuple[GeneratorConvolution, ...]
    channels: int


@dataclass(frozen=True, slots=True)
class GeneratorPlan:
    """Describe a generator: stages, coarsest first, and the convolution to RGB."""

    stages: tuple[GeneratorStage, ...]
    rgb: GeneratorConvolution
    normalisation: str  # instance or batch
    picture: bool  # whether a picture is an input besides the noise

    @property
    def multiple(self) -> int:
        """Return the number that the sides of a picture must be multiples of."""
        return self.stages[0].ratio

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array by name, in the order of the data flow."""
        shapes: dict[str, tuple[int, ...]] = {}
        for stage in self.stages:
            for convolution in stage.branch:
                shapes |= self._convolution(convolution)
            if stage.join:
                own = stage.branch[-1].outputs
                shapes |= self._norm(f"join{stage.ratio}/coarser", stage.channels - own)
                shapes |= self._norm(f"join{stage.ratio}/branch", own)
            for convolution in stage.join:
                shapes |= self._convolution(convolution)
        return shapes | self._convolution(self.rgb)

    @property
    def parameters(self) -> int:
        """Return the number of trained values, without the running statistics of batch normalisation."""
        return sum(prod(shape) for name, shape in self.shapes.items() if trainable(name))

    def _convolution(self, c: GeneratorConvolution) -> dict[str, tuple[int, ...]]:
        kernel = {f"{c.name}/kernel": (c.size, c.size, c.inputs, c.outputs)}
        return kernel | ({f"{c.name}/bias": (c.outputs,)} if c.last else self._norm(c.name, c.outputs))

    def _norm(self, name: str, channels: int) -> dict[str, tuple[int, ...]]:
        parts = ("scale", "shift", *(("mean", "variance") if self.normalisation == "batch" else ()))
        return {f"{name}/{part}": (channels,) for part in parts}


def plan(recipe: TrainingRecipe) -> GeneratorPlan:
    """Return the generator for a recipe."""
    picture = recipe.purpose == "stylize"
    count = recipe.scales or SCALES[recipe.purpose]
    stages: list[GeneratorStage] = []
    for number, ratio in enumerate((2**k for k in reversed(range(count))), 1):
        branch = _three(f"branch{ratio}", NOISE + 3 * picture, WIDTH)
        join = _three(f"join{ratio}", WIDTH * number, WIDTH * number) if stages else ()
        stages.append(GeneratorStage(ratio, branch, join, WIDTH * number))
    rgb = GeneratorConvolution("rgb", 1, stages[-1].channels, 3, last=True)
    return GeneratorPlan(tuple(stages), rgb, recipe.normalisation, picture)


def _three(name: str, inputs: int, outputs: int) -> tuple[GeneratorConvolution, ...]:
    """Return 3×3, 3×3 and 1×1 convolutions, without biases, which the normalisation would remove."""
    return (
        GeneratorConvolution(f"{name}/1", 3, inputs, outputs),
        GeneratorConvolution(f"{name}/2", 3, outputs, outputs),
        GeneratorConvolution(f"{name}/3", 1, outputs, outputs),
    )


def trainable(name: str) -> bool:
    return not name.endswith(("/mean", "/variance"))


# --- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class TextureNetwork:
    """Hold a trained network: its recipe, its arrays by name (float32), its log (n, len(LOG))."""

    recipe: TrainingRecipe
    arrays: GeneratorArrays
    log: np.ndarray

    @property
    def plan(self) -> GeneratorPlan:
        return plan(self.recipe)


@dataclass(frozen=True, slots=True, eq=False)
class Trained(Step):
    """Represent the last Step of a training, with the network's file."""

    network: bytes = b""


def write(network: TextureNetwork) -> bytes:
    """Return a compressed `.npz`: arrays as float16, recipe as text, log; no pickles."""
    file = io.BytesIO()
    halves = {name: array.astype(np.float16) for name, array in network.arrays.items()}
    recipe, log = np.array(network.recipe.model_dump_json()), network.log.astype(np.float32)
    np.savez_compressed(file, allow_pickle=False, recipe=recipe, log=log, **halves)
    return file.getvalue()


def read(data: bytes, *, name: str = "This file") -> TextureNetwork:
    """Read an untrusted file. Headers are checked before anything is decompressed, and nothing is executed.

    Raises BadNetwork and no other exception.
    """
    name = "".join(character for character in name if character.isprintable())[:80] or "This file"
    if len(data) > MAX_BYTES:
        raise BadNetwork(f"{name} has {len(data) / 1024**2:.1f} MB; networks made here have {MAX_BYTES // 1024**2} MB at most.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive)
    except BadNetwork as error:
        raise BadNetwork(f"{name} is no texture network made here: {error}.") from None
    except _UNREADABLE as error:
        raise BadNetwork(
            f"{name} is no texture network made here, or it is damaged: choose a .npz file that was saved on this page."
        ) from error


# Raised by zipfile, zlib and numpy's headers for malformed files.
_UNREADABLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, OSError, ValueError, LookupError, TypeError,
    SyntaxError, AttributeError, ArithmeticError, RuntimeError, EOFError, MemoryError, AssertionError,
)  # fmt: skip


def _read(archive: zipfile.ZipFile) -> TextureNetwork:
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in archive.infolist()):
        raise BadNetwork("it is packed in another way")  # bzip2 decompresses gigabytes before a length can be checked
    entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(entries) != len(archive.infolist()) or "recipe" not in entries or "log" not in entries:
        raise BadNetwork("it has no recipe in it")
    recipe = _recipe(_array(archive, entries["recipe"], "U", lambda shape, size: shape == () and size <= 4 * MAX_RECIPE))
    shapes = plan(recipe).shapes
    if set(entries) != {*shapes, "recipe", "log"}:
        raise BadNetwork("its layers are not those that its recipe asks for")
    columns = len(LOG)
    log = _array(archive, entries["log"], "f", lambda shape, _: shape[1:] == (columns,) and 0 <= shape[0] <= MAX_LOG)
    arrays = {key: _layer(archive, entries[key], shape) for key, shape in shapes.items()}
    return TextureNetwork(recipe, arrays, log.astype(np.float32))


def _recipe(text: np.ndarray) -> TrainingRecipe:
    try:
        return TrainingRecipe.model_validate(json.loads(str(text)))
    except (ValidationError, ValueError, RecursionError):
        raise BadNetwork("its recipe cannot be read") from None


def _layer(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, shape: tuple[int, ...]) -> np.ndarray:
    array = _array(archive, entry, "f", lambda found, _: found == shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise BadNetwork("some of its numbers are infinite or none at all")
    if entry.filename.endswith("/variance.npy") and (array < 0).any():
        raise BadNetwork("some of its variances are negative")
    return array


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, kind: str, allowed) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Read an array if its header is as expected: the kind of dtype, and `allowed(shape, bytes per item)`.

    numpy.load would allocate whatever the header says before it reads a byte.
    """
    with archive.open(entry) as stream:
        shape, order, dtype = _header(stream)
        if dtype.hasobject or dtype.kind != kind or dtype.itemsize > 4 * MAX_RECIPE or not allowed(shape, dtype.itemsize):
            raise BadNetwork(f"“{entry.filename[:40]}” is not what it should be")
        size = prod(shape) * dtype.itemsize
        raw = stream.read(size + 1)
    if len(raw) != size:
        raise BadNetwork(f"“{entry.filename[:40]}” is not what it should be")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise BadNetwork("it was written by another version of numpy")


def rows(network: TextureNetwork) -> Iterator[Mapping[str, float]]:
    """Yield the rows of the training log."""
    for row in network.log:
        yield dict(zip(LOG, map(float, row), strict=True))
