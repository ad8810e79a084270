"""The recipe: one YAML file that is the whole run, a section a stage."""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.annotate import AnnotateConfig
from data.bpe import VocabConfig
from data.clean import CleanConfig
from data.collect import CollectConfig
from data.dedup import DedupConfig
from data.sampling import SamplingConfig
from data.tokenize import TokenizeConfig
from model.classify_config import ClassifyConfig
from model.config import ModelConfig
from model.hf_config import architecture
from model.train_config import TrainConfig

FORMAT = 1
MAX_RECIPE_BYTES = 1 << 20


class Section(BaseModel):
    """A part of the recipe: unknown fields are mistakes, values do not change once read.

    A field is marked for what it affects by a word in its annotation: `Annotated[int, "speed"]` or `"display"`; an unmarked
    field affects the output, and is part of the fingerprint of its stage.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class PretrainConfig(Section):
    """The network, its training, and the order of the samples."""

    model: ModelConfig = ModelConfig()
    training: TrainConfig = TrainConfig()
    sampling: SamplingConfig = SamplingConfig()

    @model_validator(mode="after")
    def _lengths_fit(self) -> "PretrainConfig":
        if self.training.sequence_length > self.model.max_sequence_length:
            raise ValueError(
                f"training.sequence_length ({self.training.sequence_length}) is longer than model.max_sequence_length "
                f"({self.model.max_sequence_length}): raise the second or lower the first"
            )
        return self


class TaskConfig(Section):
    """A multiple-choice or cloze task: JSON Lines with `context`, `choices` and `answer` (the number of the right one)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    path: str


class EvaluateConfig(Section):
    """Perplexity and bits per byte on the test split, tasks, samples."""

    tasks: list[TaskConfig] = []
    prompts: list[str] = ["The"]
    """Beginnings that the network is asked to go on from."""
    max_new_tokens: int = Field(default=64, gt=0)
    temperature: float = Field(default=0.8, ge=0)
    """0 takes the likeliest token each time."""
    top_k: int | None = Field(default=50, gt=0)
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples behind each 95 % interval (Efron 1979)."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    batch_size: Annotated[int, "speed"] = Field(default=8, gt=0)
    """Windows that are scored at once."""

    @field_validator("tasks")
    @classmethod
    def _names_differ(cls, tasks: list[TaskConfig]) -> list[TaskConfig]:
        if len({task.name for task in tasks}) < len(tasks):
            raise ValueError("two tasks have the same name")
        return tasks


class FinetuneConfig(ClassifyConfig):
    """Sequence classification from the pretrained checkpoint, beside the same network from random weights."""

    data: str
    """Labelled JSON Lines, plain or gzip."""
    license: str = "unknown"
    """Licence of the labelled data, for the model card."""


class ExportConfig(Section):
    """The release folder."""

    model_name: str = Field(default="gristmill-model", pattern=r"^[A-Za-z0-9._-]+$")
    license: str = "other"
    """Licence of the released weights, as a Hugging Face licence id."""
    description: str = ""
    """What the model card says the model is for."""


class ResourcesConfig(Section):
    """What the run may take of the machine or cluster."""

    workers: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """Shards that are worked on at a time; null: as many as there are CPUs."""
    cpus: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """CPUs of the local Ray that a run starts when it joins no cluster; null: all cores."""


class TrackingConfig(Section):
    """Where metrics go beside the terminal and `metrics.jsonl`."""

    wandb: Annotated[Literal["auto", "online", "offline", "off"], "display"] = "auto"
    """auto: online when WANDB_API_KEY is set, else offline."""
    project: Annotated[str, "display"] = "gristmill"

    @field_validator("wandb", mode="before")
    @classmethod
    def _bare_off(cls, value: Any) -> Any:
        return "off" if value is False else value  # what YAML makes of a bare `off`


