"""The contact sheet of `benchmarks.optimize`: every preset over a few pairs, to be looked at."""

from typing import Any

from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.instant import OUT
from nst_core import images
from nst_core.images import Image
from nst_core.recipes import LAYERS, PRESETS, OptimizeRecipe

# Mean activations of Keras' VGG-19 over a photograph, from the Gram matrices that TensorFlow's tutorial prints; the
# layers between are interpolated.
_VGG_MEANS = {"block1": 16.0, "block2": 95.0, "block3": 90.0, "block4": 200.0, "block5": 39.0}


def stand_in() -> Any:
    """vgg19-lite with every layer scaled to VGG's mean activation, so that weights meant for VGG mean the same here."""
    from nst_core import features

    lite = features.network("vgg19-lite")
    convolutions, below = {}, 1.0
    for layer, (kernel, bias) in lite.convolutions.items():
        scale = _VGG_MEANS[layer.split("_")[0]]
        convolutions[layer] = (kernel * (scale / below), bias * scale)
        below = scale
    return features.Network(convolutions, lite.preprocess, lite.padding)


def runnable(name: str) -> tuple[OptimizeRecipe, Any, str]:
    """The preset as it can run here: recipe, network (None: its own), and what to call it."""
    from nst_core.models import weights

    preset = PRESETS[name]
    if preset.features == "vgg19-lite" or weights.MODELS[preset.features].find():
        return preset, None, name
    known = tuple(layer for layer in preset.style_layers if layer in LAYERS["vgg19-lite"])
    settings = preset.model_dump() | {"features": "vgg19-lite", "style_layers": known}
    return OptimizeRecipe(**settings), stand_in(), f"{name} (stand-in features)"


def report_sheet(size: int, iterations: int | None) -> None:
    from benchmarks import judge
    from nst_core import optimization
    from nst_core.stylizer import Style

    header, rows = ["content", "style", *(runnable(name)[2] for name in PRESETS)], []
    for names in judge.PAIRS:
        content, style = judge.pair(*names, size)
        row = [content, style]
        for name in PRESETS:
            recipe, network, _ = runnable(name)
            recipe = recipe.model_copy(update={"iterations": min(recipe.iterations, iterations or recipe.iterations)})
            *_, last = optimization.Optimization(content, [Style(style)], recipe, network=network)
            assert last.image is not None
            row.append(last.image)
            print(f"    {'/'.join(names):45s} {name:15s} {last.seconds:6.1f} s", flush=True)
        rows.append(row)
    OUT.mkdir(exist_ok=True)
    _sheet(header, rows, 320).save(OUT / "optimize.png")
    print(f"    {OUT / 'optimize.png'}")


def _sheet(header: list[str], rows: list[list[Image]], cell: int) -> Pillow.Image:
    sheet = Pillow.new("RGB", (cell * len(header), 24 + cell * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(header):
        draw.text((cell * column + 6, 6), title, "black")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            tile = Pillow.fromarray(images.to_uint8(images.fit(picture, cell - 8)))
            sheet.paste(tile, (cell * x + 4, 24 + cell * y + 4))
    return sheet
