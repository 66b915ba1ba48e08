"""Define the command `app`: start the app in the browser."""

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from nst_core import extras
from nst_core.errors import UserError
from nst_core.sample_files import APP

SERVER = "streamlit"  # run as a program of its own; this package does not import it


def app(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the app's address, http://localhost:PORT.")] = 8501,
) -> None:
    """Start the app and serve it until Ctrl-C. Further options are passed on to Streamlit (`streamlit run --help`)."""
    if find_spec(SERVER) is None:
        missing = extras.explained(ModuleNotFoundError(name=SERVER))
        assert missing
        raise missing
    script = APP / "app.py"
    if not script.is_file():
        raise UserError(f"The app's files are not in {APP}: install the wheel, or start it in a clone of the repository.")
    print(f"The app: http://localhost:{port} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    # -P: a folder `ui` or `pages` in the working directory is not the app's
    command = [sys.executable, "-P", "-m", SERVER, "run", str(script), "--server.port", str(port), *context.args]
    os.execv(sys.executable, command)