class Recipe(Section):
    """A whole run."""

    format: Annotated[Literal[1], "display"] = 1
    name: Annotated[str, "display"] = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    description: Annotated[str, "display"] = ""
    collect: CollectConfig
    annotate: AnnotateConfig | None = None
    clean: CleanConfig = CleanConfig()
    dedup: DedupConfig = DedupConfig()
    vocab: VocabConfig = VocabConfig()
    tokenize: TokenizeConfig = TokenizeConfig()
    pretrain: PretrainConfig | None = None
    evaluate: EvaluateConfig | None = None
    finetune: FinetuneConfig | None = None
    export: ExportConfig | None = None
    resources: Annotated[ResourcesConfig, "speed"] = ResourcesConfig()
    tracking: Annotated[TrackingConfig, "display"] = TrackingConfig()

    @model_validator(mode="after")
    def _sections_fit(self) -> "Recipe":
        for section in ("evaluate", "finetune", "export"):
            if getattr(self, section) is not None and self.pretrain is None:
                raise ValueError(f"{section}: there is no `pretrain` section whose network it could take")
        self._check_scores()
        if self.tokenize.dtype == "uint16" and self.vocab.size >= 65_536:
            raise ValueError(
                f"tokenize.dtype: uint16 holds fewer than 65,536 ids and vocab.size is {self.vocab.size:,}; "
                "use int32 or a smaller vocabulary"
            )
        if self.evaluate and self.tokenize.test == 0:
            raise ValueError("tokenize.test: 0 leaves nothing for `evaluate`; raise it, or leave that section out")
        if self.pretrain:
            self._check_pretrain(self.pretrain)
        if self.pretrain and self.export:
            try:
                architecture(self.pretrain.model)
            except ValueError as error:
                raise ValueError(f"export: {error}") from error
        return self

    def _check_scores(self) -> None:
        """What `clean` asks of the annotations has to be among them."""
        if self.annotate is None:
            if self.clean.scores:
                raise ValueError(
                    f"clean.scores: {self.clean.scores[0].name} is a score that `annotate` computes; add that section"
                )
            return
        self.annotate.check_fits(self.clean)
        known = self.annotate.scores
        for score in self.clean.scores:
            if score.name not in known:
                raise ValueError(f"clean.scores: annotate has no {score.name}{_did_you_mean(score.name, known)}")

    @property
    def functions(self) -> list[str]:
        """The Python functions that the recipe names, each `module:function`; it runs only when its user allows that."""
        return [*(self.annotate.functions if self.annotate else []), *self.clean.functions]

    def _check_pretrain(self, pretrain: PretrainConfig) -> None:
        names = {source.name for source in self.collect.sources}
        strange = sorted(set(pretrain.sampling.weights or {}) - names)
        if strange:
            raise ValueError(
                f"pretrain.sampling.weights: no source is called {strange[0]!r}{_did_you_mean(strange[0], names)}"
            )
        left_out = sorted(names - set(pretrain.sampling.weights or names))
        if left_out:
            raise ValueError(
                f"pretrain.sampling.weights: {left_out[0]!r} has none; give every source one, 0 leaves it out"
            )
        if 0 < pretrain.model.vocab_size < self.vocab.size:
            raise ValueError(
                f"pretrain.model.vocab_size ({pretrain.model.vocab_size}) is smaller than vocab.size ({self.vocab.size}); "
                "leave it out to take it from the tokenizer"
            )


class RecipeError(ValueError):
    """A mistake in a recipe; the message has one line for each mistake."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe, with `key.path=value` overrides applied; raises RecipeError."""
    return check_recipe(with_overrides(read_yaml(path), overrides), str(path))


def check_code(recipe: Recipe, allowed: bool) -> None:
    """Raise RecipeError when the recipe names Python code and its user has not said `--allow-code`."""
    if recipe.functions and not allowed:
        raise RecipeError(
            f"the recipe names Python code that would be run ({', '.join(recipe.functions)}): read it, then add --allow-code"
        )


