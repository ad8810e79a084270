import json
import time
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.clean.config import PIIConfig
from data.clean.pii import mask

CONFIG = PIIConfig()


def check(text: str, masked: str, **counts: int) -> None:
    assert mask(text, CONFIG) == (masked, counts)


def stays(text: str) -> None:
    check(text, text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to jane.doe+news@mail.example.co.uk.", "Write to <EMAIL>."),
        ("<a_b%c@x-y.org>,d@e.fr", "<<EMAIL>>,<EMAIL>"),
        ("mailto:JOHN@EXAMPLE.COM", "mailto:<EMAIL>"),
        ("ask jane@example.com- or jane@example.com--\nJane", "ask <EMAIL>- or <EMAIL>--\nJane"),
        ("josé@example.com, info@müller.de", "<EMAIL>, <EMAIL>"),
        ("联系我们jane@example.com联系", "联系我们<EMAIL>联系"),
    ],
)
def test_email(text: str, masked: str) -> None:
    check(text, masked, email=masked.count("<EMAIL>"))


def test_a_dash_ends_what_a_hyphen_would_not() -> None:
    check("ask jane@example.com–she answers", "ask <EMAIL>–she answers", email=1)
    check("the author–jane@example.com", "the author–<EMAIL>", email=1)
    check("Server–8.8.8.8 is down", "Server–<IP_ADDRESS> is down", ipv4=1)
    check("tel–212-555-1234–212-555-1235", "tel–<PHONE>–<PHONE>", phone=2)
    check("tel\u2010212-555-1234", "tel\u2010<PHONE>", phone=1)


@pytest.mark.parametrize("text", ["not@an address, nor @this.one or a@b", "x@y.z9 and a@-.-", "logo@2x.png"])
def test_what_is_no_email(text: str) -> None:
    stays(text)


@pytest.mark.parametrize("address", ["8.8.8.8", "130.225.96.1", "1.0.0.1", "172.32.0.1", "99.255.255.255"])
def test_public_addresses_are_masked(address: str) -> None:
    check(f"from {address}, port 80. At {address}.", "from <IP_ADDRESS>, port 80. At <IP_ADDRESS>.", ipv4=2)
    for before, after in (
        ("ip=", ""),
        ("<td>", "</td>"),
        ("http://", ":80/x"),
        ("[<", ">]"),
        ("(", ")"),
        ('"', '"'),
        ("is ", "/8"),
    ):
        check(f"{before}{address}{after}", f"{before}<IP_ADDRESS>{after}", ipv4=1)


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"),
        *("192.0.2.7", "198.51.100.7", "203.0.113.7", "224.0.0.1", "255.255.255.255"),
        *("256.1.1.1", "1.2.3.4.5", "1.2.3", "01.2.3.4", "1234.1.1.1", "v1.2.3.4", "1.2.3.4-beta", "1.2.3.4rc1"),
        *("version 1.2.3.4", "Section 5.2.1.3", "§ 5.2.1.3", "foo-1.2.3.4", "foo>=1.2.3.4", '"version": "1.2.3.4"'),
    ],
)
def test_private_documentation_and_malformed_addresses_stay(address: str) -> None:
    stays(f"from {address} on")


