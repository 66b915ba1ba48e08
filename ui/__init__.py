"""What pages share. Pages say `ui.name`; what each file is for, its first line says.

`painting` and `brushes`, `optimizing`, `networks` and `training` belong to one page each and stand on the others.
"""

from ui.batch import held, many, painter
from ui.charts import loss_chart, pick_curve, show_quality
from ui.components import LayerRow, Thumbnail, compare, drawing, fit_width, gallery, layers, loop
from ui.files import keep, taken, visitor
from ui.frame import head, ways
from ui.jobs import Look, Panel, describe, done
from ui.messages import say, sentences, show_sentences, spoken
from ui.pickers import COLORS, adopt_pictures, offer_download, pick_color, pick_content, pick_model, pick_styles, weight_of
from ui.pictures import (
    CONTENTS,
    FILE_TYPES,
    STYLES,
    THUMBNAIL,
    data_uri,
    identity,
    keep_upload,
    picture,
    styles_of,
    thumbnails,
    title,
    uploads,
)
from ui.results import PREVIEW, STYLE_SIDE, Result, keep_result, made, share, show_history, show_result, stylized
from ui.shared_engine import engine

__all__ = [
    "COLORS",
    "CONTENTS",
    "FILE_TYPES",
    "PREVIEW",
    "STYLES",
    "STYLE_SIDE",
    "THUMBNAIL",
    "LayerRow",
    "Look",
    "Panel",
    "Result",
    "Thumbnail",
    "adopt_pictures",
    "compare",
    "data_uri",
    "describe",
    "done",
    "drawing",
    "engine",
    "fit_width",
    "gallery",
    "head",
    "held",
    "identity",
    "keep",
    "keep_result",
    "keep_upload",
    "layers",
    "loop",
    "loss_chart",
    "made",
    "many",
    "offer_download",
    "painter",
    "pick_color",
    "pick_content",
    "pick_curve",
    "pick_model",
    "pick_styles",
    "picture",
    "say",
    "sentences",
    "share",
    "show_history",
    "show_quality",
    "show_result",
    "show_sentences",
    "spoken",
    "styles_of",
    "stylized",
    "taken",
    "thumbnails",
    "title",
    "uploads",
    "visitor",
    "ways",
    "weight_of",
]
