"""Pictures by name: our samples and the session's uploads, at any size, and as thumbnails."""

import base64
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st
from skimage import data as photographs

from nst_core import images
from nst_core.errors import BadPicture
from nst_core.pictures import masks
from nst_core.pictures.styles import of_recipe
from nst_core.recipes import Recipe, Source
from nst_core.service import LIMITS, SessionFile
from nst_core.stylizer import Style
from ui.components import Thumbnail
from ui.files import decoding, keep, keep_latest
from ui.messages import plain

ASSETS = Path(__file__).parents[1] / "assets"
THUMBNAIL = 280  # pixels: more than twice what a gallery shows, for fine screens
FILE_TYPES = [suffix.removeprefix(".") for suffix in images.SUFFIXES]


Use = Literal["photograph", "style"]  # what a visitor brought a picture for


class Upload(NamedTuple):
    """clear: whether parts of the picture are transparent. uses: in which galleries it is offered."""

    source: Source
    file: SessionFile
    clear: bool = False
    uses: frozenset[Use] = frozenset(["photograph"])

    @property
    def there(self) -> bool:
        return self.file.there


RENDERED = {file.stem: file for folder in ("photographs", "styles") for file in sorted((ASSETS / folder).glob("*.jpg"))}


def _rendered(folder: str) -> dict[str, Callable[[], np.ndarray]]:
    load = lambda file: images.to_uint8(images.decode(file.read_bytes()))  # noqa: E731
    return {name: partial(load, file) for name, file in RENDERED.items() if file.parent.name == folder}


CONTENTS: dict[str, Callable[[], np.ndarray]] = {
    "chelsea": photographs.chelsea,
    "astronaut": photographs.astronaut,
    **_rendered("photographs"),
    "coffee": photographs.coffee,
    "rocket": photographs.rocket,
    "motorcycle": lambda: photographs.stereo_motorcycle()[0],
    "galaxies": photographs.hubble_deep_field,
}
STYLES = _rendered("styles")


def title(source: Source) -> str:
    """`woodcut-waves` reads as "Woodcut waves"; an upload keeps its file's name, whatever that holds."""
    return source.name.replace("-", " ").capitalize() if source.is_sample else source.name


def plain_title(source: Source) -> str:
    """Return `title` for where Markdown is read."""
    return plain(title(source))


def identity(source: Source) -> str:
    """What tells pictures apart in galleries and widget keys."""
    return source.digest or source.name


def uploads() -> dict[str, Upload]:
    return st.session_state.setdefault("uploads", {})


def own_pictures(use: Use) -> list[Source]:
    """Return the session's uploads that were brought as photographs, or as styles: neither appears among the other."""
    return [upload.source for upload in uploads().values() if use in upload.uses]


def use_as(use: Use, source: Source | None) -> None:
    """Offer an upload for this use too; nothing happens for a sample, or for what is not among the session's uploads."""
    if source and (upload := uploads().get(source.digest or "")):
        uploads()[identity(source)] = upload._replace(uses=upload.uses | {use})


def keep_upload(name: str, data: bytes, use: Use = "photograph") -> Source:
    """Remember a picture that was uploaded for this use, for this session; say so if the file is cut off.

    Raises: BadPicture, Failure.
    """
    with decoding:
        images.decode(data, name=name, max_side=THUMBNAIL, warn=partial(st.toast, icon=":material/warning:"))
        clear = images.opacity(data, name=name, max_side=THUMBNAIL) is not None
    source, kept = Source.of_upload(name, data), uploads()
    before = kept.pop(identity(source), None)
    kept[identity(source)] = Upload(source, keep(data), clear, frozenset([use]) | (before.uses if before else frozenset()))
    keep_latest(kept, LIMITS.kept_uploads)
    return source


def picture(source: Source, size: int, *, under: images.Ground = "white") -> images.Image:
    """The picture, its longer side scaled to `size`. under: what is put under its transparent parts; to paint it, `nearest`.

    Raises: BadPicture when it is no upload of this session's, or no sample of ours; Gone.
    """
    kept = size <= LIMITS.max_size  # a print is wanted once, and large
    if source.digest:
        upload = uploads().get(source.digest)
        if upload is None:
            raise BadPicture(f"“{source.name}” is not among this session's pictures: upload it again to go on.")
        under = under if upload.clear else "white"
        pixels = (_kept_upload if kept else _scaled_upload)(source.digest, size, under, upload)
    elif source.name in CONTENTS or source.name in STYLES:
        pixels = (_kept_sample if kept else _scaled_sample)(source.name, size)
    else:
        raise BadPicture(f"There is no sample called “{source.name}”: choose one from the gallery.")
    return images.from_uint8(pixels)


def _scaled_sample(name: str, size: int) -> np.ndarray:
    load = CONTENTS.get(name) or STYLES[name]
    return images.to_uint8(images.fit(images.from_uint8(load()), size))


def is_clear(source: Source | None) -> bool:
    """Whether parts of the picture are transparent, as far as this session knows."""
    upload = uploads().get(source.digest or "") if source else None
    return upload is not None and upload.clear


def opacity(source: Source | None, shape: masks.MaskShape) -> images.Mask | None:
    """How opaque an upload is, scaled to `shape`; None where all of it is, or where it is not among this session's pictures."""
    upload = uploads().get(source.digest or "") if source else None
    if upload is None or not (upload.clear and upload.there):
        return None
    with decoding:
        return masks.from_alpha(upload.file.read(), shape, name=upload.source.name)


def _scaled_upload(digest: str, size: int, under: images.Ground, _upload: Upload) -> np.ndarray:
    with decoding:
        image = images.decode(_upload.file.read(), name=_upload.source.name, max_side=size, over=under)
        return images.to_uint8(images.fit(image, size))


# 8 bits, few entries: at 2048 px each is 12 MB, and the page process is to stay small
_kept_sample = st.cache_data(show_spinner=False, max_entries=8)(_scaled_sample)
_kept_upload = st.cache_data(show_spinner=False, max_entries=4)(_scaled_upload)


@st.cache_data(show_spinner=False, max_entries=64)
def _thumbnail(key: str, _source: Source) -> str:
    file = RENDERED.get(key)  # a file of ours; an upload's key is a digest
    small = images.shrink(file.read_bytes(), THUMBNAIL) if file else images.thumbnail(picture(_source, THUMBNAIL), THUMBNAIL)
    return data_uri(small)


def data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def thumbnails(sources: Iterable[Source]) -> list[Thumbnail]:
    return [Thumbnail(identity(s), title(s), _thumbnail(identity(s), s)) for s in sources]


def styles_of(recipe: Recipe, side: int) -> list[Style]:
    """The recipe's styles, their pictures `side` pixels long, with the masks that it carries.

    Raises: BadPicture, BadMask.
    """

    def shape() -> masks.MaskShape:
        h, w, _ = picture(recipe.content, recipe.size).shape if recipe.content else (side, side, 3)
        return h, w

    return of_recipe(recipe, lambda source: picture(source, min(side, LIMITS.max_size)), shape)
