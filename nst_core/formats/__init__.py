"""Picture files: bytes in, a decoded frame out, at the size wanted. What Pillow reads wrongly, not at all or too large is here.

`opening` is the way in. `png` reads 16 bits a channel and large pictures band by band, `tiff` deep samples, `bmp` any bitmap
without run lengths; `colorspaces` knows the colours that files and clips declare. Limits on untrusted files are checked by
`images`, on what the header says.
"""

from nst_core.formats import colorspaces
from nst_core.formats.opening import JPEGS, UNREADABLE, Look, Picture, look

__all__ = ["JPEGS", "UNREADABLE", "Look", "Picture", "colorspaces", "look"]
