"""Process pictures with NumPy: colours, masks, regions, drawings, outlines, quality measures, time-lapses."""

from nst_core.pictures import (
    colors,
    cutouts,
    drawings,
    encoding,
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
    "encoding",
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
