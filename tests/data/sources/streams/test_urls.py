"""URLs in a recipe: what is refused before anything is read or written."""

import pytest

from data.sources.config import SourceConfig
from data.sources.streams.storage import check_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:password@example.org/a.txt", "holds a user or a password"),
        ("s3://key@bucket/a.txt", "holds a user or a password"),
        ("https://example.org/a.txt?X-Amz-Signature=abc123", "X-Amz-Signature looks like a secret"),
        ("https://example.org/a.txt?sig=abc123&x=1", "sig looks like a secret"),
        ("https://example.org/a.txt?AWSAccessKeyId=abc123", "looks like a secret"),
        ("https://example.org/a.txt?access_token=abc123", "looks like a secret"),
        ("https://example.org/a.txt?X-Goog-Credential=abc123", "looks like a secret"),
        ("ftp://example.org/a.txt", "cannot read ftp://"),
    ],
)
def test_urls_with_secrets_are_refused_and_the_secret_is_not_repeated(url: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        check_url(url)
    assert "abc123" not in str(caught.value) and "user:" not in str(caught.value)
    with pytest.raises(ValueError, match=expected):
        SourceConfig(name="s", path=["a.txt", url])


def test_harmless_queries_are_not_refused() -> None:
    check_url("https://example.org/a.txt?download=1&keyword=monkey")
    check_url("s3://bucket/a?.txt")