def read_yaml(path: Path) -> dict[str, Any]:
    """The recipe file as a mapping; raises RecipeError that names the file."""
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_RECIPE_BYTES:,} bytes, which no recipe is")
        text = path.read_text(encoding="utf-8")
        _refuse_traps(yaml.compose(text, Loader=yaml.SafeLoader), str(path))
        value = yaml.safe_load(text)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({os.strerror(error.errno or 0)})") from error
    except RecipeError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: of a date or a number that is none
        raise RecipeError(f"{path}: not valid YAML: {' '.join(str(error).split())}"[:500]) from error
    if not isinstance(value, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of sections, this is {type(value).__name__}")
    return value


def _refuse_traps(node: yaml.Node | None, where: str, seen: set[int] | None = None) -> None:
    """Raise RecipeError for aliases (a few lines of them can stand for gigabytes) and for keys that stand twice."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        raise RecipeError(f"{where}: YAML aliases (*name) are not read; write the value out")
    seen.add(id(node))
    children = list(node.value) if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                raise RecipeError(f"{where}: {key.value} stands twice in the same section; keep one")
            children.append(value)
    for child in children:
        _refuse_traps(child, where, seen)


def with_overrides(recipe: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The recipe with each `key.path=value` set, the value read as YAML; raises RecipeError."""
    changed = yaml.safe_load(yaml.safe_dump(dict(recipe)))
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key:
            raise RecipeError(f"{override!r} is not an override: write key.path=value")
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RecipeError(f"{override!r}: the value is not valid YAML") from error
        _set(changed, key.split("."), value, override)
    return changed


def _set(tree: Any, keys: list[str], value: Any, override: str) -> None:
    for before, key in zip(["the recipe", *keys], keys[:-1], strict=False):
        if isinstance(tree, list):
            tree = tree[_index(tree, key, override)]
            continue
        if not isinstance(tree, dict):
            raise RecipeError(f"{override!r}: {before} is a value, not a section")
        if tree.get(key) is None:
            tree[key] = {}
        tree = tree[key]
        if not isinstance(tree, dict | list):
            raise RecipeError(f"{override!r}: {key} is a value, not a section")
    if isinstance(tree, list):
        tree[_index(tree, keys[-1], override)] = value
    elif not isinstance(tree, dict):
        raise RecipeError(f"{override!r}: {keys[-2]} is a value, not a section")
    else:
        tree[keys[-1]] = value


def _index(items: list[Any], key: str, override: str) -> int:
    if not (key.isascii() and key.isdigit()) or int(key) >= len(items):
        raise RecipeError(f"{override!r}: {key} is not the number of an item, there are {len(items)}")
    return int(key)


def check_recipe(values: Mapping[str, Any], where: str) -> Recipe:
    """Check a recipe that was read; raises RecipeError with one line a mistake."""
    try:
        recipe = Recipe.model_validate(values)
        # Once more from its own dump: a default of 3 for a number with decimals has to be the 3.0 that a written one is.
        return Recipe.model_validate(recipe.model_dump(mode="json"))
    except ValidationError as error:
        raise RecipeError("\n".join(f"{where}: {_line(item)}" for item in error.errors())) from error


def _line(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
    if error["type"] == "extra_forbidden":
        return f"{place}: there is no such field{_did_you_mean(str(error['loc'][-1]), _fields_at(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{place}: this field is required"
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
        return f"{place}: {message}" if place else message
    return f"{place}: {error['msg']}, not {error['input']!r}"[:500]


def _fields_at(location: Sequence[Any]) -> set[str]:
    """Names of the fields of the section at a place in the recipe."""
    models = [Recipe]
    for part in location:
        if isinstance(part, int):
            continue
        models = [
            found
            for model in models
            if part in model.model_fields
            for found in models_in(model.model_fields[part].annotation)
        ] or models
    return {name for model in models for name in model.model_fields}


def models_in(annotation: Any) -> list[Any]:
    """The config models that an annotation mentions, as in `list[SourceConfig] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"


def output_fields(config: BaseModel) -> dict[str, Any]:
    """The fields of a section that change its stage's output, as JSON values, those of inner sections included."""
    return {
        name: _json(getattr(config, name))
        for name, field in type(config).model_fields.items()
        if not {"speed", "display"}.intersection(word for word in field.metadata if isinstance(word, str))
    }


def _json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return output_fields(value)
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return value


def to_yaml(recipe: Recipe) -> str:
    """The recipe with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
