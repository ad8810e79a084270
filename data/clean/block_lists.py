"""Lists from files that reject documents: domains, URLs and words that no training text should come from or contain.

A list is a UTF-8 text file with one entry a line; `#` begins a comment. Domains may also stand in the format of a hosts file
(`0.0.0.0 ads.example.com`). A domain or URL list may be as long as UT1's (millions of entries): 8 bytes an entry are kept, a
64-bit hash.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

import numpy as np
import xxhash

from data.clean.config import BlockListConfig
from data.clean.filters.rejection import Rejection, above
from data.text.words import find_words, has_unspaced

MAX_FILE_BYTES = 1 << 29  # A larger list is refused.
_MAX_URL_CHARACTERS = 8192  # Only the beginning of a longer URL is compared with the lists.

_HOST = re.compile(r"(?:\*\.|\.)?\w[\w\-.]*|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]+\]?")
_PLAIN_HOST = re.compile(r"[a-z0-9][a-z0-9_\-.]*(?<!\.)")
_URL_BOUNDARY = re.compile(r"[/?&]")


def files(config: BlockListConfig, base: Path) -> dict[str, Path]:
    """The files of all lists by label, so that their content can enter a fingerprint."""
    return {f"block_list:{file}": base / file for file in (*config.domains, *config.urls, *config.words)}


@dataclass(frozen=True)
class BlockLists:
    """Lists in memory, ready to be asked about documents."""

    domains: np.ndarray  # hashes, sorted, uint64
    urls: np.ndarray
    words: "_Words"
    max_words: int

    @classmethod
    def load(cls, config: BlockListConfig, files: Mapping[str, Path]) -> "BlockLists":
        """Read the lists; `files` is what the function `files` gave. A process that loads the same files again reuses them.

        Raises ValueError that names the file, and the line if there is one, for a file that cannot be read, is too
        large or not UTF-8, and for an entry that is no domain or URL.
        """
        for path in files.values():
            if not path.is_file():
                raise ValueError(f"{path}: no such file; the recipe names it as a block list")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MB, the most that a block list may have")
        state = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files.values())
        return _load(config, tuple(files.items()), state)

    def check_uri(self, uri: str) -> Rejection | None:
        """The rule that the place a document comes from breaks; a `uri` that is no URL breaks none."""
        if "://" not in uri or not (place := _split_url(uri)):
            return None
        host, rest = place
        labels = host.split(".")
        if found := _first_listed(self.domains, (".".join(labels[n:]) for n in range(len(labels)))):
            return Rejection("blocked_domain", found)
        site = host.removeprefix("www.")
        ends = [match.start() for match in _URL_BOUNDARY.finditer(rest)]
        if found := _first_listed(self.urls, (site + rest[:end] for end in (*ends, len(rest)))):
            return Rejection("blocked_url", found)
        return None

    def check_text(self, text: str) -> Rejection | None:
        """The rule that the words of a document break."""
        found = self.words.occurrences(text)
        if (total := sum(found.values())) <= self.max_words:
            return None
        rejection = above("blocked_words", total, self.max_words)
        return rejection._replace(detail=f"{rejection.detail}: {', '.join(sorted(found)[:5])}")


@dataclass(frozen=True)
class _Words:
    """Words and phrases in lower case, by the way in which they are looked for."""

    words: frozenset[str]  # entries of letters and digits alone; each word of a text is looked up here
    phrases: Mapping[str, tuple[str, ...]]  # other entries, by the longest word in each
    unspaced: frozenset[str]  # entries in scripts without spaces; they may begin and end anywhere in a text
    lengths: Mapping[str, tuple[int, ...]]  # lengths of the unspaced entries by their first character

    def occurrences(self, text: str) -> Counter[str]:
        """How often each entry that is in `text` occurs there; entries may overlap."""
        text = text.lower()
        words = find_words(text)
        found = Counter(filter(self.words.__contains__, words))
        phrases = self._candidates({"", *words}) if self.phrases else []
        if phrases or (self.unspaced and not text.isascii()):
            text = " ".join(text.split())
            found.update({phrase: count for phrase in phrases if (count := _count_flanked(text, phrase))})
            found.update(self._unspaced_in(text))
        return found

    def _candidates(self, words: set[str]) -> list[str]:
        """The phrases all of whose words are among `words`: only these few need to be searched for."""
        found = (phrase for word in self.phrases.keys() & words for phrase in self.phrases[word])
        return [phrase for phrase in found if words.issuperset(find_words(phrase))]

    def _unspaced_in(self, text: str) -> Iterator[str]:
        if text.isascii():
            return
        for place, character in enumerate(text):
            for length in self.lengths.get(character, ()):
                entry = text[place : place + length]
                if len(entry) == length and entry in self.unspaced:
                    yield entry


def _count_flanked(text: str, phrase: str) -> int:
    """Occurrences of `phrase` that are not part of longer words."""
    count, place = 0, text.find(phrase)
    while place >= 0:
        before, after = text[max(0, place - 1) : place], text[place + len(phrase) : place + len(phrase) + 1]
        count += not _is_in_words(before) and not _is_in_words(after)
        place = text.find(phrase, place + 1)
    return count


def _is_in_words(character: str) -> bool:
    """Whether `character` is a letter, a digit, an underscore or a mark that stands on one."""
    return character != "" and find_words(f"a{character}") == [f"a{character}"]


@lru_cache(maxsize=1)
def _load(config: BlockListConfig, files: tuple[tuple[str, Path], ...], state: object) -> BlockLists:
    paths = {label.removeprefix("block_list:"): path for label, path in files}
    domains = (domain for file in config.domains for domain in _domains(paths[file]))
    urls = (url for file in config.urls for url in _urls(paths[file]))
    words = {entry for file in config.words for _, entry in _entries(paths[file])}
    return BlockLists(_hashes(domains), _hashes(urls), _sorted_out(words), config.max_words)


def _sorted_out(entries: set[str]) -> _Words:
    entries = {" ".join(normalize("NFC", entry).lower().split()) for entry in entries}
    unspaced = {entry for entry in entries if has_unspaced(entry)}
    words = {entry for entry in entries - unspaced if find_words(entry) == [entry]}
    phrases: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for entry in entries - unspaced - words:
        phrases[max(find_words(entry), key=len, default="")] += (entry,)
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for entry in unspaced:
        lengths[entry[0]].add(len(entry))
    by_first = {first: tuple(found) for first, found in lengths.items()}
    return _Words(frozenset(words), dict(phrases), frozenset(unspaced), by_first)


def _entries(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that holds an entry, without comments."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                entry = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: not UTF-8; block lists are UTF-8, one entry a line"
                ) from error
            if "#" in entry:
                entry = re.split(r"(?:^|\s)#", entry, maxsplit=1)[0].strip()
            if entry:
                yield number, entry


def _domains(path: Path) -> Iterator[str]:
    for number, entry in _entries(path):
        if _PLAIN_HOST.fullmatch(entry):  # nearly every entry of a long list is plain, and this test is fast
            yield entry
            continue
        names = entry.split()
        if len(names) > 1 and _is_address(names[0]):  # a line of a hosts file
            names = names[1:]
        elif len(names) > 1:
            names = [entry]
        if not all(map(_HOST.fullmatch, names)):
            raise ValueError(f"{path}, line {number}: {entry[:100]!r} is not a domain; URLs go under `urls`")
        yield from map(_host, names)


def _urls(path: Path) -> Iterator[str]:
    for number, entry in _entries(path):
        place = _split_url(entry if "://" in entry else f"//{entry}")
        if not place or not place[0] or " " in entry:
            raise ValueError(f"{path}, line {number}: {entry[:100]!r} is not a URL")
        yield place[0].removeprefix("www.") + place[1]


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _split_url(url: str) -> tuple[str, str] | None:
    """Host, and decoded path and query without a slash at the end; None for what is no URL."""
    try:
        parts = urlsplit(url[:_MAX_URL_CHARACTERS].replace("\\", "/"))
        host = _host(unquote(parts.hostname or ""))
    except ValueError:
        return None
    return host, unquote(parts.path + (f"?{parts.query}" if parts.query else "")).rstrip("/")


def _host(name: str) -> str:
    """`name` as the domain name system knows it: lower case, punycode."""
    name = name.strip("[]").removeprefix("*.").strip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def _hashes(names: Iterable[str]) -> np.ndarray:

    return np.unique(np.fromiter((xxhash.xxh3_64_intdigest(name.encode()) for name in names), np.uint64))


def _first_listed(listed: np.ndarray, names: Iterable[str]) -> str | None:

    if not len(listed):
        return None
    names = list(names)
    hashes = np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in names], np.uint64)
    places = np.minimum(np.searchsorted(listed, hashes), len(listed) - 1)
    return next((name for name, is_listed in zip(names, listed[places] == hashes, strict=True) if is_listed), None)
