"""What a change of each field of the recipe rebuilds, from an explicit table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from data.collect.given_config import GivenSource
from orchestration.store import Store
from pipeline.recipe.fields import models_in
from pipeline.recipe.reading import check_recipe, to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.reference.rows import field_rows
from pipeline.runs.plan import make_plan
from pipeline.stages.line import STAGES
from tests.pipeline.tiny_recipe import TINY, changed

ALL = tuple(stage.name for stage in STAGES)

# What a change of each field rebuilds: the stage that it belongs to, and all that takes from it.
NOTHING: tuple[str, ...] = ()
COLLECT = ALL
DOCUMENTS = ALL[1:]
ANNOTATE = ALL[2:]
CLEAN = ALL[3:]
DEDUP = ALL[4:]
VOCAB = ALL[5:]
TOKENIZE = ALL[6:]
TOKENS = ALL[7:]
PRETRAIN = ("pretrain", "evaluate", "finetune", "export")
EVALUATE = ("evaluate", "export")
FINETUNE = ("finetune", "export")
EXPORT = ("export",)

# Field: (another value, the stages that are built anew). A list of models is spoken of by its first item.
TABLE: dict[str, tuple[Any, tuple[str, ...]]] = {
    "format": (1, NOTHING),
    "name": ("other", NOTHING),
    "description": ("words", NOTHING),
    "strict": (True, NOTHING),
    "collect.sources.name": ("other", COLLECT),
    "collect.sources.path": ("b.jsonl", COLLECT),
    "collect.sources.format": ("jsonl", COLLECT),
    "collect.sources.text_field": ("body", COLLECT),
    "collect.sources.id_field": ("id", COLLECT),
    "collect.sources.uri_field": ("uri", COLLECT),
    "collect.sources.license_field": ("license", COLLECT),
    "collect.sources.license": ("CC0-1.0", COLLECT),
    "collect.sources.date_field": ("date", COLLECT),
    "collect.sources.meta_fields": (["year"], COLLECT),
    "collect.sources.text.documents": ("line", COLLECT),
    "collect.sources.html": (True, COLLECT),
    "collect.sources.encoding": ("cp1252", COLLECT),
    "collect.sources.extractor": ("trafilatura", COLLECT),
    "collect.sources.csv.delimiter": (";", COLLECT),
    "collect.sources.wikipedia.namespaces": ([0, 14], COLLECT),
    "collect.sources.datasets.config": ("en", COLLECT),
    "collect.sources.datasets.split": ("test", COLLECT),
    "collect.sources.datasets.revision": ("main", COLLECT),
    "collect.withdrawn": ("b.txt", COLLECT),
    "collect.normalise": ("nfc", COLLECT),
    "collect.shard_mb": (8, COLLECT),
    "collect.max_record_mb": (8, COLLECT),
    "collect.max_file_gb": (8, COLLECT),
    "collect.max_members": (8, COLLECT),
    "annotate.families": (["gopher_quality"], ANNOTATE),
    "annotate.words": ("punctuation", ANNOTATE),
    "annotate.characters": (500, ANNOTATE),
    "annotate.language_model": ("py3langid", ANNOTATE),
    "annotate.stop_words": (["der", "die"], ANNOTATE),
    "annotate.end_marks": ("fineweb", ANNOTATE),
    "annotate.short_line_length": (20, ANNOTATE),
    "annotate.custom": (["rules:length"], ANNOTATE),
    "clean.preset": ("books", CLEAN),
    "clean.sources": ({"s": {"fineweb": None}}, CLEAN),
    "clean.words": ("punctuation", CLEAN),
    "clean.lines": ("paragraphs", CLEAN),
    "clean.not_text": (None, CLEAN),
    "clean.not_text.max_control_characters": (0.5, CLEAN),
    "clean.not_text.max_lost_characters": (0.5, CLEAN),
    "clean.not_text.max_unassigned_characters": (0.5, CLEAN),
    "clean.not_text.max_capitals_within": (0.5, CLEAN),
    "clean.chain": (["language"], CLEAN),
    "clean.block_lists": ({"words": ["a.txt"]}, CLEAN),
    "clean.block_lists.domains": (["a.txt"], CLEAN),
    "clean.block_lists.urls": (["a.txt"], CLEAN),
    "clean.block_lists.words": (["b.txt"], CLEAN),
    "clean.block_lists.max_words": (9, CLEAN),
    "clean.boilerplate": ({}, CLEAN),
    "clean.boilerplate.min_documents": (9, CLEAN),
    "clean.boilerplate.min_fraction": (0.9, CLEAN),
    "clean.boilerplate.min_characters": (9, CLEAN),
    "clean.scores.name": ("fineweb.newlines", CLEAN),
    "clean.scores.min": (0.5, CLEAN),
    "clean.scores.max": (0.5, CLEAN),
    "clean.custom.function": ("rules:lower", CLEAN),
    "clean.custom.min": (1.0, CLEAN),
    "clean.custom.max": (1.0, CLEAN),
    "clean.language": (None, CLEAN),
    "clean.language.unit": ("paragraph", CLEAN),
    "clean.language.paragraph_characters": (50, CLEAN),
    "clean.language.min_fraction": (0.4, CLEAN),
    "clean.language.allowed": (["de"], CLEAN),
    "clean.language.threshold": (0.5, CLEAN),
    "clean.language.model": ("py3langid", CLEAN),
    "clean.language.thresholds": ({"en": 0.5}, CLEAN),
    "clean.language.rules": ({"en": {"c4": None}}, CLEAN),
    "clean.language.characters": (500, CLEAN),
    "clean.gopher_repetition": (None, CLEAN),
    "clean.gopher_repetition.duplicate_paragraphs": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_paragraph_characters": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_lines": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_line_characters": (0.01, CLEAN),
    "clean.gopher_repetition.top_2_gram": (0.01, CLEAN),
    "clean.gopher_repetition.top_3_gram": (0.01, CLEAN),
    "clean.gopher_repetition.top_4_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_5_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_6_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_7_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_8_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_9_gram": (0.01, CLEAN),
    "clean.gopher_repetition.duplicate_10_gram": (0.01, CLEAN),
    "clean.gopher_quality": (None, CLEAN),
    "clean.gopher_quality.min_words": (7, CLEAN),
    "clean.gopher_quality.max_words": (70_000, CLEAN),
    "clean.gopher_quality.min_mean_word_length": (2, CLEAN),
    "clean.gopher_quality.max_mean_word_length": (12, CLEAN),
    "clean.gopher_quality.max_hashes_per_word": (0.2, CLEAN),
    "clean.gopher_quality.max_ellipses_per_word": (0.2, CLEAN),
    "clean.gopher_quality.max_bullet_lines": (0.2, CLEAN),
    "clean.gopher_quality.max_ellipsis_lines": (0.2, CLEAN),
    "clean.gopher_quality.min_alphabetic_words": (0.2, CLEAN),
    "clean.gopher_quality.min_stop_words": (1, CLEAN),
    "clean.gopher_quality.stop_words": (["der", "die"], CLEAN),
    "clean.c4": (None, CLEAN),
    "clean.c4.max_word_length": (99, CLEAN),
    "clean.c4.remove_citations": (False, CLEAN),
    "clean.c4.require_end_mark": (True, CLEAN),
    "clean.c4.min_words_per_line": (1, CLEAN),
    "clean.c4.drop_javascript_lines": (False, CLEAN),
    "clean.c4.drop_policy_lines": (False, CLEAN),
    "clean.c4.reject_lorem_ipsum": (False, CLEAN),
    "clean.c4.reject_curly_bracket": (False, CLEAN),
    "clean.c4.min_sentences": (1, CLEAN),
    "clean.fineweb": (None, CLEAN),
    "clean.fineweb.min_end_mark_lines": (0.2, CLEAN),
    "clean.fineweb.end_marks": ("fineweb", CLEAN),
    "clean.fineweb.max_short_lines": (0.2, CLEAN),
    "clean.fineweb.short_line_length": (20, CLEAN),
    "clean.fineweb.max_duplicate_line_characters": (0.2, CLEAN),
    "clean.fineweb.max_newlines_per_word": (0.2, CLEAN),
    "clean.pii": (None, CLEAN),
    "clean.pii.email": ("<MAIL>", CLEAN),
    "clean.pii.ipv4": (None, CLEAN),
    "clean.pii.ipv6": (None, CLEAN),
    "clean.pii.phone": (None, CLEAN),
    "clean.pii.credit_card": (None, CLEAN),
    "clean.pii.aws_key": (None, CLEAN),
    "clean.pii.github_token": (None, CLEAN),
    "clean.pii.private_key": (None, CLEAN),
    "clean.pii.jwt": (None, CLEAN),
    "dedup.parts": (None, DEDUP),
    "dedup.parts.under_documents": (500, DEDUP),
    "dedup.parts.kilobytes": (8, DEDUP),
    "dedup.exact": (False, DEDUP),
    "dedup.minhash": (None, DEDUP),
    "dedup.minhash.shingle_words": (4, DEDUP),
    "dedup.minhash.bands": (10, DEDUP),
    "dedup.minhash.rows": (5, DEDUP),
    "dedup.minhash.seed": (2, DEDUP),
    "dedup.minhash.numbers": ("keep", DEDUP),
    "dedup.contamination": (None, DEDUP),
    "dedup.contamination.files": (["b.jsonl"], DEDUP),
    "dedup.contamination.ngram": (8, DEDUP),
    "dedup.contamination.min_item_words": (10, DEDUP),
    "vocab.size": (600, VOCAB),
    "vocab.pre_tokenizer": ("gpt2", VOCAB),
    "vocab.special_tokens": (["<|x|>"], VOCAB),
    "vocab.min_frequency": (3, VOCAB),
    "vocab.sample_mb": (1.0, VOCAB),
    "vocab.lossy": (True, NOTHING),
    "vocab.tokenizer": ("theirs", VOCAB),
    "tokenize.validation": (0.2, TOKENIZE),
    "tokenize.test": (0.2, TOKENIZE),
    "tokenize.dtype": ("int32", TOKENIZE),
    "pretrain.init_from": ("theirs", PRETRAIN),
    "pretrain.init": ("continue", PRETRAIN),
    "pretrain.model.vocab_size": (512, PRETRAIN),
    "pretrain.model.max_sequence_length": (32, PRETRAIN),
    "pretrain.model.d_model": (16, PRETRAIN),
    "pretrain.model.head_dim": (6, PRETRAIN),
    "pretrain.model.n_layers": (2, PRETRAIN),
    "pretrain.model.n_heads": (4, PRETRAIN),
    "pretrain.model.n_kv_heads": (1, PRETRAIN),
    "pretrain.model.d_ff": (32, PRETRAIN),
    "pretrain.model.positions": ("learned", PRETRAIN),
    "pretrain.model.rope_theta": (500_000.0, PRETRAIN),
    "pretrain.model.rope_scaling": ({"type": "llama3", "factor": 8.0, "original_sequence_length": 16}, PRETRAIN),
    "pretrain.model.rope_scaling.type": ("yarn", PRETRAIN),
    "pretrain.model.rope_scaling.factor": (4.0, PRETRAIN),
    "pretrain.model.rope_scaling.original_sequence_length": (8, PRETRAIN),
    "pretrain.model.rope_scaling.low_freq_factor": (2.0, PRETRAIN),
    "pretrain.model.rope_scaling.high_freq_factor": (8.0, PRETRAIN),
    "pretrain.model.rope_scaling.beta_fast": (16.0, PRETRAIN),
    "pretrain.model.rope_scaling.beta_slow": (2.0, PRETRAIN),
    "pretrain.model.rope_scaling.attention_factor": (1.2, PRETRAIN),
    "pretrain.model.norm": ("layernorm", PRETRAIN),
    "pretrain.model.norm_position": ("both", PRETRAIN),
    "pretrain.model.norm_eps": (1.0e-6, PRETRAIN),
    "pretrain.model.feed_forward": ("gelu", PRETRAIN),
    "pretrain.model.sliding_window": (8, PRETRAIN),
    "pretrain.model.attention_pattern": (["local", "global"], PRETRAIN),
    "pretrain.model.qk_norm": (True, PRETRAIN),
    "pretrain.model.attention_scale": (0.5, PRETRAIN),
    "pretrain.model.attention_softcap": (50.0, PRETRAIN),
    "pretrain.model.logit_softcap": (30.0, PRETRAIN),
    "pretrain.model.embedding_scale": (True, PRETRAIN),
    "pretrain.model.bias": (True, PRETRAIN),
    "pretrain.model.tied_embeddings": (True, PRETRAIN),
    "pretrain.model.dropout": (0.1, PRETRAIN),
    "pretrain.model.embedding_dropout": (0.1, PRETRAIN),
    "pretrain.model.attention_dropout": (0.1, PRETRAIN),
    "pretrain.model.residual_dropout": (0.1, PRETRAIN),
    "pretrain.model.initialization": ("xavier", PRETRAIN),
    "pretrain.training.steps": (20, PRETRAIN),
    "pretrain.training.sequence_length": (16, PRETRAIN),
    "pretrain.training.global_batch": (16, PRETRAIN),
    "pretrain.training.micro_batch": (2, NOTHING),
    "pretrain.training.batch_ramp": ({"start": 2, "increment": 2, "samples": 8}, PRETRAIN),
    "pretrain.training.batch_ramp.start": (4, PRETRAIN),
    "pretrain.training.batch_ramp.increment": (6, PRETRAIN),
    "pretrain.training.batch_ramp.samples": (16, PRETRAIN),
    "pretrain.training.ranks": (2, NOTHING),
    "pretrain.training.learning_rate": (1.0e-3, PRETRAIN),
    "pretrain.training.min_learning_rate": (0.2, PRETRAIN),
    "pretrain.training.warmup_steps": (2, PRETRAIN),
    "pretrain.training.schedule": ("linear", PRETRAIN),
    "pretrain.training.decay_share": (0.5, PRETRAIN),
    "pretrain.training.optimizer": ("muon", PRETRAIN),
    "pretrain.training.muon_momentum": (0.9, PRETRAIN),
    "pretrain.training.muon_dtype": ("float32", PRETRAIN),
    "pretrain.training.muon_iterations": (3, PRETRAIN),
    "pretrain.training.adam_beta1": (0.8, PRETRAIN),
    "pretrain.training.adam_beta2": (0.99, PRETRAIN),
    "pretrain.training.adam_eps": (1.0e-6, PRETRAIN),
    "pretrain.training.weight_decay": (0.2, PRETRAIN),
    "pretrain.training.clip": (0.5, PRETRAIN),
    "pretrain.training.z_loss": (1.0e-4, PRETRAIN),
    "pretrain.training.spikes.deviations": (3.0, PRETRAIN),
    "pretrain.training.spikes.window": (50, PRETRAIN),
    "pretrain.training.spikes.patience": (2, PRETRAIN),
    "pretrain.training.spikes.rewinds": (1, PRETRAIN),
    "pretrain.training.mask_documents": (True, PRETRAIN),
    "pretrain.training.dtype": ("bfloat16", PRETRAIN),
    "pretrain.training.loss_scale.fixed": (128.0, PRETRAIN),
    "pretrain.training.loss_scale.initial_power": (8, PRETRAIN),
    "pretrain.training.loss_scale.window": (10, PRETRAIN),
    "pretrain.training.loss_scale.hysteresis": (1, PRETRAIN),
    "pretrain.training.loss_scale.minimum": (2.0, PRETRAIN),
    "pretrain.training.seed": (1, PRETRAIN),
    "pretrain.training.zero_stage": (2, NOTHING),
    "pretrain.training.offload_optimizer": (True, NOTHING),
    "pretrain.training.offload_parameters": (True, NOTHING),
    "pretrain.training.bucket_size": (1000, NOTHING),
    "pretrain.training.overlap_communication": (True, NOTHING),
    "pretrain.training.activation_checkpointing": (1, NOTHING),
    "pretrain.training.compile": (True, NOTHING),
    "pretrain.training.deepspeed": ({"prescale_gradients": True}, PRETRAIN),
    "pretrain.training.threads": (2, NOTHING),
    "pretrain.training.validate_every": (5, NOTHING),
    "pretrain.training.validation_samples": (4, PRETRAIN),
    "pretrain.training.prompts": (["Once"], NOTHING),
    "pretrain.training.sample_tokens": (8, NOTHING),
    "pretrain.training.checkpoint_every": (5, NOTHING),
    "pretrain.training.keep_checkpoints": (1, NOTHING),
    "pretrain.training.log_every": (2, NOTHING),
    "pretrain.training.max_failures": (0, NOTHING),
    "pretrain.sampling.weights": ({"s": 1.0}, PRETRAIN),
    "pretrain.sampling.seed": (1, PRETRAIN),
    "documents.sources.name": ("other", DOCUMENTS),
    "documents.sources.path": ("b.jsonl", DOCUMENTS),
    "documents.sources.text_field": ("body", DOCUMENTS),
    "documents.sources.id_field": ("key", DOCUMENTS),
    "documents.sources.uri_field": ("uri", DOCUMENTS),
    "documents.sources.license_field": ("license", DOCUMENTS),
    "documents.sources.license": ("CC0-1.0", DOCUMENTS),
    "documents.sources.meta_fields": (["year"], DOCUMENTS),
    "documents.shard_mb": (8, DOCUMENTS),
    "documents.max_record_mb": (8, DOCUMENTS),
    "tokens.sources.name": ("other", TOKENS),
    "tokens.sources.path": ("b.idx", TOKENS),
    "tokens.sources.split": ("train", TOKENS),
    "tokens.sources.license": ("CC0-1.0", TOKENS),
    "tokens.validation": (0.1, TOKENS),
    "tokens.test": (0.1, TOKENS),
    "network.path": ("./theirs", NOTHING),
    "evaluate.name": ("other", NOTHING),
    "evaluate.tasks.name": ("other", EVALUATE),
    "evaluate.tasks.path": ("b.jsonl", EVALUATE),
    "evaluate.prompts": (["Once"], EVALUATE),
    "evaluate.max_new_tokens": (8, EVALUATE),
    "evaluate.temperature": (0.0, EVALUATE),
    "evaluate.top_k": (5, EVALUATE),
    "evaluate.baseline_order": (3, EVALUATE),
    "evaluate.baseline_tokens": (1000, EVALUATE),
    "evaluate.resamples": (500, EVALUATE),
    "evaluate.seed": (1, EVALUATE),
    "evaluate.batch_size": (2, NOTHING),
    "finetune.name": ("other", NOTHING),
    "finetune.text_field": ("body", FINETUNE),
    "finetune.label_field": ("class", FINETUNE),
    "finetune.split_field": ("part", FINETUNE),
    "finetune.test_fraction": (0.5, FINETUNE),
    "finetune.split_seed": (1, FINETUNE),
    "finetune.max_length": (16, FINETUNE),
    "finetune.pooling": ("last", FINETUNE),
    "finetune.epochs": (1.0, FINETUNE),
    "finetune.batch_size": (4, FINETUNE),
    "finetune.learning_rate": (1.0e-3, FINETUNE),
    "finetune.warmup": (0.2, FINETUNE),
    "finetune.weight_decay": (0.2, FINETUNE),
    "finetune.gradient_clip": (0.5, FINETUNE),
    "finetune.dropout": (0.2, FINETUNE),
    "finetune.seeds": ([7], FINETUNE),
    "finetune.evaluation_batch_size": (2, NOTHING),
    "finetune.data": ("b.jsonl", FINETUNE),
    "finetune.license": ("CC0-1.0", FINETUNE),
    "export.model_name": ("other", EXPORT),
    "export.license": ("mit", EXPORT),
    "export.description": ("words", EXPORT),
    "sweep.values": ({"vocab.size": [300]}, NOTHING),
    "sweep.parallel": (1, NOTHING),
    "resources.workers": (1, NOTHING),
    "resources.cpus": (1, NOTHING),
    "resources.gpus": (0, NOTHING),
    "tracking.wandb": ("off", NOTHING),
    "tracking.project": ("other", NOTHING),
}  # fmt: skip
# Where the change alone makes no recipe that is allowed: what has to change beside it.
LLAMA3 = {"type": "llama3", "factor": 2.0, "original_sequence_length": 16}
LIMIT = {"name": "gopher_quality.stop_words", "min": 0.1, "max": 0.9}


def _within(section: str, **fields: Any) -> dict[str, Any]:
    """The tiny recipe's section with some fields more."""
    return {section: {**TINY.get(section, {}), **fields}}


