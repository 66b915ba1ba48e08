"""The command line: `nst instant | optimize | video | texture-network | models | recipe | app`. The pages' recipes.

Exit 0: done. 2: a mistake of the user's, one line on standard error. 1: a fault of ours or of the machine. 130: Ctrl-C.
"""

import os
import shlex
import sys
import tempfile
import traceback
from typing import Annotated

import typer
from PIL import Image as Pillow
from typer.exceptions import TyperException

from nst_core import extras, images
from nst_core.cli import files, instant, interrupts, models, optimize, recipe, serving, texture_networks, video
from nst_core.errors import Failure, UserError

DEBUG = "--debug"  # anywhere on the line

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (instant.instant, optimize.optimize, video.video, models.models):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(serving.app)
app.add_typer(texture_networks.app, name="texture-network")
app.add_typer(recipe.app, name="recipe")


@app.callback()
def general(debug: Annotated[bool, typer.Option(DEBUG, help="Show where in the program an error arose.")] = False) -> None:
    """What holds for every command; `main` takes --debug itself, wherever it stands."""


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # standard error is for our sentences
    Pillow.MAX_IMAGE_PIXELS = images.MAX_PIXELS  # what is larger we refuse ourselves, with a sentence
    interrupts.listen()
    files.forget()
    line = sys.argv[1:]
    debug = DEBUG in line
    try:
        sys.exit(app([word for word in line if word != DEBUG], standalone_mode=False))  # 130 after Ctrl-C
    except Exception as error:
        sys.exit(_end(error, debug))


def _end(error: Exception, debug: bool) -> int:
    """Say what is wrong in a line; the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, ModuleNotFoundError):
        error = extras.explained(error) or error
    match error:
        case TyperException():  # a wrong option: one line, like every other mistake; no command: help, and no line
            return _say(error.format_message(), 2)
        case UserError():
            return _say(error, 2)
        case Failure():
            return _say(error, 1)
        case BrokenPipeError():  # nobody reads our standard output any more
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 1
        case _:
            return _say(_unforeseen(error, debug), 1)


def _unforeseen(error: Exception, shown: bool) -> str:
    """One line about what nobody thought of, and where the rest is. shown: it is on the terminal already."""
    what = f"Something went wrong that should not have: {type(error).__name__}: {error}"
    what = " ".join(what.split())[:300].rstrip(".")
    if shown:
        return f"{what}."
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", prefix="nst-", suffix=".log", delete=False
        ) as log:
            print(shlex.join(sys.argv), file=log)
            traceback.print_exception(error, file=log)
    except OSError:
        return f"{what}. {DEBUG} shows where."
    return f"{what}. The details are in {log.name}; {DEBUG} shows them."


def _say(error: object, code: int) -> int:
    if sentence := str(error):
        print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr)  # a file's name need not be UTF-8
    return code
