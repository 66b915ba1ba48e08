"""The judge: how far a picture is from its style and from its content, told by networks that the app never uses.

Pictures are float32 (h, w, 3) in [0, 1]. Smaller is better; always show both distances, since each alone can be gamed.
The networks and pictures lie in NST_SHARED (default `../shared` beside the repository); `shared` fails where they do not.

- style distance: mean over conv1_1 … conv5_1 of ‖G_x − G_s‖_F / ‖G_s‖_F, Gram matrices averaged over positions, on
  `vgg19_16x` (Wang et al. 2020: a sixteenth of VGG-19's weights, features close to the original's);
- the same over conv1_1 … conv3_1 on VGG-19's own first five convolutions, as a check;
- content distance: ‖F_x − F_c‖ / ‖F_c‖ at conv4_2 of `vgg19_16x`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import tensorflow as tf

from nst_core import images
from nst_core.images import Image, Mask
from nst_core.pictures import masks

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


def judge(picture: Image, content: Image, style: Image) -> Verdict:
    """All three distances of a stylized picture."""
    return Verdict(
        style=style_distance(picture, style),
        style_check=style_distance(picture, style, exact()),
        content=content_distance(picture, content),
    )


def _load(file: Path, size: int) -> Image:
    return images.fit(images.decode(file.read_bytes(), name=file.name), size)


def _maps(image: Image, network: Network) -> Mapping[str, np.ndarray]:
    """{layer: (h, w, c)} of the style layers that the network has."""
    maps = network.features(tf.constant(image[None]))
    return {name: maps[name].numpy()[0] for name in STYLE_LAYERS if name in maps}


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
