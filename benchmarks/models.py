"""The embedded models beside their teachers, on pictures that no training has seen.

python -m benchmarks.models [--quick] [--only pairs time eyes maps robust]

pairs   instant-lite beside the mobile Magenta over 24 pairs, at 384 and 1024 px: the judge's distances and SSIM of luminance
time    both at 512² and 1024², interleaved; start it with GLIBC_TUNABLES=glibc.malloc.hugetlb=1, as the app starts its workers
eyes    the preset `fast` on vgg19-lite and on the judge's own network, six pairs: style distance at equal content distance
maps    how well each layer of vgg19-lite predicts the judge's maps, and the judge's own do: held-out pictures, and pure noise
robust  a sheet of hard contents: flat, black, white, line art, text, night, tiny, large, long

Contents are photographs of scikit-image and of `assets/photographs`, styles those of `assets/styles`, drawn by our own code;
none of them was trained on. Needs NST_SHARED (see judge.py). Writes `out/models.md` and the sheets `out/models-*.png`, which
git ignores.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from benchmarks import reports
from benchmarks.instant import OUT, Contender, MobileMagenta, central_square, machine, medians, shared_folder, table
from nst_core import images
from nst_core.images import Image
from nst_core.machine import allocator

ASSETS = Path(__file__).parents[1] / "assets"
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "rocket", "stereo_motorcycle")  # of scikit-image
PARTS = ("pairs", "time", "eyes", "maps", "robust")
OURS, THEIRS = "instant-lite", "mobile Magenta"
CONTENT_WEIGHTS = (0.1, 0.3, 1.0)  # times the preset's, of the runs on the judge's network: contents around that of ours


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    pairs: int
    sizes: tuple[int, ...]
    rounds: int
    eyes_pairs: int
    eyes_size: int
    iterations: int | None  # None: the preset's own


FULL = Extent(24, (384, 1024), 7, 6, 256, None)
QUICK = Extent(2, (192,), 2, 1, 96, 6)


# --- pictures that no training has seen -------------------------------------------------------------------------------


def contents() -> dict[str, Image]:
    """Photographs by name."""
    from skimage import data

    found = {}
    for name in PHOTOGRAPHS:
        picture = getattr(data, name)()
        found[name] = images.from_uint8(np.asarray(picture[0] if isinstance(picture, tuple) else picture)[..., :3])
    return found | _pictures(ASSETS / "photographs")


def styles() -> dict[str, Image]:
    return _pictures(ASSETS / "styles")


def _pictures(folder: Path) -> dict[str, Image]:
    return {file.stem: images.decode(file.read_bytes(), name=file.name) for file in sorted(folder.glob("*.jpg"))}


def pairs(count: int, size: int) -> Iterator[tuple[str, Image, Image]]:
    """(name, content, style), longer sides `size`; every content in turn, every style within twenty pairs."""
    photographs, paintings = list(contents().items()), list(styles().items())
    for i in range(count):
        (content_name, content), (style_name, style) = photographs[i % len(photographs)], paintings[i * 7 % len(paintings)]
        yield f"{content_name} / {style_name}", images.fit(content, size), images.fit(style, size)


# --- instant-lite beside the mobile Magenta ---------------------------------------------------------------------------

MEASURES = ("style", "style, check", "content", "SSIM")
Row = dict[str, Any]


def judged_pairs(contenders: Mapping[str, Contender], count: int, size: int) -> Iterator[Row]:
    """A pair after the other: pictures by model, and the four measures of each."""
    from benchmarks import judge

    for name, content, style in pairs(count, size):
        painted = {model: c.transform(content, c.predict(style)) for model, c in contenders.items()}
        measured = {}
        for model, x in painted.items():
            verdict = judge.judge(x, content, style)
            measured[model] = (verdict.style, verdict.style_check, verdict.content, judge.ssim(x, content))
        yield {"name": name, "pictures": {"content": content, "style": style, **painted}, "measured": measured}


def report_pairs(contenders: Mapping[str, Contender], extent: Extent) -> str:
    lines, sheet = [], list[Row]()
    for size in extent.sizes:
        rows = list(judged_pairs(contenders, extent.pairs, size))
        sheet = sheet or rows
        ours, theirs = (np.array([row["measured"][model] for row in rows]) for model in (OURS, THEIRS))
        for model, figures in ((OURS, ours), (THEIRS, theirs)):
            means = [f"{m:.3f} ({n:.3f})" for m, n in zip(figures.mean(0), np.median(figures, 0), strict=True)]
            lines.append([f"{model}, {size} px", *means])
        closer = [f"{better} of {len(rows)}" for better in [*(ours < theirs)[:, :3].sum(0), (ours > theirs)[:, 3].sum()]]
        lines.append([f"ours better, {size} px", *closer])
    _sheet([row["pictures"] for row in sheet[:12]], 288).save(OUT / "models-instant.png")
    _sheet([row["pictures"] for row in sheet[12:24]], 288).save(OUT / "models-instant-2.png") if sheet[12:] else None
    by_pair = [[row["name"], *(f"{m[0]:.3f} / {m[2]:.3f}" for m in row["measured"].values())] for row in sheet]
    return (
        f"## instant-lite beside the mobile Magenta, {extent.pairs} pairs\n\nMean (median) over the pairs; distances: smaller "
        "is better, SSIM of luminance to the content: larger is closer to it.\n\n"
        f"{table(['', *MEASURES], lines)}\n\n"
        f"Style / content distance of every pair at {extent.sizes[0]} px:\n\n{table(['pair', OURS, THEIRS], by_pair)}\n"
    )


def report_time(contenders: Mapping[str, Contender], extent: Extent) -> str:
    """The style vector known; every round all contenders in turn."""
    rows, content = [], contents()["astronaut"]
    style = central_square(styles()["starlit-oils"], 256)
    for size in (512, 1024):
        square = central_square(content, size)
        runs = {name: partial(c.transform, square, c.predict(style)) for name, c in contenders.items()}
        times = medians(runs, extent.rounds)
        rows.append([f"{size}×{size}", *(f"{times[m]:.3f} s" for m in (OURS, THEIRS)), f"{times[THEIRS] / times[OURS]:.2f}"])
    return (
        f"## Time\n\nMedian of {extent.rounds} interleaved rounds, and how many times as fast ours is. GLIBC_TUNABLES: "
        f"{os.environ.get('GLIBC_TUNABLES', 'not set')}; the app's workers have glibc.malloc.hugetlb=1.\n\n"
        f"{table(['', OURS, THEIRS, 'ratio'], rows)}\n"
    )


# --- vgg19-lite as the optimiser's eyes -------------------------------------------------------------------------------


def judges_eyes(pictures: Image) -> Any:
    """The judge's network as the optimiser takes one: every channel at the root mean square that ours has, and the input, which
    `fast` reads too, at one."""
    from nst_core import features
    from nst_core.training import teachers
    from nst_core.training.vgg19_lite.network import ROOT_MEAN_SQUARE

    net = teachers.stand_in(shared_folder() / "models" / "vgg19_16x.npz")
    maps = features.Extractor(net, net.convolutions)(pictures)
    loud = float(np.sqrt((net.preprocess(pictures).numpy() ** 2).mean()))
    convolutions, below = {}, np.full(3, loud, np.float32)
    for layer, (kernel, bias) in net.convolutions.items():
        unit = np.maximum(np.sqrt((maps[layer].numpy() ** 2).mean((0, 1, 2))) / ROOT_MEAN_SQUARE, 1e-3)
        convolutions[layer] = (kernel * below[:, None] / unit, bias / unit)
        below = unit
    return features.Network(convolutions, lambda rgb: net.preprocess(rgb) / loud, net.padding)


def optimised(content: Image, style: Image, extent: Extent, network: Any = None, content_weight: float = 1.0) -> Image:
    """The last picture of `fast`, with `content_weight` times its content weight."""
    from nst_core import optimization
    from nst_core.recipes import PRESETS
    from nst_core.stylizer import Style

    fast = PRESETS["fast"]
    changes = {"content_weight": fast.content_weight * content_weight, "iterations": extent.iterations or fast.iterations}
    *_, last = optimization.Optimization(content, [Style(style)], fast.model_copy(update=changes), network=network)
    assert last.image is not None
    return last.image


def at_equal_content(content: float, styles_: Sequence[float], contents_: Sequence[float]) -> float:
    """The style distance where the curve through (content, style) has this content; its end where it does not reach it."""
    order = np.argsort(contents_)
    return float(np.interp(content, np.array(contents_)[order], np.array(styles_)[order]))


def report_eyes(extent: Extent) -> str:
    from benchmarks import judge

    network = judges_eyes(np.stack([central_square(x, 256) for x in contents().values()]))
    lines, sheet, ratios, inside = [], list[Mapping[str, Image]](), list[float](), 0
    for name, content, style in pairs(extent.eyes_pairs, extent.eyes_size):
        lite = optimised(content, style, extent)
        own = {weight: optimised(content, style, extent, network, weight) for weight in CONTENT_WEIGHTS}
        ours, theirs = judge.judge(lite, content, style), [judge.judge(x, content, style) for x in own.values()]
        equal = at_equal_content(ours.content, [v.style for v in theirs], [v.content for v in theirs])
        nearest = list(own)[int(np.argmin([abs(v.content - ours.content) for v in theirs]))]
        inside += min(v.content for v in theirs) <= ours.content <= max(v.content for v in theirs)
        ratios.append(ours.style / equal)
        curve = ", ".join(f"{v.style:.3f} / {v.content:.3f}" for v in theirs)
        lines.append([name, f"{ours.style:.3f} / {ours.content:.3f}", curve, f"{equal:.3f}", f"{ratios[-1]:.2f}"])
        sheet.append({"content": content, "style": style, "on vgg19-lite": lite, "on the judge": own[nearest]})
    _sheet(sheet, 320).save(OUT / "models-eyes.png")
    return (
        f"## vgg19-lite as the optimiser's eyes, {extent.eyes_pairs} pairs, {extent.eyes_size} px\n\n"
        "`fast` on vgg19-lite, and on the judge's own network, which is judged by what it lowers, with its content "
        f"weight times {', '.join(f'{w:g}' for w in CONTENT_WEIGHTS)}; style / content by the judge. The judge's style at our "
        f"content is read off the line through its runs; our content lay between theirs in {inside} of "
        f"{extent.eyes_pairs} pairs.\n\n"
        f"{table(['pair', 'on vgg19-lite', 'on the judge', 'its style at our content', 'ratio'], lines)}\n\n"
        f"Mean ratio {statistics.mean(ratios):.2f} (aim: 1.25).\n"
    )


def report_maps(extent: Extent) -> str:
    """The heads are solved over shared pictures; the test is on held-out ones, and on noise of three grains."""
    from nst_core.models import weights
    from nst_core.training import data, jaxed
    from nst_core.training.vgg19_lite import judge, network, pictures

    rng, count = np.random.default_rng(0), 8 if extent is QUICK else 48
    folder = shared_folder() / "images"
    pools = pictures.load([folder / "content"], [folder / "style"])
    fitted = pools.draw(count, 128, rng)
    seen = [images.to_uint8(x) for x in [*contents().values(), *styles().values()]]
    held_out = np.stack([data.crop(x, 128, rng, least=0.3) for x in seen])
    noise = np.stack([_noise(rng, 128, 2 ** (i % 3)) for i in range(12)])
    teacher, arrays = jaxed.stand_in(shared_folder() / "models" / "vgg19_16x.npz"), weights.load("vgg19-lite")
    found = judge.correlations(arrays, teacher, fitted, held_out, noise)
    found += judge.own_correlations(teacher, fitted, held_out, noise)
    rows = [[layer, *(f"{column[layer]:.3f}" for column in found)] for layer in network.NAMES]
    return (
        "## How well its layers predict the judge's\n\nMean correlation over the channels of the judge's maps before their "
        f"ReLU; linear heads solved over {count} training crops; own: what the judge's own maps after ReLU "
        f"reach.\n\n{table(['layer', 'held-out pictures', 'noise', 'own, held-out', 'own, noise'], rows)}\n"
    )


def _noise(rng: np.random.Generator, side: int, grain: int) -> Image:
    coarse = rng.random((side // grain, side // grain, 3), np.float32)
    return coarse.repeat(grain, 0).repeat(grain, 1)


# --- hard contents ----------------------------------------------------------------------------------------------------


def flat(*color: float) -> Image:
    return np.full((256, 320, 3), color, np.float32)


def line_art() -> Image:
    picture = Pillow.new("RGB", (320, 256), "white")
    draw = ImageDraw.Draw(picture)
    for r in range(20, 120, 20):
        draw.ellipse((160 - r, 128 - r, 160 + r, 128 + r), outline="black", width=2)
    draw.line([(10, 240), (90, 30), (170, 240), (250, 30), (310, 240)], "black", 3)
    return images.from_uint8(np.asarray(picture))


def text() -> Image:
    picture = Pillow.new("RGB", (320, 256), "white")
    for y in range(8):
        words = "Sphinx of black quartz, judge my vow"
        ImageDraw.Draw(picture).text((8, 8 + 30 * y), words, "black", ImageFont.load_default(17))
    return images.from_uint8(np.asarray(picture))


def hard_contents() -> dict[str, Image]:
    found, astronaut = contents(), contents()["astronaut"]
    night = found["city-lights"] * 0.35
    long = np.concatenate([images.resize(found["coffee"], 96, 144)] * 5, 1)
    return {
        "flat red": flat(0.8, 0.1, 0.1), "flat grey": flat(0.5, 0.5, 0.5), "black": flat(0, 0, 0), "white": flat(1, 1, 1),
        "line art": line_art(), "text": text(), "night": images.fit(night, 384), "32 px": images.resize(astronaut, 32, 32),
        "7.5 : 1": long, "2048 px": images.fit(found["chelsea"], 2048),
    }  # fmt: skip


def report_robust(contenders: Mapping[str, Contender], extent: Extent) -> str:
    """Rows: hard contents. Columns: ours and theirs with three styles; of 2048 px, the middle 384 as they are."""
    chosen = {name: images.fit(styles()[name], 512) for name in ("starlit-oils", "woodcut-waves", "azulejo-tiles")}
    sheet = []
    for name, content in hard_contents().items():
        if extent is QUICK and max(content.shape) > 1000:
            continue
        cells = {name: content}
        for style_name, style in chosen.items():
            for model, contender in contenders.items():
                x = contender.transform(content, contender.predict(style))
                assert x.shape == content.shape and np.isfinite(x).all()
                cells[f"{model}, {style_name}"] = x if max(x.shape) <= 1000 else x[300:684, 800:1184]
        sheet.append(cells)
    _sheet(sheet, 224).save(OUT / "models-robust.png")
    return f"## Hard contents\n\n{len(sheet)} of them in three styles: `out/models-robust.png`, to be looked at.\n"


# --- what is shown ----------------------------------------------------------------------------------------------------


def _sheet(rows: Sequence[Mapping[str, Image]], cell: int) -> Pillow.Image:
    """A contact sheet: a row a mapping, as high as its pictures, each under its name; the larger ones shrunk to the cell."""
    fitted = [{name: x if max(x.shape) < cell else images.fit(x, cell - 6) for name, x in row.items()} for row in rows]
    heights = [max(x.shape[0] for x in row.values()) + 20 for row in fitted]
    sheet = Pillow.new("RGB", (cell * max(map(len, rows)), sum(heights)), "white")
    draw, top = ImageDraw.Draw(sheet), 0
    for row, height in zip(fitted, heights, strict=True):
        for column, (name, picture) in enumerate(row.items()):
            sheet.paste(Pillow.fromarray(images.to_uint8(picture)), (cell * column + 3, top + 14))
            draw.text((cell * column + 3, top + 1), name, "black")
        top += height
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few and small pictures: whether it runs")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--weights", type=Path, help="judge these weights of instant-lite instead of the embedded ones")
    arguments = parser.parse_args()
    allocator.reuse()  # as the app's workers do
    print(report(arguments.only, QUICK if arguments.quick else FULL, arguments.weights))


def report(parts: Sequence[str], extent: Extent, file: Path | None = None) -> str:
    """The text; of the embedded weights, measured in full, it goes to `out/models.md`, where parts not measured now stay."""
    from nst_core.instant import InstantLite
    from nst_core.training import runs

    arrays = runs.read_arrays(file) if file else None
    facts, folder = machine(), shared_folder() / "models" / "magenta_mobile"
    contenders: dict[str, Contender] = {OURS: InstantLite(arrays), THEIRS: MobileMagenta(folder)}
    OUT.mkdir(exist_ok=True)
    makers: dict[str, Callable[[], str]] = {
        "pairs": partial(report_pairs, contenders, extent),
        "time": partial(report_time, contenders, extent),
        "eyes": partial(report_eyes, extent),
        "maps": partial(report_maps, extent),
        "robust": partial(report_robust, contenders, extent),
    }
    sections = {part: f"{makers[part]()}\n*{facts}*\n" for part in PARTS if part in parts}
    kept, out = extent is FULL and file is None, OUT / "models.md"
    if kept:
        sections = reports.sections(out) | sections
    text_ = reports.text("The embedded models beside their teachers", PARTS, sections)
    if kept:
        out.write_text(text_)
    return text_


if __name__ == "__main__":
    main()
