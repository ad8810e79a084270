"""HTML to text: the main content of a page, without navigation, headers, footers and notices (resiliparse)."""

# Finding the main content takes time in proportion to elements times depth. With few elements that is under a second
# whatever the depth; with more, the depth must be one that a page for people has (browsers cut at 512, too).
FEW_ELEMENTS = 5000
MAX_DEPTH = 512


def html_to_text(page: bytes) -> str:
    """The main content of `page`, paragraphs on lines of their own.

    Bytes that are not UTF-8 are decoded with the encoding that the page declares or, failing that, the one detected.
    Raises ValueError for elements that are nested too deeply.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    try:
        html = page.decode("utf-8-sig")
    except UnicodeDecodeError:
        html = bytes_to_str(page, detect_encoding(page, html5_compatible=True, from_html_meta=True) or "utf-8")
    tree = HTMLTree.parse(html)
    if html.count("<") > FEW_ELEMENTS and (depth := _depth(tree)) > MAX_DEPTH:
        raise ValueError(f"elements are nested {depth} deep, more than {MAX_DEPTH}")
    return extract_plain_text(tree, main_content=True, alt_texts=False, links=False, form_fields=False, noscript=False)


def _depth(tree: object) -> int:
    from resiliparse.parse.html import traverse_dom

    deepest = 0

    def enter(context: object) -> None:
        nonlocal deepest
        deepest = max(deepest, context.depth)  # type: ignore[attr-defined]

    if tree.body is not None:  # type: ignore[attr-defined]
        traverse_dom(tree.body, enter, lambda context: None, elements_only=True)  # type: ignore[attr-defined]
    return deepest