@pytest.mark.parametrize(
    "address", ["2001:4860:4860::8888", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2A00:1450:4001:80B::200E"]
)
def test_public_ipv6_is_masked(address: str) -> None:
    check(
        f"[{address}]:443, {address}/48. Or {address}: {address}.",
        "[<IP_ADDRESS>]:443, <IP_ADDRESS>/48. Or <IP_ADDRESS>: <IP_ADDRESS>.",
        ipv6=4,
    )


@pytest.mark.parametrize(
    "text",
    [
        *("2001:db8::1:2", "3fff:1::1:2", "fe80::1", "fd12:3456:789a::1", "::1", "ff02::1:2", "2001:10::1:2"),
        *("at 12:30:45 on", "2020:12:30:45", "std::vector", "a::b::c", "00:1a:2b:3c:4d:5e", "20:01:0d:b8:00:00:00:01"),
        *(
            "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
            "2001:4860:4860::88888",
            "x2001:4860:4860::8888",
            "2020::",
            "2020::12",
        ),
        *("2001:4860:4860:1:2:3:4:5:6", "2001:4860::4860::8888", "John 2001:4:5"),
    ],
)
def test_what_is_no_public_ipv6(text: str) -> None:
    stays(text)


@pytest.mark.parametrize(
    "number",
    [
        *("+1\xa0212\xa0555\xa01234", "(212)\xa0555\u20111234", "212\u2011555\u20121234"),
        *("212-555-1234x101", "(212) 555-1234 x5", "+1-212-555-1234x5", "+49 (0)30/1234567", "+49 (0) 711 / 123456"),
        *("+1 212 555 1234", "+12125551234", "+1 (212) 555-1234", "+1-212-555-1234", "+1.2125551234", "(212) 555-1234"),
        *(
            "212-555-1234",
            "212.555.1234",
            "(212)555-1234",
            "+44 20 7946 0958",
            "+44 (0)20 7946 0958",
            "+49.30123456789",
        ),
        *(
            "+33 1 23 45 67 89",
            "+353-61-213147",
            "+4712345678",
            "+7 495 123-45-67",
            "+86 138 0013 8000",
            "+971 50 123 4567",
        ),
    ],
)
def test_phone_numbers_are_masked(number: str) -> None:
    check(f"Tel: {number}, or <{number}>. 9am", "Tel: <PHONE>, or <<PHONE>>. 9am", phone=2)


def test_a_phone_number_ends_where_words_and_counts_begin() -> None:
    check("1-800-555-1234 and +44 20 7946 0958 9am", "1-<PHONE> and <PHONE> 9am", phone=2)
    check("+44 20 7946 0958 1999 2000", "<PHONE> 1999 2000", phone=1)


@pytest.mark.parametrize(
    "text",
    [
        *("1999-2004", "2024-01-31", "31.12.1999", "12/31/1999", "4 July 1776", "1776 1812 1861", "20240131123000"),
        *("ISBN 978-3-16-148410-0", "ISBN 0-306-40615-2", "ISSN 2049-3630", "978 3 16 148410 0", "3.16.148410"),
        *("v2.11.1234", "212.555.1234.5", "3.14159265358979", "1,234,567,890", "$212.555.1234"),
        *(
            "2125551234",
            "212 555 1234",
            "112-555-1234",
            "(112) 555-1234",
            "(299) 555-1234",
            "212-155-1234",
            "No. 98-212-555-1234",
            "123-45-6789",
            "555-1234",
        ),
        *(
            "+2024-01-02 12:30:45",
            "+20191229111838",
            "+4339-07923",
            "+470659-1011757",
            "+40.7127753 74.0059",
            "+10 000 000",
        ),
        *(
            "+20/40/60/80/100",
            "+40/65/90/115/140 health",
            "+20 / 40 / 60 / 80 / 100",
            "+55 10/9/2020",
            "+61 02/03/2021",
        ),
        *("+33 000 000 000", "+0100", "x+12125551234", "+999 123 456 789", "1+2125551234", "+1 555 000 1234 5678"),
        *(
            "H.R. 212-555",
            "Public Law 105-212",
            "12:30:45+0100",
            "DE-FG02-212-555-1234",
            "/212-555-1234",
            "#212-555-1234",
        ),
    ],
)
def test_what_is_no_phone_number(text: str) -> None:
    stays(f"see {text} there")


@pytest.mark.parametrize(
    "number",
    [
        *("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555 5555 5555 4444", "2223003122003222"),
        *("378282246310005", "3782 822463 10005", "30569309025904", "3056 930902 5904", "6011111111111117"),
        *("4111\xa01111\xa01111\xa01111", "4111\u20111111\u20111111\u20111111"),
        *("3530111333300000", "6759649826438453", "6212345678901265", "4000 0000 0000 0000 006"),
    ],
)
def test_cards_are_masked(number: str) -> None:
    check(f"card {number}, {number}. 12/25", "card <CREDIT_CARD>, <CREDIT_CARD>. 12/25", credit_card=2)


def test_a_card_ends_where_its_last_month_begins() -> None:
    check("4111 1111 1111 1111 12/27 123", "<CREDIT_CARD> 12/27 123", credit_card=1)
    stays("4111 1111 1111 1111 13/27")
    check("4111 1111 1111 1111 12/2027", "<CREDIT_CARD> 12/2027", credit_card=1)
    stays("4111 1111 1111 1111 12/31/2027")


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # check digit
        "1111111111111117",  # issuer
        "9411111111111111118",
        "41111111111111110000",  # longer
        "4111 1111 1111 1111 1111",
        "1234 4111 1111 1111 1111",
        "4111 1111-1111 1111",
        "4111 111 111 111 111 999",
        "4111  1111  1111  1111",
        "41 11 11 11 11 11 11 11",
        "0.4111111111111111",
        "JAN 4901234567894",  # 13 digits of a product, with the check digit of a card
        "4000000000000000006",  # 19, in no groups
        "4111111111111111.5",
        "id4111111111111111",
        "/4111111111111111",
        "5282 5281 5290 5293",  # a row of code points, with a good check digit
    ],
)
def test_what_is_no_card(text: str) -> None:
    stays(f"see {text} there")


