"""Compute the losses of instant-lite's pictures, in PyTorch. Pictures are (n, 3, h, w) in [0, 1].

Every loss is a mean over pictures:

- statistics: relative distance of mean and deviation of every channel at conv1_1 … conv4_1, as AdaIN trains (1703.06868);
- gram: the same of Gram matrices, with little weight: alone it rewards dense hatching;
- content: relative distance of the maps at conv3_1 and conv4_1;
- structure: one minus the contrast and structure terms of SSIM (Wang et al. 2004) of luminance, at two sizes;
- coarse: the same at a quarter of the size, which has halos beside contours;
- teacher: mean absolute difference from the teacher's picture, which gives way to `palette`, the same of areas of 32 pixels:
  where the photograph's own colours stay;
- stray: distance from each colour to the nearest one of the style, beyond what is tolerated; colours that the style lacks are
  what viewers see as halos and blots;
- fringe: chroma between 0.5 and 2 px over luminance there, beyond what paintings have;
- lattice: power at multiples of a quarter cycle a pixel over that around it, beyond what paintings have, in bel;
- shift: what changes in a picture where the photograph is shifted by a few pixels.
"""

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.training.instant_network import gram, moments

LAYERS = ("11", "21", "31", "41")
FINE_LAYERS = ("11", "21")  # compared again at the result's size if the core sees less
CONTENT = {"41": 0.75, "31": 0.25}
FRINGE, LATTICE = 0.24, 4.0  # tolerated without loss: paintings have 0.29 and 4.6 dB
STRAY = 0.06  # tolerated without loss, in a colour cube of side 1
AREA = 32  # pixels: larger than the halos of the teacher
TILE, STEP = 128, 32  # of a lattice's spectrum: pixels, and bins between multiples of a quarter cycle

Summary = dict[str, Tensor]


def summary(maps: Mapping[str, Tensor], layers: tuple[str, ...] = LAYERS, prefix: str = "") -> Summary:
    """Return mean, deviation and Gram matrix of each layer, by name."""
    found: Summary = {}
    for layer in layers:
        mean, variance = moments(maps[layer])
        found[f"{prefix}mean/{layer}"], found[f"{prefix}deviation/{layer}"] = (
            mean.flatten(1),
            (variance + 1e-6).sqrt().flatten(1),
        )
        found[f"{prefix}gram/{layer}"] = gram(maps[layer])
    return found


def relative(x: Tensor, reference: Tensor) -> Tensor:
    """Return ‖x − reference‖ / ‖reference‖, averaged over pictures; smooth at zero."""
    axes = tuple(range(1, x.dim()))
    return (((x - reference) ** 2).sum(axes) / ((reference**2).sum(axes) + 1e-6) + 1e-8).sqrt().mean()


def statistics(have: Summary, want: Summary, layers: tuple[str, ...] = LAYERS, prefix: str = "") -> Tensor:
    names = [f"{prefix}{kind}/{layer}" for layer in layers for kind in ("mean", "deviation")]
    return torch.stack([relative(have[name], want[name]) for name in names]).sum() / len(layers)


def grams(have: Summary, want: Summary) -> Tensor:
    return torch.stack([relative(have[f"gram/{layer}"], want[f"gram/{layer}"]) for layer in LAYERS]).mean()


