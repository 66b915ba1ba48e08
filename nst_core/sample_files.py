"""The pictures and clips that come with the project, as paths by name; and where the app's files are.

In the repository they are in `assets/`; the wheel installs the app's files as `nst_app`, beside `nst_core`.
"""

from functools import cache
from pathlib import Path

_BESIDE = Path(__file__).parents[1]
APP = _BESIDE / "nst_app" if (_BESIDE / "nst_app").is_dir() else _BESIDE  # the folder of app.py
ASSETS = APP / "assets"
PHOTOGRAPHS = ASSETS / "photographs"


@cache
def samples() -> dict[str, Path]:
    """Return the sample photographs, styles and clips: {name: path}.

    A clip's name ends with `.mp4`, so that it differs from its photograph's.

    >>> import nst_core as nst
    >>> nst.samples()["mountain-lake"].name, nst.samples()["mountain-lake.mp4"].name
    ('mountain-lake.jpg', 'mountain-lake.mp4')
    """
    pictures = [*sorted(PHOTOGRAPHS.glob("*.jpg")), *sorted((ASSETS / "styles").glob("*.jpg"))]
    clips = sorted((ASSETS / "clips").glob("*.mp4"))
    return {path.stem: path for path in pictures} | {path.name: path for path in clips}
