"""Run the command line: `python -m nst_core`."""

import os


def start() -> None:
    """Run the command line, which ignores the limits of the service."""
    os.environ.setdefault("NST_COMMAND_LINE", "1")  # read when `limits` is imported, here and in the workers
    from nst_core.cli import main

    main()


if __name__ == "__main__":
    start()
