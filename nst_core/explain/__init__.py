"""What the networks see, as functions that a lecturer can call and a page can show. Every one has a figure on the Explain page.

    looking      activations, Gram matrices, the patches that excite a channel          NumPy, ONNX Runtime
    channels     the picture that excites a channel most                               TensorFlow
    rebuilding   reconstructions, textures, the tug of war, the four improvements      TensorFlow, by `optimize`
    styles       a style as 100 numbers: principal axes, a map, blends                 NumPy, ONNX Runtime

All look through `vgg19-lite` and `instant-lite`, which are embedded: everything runs without a download. Heavy libraries are
imported by the functions that need them, so that pages can import this package for its names.
"""

from nst_core.explain.channels import columns, excite, exciting
from nst_core.explain.looking import (
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
