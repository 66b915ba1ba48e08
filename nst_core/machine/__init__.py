"""What this machine has: memory, and how to return it; temporary folders; variables of the environment."""

from nst_core.machine import allocator, arrays, memory, variables
from nst_core.machine.scratch import Scratch

__all__ = ["Scratch", "allocator", "arrays", "memory", "variables"]
