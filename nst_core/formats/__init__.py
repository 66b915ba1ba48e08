"""Decode picture files that Pillow reads incorrectly, not at all, or only with too much memory.

`opening` is the entry point. `png` reads 16 bits per channel and reads large pictures in bands, `tiff` reads deep samples, and
`bmp` reads any bitmap without run lengths; `colorspaces` converts the colour spaces that files and clips declare. `images`
checks the limits on untrusted files by their headers.
"""

from nst_core.formats import colorspaces
from nst_core.formats.identification import identified
from nst_core.formats.opening import JPEGS, UNREADABLE, Header, Opened, look

__all__ = ["JPEGS", "UNREADABLE", "Header", "Opened", "colorspaces", "identified", "look"]
