"""Restore the settings in a PNG made here, and ask for the files of the visitor's own that it was made of and that are missing.

State: `{prefix}.content.restoring` holds the Restoration while files are missing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import streamlit as st

from nst_core.recipes import Recipe, Source, TextureNetworkRecipe
from nst_core.service import SessionFile
from ui.files import keep, taken
from ui.messages import plain, sentences, show_note
from ui.pictures import FILE_TYPES, STYLES, Use, identity, keep_upload, uploads, use_as

Adopt = Callable[[Any], object]  # sets every control of a page to what a recipe says
ROLES: dict[Use, str] = {"photograph": "the photograph", "style": "a style"}


@dataclass(frozen=True)
class Restoration:
    """Hold a recipe whose files are not all here. name: of the PNG. offered: other files for missing ones, by their digest."""

    name: str
    recipe: Recipe
    offered: dict[str, tuple[str, SessionFile]] = field(default_factory=dict)


def restore(prefix: str, name: str, recipe: Recipe, adopt: Adopt) -> None:
    """Restore the recipe of the file of that name: at once, or as far as its files are here, and then `ask_missing` asks for
    the others."""
    _go_on(prefix, Restoration(name, recipe), adopt)
    if restoration := _restoration(prefix):
        adopt(_with_stand_ins(restoration.recipe, st.session_state.get(f"{prefix}.content")))


def ask_missing(prefix: str, adopt: Adopt) -> bool:
    """Ask for the missing files of a recipe that is being restored; return whether there are any."""
    restoration = _restoration(prefix)
    if restoration is None:
        return False
    lacking = missing(restoration.recipe)
    named = ", ".join(f"{source.name} ({ROLES[use]})" for source, use in lacking)
    show_note(
        f"Settings restored from {restoration.name}. It was made of files of yours that are not here: {named}. "
        "Add them to see the picture again.",
        "history",
    )
    for source, use in lacking:
        _ask_file(prefix, restoration, source, use, adopt)
    st.button(
        "Go on without them",
        on_click=partial(st.session_state.pop, _key(prefix), None),
        help="The photograph stays the one that is chosen, and samples take the place of missing styles.",
    )
    return True


def missing(recipe: Recipe) -> list[tuple[Source, Use]]:
    """Return the recipe's files that are not among the session's uploads, each once, with what it is in the recipe."""
    wanted: dict[str, tuple[Source, Use]] = {}
    for source, use in _sources(recipe):
        if source.digest and source.digest not in uploads():
            wanted.setdefault(source.digest, (source, use))
    return list(wanted.values())


def _ask_file(prefix: str, restoration: Restoration, source: Source, use: Use, adopt: Adopt) -> None:
    key = f"{prefix}.missing.{identity(source)}"
    take = partial(_take, prefix, source, use, adopt, key)
    st.file_uploader(f"{plain(source.name)}, {ROLES[use]}", FILE_TYPES, key=key, on_change=take)
    if offer := restoration.offered.get(identity(source)):
        show_note(f"{offer[0]} is not the file that was used: the picture will be another one.", "difference")
        st.button("Use it anyway", on_click=partial(_use_anyway, prefix, source, use, adopt), key=f"{key}.anyway")


def _take(prefix: str, source: Source, use: Use, adopt: Adopt, widget: str) -> None:
    """Callback of an uploader: keep the missing file, or another one until the visitor decides."""
    file, restoration = taken(widget), _restoration(prefix)
    if file is None or restoration is None:
        return
    name, data = file
    with sentences():
        if Source.of_upload(name, data).digest == source.digest:
            keep_upload(source.name, data, use)
            _go_on(prefix, restoration, adopt)
        else:
            offered = restoration.offered | {identity(source): (name, keep(data))}
            st.session_state[_key(prefix)] = replace(restoration, offered=offered)


def _use_anyway(prefix: str, source: Source, use: Use, adopt: Adopt) -> None:
    """Take another file in the place of a missing one."""
    if (restoration := _restoration(prefix)) is None:
        return
    name, file = restoration.offered[identity(source)]
    with sentences():
        chosen = keep_upload(name, file.read(), use)
        recipe = _replaced(restoration.recipe, {identity(source): chosen})
        _go_on(prefix, replace(restoration, recipe=recipe), adopt)


def _go_on(prefix: str, restoration: Restoration, adopt: Adopt) -> None:
    """Adopt the recipe if all of its files are here; otherwise remember it."""
    st.session_state[_key(prefix)] = restoration
    if missing(restoration.recipe):
        return
    del st.session_state[_key(prefix)]
    for source, use in _sources(restoration.recipe):
        use_as(use, source)
    adopt(restoration.recipe)
    st.toast(f"Settings restored from {plain(restoration.name)}.", icon=":material/history:")


def _restoration(prefix: str) -> Restoration | None:
    return st.session_state.get(_key(prefix))


def _key(prefix: str) -> str:
    return f"{prefix}.content.restoring"


def _sources(recipe: Recipe) -> list[tuple[Source, Use]]:
    """Return the pictures that the recipe needs; a trained network does not need its style's."""
    styles = () if isinstance(recipe, TextureNetworkRecipe) else recipe.styles
    content: list[tuple[Source, Use]] = [(recipe.content, "photograph")] if recipe.content else []
    return [*content, *((style.source, "style") for style in styles)]


def _with_stand_ins(recipe: Recipe, content: Source | None) -> Recipe:
    """Return the recipe with the photograph that is chosen and with sample styles in the place of what is missing."""
    used = {source for source, _ in _sources(recipe)}
    samples = (Source(name=name) for name in STYLES if Source(name=name) not in used)
    lacking = missing(recipe)
    instead: dict[str, Source] = {identity(source): next(samples) for source, use in lacking if use == "style"}
    instead |= {identity(source): content for source, use in lacking if use == "photograph" and content}
    return _replaced(recipe, instead)


def _replaced(recipe: Recipe, others: dict[str, Source]) -> Recipe:
    """Return the recipe with other sources, by the identity of those that they replace."""
    new = lambda source: others.get(identity(source), source)  # noqa: E731
    styles = tuple(style.model_copy(update={"source": new(style.source)}) for style in recipe.styles)
    return recipe.model_copy(update={"content": recipe.content and new(recipe.content), "styles": styles})
