"""Define instant-lite in PyTorch, for training: predictor and transformer as functions of their parameters.

`instant/lite.py` paints with the same arrays; `instant/graph.py` describes the network. Maps are (n, c, h, w), kernels (out,
in, k, k) here and (k, k, in, out) in files.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.training import runs

BLOCKS = tuple(f"block{i}" for i in range(1, 5))
NOISY = ("block1a", "block2a", "block3a", "up")  # layers that get noise
COARSE = ("block1a", "block2a")
WIDTHS = {"down1": (5, 3, 32), "down2": (3, 32, 64)}  # side of the kernel, channels in, channels out
WIDTHS |= {f"{block}{part}": (3, 64, 64) for block in BLOCKS for part in "ab"}
WIDTHS |= {"up": (3, 64, 32), "lines": (3, 32, 16)}
PLAIN = {"guide": (3, 3, 16), "refine": (3, 16, 16), "out": (3, 16, 3)}
NUMBERS, STATISTICS = 100, 5008
EPSILON = 1e-5
BLURRED = 1.45  # divided by the deviation of white noise enlarged four times by bilinear interpolation
GRAMS = 5  # of the predictor's layers, from the first

Parameters = Mapping[str, Tensor]
Convolutions = Mapping[str, tuple[Tensor, Tensor]]  # kernel and bias by number of the layer, "11" first

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for normalising the input of vgg19-lite


def parameters_of(arrays: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """Return the arrays of a file in the form that PyTorch needs."""
    tensors = {name: torch.tensor(array, dtype=torch.float32, device=device) for name, array in arrays.items()}
    return {name: kernel(x) if x.dim() == 4 else x for name, x in tensors.items()}


def kernel(x: Tensor) -> Tensor:
    """Return a kernel (k, k, in, out) as (out, in, k, k)."""
    return x.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


def arrays_of(parameters: Parameters) -> dict[str, np.ndarray]:
    """Return copies of the parameters in the form of a file."""
    tensors = {name: x.detach().cpu() for name, x in parameters.items()}
    return {name: (x.permute(2, 3, 1, 0) if x.dim() == 4 else x).numpy().copy(order="C") for name, x in tensors.items()}


def random_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return new weights (He et al. 2015), with the names and shapes of a file."""

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    def he(side: int, fan: int, out: int) -> np.ndarray:
        return normal(side, side, fan, out) * np.float32(np.sqrt(2 / (side * side * fan)))

    made: dict[str, np.ndarray] = {
        "predictor/0": np.zeros(STATISTICS, np.float32),
        "predictor/1": np.ones(STATISTICS, np.float32),
    }
    made |= {"predictor/2": normal(STATISTICS, NUMBERS) * 0.01, "predictor/3": np.zeros(NUMBERS, np.float32)}
    for name, (side, fan, out) in WIDTHS.items():
        gains = [normal(out) * 0.15] if name in NOISY else []
        made[f"transformer/{name}/kernel"] = he(side, fan, out)
        made[f"transformer/{name}/dense"] = normal(NUMBERS, (2 + len(gains)) * out) * 0.02
        made[f"transformer/{name}/bias"] = np.concatenate([np.zeros(2 * out, np.float32), *gains])
    for name, (side, fan, out) in PLAIN.items():
        made[f"transformer/{name}/kernel"] = he(side, fan, out)
        made[f"transformer/{name}/bias"] = np.zeros(out, np.float32)
    return made


# --- styles to vectors ------------------------------------------------------------------------------------------------


