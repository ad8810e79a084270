"""The recipe: one YAML file that describes a whole run, with a section for each stage."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, field_validator, model_validator

from data.clean.annotate_config import AnnotateConfig
from data.clean.config import CleanConfig, Rules
from data.clean.presets import Preset, default_preset
from data.clean.resolve import resolved, told
from data.collect.config import CollectConfig
from data.collect.given_config import DocumentsConfig
from data.dedup.config import DedupConfig
from data.section import ANY, Needs
from data.tokens.config import SamplingConfig, TokenizeConfig, TokensConfig, VocabConfig
from model.finetuning.classify_config import ClassifyConfig
from model.formats.hf_config import architecture
from model.network.config import ModelConfig
from model.training.train_config import TrainConfig
from pipeline.recipe.section import Section
from pipeline.recipe.written import Places

SEQUENCE_LENGTH: int = TrainConfig.model_fields["sequence_length"].default  # That of the network is as long.
MAX_TRIALS = 1000  # A sweep with more is likely a mistake.
SECTION_NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"  # It has no dot, so that it cannot be one of the files of a run's folder.
OF_DOCUMENTS = ("clean", "dedup", "vocab", "tokenize")  # A recipe with documents has these stages unless it says null.


class PretrainConfig(Section):
    """The network, its training, and the order of the samples."""

    needs: ClassVar[Needs] = {"init": {"init_from": ANY}}

    init_from: Annotated[str | None, "files"] = None
    """A run's folder, a checkpoint or a Hugging Face folder to begin with. A `model` that is left out is taken from there."""
    init: Literal["weights", "continue"] = "weights"
    """What is taken of `init_from`: with weights these alone, and training begins at step 0; with continue the optimizer, the
    step and the place in the samples too."""
    model: ModelConfig = ModelConfig()
    """What the network is like; the defaults are the Llama family."""
    training: TrainConfig = TrainConfig()
    """How long, in which steps, by which optimizer and on how many ranks the network is trained."""
    sampling: SamplingConfig = SamplingConfig()
    """The mixture of sources and the order of its samples."""

    @model_validator(mode="before")
    @classmethod
    def _lengths_follow(cls, values: Any) -> Any:
        """Of the length of samples and the longest that the network reads, one that is left out makes room for the other."""
        if not isinstance(values, dict):
            return values
        model, training = values.get("model", {}), values.get("training", {})
        if not isinstance(model, dict) or not isinstance(training, dict):
            return values
        longest, length = model.get("max_sequence_length"), training.get("sequence_length")
        if isinstance(longest, int) and length is None and 0 < longest < SEQUENCE_LENGTH:
            return {**values, "training": {"sequence_length": longest, **training}}
        if (
            isinstance(length, int)
            and longest is None
            and length > SEQUENCE_LENGTH
            and (model or not values.get("init_from"))
        ):
            return {**values, "model": {"max_sequence_length": length, **model}}
        return values

    @model_validator(mode="after")
    def _lengths_fit(self) -> "PretrainConfig":
        if self.takes_model:
            return self
        if self.training.sequence_length > self.model.max_sequence_length:
            raise ValueError(
                f"training.sequence_length ({self.training.sequence_length}) is longer than model.max_sequence_length "
                f"({self.model.max_sequence_length}): raise the second or lower the first"
            )
        return self

    @property
    def takes_model(self) -> bool:
        """Whether the network is that of the origin, so that the recipe alone does not say what it is like."""
        return self.init_from is not None and self.model == ModelConfig()


class TaskConfig(Section):
    """A multiple-choice or cloze task: JSON Lines with `context`, `choices` and `answer` (the number of the right one)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """What the task is called in the scores."""
    path: str
    """The file of the task; a relative path starts at the recipe's folder."""


class NetworkConfig(Section):
    """A network that was trained elsewhere, to evaluate, fine-tune or export it."""

    path: Annotated[str, "files"]
    """A run's folder, a checkpoint or a Hugging Face folder. Its tokenizer is taken where the recipe has no `vocab`."""


