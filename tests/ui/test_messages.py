"""Sentences: what a stranger wrote is shown as it is, whatever Markdown and Streamlit would read in it."""

import ast
import html
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ui import messages

ROOT = Path(__file__).parents[2]
JOINER = "\u2060"
NAMES = [
    "![x](http://evil.example/x.png) [Log in](http://evil.example/)",
    "<img src=x onerror=alert(1)> & <https://evil.example>",
    "my_best_photo *final*.png",
    "$5 and $10.png, $$x^2$$",
    ":smile: :material/face: :streamlit: :red[paint] :material_face:",
    "`code` ~~gone~~ | table | # title",
    "1. first\n2. second\n\n    indented\n- item\n> quote\n===",
    "a -> b <- c -- d <= e",
    "www.evil.example me@evil.example ftp://evil.example",
    "back\\slash \\*",
    "Zürich – Straße 7 (2).jpeg",
]


@pytest.mark.parametrize("name", NAMES)
def test_markdown_shows_a_name_as_it_is(name):
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(messages.plain(name))
    text = re.fullmatch(r"<p>(.*)</p>\n", shown, re.DOTALL)[1]
    assert "<" not in text
    assert html.unescape(text).replace(JOINER, "") == " ".join(name.split())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_for_what_streamlit_looks_for_after_markdown(name):
    """By the expressions in its frontend: addresses, e-mail addresses, emoji, icons, arrows."""
    source = messages.plain(name)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", source)
    for later in (
        r"https?://[-.\w]+",
        r"www\.[-.\w]+",
        r"[-.\w+]+@[-\w]+\.[-\w]+",
        r":material_\w+:|:streamlit:",
        r"(?:^|\s)(?:<->|->|<-|--|>=|<=|~=)(?:\s|$)",
    ):
        assert not re.search(later, text), later
    for first in (r":(?!material/|streamlit:)[\w+-][\w_+-]*:", r":material/", r"(?<!\\)\$"):  # in the source
        assert not re.search(first, source), first


def test_ordinary_sentences_have_no_joiner():
    assert JOINER not in messages.plain("IMG_2041 (1).jpeg is 12×9 pixels; at least 32×32 are needed: choose another – or not.")


def test_no_page_shows_an_error_as_markdown():
    for file in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        if file == ROOT / "ui" / "messages.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("st.error", "st.warning", "st.info", "stage.error"):
                assert isinstance(node.args[0], ast.Constant), f"{file.name}: {ast.unparse(node)}"
