"""Personal data and secrets in texts: each kind is replaced by a fixed placeholder and counted.

Precision comes before recall, because most digits in a corpus are dates, amounts, versions and numbers of documents. A phone
number counts in international form (`+` and a country code that exists) or in North American form with area code; a card
number in the groups that are printed on cards, from a known issuer and with its check digit; an AWS secret beside its label.
Not found: local phone numbers, a private key without its END line, addresses that are spelt out ("jane at example dot org").
Found though it is none: a version number of four parts, unless it is marked as one ("version 1.2.3.4", ">=1.2.3.4", "v1.2.3.4");
a tenth of the bare 16-digit numbers that begin as those of cards do.

Matches that overlap become one, of the kind that stands first in `_KINDS`. Masking twice changes nothing: placeholders are
blanked out before the search, and every expression below takes a blank for a character that it must not stand beside.
Every expression is linear: possessive or bounded, and tried once a run. They take ASCII letters and digits for what a number
may be part of, not those of other scripts: many put no space before a number, or an ending right behind it.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from data.clean.config import PIIConfig


def mask(text: str, config: PIIConfig) -> tuple[str, dict[str, int]]:
    """`text` with personal data replaced, and the number of replacements by kind."""
    matches = sorted(_matches(_blank(text, config), config))
    if not matches:
        return text, {}
    pieces: list[str] = []
    counts: Counter[str] = Counter()
    done = 0
    for start, stop, kind in _joined(matches):
        counts[kind] += 1
        pieces += text[done:start], getattr(config, kind)
        done = stop
    return "".join([*pieces, text[done:]]), dict(sorted(counts.items()))


_BLANK = "\0"
# Pages write these signs within numbers so that no line ends there. A dash is not among them: it stands between numbers.
_SPACES, _HYPHENS = "\xa0\u2009\u202f", "\u2010\u2011\u2012"


def _blank(text: str, config: PIIConfig) -> str:
    """`text` with plain spaces and hyphens, and as many blanks in the place of each placeholder as it has characters."""
    if not text.isascii():
        for space in _SPACES:
            text = text.replace(space, " ")
        for hyphen in _HYPHENS:
            text = re.sub(f"(?<=[0-9]){hyphen}(?=[0-9])", "-", text) if hyphen in text else text
    for placeholder in filter(None, vars(config).values()):
        if placeholder[0] in text and placeholder in text:  # searching for a single character first is much faster
            text = text.replace(placeholder, _BLANK * len(placeholder))
    return text


def _matches(text: str, config: PIIConfig) -> Iterator[tuple[int, int, int]]:
    """Start, stop and rank of kind of all that is personal in `text`; matches of two kinds may overlap."""
    for rank, kind in enumerate(_KINDS):
        if getattr(config, kind.name) is None or (kind.hints and not any(hint in text for hint in kind.hints)):
            continue
        for match in kind.pattern.finditer(text):
            if kind.is_personal(match):
                yield *match.span("value" if "value" in kind.pattern.groupindex else 0), rank


def _joined(matches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, str]]:
    """Sorted `matches`, of which overlapping ones are joined: start, stop, kind."""
    start, stop, rank = matches[0]
    for next_start, next_stop, next_rank in matches[1:]:
        if next_start < stop:
            stop, rank = max(stop, next_stop), min(rank, next_rank)
            continue
        yield start, stop, _KINDS[rank].name
        start, stop, rank = next_start, next_stop, next_rank
    yield start, stop, _KINDS[rank].name


# IANA's special-purpose registries, written out: what `ipaddress` takes for public changes between Python's patch releases.
_NOT_PUBLIC_V4 = [
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
]
_NOT_PUBLIC_V6 = [IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20")]  # within 2000::/3
# These stand before a version, section or object identifier: `"version": "1.2.3.4"`, `§ 1.2.3.4`, `>= 1.2.3.4`.
_NUMBERING = re.compile(
    r"(?:(?:version|\bver|\bv|release|revision|\brev|build|firmware|section|\bsec|chapter|clause|identifier|\boid|[§\0]|"
    r"版本?|バージョン|버전|第|เวอร์ชัน|[Вв]ерси[яию]|الإصدار|संस्करण)[.]?[\s\u3000\"'=:(：]{0,4}|[<>=~^!]=\s?|[A-Za-z\0]-)$",
    re.IGNORECASE | re.ASCII,
)


def _is_public_v4(match: re.Match[str]) -> bool:
    try:
        address = IPv4Address(match[0])
    except AddressValueError:
        return False
    before = match.string[max(0, match.start() - 16) : match.start()]
    return not any(address in network for network in _NOT_PUBLIC_V4) and not _NUMBERING.search(before)


def _is_public_v6(match: re.Match[str]) -> bool:
    try:
        address = IPv6Address(match[0])
    except AddressValueError:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


# Issuers of ISO/IEC 7812: American Express, Diners Club, Discover, JCB, Maestro, Mastercard, UnionPay, Visa.
_ISSUER = re.compile(
    r"(?:3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|"
    r"(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12,15}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|"
    r"62\d{14,17}|4\d{15}(?:\d{3})?)"
)


def _is_card(match: re.Match[str]) -> bool:
    separator, before = match["separator"], match.string[max(0, match.start() - 2) : match.start()]
    if separator and before.endswith(separator) and (before[0].isdigit() or before[0] == _BLANK):
        return False  # the digits belong to a longer row
    groups = match[0].split(separator)
    if separator and len({group[:2] for group in groups}) == 1:
        return False  # the digits are a row of a table, such as code points
    digits = "".join(groups)
    if not separator and len(digits) > 16:
        return False  # the few cards with so many digits have them in groups
    return _ISSUER.fullmatch(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def _is_jwt(match: re.Match[str]) -> bool:
    try:
        header = json.loads(urlsafe_b64decode(match["header"] + "=="))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and isinstance(header.get("alg"), str)


def _is_mixed(match: re.Match[str]) -> bool:
    """A random base64 string of 40 characters has all three; a SHA-1 in hexadecimal does not."""
    return all(re.search(kind, match["value"]) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


def _holds_a_key(match: re.Match[str]) -> bool:
    """A third of a PEM block is long lines of base64; text that only names its first and last line is none."""
    return 3 * sum(map(len, re.findall(r"[A-Za-z0-9+/]{40,}", match[0]))) >= len(match[0])


class _Kind(NamedTuple):
    name: str  # the kind's field in PIIConfig
    hints: tuple[
        str, ...
    ]  # every text with a match has one of these; empty where searching for hints would be as slow as matching
    pattern: re.Pattern[str]  # the group `value` is replaced, or the whole match when there is no such group
    is_personal: Callable[[re.Match[str]], bool] = lambda match: True


# ITU-T E.164 country codes in use, without 1, whose numbers have a form of their own.
_COUNTRY_CODES = (
    "7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2(?:1[12368]|[2346]\\d|5[0-8]|9[0179])|3(?:5\\d|7[0-8]|8[0-35-79])|"
    "42[013]|50\\d|59\\d|6(?:7[02-9]|8[0-35-9]|9[0-2])|8(?:0[08]|5[02356]|7[08]|8[0-36])|9(?:6[0-8]|7[0-79]|9[2-68])"
)

_EXTENSION = r"(?: ?x[0-9]{1,6}+(?![\w\0]))?+"  # 212-555-1234x101

# The lookbehinds stand after the first character: an expression that begins with a character set is searched ten times
# faster than one that begins with a lookbehind.
_KINDS = (
    _Kind(
        "private_key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,16}+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^\-\0]++|-(?!----))*+"
            r"-----END (?:[A-Z0-9]{1,16}+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        ),
        _holds_a_key,
    ),
    _Kind(
        "jwt",
        ("eyJ",),
        re.compile(
            r"(?P<header>eyJ(?<![\w.\-\0]eyJ)[A-Za-z0-9_\-]{8,1000}+)(?:\.[A-Za-z0-9_\-]{2,}+){2}(?![\w\0])", re.ASCII
        ),
        _is_jwt,
    ),
    _Kind(
        "github_token",
        ("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_"),
        re.compile(
            r"(?<![\w\0])(?:gh[oprsu]_[A-Za-z0-9]{36,255}+|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?![\w\0])",
            re.ASCII,
        ),
    ),
    _Kind("aws_key", ("AKIA", "ASIA"), re.compile(r"(?<![\w\0])A[KS]IA[A-Z0-9]{16}(?![\w\0])", re.ASCII)),
    _Kind(
        "aws_key",
        ("ecret", "ECRET"),
        re.compile(
            r"secret[_\-. ]?(?:access[_\-. ]?)?key[\s\"'\\:=>]{1,8}+(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=_\0])",
            re.IGNORECASE,
        ),
        _is_mixed,
    ),
    _Kind(
        "email",
        ("@",),
        re.compile(
            # Letters with accents, but none of scripts that put no space before an address.
            r"[A-Za-z0-9À-ɏ._%+\-](?<![A-Za-z0-9À-ɏ._%+\-\0].)[A-Za-z0-9À-ɏ._%+\-]*+@(?![1-9]x\.)"  # logo@2x.png
            r"(?:[A-Za-z0-9À-ɏ\-]{1,63}+\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9\0]|-[A-Za-z0-9\0])"
        ),
    ),
    _Kind(
        "credit_card",
        (),
        re.compile(
            r"[2-6](?<![\w.,/\-+\0].)[0-9]{3}(?:[0-9]{9,15}+|(?P<separator>[ \-])[0-9]{3,6}(?:(?P=separator)[0-9]{3,6}){1,3}+)"
            r"(?![\w\0]|[.,][0-9\0]|(?P=separator)(?!(?:0[1-9]|1[0-2])/(?:20)?\d\d(?![\d/]))[0-9\0])",  # but 12/27, its end
            re.ASCII,
        ),
        _is_card,
    ),
    _Kind(
        "ipv6",
        (":",),
        re.compile(
            r"[23](?<![\w:.\0].)[0-9A-Fa-f]{3}(?:::?[0-9A-Fa-f]{1,4}){2,7}+(?:::)?+(?![\w\0]|:[\w:\0]|\.[\w\0])",
            re.ASCII,
        ),
        _is_public_v6,
    ),
    _Kind(
        "ipv4",
        (".",),
        re.compile(
            r"[0-9](?<![\w.\0].)[0-9]{0,2}+\.[0-9]{1,3}+\.[0-9]{1,3}+\.[0-9]{1,3}+(?![\w\0]|\.[0-9\0]|-[A-Za-z\0])",
            re.ASCII,
        ),
        _is_public_v4,
    ),
    _Kind(
        "phone",
        ("+",),
        # A country code and 7 to 12 digits in groups of any size; not 2024-01-31, 20240131…, +4339-07923, +40.7127753,
        # +20/40/60/80.
        re.compile(
            r"\+(?<![\w+~\0].)(?!\d{4}-\d\d-\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])|\d{4}-\d{5}(?!\d)|"
            r"\d{6}-\d{7}(?!\d)|\d{1,3}\.\d{4,7}(?!\d)|[\d ().\-]{1,20}/[\d ().\-]{1,20}/)"
            r"(?:1[ .\-]?\(?[2-9][0-8]\d\)?[ .\-]{0,2}[2-9]\d\d[ .\-]?\d{4}|"
            rf"(?:{_COUNTRY_CODES})(?!\D?00)(?:(?: ?/ ?|[ .\-])?\(?\d\)?){{7,12}}){_EXTENSION}(?![\w\0])",
            re.ASCII,
        ),
    ),
    _Kind(
        "phone",
        ("(",),
        re.compile(
            rf"\((?<![\w\0].)[2-9][0-8][0-9]\) ?[2-9][0-9]{{2}}[-. ][0-9]{{4}}{_EXTENSION}(?![\w\0]|[-./][0-9\0])",
            re.ASCII,
        ),
    ),
    _Kind(
        "phone",
        (),
        re.compile(
            r"[2-9](?:(?<![\w.\-/+#$\0].)|(?<=(?<![\w.\-/+#$\0])1[-.].))[0-8][0-9](?P<separator>[-.])[2-9][0-9]{2}(?P=separator)"
            rf"[0-9]{{4}}{_EXTENSION}(?![\w\0]|[-./][0-9\0])",
            re.ASCII,
        ),
    ),
)
