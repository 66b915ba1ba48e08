"""Define the command `models`: list models, and download them."""

from typing import Annotated

import typer

from nst_core.errors import BadRecipe
from nst_core.models import weights


def models(download: Annotated[str, typer.Option(metavar="NAME", help="Download this model.")] = "") -> None:
    """List which models are embedded, cached or missing: source, size, licence, checksum."""
    if download:
        if download not in weights.MODELS:
            raise BadRecipe(f"There is no model “{download}”; there are {', '.join(weights.MODELS)}.")
        typer.echo(weights.download(download))
        return
    for model in weights.MODELS.values():
        typer.echo(f"{model.name:13} {model.status:9} {model.megabytes:6.1f} MB  {model.licence:22} {model.source}")
        typer.echo(f"{'':13} {model.find() or '—'}  {model.checksum or ''}".rstrip())
