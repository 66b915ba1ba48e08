"""A network of one style: trained here, or read from a file; it paints photographs in one pass, or makes textures."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from nst_core import engines, extras, images, recipes
from nst_core.engines import Inputs, NetworkFacts
from nst_core.errors import BadNetwork, BadRecipe, UserError
from nst_core.library import arguments
from nst_core.library.arguments import PictureLike
from nst_core.library.picture import Picture, write
from nst_core.library.running import OnStep, check_size, last_step, painted
from nst_core.models import weights
from nst_core.recipes import DEFAULT_SIZE, Source, TrainingRecipe
from nst_core.sample_files import PHOTOGRAPHS
from nst_core.stylizer import Step

SHOWN_SIDE = 384  # pixels of what a training paints on its way


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainedNetwork:
    """A network of one style.

    data: its file. source: its name and digest, as recipes have it. facts: what the file says about itself.
    """

    data: bytes
    source: Source
    facts: NetworkFacts

    def stylize(
        self,
        content: PictureLike,
        *,
        size: int = DEFAULT_SIZE,
        stroke_size: float = 1.0,
        color: str = "style",
        seed: int = 0,
    ) -> Picture:
        """Paint a photograph in one pass.

        content: as `nst.stylize` takes it. size: pixels of the result's longer side. stroke_size: 0.25 to 4. color: `style`,
        or `luminance`, the content's own colours. seed: of the noise.

        Raises: BadPicture; BadRecipe, also where the network makes textures; TooLarge.

        >>> import nst_core as nst
        >>> nst.load_network("birch-wood").stylize(nst.samples()["city-lights"], size=256).array.shape
        (192, 256, 3)
        """
        check_size(size)
        if self.facts.texture:
            raise BadRecipe(
                f"{self.source.name} makes textures from nothing: call its method texture, or choose another network."
            )
        loaded = arguments.content(content, size)
        recipe = recipes.texture_network(
            network=self.source, content=loaded.source, size=size, stroke_size=stroke_size, color=color, seed=seed
        )
        return painted(recipe, Inputs({"content": loaded.image}, files={"network": self.data}), loaded.alpha)

    def texture(self, width: int = DEFAULT_SIZE, height: int | None = None, *, seed: int = 0) -> Picture:
        """Make a texture that tiles, from nothing but noise.

        width, height: pixels, 32 or more; height: the width, by default. seed: another seed makes another texture.

        Raises: BadRecipe, also where the network paints photographs; TooLarge.

        >>> import nst_core as nst
        >>> nst.load_network("molten-embers-texture").texture(96, 64).array.shape
        (64, 96, 3)
        """
        if not self.facts.texture:
            raise BadRecipe(f"{self.source.name} paints photographs: call its method stylize, or choose another network.")
        recipe = recipes.texture_network(network=self.source, shape=(width if height is None else height, width), seed=seed)
        return painted(recipe, Inputs(files={"network": self.data}))

    def save(self, path: str | PathLike[str]) -> Path:
        """Write its file, an .npz (an .onnx, where it was read from one), and return the path.

        Raises: UserError for another suffix and where it cannot be written.

        >>> import nst_core as nst, tempfile
        >>> path = nst.load_network("birch-wood").save(tempfile.mkdtemp() + "/birch.npz")
        >>> nst.load_network(path)
        <TrainedNetwork birch.npz, paints photographs>
        """
        place, suffix = Path(path), engines.network_engine(self.source.name).suffix
        if place.suffix.lower() != suffix:
            raise UserError(f"{place.name}: this network is written as {suffix}; choose this suffix.")
        return write(place, self.data)

    def __repr__(self) -> str:
        return f"<TrainedNetwork {self.source.name}, {'makes textures' if self.facts.texture else 'paints photographs'}>"


def load_network(path: str | PathLike[str]) -> TrainedNetwork:
    """Return a ready network by its name, or the one in a file: an .npz made here, or a single-style .onnx.

    Files are not trusted: they are checked, and nothing in them is executed. Raises: BadNetwork.

    >>> import nst_core as nst
    >>> nst.load_network("starlit-oils")
    <TrainedNetwork starlit-oils, paints photographs>
    >>> nst.load_network("starry")
    Traceback (most recent call last):
    nst_core.errors.BadNetwork: There is no network “starry”: name a .npz or .onnx file, or one of birch-wood, cubist-guitar, \
