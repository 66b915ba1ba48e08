"""`python -m nst_core`: the command line."""

from nst_core.cli import main

if __name__ == "__main__":
    main()
