"""Read on: every idea's paper in a line, and the lines of this code where it lives, read from the files as they are."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from nst_core import explain
from ui.lessons import figures

ROOT = Path(explain.__file__).parents[2]  # of the package, whose files are shown


class Idea(NamedTuple):
    """what it says, in a line. place: file and name, `Class.method` or `function`."""

    title: str
    paper: str
    arxiv: str
    says: str
    file: str
    name: str


IDEAS = (
    Idea(
        "What excites a channel",
        "Erhan et al. 2009",
        "",
        "Go up the gradient of a unit's answer, and see what it looks for.",
        "nst_core/explain/channels.py",
        "excitement",
    ),
    Idea(
        "Rebuilding a picture from a layer",
        "Mahendran & Vedaldi 2015",
        "1412.0035",
        "What a layer keeps is what can be rebuilt from it.",
        "nst_core/explain/rebuilding.py",
        "reconstruction",
    ),
    Idea(
        "Content loss",
        "Gatys, Ecker & Bethge 2015",
        "1508.06576",
        "Two pictures show the same where their deep maps agree.",
        "nst_core/features/losses.py",
        "content_loss",
    ),
    Idea(
        "The Gram matrix",
        "Gatys, Ecker & Bethge 2015",
        "1505.07376",
        "A texture is which channels answer together, wherever they do.",
        "nst_core/features/losses.py",
        "gram_matrix",
    ),
    Idea(
        "Style loss",
        "Gatys, Ecker & Bethge 2015",
        "1508.06576",
        "Two styles are as far apart as their Gram matrices.",
        "nst_core/features/losses.py",
        "style_loss",
    ),
    Idea(
        "Total variation",
        "Mahendran & Vedaldi 2015",
        "1412.0035",
        "Neighbouring pixels of pictures rarely differ much.",
        "nst_core/features/losses.py",
        "total_variation",
    ),
    Idea(
        "The loop",
        "Gatys, Ecker & Bethge 2015",
        "1508.06576",
        "Change the picture, not the network, until the losses are small.",
        "nst_core/optimization/run.py",
        "Optimization",
    ),
    Idea(
        "Adam",
        "Kingma & Ba 2014",
        "1412.6980",
        "Gradient descent with a step length of its own for every pixel, from running means of the gradient.",
        "nst_core/optimization/optimizers.py",
        "Adam._update",
    ),
    Idea(
        "Activation shift",
        "Novak & Nikulin 2016",
        "1605.04603",
        "§3.3: correlate F − 1, so that silence counts.",
        "nst_core/features/losses.py",
        "gram_matrix",
    ),
    Idea(
        "Correlation chain",
        "Novak & Nikulin 2016",
        "1605.04603",
        "§3.5: correlate each layer with the one below.",
        "nst_core/features/losses.py",
        "chain_gram",
    ),
    Idea(
        "Geometric weights",
        "Novak & Nikulin 2016",
        "1605.04603",
        "§3.1: for style, the lower the layer, the more it weighs.",
        "nst_core/features/losses.py",
        "geometric_weights",
    ),
    Idea(
        "Moments",
        "Crowson's style-transfer-pytorch; 2-Wasserstein distance",
        "",
        "Mean and covariance of maps, in place of Gram matrices.",
        "nst_core/features/losses.py",
        "moments_loss",
    ),
    Idea(
        "Guided Gram matrices",
        "Gatys et al. 2017",
        "1611.07865",
        "A mask says where a style is learned, and where it is painted.",
        "nst_core/pictures/regions.py",
        "Regions",
    ),
    Idea(
        "Texture networks",
        "Ulyanov et al. 2016",
        "1603.03417",
        "Train a network once for a style, and paint in one pass.",
        "nst_core/texture_networks/generators.py",
        "plan",
    ),
    Idea(
        "Instance normalisation",
        "Ulyanov, Vedaldi & Lempitsky 2017",
        "1607.08022",
        "Take a picture's own contrast out of every layer.",
        "nst_core/instant/graph.py",
        "_by_vector",
    ),
    Idea(
        "One network, many styles",
        "Dumoulin, Shlens & Kudlur 2016",
        "1610.07629",
        "A style is a scale and a shift for every channel.",
        "nst_core/instant/vectors.py",
        "VectorStylizer.blend",
    ),
    Idea(
        "Any style",
        "Ghiasi et al. 2017",
        "1705.06830",
        "A second network predicts these numbers from a style picture.",
        "nst_core/instant/graph.py",
        "_predict",
    ),
    Idea(
        "Principal axes of styles",
        "Pearson 1901; Ghiasi et al. 2017, §5",
        "1705.06830",
        "Style vectors form a space that one can walk in.",
        "nst_core/explain/styles.py",
        "style_axes",
    ),
)


class Found(NamedTuple):
    line: int
    source: str


def show() -> None:
    figures.heading(
        "Read on",
        "Each idea of this page: its paper in a line, and the lines of this program where it lives. All of it runs from Python "
        "too: `from nst_core import explain`; the notebook `notebooks/explain.ipynb` shows how.",
    )
    for idea in IDEAS:
        found = find(idea.file, idea.name)
        link = f"[{idea.paper}](https://arxiv.org/abs/{idea.arxiv})" if idea.arxiv else idea.paper
        st.markdown(f"**{idea.title}** · {link}  \n{idea.says}")
        with st.expander(f"`{idea.file}`, line {found.line}: `{idea.name}`", icon=":material/code:"):
            st.code(found.source, language="python")


@cache
def find(file: str, name: str) -> Found:
    """Where a function or class stands in a file of this repository, and its source.

    Raises: LookupError when it is not there.
    """
    text = (ROOT / file).read_text()
    nodes: list[ast.stmt] = ast.parse(text).body
    for part in name.split("."):
        node = next(
            (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and n.name == part), None
        )
        if node is None:
            raise LookupError(f"{file} has no {name}")
        nodes = node.body
    assert node is not None and node.end_lineno
    lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
    return Found(node.lineno, "\n".join(lines[:60]))