kilim-weave-texture, marbled-paper-texture, mended-glazes-texture, molten-embers-texture, pastel-poppies-texture, \
starlit-oils, woodcut-waves.
    """
    source, data = network_file(str(path))
    return TrainedNetwork(data, source, _facts(data, source.name))


def train(
    style: PictureLike,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    texture: bool = False,
    photographs: str | PathLike[str] | None = None,
    style_size: int | None = None,
    style_weight: float | None = None,
    features: str = "vgg19-lite",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> TrainedNetwork:
    """Train a network for one style, which then paints any photograph in one pass. Needs the extra `train`.

    style: a picture, as `nst.stylize` takes it. minutes: a budget of time, 10 by default; steps: instead, and then the same
    seed gives the same network. texture: a network that makes textures instead of painting photographs. photographs: a folder
    to learn from; ours by default. style_size: pixels of the style's longer side, which decides how large strokes are.
    style_weight: beside the content's. features: `vgg19-lite`, or `vgg19`, a download. on_step: called with every `Step`; the
    training ends early, with the network as it is, when it returns True.

    Raises: BadPicture, BadRecipe, ModelUnavailable, MissingPackage, Diverged.

    >>> import nst_core as nst
    >>> network = nst.train(nst.samples()["starlit-oils"], minutes=5)  # doctest: +SKIP
    >>> network.save("starlit.npz")  # doctest: +SKIP
    >>> nst.train(nst.samples()["starlit-oils"], minutes=5, steps=100)
    Traceback (most recent call last):
    nst_core.errors.BadRecipe: Give minutes or steps, not both.
    """
    if minutes is not None and steps is not None:
        raise BadRecipe("Give minutes or steps, not both.")
    if minutes is not None and not (isinstance(minutes, int | float) and 0 < minutes <= 1440):
        raise BadRecipe(f"minutes is {minutes!r}; a number above 0, up to 1440, is needed.")
    given: dict[str, Any] = {
        "steps": steps,
        "seconds": None if steps is not None else 60 * (minutes or 10),
        "style_size": style_size,
        "style_weight": style_weight,
    }
    recipe = recipes.training(
        purpose="synthesize" if texture else "stylize",
        features=features,
        seed=seed,
        **{name: value for name, value in given.items() if value is not None},
    )
    loaded = arguments.picture(style, "The style", max(arguments.LEAST_STYLE, recipe.style_size))
    recipe = recipe.model_copy(update={"style": loaded.source})
    last: Any = last_step(_training(recipe, loaded.image, None if photographs is None else Path(photographs)), on_step)
    source = Source.of_upload(f"{Path(loaded.source.name).stem}.npz", last.network)
    return TrainedNetwork(last.network, source, _facts(last.network, source.name))


def network_file(name: str) -> tuple[Source, bytes]:
    """Return a ready network by its name, or a file by its path, checked. Raises: BadNetwork."""
    if name in weights.NETWORKS:
        return Source(name=name), weights.NETWORKS[name].read_bytes()
    path = Path(name)
    suffixes = [engine.suffix for engine in engines.network_engines()]
    if path.suffix.lower() not in suffixes and not path.exists():
        kinds = " or ".join(sorted(suffixes))
        raise BadNetwork(f"There is no network “{name}”: name a {kinds} file, or one of {', '.join(weights.NETWORKS)}.")
    engine = engines.network_engine(path.name)
    try:
        if (size := path.stat().st_size) > engine.max_bytes:
            raise BadNetwork(f"{path.name} has {size / 1024**2:.0f} MB; at most {engine.max_bytes // 1024**2} MB are read.")
        data = path.read_bytes()
    except OSError as error:
        raise BadNetwork(f"{path} cannot be read: {error.strerror}.") from error
    engine.facts(data, path.name)
    return Source.of_upload(path.name, data), data


def _facts(data: bytes, name: str) -> NetworkFacts:
    return engines.network_engine(name).facts(data, name)


def _training(recipe: TrainingRecipe, style: images.Image, folder: Path | None) -> Iterator[Step]:
    engines.check_models(recipe)
    with extras.named():
        from nst_core.texture_networks import training

    shown = images.fit(images.decode((PHOTOGRAPHS / "mountain-lake.jpg").read_bytes()), SHOWN_SIDE)
    return training.train(style, recipe, shown, folder=folder)