@pytest.mark.parametrize("digit", range(16))
def test_every_digit_of_a_card_is_checked(digit: int) -> None:
    number = "4539578763621486"
    changed = number[:digit] + str((int(number[digit]) + 1) % 10) + number[digit + 1 :]
    check(number, "<CREDIT_CARD>", credit_card=1)
    stays(changed)


SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM_BODY = "\n".join(["MIIEpAIBAAKCAQEA7bq8+0/aZ9kqXJcQm4m1u2w3e4r5t6y7u8i9o0p1a2s3d4f5"] * 3)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("id AKIAIOSFODNN7EXAMPLE.", "id <AWS_KEY>."),
        (f"aws_secret_access_key = {SECRET}\n", "aws_secret_access_key = <AWS_KEY>\n"),
        (f'"SecretAccessKey": "{SECRET}"', '"SecretAccessKey": "<AWS_KEY>"'),
        (f"AWS_SECRET_KEY='{SECRET}';", "AWS_SECRET_KEY='<AWS_KEY>';"),
    ],
)
def test_aws_keys(text: str, masked: str) -> None:
    check(text, masked, aws_key=1)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "AKIAIOSFODNN7",
            "AKIAIOSFODNN7EXAMPLE2",
            "xAKIAIOSFODNN7EXAMPLE",
            f"key: {SECRET}",
            f"secret_key: {SECRET}A",
        ),
        "secret key: da39a3ee5e6b4b0d3255bfef95601890afd80709",  # a SHA-1
    ],
)
def test_what_is_no_aws_key(text: str) -> None:
    stays(text)


@pytest.mark.parametrize(
    "token", [f"gh{kind}_{'aB3' * 12}" for kind in "opsur"] + [f"github_pat_{'a' * 22}_{'B' * 59}"]
)
def test_github_tokens(token: str) -> None:
    check(f"git clone https://{token}@github.com/x/y", "git clone https://<GITHUB_TOKEN>/x/y", github_token=1)
    check(f"token={token}\n", "token=<GITHUB_TOKEN>\n", github_token=1)
    stays(token[:-2])
    stays("x" + token)


@pytest.mark.parametrize(
    "block",
    [
        f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{PEM_BODY}\\n-----END PRIVATE KEY-----".replace("\n", "\\n"),
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: a-b - c@d.org\n\n{PEM_BODY}\n-----END PGP PRIVATE KEY BLOCK-----",
        f"-----BEGIN EC PRIVATE KEY-----\nDEK-Info: DES-EDE3-CBC,93\n\n{PEM_BODY}\n-----END EC PRIVATE KEY-----",
    ],
)
def test_private_key_blocks(block: str) -> None:
    check(f"Key:\n{block}\nand {block}.", "Key:\n<PRIVATE_KEY>\nand <PRIVATE_KEY>.", private_key=2)


