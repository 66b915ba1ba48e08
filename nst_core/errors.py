"""Define the exceptions. The message of each is one sentence for the user.

    NSTError
    ├── UserError            invalid input, which the user can correct (exit status 2 of the command line)
    │   ├── BadPicture       not a picture, or a picture outside the limits
    │   ├── BadRecipe        contradictory settings, or a file that is not a recipe
    │   ├── BadMask          masks that do not fit their photograph or their styles
    │   ├── BadNetwork       a file that is not a texture network
    │   ├── BadClip          not a video, or a video outside the limits
    │   ├── TooLarge         needs more memory than there is
    │   ├── Busy             more work than the machine accepts at once
    │   ├── Gone             a file that was deleted to make room
    │   ├── ModelUnavailable a model that is not on this machine
    │   └── MissingPackage   an optional dependency that is not installed
    └── Failure              an internal error, or a failure of the machine (exit status 1)
        ├── DownloadFailed   a download failed or was corrupt
        ├── Diverged         losses became NaN or infinite
        ├── WorkerLost       the worker process died
        ├── Abandoned        the page was closed for too long
        └── Cancelled        the user cancelled: not a failure, but there is no result

Pages and the command line show the message unchanged. Every exception can be pickled, because it travels from the worker to the
page.
"""

from typing import Any


class NSTError(Exception):
    """Represent an error whose message is a sentence for the user."""


class UserError(NSTError):
    """Signal a mistake that the user can correct."""


class BadPicture(UserError):
    """Signal that a file is not a picture, or that the picture is outside the limits."""


class BadRecipe(UserError):
    """Signal contradictory settings, or a file that is not a recipe."""


class BadMask(UserError):
    """Signal that masks do not fit their photograph or their styles."""


class BadNetwork(UserError):
    """Signal that a file is not a texture network."""


class BadClip(UserError):
    """Signal that a file is not a video, or that the video is outside the limits."""


class TooLarge(UserError):
    """Signal that a request needs more memory than there is."""


class Busy(UserError):
    """Signal that a visitor, or all together, requested more work than the machine accepts; the message says when to retry."""


class Gone(UserError):
    """Signal that a file was deleted to make room for newer ones."""


class ModelUnavailable(UserError):
    """Signal that a model is not on this machine; the message says how to get it."""


class MissingPackage(UserError):
    """Signal that an optional dependency is not installed; the message names the extra that installs it."""


class Failure(NSTError):
    """Signal an internal error, or a failure of the machine."""


class DownloadFailed(Failure):
    """Signal that a download failed, or that the downloaded file is not the expected one."""


class Diverged(Failure):
    """Signal that losses became NaN or infinite."""

    best: Any = None  # the last Step before that, with the best picture; pickled with the error


class WorkerLost(Failure):
    """Signal that the worker process died."""


class Abandoned(Failure):
    """Signal that nobody returned to the job in time."""


class Cancelled(Failure):
    """Signal that the user cancelled the job."""
