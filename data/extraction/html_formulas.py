"""Formulas of a page as text: the TeX that stands in it, where a browser shows a picture or MathML.

Makers of pages leave TeX in one of these places: an annotation of the MathML, its `alttext`, a script of type math/tex, the
description of a picture. MathML without any is written out, so that exponents, indices and fractions keep their meaning.
"""

import re

from resiliparse.parse.html import ElementNode, HTMLTree

FORMULA_IMAGE = re.compile(
    rb"<img\b(?=[^<>]*\bclass=[\"'](?:[^\"'<>]*[\s-])?(?:tex|latex|math|formula|equation)\b)[^<>]*?\balt=(?:\"([^\"]*+)\"|'([^']*+)')",
    re.IGNORECASE,
)
# Everything in these shows one formula, some of it to those who cannot see the rest.
AROUND = ".mwe-math-element, .katex, mjx-container"
TEX = 'annotation[encoding="application/x-tex"], annotation[encoding="TeX"], annotation[encoding="LaTeX"]'
SCRIPTS = 'script[type^="math/tex"]'
SHOWN_OF_SCRIPTS = (
    ".MathJax_Preview, .MathJax_Display, .MathJax_SVG_Display, .MathJax, .MathJax_SVG, .MathJax_CHTML, .mjx-chtml"
)
STYLE = re.compile(r"\{\s*\\(?:displaystyle|textstyle)\s+?(.*)\}", re.DOTALL)
LONGEST_IMAGE = 4000  # bytes of a tag with a formula
INVISIBLE = re.compile("[\u2061-\u2064\u200b]")
MAX_DEPTH = 50  # What is nested deeper is written as it stands.


def formula_of_image(image: bytes) -> bytes:
    """The formula that a picture shows, as text of HTML; empty for another picture."""
    found = FORMULA_IMAGE.match(image) if len(image) <= LONGEST_IMAGE else None
    if found is None:
        return b""
    tex = (found[1] or found[2] or b"").decode(errors="replace")
    return _plain(tex).replace("<", "&lt;").encode()


def write_formulas(tree: HTMLTree, html: bytes) -> None:
    """Put the text of each formula of `tree`, that of the page `html`, in its place."""
    document = tree.document
    if document is None or b"math" not in html:
        return
    if b"math/tex" in html:
        for shown in document.query_selector_all(SHOWN_OF_SCRIPTS).values():
            shown.remove()
        for script in document.query_selector_all(SCRIPTS).values():
            script.replace_with(document.create_text_node(_plain(script.text or "")))
    if b"<math" in html:
        for math in document.query_selector_all("math").values():
            place = math.closest(AROUND) or math
            if place.parent is not None:  # a formula before this one may have had the same place
                place.replace_with(document.create_text_node(_tex(math)))


def _tex(math: ElementNode) -> str:
    annotation = math.query_selector(TEX)
    found = annotation.text if annotation is not None else math.getattr("alttext")
    return _plain(found) if found and found.strip() else _written(math, 0).strip()


def _plain(tex: str) -> str:
    tex = " ".join(tex.split())
    style = STYLE.fullmatch(tex)
    return style[1].strip() if style else tex


def _written(element: ElementNode, depth: int) -> str:
    """MathML as text, much as TeX has it."""
    children = [child for child in element.children.values() if not (child.tag or "").startswith("annotation")]
    if not children or depth > MAX_DEPTH:
        return INVISIBLE.sub("", " ".join((element.text or "").split()))
    parts = [_written(child, depth + 1) for child in children]
    match element.tag, len(parts):
        case ("msup" | "mover", 2):
            return f"{parts[0]}^{_grouped(parts[1])}"
        case ("msub" | "munder", 2):
            return f"{parts[0]}_{_grouped(parts[1])}"
        case ("msubsup" | "munderover", 3):
            return f"{parts[0]}_{_grouped(parts[1])}^{_grouped(parts[2])}"
        case ("mfrac", 2):
            return f"{_bracketed(parts[0])}/{_bracketed(parts[1])}"
        case ("mroot", 2):
            return f"{_bracketed(parts[0])}^(1/{parts[1]})"
        case ("msqrt", _):
            return f"√({''.join(parts)})"
        case ("mtr" | "mtd" | "mtable", _):
            return " ".join(parts)
    return "".join(parts)


def _grouped(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _bracketed(text: str) -> str:
    return text if text.isalnum() else f"({text})"
