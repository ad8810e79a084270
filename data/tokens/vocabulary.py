"""A vocabulary in use: text to token ids and back, and the ids that mark where documents begin and end.

It is a `tokenizer.json`, trained by this program (`data.tokens.bpe`) or by others; beside one of others stands the
`tokenizer_config.json` that says which of its tokens ends a text.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
from tokenizers import Tokenizer

from data.tokens.config import END_OF_TEXT, PAD

CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
PATTERNS = {
    # GPT-2 `encoder.py`: a word with one space before it; numbers of any length.
    "gpt2": rf"{CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+",
    # Llama 3 `tokenizer.py`, after GPT-4's: numbers in groups of at most 3 digits, line ends of their own.
    "llama3": rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
SETTINGS = "tokenizer_config.json"
MODEL_SETTINGS = "config.json"  # Old families name the token that ends a text here alone.
SETTINGS_BYTES = 16 << 20  # Some of these files list every added token.
TOKENIZER_BYTES = 1 << 28
LONG_RUN = 100_000  # Characters of white space in a row: tiktoken panics from about a million on.
WHITE_SPACE = re.compile(r"\s{100,}")


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer, and the ids that mark beginnings, ends and padding in a sequence of tokens."""

    tokenizer: Tokenizer
    end_id: int
    """Ends every document."""
    begin_id: int | None
    """Begins every document; most vocabularies have none."""
    pad_id: int | None
    """Fills up batches of unequal lengths, never in a token shard."""

    @property
    def size(self) -> int:
        """One more than the highest id, special tokens included."""
        return 1 + max(self.tokenizer.get_vocab(with_added_tokens=True).values())

    @property
    def start_id(self) -> int:
        """The id before the first word of a text: the beginning of a document, or the end of the previous one."""
        return self.end_id if self.begin_id is None else self.begin_id

    def document(self, ids: np.ndarray) -> np.ndarray:
        """The ids of a text (n,) as a document (n + 1 or n + 2,), with its beginning, if it has one, and its end."""
        begin = [] if self.begin_id is None else [self.begin_id]
        return np.concatenate([begin, ids, [self.end_id]]).astype(np.int32)

    def continued(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """The text of the new `ids` that follow those of a prompt; special tokens have no text.

        Decoded alone they could lack the space that some vocabularies put before a word, and take from the first of a text.
        """
        whole = self.tokenizer.decode([*prompt, *ids], skip_special_tokens=True)
        return str(whole[len(self.tokenizer.decode(list(prompt), skip_special_tokens=True)) :])

    def text_of(self, document: np.ndarray) -> np.ndarray:
        """The ids of the text in a document: the opposite of `document`."""
        return document[0 if self.begin_id is None else 1 : -1]


def load_vocabulary(path: Path) -> Vocabulary:
    """Read a `tokenizer.json` and what stands beside it. Names of special tokens in a text will be encoded as text.

    Raises ValueError naming the file when it is no tokenizer, when nothing says which token ends a text, and for one that
    would not encode a text as such, or not always alike.
    """
    tokenizer = read_tokenizer(path)
    tokenizer.no_truncation()  # some files have it switched on: documents would be cut to a model's length
    tokenizer.no_padding()
    wrapped = tokenizer.encode("").ids  # the ids that its post-processor puts around a text
    tokenizer.encode_special_tokens = True  # the file does not store this setting
    end = _special(tokenizer, path, "eos_token", END_OF_TEXT)
    if end is None:
        raise ValueError(
            f"{path}: nothing says which of its tokens ends a text; put a {SETTINGS} with eos_token beside it"
        )
    begin = wrapped[0] if wrapped and wrapped[0] != end else None
    if getattr(tokenizer.model, "dropout", None):
        raise ValueError(f"{path}: its BPE drops merges at random; set model.dropout to null in it")
    for number in (end, begin):
        if (
            number is not None
            and number in tokenizer.encode(tokenizer.id_to_token(number), add_special_tokens=False).ids
        ):
            raise ValueError(
                f"{path}: makes of {tokenizer.id_to_token(number)!r} in a text the token that no text may have"
            )
    return Vocabulary(tokenizer, end, begin, _special(tokenizer, path, "pad_token", PAD))


def read_tokenizer(path: Path) -> Tokenizer:
    """A `tokenizer.json` as it stands there. Raises ValueError naming the file when it is none."""
    try:
        if path.stat().st_size > TOKENIZER_BYTES:
            raise ValueError(f"larger than {TOKENIZER_BYTES:,} bytes")
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library, written in Rust, raises bare Exception
        raise ValueError(f"{path}: not a tokenizer file ({error})") from error


def copy_vocabulary(tokenizer: Path, folder: Path) -> None:
    """Copy a `tokenizer.json` and what stands beside it."""
    for path in (tokenizer, tokenizer.with_name(SETTINGS)):
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())


