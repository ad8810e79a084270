"""What several tests of the pipeline read."""

from pathlib import Path

import pytest

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import TokenizeConfig, VocabConfig
from data.tokens.tokenize import tokenize_shard


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json, and token shards of two sources in `tokens`."""
    folder = tmp_path_factory.mktemp("tokens")
    rows = [
        {"id": document_id(source, str(n)), "text": f"{word} number {n}, not more. " * 4, "source": source}
        | {"uri": "", "license": "", "meta": "{}"}
        for source, word in (("plain", "Text"), ("umlauts", "Wörter für Müller"))
        for n in range(60)
    ]
    write_table(folder / "documents.parquet", rows, SCHEMA)
    train_tokenizer(folder, [folder / "documents.parquet"], VocabConfig(size=300), seed=0)
    (folder / "tokens").mkdir()
    config = TokenizeConfig(validation=0.3, test=0.0)
    tokenize_shard(folder / "tokens", folder / "documents.parquet", folder / "tokenizer.json", config)
    return folder
