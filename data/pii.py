"""Personal data in texts: e-mail and public IPv4 addresses are replaced by a fixed placeholder and counted by kind."""

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address

from pydantic import BaseModel, ConfigDict

# A local part is tried once, at its start, and a domain has bounded parts: both expressions are linear in the text.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]++@(?:[A-Za-z0-9\-]{1,63}+\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9\-])"
)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")


class PIIConfig(BaseModel):
    """The placeholder of each kind; null leaves that kind as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str | None = "<EMAIL>"
    ipv4: str | None = "<IP_ADDRESS>"  # public addresses; private, reserved and documentation ranges stay


def mask(text: str, config: PIIConfig) -> tuple[str, dict[str, int]]:
    """`text` with personal data replaced, and the number of replacements by kind."""
    counts: dict[str, int] = {}
    if config.email is not None and "@" in text:
        text, counts["email"] = _replace(_EMAIL, text, config.email)
    if config.ipv4 is not None:
        text, counts["ipv4"] = _replace(_IPV4, text, config.ipv4, _is_public)
    return text, {kind: count for kind, count in counts.items() if count}


def _replace(
    pattern: re.Pattern[str], text: str, placeholder: str, is_personal: Callable[[str], bool] = lambda _: True
) -> tuple[str, int]:
    found = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal found
        personal = is_personal(match[0])
        found += personal
        return placeholder if personal else match[0]

    return pattern.sub(replacement, text), found


def _is_public(address: str) -> bool:
    try:
        parsed = IPv4Address(address)
    except AddressValueError:
        return False
    return parsed.is_global and not parsed.is_multicast
