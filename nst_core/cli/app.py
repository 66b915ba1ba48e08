"""The command line: `python -m nst_core instant | optimize | video | texture-network | models | recipe`. The pages' recipes.

Exit 0: done. 2: a mistake of the user's, one line on standard error. 1: a fault of ours or of the machine. 130: Ctrl-C.
"""

import os
import sys

import typer
from typer.exceptions import TyperException

from nst_core.cli import instant, interrupts, models, optimize, recipe, texture_networks, video
from nst_core.errors import Failure, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (instant.instant, optimize.optimize, video.video, models.models):
    app.command()(command)
app.add_typer(texture_networks.app, name="texture-network")
app.add_typer(recipe.app, name="recipe")


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # standard error is for our sentences
    interrupts.listen()
    try:
        sys.exit(app(standalone_mode=False))  # 130 after Ctrl-C
    except TyperException as error:  # a wrong option: one line, like every other mistake; no command: help, and no line
        sys.exit(_say(error.format_message(), 2))
    except UserError as error:
        sys.exit(_say(error, 2))
    except Failure as error:
        sys.exit(_say(error, 1))


def _say(error: object, code: int) -> int:
    if sentence := str(error):
        print(sentence, file=sys.stderr)
    return code
