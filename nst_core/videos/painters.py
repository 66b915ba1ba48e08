"""Painters of frames: each holds over a shot what it measured at its beginning, so that the style does not wander."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from nst_core import instant
from nst_core.images import Image
from nst_core.instant import with_weight
from nst_core.pictures import colors
from nst_core.pictures.regions import Regions
from nst_core.pictures.strokes import Paint
from nst_core.recipes import VideoRecipe
from nst_core.stylizer import Style

if TYPE_CHECKING:
    from nst_core.optimization import Frames


class Painter(Protocol):
    """Frames are float32 (h, w, 3) in [0, 1], all of one shape."""

    def begin(self, content: Image) -> None:
        """A shot begins with this frame."""
        ...

    def paint(self, content: Image) -> Image:
        """A frame of the shot; what is shown later frames are drawn towards."""
        ...

    def finish(self, content: Image, painted: Image) -> Image:
        """The frame to show: colours, and the content where every mask is black."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """A painter that begins a frame where the last one ended, and is steady by that."""

    def go_on(self, content: Image, last: Image) -> Image:
        """last: what was shown of the frame before, moved along; the content where that cannot be followed."""
        ...


class InstantPainter:
    """By instant-lite. Over a shot it holds the style vectors, also the content's, and the colours that styles are given."""

    def __init__(self, styles: Sequence[Style], recipe: VideoRecipe) -> None:
        """Raises: BadRecipe without a style that has weight."""
        self._styles, self._recipe = with_weight(styles), recipe
        self._amounts = [style.weight for style in self._styles]
        self._regions: Regions | None = None
        self._lite = instant.eyes()

    def begin(self, content: Image) -> None:
        """Raises: BadMask."""
        known, strength = self._regions, self._recipe.strength
        regions = self._regions = known.on(content) if known else Regions(content, self._styles, self._recipe)
        pictures = regions.learned()
        if regions.masked:
            shares = regions.shares(self._amounts)
            self._vectors, self._shares = self._lite.of_regions(content, pictures, shares, strength)
        else:
            blend = [Style(picture, amount) for picture, amount in zip(pictures, self._amounts, strict=True)]
            self._vectors, self._shares = [self._lite.blend(content, blend, strength)], np.empty(0, np.float32)

    def paint(self, content: Image) -> Image:
        if self._shares.size:
            return self._lite.transform_regions(content, self._vectors, self._shares)
        return self._lite.transform(content, self._vectors[0])

    def finish(self, content: Image, painted: Image) -> Image:
        assert self._regions
        return self._regions.on(content).finish(painted, self._amounts)


class NetworkPainter:
    """By a network that was trained for one style; its noise is the same for every frame."""

    def __init__(self, network: Paint, recipe: VideoRecipe) -> None:
        self._network, self._color = network, recipe.color

    def begin(self, content: Image) -> None:
        """There is nothing to hold."""

    def paint(self, content: Image) -> Image:
        """Raises: BadRecipe when the network makes textures."""
        return self._network(content)

    def finish(self, content: Image, painted: Image) -> Image:
        return colors.finish(painted, content, self._color)


APART = 24  # frames, a second: one whole optimisation in so many
LESS = 0.25  # of its iterations: for what must begin anew before, as every frame does in rain or confetti


class OptimizingPainter:
    """By the optimiser, `fast`: a shot's first frame as any picture, each later one in a few steps from the last.

    Where nothing can be followed every frame is a shot of its own, and few of them are optimised whole.
    """

    def __init__(self, styles: Sequence[Style], recipe: VideoRecipe) -> None:
        """Raises: BadRecipe without a style that has weight."""
        self._styles, self._recipe = with_weight(styles), recipe.of_a_frame
        self._frames: Frames | None = None
        self._since = APART  # frames since one was optimised whole

    def begin(self, content: Image) -> None:
        """Raises: BadMask."""
        from nst_core.optimization import Frames  # TensorFlow comes with it

        self._frames = self._frames or Frames(content, self._styles, self._recipe)
        self._regions = Regions(content, self._styles, self._recipe)

    def paint(self, content: Image) -> Image:
        assert self._frames
        whole = self._since >= APART
        self._since = 1 if whole else self._since + 1
        return self._frames.first(content, share=1.0 if whole else LESS)

    def go_on(self, content: Image, last: Image) -> Image:
        assert self._frames
        self._since += 1
        return self._frames.next(content, last)

    def finish(self, content: Image, painted: Image) -> Image:
        return self._regions.on(content).finish(painted, [style.weight for style in self._styles])


def painter(styles: Sequence[Style], recipe: VideoRecipe, network: Paint | None) -> Painter:
    """The one that the recipe asks for. network: paints a picture, where it asks for one.

    Raises: BadRecipe, BadNetwork.
    """
    if network is not None:
        return NetworkPainter(network, recipe)
    return OptimizingPainter(styles, recipe) if recipe.fine else InstantPainter(styles, recipe)
