"""Recipes and texts: settings checked, JSON, the text inside a PNG, the query of a link."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from nst_core import images
from nst_core.errors import BadRecipe
from nst_core.recipes.base import MAX_MASK_TEXT, MAX_STYLES, Frozen, Recipe
from nst_core.recipes.moving import VideoRecipe
from nst_core.recipes.network_training import TrainingRecipe
from nst_core.recipes.one_pass import InstantRecipe, TextureNetworkRecipe
from nst_core.recipes.optimization import OptimizeRecipe

PNG_KEY = "nst-recipe"  # the keyword of the PNG's iTXt chunk
MAX_TEXT = 100_000 + 2 * MAX_STYLES * MAX_MASK_TEXT  # characters of a recipe as JSON; without masks a few hundred
SAMPLE_NAME = r"[a-z0-9-]+"
F = TypeVar("F", bound=Frozen)
AnyRecipe = InstantRecipe | OptimizeRecipe | TextureNetworkRecipe


def _kind(recipe: Any) -> str:
    """instant unless it says otherwise: so the first recipes were written."""
    return recipe.get("kind", "instant") if isinstance(recipe, Mapping) else getattr(recipe, "kind", "instant")


_any_recipe: TypeAdapter[AnyRecipe] = TypeAdapter(
    Annotated[
        Annotated[InstantRecipe, Tag("instant")]
        | Annotated[OptimizeRecipe, Tag("optimize")]
        | Annotated[TextureNetworkRecipe, Tag("texture-network")],
        Discriminator(_kind),
    ]
)


def instant(**settings: Any) -> InstantRecipe:
    """An InstantRecipe from controls or command-line options.

    Raises: BadRecipe with the first thing that is wrong.
    """
    return _built(InstantRecipe, settings)


def optimize(**settings: Any) -> OptimizeRecipe:
    """An OptimizeRecipe, likewise."""
    return _built(OptimizeRecipe, settings)


def training(**settings: Any) -> TrainingRecipe:
    """A TrainingRecipe, likewise."""
    return _built(TrainingRecipe, settings)


def texture_network(**settings: Any) -> TextureNetworkRecipe:
    """A TextureNetworkRecipe, likewise."""
    return _built(TextureNetworkRecipe, settings)


def video(**settings: Any) -> VideoRecipe:
    """A VideoRecipe, likewise."""
    return _built(VideoRecipe, settings)


def _built(kind: type[F], settings: Mapping[str, Any]) -> F:
    try:
        return kind(**settings)
    except ValidationError as error:
        raise BadRecipe(f"These settings do not work: {_first_complaint(error)}.") from error


def parse(text: str) -> AnyRecipe:
    """JSON to the recipe it describes.

    Raises: BadRecipe with the first thing that is wrong.
    """
    if len(text) > MAX_TEXT:
        raise BadRecipe(f"This is no recipe of ours: it has {len(text)} characters, at most {MAX_TEXT} are read.")
    try:
        return _any_recipe.validate_json(text)
    except ValidationError as error:
        raise BadRecipe(f"This is no recipe of ours: {_first_complaint(error)}.") from error


def of_png(data: bytes) -> AnyRecipe | None:
    """The recipe inside a PNG made here; None for any other file.

    Raises: BadRecipe if there is one that cannot be read.
    """
    text = images.text_chunks(data).get(PNG_KEY)
    return parse(text) if text is not None else None


def of_picture(data: bytes) -> AnyRecipe | None:
    """The recipe inside a PNG or a TIFF made here; None for any other file.

    Raises: BadRecipe if there is one that cannot be read.
    """
    description = images.text_chunks(data).get(images.DESCRIPTION, "")
    return parse(description) if _names_a_kind(description) else of_png(data)


def png_text(recipe: Recipe) -> dict[str, str]:
    """What `images.encode(…, text=…)` writes so that `of_png` finds the recipe again."""
    return {PNG_KEY: recipe.model_dump_json()}


def _names_a_kind(text: str) -> bool:
    """Whether a TIFF's description is a recipe: that of a stranger may say anything."""
    try:
        said = json.loads(text) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and "kind" in said


def tiff_text(recipe: Recipe) -> str:
    """What a TIFF describes itself with: the recipe in ASCII, which is all that such a text may be."""
    return json.dumps(recipe.model_dump(mode="json"))


def to_query(recipe: InstantRecipe) -> dict[str, str]:
    """The recipe as the query of a link; {} when it uses an upload or a mask, which a link cannot carry.

    `content=chelsea&styles=woodcut-waves:0.7,stained-glass:0.3&strength=1.2`; defaults are left out.
    """
    content, styles = recipe.content, recipe.styles
    if content is None or not all(source.is_sample for source in (content, *(s.source for s in styles))):
        return {}
    if any(style.mask or style.guide or style.color for style in styles):
        return {}
    changed = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"content", "styles", "kind"})
    blend = ",".join(f"{style.source.name}:{style.weight}" for style in styles)
    return {"content": content.name, "styles": blend} | {key: f"{value}" for key, value in changed.items()}


def of_query(query: Mapping[str, str]) -> InstantRecipe | None:
    """The recipe that a link carries, None when it carries none; parameters of others are passed over.

    Raises: BadRecipe.
    """
    known = {key: query[key] for key in InstantRecipe.model_fields if key in query and key not in ("content", "styles")}
    fields: dict[str, Any] = known
    names = [query.get("content", ""), *(part.partition(":")[0] for part in query.get("styles", "").split(","))]
    if not all(re.fullmatch(SAMPLE_NAME, name) for name in names if name):
        raise BadRecipe(
            "The link carries settings that do not work: names of samples have small letters, digits and hyphens only."
        )
    if "content" in query:
        fields["content"] = {"name": query["content"]}
    if query.get("styles"):
        pairs = [part.partition(":") for part in query["styles"].split(",", MAX_STYLES)]
        fields["styles"] = [{"source": {"name": name}, "weight": weight or 1.0} for name, _, weight in pairs]
    if not fields:
        return None
    try:
        return InstantRecipe.model_validate(fields)
    except ValidationError as error:
        raise BadRecipe(f"The link carries settings that do not work: {_first_complaint(error)}.") from error


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("instant", "optimize", "texture-network"))
    where = " ".join(where[:60].split())  # it may be a stranger's
    what = first["msg"].removeprefix("Value error, ")  # a validator of ours
    return f"{where}: {what}" if where else what
