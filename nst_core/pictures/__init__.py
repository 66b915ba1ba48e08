"""What is done with pictures, in NumPy: colours, masks and regions, drawings, outlines, how good a result is, films."""

from nst_core.pictures import colors, drawings, masks, quality, regions, segmentation, snapping, styles, timelapse

__all__ = ["colors", "drawings", "masks", "quality", "regions", "segmentation", "snapping", "styles", "timelapse"]
