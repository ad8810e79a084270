import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.pii import PIIConfig, mask

CONFIG = PIIConfig()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to jane.doe+news@mail.example.co.uk.", "Write to <EMAIL>."),
        ("<a_b%c@x-y.org>,d@e.fr", "<<EMAIL>>,<EMAIL>"),
        ("mailto:JOHN@EXAMPLE.COM", "mailto:<EMAIL>"),
        ("not@an address, nor @this.one or a@b", None),
        ("x@y.z9 and a@-.-", None),
    ],
)
def test_email(text: str, masked: str | None) -> None:
    expected = text if masked is None else masked
    assert mask(text, CONFIG) == (expected, {"email": expected.count("<EMAIL>")} if masked else {})


@pytest.mark.parametrize("address", ["8.8.8.8", "130.225.96.1", "1.0.0.1", "172.32.0.1"])
def test_public_addresses_are_masked(address: str) -> None:
    assert mask(f"from {address}, port 80. At {address}.", CONFIG) == (
        "from <IP_ADDRESS>, port 80. At <IP_ADDRESS>.",
        {"ipv4": 2},
    )


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"),
        *("192.0.2.7", "198.51.100.7", "203.0.113.7", "224.0.0.1", "255.255.255.255"),
        *("256.1.1.1", "1.2.3.4.5", "1.2.3", "01.2.3.4", "1234.1.1.1"),
    ],
)
def test_private_documentation_and_malformed_addresses_stay(address: str) -> None:
    assert mask(f"from {address} on", CONFIG) == (f"from {address} on", {})


def test_a_kind_can_be_left_alone() -> None:
    text = "a@b.org at 8.8.8.8"
    assert mask(text, PIIConfig(email=None)) == ("a@b.org at <IP_ADDRESS>", {"ipv4": 1})
    assert mask(text, PIIConfig(ipv4=None, email="\\1")) == ("\\1 at 8.8.8.8", {"email": 1})


@given(st.text(alphabet="ab.@-1289 <>", max_size=60))
def test_masking_twice_changes_nothing(text: str) -> None:
    masked, _ = mask(text, CONFIG)
    assert mask(masked, CONFIG) == (masked, {})


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000 + "@", "a." * 500_000 + "@b", "a@" + "b-" * 500_000, "a@" + "b." * 500_000, "1." * 500_000]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.perf_counter()
    mask(text, CONFIG)
    assert time.perf_counter() - start < 5  # quadratic work would take hours
