import os
import pickle
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.clean.block_lists import MAX_FILE_BYTES, BlockLists, files
from data.clean.config import BlockListConfig


def lists(folder: Path, max_words: int = 0, **contents: str) -> BlockLists:
    """The lists with these contents, each in a file of its own."""
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    config = BlockListConfig(**{name: (f"{name}.txt",) for name in contents}, max_words=max_words)
    return BlockLists.load(config, files(config, folder))


def rule(found: object) -> str | None:
    return getattr(found, "rule", None)


DOMAINS = """# a comment
example.com
Ads.Example.ORG   # in capitals
0.0.0.0 tracker.net
127.0.0.1 one.net two.net
::1 six.net
*.wild.net
.dotted.net
münchen.de
xn--bcher-kva.example
1.2.3.4
"""


@pytest.mark.parametrize(
    ("uri", "listed"),
    [
        ("http://example.com", "example.com"),
        ("https://www.example.com/a?b#c", "example.com"),
        ("https://user:pass@deep.sub.EXAMPLE.com.:8443/x", "example.com"),
        ("http://%65xample.com/", "example.com"),
        ("http://example.com\\@good.org/", "example.com"),
        ("ftp://ads.example.org", "ads.example.org"),
        *((f"http://x.{name}.net/", f"{name}.net") for name in ("tracker", "one", "two", "six", "wild", "dotted")),
        ("https://MÜNCHEN.de/stadt", "xn--mnchen-3ya.de"),
        ("https://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("http://1.2.3.4:80/", "1.2.3.4"),
        ("http://notexample.com", None),
        ("http://example.com.evil.org", None),
        ("http://example.org/example.com", None),
        ("http://good.org/?next=http://example.com", None),
        ("http://example.com@good.org/", None),
        ("../pages/example.com/a.html", None),
        ("example.com", None),
        ("data/x.jsonl#12", None),
        ("http://[bad", None),
        ("http://", None),
        ("", None),
    ],
)
def test_domains(tmp_path: Path, uri: str, listed: str | None) -> None:
    found = lists(tmp_path, domains=DOMAINS).check_uri(uri)
    assert found == (("blocked_domain", listed) if listed else None)


URLS = """https://www.example.com/users/joe/
forum.org/thread.php?id=5
whole.site.net
http://example.com/~ann
"""


@pytest.mark.parametrize(
    ("uri", "listed"),
    [
        ("http://example.com/users/joe", "example.com/users/joe"),
        ("https://WWW.example.com:443/users/joe/photos?p=1", "example.com/users/joe"),
        ("http://example.com/users/joe?x", "example.com/users/joe"),
        ("http://example.com/users/joe#top", "example.com/users/joe"),
        ("http://example.com/%7Eann/", "example.com/~ann"),
        ("https://forum.org/thread.php?id=5&page=2", "forum.org/thread.php?id=5"),
        ("https://whole.site.net/any/where", "whole.site.net"),
        ("http://example.com/users/joey", None),
        ("http://example.com/users", None),
        ("http://example.com/Users/Joe", None),
        ("http://sub.example.com/users/joe", None),
        ("https://forum.org/thread.php?id=55", None),
        ("https://other.site.net/", None),
    ],
)
def test_urls(tmp_path: Path, uri: str, listed: str | None) -> None:
    found = lists(tmp_path, urls=URLS).check_uri(uri)
    assert found == (("blocked_url", listed) if listed else None)


WORDS = """# words
grob
Sehr Böse
one-two
a$$
c#
ha ha
:-(
禁止
ไม่ดี
बुर
☠
बहुत बुरा
"""


@pytest.mark.parametrize(
    ("text", "occurrences"),
    [
        ("Das ist GROB, grob.", 2),
        ("grobe Worte, ungrob, grob_", 0),
        ("sehr böse, SEHR  BÖSE und sehr\nböse", 3),
        ("sehr böses, nichtsehr böse", 0),
        ("one-two (one-two) one two", 2),
        ("one-twone-two", 0),
        ("a$$ and a$$", 2),
        ("sad :-( face", 1),
        ("ha ha ha", 2),
        ("c# and C#, c #", 2),
        ("这是禁止的,禁止!", 2),
        ("นี่ไม่ดีเลย", 1),
        ("यह बुर है", 1),
        ("☠\ufe0f here, ☠ there", 2),
        ("यह बुरा दिन था, बुरी खबर", 0),
        ("यह बहुत बुरा दिन था, बहुत बुराई", 1),
        ("nothing here", 0),
        ("", 0),
    ],
)
def test_words(tmp_path: Path, text: str, occurrences: int) -> None:
    found = lists(tmp_path, words=WORDS).check_text(text)
    assert rule(found) == ("blocked_words" if occurrences else None)
    assert lists(tmp_path, words=WORDS, max_words=occurrences).check_text(text) is None
    if occurrences:
        found = lists(tmp_path, words=WORDS, max_words=occurrences - 1).check_text(text)
        assert found is not None
        assert found.detail.startswith(f"{occurrences} > {occurrences - 1}: ")


def test_the_detail_names_what_was_found(tmp_path: Path) -> None:
    found = lists(tmp_path, words="beta\nalpha beta\n").check_text("Alpha beta, beta")
    assert found == ("blocked_words", "3 > 0: alpha beta, beta")


ENTRIES = ["ab", "b", "ab b", "b-a", "b ab a", "- -", "$a", "a_b", "-", "京都", "都b", "京"]


@given(st.text(alphabet="aAbB -_$\n京都", max_size=30))
def test_counts_equal_those_of_one_expression_for_each_entry(text: str) -> None:
    from data.clean.block_lists import _sorted_out

    counts = {}
    squeezed = " ".join(text.lower().split())
    for entry in ENTRIES:
        inside = re.escape(entry) if re.search("[京都]", entry) else rf"(?<![^\W京都]){re.escape(entry)}(?![^\W京都])"
        counts[entry] = len(re.findall(f"(?={inside})", squeezed))  # overlapping ones too
    assert _sorted_out(set(ENTRIES)).occurrences(text) == {entry: n for entry, n in counts.items() if n}


def test_lists_of_one_kind_add_up_and_files_are_named_for_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.txt").write_text("a.org\n")
    (tmp_path / "b.txt").write_text("\ufeffb.org\n", encoding="utf-8")
    config = BlockListConfig(domains=("lists/a.txt", "b.txt"), words=("b.txt",))
    found = files(config, tmp_path)
    assert found == {"block_list:lists/a.txt": tmp_path / "lists" / "a.txt", "block_list:b.txt": tmp_path / "b.txt"}
    loaded = BlockLists.load(config, found)
    assert rule(loaded.check_uri("http://a.org")) == rule(loaded.check_uri("http://b.org")) == "blocked_domain"
    assert rule(loaded.check_text("at b.org")) == "blocked_words"
    assert rule(pickle.loads(pickle.dumps(loaded)).check_uri("http://a.org")) == "blocked_domain"  # noqa: S301


def test_no_list_blocks_nothing(tmp_path: Path) -> None:
    empty = BlockLists.load(BlockListConfig(), {})
    assert empty.check_uri("http://example.com") is None
    assert empty.check_text("any text") is None
    assert lists(tmp_path, domains="# nothing\n\n").check_uri("http://example.com") is None


def test_a_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.org\n")
    config = BlockListConfig(domains=("list.txt",))
    first = BlockLists.load(config, files(config, tmp_path))
    assert BlockLists.load(config, files(config, tmp_path)) is first
    (tmp_path / "list.txt").write_text("b.org\n")
    os.utime(tmp_path / "list.txt", (1, 1))
    changed = BlockLists.load(config, files(config, tmp_path))
    assert changed.check_uri("http://a.org") is None
    assert rule(changed.check_uri("http://b.org")) == "blocked_domain"


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("domains", b"a.org\nhttp://b.org/x\n", "line 2: 'http://b.org/x' is not a domain; URLs go under `urls`"),
        ("domains", b"a.org b.org\n", "line 1: 'a.org b.org' is not a domain"),
        ("domains", b"...\n", "line 1: '...' is not a domain"),
        ("urls", b"http://\n", "line 1: 'http://' is not a URL"),
        ("urls", b"a.org/x y\n", "line 1: 'a.org/x y' is not a URL"),
        ("words", b"fine\nschl\xfcssel\n", "line 2: not UTF-8; block lists are UTF-8, one entry a line"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, kind: str, content: bytes, message: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    config = BlockListConfig(**{kind: ("list.txt",)})
    with pytest.raises(ValueError, match=re.escape(f"list.txt, {message}")) as error:
        BlockLists.load(config, files(config, tmp_path))
    assert "\n" not in str(error.value)


def test_a_missing_or_huge_file_is_named(tmp_path: Path) -> None:
    config = BlockListConfig(words=("list.txt",))
    with pytest.raises(ValueError, match=r"list\.txt: no such file"):
        BlockLists.load(config, files(config, tmp_path))
    (tmp_path / "list.txt").touch()
    os.truncate(tmp_path / "list.txt", MAX_FILE_BYTES + 1)  # a sparse file
    with pytest.raises(ValueError, match=r"list\.txt: larger than 512 MB"):
        BlockLists.load(config, files(config, tmp_path))


@pytest.mark.parametrize(
    "uri",
    [
        "http://" + "a." * 500_000,
        "http://a.org/" + "/" * 1_000_000,
        "http://a.org/?" + "a&" * 500_000,
        "http://" + "ü" * 1_000_000,
    ],
)
def test_hostile_uris_take_bounded_time(tmp_path: Path, uri: str) -> None:
    loaded = lists(tmp_path, domains="b.org\n", urls="b.org/x\n")
    start = time.perf_counter()
    assert loaded.check_uri(uri) is None
    assert time.perf_counter() - start < 1


def test_thousands_of_phrases_cost_little(tmp_path: Path) -> None:
    entries = (
        [f"word{n}" for n in range(5000)]
        + [f"the word{n} of" for n in range(5000)]
        + [f"京{chr(0x4E00 + n)}" for n in range(5000)]
    )
    loaded = lists(tmp_path, words="\n".join(entries))
    text = "the quick brown fox of old 京都 and the rest of it " * 20_000  # a megabyte
    start = time.perf_counter()
    found = loaded.check_text(text)
    assert time.perf_counter() - start < 5  # an alternation of all entries takes minutes
    assert found is None or found.detail.endswith("京都")
