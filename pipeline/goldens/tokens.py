"""The goldens of vocab and tokenize: vocabularies that are trained and adopted, splits, and how tokens are stored."""

from functools import partial
from pathlib import Path

from data.tokens.bpe import VocabConfig, adopt_tokenizer, train_tokenizer
from data.tokens.splits import FILE, list_splits, moved_documents
from data.tokens.token_shards import TokenShard, list_token_shards
from data.tokens.tokenize import TokenizeConfig, provenance, tokenize_shard, tokens_content
from pipeline.goldens.content import Golden, Values, counts_content, file_content, value_content, write_documents
from pipeline.goldens.sources import INPUTS
from pipeline.goldens.texts import SINGLE

TRAINED, ADOPTED = (INPUTS / name / "tokenizer.json" for name in ("trained", "adopted"))
MORE = {
    "contractions": "I'll say it's what they've said, SHE'D said: 1234567 or 12 3456.\r\n\r\n  Tabs\tand   spaces.  ",
    "special": "The name <|endoftext|> in a text, <|pad|> and </s> too.",
    "scripts": "Привет мир 你好世界 नमस्ते 🎉🎉",
}
TEXTS = {name: text[:500] for name, text in SINGLE.items()} | MORE
VOCABULARIES = {
    "llama3": VocabConfig(size=400),
    "gpt2": VocabConfig(size=400, pre_tokenizer="gpt2"),
    "special_tokens": VocabConfig(size=300, special_tokens=("<|user|>",)),
    "min_frequency": VocabConfig(size=2000, min_frequency=20),
    "sample": VocabConfig(size=400, sample_mb=0.004),
}
TOKENS = {
    "splits": (TRAINED, TokenizeConfig(validation=0.3, test=0.2)),
    "int32": (TRAINED, TokenizeConfig(dtype="int32")),
    "adopted": (ADOPTED, TokenizeConfig()),
}


def _train(config: VocabConfig, folder: Path) -> Values:
    documents = write_documents(folder / "documents.parquet", TEXTS)
    counts = train_tokenizer(folder, [documents], config, seed=0)
    return _vocabulary(folder, counts)


def _adopt(folder: Path) -> Values:
    documents = write_documents(folder / "documents.parquet", TEXTS)
    return _vocabulary(folder, adopt_tokenizer(folder, [documents], ADOPTED, seed=0))


def _vocabulary(folder: Path, counts: dict[str, object]) -> Values:
    files = {name: folder / f"{name}.json" for name in ("tokenizer", "tokenizer_config", "report")}
    made: Values = {name: file_content(path) for name, path in files.items() if path.is_file()}
    return made | {"counts": counts_content([counts])}


def _tokenize(tokenizer: Path, config: TokenizeConfig, folder: Path) -> Values:
    documents = write_documents(folder / "documents.parquet", TEXTS)
    list_splits(folder, documents, config)
    moved = moved_documents([folder / FILE], config)
    made: Values = {"counts": counts_content([tokenize_shard(folder, documents, tokenizer, config, moved)])}
    made |= tokens_content(folder)
    for entry in list_token_shards(folder):
        table = [provenance(entry.prefix, number) for number in range(entry.documents)]
        made |= {
            f"{entry.split} dtype": str(TokenShard.open(entry.prefix).tokens.dtype),
            f"{entry.split} provenance": value_content(table),
        }
    return made


VOCAB_GOLDENS: dict[str, Golden] = {
    **{name: partial(_train, config) for name, config in VOCABULARIES.items()},
    "adopted": _adopt,
}
TOKENIZE_GOLDENS: dict[str, Golden] = {name: partial(_tokenize, *made) for name, made in TOKENS.items()}
