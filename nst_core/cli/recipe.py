"""Define the command `recipe`: show the settings stored in results."""

from pathlib import Path
from typing import Annotated

import typer

from nst_core import recipes
from nst_core.cli import files
from nst_core.errors import BadRecipe

app = typer.Typer(no_args_is_help=True, help="Show the recipes stored in pictures made here.")


@app.command()
def show(picture: Annotated[Path, typer.Argument(help="A PNG or TIFF that was made here.")]) -> None:
    """Print the recipe inside a picture as JSON."""
    recipe = recipes.of_picture(files.read_bytes(picture))
    if recipe is None:
        raise BadRecipe(f"{picture.name} contains no recipe; only PNGs and TIFFs that were made here do.")
    typer.echo(recipe.model_dump_json(indent=2))
