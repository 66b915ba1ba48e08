"""`models`: what is embedded, cached or missing; and downloads."""

from typing import Annotated

import typer

from nst_core.errors import BadRecipe
from nst_core.models import weights


def models(download: Annotated[str, typer.Option(metavar="NAME", help="Get this one.")] = "") -> None:
    """What is embedded, cached or missing; from where, how large, how checked."""
    if download:
        if download not in weights.MODELS:
            raise BadRecipe(f"There is no model “{download}”; there are {', '.join(weights.MODELS)}.")
        typer.echo(weights.download(download))
        return
    for model in weights.MODELS.values():
        typer.echo(f"{model.name:13} {model.status:9} {model.megabytes:6.1f} MB  {model.licence:22} {model.source}")
        typer.echo(f"{'':13} {model.find() or '—'}  {model.checksum or ''}".rstrip())
