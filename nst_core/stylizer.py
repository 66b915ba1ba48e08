"""What every engine takes and gives: styles in, steps out. Knows no TensorFlow, so that pages and workers share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nst_core.errors import BadRecipe
from nst_core.images import Image, Mask
from nst_core.recipes import Color

PREVIEW_SIDE = 512  # pixels of the longer side of a picture that shows how far a run is


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """A style picture and where it applies.

    image: (h, w, 3) in [0, 1]. weight: its share, ≥ 0; shares are normalised where styles meet.
    mask: (h, w) of the *content*, 1 = the style applies there; None = everywhere.
    guide: (h, w) of the *style picture*, 1 = learn from there; None = everywhere.
    color: whose colours its region wears; None = as the recipe says.
    """

    image: Image
    weight: float = 1.0
    mask: Mask | None = None
    guide: Mask | None = None
    color: Color | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A moment of the work: losses at every step, an image every few.

    iteration counts from 1 to total; losses by name (`style/block1_conv1`); seconds since the start.
    """

    iteration: int
    total: int
    losses: Mapping[str, float] = field(default_factory=dict)
    image: Image | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return one line, as `on_step=print` shows it; losses of several layers are added up.

        >>> print(Step(3, 300, {"content": 0.25, "style/block1_conv1": 2.5, "style/block2_conv1": 1.5}, seconds=1.5))
        3 of 300, 1.5 s: content 0.25, style 4
        """
        sums: dict[str, float] = {}
        for name, value in self.losses.items():
            term = name.split("/")[0]
            sums[term] = sums.get(term, 0.0) + value
        losses = ", ".join(f"{term} {value:.3g}" for term, value in sums.items())
        return f"{self.iteration} of {self.total}, {self.seconds:.1f} s" + (f": {losses}" if losses else "")


def with_weight(styles: Sequence[Style]) -> list[Style]:
    """Return the styles whose weight is above 0. Raises: BadRecipe when there is none."""
    active = [style for style in styles if style.weight > 0]
    if not active:
        raise BadRecipe("Choose at least one style with a weight above 0.")
    return active