def content(have: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([share * relative(have[layer], want[layer]) for layer, share in CONTENT.items()]).sum()


def structure(picture: Tensor, photograph: Tensor) -> Tensor:
    one, other = luminance(picture), luminance(photograph)
    return 1 - (_similar(one, other) + _similar(functional.avg_pool2d(one, 2), functional.avg_pool2d(other, 2))) / 2


def coarse(picture: Tensor, photograph: Tensor) -> Tensor:
    one, other = (functional.avg_pool2d(luminance(x), 4) for x in (picture, photograph))
    return 1 - _similar(one, other)


def teacher(picture: Tensor, taught: Tensor) -> Tensor:
    return (picture - taught).abs().mean()


def palette(picture: Tensor, taught: Tensor) -> Tensor:
    return teacher(functional.avg_pool2d(picture, AREA), functional.avg_pool2d(taught, AREA))


def colors(styles: Tensor, count: int = 256) -> Tensor:
    """Return colours drawn at random from slightly blurred styles, (n, count, 3)."""
    pixels = functional.avg_pool2d(styles, 4).flatten(2).transpose(1, 2)
    return pixels[:, torch.randint(pixels.shape[1], (count,), device=pixels.device)]


def stray(picture: Tensor, allowed: Tensor, count: int = 2048) -> Tensor:
    """Return how far colours drawn from a picture are from the nearest allowed one. allowed: (n, m, 3), see `colors`."""
    pixels = functional.avg_pool2d(picture, 2).flatten(2).transpose(1, 2)
    pixels = pixels[:, torch.randint(pixels.shape[1], (count,), device=pixels.device)]
    return functional.relu(torch.cdist(pixels, allowed).amin(-1) - STRAY).mean()


def fringe(pictures: Tensor) -> Tensor:
    y = luminance(pictures)
    chroma = torch.cat([(pictures[:, 2:] - y) * 0.564, (pictures[:, :1] - y) * 0.713], 1)  # Cb and Cr
    power = [_band(x).square().mean((1, 2, 3)) for x in (chroma, y)]
    return functional.relu((power[0] + 1e-8).sqrt() / (power[1] + 1e-6).sqrt() - FRINGE).mean()


def lattice(pictures: Tensor) -> Tensor:
    tiles = pictures.mean(1).unfold(1, TILE, TILE).unfold(2, TILE, TILE).flatten(0, 2)
    window, rows, columns, ring = _bins(pictures.device)
    power = torch.fft.fft2((tiles - tiles.mean((1, 2), keepdim=True)) * window).abs().square() + 1e-9
    blocks = power[:, rows, columns]  # (tiles, 15, 13, 13)
    peaks, around = blocks[:, :, 5:8, 5:8].mean((2, 3)).sum(1), blocks[:, :, ring].median(-1).values.sum(1)
    return functional.relu(10 * torch.log10(peaks / around) - LATTICE).mean() / 10


def luminance(pictures: Tensor) -> Tensor:
    """Return the luma, (n, 1, h, w)."""
    return (pictures * pictures.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)


def _similar(one: Tensor, other: Tensor, side: int = 7) -> Tensor:
    """Return the mean of SSIM's contrast and structure terms over windows of that side."""
    mean = lambda x: functional.avg_pool2d(x, side, 1)  # noqa: E731
    means = mean(one), mean(other)
    variances = [(mean(x * x) - m * m).clamp_min(0) for x, m in zip((one, other), means, strict=True)]
    shared = mean(one * other) - means[0] * means[1]
    return ((2 * shared + 9e-4) / (variances[0] + variances[1] + 9e-4)).mean()


def _band(x: Tensor) -> Tensor:
    """Return the band between Gaussians of 0.5 and 2 px."""
    return _blurred(x, 0.5, 2) - _blurred(x, 2.0, 8)


def _blurred(x: Tensor, deviation: float, reach: int) -> Tensor:
    places = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    weights = torch.exp(-places.square() / (2 * deviation**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, -1)
    x = functional.conv2d(functional.pad(x, [reach, reach, 0, 0], mode="reflect"), weights, groups=x.shape[1])
    return functional.conv2d(
        functional.pad(x, [0, 0, reach, reach], mode="reflect"), weights.transpose(2, 3), groups=x.shape[1]
    )


@cache
def _bins(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a window, rows and columns of 13 × 13 bins around each peak, (15, 13, 13), and which of these surround it."""
    window = torch.hann_window(TILE, periodic=False)
    peaks = [(y * STEP, x * STEP) for y in range(4) for x in range(4) if (y, x) != (0, 0)]
    near = torch.arange(-6, 7)
    rows = torch.stack([((near + y) % TILE)[:, None].expand(13, 13) for y, _ in peaks])
    columns = torch.stack([((near + x) % TILE)[None].expand(13, 13) for _, x in peaks])
    ring = torch.ones(13, 13, dtype=torch.bool)
    ring[3:-3, 3:-3] = False
    found = (window[:, None] * window, rows, columns, ring)
    return found[0].to(device), found[1].to(device), found[2].to(device), found[3].to(device)
