"""Run MicroAST (Wang et al., AAAI 2023) in PyTorch as a teacher: modulation from styles, pictures from contents.

Its weights are not part of this repository: an `.npz` archive of the published ones, `part/name`, kernels (out, in / groups, k,
k), part being content_encoder, style_encoder, modulator or decoder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.errors import BadNetwork
from nst_core.training import runs
from nst_core.training.instant_network import convolve, enlarged

STEPS = ((0, 1), (2, 2), (4, 1), (6, 2), (8, 1))  # convolutions of an encoder before its residual layers, and their strides


class Taught(NamedTuple):
    """Hold what a style gives the decoder, (n, c, 1, 1) each: statistics of two maps, a filter's weight and bias for each."""

    fine_mean: Tensor
    fine_deviation: Tensor
    coarse_mean: Tensor
    coarse_deviation: Tensor
    fine_weight: Tensor
    fine_bias: Tensor
    coarse_weight: Tensor
    coarse_bias: Tensor


class MicroAst:
    """Run the published network. Raises: ModelUnavailable, BadNetwork."""

    def __init__(self, file: Path, device: torch.device) -> None:
        arrays = runs.read_arrays(file)
        self._parts: dict[str, dict[str, Tensor]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition("/")
            self._parts.setdefault(part, {})[name] = torch.tensor(array, device=device)
        if not {"content_encoder", "style_encoder", "modulator", "decoder"} <= set(self._parts):
            raise BadNetwork(f"{file} holds no weights of MicroAST; name another file.")

    @torch.no_grad()
    def style(self, styles: Tensor) -> Taught:
        """Return the input of `paint` for styles (n, 3, h, w) in [0, 1]; sides are multiples of 4."""
        fine, coarse = _encoded(styles, self._parts["style_encoder"])
        modulate = lambda name, x: _layer(x, self._parts["modulator"], f"{name}.0").mean((2, 3), keepdim=True)  # noqa: E731
        filters = [modulate(f"{kind}{i}", x) for i, x in ((1, fine), (2, coarse)) for kind in ("weight", "bias")]
        return Taught(*_statistics(fine), *_statistics(coarse), *filters)

    @torch.no_grad()
    def paint(self, contents: Tensor, style: Taught) -> Tensor:
        """Return pictures of the contents' shape, in [0, 1]."""
        decoder = self._parts["decoder"]
        _, x = _encoded(contents, self._parts["content_encoder"])
        x = _adapted(x, style.coarse_mean, style.coarse_deviation)
        x = _residual(x, decoder, "dec1", style.coarse_weight, style.coarse_bias)
        x = _adapted(x, style.fine_mean, style.fine_deviation)
        x = _residual(x, decoder, "dec2", style.fine_weight, style.fine_bias)
        for first, second in ((1, 3), (6, 8)):
            x = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = functional.relu(_layer(functional.relu(_layer(x, decoder, f"dec3.{first}")), decoder, f"dec3.{second}"))
        return enlarged(_layer(x, decoder, "dec3.10"), contents).clamp(0, 1)


def stacked(styles: list[Taught]) -> Taught:
    """Return several as one batch."""
    return Taught(*(torch.cat(parts) for parts in zip(*styles, strict=True)))


def _layer(x: Tensor, weights: Mapping[str, Tensor], name: str, stride: int = 1) -> Tensor:
    """Return a convolution, grouped if it has fewer input channels than its input."""
    kernel, bias = (weights[f"{name}.conv_layer.{kind}"] for kind in ("weight", "bias"))
    groups = x.shape[1] // kernel.shape[1]
    if groups == 1:
        return convolve(x, kernel, bias, stride=stride)
    return functional.conv2d(
        functional.pad(x, [kernel.shape[-1] // 2] * 4, mode="reflect"), kernel, bias, stride, groups=groups
    )


def _encoded(x: Tensor, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    for i, stride in STEPS:
        x = functional.relu(_layer(x, weights, f"enc1.{i}", stride))
    fine = x + _layer(functional.relu(_layer(x, weights, "enc1.10.conv1")), weights, "enc1.10.conv2")
    return fine, fine + _layer(functional.relu(_layer(fine, weights, "enc2.0.conv1")), weights, "enc2.0.conv2")


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + 1e-5).sqrt()


def _adapted(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    own_mean, own_deviation = _statistics(x)
    return (x - own_mean) / own_deviation * deviation + mean


def _residual(x: Tensor, weights: Mapping[str, Tensor], name: str, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a residual layer whose two filters are scaled by the style."""
    y = functional.relu(weight * _layer(x, weights, f"{name}.conv1") + bias * x)
    return x + weight * _layer(y, weights, f"{name}.conv2") + bias * y
