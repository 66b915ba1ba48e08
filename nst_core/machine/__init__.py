"""What this machine has: memory, and how to give it back; files that visitors keep."""

from nst_core.machine import allocator, memory
from nst_core.machine.scratch import Scratch
from nst_core.machine.shelf import Kept, Shelf

__all__ = ["Kept", "Scratch", "Shelf", "allocator", "memory"]
