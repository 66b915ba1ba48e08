"""The functions of `import nst_core as nst`: pictures in any form in, a `Picture`, `PaintedClip` or `TrainedNetwork` out.

`arguments` turns what a caller gives into arrays and recipes, with an error of `nst_core.errors` for whatever does not work;
`calls` runs the engine of the recipe; `picture`, `painted_clip` and `network` are the results. Heavy libraries are imported
when they are used.
"""

from nst_core.library.arguments import PictureLike, StylesLike
from nst_core.library.calls import optimize, stylize, video
from nst_core.library.network import TrainedNetwork, load_network, network_file, train
from nst_core.library.painted_clip import PaintedClip
from nst_core.library.picture import Picture

__all__ = [
    "PaintedClip",
    "Picture",
    "PictureLike",
    "StylesLike",
    "TrainedNetwork",
    "load_network",
    "network_file",
    "optimize",
    "stylize",
    "train",
    "video",
]
