"""The decoder that reads a subject's mask out of vgg19-lite's maps, in PyTorch.

The maps of a photograph at 192 × 192 px enter, (n, 64, 48, 48), (n, 128, 24, 24) and (n, 128, 12, 12); logits of the mask come
out at three sizes, the largest (n, 1, 48, 48). Blocks are depthwise separable (Howard et al. 2017); at 12 × 12 their kernels
of 7 × 7 and the mean of the whole picture tell what stands out. `instant/subject_graph.py` writes the same layers as ONNX.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS = ("block3_conv3", "block4_conv3", "block5_conv1")
SIDE = 192  # pixels of the photograph
WIDTHS = (96, 64, 24)  # channels at 12 × 12, 24 × 24, 48 × 48
BLOCKS = (4, 2, 1)
KERNELS = (7, 5, 5)
DROPPED = 0.1  # share of the channels of the maps that a training step does without
BEFORE = 2  # blocks before the mean of the whole picture is added


class Block(nn.Module):
    """A residual depthwise separable convolution that widens by two between its halves."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(width, width, side, padding=side // 2, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.wide = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(2 * width, width, 1)
        nn.init.zeros_(self.narrow.weight)  # begins as the identity
        if self.narrow.bias is not None:
            nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(functional.relu(self.wide(self.norm(self.depth(x)))))


class Decoder(nn.Module):
    """The whole decoder; `forward` returns logits, smallest first."""

    def __init__(self) -> None:
        super().__init__()
        coarse, middle, fine = WIDTHS
        self.enter = nn.Conv2d(256, coarse, 1)
        self.whole = nn.Linear(coarse, coarse)
        self.skip = nn.ModuleList([nn.Conv2d(128, middle, 1), nn.Conv2d(64, fine, 1)])
        self.lift = nn.ModuleList([nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)])
        self.stage = nn.ModuleList(
            nn.Sequential(*(Block(width, side) for _ in range(count)))
            for width, side, count in zip(WIDTHS, KERNELS, BLOCKS, strict=True)
        )
        self.head = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> list[Tensor]:
        fine, middle, coarse = (functional.dropout2d(maps, DROPPED, self.training) for maps in (fine, middle, coarse))
        x = functional.relu(self.enter(torch.cat([functional.avg_pool2d(middle, 2), coarse], 1)))
        blocks = list(self.stage[0].children())
        for block in blocks[:BEFORE]:
            x = block(x)
        x = x + functional.relu(self.whole(x.mean((2, 3))))[:, :, None, None]
        for block in blocks[BEFORE:]:
            x = block(x)
        found = [self.head[0](x)]
        for i, skipped in enumerate((middle, fine)):
            enlarged = functional.interpolate(self.lift[i](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = self.stage[i + 1](functional.relu(enlarged + self.skip[i](skipped)))
            found.append(self.head[i + 1](x))
        return found


def channels_last(decoder: Decoder) -> Decoder:
    """Return the decoder after changing the order of its kernels, as processors prefer it."""
    for parameter in decoder.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return decoder


def arrays_of(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return the arrays of a decoder's state; batch normalisation becomes part of the depthwise convolution before it."""
    arrays = {name: x.detach().cpu().double().numpy() for name, x in state.items() if not name.endswith("num_batches_tracked")}
    for name in [name for name in arrays if name.endswith(".depth.weight")]:
        norm = name.removesuffix("depth.weight") + "norm."
        mean, variance, gain, shift = (arrays.pop(norm + part) for part in ("running_mean", "running_var", "weight", "bias"))
        scale = gain / np.sqrt(variance + 1e-5)
        arrays[name] = arrays[name] * scale[:, None, None, None]
        arrays[name.removesuffix("weight") + "bias"] = shift - mean * scale
    return {name: x.astype(np.float32) for name, x in arrays.items()}
