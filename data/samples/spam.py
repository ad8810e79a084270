"""SpamAssassin messages for fine-tuning: subject and plain body, masked, balanced, split into train and test."""

import email
import email.policy
import random
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from data.text.normalise import normalise

HAM_FOLDERS = ("easy-ham-1", "easy-ham-2", "hard-ham-1")
SPAM_FOLDERS = ("spam-1", "spam-2")
MESSAGES_PER_LABEL = 600
TEST_PER_LABEL = 200
CHARACTERS = 1000  # A message is cut to so many.
MIN_CHARACTERS = 80
MIN_ASCII = 0.97  # Least share of the characters: the demo's vocabulary is made from English text.
SAME_LETTERS = 200  # Messages whose first so many letters are equal are copies of one mailing.
SEED = 20020822

# Order matters: the user part of an address in a link goes before the addresses themselves.
MASKS = [
    (re.compile(r"(?<=://)[^\s/@]{1,200}@"), ""),
    (re.compile(r"mailto:\S{1,200}"), "mailto:<email>"),
    (re.compile(r"[\w.+=%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"), "<email>"),
    (
        re.compile(r"(?<![\w.])(?!(?:19|20)\d\d-\d\d-\d\d)\+?\(?\d{1,4}\)?(?:[ .)-]{1,2}\(?\d{2,5}\)?){2,5}(?!\w)"),
        "<phone>",
    ),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), "<ip>"),
]
# Text that the corpus's collectors or its mailing lists put into messages of one class.
LEAKS = re.compile(
    r"(?i)spam-?assassin|x-spam|\[?spam\]|taint\.org|netnoteinc|example\.com|\[(?:ilug|razor|sadev|zzzzteana|exmh)[^\]]*\]"
)

MARKUP = re.compile(r"(?i)<(?:html|body|table)\b")  # Some bodies have markup though they call themselves plain.


def read_messages(folder: Path) -> list[dict[str, object]]:
    """A balanced, seeded sample without copies of one message; labels and splits are in random order."""
    chooser = random.Random(SEED)
    chosen: list[dict[str, object]] = []
    for label, groups in (("ham", HAM_FOLDERS), ("spam", SPAM_FOLDERS)):
        mailings: dict[str, tuple[str, str]] = {}
        for name, text in _texts(folder, groups):
            mailings.setdefault(re.sub("[^a-z]", "", text.lower())[:SAME_LETTERS], (name, text))
        pool = sorted(mailings.values())
        for number, (name, text) in enumerate(chooser.sample(pool, MESSAGES_PER_LABEL)):
            split = "test" if number < TEST_PER_LABEL else "train"
            chosen.append({"id": name, "text": text, "label": label, "split": split})
    chooser.shuffle(chosen)
    return chosen


def _texts(folder: Path, groups: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for group in groups:
        for path in sorted((folder / group).glob("*.txt")):
            text = message_text(path.read_bytes())
            ascii_characters = len(text.encode("ascii", errors="ignore"))
            if len(text) >= MIN_CHARACTERS and ascii_characters >= MIN_ASCII * len(text) and "\ufffd" not in text:
                yield f"{group}/{path.stem.partition('.')[0]}", text


def message_text(content: bytes) -> str:
    """Subject and body of a message, masked and cut; no other header, for they tell who collected it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text = normalise(f"{_subject(message)}\n\n{_body(message)}")
    text = LEAKS.sub("", text)
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text[:CHARACTERS].strip()


def _subject(message: EmailMessage) -> str:
    try:
        return str(message["Subject"] or "")
    except (ValueError, IndexError, LookupError):  # the standard library's parser gives up on some headers
        return ""


def _body(message: EmailMessage) -> str:

    part = message.get_body(preferencelist=("plain", "html"))
    if part is None or part.is_multipart():
        return ""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    try:
        text = payload.decode(part.get_content_charset("utf-8"))
    except (UnicodeDecodeError, LookupError):
        text = payload.decode("windows-1252", errors="replace")
    is_html = part.get_content_type() == "text/html" or MARKUP.search(text)
    return extract_plain_text(text, alt_texts=False, noscript=False) if is_html else text
