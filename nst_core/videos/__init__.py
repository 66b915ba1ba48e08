"""Clips, painted steadily: bytes of a clip and styles in, Steps and the bytes of an MP4 out.

    reading ─► frames ─► painters: each frame painted ─┐
                 └─────► flow: what moved where ───────┴─► steady: drawn towards the last one, moved ─► writing ─► MP4
                          └─► shots: where a new one begins

What is known of a clip (`clips`) is light and for everybody. The others bring OpenCV, PyAV and ONNX Runtime: workers and the
command line import `run` where they work with it, not here.
"""

from nst_core.videos import clips
from nst_core.videos.clips import Facts, Film

__all__ = ["Facts", "Film", "clips", "painters", "reading", "run", "steady", "writing"]
