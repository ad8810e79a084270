"""Texts with personal data by kind, and beside it what only looks like it, for the goldens of clean.

No key here opens anything: each is made up, or the example of its own documentation.
"""

import base64
import json

_BASE64_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


_SIGNATURE = "abcDEF123_-abcDEF123"

PERSONAL = {
    "email": "Write to jane.doe+list@mail.example.org, not to logo@2x.png or jané@exämple.com; or to <EMAIL>.",
    "ipv4": "From 8.8.8.8 and 151.101.1.69:443, not from 192.168.1.1, 10.0.0.1, version 1.2.3.4 or 1.2.3.4.5.",
    "ipv6": "From 2606:4700:4700::1111 and 2a00:1450:4001:81b::200e, not from 2001:db8::1, fe80::1 or 12:30:45.",
    "phone": "Call +44 20 7946 0958, +1 (212) 555-0134, (212) 555-0187 x12, 1-212-555-0199 or 212.555.0123; not 2024-01-31, "
    "+20/40/60/80 or 12345678; +49 30 901820 is one.",
    "credit_card": "Paid with 4111 1111 1111 1111, 5555555555554444 and 3782-822463-10005, not 4111 1111 1111 1112 or "
    "1234567890123456; one until 12/27: 6011 1111 1111 1117 12/27.",
    "aws_key": "AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE and aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY; "
    "not secret_key = da39a3ee5e6b4b0d3255bfef95601890afd80709.",
    "github_token": f"ghp_{'aB3' * 12} and github_pat_{'A1' * 11}_{'b2' * 29}c, not ghp_short.",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{_BASE64_LINE}\n{_BASE64_LINE}\n-----END PRIVATE KEY-----\nNot this: "
    "-----BEGIN PRIVATE KEY----- and so on -----END PRIVATE KEY-----",
    "jwt": f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded({'sub': '1'})}.{_SIGNATURE} but not "
    f"{_encoded({'typ': 'none at all'})}.{_encoded({'sub': '1'})}.{_SIGNATURE}",
    "beside other scripts": "服务器地址8.8.8.8无法访问，卡号4111111111111111；電話は212-555-0123です。"
    "서버는 2001:4860:4860::8888입니다; пишитеjane@example.orgнам, ключAKIAIOSFODNN7EXAMPLEи; 版本1.2.3.4发布",
    "overlapping": "user@8.8.8.8.example.com, tel:+1-212-555-0134@example.org, no\u2011break 212\u2011555\u20110134, 212\xa0555.",
}