def test_what_is_no_private_key() -> None:
    stays(f"-----BEGIN PUBLIC KEY-----\n{PEM_BODY}\n-----END PUBLIC KEY-----")
    stays(f"-----BEGIN CERTIFICATE-----\n{PEM_BODY}\n-----END CERTIFICATE-----")
    manual = (
        f"Between -----BEGIN PRIVATE KEY----- and, {'a few words, ' * 20} {PEM_BODY[:64]} -----END PRIVATE KEY-----"
    )
    stays(manual)
    stays('START = "-----BEGIN RSA PRIVATE KEY-----"; END = "-----END RSA PRIVATE KEY-----"')


def jwt(header: object) -> str:
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, {"sub": "1"})]
    return ".".join([*encoded, "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"])


def test_web_tokens() -> None:
    token = jwt({"alg": "HS256", "typ": "JWT"})
    check(f"Authorization: Bearer {token}, jwt={token}", "Authorization: Bearer <JWT>, jwt=<JWT>", jwt=2)
    stays(jwt({"typ": "JWT"}))
    stays(jwt({"alg": 5}))
    stays(token.rpartition(".")[0])
    stays("x" + token)
    stays("eyJ" + "W1tb" * 200 + ".abcd.efgh")  # JSON nested 600 deep, unfinished
    stays("eyJhbGciOiJI!.abcd.efgh")


def test_overlapping_matches_become_one_of_the_first_kind() -> None:
    token = f"ghp_{'a' * 36}"
    check(f"{token}@github.com", "<GITHUB_TOKEN>", github_token=1)
    check(f"me@x.{token} 8.8.8.8.", "<GITHUB_TOKEN> <IP_ADDRESS>.", github_token=1, ipv4=1)
    block = f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----"
    check(f"{block}+12125551234", "<PRIVATE_KEY><PHONE>", private_key=1, phone=1)  # side by side
    check("a@b.org 8.8.8.8 (212) 555-1234", "<EMAIL> <IP_ADDRESS> <PHONE>", email=1, ipv4=1, phone=1)


@pytest.mark.parametrize("kind", PIIConfig.model_fields)
def test_a_kind_can_be_left_alone(kind: str) -> None:
    text = (
        f"a@b.org | 8.8.8.8 | 2001:4860:4860::8888 | 212-555-1234 | 4111111111111111 | AKIAIOSFODNN7EXAMPLE | ghp_{'a' * 36} | "
        f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY----- | {jwt({'alg': 'none'})}"
    )
    kinds = dict.fromkeys(PIIConfig.model_fields, 1)
    originals = dict(zip(PIIConfig.model_fields, [*text.split(" | ")[:2], *text.split(" | ")[2:]], strict=True))
    assert mask(text, CONFIG)[1] == kinds
    masked, counts = mask(text, PIIConfig(**{kind: None}))
    assert originals[kind] in masked
    assert counts == {name: 1 for name in kinds if name != kind}
    assert mask(text, PIIConfig(**{kind: "[Redacted data]"}))[0].split(" | ").count("[Redacted data]") == 1


@pytest.mark.parametrize("placeholder", ["", "x", "me@example.org", "<IP 8.8.8.8>", "<a@b.org>", "<>", "EMAIL>"])
def test_a_placeholder_must_be_letters_in_brackets(placeholder: str) -> None:
    with pytest.raises(ValidationError, match="email"):
        PIIConfig(email=placeholder)


