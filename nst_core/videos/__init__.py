"""Paint clips with little flicker: the bytes of a clip and styles in, Steps and the bytes of an MP4 out.

    reading ─► frames ─► painters: paint each frame ─────┐
                 └─────► flow: estimate the motion ──────┴─► deflicker: blend with the previous frame, moved ─► writing ─► MP4
                          └─► shots: detect scene cuts

`clips` describes a clip and has no heavy imports. The other modules import OpenCV, PyAV and ONNX Runtime; workers and the
command line import `run` where they need it, not here.
"""

from nst_core.videos import clips
from nst_core.videos.clips import Facts, Film

__all__ = ["Facts", "Film", "clips", "deflicker", "flow", "painters", "reading", "run", "writing"]
