"""Mistakes in a recipe, each one clear line that names the field, and overrides."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.recipe.reading import RecipeError, check_recipe, load_recipe, read_yaml, with_overrides
from tests.pipeline.tiny_recipe import TINY, changed


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        load_recipe(path, overrides)
    lines = str(error.value).splitlines()
    assert all(len(line) < 1500 for line in lines)
    return lines


MISTAKES = [
    ("dedup.minhash.band", 3, "dedup.minhash.band: there is no such field; did you mean bands?"),
    ("pretrian", {}, "pretrian: there is no such field; did you mean pretrain?"),
    ("collect.sources.pth", "x", "collect.sources.0.pth: there is no such field; did you mean path?"),
    ("evaluate.tasks.nmae", "x", "evaluate.tasks.0.nmae: there is no such field; did you mean name?"),
    ("export.zzzz", 1, "export.zzzz: there is no such field; known are description, license, model_name"),
    ("vocab.size", "many", "vocab.size: .*integer.*, not 'many'"),
    ("vocab.size", 0, "vocab.size: .*greater than 0, not 0"),
    ("vocab.size", 1.5, "vocab.size: .*integer.*, not 1.5"),
    ("clean.language.threshold", 1.5, "clean.language.threshold: .*less than or equal to 1, not 1.5"),
    ("clean.c4", [], "clean.c4: .*not \\[\\]"),
    ("collect.sources", {}, "collect.sources: .*list.*, not {}"),
    ("pretrain.model.positions", "xpos", "pretrain.model.positions: .*'rope', 'learned'.*, not 'xpos'"),
    ("name", "../up", "name: .*not '../up'"),
    ("format", 2, "format: .*1, not 2"),
    ("pretrain.model.n_heads", 3, r"pretrain.model: d_model \(8\) must be a multiple of n_heads \(3\)"),
    ("pretrain.model.n_kv_heads", 3, r"pretrain.model: n_heads \(2\) must be a multiple of n_kv_heads \(3\)"),
    ("pretrain.training.ranks", 3, r"pretrain.training: global_batch \(8\) must be a multiple of ranks \(3\)"),
    (
        "pretrain.training.micro_batch",
        3,
        r"pretrain.training: global_batch \(8\) must be a multiple of ranks \* micro_batch",
    ),
    (
        "pretrain.training.sequence_length",
        99,
        r"pretrain: training.sequence_length \(99\) is longer than model.max_seq",
    ),
    ("pretrain.model.vocab_size", 100, r"pretrain.model.vocab_size \(100\) is smaller than vocab.size \(512\)"),
    ("pretrain.sampling.weights", {"x": 1.0}, "pretrain.sampling.weights: no source is called 'x'; known are s"),
    ("pretrain.model.norm", "layernorm", "export: norm: layernorm has no Hugging Face form with positions: rope"),
    ("pretrain.training.zero_stage", 4, "pretrain.training.zero_stage: .*less than or equal to 3, not 4"),
    ("evaluate.tasks.name", "a/b", "evaluate.tasks.0.name: .*not 'a/b'"),
]


@pytest.mark.parametrize(("name", "value", "line"), MISTAKES, ids=[f"{name}={value}" for name, value, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_the_field(tmp_path: Path, name: str, value: Any, line: str) -> None:
    (found,) = problems(tmp_path, yaml.safe_dump(changed(TINY, name, value)))
    assert re.match(re.escape(f"{tmp_path}/recipe.yaml: ") + line, found), found


def test_a_vocabulary_too_large_for_uint16(tmp_path: Path) -> None:
    recipe = changed(changed(TINY, "vocab.size", 65_536), "tokenize.dtype", "uint16")
    (line,) = problems(tmp_path, yaml.safe_dump(recipe))
    assert "tokenize.dtype: uint16 holds fewer than 65,536 ids and vocab.size is 65,536" in line
    check_recipe(changed(recipe, "vocab.size", 65_535), "test")
    check_recipe(changed(recipe, "tokenize.dtype", "int32"), "test")


def test_missing_fields_are_named_all_at_once(tmp_path: Path) -> None:
    lines = problems(tmp_path, "collect: {sources: [{path: x}]}\nfinetune: {}\n")
    assert [line.split(": ", 1)[1] for line in lines] == [
        "name: this field is required", "collect.sources.0.name: this field is required",
        "finetune.data: this field is required",
    ]  # fmt: skip


def test_a_value_of_none_of_several_types_names_the_field_for_each(tmp_path: Path) -> None:
    lines = problems(tmp_path, yaml.safe_dump(changed(TINY, "collect.sources.path", 5)))
    assert all(line.startswith(f"{tmp_path}/recipe.yaml: collect.sources.0.path") for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch pwned']", "name: !!python/name:os.system", "a: [", "\t", "{a: b: c}",
        "- a\n- b", "just text", "", "a: \x07", "? [a]\n: b", "name: 2024-13-45", "a: " + "9" * 5000,
        "[" * 20_000, "a: &a 1\n--- \nb: 1", "x: !unknown 1",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_recipe_is_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    (line,) = problems(tmp_path, text)
    assert line.startswith(f"{tmp_path}/recipe.yaml: ")


@pytest.mark.parametrize("place", ["description", "clean", "name", "collect"])
def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path, place: str) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    lines = problems(tmp_path, "\n".join([*levels, f"{place}: *a9"]))
    assert lines


def test_a_bomb_of_merges_does_not_go_off(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: 1, y: 2}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    assert problems(tmp_path, "\n".join(levels))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, yaml.safe_dump(TINY) + "\nvocab:\n  size: 700\n")
    assert "vocab" in line


@pytest.mark.parametrize("kind", ["absent", "folder", "large"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recipe.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "large":
        path.write_text("#" * (1 << 20) + "\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml: (cannot be read|larger than)") as error:
        read_yaml(path)
    assert "\n" not in str(error.value)


def test_overrides_set_values_as_yaml_reads_them() -> None:
    recipe = with_overrides(
        TINY,
        ["vocab.size=700", "clean.pii=null", "collect.sources.0.path=[x, y]", "evaluate.tasks.0.name=u",
         "pretrain.sampling.weights.s=2", "description=a=b", "export.license=", "resources.workers=3"],
    )  # fmt: skip
    assert recipe["vocab"]["size"] == 700
    assert recipe["clean"]["pii"] is None
    assert recipe["collect"]["sources"][0]["path"] == ["x", "y"]
    assert recipe["evaluate"]["tasks"][0]["name"] == "u"
    assert recipe["pretrain"]["sampling"]["weights"] == {"s": 2}
    assert recipe["description"] == "a=b"
    assert recipe["export"]["license"] is None
    assert recipe["resources"] == {"workers": 3}
    assert TINY["vocab"]["size"] == 512, "the recipe that was given is left alone"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("vocab", "write key.path=value"),
        ("=3", "write key.path=value"),
        ("vocab.size=[", "the value is not valid YAML"),
        ("vocab.size=!!python/object/apply:os.getcwd []", "the value is not valid YAML"),
        ("name=2024-13-45", "the value is not valid YAML"),
        ("collect.sources.1.path=x", "1 is not the number of an item, there are 1"),
        ("collect.sources.first.path=x", "first is not the number of an item"),
        ("collect.sources.-1.path=x", "-1 is not the number of an item"),
        ("collect.sources.².path=x", "² is not the number of an item"),
        ("vocab.size.x=1", "size is a value, not a section"),
        ("vocab.size.x.y=1", "size is a value, not a section"),
        ("finetune.data.0=1", "data is a value, not a section"),
        ("dedup.contamination.files.0.x=1", "0 is a value, not a section"),
        ("dedup.contamination.files.0.x.y=1", "0 is a value, not a section"),
        ("vocab.sise=3", "vocab.sise: there is no such field; did you mean size"),
    ],
)
def test_a_wrong_override_is_one_line_that_repeats_it(tmp_path: Path, override: str, message: str) -> None:
    (line,) = problems(tmp_path, yaml.safe_dump(TINY), override)
    assert message in line
    assert override in line or "no such field" in line
