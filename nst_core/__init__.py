"""Neural style transfer: paint photographs, clips and textures in the style of a picture.

>>> import nst_core as nst
>>> picture = nst.stylize(nst.samples()["mountain-lake"], nst.samples()["starlit-oils"], size=256)
>>> picture
<Picture 256×192, instant, ... s>

- `stylize`: one pass, a second or less. `optimize`: minutes, closer to the style. `video`: a clip. `train`: a network of one
  style; `load_network`: one from a file.
- Pictures and styles are paths, bytes, PIL images or arrays. Results are a `Picture`, a `PaintedClip` or a `TrainedNetwork`.
- Mistakes raise a `UserError`, faults a `Failure`; both are an `NSTError`, whose message says what to do.

Everything is imported when it is first used, so that `import nst_core` takes no time.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# ONNX Runtime sends telemetry and writes an identifier into the user's cache folder, unless this is set before its import
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nst_core.errors import Failure, NSTError, UserError
    from nst_core.library import (
        PaintedClip,
        Picture,
        TrainedNetwork,
        load_network,
        optimize,
        stylize,
        train,
        video,
    )
    from nst_core.recipes import PRESETS
    from nst_core.sample_files import samples
    from nst_core.stylizer import Step, Style

__all__ = [
    "PRESETS",
    "Failure",
    "NSTError",
    "PaintedClip",
    "Picture",
    "Step",
    "Style",
    "TrainedNetwork",
    "UserError",
    "load_network",
    "optimize",
    "samples",
    "stylize",
    "train",
    "video",
]

_HOME = {
    "errors": ("Failure", "NSTError", "UserError"),
    "library": ("PaintedClip", "Picture", "TrainedNetwork", "load_network", "optimize", "stylize", "train", "video"),
    "recipes": ("PRESETS",),
    "sample_files": ("samples",),
    "stylizer": ("Step", "Style"),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
