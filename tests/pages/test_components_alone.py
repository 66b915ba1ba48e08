"""Components in a real Chromium, without a server: what they show is what their data says now."""

from pathlib import Path

import pytest

COMPONENTS = Path(__file__).parents[2] / "assets" / "components"
SHOW = """async ([script, name, states]) => {
    const { default: show } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const place = document.createElement("div");
    place.innerHTML = `<div class="${name}"></div>`;
    document.body.append(place);
    return states.map((data) => {
        show({ data: [data], parentElement: place, setTriggerValue() {} });
        place.buttons ??= [...place.querySelectorAll("button")];
        return [...place.querySelectorAll("button")].map((button, at) => [
            button.title, button.querySelector("img").src, button.querySelector("span").textContent,
            button === place.buttons[at],
        ]);
    });
}"""
RED, BLUE = (
    f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><rect fill='{color}'/></svg>" for color in ("red", "blue")
)


@pytest.fixture
def blank(chromium):
    page = chromium.new_page()
    yield page
    page.close()


def test_a_gallery_shows_another_picture_under_the_same_id(blank):
    """Explain's maps are called by their channels, whichever photograph they are of."""
    item = {"id": "7", "title": "Channel 7", "src": RED, "badge": None}
    states = [{"items": [item]}, {"items": [item | {"src": BLUE, "title": "Another"}]}]
    first, second = blank.evaluate(SHOW, [(COMPONENTS / "gallery.js").read_text(), "gallery", states])
    assert first == [["Channel 7", RED, "Channel 7", True]]
    assert second == [["Another", BLUE, "Another", True]]  # in the same button, which keeps its focus
