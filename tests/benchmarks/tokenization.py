"""Tokens per second of one thread: our encoder and our tokenize stage beside tiktoken and tokenizers, same merges (16k)."""

import tempfile
from pathlib import Path

import pyarrow as pa
import tiktoken

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import TokenizeConfig, VocabConfig
from data.tokens.tokenize import tokenize_shard
from data.tokens.vocabulary import Encoder, load_vocabulary, pattern_and_ranks
from tests.benchmarks.sample import addresses
from tests.benchmarks.table import Row, compare, measure

VOCAB_SIZE = 16_384


def rows() -> list[Row]:
    """Our encoder beside both tools, then the stage, with reading and writing its files, beside `tokenizers` alone."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    texts = addresses()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        documents = folder / "documents.parquet"
        write_table(documents, [_document(number, text) for number, text in enumerate(texts)], SCHEMA)
        train_tokenizer(folder, [documents], VocabConfig(size=VOCAB_SIZE), seed=0)
        vocabulary = load_vocabulary(folder / "tokenizer.json")
        tokenizer, found = vocabulary.tokenizer, pattern_and_ranks(vocabulary.tokenizer)
        assert found, "not a vocabulary of our own"
        pattern, ranks = found
        theirs = tiktoken.Encoding("reference", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        ours = Encoder(vocabulary)

        def with_tokenizers() -> list[list[int]]:
            return [found.ids for found in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

        def stage() -> dict:
            return tokenize_shard(folder, documents, folder / "tokenizer.json", TokenizeConfig())

        expected = with_tokenizers()
        assert [ids.tolist() for ids in ours.encode(texts)] == expected, "not the same ids"
        tokens = sum(map(len, expected))
        assert stage()["tokens"] == tokens + len(texts)  # one separator a document
        seconds = measure(
            "tokenization",
            {
                "ours": lambda: ours.encode(texts),
                "tiktoken": lambda: [theirs.encode_ordinary(text) for text in texts],
                "stage": stage,
                "tokenizers": with_tokenizers,
            },
            rounds=7,
        )
    batch = "tokenizers encode_batch_fast"
    return [
        compare("tokenization", seconds, "ours", "tokenizers", tokens, "tokens/s", batch),
        compare("tokenization", seconds, "ours", "tiktoken", tokens, "tokens/s"),
        compare("tokenization, whole stage", seconds, "stage", "tokenizers", tokens, "tokens/s", f"{batch} alone"),
    ]


def _document(number: int, text: str) -> dict[str, object]:
    place = f"sotu#{number}"
    return {"id": document_id("sotu", place), "text": text, "source": "sotu", "uri": place, "license": "", "meta": "{}"}
