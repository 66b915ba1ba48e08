"""The judge: how far a picture is from its style and its content, told by networks that the app never uses; what eyes mind.

Pictures are float32 (h, w, 3) in [0, 1]. Smaller distances are better; show all, since each alone can be gamed.
The networks and pictures lie in NST_SHARED (default `../shared` beside the repository); `shared` fails where they do not.

- style distance: mean over conv1_1 … conv5_1 of ‖G_x − G_s‖_F / ‖G_s‖_F, Gram matrices averaged over positions, on
  `vgg19_16x` (Wang et al. 2020: a sixteenth of VGG-19's weights, features close to the original's);
- the same over conv1_1 … conv3_1 on VGG-19's own first five convolutions, as a check;
- content distance: ‖F_x − F_c‖ / ‖F_c‖ at conv4_2 of `vgg19_16x`.

The style distance does not tell which picture people prefer. What agreed with blind viewers (`benchmarks.taste` asks them):
`ssim` of the luminance with the photograph's, larger is better; `lattice` and `fringe`, whose values in photographs and
paintings are the aim; and `halo`, smaller is better. Each function says how it is computed.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import ndimage
from skimage.metrics import structural_similarity

from nst_core import images
from nst_core.images import Image, Mask
from nst_core.pictures import colors, masks

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"
_BLOCK_ENDS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")  # max pooling follows these

PAIRS = (  # (content, style) of ../shared/images, without the ending: what every benchmark shows
    ("chicago", "starry_night_crop"),
    ("hoovertowernight", "the_scream"),
    ("stata", "composition_vii"),
    ("hummingbird", "wave_kanagawa"),
    ("sailboat", "woman-with-hat-matisse"),
    ("cornell", "robert_delaunay__1906__portrait"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Three distances, smaller is better; `style_check` is the style distance on the exact first layers of VGG-19."""

    style: float
    style_check: float
    content: float


@dataclass(frozen=True, slots=True)
class Looks:
    """All measures of a picture; None where the picture has no photograph or style to be compared with."""

    style: float | None
    style_check: float | None
    content: float | None
    ssim: float | None
    lattice: float
    fringe: float
    halo: float | None


LOOKS = (
    "style",
    "style, check",
    "content",
    "SSIM",
    "lattice, dB",
    "fringe",
    "halo",
)  # the fields of `Looks`, as tables name them


class Network:
    """RGB (n, h, w, 3) in [0, 1] -> {layer: (n, h', w', c)} after ReLU: reflect padding, max pooling."""

    def __init__(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: tf.constant(archive[key], tf.float32) for key in archive.files if "_aux" not in key}
        self._mix = arrays.pop("conv0.weight"), arrays.pop("conv0.bias")  # RGB to the network's input
        names = sorted({key.split(".")[0] for key in arrays})  # conv11 … conv51, in their order
        self._layers = {f"{n[:-1]}_{n[-1]}": (arrays[f"{n}.weight"], arrays[f"{n}.bias"]) for n in names}
        self.features = tf.function(self.__call__, reduce_retracing=True)

    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        maps, y = {}, tf.nn.conv2d(x, self._mix[0], 1, "VALID") + self._mix[1]
        for name, (kernel, bias) in self._layers.items():
            y = tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
            y = maps[name] = tf.nn.relu(tf.nn.conv2d(y, kernel, 1, "VALID") + bias)
            if name in _BLOCK_ENDS:
                y = tf.nn.max_pool2d(y, 2, 2, "VALID")
        return maps


