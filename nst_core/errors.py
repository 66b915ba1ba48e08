"""What can go wrong, each error with one sentence for the person who caused or suffers it.

    NSTError
    ├── UserError            a mistake that the person can mend (the command line exits with 2)
    │   ├── BadPicture       bytes that are no picture, or one that is out of bounds
    │   ├── BadRecipe        settings that contradict each other, or a recipe from elsewhere
    │   ├── BadMask          masks that do not fit their content or their styles
    │   ├── BadNetwork       an uploaded network that is none of ours
    │   ├── BadClip          bytes that are no clip, or one that is out of bounds
    │   ├── TooLarge         more memory than there is
    │   ├── Busy             more work than the machine takes at once
    │   ├── Gone             what was kept for a while and has made room
    │   ├── ModelUnavailable a model that is not on this machine, and how to get it
    │   └── MissingPackage   an optional dependency that is not installed, and the extra that installs it
    └── Failure              a fault of ours or of the machine (exits with 1)
        ├── DownloadFailed   the network, or what came over it
        ├── Diverged         losses that are no numbers any more
        ├── WorkerLost       the process that did the work has died
        ├── Abandoned        nobody came back to what was asked for
        └── Cancelled        the person stopped it; no fault, but no result either

The message is the sentence: pages and the command line show it as it stands. Every error survives pickling, because it
travels from the worker to the page.
"""

from typing import Any


class NSTError(Exception):
    """Base of all errors that carry a sentence for a person."""


class UserError(NSTError):
    """A mistake that the person can mend."""


class BadPicture(UserError):
    """Bytes that are no picture, or a picture that is out of bounds."""


class BadRecipe(UserError):
    """Settings that contradict each other, or a recipe that is not ours."""


class BadMask(UserError):
    """Masks that do not fit their content or their styles."""


class BadNetwork(UserError):
    """A network file that is none of ours."""


class BadClip(UserError):
    """Bytes that are no clip with pictures in it, or one that is out of bounds."""


class TooLarge(UserError):
    """A request that needs more memory than there is."""


class Busy(UserError):
    """More work than the machine takes at once, of one visitor or of all; the sentence says when to ask again."""


class Gone(UserError):
    """What was kept for a while and has made room for something newer."""


class ModelUnavailable(UserError):
    """A model that is not on this machine; the sentence says how to get it."""


class MissingPackage(UserError):
    """An optional dependency is not installed; the message names the extra that installs it."""


class Failure(NSTError):
    """A fault of ours or of the machine."""


class DownloadFailed(Failure):
    """The network failed, or what came over it is not what was promised."""


class Diverged(Failure):
    """Losses that are no numbers any more."""

    best: Any = None  # the last Step before they were, with the best picture; it travels with the error


class WorkerLost(Failure):
    """The process that did the work has died."""


class Abandoned(Failure):
    """Nobody came back to the job in time."""


class Cancelled(Failure):
    """The person stopped the job."""
