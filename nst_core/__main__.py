"""Run the command line: `python -m nst_core`."""

from nst_core.cli import main

if __name__ == "__main__":
    main()
