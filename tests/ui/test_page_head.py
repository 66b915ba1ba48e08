"""The cards of the home page: a page and a small picture each."""

from nst_core import images
from ui.page_head import WAYS
from ui.pictures import ASSETS

LIMIT = 12_000  # bytes: all of them travel with the page


def test_every_page_has_a_card_with_a_small_picture():
    assert set(WAYS) == {page.stem for page in (ASSETS.parent / "pages").glob("*.py")}
    for name in WAYS:
        picture = (ASSETS / "cards" / f"{name}.jpg").read_bytes()
        assert len(picture) <= LIMIT
        assert images.decode(picture).shape == (200, 240, 3)
