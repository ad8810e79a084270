"""The goldens of annotate: every measure of all texts, and the scores of a user's function."""

from functools import partial
from pathlib import Path

from data.clean.annotate import FILE, annotate_shard
from data.clean.annotate_config import AnnotateConfig
from data.tables import read_table
from pipeline.goldens.clean import BASE
from pipeline.goldens.content import Golden, Values, counts_content, value_content, write_documents
from pipeline.goldens.texts import TEXTS

CONFIGS = {
    "default": AnnotateConfig(custom=["rules:vowels"]),
    "words": AnnotateConfig(families=("gopher_repetition", "gopher_quality", "fineweb"), words="punctuation"),
    "end_marks": AnnotateConfig.model_validate({"families": ["fineweb"], "end_marks": "fineweb"}),
}
NOTHING = -1.0  # stands for a score that is null


def _annotate(config: AnnotateConfig, folder: Path) -> Values:
    documents = write_documents(folder / "documents.parquet", TEXTS)
    made: Values = {"counts": counts_content([annotate_shard(folder, documents, config, BASE)])}
    columns = read_table(folder / FILE).to_pydict()
    for name, values in columns.items():
        if name == "language_score":  # the only one that is more than a ratio of counts
            made[name] = [NOTHING if value is None else value for value in values]
        else:
            made[name] = value_content(values)
    return made


GOLDENS: dict[str, Golden] = {name: partial(_annotate, config) for name, config in CONFIGS.items()}
