"""`python -m nst_core`: the command line."""

import os


def start() -> None:
    """Run the command line, which the limits of the service do not bind."""
    os.environ.setdefault("NST_COMMAND_LINE", "1")  # read when `limits` is imported, here and in the workers
    from nst_core.cli import main

    main()


if __name__ == "__main__":
    start()
