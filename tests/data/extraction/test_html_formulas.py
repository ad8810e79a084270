"""Formulas: the TeX that a page has stands in its text, once."""

import pytest

from data.extraction.html import Extractor, html_to_text

SENTENCE = "The mill at the river grinds rye and wheat for the village, and its wheel has turned since the old bridge was built. "
ANNOTATED = (
    '<math alttext="no"><semantics><mrow><mi>a</mi></mrow>'
    '<annotation encoding="application/x-tex">{}</annotation></semantics></math>'
)
FORMULAS = {
    "MediaWiki": (
        '<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;">'
        + ANNOTATED.format(r"{\displaystyle a^{2}}")
        + '</span><img class="mwe-math-fallback-image-inline" alt="{\\displaystyle a^{2}}"></span>',
        "a^{2}",
    ),
    "KaTeX": (
        '<span class="katex"><span class="katex-mathml">' + ANNOTATED.format(r"\pi r^2") + "</span>"
        '<span class="katex-html" aria-hidden="true"><span>πr</span><span>2</span></span></span>',
        r"\pi r^2",
    ),
    "MathJax 2": (r'<script type="math/tex">a\sqrt{2}</script>', r"a\sqrt{2}"),
    "MathJax 2, shown": (
        '<span class="MathJax_Preview">[a]</span><span class="MathJax" id="e1"><nobr>aa</nobr></span>'
        '<script type="math/tex; mode=display">a < b</script>',
        "a < b",
    ),
    "MathJax 3": (
        '<mjx-container class="MathJax"><mjx-math><mjx-mi>?</mjx-mi></mjx-math><mjx-assistive-mml><math><msup><mi>x</mi>'
        "<mn>2</mn></msup></math></mjx-assistive-mml></mjx-container>",
        "x^2",
    ),
    "alttext": (r'<math alttext="\alpha_{1}"><msub><mi>α</mi><mn>1</mn></msub></math>', r"\alpha_{1}"),
    "picture": ('<img class="tex" src="x.png" alt="x^2 &lt; 3">', "x^2 < 3"),
    "picture of a blog": ("<img src='x.png' class='wp latex' alt='\\beta'>", r"\beta"),
    "MathML": (
        "<math><mn>1.5</mn><mo>×</mo><msup><mn>10</mn><mrow><mo>-</mo><mn>4</mn></mrow></msup></math>",
        "1.5×10^{-4}",
    ),
    "fractions": ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", "a/(b+1)"),
    "roots and sums": (
        "<math><msqrt><mn>2</mn></msqrt><mo>+</mo><munderover><mo>∑</mo><mn>1</mn><mi>n</mi></munderover>"
        "<msub><mi>x</mi><mn>1</mn></msub></math>",
        "√(2)+∑_1^nx_1",
    ),
    "plain text": (r"\(c^2\)", r"\(c^2\)"),
}


@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
@pytest.mark.parametrize(("html", "text"), FORMULAS.values(), ids=FORMULAS)
def test_a_formula_is_in_the_text_once(html: str, text: str, extractor: Extractor) -> None:
    page = (
        f"<html><body><article><p>{SENTENCE}</p><p>The area {html} is all.</p><p>{SENTENCE}</p></article></body></html>"
    )
    assert f"The area {text} is all." in html_to_text(page, extractor=extractor)
    assert f"The area {text} is all." in html_to_text(page, main_content=False)


def test_other_pictures_and_deep_formulas() -> None:
    assert "a dog" not in html_to_text(f'<p>{SENTENCE}<img class="photo" alt="a dog"></p>')
    deep = "<math>" + "<mrow>" * 200 + "x" + "</mrow>" * 200 + "</math>"
    assert html_to_text(f"<p>{SENTENCE}</p><p>{deep}</p>").endswith("x")
