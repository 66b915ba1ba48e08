"""What is asked of a clip's painting."""

from typing import Literal

from pydantic import Field

from nst_core.recipes.base import MAX_STRENGTH, Recipe

STEADINESS, MAX_STEADINESS = 0.85, 0.95


class VideoRecipe(Recipe):
    """A clip painted frame by frame, each drawn towards the last one, moved along. content: the clip; masks hold for all of it.

    steadiness: the share of the last painting where things can be followed; 0: every frame by itself, which flickers.
    """

    kind: Literal["video"] = "video"
    engine: Literal["instant-lite"] = "instant-lite"
    strength: float = Field(default=1.0, ge=0, le=MAX_STRENGTH)
    steadiness: float = Field(default=STEADINESS, ge=0, le=MAX_STEADINESS)
