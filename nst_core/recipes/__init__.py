"""Recipes: every setting that makes a picture, as frozen objects, and their way into and out of a PNG and a link.

A recipe names its pictures (`Source`); it does not contain them. A sample is found again by its name, an upload by the digest
of its file while the session still has it.
"""

from nst_core.recipes.base import (
    DEFAULT_SIZE,
    MAX_BLEND,
    MAX_MASK_TEXT,
    MAX_PRINT,
    MAX_SIZE,
    MAX_STRENGTH,
    MAX_STROKE,
    MAX_STYLES,
    MIN_SIZE,
    MIN_STROKE,
    Color,
    Recipe,
    Source,
    StyleSource,
)
from nst_core.recipes.moving import MAX_STEADINESS, STEADINESS, VideoRecipe
from nst_core.recipes.network_training import TrainingRecipe
from nst_core.recipes.one_pass import InstantRecipe, TextureNetworkRecipe
from nst_core.recipes.optimization import (
    ACTIVATION_SHIFT,
    CONTENT_LAYERS,
    FIRST_LAYERS,
    LAYERS,
    ONE_LOOK,
    PIXELS,
    PRESETS,
    OptimizeRecipe,
    block_number,
)
from nst_core.recipes.texts import (
    PNG_KEY,
    AnyRecipe,
    instant,
    of_png,
    of_query,
    optimize,
    parse,
    png_text,
    texture_network,
    to_query,
    training,
    video,
)

__all__ = [
    "ACTIVATION_SHIFT",
    "CONTENT_LAYERS",
    "DEFAULT_SIZE",
    "FIRST_LAYERS",
    "LAYERS",
    "MAX_BLEND",
    "MAX_MASK_TEXT",
    "MAX_PRINT",
    "MAX_SIZE",
    "MAX_STEADINESS",
    "MAX_STRENGTH",
    "MAX_STROKE",
    "MAX_STYLES",
    "MIN_SIZE",
    "MIN_STROKE",
    "ONE_LOOK",
    "PIXELS",
    "PNG_KEY",
    "PRESETS",
    "STEADINESS",
    "AnyRecipe",
    "Color",
    "InstantRecipe",
    "OptimizeRecipe",
    "Recipe",
    "Source",
    "StyleSource",
    "TextureNetworkRecipe",
    "TrainingRecipe",
    "VideoRecipe",
    "block_number",
    "instant",
    "of_png",
    "of_query",
    "optimize",
    "parse",
    "png_text",
    "texture_network",
    "to_query",
    "training",
    "video",
]
