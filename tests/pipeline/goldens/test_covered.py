"""Whatever there is a choice of has a golden, so that a new choice without one fails here."""

from typing import Any, get_args

from data.clean.config import CHAIN
from data.clean.filters.families import FAMILIES
from data.clean.pii import PIIConfig
from data.collect.collect import CollectConfig
from data.dedup.dedup import DedupConfig
from data.sources.config import Format, SourceConfig, TextConfig
from data.sources.readers import READERS
from data.sources.streams.byte_stream import COMPRESSIONS
from data.text.words import SPLITTERS
from data.tokens.vocabulary import PATTERNS
from model.formats.hf_config import CLASSES
from model.network.config import ModelConfig
from model.training.train_config import TrainConfig
from pipeline.goldens import clean, collect, dedup, networks, pretrain, tokens
from pipeline.goldens.make import EXPECTED_FILE, GOLDENS, read_expected
from pipeline.goldens.sources import INPUTS
from pipeline.stages.line import STAGES
from tests.pipeline.goldens.test_noticed_in_texts import FORMATS

ON_A_GPU_ONLY = {"float16"}  # a CPU does not train in it


def choices(config: Any, field: str) -> set[Any]:
    """The values that a field of literals may have."""
    return {value for value in _literals(config.model_fields[field].annotation) if isinstance(value, str)}


def _literals(annotation: Any) -> set[Any]:
    arguments = get_args(annotation)
    return set().union(*(_literals(each) if get_args(each) else {each} for each in arguments))


def test_every_stage_has_goldens() -> None:
    assert [stage.name for stage in STAGES] == [*GOLDENS]
    assert {stage.name: stage.version for stage in STAGES} == {
        name: e["version"] for name, e in read_expected().items()
    }


def test_every_format_compression_and_extractor_is_collected() -> None:
    collected = {FORMATS.get(source.name, source.name.partition("-")[0]) for source in collect.SOURCES}
    assert collected == set(get_args(Format)) == READERS.keys() | {"datasets"}
    paths = [
        path for source in collect.SOURCES for path in ([source.path] if isinstance(source.path, str) else source.path)
    ]
    assert {suffix for suffix in COMPRESSIONS if suffix != ".tgz"} <= {f".{path.rpartition('.')[2]}" for path in paths}
    assert {source.extractor for source in collect.SOURCES} == choices(SourceConfig, "extractor")
    assert {source.text.documents for source in collect.SOURCES} == choices(TextConfig, "documents")
    assert choices(CollectConfig, "normalise") == {"ftfy", "nfc"}


def test_every_rule_kind_of_personal_data_and_step_of_the_chain_is_cleaned() -> None:
    rules = {f"{family}.{rule}" for family, module in FAMILIES.items() for rule in module.rules}
    kinds = {f"pii.{kind}" for kind in PIIConfig.model_fields}
    lists = {f"block_lists.{kind}" for kind in ("domains", "urls", "words")}
    assert rules | kinds | lists | {"not_text", "lines", "sources"} <= clean.GOLDENS.keys()
    assert {name.partition(".")[0] for name in clean.GOLDENS} >= set(CHAIN)
    assert {config.words for config in clean.text_configs().values()} == SPLITTERS.keys()


def test_every_kind_of_duplicate_vocabulary_and_dtype_has_a_golden() -> None:
    assert DedupConfig.model_fields.keys() <= dedup.GOLDENS.keys()
    assert PATTERNS.keys() <= tokens.VOCABULARIES.keys()
    assert {str(value) for name, value in _expected("tokenize") if name.endswith(" dtype")} == {"uint16", "int32"}


def test_every_optimizer_schedule_and_dtype_is_trained() -> None:
    for field in ("optimizer", "schedule", "dtype"):
        default = TrainConfig.model_fields[field].default
        trained = {variant.get(field, default) for variant in pretrain.VARIANTS.values()}
        assert trained | ON_A_GPU_ONLY >= choices(TrainConfig, field)


def test_every_option_of_a_network_is_evaluated_and_every_family_exported() -> None:
    built = [*networks.FAMILIES.values(), *networks.OTHERS.values()]
    for field in ("positions", "norm", "norm_position", "feed_forward"):
        default = ModelConfig.model_fields[field].default
        assert {fields.get(field, default) for fields in built} == choices(ModelConfig, field)
    assert CLASSES.keys() <= networks.FAMILIES.keys()


def test_every_rule_rejects_some_texts_and_keeps_some() -> None:
    values = dict(_expected("clean"))
    empty = "0:" + "0" * 32
    for name, _ in clean.rule_configs():
        assert values[f"{name}/documents"] != empty and f"{name}/rejected" in values


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in [EXPECTED_FILE, *INPUTS.rglob("*")]) < 300_000


def _expected(stage: str) -> list[tuple[str, Any]]:
    return list(read_expected()[stage]["values"].items())
