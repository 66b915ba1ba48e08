"""Render the style pictures: `python assets/make_styles.py [name ...]` writes assets/styles/<name>.jpg.

Every picture is drawn from nothing by our own code and a seed that is its name, so each run gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import crafted
import painted
import printed
import woven
from darkroom import Drawing, render

STYLES: dict[str, Drawing] = {
    "starlit-oils": painted.starlit_oils,
    "woodcut-waves": printed.woodcut_waves,
    "pointillist-harbour": painted.pointillist_harbour,
    "gilded-garden": crafted.gilded_garden,
    "ink-bamboo": painted.ink_bamboo,
    "rose-window": crafted.rose_window,
    "marbled-paper": printed.marbled_paper,
    "roman-mosaic": crafted.roman_mosaic,
    "watercolour-blooms": painted.watercolour_blooms,
    "halftone-citrus": printed.halftone_citrus,
    "birch-wood": painted.birch_wood,
    "azulejo-tiles": crafted.azulejo_tiles,
    "molten-embers": printed.molten_embers,
    "cubist-guitar": painted.cubist_guitar,
    "engraved-nautilus": printed.engraved_nautilus,
    "kilim-weave": woven.kilim_weave,
    "pastel-poppies": painted.pastel_poppies,
    "contour-atlas": printed.contour_atlas,
    "embroidered-garden": woven.embroidered_garden,
    "mended-glazes": crafted.mended_glazes,
}


if __name__ == "__main__":
    render(STYLES, sys.argv[1:], Path(__file__).parent / "styles")