def predictor_network(file: Path, device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the convolutions of vgg19-lite, the predictor's feature network. Raises: ModelUnavailable, BadNetwork."""
    tensors = parameters_of(runs.read_arrays(file), device)
    names = sorted({name.split(".")[0] for name in tensors})
    return {name[4:]: (tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names}


def maps_of(convolutions: Convolutions, x: Tensor, last: str | None = None) -> dict[str, Tensor]:
    """Return the maps of a network like VGG, after ReLU, up to layer `last`, of its input (n, 3, h, w)."""
    maps: dict[str, Tensor] = {}
    block = "1"
    for layer, (weights, bias) in convolutions.items():
        if layer[0] != block:
            x, block = functional.max_pool2d(x, 2), layer[0]
        x = maps[layer] = functional.relu(convolve(x, weights, bias))
        if layer == last:
            break
    return maps


def style_statistics(convolutions: Convolutions, pictures: Tensor) -> Tensor:
    """Return the predictor's input, (n, 5008), for pictures (n, 3, h, w) in [0, 1]."""
    mean, deviation = (pictures.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    maps = list(maps_of(convolutions, (pictures - mean) / deviation).values())
    found: list[Tensor] = []
    for x in maps:
        mean, variance = moments(x)
        found += [mean.flatten(1), (variance + 1e-6).sqrt().flatten(1)]
    for x in maps[:GRAMS]:
        rows, columns = np.triu_indices(x.shape[1])
        found.append(gram(x)[:, rows, columns])
    return torch.cat(found, 1).sqrt()


def style_vector(parameters: Parameters, statistics: Tensor) -> Tensor:
    """Return style vectors (n, 100) of statistics (n, 5008)."""
    mean, deviation, weights, bias = (parameters[f"predictor/{i}"] for i in range(4))
    return ((statistics - mean) / deviation) @ weights + bias


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of every channel, (n, c, 1, 1)."""
    mean = x.mean((2, 3), keepdim=True)
    return mean, ((x - mean) ** 2).mean((2, 3), keepdim=True)


def gram(x: Tensor) -> Tensor:
    """Return Gram matrices (n, c, c), averaged over positions."""
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


# --- content and vectors to a picture ---------------------------------------------------------------------------------


def transform(parameters: Parameters, content: Tensor, noise: Tensor, detail: Tensor, vectors: Tensor) -> Tensor:
    """Return pictures (n, 3, h', w') in [0, 1].

    content: (n, 3, h, w), sides multiples of 4; noise: (n, 1, h, w), white; detail: the content at (h', w'); vectors: (n, 100).
    """
    fine, quarter, coarse = noises(noise)
    given = {name: fine if name == "up" else coarse if name in COARSE else quarter for name in NOISY}

    def layer(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weights, dense, bias = (parameters[f"transformer/{name}/{part}"] for part in ("kernel", "dense", "bias"))
        return style_norm(convolve(x, weights, stride=stride), vectors @ dense + bias, given.get(name))

    def plain(name: str, x: Tensor) -> Tensor:
        return convolve(x, *(parameters[f"transformer/{name}/{part}"] for part in ("kernel", "bias")))

    x = functional.relu(layer("down2", functional.relu(layer("down1", content, 2)), 2))
    for block in BLOCKS:
        x = x + layer(f"{block}b", functional.relu(layer(f"{block}a", x)))
    x = layer("lines", functional.relu(layer("up", functional.interpolate(x, scale_factor=2, mode="bilinear"))))
    x = functional.relu(enlarged(x, detail) + plain("guide", detail - 0.5))
    return torch.sigmoid(plain("out", functional.relu(plain("refine", x))))


def convolve(x: Tensor, weights: Tensor, bias: Tensor | None = None, *, stride: int = 1) -> Tensor:
    """Return the convolution of a picture padded by half a kernel by reflection."""
    return functional.conv2d(functional.pad(x, [weights.shape[-1] // 2] * 4, mode="reflect"), weights, bias, stride)


def style_norm(x: Tensor, style: Tensor, noise: Tensor | None = None) -> Tensor:
    """Return the map after conditional instance normalisation, and with noise added.

    style: scale − 1, shift and, where there is noise, its gain, (n, 2c) or (n, 3c).
    """
    mean, variance = moments(x)
    scale, shift, *gain = style[:, :, None, None].split(x.shape[1], 1)
    scale = (1 + scale) * torch.rsqrt(variance + EPSILON)
    x = x * scale + (shift - mean * scale)
    return x if noise is None else x + noise * gain[0]


def noises(noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return noise of unit variance, of white noise (n, 1, h, w): at half the size, at a quarter, and coarse at a quarter."""
    fine = 2 * functional.avg_pool2d(noise, 2)
    quarter = 2 * functional.avg_pool2d(fine, 2)
    return fine, quarter, BLURRED * enlarged(4 * functional.avg_pool2d(quarter, 4), quarter)


def enlarged(x: Tensor, other: Tensor) -> Tensor:
    """Return the map at the other's size, by bilinear interpolation."""
    return functional.interpolate(x, size=other.shape[2:], mode="bilinear")
