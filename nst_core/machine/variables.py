"""Numbers in environment variables, checked."""

import logging
from typing import TypeVar

T = TypeVar("T", int, float)


def number(name: str, text: str, default: T, least: float, most: float) -> T:
    """Return the number that a variable is set to, of the default's type; 1e3 and 1000.0 are whole numbers, too.

    What is no such number from `least` to `most` is the default, with a line in the log.
    """
    try:
        value = float(text)
        if not least <= value <= most or (isinstance(default, int) and value != int(value)):  # nor is NaN
            raise ValueError
        return type(default)(value)
    except ValueError:
        what = f"{name}={text} is no number from {least:,} to {most:,}"
        logging.getLogger("nst").warning("%s. It stays %s.", what, default)
        return default
