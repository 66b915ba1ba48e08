"""What this machine has: memory, and how to give it back; files that visitors keep."""

from nst_core.machine import allocator, memory
from nst_core.machine.shelf import Kept, Shelf

__all__ = ["Kept", "Shelf", "allocator", "memory"]
