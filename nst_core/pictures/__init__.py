"""What is done with pictures, in NumPy: colours, masks and regions, drawings, outlines, how good a result is, films."""

from nst_core.pictures import (
    colors,
    cutouts,
    drawings,
    masks,
    prints,
    quality,
    regions,
    segmentation,
    snapping,
    strokes,
    styles,
    surface,
    timelapse,
)

__all__ = [
    "colors",
    "cutouts",
    "drawings",
    "masks",
    "prints",
    "quality",
    "regions",
    "segmentation",
    "snapping",
    "strokes",
    "styles",
    "surface",
    "timelapse",
]