def take_vocabulary(tokenizer: Path, folder: Path) -> Vocabulary:
    """Copy a `tokenizer.json` of others into a folder, with what has to stand beside it written anew; raises ValueError as
    `load_vocabulary` does.
    """
    vocabulary = load_vocabulary(tokenizer)
    name = vocabulary.tokenizer.id_to_token
    special = {"eos_token": name(vocabulary.end_id)}
    if vocabulary.pad_id is not None:
        special["pad_token"] = name(vocabulary.pad_id)
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    (folder / SETTINGS).write_text(json.dumps(special, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return vocabulary


def find_tokenizer(path: Path) -> Path:
    """The `tokenizer.json` that a file or a folder stands for. Raises ValueError when there is none."""
    found = path / "tokenizer.json" if path.is_dir() else path
    if not found.is_file():
        raise ValueError(
            f"{found}: there is no such file; transformers writes it: AutoTokenizer.from_pretrained(…).save_pretrained(…)"
        )
    return found


def settings_files(tokenizer: Path) -> list[Path]:
    """The files beside a `tokenizer.json` that say what its special tokens are for."""
    return [path for path in (tokenizer.with_name(SETTINGS), tokenizer.with_name(MODEL_SETTINGS)) if path.is_file()]


def _special(tokenizer: Tokenizer, path: Path, key: str, ours: str) -> int | None:
    """The id of a special token: by its name in tokenizer_config.json, by its id in config.json, or by the name that ours has."""
    name = _settings(path.with_name(SETTINGS)).get(key)
    name = name.get("content") if isinstance(name, dict) else name
    if isinstance(name, str):
        found = tokenizer.token_to_id(name)
        if found is None:
            raise ValueError(f"{path}: has no token {name!r}, which {SETTINGS} beside it names as {key}")
        return int(found)
    number = _settings(path.with_name(MODEL_SETTINGS)).get(f"{key}_id")
    number = number[0] if isinstance(number, list) and number else number
    if type(number) is int and number >= 0 and tokenizer.id_to_token(number) is not None:
        return number
    found = tokenizer.token_to_id(ours)
    return None if found is None else int(found)


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > SETTINGS_BYTES:
            raise ValueError(f"larger than {SETTINGS_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    return content if isinstance(content, dict) else {}


class Encoder:
    """Encodes as `tokenizer.encode_batch_fast` does, several times faster, by giving vocabulary and pattern to tiktoken.

    tiktoken merges by the rank of what comes out, `tokenizers` by the rank of the merge; for merges in the order in which they
    were learned, each with a new id, the two are the same. Both class every character alike (a test goes over them all). On
    endless white space tiktoken panics: such a text goes the slow way, and so does every text under a vocabulary of others.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:

        self._tokenizer = vocabulary.tokenizer
        found = pattern_and_ranks(vocabulary.tokenizer)
        self._fast = found and tiktoken.Encoding(
            "gristmill", pat_str=found[0], mergeable_ranks=found[1], special_tokens={}
        )

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, (n,) int32, without special tokens."""
        return [np.array(self._encode(text), dtype=np.int32) for text in texts]

    def encode_to_lists(self, texts: Sequence[str]) -> list[list[int]]:
        """The same ids as lists, which is what evaluation, fine-tuning and generation take."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> list[int]:
        if self._fast is None or (
            len(text) > LONG_RUN and any(len(run) > LONG_RUN for run in WHITE_SPACE.findall(text))
        ):
            return list(self._tokenizer.encode(_of_characters(text), add_special_tokens=False).ids)
        return list(self._fast.encode_ordinary(text))


def _of_characters(text: str) -> str:
    """A text with the replacement character for each half of a surrogate pair, as tiktoken reads it; `tokenizers` refuses it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pattern_and_ranks(tokenizer: Tokenizer) -> tuple[str, dict[bytes, int]] | None:
    """The regular expression that cuts pieces, and the id of each token by its bytes, special tokens left out.

    None for a tokenizer that is not one of these patterns followed by byte-level BPE, as this program trains them.
    """
    content = json.loads(tokenizer.to_str())
    steps = (content["pre_tokenizer"] or {}).get("pretokenizers", [])
    if [step["type"] for step in steps] != ["Split", "ByteLevel"] or content["model"]["type"] != "BPE":
        return None
    cut, by_byte = steps
    model = content["model"]
    pattern = cut["pattern"].get("Regex")
    ordinary = cut["behavior"] == "Isolated" and not (
        cut["invert"] or by_byte["add_prefix_space"] or by_byte["use_regex"]
    )
    extras = (
        "dropout",
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "byte_fallback",
        "ignore_merges",
    )
    if (
        content["normalizer"]
        or pattern not in PATTERNS.values()
        or not ordinary
        or any(model.get(name) for name in extras)
    ):
        return None
    if not all(token["special"] for token in content["added_tokens"]):
        return None
    vocab, special = model["vocab"], {token["content"] for token in content["added_tokens"]}
    learned = [vocab.get("".join(pair)) for pair in model["merges"]]
    if learned != list(range(len(special) + 256, len(vocab))):
        return None
    byte_of = {character: byte for byte, character in _byte_alphabet().items()}
    return pattern, {
        bytes(byte_of[c] for c in token): number for token, number in vocab.items() if token not in special
    }


def _byte_alphabet() -> dict[int, str]:
    """Byte -> the printable character that stands for it (GPT-2 `bytes_to_unicode`)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}