def shared() -> Path:
    """The folder of networks and pictures.

    Raises: FileNotFoundError, naming the variable that says where it is.
    """
    folder = Path(os.environ.get("NST_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "models" / "vgg19_16x.npz").is_file():
        raise FileNotFoundError(f"{folder} has no models/vgg19_16x.npz: set NST_SHARED to the folder that has it.")
    return folder


@lru_cache(maxsize=1)
def small() -> Network:
    """`vgg19_16x`, to conv5_1."""
    return Network(shared() / "models" / "vgg19_16x.npz")


@lru_cache(maxsize=1)
def exact() -> Network:
    """VGG-19's own weights, to conv3_1."""
    return Network(shared() / "models" / "vgg19_normalised_to_conv3_1.npz")


def pair(content: str, style: str, size: int) -> tuple[Image, Image]:
    """A pair of `PAIRS`, the longer side of each `size` pixels."""
    folder = shared() / "images"
    return _load(folder / "content" / f"{content}.jpg", size), _load(folder / "style" / f"{style}.jpg", size)


def style_distance(picture: Image, style: Image, network: Network | None = None) -> float:
    """Mean relative distance of the Gram matrices; the style is resized to the picture's long side."""
    style = images.fit(style, max(picture.shape[:2]))
    grams_x, grams_s = (_grams(_maps(image, network or small())) for image in (picture, style))
    return _mean_distance(grams_x, grams_s)


def style_distances(picture: Image, style: Image, where: Sequence[Mask], guides: Sequence[Mask]) -> np.ndarray:
    """The same of parts of both, (n, m): of each mask on the picture to each guide on the style."""
    style = images.fit(style, max(picture.shape[:2]))
    seen = (_maps(picture, small()), where), (_maps(style, small()), guides)
    of_picture, of_style = ([_grams(maps, part) for part in parts] for maps, parts in seen)
    return np.array([[_mean_distance(x, s) for s in of_style] for x in of_picture])


def content_distance(picture: Image, content: Image) -> float:
    """Relative distance of the features at conv4_2; both pictures have the same shape."""
    maps_x, maps_c = (small().features(tf.constant(image[None])) for image in (picture, content))
    return _relative(maps_x[CONTENT_LAYER].numpy(), maps_c[CONTENT_LAYER].numpy())


class Reference:
    """A photograph and a style, seen once by the networks, which many pictures are then compared with.

    content and pictures have the same shape; the style is resized to their long side.
    """

    def __init__(self, content: Image, style: Image) -> None:
        style = images.fit(style, max(content.shape[:2]))
        self._photograph = content
        self._style, self._check = (_grams(_maps(style, network)) for network in (small(), exact()))
        self._content = _features(content, small())[CONTENT_LAYER]

    def judge(self, picture: Image) -> Verdict:
        """Return all three distances of a stylized picture."""
        maps = _features(picture, small())
        of_style = {name: maps[name] for name in self._style}
        return Verdict(
            style=_mean_distance(_grams(of_style), self._style),
            style_check=_mean_distance(_grams(_maps(picture, exact())), self._check),
            content=_relative(maps[CONTENT_LAYER], self._content),
        )

    def looks(self, picture: Image) -> "Looks":
        """Return all measures of a stylized picture."""
        found = self.judge(picture)
        compared = found.style, found.style_check, found.content, ssim(picture, self._photograph)
        return Looks(*compared, lattice(picture), fringe(picture), halo(picture, self._photograph))


def judge(picture: Image, content: Image, style: Image) -> Verdict:
    """All three distances of a stylized picture."""
    return Reference(content, style).judge(picture)


# --- what eyes mind ---------------------------------------------------------------------------------------------------

LATTICE_TILE = 128  # pixels
_HALO_GREYS = 8  # brightnesses that are told apart
Plane = npt.NDArray[np.floating]  # (h, w)


def looks_of_original(picture: Image) -> Looks:
    """Return what can be measured of a photograph or painting itself: its `lattice` and `fringe`."""
    return Looks(None, None, None, None, lattice(picture), fringe(picture), None)


def mean_looks(found: Sequence[Looks]) -> list[str]:
    """Return a table's cells, in the order of `LOOKS`."""
    cells = []
    for field in fields(Looks):
        values = [value for one in found if (value := getattr(one, field.name)) is not None]
        digits = 1 if field.name == "lattice" else 3
        cells.append(f"{np.mean(values):.{digits}f}" if values else "–")
    return cells


def ssim(picture: Image, content: Image) -> float:
    """Return the structural similarity of the luminances (Wang et al. 2004; windows of 7 px), 1 for the same picture."""
    return float(structural_similarity(colors.luminance(picture), colors.luminance(content), data_range=1.0))


def lattice(picture: Image) -> float:
    """Return how much of a picture is the network's own grid, in decibels.

    In tiles of 128 px under a Hann window: power of the grey at the frequencies of the strides, multiples of ¼ cycle a pixel
    in either direction, over the median around them; the mean of the quarter of tiles that have most. Paintings have about 5,
    photographs about 8.
    """
    side, grey = LATTICE_TILE, picture.mean(-1)
    short = [max(0, side - n) for n in grey.shape]
    grey = np.pad(grey, [(0, n) for n in short], "symmetric")
    places = [range(0, n - side + 1, side // 2) for n in grey.shape]
    found = sorted(_grid_power(grey[y : y + side, x : x + side]) for y in places[0] for x in places[1])
    return float(np.mean(found[-max(1, len(found) // 4) :]))


def _grid_power(tile: Plane) -> float:
    """Decibels of one tile."""
    window = np.hanning(LATTICE_TILE)
    power = np.abs(np.fft.fft2((tile - tile.mean()) * np.outer(window, window))) ** 2 + 1e-9
    near = np.arange(-6, 7)
    ring = np.ones((13, 13), bool)
    ring[3:-3, 3:-3] = False
    peaks, around = 0.0, 0.0
    for i, j in list(np.ndindex(4, 4))[1:]:  # without the tile's mean
        centre = np.array([i, j]) * (LATTICE_TILE // 4)
        block = power[np.ix_(*((centre[:, None] + near) % LATTICE_TILE))]
        peaks += block[5:8, 5:8].mean()
        around += float(np.median(block[ring]))
    return float(10 * np.log10(peaks / around))


def fringe(picture: Image) -> float:
    """Return how coloured the fine detail is: RMS of the band-passed Cb and Cr over that of Y.

    Band-pass: Gaussians of σ 0.5 minus σ 2 px. Y, Cb and Cr as in JPEG. About 0.3 in paintings and photographs.
    """
    y = colors.luminance(picture)
    cb, cr = (picture[..., 2] - y) / 1.772, (picture[..., 0] - y) / 1.402
    of_y, of_cb, of_cr = (ndimage.gaussian_filter(x, 0.5) - ndimage.gaussian_filter(x, 2) for x in (y, cb, cr))
    coloured = np.sqrt(np.mean(of_cb**2 + of_cr**2))
    return float(coloured / max(np.sqrt(np.mean(of_y**2)), 1e-6))


def halo(picture: Image, content: Image) -> float:
    """Return the change of brightness beside the photograph's strong contours that its grounds do not have; 0 is none.

    With u = the longer side / 512 px. A contour is strong where the luminance, smoothed by 1.5 u, rises as at a step of 0.2;
    the ground is quiet where it rises as at one of less than 0.04. The change, picture minus photograph, is smoothed by 2 u off
    the contours. From it is taken what the ground of the same brightness, 12 u and more off, changes by around (σ 24 u). The
    result is the RMS of what remains on quiet ground 4 to 10 u off a contour, less that 16 to 40 u off, as powers.
    """
    unit = max(content.shape[:2]) / 512
    light = colors.luminance(content).astype(np.float64)
    step = ndimage.gaussian_gradient_magnitude(light, 1.5 * unit) * (1.5 * unit * np.sqrt(2 * np.pi))  # height of that step
    if not (step >= 0.2).any():
        return 0.0
    away = ndimage.distance_transform_edt(step < 0.2) / unit
    quiet = step < 0.04
    change = colors.luminance(picture) - light
    off = away >= 3
    smooth = _blurred(change * off, 2 * unit) / np.maximum(_blurred(off, 2 * unit), 1e-6)
    usual, known = _usual_change(change, light, quiet & (away >= 12), 24 * unit)
    beyond = (smooth - usual) ** 2
    near, far = (quiet & known & (away >= low) & (away <= high) for low, high in ((4, 10), (16, 40)))
    if not (near.any() and far.any()):
        return 0.0
    return float(np.sqrt(max(beyond[near].mean() - beyond[far].mean(), 0.0)))


def _usual_change(
    change: Plane, light: Plane, ground: npt.NDArray[np.bool_], sigma: float
) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """The mean change of ground of the same brightness around each pixel, and where there is such ground: a bilateral grid."""
    total, weight = np.zeros_like(light), np.zeros_like(light)
    for grey in np.linspace(0, 1, _HALO_GREYS):
        alike = np.maximum(1 - np.abs(light - grey) * (_HALO_GREYS - 1), 0)
        total += alike * _blurred(alike * ground * change, sigma)
        weight += alike * _blurred(alike * ground, sigma)
    return total / np.maximum(weight, 1e-9), weight > 1e-3


def _blurred(plane: npt.NDArray[Any], sigma: float) -> Plane:
    return ndimage.gaussian_filter(np.asarray(plane, np.float64), sigma)


# --- insides ----------------------------------------------------------------------------------------------------------


def _load(file: Path, size: int) -> Image:
    return images.fit(images.decode(file.read_bytes(), name=file.name), size)


def _maps(image: Image, network: Network) -> Mapping[str, np.ndarray]:
    """{layer: (h, w, c)} of the style layers that the network has."""
    maps = _features(image, network)
    return {name: maps[name] for name in STYLE_LAYERS if name in maps}


def _features(image: Image, network: Network) -> Mapping[str, np.ndarray]:
    """{layer: (h, w, c)} of the layers that are compared."""
    maps = network.features(tf.constant(image[None]))
    return {name: maps[name].numpy()[0] for name in (*STYLE_LAYERS, CONTENT_LAYER) if name in maps}


def _grams(maps: Mapping[str, np.ndarray], part: Mask | None = None) -> Mapping[str, np.ndarray]:
    """{layer: (c, c)}, averaged over positions, those of a part if there is one."""
    flat = {name: F.reshape(-1, F.shape[-1]) for name, F in maps.items()}
    if part is None:
        return {name: F.T @ F / len(F) for name, F in flat.items()}
    shares = {name: masks.resize(part, F.shape[:2]).reshape(-1, 1) for name, F in maps.items()}
    return {name: F.T @ (F * shares[name]) / shares[name].sum() for name, F in flat.items()}


def _mean_distance(grams: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> float:
    return float(np.mean([_relative(grams[layer], reference[layer]) for layer in reference]))


def _relative(x: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(x - reference) / np.linalg.norm(reference))
