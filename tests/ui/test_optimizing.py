"""What Optimize promises before it starts."""

import pytest

from nst_core.models import weights
from nst_core.recipes import PRESETS
from ui import optimizing


def test_every_preset_says_what_it_gives_and_what_it_needs():
    assert list(optimizing.ABOUT) == list(PRESETS)
    for name, about in optimizing.ABOUT.items():
        assert about.title and about.text.endswith("."), name
        assert optimizing.needs(PRESETS[name].features).endswith(".")


def test_a_missing_network_is_named_with_its_size(empty_caches):
    assert weights.MODELS["vgg19"].status is weights.Status.MISSING
    assert optimizing.needs("vgg19") == "Needs a download of 80 MB, once."
    assert optimizing.needs("vgg19-lite") == "Nothing to download."


def test_the_time_grows_with_pixels_and_iterations_and_shrinks_with_scales():
    fast = PRESETS["fast"]
    at = lambda recipe, side: optimizing.duration(recipe, side, side) - optimizing.PREPARING  # noqa: E731
    assert at(fast, 800) == pytest.approx(4 * at(fast, 400))
    assert at(fast.model_copy(update={"iterations": 900}), 400) == pytest.approx(3 * at(fast, 400))
    assert at(fast.model_copy(update={"scales": 1}), 400) > 3 * at(fast, 400)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "5 seconds"), (26, "25 seconds"), (54, "55 seconds"), (60, "1 minute"), (540, "9 minutes"), (7300, "2 hours")],
)
def test_a_time_in_words(seconds, words):
    assert optimizing.in_words(seconds) == words
