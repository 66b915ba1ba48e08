"""Compute what the networks see: functions to call in a lecture or to show on a page. Each has a figure on the Explain page.

    feature_maps activations, Gram matrices, the patches that excite a channel             NumPy, ONNX Runtime
    channels     the picture that excites a channel most                                  TensorFlow
    rebuilding   reconstructions, textures, content against style, four improvements      TensorFlow, by `optimize`
    styles       a style as 100 numbers: principal axes, a map, blends                    NumPy, ONNX Runtime

All of them use the embedded `vgg19-lite` and `instant-lite`, so that nothing needs a download. Functions import heavy libraries
when they need them, so that pages can import this package.
"""

from nst_core.explain.channels import columns, excite, exciting
from nst_core.explain.feature_maps import (
    EYES,
    Place,
    Seen,
    activations,
    best_patches,
    chain,
    chains,
    channels_of,
    gram,
    gram_distance,
    grams,
    patch,
    receptive_field,
    seen,
    strongest,
)
from nst_core.explain.rebuilding import (
    IMPROVEMENTS,
    WEIGHTS,
    Pulls,
    blank,
    improved,
    noise,
    pulls,
    reconstruct,
    reconstruction,
    series,
    split,
    struggle,
    texture,
    texturing,
)
from nst_core.explain.styles import (
    Axes,
    between,
    faded,
    normalisation,
    paint,
    paint_all,
    shares_at,
    style_axes,
    style_map,
    style_vector,
    style_vectors,
)

__all__ = [
    "EYES",
    "IMPROVEMENTS",
    "WEIGHTS",
    "Axes",
    "Place",
    "Pulls",
    "Seen",
    "activations",
    "best_patches",
    "between",
    "blank",
    "chain",
    "chains",
    "channels_of",
    "columns",
    "excite",
    "exciting",
    "faded",
    "gram",
    "gram_distance",
    "grams",
    "improved",
    "noise",
    "normalisation",
    "paint",
    "paint_all",
    "patch",
    "pulls",
    "receptive_field",
    "reconstruct",
    "reconstruction",
    "seen",
    "series",
    "shares_at",
    "split",
    "strongest",
    "struggle",
    "style_axes",
    "style_map",
    "style_vector",
    "style_vectors",
    "texture",
    "texturing",
]
