"""JAX compiles in two thirds of the time where it need not optimise; before anybody imports it."""

import os

os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