class EvaluateConfig(Section):
    """Perplexity and bits per byte on the test split, tasks, and sample texts."""

    needs: ClassVar[Needs] = {
        "max_new_tokens": {"prompts": ANY},
        "temperature": {"prompts": ANY},
        "top_k": {"temperature": ANY},
    }

    name: Annotated[str | None, "display"] = Field(default=None, pattern=SECTION_NAME)
    """What the run calls these scores, where there are several; null stands for `evaluate`."""
    tasks: list[TaskConfig] = Field(default=[])
    """Multiple-choice or cloze tasks, which are scored by log-likelihood."""
    prompts: list[str] = Field(default=["The"])
    """Beginnings of texts from which the network goes on."""
    max_new_tokens: int = Field(default=64, gt=0)
    """Length of each sample text without its prompt. Unit: tokens."""
    temperature: float = Field(default=0.8, ge=0)
    """Logits are divided by it before a token of a sample text is drawn; 0 takes the likeliest token each time."""
    top_k: int | None = Field(default=50, gt=0)
    """Each token of a sample text is drawn among so many of the likeliest; null draws among all. Unit: tokens."""
    baseline_order: int = Field(default=5, ge=2, le=9, json_schema_extra={"founding": 2})
    """Order of the n-gram model beside the network (interpolated, modified Kneser-Ney, Chen and Goodman 1998). Unit: tokens."""
    baseline_tokens: int = Field(default=2**24, gt=0, json_schema_extra={"founding": 2**28})
    """Training tokens that the n-gram models see at most, of each token shard the same share; order 5 takes about 200
    bytes of memory for each. Unit: tokens."""
    resamples: int = Field(default=2000, ge=100)
    """Number of bootstrap resamples from which each 95 % interval is computed (Efron 1979)."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the sample texts and of the bootstrap."""
    batch_size: Annotated[int, "speed"] = Field(default=8, gt=0)
    """So many are scored at once. Unit: windows."""

    @field_validator("tasks")
    @classmethod
    def _names_differ(cls, tasks: list[TaskConfig]) -> list[TaskConfig]:
        if len({task.name for task in tasks}) < len(tasks):
            raise ValueError("two tasks have the same name")
        return tasks


class FinetuneConfig(ClassifyConfig):
    """Sequence classification with the pretrained network, compared with the same network from random weights."""

    name: Annotated[str | None, "display"] = Field(default=None, pattern=SECTION_NAME)
    """What the run calls this fine-tuning, where there are several; null stands for `finetune`."""
    data: str
    """The labelled texts, JSON Lines, plain or gzip; a relative path starts at the recipe's folder."""
    license: str = "unknown"
    """The licence of the labelled data, for the model card."""


class ExportConfig(Section):
    """The release folder."""

    model_name: str = Field(default="gristmill-model", pattern=r"^[A-Za-z0-9._-]+$")
    """What the model is called in its card."""
    license: str = "other"
    """The licence of the released weights, as a Hugging Face licence id."""
    description: str = ""
    """What the model card says the model is for."""


class ResourcesConfig(Section):
    """How much of the machine or cluster the run may take."""

    workers: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """The number of shards that are worked on at a time; null stands for as many as there are CPUs. Unit: shards."""
    cpus: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """The CPUs of the local Ray that a run starts when it joins no cluster; null stands for all cores. Unit: CPUs."""
    gpus: Annotated[int | None, "speed"] = Field(default=None, ge=0)
    """The least that a cluster must have for the training to begin there; null asks for none. Unit: GPUs."""


