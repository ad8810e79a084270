"""Wikitext: what stays readable, what goes, and work that grows no faster than the page."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.extraction.wikitext import MAX_DEPTH, plain, wikitext_to_text
from data.extraction.wikitext_variants import with_first_variants


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Bold''' and ''italic'' and '''''both''''' and '90s", "Bold and italic and both and '90s"),
        ("A [[link]], a [[target|label]], two [[bus]]es, [[a#b|]].", "A link, a label, two buses, a#b."),
        ("[[:Category:Shown]] [[wikt:word]]", "Category:Shown wikt:word"),
        ("A[[Category:Gone]][[File:x.png|thumb|A [[caption]] with {{t|[[x]]}}.]] b", "A b"),
        ("An article\n[[de:Ein Artikel]]", "An article"),
        ("[https://example.org/a?b=c a label] [https://example.org/] [//x.org y]", "a label y"),
        (
            "Text.<ref>A [[note]]</ref> More<ref name=a/> of it<!-- not this -->.<REF group=b>x</REF>",
            "Text. More of it.",
        ),
        (
            "It has {{convert|5|km|mi|abbr=on}} of {{lang|fr|la ''côte''}}{{citation needed|date=May}}.",
            "It has 5 km of la côte.",
        ),
        ("{{{{a}} b", "{{ b"),
        ("{{{a}} b", "{ b"),
        ("{{{{{a}}}}} b", "b"),
        ("{{a}}}} b", "}} b"),
        ("{{Infobox|a={{b|[[c]]}}|d={{{e|f}}}}}Text {{{1|}}}here", "Text here"),
        ("Berlin ({{IPA|x}}; {{audio|y}}) is , say .", "Berlin is, say."),
        ("Before\n{| class=a\n|-\n! x || y\n| {{z}} [[q]]\n{|\n| in\n|}\n|}\nAfter", "Before\n\nAfter"),
        ("Let <math>x_{1} = [[1]]</math> and <code>{{a}} '' b</code>.", "Let x_{1} = [[1]] and {{a}} '' b."),
        ("<nowiki>[[a]] &lt; ''b''</nowiki>", "[[a]] < ''b''"),
        ("a&nbsp;b &amp; c &#8212; d &#x2014; &bogus; &#99999999999;", "a b & c — d — &bogus; &#99999999999;"),
        ("H<sub>2</sub>O<br/>x <b>y</b> 1 < 2 <unknown>", "H2O\nx y 1 < 2 <unknown>"),
        ("* one\n** two\n# three\n: indented\n; term\n*", "- one\n  - two\n- three\nindented\nterm"),
        ("Lead.\n== History ==\nText.\n=== Empty ===\n==References==\n{{reflist}}\n", "Lead.\n\nHistory\n\nText."),
        ("== A ==\n=== Empty ===\n\n== B ==\nb\n=== C ===\nc", "B\n\nb\n\nC\n\nc"),
        ("__NOTOC__A __init__\n----\nb", "A __init__\n\nb"),
        ("#REDIRECT [[x]]", "- REDIRECT x"),
        ("Before.\n----Some text behind a rule.\nMore.", "Before.\n\nSome text behind a rule.\nMore."),
        ("<tt>__FILE__</tt> and __DATE__ __NOINDEX__end", "__FILE__ and __DATE__ end"),
        ("&#42; denotes a winner\n&#35;1 in the charts", "* denotes a winner\n#1 in the charts"),
        ("&#61;= a == &amp;#42; (&nbsp;{{x}}) b &#32; c", "== a == &#42; b c"),
        ("Die [[re:publica]] ist. See [[doi:10.1/18]].", "Die re:publica ist. See doi:10.1/18."),
        ("a\n[[de:A]] [[zh-min-nan:B]]<!-- c --> \n[[fr:C]]\nb\n[[Category:X]][[de:A]]", "a\n\nb"),
        ("a [[de:A]]\n" * 121, "a\n" * 120 + "a"),
        ("Visit [[France|{{flagicon|FRA}}]] now [[Paris|<ref>x</ref>]].", "Visit France now Paris."),
        ("Foo (<!-- pron -->) is, bar (<!-- x -->; born 1950) was", "Foo is, bar (born 1950) was"),
        ("__INHALTSVERZEICHNIS__ \na", "a"),
        (
            "<u,v>, <p|q>, <s.th@example.org>, vector<var_t>, <small-caps>",
            "<u,v>, <p|q>, <s.th@example.org>, vector<var_t>, <small-caps>",
        ),
        ("<x, ''[[y|z]]''> <br/>a<br />b", "<x, z>\na\nb"),
        ("<code><nowiki>[[x]]</nowiki></code> <pre><NOWIKI>''</NOWIKI></pre>", "[[x]] ''"),
        ("[irc://example.org/a chat] [HTTP://example.org] [see] b", "chat [see] b"),
        ("Call foo () (: smile ({{x}}: y) (<ref>z</ref>)", "Call foo () (: smile (y)"),
    ],
)
def test_what_is_readable_stays(wikitext: str, text: str) -> None:
    assert wikitext_to_text(wikitext) == text


@pytest.mark.parametrize(
    "unclosed",
    ["a {{b|c", "a [[b|c", "a [https://b c", "a {| b", "a }} b ]] c |} d", "a {{b [[c}} d", "a {b} c", "a ] | b"],
)
def test_what_is_never_closed_is_text(unclosed: str) -> None:
    assert wikitext_to_text(unclosed) == unclosed


def test_an_unclosed_tag_or_comment_ends_with_the_page() -> None:
    assert wikitext_to_text("a <ref>b") == "a b"
    assert wikitext_to_text("a <!-- b") == "a"


@pytest.mark.parametrize("tag", ["nowiki", "pre", "syntaxhighlight", "source", "math", "chem", "ce"])
def test_a_comment_within_a_raw_tag_is_text_and_a_raw_tag_within_a_comment_none(tag: str) -> None:
    assert wikitext_to_text(f"With <{tag} a=b><!--</{tag}> it\n\nbegins<!-- x -->.") == "With <!-- it\n\nbegins."
    assert wikitext_to_text(f"a <!-- <{tag}> --> b <!-- </{tag}> --> c") == "a b c"
    assert wikitext_to_text(f"a <{tag}> <!-- x --> b <{tag}/> <!-- y --> c") == "a b c"


def test_a_comment_within_a_note_goes_with_it_and_one_within_code_goes() -> None:
    assert wikitext_to_text("a<ref><!-- b</ref> <code>c<!-- d --></code> e") == "a c e"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("frac|3|1|2", "3 1/2"),
        ("frac|1|2", "1/2"),
        ("frac|2", "1/2"),
        ("frac|3||2", ""),
        ("frac|{{x}}|2", ""),
        ("convert|5|km|mi|1", "5 km"),
        ("convert|5|-|10|km|mi", "5-10 km"),
        ("cvt|5|–|10|km", "5–10 km"),
        ("convert|6|ft|2|in|m", "6 ft 2 in"),
        ("convert|3|x|4|by|5|m", "3 x 4 by 5 m"),
        ("convert|3|to|4|m|abbr=on|0", "3 to 4 m"),
        ("convert|3|and|4|or|5|m", "3 and 4 or 5 m"),
        ("convert|-3|+/-|.4|C", "-3 ± .4 C"),
        ("convert|5|and(-)|10|km", ""),
        ("convert|3|x|4", ""),
        ("transliteration|zh|pinyin|Běijīng", "Běijīng"),
        ("transliteration|ja|Tōkyō", "Tōkyō"),
        ("val|299792458|u=m/s|fmt=commas", "299792458 m/s"),
        ("val|5|ul=m", "5 m"),
        ("val|1.5|0.2|e=6|u=kg", "1.5±0.2×10^6 kg"),
        ("val|1.2345|(24)", "1.2345(24)"),
        ("val|1.5|0.2|0.3", ""),
        ("val|5|end=!", ""),
        ("circa|1500|1550", "c. 1500 – 1550"),
        ("circa|1500|lk=no", "c. 1500"),
        ("c.", "c."),
        ("blockquote|text=Four score|author=x", "Four score"),
        ("quote|text=To be", "To be"),
        ("quote|To be|x", "To be"),
        ("lang-fr|côte", "côte"),
    ],
)
def test_templates_that_dress_up_their_arguments(template: str, text: str) -> None:
    assert wikitext_to_text("{{" + template + "}}") == text


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("formatnum:-3", "-3"),
        ("FORMATNUM: 12345.6 |R", "12345.6"),
        ("zahlenformat:18", "18"),
        ("форматировать_число:12345", "12345"),
        ("lc:ABC", "abc"),
        ("uc:abc", "ABC"),
        ("ucfirst:abc", "Abc"),
        ("lcfirst:ABC", "aBC"),
        ("lc:{{uc:x}}Y", "xy"),
        ("urlencode:a b/ä", "a+b%2F%C3%A4"),
        ("urlencode:a b|PATH", "a%20b"),
        ("padleft:7|3", "007"),
        ("padleft:x|5|ab", "ababx"),
        ("padright:7|3|.", "7.."),
        ("padleft:7|99999999", "0" * 499 + "7"),
        ("padleft:7|x", "7"),
        ("#if: x |good|bad", "good"),
        ("#if: |good|bad", "bad"),
        ("#if:|good", ""),
        ("#ifeq:01|1|same|other", "same"),
        ("#ifeq:a|b|same|other", "other"),
        ("#switch:b|a=1|b|c=2|3", "2"),
        ("#switch:z|a=1|#default=4|b=2", "4"),
        ("#switch:z|a=1|3", "3"),
        ("#if:{{unknown}}|good|bad", ""),
        ("#expr:1+1", ""),
        ("#invoke:x|y", ""),
        ("plural:2|a|b", ""),
    ],
)
def test_functions_whose_value_stands_in_the_page(function: str, value: str) -> None:
    assert wikitext_to_text("It is {{" + function + "}}.") == f"It is {value}.".replace(" .", ".")


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("near {{ill|Hans Muster|de}} on {{USS|Example|BB-1}} it", "near Hans Muster on USS Example it"),
        ("weighs {{gaps|1|234|567}} g, cost {{USD|5 million}} a", "weighs 1234567 g, cost US$5 million a"),
        ("a {{visible anchor|term}} {{as of|2010|lc=y}}, {{nts|1234}}", "a term as of 2010, 1234"),
        ("{{fraction|1|2}} and {{sfrac|3|4}}, H{{sub|2}}O, 10{{sup|6}}", "1/2 and 3/4, H2O, 10^6"),
        ("of {{chem2|H2O}} and {{chem|C|O|2}} {{height|ft=5|in=6}}.", "of H2O and CO2 5 ft 6 in."),
        (
            "Au {{s-|XIX|e}}, la ville comptait {{unité|5000|habitants}}.",
            "Au XIXe siècle, la ville comptait 5000 habitants.",
        ),
        ("It has {{unknown|twelve wheels|x=y}}, they say", "It has twelve wheels, they say"),
        ("called {{unknown|de|Mühle}} there", "called Mühle there"),
        ("{{unknown|Tokyo|東京}} is a city", "Tokyo is a city"),
        ("{{Infobox|Tokyo}}\n{{unknown|Kyoto}}\nText {{x|a.ogg}} here", "Text here"),
        ("Text.{{sfn|Smith|2010}} He{{cn|x}} was {{citation needed|y}} there {{r|name}}.", "Text. He was there."),
    ],
)
def test_names_and_amounts_in_sentences(wikitext: str, text: str) -> None:
    assert wikitext_to_text(wikitext) == text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("10<sup>9</sup>, 2<sup>10</sup>=1024", "10^9, 2^10=1024"),
        ("10<sup>&minus;3</sup> m and 5 m s<sup>-1</sup>", "10^−3 m and 5 m s^-1"),
        ("2<sup>n</sup>, 2<sup>n+1</sup>, <b>10</b><sup>''k''</sup>", "2^n, 2^n+1, 10^k"),
        ("1<sup>1</sup>/<sub>2</sub> cups, <sup>1</sup>/<sub>2</sub>", "1 1/2 cups, 1/2"),
        ("log<sub>2</sub>8, 101<sub>2</sub>", "log_2 8, 101_2"),
        ("5 km<sup>2</sup>, the 4<sup>th</sup>, 2<sup>e</sup>, H<sub>2</sub>O", "5 km2, the 4th, 2e, H2O"),
        ("Na<sup>+</sup>, <sup>14</sup>C, 95<sup>TM</sup>, a<sup></sup>b", "Na+, 14C, 95TM, ab"),
        ("10<sup>9 and on", "109 and on"),
    ],
)
def test_exponents_and_indices_keep_apart_from_numbers(wikitext: str, text: str) -> None:
    assert wikitext_to_text(wikitext) == text


def test_what_is_left_out_is_counted_by_kind() -> None:
    page = "A{{Infobox|abc}} is {{x|a=b}} it<ref>note</ref><!--c-->[[File:x.png|thumb]]<gallery>g</gallery>"
    assert plain(page).left_out == {
        "templates": 13,
        "templates in sentences": 7,
        "notes and marks": 4,
        "comments": 8,
        "files and categories": 16,
    }
    assert plain("a\n{|\n|cell\n|}\nb").left_out == {"tables": 9}
    assert not plain("''All'' of [[it|that]], {{nowrap|5 m}}").left_out


def test_namespaces_go_by_the_names_that_the_wiki_has() -> None:
    page = "a[[Datei:x.png|b]][[Kategorie:y]][[Category:z]]"
    assert wikitext_to_text(page, frozenset({"datei", "kategorie", "category"})) == "a"
    assert wikitext_to_text(page) == "abKategorie:y"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("-{zh-cn:软件;zh-tw:軟體}-", "软件"),
        ("-{ zh-hans : a&amp;b; c ; zh-hant:d; }-", "a&b; c"),
        ("-{计算机=>zh-cn:电脑;zh-tw:電腦}-", "电脑"),
        ("-{A|zh-cn:博客;zh-tw:部落格}-", "博客"),
        ("-{H|zh-cn:博客;zh-tw:部落格}-", ""),
        ("-{zh;zh-hans|字}-", "字"),
        ("-{Linux}-", "Linux"),
        ("-{zh-hans:-{zh-cn:x;zh-tw:y}-;zh-hant:z}-", "x"),
        ("-{Stadt: Wien}-", "Stadt: Wien"),
        ("-{x|y z|}-", "x|y z|"),
        ("<math>e^{-{x}-y}</math>", "e^{-{x}-y}"),
        ("[[软件|-{zh-cn:软件;zh-tw:軟體}-]]", "软件"),
        ("-{", "-{"),
    ],
)
def test_of_variants_of_a_language_the_first_is_taken(markup: str, text: str) -> None:
    assert wikitext_to_text(f"一{markup}二", language="zh") == f"一{text}二"


def test_elsewhere_what_looks_like_variants_is_text() -> None:
    assert wikitext_to_text("A-{x}-B", language="en") == "A-{x}-B" == wikitext_to_text("A-{x}-B")


def test_variants_are_found_in_time_that_grows_with_the_page() -> None:
    for part in ("-{", "; ", "a;", "zh-", "=>", "zh-cn:a;", " ="):
        assert with_first_variants("-{" + part * 200_000)
        assert with_first_variants("-{" + part * 200_000 + "}-")


HOSTILE = [
    "{{",
    "}}",
    "[[",
    "]]",
    "{|",
    "\n{|",
    "\n|}",
    "|",
    "''",
    "<ref>",
    "<ref",
    "<!--",
    "[http://a ",
    "]",
    "= ",
    "\n=a",
    "( ;",
]
HOSTILE += ["{{a|", "[[a|]]", "<math>", "&#9", " ", "*", "{{{{a}}", "a", "<a", "</ref ", "__A", "{", "\0", "\1"]
HOSTILE += [
    "\n[[de:",
    "[[de:a]] ",
    "\n[[de-",
    "{{convert|",
    "({{a}} ",
    "</nowiki",
    "<!-- <pre>",
    "<nowiki>",
    "<u,v>",
    "-",
    "<sup>",
    "</sup>",
    "1<sup>2",
    "{{#switch:a|",
    "{{#if:",
    "{{padleft:1|500}}",
    "a {{x|b}} ",
]


@pytest.mark.parametrize("token", HOSTILE)
def test_work_grows_with_the_size_of_the_page(token: str) -> None:
    begin = time.perf_counter()
    for page in (token * (300_000 // len(token)), f"{token.strip()}x{'a ' * 150_000}"):
        try:
            wikitext_to_text(page)
        except ValueError as problem:
            assert "nested more than" in str(problem)
    assert time.perf_counter() - begin < 10  # it takes less than one; work with the square of the size takes minutes


def test_nesting_is_bounded() -> None:
    depth = MAX_DEPTH - 1
    assert wikitext_to_text("{{a|" * depth + "x" * 100_000 + "}}" * depth + "y") == "y"
    with pytest.raises(ValueError, match="nested more than"):
        wikitext_to_text("{{a|" * 100_000)


TOKENS = [
    "{{",
    "}}",
    "[[",
    "]]",
    "{|",
    "|}",
    "\n",
    "|",
    "a",
    " ",
    "<ref>",
    "</ref>",
    "''",
    "=",
    "[http://x ",
    "]",
    "<!--",
]
TOKENS += ["-{", "}-", "zh:", ";"]
TOKENS += [
    "-->",
    "*",
    "<math>",
    "</math>",
    "&lt;",
    "{{{",
    "}}}",
    "lang|",
    "File:",
    "\0",
    "\1",
    "<br>",
    "({{x}})",
    "<sup>",
    "</sup>",
    "{{lc:",
    "{{#if:",
    " {{x|",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=60))
def test_any_markup_gives_text(tokens: list[str]) -> None:
    text = wikitext_to_text("".join(tokens), language="zh")
    assert not set("\0\1\2\3\4") & set(text) and text == text.strip() and "\n\n\n" not in text
