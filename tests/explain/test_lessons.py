"""What was made ahead, and what chapter 7 points at: there, small, and as the models make it."""

import json
from pathlib import Path

import numpy as np
import pytest

from nst_core import explain, images
from nst_core.features import tf
from nst_core.recipes import LAYERS
from ui.lessons import CHAPTERS, figures, layers, reading
from ui.pictures import CONTENTS, STYLES

LIMIT = 2_000_000  # bytes, all together


def test_everything_made_ahead_is_small_and_whole():
    assert sum(file.stat().st_size for file in figures.LESSONS.iterdir()) < LIMIT
    told = json.loads((figures.LESSONS / "lessons.json").read_text())
    for name, chapter in told.items():
        strip = figures.row_of(figures.LESSONS / f"{name}.webp")
        assert strip.shape[1] % chapter["count"] == 0
    photograph, style = (source.name for source in figures.OPENING.values())
    pair = f"{photograph}-{style}"
    opening = {
        f"content-{photograph}",
        f"textures-{style}",
        f"moments-{style}",
        f"war-{pair}",
        f"pulls-{pair}",
        f"improved-{pair}",
    }
    assert opening <= set(told)


def test_the_lessons_say_what_the_page_claims():
    told = json.loads((figures.LESSONS / "lessons.json").read_text())
    for name, chapter in told.items():
        if name.startswith("content-"):
            assert chapter["errors"] == sorted(chapter["errors"])
        if name.startswith("textures-"):
            assert all(start > 15 * end for start, end in chapter["distances"])


def test_each_shown_channel_has_a_tile_and_nine_patches():
    stored = figures.arrays("channels")
    assert stored["pictures"].tolist() == [*CONTENTS, *STYLES]
    for layer in LAYERS[explain.EYES]:
        shown = layers.shown_of(layer)
        assert shown == sorted(set(shown))
        assert len(shown) == min(48, explain.channels_of(layer))
        assert stored[f"{layer}/places"].shape == (len(shown), 9, 3)
        assert layers.tile(layer, len(shown) - 1).shape == (layers.TILE, layers.TILE, 3)
        assert layers.sheet(layer).shape[1] == explain.columns(len(shown)) * layers.TILE


def test_stored_patches_and_vectors_are_the_models():
    stored = figures.arrays("channels")
    layer, name = "block3_conv1", "woodcut-waves"
    picture = images.fit(images.from_uint8(STYLES[name]()), figures.SIDE)
    number = stored["pictures"].tolist().index(name)
    found = explain.best_patches([picture], layer)
    for channel, places, strengths in zip(
        stored[f"{layer}/channels"], stored[f"{layer}/places"], stored[f"{layer}/strengths"], strict=True
    ):
        for place, strength in zip(places, strengths, strict=True):
            if place[0] == number:
                assert found[channel][0].strength == pytest.approx(float(strength), rel=1e-2)
    vectors = figures.arrays("styles")
    style = images.fit(images.from_uint8(STYLES[name]()), figures.STYLE_SIDE)
    np.testing.assert_allclose(
        explain.style_vector(style), vectors["vectors"][vectors["names"].tolist().index(name)], atol=1e-3
    )
    assert vectors["names"].tolist() == list(STYLES)


@pytest.mark.parametrize("idea", reading.IDEAS, ids=lambda idea: idea.title)
def test_every_idea_is_in_the_code_where_chapter_seven_says(idea):
    found = reading.find(idea.file, idea.name)
    first = (reading.ROOT / idea.file).read_text().splitlines()[found.line - 1]
    assert idea.name.split(".")[-1] in first
    assert found.source.startswith(first)


def test_a_reference_that_is_wrong_is_noticed():
    with pytest.raises(LookupError, match="has no gram_matrixx"):
        reading.find("nst_core/features/losses.py", "gram_matrixx")


def test_there_are_seven_chapters():
    assert len(CHAPTERS) == 7


def test_the_notebook_runs():
    """Its code cells, in order, in one namespace, as Jupyter would; with pictures a quarter as large."""
    notebook = json.loads((Path(reading.ROOT) / "notebooks" / "explain.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 6
    namespace: dict[str, object] = {"__name__": "notebook", "display": lambda *shown: None}
    tf.config.run_functions_eagerly(True)  # tracing takes longer than a few steps
    try:
        for cell in cells:
            exec(
                compile(cell.replace("SIDE = 160", "SIDE = 64").replace("ITERATIONS = 60", "ITERATIONS = 4"), "cell", "exec"),
                namespace,
            )
    finally:
        tf.config.run_functions_eagerly(False)
    assert "SIDE" in namespace and namespace["SIDE"] == 64
