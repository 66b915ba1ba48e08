"""Paint frames. A painter keeps what it measured at the start of a shot, so that the style stays constant."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from nst_core import instant
from nst_core.images import Image
from nst_core.pictures import colors
from nst_core.pictures.regions import Regions
from nst_core.pictures.strokes import Paint
from nst_core.recipes import VideoRecipe
from nst_core.stylizer import Style, with_weight
from nst_core.videos.flow import Motion
from nst_core.videos.moving_noise import MovingNoise

if TYPE_CHECKING:
    from nst_core.optimization import Frames


class FramePainter(Protocol):
    """Declare a painter. Frames are float32 (h, w, 3) in [0, 1], all of one shape."""

    def begin(self, content: Image) -> None:
        """Begin a shot with this frame."""
        ...

    def paint(self, content: Image) -> Image:
        """Paint a frame of the shot. Later frames are blended with the result."""
        ...

    def finish(self, content: Image, painted: Image) -> Image:
        """Return the frame to show: apply the colour mode, and the content where every mask is black."""
        ...


@runtime_checkable
class Moves(Protocol):
    """A painter that takes something along with the motion of the picture."""

    def move(self, motion: Motion) -> None:
        """Prepare the next frame of the shot. motion: from the previous frame to it."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return what was taken along."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, after `begin`."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """Declare a painter that continues from the previous frame, and is therefore steady."""

    def go_on(self, content: Image, last: Image) -> Image:
        """Paint a frame. last: the previous result, moved along; the content where the motion is not trusted."""
        ...


class InstantPainter:
    """Paint with instant-lite.

    Over a shot, the vectors of styles and content and the recolouring of styles stay the same; the noise moves along.
    """

    def __init__(self, styles: Sequence[Style], recipe: VideoRecipe) -> None:
        """Prepare the styles. Raises: BadRecipe if no style has a weight."""
        self._styles, self._recipe = with_weight(styles), recipe
        self._amounts = [style.weight for style in self._styles]
        self._regions: Regions | None = None
        self._lite = instant.eyes()

    def begin(self, content: Image) -> None:
        """Measure the content and the styles. Raises: BadMask."""
        known, strength = self._regions, self._recipe.strength
        regions = self._regions = known.on(content) if known else Regions(content, self._styles, self._recipe)
        pictures = regions.learned()
        if regions.masked:
            shares = regions.shares(self._amounts)
            self._vectors, self._shares = self._lite.of_regions(content, pictures, shares, strength)
        else:
            blend = [Style(picture, amount) for picture, amount in zip(pictures, self._amounts, strict=True)]
            self._vectors, self._shares = [self._lite.blend(content, blend, strength)], np.empty(0, np.float32)
        self._noise = MovingNoise(instant.core_shape(*content.shape[:2]))

    def move(self, motion: Motion) -> None:
        self._noise.move(motion)

    def state(self) -> dict[str, np.ndarray]:
        return {"places": self._noise.places}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, after `begin`. One of an earlier version has no noise: it begins anew."""
        places = state.get("places")
        if places is not None and places.shape == self._noise.places.shape:
            self._noise.places = places

    def paint(self, content: Image) -> Image:
        drawn = self._noise.white()
        if self._shares.size:
            return self._lite.transform_regions(content, self._vectors, self._shares, seed=drawn)
        return self._lite.transform(content, self._vectors[0], seed=drawn)

    def finish(self, content: Image, painted: Image) -> Image:
        assert self._regions
        return self._regions.on(content).finish(painted, self._amounts)


class NetworkPainter:
    """Paint with a network that was trained for one style, with the same noise for every frame."""

    def __init__(self, network: Paint, recipe: VideoRecipe) -> None:
        self._network, self._color = network, recipe.color

    def begin(self, content: Image) -> None:
        """Do nothing: no state is needed."""

    def paint(self, content: Image) -> Image:
        """Paint a frame. Raises: BadRecipe if the network makes textures."""
        return self._network(content)

    def finish(self, content: Image, painted: Image) -> Image:
        return colors.finish(painted, content, self._color)


APART = 24  # frames, about a second: at most one full optimisation in this many
LESS = 0.25  # of its iterations, if a shot begins earlier, as with every frame in rain or confetti


class OptimizingPainter:
    """Paint with the optimiser's `fast` preset: the first frame of a shot in full, later ones in a few steps from the previous
    one.

    If motion can never be followed, every frame is a shot of its own, and only a few of them are optimised in full.
    """

    def __init__(self, styles: Sequence[Style], recipe: VideoRecipe) -> None:
        """Prepare the styles. Raises: BadRecipe if no style has a weight."""
        self._styles, self._recipe = with_weight(styles), recipe.of_a_frame
        self._frames: Frames | None = None
        self._since = APART  # frames since the last full optimisation

    def begin(self, content: Image) -> None:
        """Prepare the optimisation. Raises: BadMask."""
        from nst_core.optimization import Frames  # imports TensorFlow

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


def painter(styles: Sequence[Style], recipe: VideoRecipe, network: Paint | None) -> FramePainter:
    """Return the painter that the recipe requests. network: paints a picture, if it names one.

    Raises: BadRecipe, BadNetwork.
    """
    if network is not None:
        return NetworkPainter(network, recipe)
    return OptimizingPainter(styles, recipe) if recipe.fine else InstantPainter(styles, recipe)