def _model(**fields: Any) -> dict[str, Any]:
    return _within("pretrain", model={**TINY["pretrain"]["model"], **fields})


def _language(**fields: Any) -> dict[str, Any]:
    return _within("clean", language=fields)


def _source(path: str, **fields: Any) -> dict[str, Any]:
    return _within("collect", sources=[{"name": "s", "path": path, **fields}])


def _training(**fields: Any) -> dict[str, Any]:
    return _within("pretrain", training={**TINY["pretrain"]["training"], **fields})


WITHOUT_TEXTS: dict[str, Any] = {
    **dict.fromkeys(("collect", "clean", "dedup")), "vocab": {"tokenizer": "theirs"}
}  # fmt: skip
BESIDE: dict[str, dict[str, Any]] = {
    "annotate.families": {"annotate": {}},
    "annotate.custom": {"annotate": {}},
    # These have to be the same in `clean`, where it has the families.
    **{
        f"annotate.{name}": {
            "annotate": {},
            "clean": dict.fromkeys(("language", "gopher_repetition", "gopher_quality", "fineweb")),
        }
        for name in ("words", "characters", "language_model", "stop_words", "end_marks", "short_line_length")
    },
    "collect.sources.text.documents": _source("a.txt"),
    "collect.sources.csv.delimiter": _source("a.csv"),
    "collect.sources.wikipedia.namespaces": _source("a-pages-articles.xml"),
    "collect.sources.extractor": _source("a.html"),
    **{
        f"collect.sources.datasets.{name}": _source("theirs", format="datasets")
        for name in ("config", "split", "revision")
    },
    **{f"clean.language.{name}": _language(unit="paragraph") for name in ("paragraph_characters", "min_fraction")},
    "pretrain.training.decay_share": _training(schedule="warmup_stable_decay"),
    "pretrain.training.muon_momentum": _training(optimizer="muon"),
    "pretrain.training.muon_dtype": _training(optimizer="muon"),
    "pretrain.training.muon_iterations": _training(optimizer="muon"),
    "pretrain.training.spikes.window": _training(spikes={"deviations": 6}),
    "pretrain.training.sample_tokens": _training(prompts=["The"]),
    **{
        f"pretrain.training.loss_scale.{name}": _training(dtype="float16", loss_scale={})
        for name in ("fixed", "initial_power", "window", "hysteresis", "minimum")
    },
    **{f"clean.scores.{name}": {"annotate": {}, **_within("clean", scores=[LIMIT])} for name in ("name", "min", "max")},
    **{
        f"clean.custom.{name}": _within("clean", custom=[{"function": "rules:length"}])
        for name in ("function", "min", "max")
    },
    **{
        f"clean.block_lists.{name}": _within("clean", block_lists={"words": ["a.txt"]})
        for name in ("domains", "urls", "words", "max_words")
    },
    **{
        f"clean.boilerplate.{name}": _within("clean", boilerplate={})
        for name in ("min_documents", "min_fraction", "min_characters")
    },
    **{
        f"pretrain.model.rope_scaling.{name}": _model(rope_scaling=LLAMA3)
        for name in ("type", "factor", "original_sequence_length", "low_freq_factor", "high_freq_factor")
    },
    **{
        f"pretrain.model.rope_scaling.{name}": _model(rope_scaling={**LLAMA3, "type": "yarn"})
        for name in ("beta_fast", "beta_slow", "attention_factor")
    },
    "pretrain.training.batch_ramp": _training(micro_batch=2),
    **{
        f"pretrain.training.batch_ramp.{name}": _training(
            micro_batch=2, batch_ramp={"start": 2, "increment": 2, "samples": 8}
        )
        for name in ("start", "increment", "samples")
    },
    "pretrain.training.offload_parameters": _training(zero_stage=3, offload_optimizer=True),
    "pretrain.model.attention_pattern": _model(sliding_window=8),
    **{
        f"pretrain.model.{name}": {"export": None}
        for name in ("norm_position", "attention_scale", "attention_softcap", "logit_softcap", "embedding_scale")
    },
    "vocab.lossy": {"vocab": {"tokenizer": "theirs"}},
    "vocab.tokenizer": {"vocab": {}},
    **{
        f"tokens.{name}": {**WITHOUT_TEXTS, "tokens": {"sources": [{"name": "s", "path": "a.idx"}]}}
        for name in ("sources.name", "sources.path", "sources.split", "sources.license", "validation", "test")
    },
    **{
        f"documents.{name}": {"collect": None, "documents": {"sources": [{"name": "s", "path": "a.jsonl"}]}}
        for name in (*(f"sources.{name}" for name in GivenSource.model_fields), "shard_mb", "max_record_mb")
    },
    "network.path": {**WITHOUT_TEXTS, "pretrain": None, "network": {"path": "theirs"}},
    "pretrain.init": _within("pretrain", init_from="theirs"),
    "sweep.parallel": {"sweep": {"values": {"vocab.size": [300]}}},
    "pretrain.model.positions": {"export": None},
    "pretrain.model.norm": {"export": None},
    "pretrain.model.feed_forward": {"export": None},
}


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields: values, and sections that can be left out or set to null."""
    for name, field in model.model_fields.items():
        # A section by source has the fields of the section that it is in.
        inner = [
            each for each in models_in(field.annotation) if not each.model_fields.keys() <= model.model_fields.keys()
        ]
        if not inner or (prefix and type(None) in getattr(field.annotation, "__args__", ())):
            yield prefix + name
        for each in inner:
            yield from fields_of(each, f"{prefix}{name}.")


def fingerprints(recipe: dict[str, Any], folder: Path) -> dict[str, str]:
    steps = make_plan(check_recipe(recipe, "test"), folder, Store(folder / "store"), folder / "runs" / "tiny")
    return {step.stage.name: step.key for step in steps}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "a.jsonl").write_text('{"text": "a"}\n')
    (folder / "b.jsonl").write_text('{"text": "b"}\n')
    (folder / "a.txt").write_text("a\n")
    (folder / "b.txt").write_text("b\n")
    (folder / "theirs").mkdir()
    for name in ("a.csv", "a.html", "a-pages-articles.xml"):
        (folder / name).write_text("")
    for name in ("config.json", "tokenizer.json"):
        (folder / "theirs" / name).write_text("{}")
    for name in ("a.idx", "b.idx", "a.bin", "b.bin"):
        (folder / name).write_text(name)
    (folder / "rules.py").write_text("def length(text, document):\n    return len(text)\n\n\nlower = length\n")
    return folder


def test_the_table_has_every_field_and_no_other() -> None:
    assert sorted(fields_of(Recipe)) == sorted(TABLE)


REFERENCE = {row.name: row.rebuilds for row in field_rows()}


@pytest.mark.parametrize("name", [name for name in TABLE if name != "format"])
def test_a_change_of_the_field_rebuilds_exactly_what_the_table_says(name: str, sources: Path) -> None:
    value, expected = TABLE[name]
    base = {**TINY, **BESIDE.get(name, {})}
    before, after = fingerprints(base, sources), fingerprints(changed(base, name, value), sources)
    assert tuple(after) == tuple(before)
    assert tuple(stage for stage in after if after[stage] != before[stage]) == tuple(
        stage for stage in expected if stage in before
    )
    if name != "network.path":  # Its other value leads to the same files.
        assert [stage for stage in REFERENCE[name] if stage in before] == [
            stage for stage in expected if stage in before
        ]


def test_writing_a_default_out_rebuilds_nothing(sources: Path) -> None:
    written = yaml.safe_load(to_yaml(check_recipe(TINY, "test")))
    assert fingerprints(written, sources) == fingerprints(TINY, sources)
    assert check_recipe(written, "test") == check_recipe(TINY, "test")


def test_leaving_a_stage_out_leaves_what_does_not_take_from_it(sources: Path) -> None:
    whole = fingerprints(TINY, sources)
    without = fingerprints({**TINY, "finetune": None}, sources)
    assert set(whole) - set(without) == {"finetune"}
    assert {stage for stage in without if without[stage] != whole[stage]} == {"export"}