FRAGMENTS = st.sampled_from(
    [
        *("a@b.org", "8.8.8.8", "10.0.0.1", "+12125551234", "+45 12 34 56 78", "(212) 555-1234", "212-555-1234", "1-"),
        *(
            "4111 1111 1111 1111",
            "4111111111111111",
            "2001:4860:4860::8888",
            "AKIAIOSFODNN7EXAMPLE",
            SECRET,
            "secret key: ",
        ),
        *(
            f"ghp_{'a' * 36}",
            jwt({"alg": "none"}),
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            PEM_BODY,
        ),
        *(
            "<EMAIL>",
            "<PHONE>",
            "<IP_ADDRESS>",
            "EMAIL",
            "<",
            ">",
            " ",
            "\n",
            ".",
            "-",
            ":",
            "@",
            "+",
            "/",
            "_",
            "(",
            ")",
        ),
        *("1", "12", "2024", "a", "version ", "eyJ", "::", "@b.org", "é", "\0", "٣", "\xa0", "–", "x5", " 12/27"),
    ]
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_masking_twice_changes_nothing(text: str) -> None:
    masked, _ = mask(text, CONFIG)
    assert mask(masked, CONFIG) == (masked, {})


@given(st.text(alphabet="ab.@-–\xa01289+(/ <>:fx", max_size=80))
def test_masking_twice_changes_nothing_in_noise(text: str) -> None:
    masked, _ = mask(text, CONFIG)
    assert mask(masked, CONFIG) == (masked, {})


HOSTILE = [
    *("a", "a.", "a@", "a@b-", "a@b.", "a@b.c", "1.", "1.1.1.1.", "1", "2", "4111 ", "4111-", "41111111", "2 "),
    *(
        "+",
        "+1",
        "+44 ",
        "+44(",
        "+44 2)",
        "(",
        "(212",
        "(212) ",
        "212-",
        "212-555-",
        "1-2",
        "2001:",
        "2001::",
        "2a:",
        ":",
        "+44/",
        "+44 / ",
        "+44 2 /",
        "212-555-1234x",
        "4111–1111–1111–1111 12/",
        "é@",
    ),
    *(
        "eyJ",
        "eyJabcdefgh.",
        "eyJabcdefghij.ab.",
        "ghp_",
        "ghp_a",
        "github_pat_",
        "AKIA",
        "secret",
        "secret key ",
        "secretkey=",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "-----BEGIN A A A ",
        "-----BEGIN PRIVATE KEY-----a-",
        "-",
        "version 1.1.1.1",
    ),
    *("<EMAIL>", "<EMAIL", "8.8.8.8 ", "8.8.8.8+12125551234", "\0", "version ", "a@b.org"),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """A megabyte of each, with each start that opens a search and each end that breaks it off."""
    start = time.perf_counter()
    for before, after in (("", ""), ("a@", "@"), ("-----BEGIN PRIVATE KEY-----", ""), ("eyJ", "é")):
        mask(before + unit * (250_000 // len(unit)) + after, CONFIG)
    assert time.perf_counter() - start < 10  # quadratic work would take minutes


LETTERS = {
    "Chinese": ("服务器地址", "无法访问"),
    "Japanese": ("サーバーは", "です"),
    "Korean": ("서버주소는", "입니다"),
    "Thai": ("โทร", "ครับ"),
    "Cyrillic": ("адрес", "у"),
    "Arabic": ("رقم", "هنا"),
    "Hindi": ("पता", "है"),
}
EXAMPLES = {
    "email": ["foo.bar@example.com"],
    "ipv4": ["8.8.8.8"],
    "ipv6": ["2001:4860:4860::8888"],
    "phone": ["+8613800138000", "+12125551234", "212-555-0123", "(212) 555-0123", "212-555-1234x101"],
    "credit_card": ["4111 1111 1111 1111", "4111111111111111"],
    "aws_key": ["AKIAIOSFODNN7EXAMPLE", f"secret_key={SECRET}"],
    "github_token": [f"ghp_{'aB3' * 12}", f"github_pat_{'a' * 22}_{'B' * 59}"],
    "private_key": [f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----"],
    "jwt": [jwt({"alg": "HS256"})],
}


@pytest.mark.parametrize("script", LETTERS)
@pytest.mark.parametrize("kind", PIIConfig.model_fields)
def test_letters_of_other_scripts_may_stand_beside_personal_data(kind: str, script: str) -> None:
    before, behind = LETTERS[script]
    for example in EXAMPLES[kind]:
        masked, counts = mask(f"{before}{example}{behind}", CONFIG)
        assert counts == {kind: 1}, example
        assert masked.startswith(before) and masked.endswith(getattr(CONFIG, kind) + behind)


@pytest.mark.parametrize(
    "said", ["版本1.2.3.4发布", "バージョン1.2.3.4です", "버전 1.2.3.4입니다", "в версии 1.2.3.4и", "版本：1.2.3.4"]
)
def test_a_version_is_no_address_in_other_scripts(said: str) -> None:
    stays(said)
