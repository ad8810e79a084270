"""Names that survive an upgrade: equal content ends the chain, options that are off and other libraries rebuild nothing."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from data.clean.config import NotTextConfig
from data.collect.config import CollectConfig
from data.collect.given_config import DocumentsConfig
from data.dedup.config import PartsConfig
from data.tokens.config import TokensConfig
from orchestration.files import read_json, write_json
from orchestration.identity import Identity
from orchestration.store import Store
from pipeline.recipe.fields import fields_in_names, has_founding, models_in, named_fields, output_fields
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.runs import plan as plan_module
from pipeline.runs.artifacts import choose, different_before, find_artifact, write_verdict
from pipeline.runs.plan import Step
from pipeline.runs.view import open_view, record_artifact
from pipeline.stages.line import STAGES
from tests.artifacts import finish
from tests.pipeline.runs.test_plan import RECIPE, Work
from tests.pipeline.runs.test_rebuilds import fields_of

STAGE = {stage.name: stage for stage in STAGES}
FIELDS_OF_FORMAT_1 = Path(__file__).parents[2] / "recipes" / "fields-of-873c986.txt"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def same(step: Step) -> str:
    """The content of a stage that gives the same whatever it is made of."""
    return f"what {step.stage.name} always gives"


def actions(work: Work, **sections: Any) -> dict[str, str]:
    return {name: step.action for name, step in work.plan(**sections).items()}


def test_equal_content_ends_the_chain(work: Work) -> None:
    work.build(same)
    (work.base / "text" / "a.txt").write_text("changed")
    assert actions(work) == {"collect": "build", **dict.fromkeys(("clean", "dedup", "vocab", "tokenize"), "depends")}
    assert work.build(same) == ["collect"]


def test_other_content_goes_on_as_far_as_it_differs(work: Work) -> None:
    work.build()
    (work.base / "text" / "a.txt").write_text("changed")

    def all_but_the_vocabulary(step: Step) -> str:
        return same(step) if step.stage.name == "vocab" else str(step.identity)

    assert work.build(all_but_the_vocabulary) == ["collect", "clean", "dedup", "vocab", "tokenize"]
    (work.base / "text" / "a.txt").write_text("changed again")
    assert work.build(all_but_the_vocabulary) == ["collect", "clean", "dedup", "vocab", "tokenize"]
    assert len(list(work.store.artifacts("vocab"))) == 3
    assert work.plan(tokenize={"dtype": "int32"})["vocab"].action == "reuse"


def test_a_sweep_over_a_cleaning_rule_shares_what_comes_out_equal(work: Work) -> None:
    rules = [{"gopher_quality": {"min_words": number}} for number in (50, 51, 52)]
    first = work.build(same, clean=rules[0])
    assert first == ["collect", "clean", "dedup", "vocab", "tokenize"]
    assert [work.build(same, clean=rule) for rule in rules[1:]] == [["clean"], ["clean"]]
    assert work.plan(clean=rules[1])["tokenize"].key != work.plan(clean=rules[2])["tokenize"].key
    assert work.plan(clean=rules[1])["tokenize"].artifact == work.plan(clean=rules[2])["tokenize"].artifact


def test_the_artifact_is_on_record_before_it_is_whole(work: Work) -> None:
    work.build()
    for step in work.plan().values():
        assert step.artifact
        assert work.store.record(step.stage.name, step.key) == {"artifact": step.artifact.name}


def test_a_kill_between_the_record_and_the_building(work: Work) -> None:
    """Everything is on record, nothing of it is there: as if it had not been written."""
    steps = work.plan()
    recipe = _recipe()
    open_view(work.view, recipe, work.base, list(steps.values()))
    for name in ("collect", "clean"):
        record_artifact(work.view, name, "f" * 32)
        work.store.write_record(name, steps[name].key, {"artifact": "f" * 32})
    assert {step.action for step in work.plan().values()} == {"build"}
    assert work.build() == list(steps)
    assert set(actions(work).values()) == {"reuse"}


def test_a_torn_record_is_passed_over(work: Work) -> None:
    work.build()
    for path in work.store.root.glob(".records/*/*.json"):
        path.write_text('{"artif')
    assert set(actions(work).values()) == {"reuse"}


def test_an_option_that_is_off_enters_no_name_and_one_that_is_on_does() -> None:
    class Inner(BaseModel):
        old: int = 1
        new: bool = Field(False, json_schema_extra={"founding": False})

    class Section(BaseModel):
        model_config = ConfigDict(extra="forbid")
        sources: list[Inner] = [Inner()]
        one: Inner | None = Inner()
        moved_default: int = Field(5, json_schema_extra={"founding": 3})

    def named(**values: Any) -> dict[str, Any]:
        return named_fields(Section, output_fields(Section(**values)))

    assert named() == {"sources": [{"old": 1}], "one": {"old": 1}, "moved_default": 5}
    assert named(moved_default=3, one=None) == {"sources": [{"old": 1}], "one": None}
    assert named(sources=[{"new": True}])["sources"] == [{"old": 1, "new": True}]


def test_a_format_of_a_source_enters_names_as_it_did_before_it_had_a_section() -> None:
    """A manifest of before has the fields of `csv`, `text` and the others beside those of the source."""

    def named(**fields: Any) -> dict[str, Any]:
        values = {"sources": [{"name": "s", "path": "a.csv", **fields}]}
        return named_fields(CollectConfig, output_fields(CollectConfig.model_validate(values)))["sources"][0]

    before, after = named(delimiter=";", namespaces=[1]), named(csv={"delimiter": ";"}, wikipedia={"namespaces": [1]})
    assert before == after and after["delimiter"] == ";" and "csv" not in after
    of_then = yaml.safe_load((FIELDS_OF_FORMAT_1.parent / "873c986" / "demo.resolved.yaml").read_text())["collect"]
    today = named_fields(CollectConfig, output_fields(CollectConfig.model_validate(of_then)))
    assert today == named_fields(CollectConfig, of_then)


def test_every_field_that_was_added_since_has_a_founding_value() -> None:
    """A field without one would rename every artifact that was made before it: a network would be trained again."""
    founding = {
        f"{model.__name__}.{name}": has_founding(field)
        for model in _models(Recipe)
        for name, field in fields_in_names(model).items()
    }
    known = set(FIELDS_OF_FORMAT_1.read_text().split())
    # Nothing was made before the stage was there.
    known |= {
        f"{model.__name__}.{name}"
        for new in (TokensConfig, DocumentsConfig, NotTextConfig, PartsConfig)
        for model in _models(new)
        for name in model.model_fields
    }
    known |= {"Recipe.documents", "Recipe.tokens", "Recipe.network"}
    # The rules of a source have the fields that the section itself has.
    known |= {name.replace("CleanConfig.", "SourceRules.") for name in known if name.startswith("CleanConfig.")}
    affect_names = {f"{model.__name__}.{name}" for model in _models(Recipe) for name in _output_names(model)}
    assert [name for name in sorted(affect_names) if name not in known and not founding[name]] == []
    assert [name for name in known if founding.get(name)] == [], "a field that was there always entered the name"


def _output_names(model: type[BaseModel]) -> list[str]:
    return [
        name
        for name, field in fields_in_names(model).items()
        if not {"speed", "display", "files"}.intersection(word for word in field.metadata if isinstance(word, str))
    ]


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [each for field in fields_in_names(model).values() for each in models_in(field.annotation)]
    return [model, *(found for each in inner for found in _models(each))]


def test_a_patch_release_of_a_library_rebuilds_nothing_by_itself(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.build()
    monkeypatch.setattr(plan_module, "library_versions", lambda names: dict.fromkeys(names, "99.1"))
    steps = work.plan()
    assert {name: step.action for name, step in steps.items()} == {
        "collect": "compare", "clean": "depends", "dedup": "depends", "vocab": "depends", "tokenize": "depends"
    }  # fmt: skip
    assert "pyarrow" in steps["collect"].reason and "will be compared" in steps["collect"].reason
    for name in ("collect", "clean", "tokenize"):
        write_verdict(work.artifact(name), dict.fromkeys(STAGE[name].libraries, "99.1"), [])
    steps = work.plan()
    assert {step.action for step in steps.values()} == {"reuse"}
    assert steps["clean"].reason.endswith("compared, nothing comes out otherwise")
    assert "`--rebuild vocab` makes it again" in steps["vocab"].reason, "no map: it is said, and trusted"


def test_what_comes_out_otherwise_today_is_built_and_both_are_kept(work: Work) -> None:
    work.build()
    stage, old = STAGE["clean"], work.artifact("clean")
    step, today = work.plan()["clean"], dict.fromkeys(STAGE["clean"].libraries, "99.1")
    assert step.identity
    write_verdict(old, today, ["shard 00000"])
    assert different_before(old, today) == ["shard 00000"]
    choice = choose(work.store, stage, step.identity, today)
    assert choice.artifact is None and choice.identity.name != step.identity.name
    new = finish(work.store, choice.identity, {}, content="other")
    assert choose(work.store, stage, step.identity, today).artifact == new
    assert choose(work.store, stage, step.identity, step.libraries).artifact == old, "with the libraries of then"


def test_a_build_for_another_machine_is_no_other_version(work: Work) -> None:
    identity = Identity("collect", 1, {}, {})
    artifact = finish(work.store, identity)
    path = artifact.path / "manifest.json"
    manifest = {name: value for name, value in read_json(path).items() if name != "checksum"}
    write_json(path, {**manifest, "format": 1, "versions": {"torch": "2.13.0+cpu"}})
    assert choose(work.store, STAGE["collect"], identity, {"torch": "2.13.0"}).note == ""
    assert "torch 2.13.0 -> 2.13.1" in choose(work.store, STAGE["collect"], identity, {"torch": "2.13.1"}).note


def test_a_raised_version_trains_nothing_again_by_itself(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.open()
    of_then = Identity("pretrain", 1, {"tokenize": "t"}, {"steps": 3})
    trained = finish(store, of_then)
    of_now = Identity("pretrain", STAGE["pretrain"].version, {"tokenize": "t"}, {"steps": 3})
    choice = choose(store, STAGE["pretrain"], of_now, {})
    assert choice.artifact == trained
    assert "trained by version 1 of the stage" in choice.note and "--rebuild pretrain" in choice.note
    asked = Identity("pretrain", of_now.version, {"tokenize": "t"}, {"steps": 3}, {"again": 1})
    assert choose(store, STAGE["pretrain"], asked, {}).artifact is None
    other = Identity("pretrain", of_now.version, {"tokenize": "t"}, {"steps": 4})
    assert choose(store, STAGE["pretrain"], other, {}).artifact is None
    cleaned = finish(store, Identity("clean", 1, {"collect": "c"}, {}))
    later = Identity("clean", STAGE["clean"].version, {"collect": "c"}, {})
    assert cleaned and find_artifact(store, STAGE["clean"], later) is None, "documents are built again"


def test_rebuild_builds_once_more_and_only_once(work: Work) -> None:
    work.build()

    def rebuild() -> Step:
        recipe = plan_module.make_plan
        steps = recipe(_recipe(), work.base, work.store, work.view, rebuild=["vocab"])
        return next(step for step in steps if step.stage.name == "vocab")

    asked = rebuild()
    assert (asked.action, asked.reason, asked.again) == ("build", "asked for with --rebuild", 1)
    work.store.write_record("vocab", asked.key, {"again": asked.again})
    assert work.plan()["vocab"].action == "build", "after a kill it is still asked for"
    assert rebuild().again == 1, "asked twice before it was built"
    assert work.build() == ["vocab", "tokenize"]
    assert set(actions(work).values()) == {"reuse"}


def _recipe() -> Recipe:
    return check_recipe(RECIPE, "test")


def test_the_list_of_old_fields_is_of_fields(work: Work) -> None:
    assert len(FIELDS_OF_FORMAT_1.read_text().split()) > 200
    assert list(fields_of(Recipe))
