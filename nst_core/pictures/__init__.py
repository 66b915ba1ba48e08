"""Process pictures with NumPy: colours, masks, regions, drawings, outlines, quality measures, time-lapses."""

from nst_core.pictures import (
    colors,
    contact_sheets,
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
    "contact_sheets",
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