class TrackingConfig(Section):
    """Where metrics go besides the terminal and `metrics.jsonl`."""

    needs: ClassVar[Needs] = {"project": {"wandb": ("auto", "online", "offline")}}

    wandb: Annotated[Literal["auto", "online", "offline", "off"], "display"] = "auto"
    """Whether metrics go to Weights & Biases: auto is online when WANDB_API_KEY is set, else offline."""
    project: Annotated[str, "display"] = "gristmill"
    """The project at Weights & Biases that the run belongs to."""

    @field_validator("wandb", mode="before", json_schema_input_type=Literal["auto", "online", "offline", "off", False])
    @classmethod
    def _bare_off(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML reads an unquoted `off` as false


class SweepConfig(Section):
    """Trials: the same recipe again and again with other values, to find the best ones."""

    values: dict[str, list[Any]] = Field(min_length=1)
    """Fields by dotted names (`pretrain.training.learning_rate`), each with the values to try; all combinations are tried."""
    parallel: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """The number of trials that run at a time; null stands for as many as the cluster has room for. Unit: trials."""

    @field_validator("values")
    @classmethod
    def _not_empty(cls, values: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name, tried in values.items():
            if not tried:
                raise ValueError(f"{name} has no values to try")
            if name.split(".")[0] in ("sweep", "name", "format", "resources"):
                raise ValueError(f"{name} is nothing that trials can differ in")
        if math.prod(len(tried) for tried in values.values()) > MAX_TRIALS:
            raise ValueError(f"more than {MAX_TRIALS} combinations; take fewer values")
        return values


def _as_list(value: Any) -> Any:
    """The sections of a stage that may stand several times: none, one as a mapping, or a list of them."""
    if value is None:
        return []
    return [value] if isinstance(value, Mapping | Section) else value


def _as_written(sections: tuple[Section, ...]) -> Any:
    """What `_as_list` reads: a single section without a name is a mapping, so that it has the dotted names of its fields."""
    values = [section.model_dump(mode="json") for section in sections]
    if not values:
        return None
    return values[0] if len(values) == 1 and values[0]["name"] is None else values


EVALUATIONS = Annotated[
    tuple[EvaluateConfig, ...],
    BeforeValidator(_as_list, json_schema_input_type=EvaluateConfig | list[EvaluateConfig] | None),
    PlainSerializer(_as_written),
]
FINETUNINGS = Annotated[
    tuple[FinetuneConfig, ...],
    BeforeValidator(_as_list, json_schema_input_type=FinetuneConfig | list[FinetuneConfig] | None),
    PlainSerializer(_as_written),
]


class Recipe(Section):
    """A whole run. It begins with sources (`collect`), with documents or token shards of others (`documents`, `tokens`), or
    with a network (`network`).

    A stage is left out by `null`. `evaluate` and `finetune` are a section each, or a list of sections with names.
    """

    format: Annotated[Literal[1, 2], "display"] = 2
    """The format that the recipe is written in. With 1, rules of `clean` that are not written are FineWeb's, whatever the source,
    and `dedup` cuts no documents; since 2 they are those of a preset, and it may."""
    name: Annotated[str, "display"] = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    """What the run is called, by commands and in the folder runs/."""
    description: Annotated[str, "display"] = ""
    """What the run is for, in a sentence for its readers."""
    collect: CollectConfig | None = None
    """Texts to begin with: where they come from, and how they are brought into one form."""
    documents: DocumentsConfig | None = None
    """Documents of others to begin with, whose ids and texts are taken as they are."""
    annotate: AnnotateConfig | None = None
    """Scores of documents that are computed once, so that limits in `clean` can be moved cheaply; null computes none."""
    clean: CleanConfig | None = CleanConfig()
    """Which documents stay and what is cut from them; null leaves all as they are."""
    dedup: DedupConfig | None = DedupConfig()
    """Which documents are dropped as duplicates or because they share text with evaluation tasks; null drops none."""
    vocab: VocabConfig | None = VocabConfig()
    """How the vocabulary is trained, or whose is taken."""
    tokenize: TokenizeConfig | None = TokenizeConfig()
    """How documents are split for training and evaluation, and stored as tokens."""
    tokens: TokensConfig | None = None
    """Token shards of others to begin with."""
    network: NetworkConfig | None = None
    """A network of others to begin with, which is evaluated, fine-tuned or exported."""
    pretrain: PretrainConfig | None = None
    """The network and its training; null trains none."""
    evaluate: EVALUATIONS = ()
    """Scores of the network, a section or a list of sections with names."""
    finetune: FINETUNINGS = ()
    """Fine-tunings for classification, a section or a list of sections with names."""
    export: ExportConfig | None = None
    """The release folder; null writes none."""
    strict: Annotated[bool, "display"] = False
    """Whether an alarm ends the run, such as a source that loses most of its documents or a split without any."""
    sweep: Annotated[SweepConfig | None, "display"] = None
    """Trials of this recipe with other values; null runs it once."""
    resources: Annotated[ResourcesConfig, "speed"] = ResourcesConfig()
    """How much of the machine or cluster the run may take."""
    tracking: Annotated[TrackingConfig, "display"] = TrackingConfig()
    """Where metrics go besides the terminal and `metrics.jsonl`."""

    _places: Places = PrivateAttr(default_factory=dict)  # Where its values are written, for messages about them.
    _clean: CleanConfig | None = PrivateAttr(
        default=None
    )  # `clean` before its presets became rules, for trials of a sweep.

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, values: Any) -> Any:
        """Leave out the stages of documents in a recipe that has none, and take the vocabulary of the network that it has."""
        if not isinstance(values, Mapping):
            return values
        named: dict[str, Any] = {}
        if not values.get("collect") and not values.get("documents"):
            named = dict.fromkeys(OF_DOCUMENTS)
        network = values.get("network")
        if isinstance(network, Mapping) and "path" in network:
            named["vocab"] = {"tokenizer": network["path"]}
        dedup = values.get("dedup", named.get("dedup", {}))
        if values.get("format") == 1 and isinstance(
            dedup, Mapping
        ):  # Recipes of that time know of no parts and no short items.
            values = {**values, "dedup": {"parts": None, **dedup}}
            if isinstance(items := dedup.get("contamination"), Mapping):
                values["dedup"]["contamination"] = {"min_item_words": None, **items}
        return {**named, **values}

    @model_validator(mode="after")
    def _sections_fit(self) -> "Recipe":
        self._check_doors()
        self._check_names()
        self._check_clean()
        trained = self.vocab if self.vocab and self.vocab.tokenizer is None else None
        if self.tokenize and self.tokenize.dtype == "uint16" and trained and trained.size >= 65_536:
            raise ValueError(
                f"tokenize.dtype: uint16 holds fewer than 65,536 ids and vocab.size is {trained.size:,}; "
                "use int32 or a smaller vocabulary"
            )
        if self.evaluate and self.tokenize and self.tokenize.test == 0:
            raise ValueError("tokenize.test: 0 leaves nothing for `evaluate`; raise it, or leave that section out")
        if self.pretrain:
            self._check_pretrain(self.pretrain)
        if self.pretrain and self.export and not self.pretrain.takes_model:
            try:
                architecture(self.pretrain.model)
            except ValueError as error:
                raise ValueError(f"export: {error}") from error
        return self

    @property
    def places(self) -> Places:
        """Where the values of the recipe are written; empty when it was not read from a file."""
        return self._places

    def __eq__(self, other: object) -> bool:
        """Two recipes are equal when their values are, wherever they are written."""
        return isinstance(other, Recipe) and self.__dict__ == other.__dict__

    def written_at(self, places: Places, clean: CleanConfig | None) -> "Recipe":
        """The same recipe, with the places where its values are written, and its section `clean` as it is written."""
        self._places, self._clean = places, clean
        return self

    def as_written(self) -> dict[str, Any]:
        """The values of the recipe, those of `clean` with its presets and without what they say."""
        clean = self._clean.model_dump(mode="json", exclude_unset=True) if self._clean else None
        return {**self.model_dump(mode="json"), "clean": clean}

    def sections(self, stage: str) -> list[tuple[str, Section]]:
        """The sections that configure a stage, each with its name: none, one, or as many as the recipe has of it."""
        value = getattr(self, stage)
        if isinstance(value, tuple):
            return [(section.name or stage, section) for section in value]
        return [] if value is None else [(stage, value)]

    @property
    def source_names(self) -> set[str]:
        """The names of the sources that the recipe begins with; empty when it begins with a network, or with nothing."""
        return {source.name for door in (self.collect, self.documents, self.tokens) if door for source in door.sources}

    def rules_told(self) -> dict[str, str]:
        """By source the preset of `clean` that its rules are, or are nearest to, in words; empty without `clean`."""
        if self.clean is None:
            return {}
        clean = resolved(self.clean, self._default_presets)
        return {source: told(clean.rules_of(source), default) for source, default in self._default_presets.items()}

    def with_rules(self) -> "Recipe":
        """This recipe with the rules of `clean` in full, by source where these differ, in place of presets."""
        return self.model_copy(update={"clean": self.clean and resolved(self.clean, self._default_presets)})

    @property
    def _default_presets(self) -> dict[str, Preset | None]:
        """By source the preset of `clean` that it begins with, when the recipe names none; in format 1 that is none at all."""
        found: dict[str, Preset | None] = {}
        for source in self.collect.sources if self.collect else []:
            found[source.name] = default_preset(source)
        for given in self.documents.sources if self.documents else []:
            found[given.name] = "none"
        return found if self.format > 1 else dict.fromkeys(found)

    def _check_doors(self) -> None:
        """Raise ValueError when two sections give the same, so that one of them would be of no use."""
        for one, other, remedy in (
            ("collect", "documents", "a recipe begins with one of them"),
            ("collect", "tokens", "a recipe begins with one of them"),
            ("documents", "tokens", "a recipe begins with one of them"),
            ("tokenize", "tokens", "`tokens` are tokenized already; leave `tokenize` out"),
            ("network", "pretrain", "to train a network further, name it in pretrain.init_from"),
        ):
            if getattr(self, one) and getattr(self, other):
                raise ValueError(f"{other}: there is `{one}` as well; {remedy}")
        if self.tokens and self.vocab and self.vocab.tokenizer is None:
            raise ValueError("vocab.tokenizer: name the tokenizer that made the token shards of `tokens`")
        if self.network and self.vocab and self.vocab.tokenizer is None:
            raise ValueError("vocab: the network of `network` has its own tokenizer; leave this section out")

    def _check_names(self) -> None:
        """Raise ValueError when two sections have the same name, by which commands and folders know them."""
        several = [name for stage in ("evaluate", "finetune") for name, _ in self.sections(stage)]
        taken = [name for name in type(self).model_fields if name not in ("evaluate", "finetune")]
        for number, name in enumerate(several):
            if name in [*taken, *several[:number]]:
                raise ValueError(f"name: {name!r} is taken; give each section of `evaluate` and `finetune` its own")

    def _check_clean(self) -> None:
        """Raise ValueError for rules of a source that is not there, and for scores that `annotate` does not compute so."""
        if self.clean is None:
            return
        names = self._default_presets
        for name in self.clean.sources:
            if name not in names:
                raise ValueError(f"clean.sources.{name}: no source is called {name!r}{did_you_mean(name, names)}")
        try:
            clean = resolved(self.clean, self._default_presets)
        except ValueError as error:
            raise ValueError(f"clean.{error}") from error
        for rules in clean.every[1:] or clean.every:
            self._check_scores(rules)

    def _check_scores(self, rules: Rules) -> None:
        """Raise ValueError when `rules` need a score that `annotate` does not compute, or not in the same way."""
        if self.annotate is None:
            if rules.scores:
                raise ValueError(
                    f"clean.scores: {rules.scores[0].name} is a score that `annotate` computes; add that section"
                )
            return
        self.annotate.check_fits(rules)
        known = self.annotate.scores
        for score in rules.scores:
            if score.name not in known:
                raise ValueError(f"clean.scores: annotate has no {score.name}{did_you_mean(score.name, known)}")

    @property
    def functions(self) -> list[str]:
        """The Python functions that the recipe names, each as `module:function`. They run only when the user allows it."""
        return [*(self.annotate.functions if self.annotate else []), *(self.clean.functions if self.clean else [])]

    def _check_pretrain(self, pretrain: PretrainConfig) -> None:
        names = self.source_names
        strange = sorted(set(pretrain.sampling.weights or {}) - names)
        if strange:
            raise ValueError(
                f"pretrain.sampling.weights: no source is called {strange[0]!r}{did_you_mean(strange[0], names)}"
            )
        left_out = sorted(names - set(pretrain.sampling.weights or names))
        if left_out:
            raise ValueError(
                f"pretrain.sampling.weights: {left_out[0]!r} has none; give every source one, 0 leaves it out"
            )
        trained = self.vocab if self.vocab and self.vocab.tokenizer is None and not pretrain.init_from else None
        if trained and 0 < pretrain.model.vocab_size < trained.size:
            raise ValueError(
                f"pretrain.model.vocab_size ({pretrain.model.vocab_size}) is smaller than vocab.size ({trained.size}); "
                "leave it out to take it from the tokenizer"
            )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the name that a misspelt `word` may stand for, as the end of a sentence; else the list of known names."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"
