"""What Optimize promises before it starts."""

import pytest

from nst_core.models import weights
from nst_core.recipes import PRESETS, OptimizeRecipe
from ui import optimizing
from ui.messages import spoken


def test_every_preset_says_what_it_gives_and_what_it_needs():
    assert list(optimizing.ABOUT) == list(PRESETS)
    for name, about in optimizing.ABOUT.items():
        assert about.title and about.text.endswith("."), name
        promised = f"{about.title} {about.text}".lower()
        assert not any(unit in promised for unit in ("second", "minute", "hour", "time ")), "a time depends on the machine"
        assert optimizing.needs(PRESETS[name].features).endswith(".")


def test_every_control_has_a_useful_help_text():
    for name, help in optimizing.HELP.items():
        assert name in OptimizeRecipe.model_fields
        assert help.endswith(".") and len(help.split()) >= 5, name


def test_a_missing_network_is_named_with_its_size(empty_caches):
    assert weights.MODELS["vgg19"].status is weights.Status.MISSING
    assert optimizing.needs("vgg19") == "Needs a download of 80 MB, once."
    assert optimizing.needs("vgg19-lite") == "Nothing to download."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "5 seconds"), (26, "25 seconds"), (54, "55 seconds"), (60, "1 minute"), (540, "9 minutes"), (7300, "2 hours")],
)
def test_a_time_in_words(seconds, words):
    assert spoken(seconds) == f"about {words}"
