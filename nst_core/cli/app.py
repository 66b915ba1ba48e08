"""Paint pictures: instant | sheet | optimize | video | texture-network | models | recipe | app, with recipes as on the pages.

Exit status: 0 success, 1 internal error, 2 invalid input (one line on standard error), 130 after Ctrl-C.
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
from nst_core.cli import files, instant, interrupts, models, optimize, recipe, serving, sheet, texture_networks, video
from nst_core.errors import Failure, UserError

DEBUG = "--debug"  # at any position

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (instant.instant, sheet.sheet, optimize.optimize, video.video, models.models):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(serving.app)
app.add_typer(texture_networks.app, name="texture-network")
app.add_typer(recipe.app, name="recipe")


@app.callback()
def general(debug: Annotated[bool, typer.Option(DEBUG, help="Print the traceback of an error.")] = False) -> None:
    """Declare the options of every command; `main` handles --debug itself, at any position."""


def main() -> None:
    """Run the command in `sys.argv`, and end the process with its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # keep standard error for messages
    Pillow.MAX_IMAGE_PIXELS = images.MAX_PIXELS  # larger pictures are refused with a message of ours
    interrupts.listen()
    files.forget()
    line = sys.argv[1:]
    debug = DEBUG in line
    try:
        sys.exit(app([word for word in line if word != DEBUG], standalone_mode=False))  # 130 after Ctrl-C
    except Exception as error:
        sys.exit(_end(error, debug))


def _end(error: Exception, debug: bool) -> int:
    """Print one line about the error and return the exit status."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, ModuleNotFoundError):
        error = extras.explained(error) or error
    match error:
        case TyperException():  # a wrong option: its message; no command: help without a message
            return _say(error.format_message(), 2)
        case UserError():
            return _say(error, 2)
        case Failure():
            return _say(error, 1)
        case BrokenPipeError():  # the reader of standard output has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 1
        case _:
            return _say(_unforeseen(error, debug), 1)


def _unforeseen(error: Exception, shown: bool) -> str:
    """Describe an unexpected error in one line that says where the details are. shown: they are on the terminal already."""
    what = f"Internal error: {type(error).__name__}: {error}"
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
        return f"{what}. {DEBUG} prints the traceback."
    return f"{what}. The traceback is in {log.name}; {DEBUG} prints it."


def _say(error: object, code: int) -> int:
    """Print a sentence on standard error and return the exit status."""
    if sentence := str(error):
        print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr)  # names of files may not be UTF-8
    return code
