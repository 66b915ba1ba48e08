"""Contact sheets: layout, names, limits, and the command."""

import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import TooLarge
from nst_core.instant import InstantLite
from nst_core.pictures import contact_sheets
from nst_core.pictures.contact_sheets import Entry


def test_the_photograph_comes_first_and_each_style_after_it_in_the_order_of_names(nst, here):
    (here / "styles").mkdir()
    for name in ("waves.jpg", "woods.webp"):
        (here / name).rename(here / "styles" / name)
    code, _, said = nst("sheet cat.png styles -o sheet.png --size 96 --columns 2")
    assert code == 0
    assert [line.split("/")[-1] for line in said.splitlines()] == ["waves.jpg", "woods.webp"]
    made = images.decode((here / "sheet.png").read_bytes())
    content = images.fit(images.decode((here / "cat.png").read_bytes()), 96)
    h, w = contact_sheets.shape(3, (64, 96), 2)
    assert made.shape == (h, w, 3)
    gap = (w - 2 * 96) // 3
    assert np.abs(made[gap : gap + 64, gap : gap + 96] - content).max() < 0.01
    style = images.decode((here / "styles" / "waves.jpg").read_bytes())
    lite = InstantLite()
    painted = lite.transform(content, lite.vector(images.fit(style, 512) if max(style.shape) > 512 else style))
    second = made[gap : gap + 64, 2 * gap + 96 : 2 * gap + 192]
    assert np.abs(second - painted).mean() < 0.02


def test_names_are_cut_to_their_cell():
    picture = np.ones((40, 120, 3), np.float32)
    long = contact_sheets.compose([Entry("a name that is far too long for a cell " * 9, picture), Entry("", picture)], 2)
    gap = (long.shape[1] - 240) // 3
    assert np.ptp(long[:, 2 * gap + 120 :][:, : 120 + gap], axis=1).max() < 0.05  # nothing sticks out into the next one
    assert np.ptp(long[:, gap : gap + 120]) > 0.5


def test_a_sheet_has_a_largest_size_which_is_known_before_the_work():
    with pytest.raises(TooLarge, match="choose a smaller size"):
        contact_sheets.shape(200, (2048, 2048), 5)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sheet cat.png -o sheet.png", "Give a photograph, and at least one style"),
        ("sheet cat.png empty -o sheet.png", "There is no picture in empty"),
        ("sheet cat.png waves.jpg -o sheet.gif", "sheets are written as .png, .jpg, .jpeg, .webp"),
        ("sheet cat.png waves.jpg -o waves.jpg", "waves.jpg is an input of this command"),
        ("sheet cat.png letter.txt -o sheet.png", "letter.txt"),
        ("sheet cat.png waves.jpg -o no/sheet.png", "There is no folder no"),
        ("sheet cat.png waves.jpg -o sheet.png --size 8192", "too large"),
    ],
)
def test_mistakes_cost_one_sentence_and_no_file(nst, here, line, sentence):
    before = {path.name for path in here.iterdir()}
    code, _, said = nst(line)
    assert code == 2
    assert sentence in said and said.count("\n") == 1
    assert {path.name for path in here.iterdir()} == before


@pytest.mark.parametrize(("suffix", "format"), [("jpg", "JPEG"), ("webp", "WEBP")])
def test_the_suffix_chooses_the_format(nst, here, suffix, format):
    assert nst(f"sheet cat.png waves.jpg -o sheet.{suffix} --size 96")[0] == 0
    with Pillow.open(here / f"sheet.{suffix}") as picture:
        assert picture.format == format
