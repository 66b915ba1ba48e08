"""Neural style transfer: pictures, recipes, models and the engine that runs them. See README.md for the map."""

__version__ = "0.1.0"
