"""The optional dependencies of the distribution: which import needs which extra, and the message where one is missing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nst_core.errors import MissingPackage

DISTRIBUTION = "nst-core"

# import name -> the extra that installs it; a test compares this with pyproject.toml
EXTRA_OF: Mapping[str, str] = {
    "tensorflow": "optimize",
    "tensorflow_hub": "optimize",
    "kagglehub": "optimize",
    "h5py": "optimize",
    "av": "video",
    "cv2": "video",
    "distributed": "app",
    "dask": "app",
    "streamlit": "app",
    "streamlit_drawable_canvas": "app",
}


def explained(error: ModuleNotFoundError) -> MissingPackage | None:
    """Return the error to show for a missing module; None if no extra installs it.

    >>> print(explained(ModuleNotFoundError(name="av")))
    This needs the package av, which is not installed: pip install "nst-core[video]".
    """
    name = (error.name or "").split(".")[0]
    if name not in EXTRA_OF:
        return None
    return MissingPackage(
        f'This needs the package {name}, which is not installed: pip install "{DISTRIBUTION}[{EXTRA_OF[name]}]".'
    )


@contextmanager
def named() -> Iterator[None]:
    """Name the extra where an optional dependency is missing. Raises: MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as error:
        if missing := explained(error):
            raise missing from error
        raise
