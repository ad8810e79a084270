"""Mistakes in a recipe, each one clear line that names the field, and overrides."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.recipe.expected import PATTERNS
from pipeline.recipe.overrides import overridden
from pipeline.recipe.reading import check_recipe, load_recipe, to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.recipe.written import RecipeError, Written, read_file, to_text
from tests.pipeline.runs.test_rebuilds import BESIDE, TABLE
from tests.pipeline.tiny_recipe import TINY, changed

# Words of pydantic, of PyYAML and of Python that nobody has to know who writes a recipe.
JARGON = (
    r"[Dd]ictionary|instance|NoneType|[Ii]nput should|unicode string|<class|(?:int|float|bool|string|list|model)_type|_parsing|"
    r"valid |\bstr\b|\bint\b|"
    r"while |scalar|\bmapping|sequence of|\btoken\b|constructor|\bNone\b|\bTrue\b|\bFalse\b|tuple|Field required|pydantic"
)


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
    ("collect.sources.pth", "x", "collect.sources.s.pth: there is no such field; did you mean path?"),
    ("evaluate.tasks.nmae", "x", "evaluate.tasks.t.nmae: there is no such field; did you mean name?"),
    ("export.zzzz", 1, "export.zzzz: there is no such field; known are description, license, model_name"),
    ("vocab.size", "many", "vocab.size: .*whole number.*, not 'many'"),
    ("vocab.size", 0, "vocab.size: .*greater than 0 .*, not 0"),
    ("vocab.size", 1.5, "vocab.size: .*whole number.*, not 1.5"),
    ("clean.language.threshold", 1.5, "clean.language.threshold: .*from 0 to 1, not 1.5"),
    ("clean.c4", [], "clean.c4: .*not \\[\\]"),
    ("collect.sources", {}, "collect.sources: .*list.*, not {}"),
    ("pretrain.model.positions", "xpos", "pretrain.model.positions: .*rope, learned.*, not 'xpos'"),
    ("name", "../up", "name: .*not '../up'"),
    ("format", 3, "format: .*1, 2, not 3"),
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
    ("pretrain.training.zero_stage", 4, "pretrain.training.zero_stage: .*from 0 to 3, not 4"),
    ("evaluate.tasks.name", "a/b", "evaluate.tasks.a/b.name: .*not 'a/b'"),
]


@pytest.mark.parametrize(("name", "value", "line"), MISTAKES, ids=[f"{name}={value}" for name, value, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_the_field(tmp_path: Path, name: str, value: Any, line: str) -> None:
    (found,) = problems(tmp_path, yaml.safe_dump(changed(TINY, name, value)))
    assert re.match(re.escape(f"{tmp_path}/recipe.yaml:") + r"\d+: " + line, found), found


def test_a_vocabulary_too_large_for_uint16(tmp_path: Path) -> None:
    recipe = changed(changed(TINY, "vocab.size", 65_536), "tokenize.dtype", "uint16")
    (line,) = problems(tmp_path, yaml.safe_dump(recipe))
    assert "tokenize.dtype: uint16 holds fewer than 65,536 ids and vocab.size is 65,536" in line
    check_recipe(changed(recipe, "vocab.size", 65_535), "test")
    check_recipe(changed(recipe, "tokenize.dtype", "int32"), "test")


def test_missing_fields_are_named_all_at_once(tmp_path: Path) -> None:
    lines = problems(tmp_path, "collect: {sources: [{path: x}]}\nfinetune: {}\n")
    assert [line.split(": ", 1)[1].partition(";")[0] for line in lines] == [
        "name: this field is required", "collect.sources.0.name: this field is required",
        "finetune.data: this field is required",
    ]  # fmt: skip


def test_a_value_of_none_of_several_types_is_one_line(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, yaml.safe_dump(changed(TINY, "collect.sources.path", 5)))
    assert "collect.sources.s.path: must be a text or a list of texts, not 5; put it in quotes: '5'" in line


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch pwned']", "name: !!python/name:os.system", "a: [", "\t", "{a: b: c}",
        "- a\n- b", "just text", "", "a: \x07", "? [a]\n: b", "name: 012", "a: " + "9" * 5000,
        "[" * 20_000, "a: &a 1\n--- \nb: 1", "x: !unknown 1",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_recipe_is_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    (line,) = problems(tmp_path, text)
    assert re.match(re.escape(f"{tmp_path}/recipe.yaml") + r"(:\d+)?: ", line)
    assert not re.search(JARGON, line), line


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
        read_file(path)
    assert "\n" not in str(error.value)


def test_overrides_set_values_as_yaml_reads_them() -> None:
    recipe, places = overridden(
        Written(TINY, {("vocab",): "recipe.yaml:3"}),
        [
         "vocab.size=700", "clean.pii=null", "collect.sources.s.path=[x, y]", "evaluate.tasks.0.name=u",
         "pretrain.sampling.weights.s=2", "description=a=b", "export.license=", "resources.workers=3",
         "collect.sources.s.id_field=i", "evaluate.temperature=1e-3"],
    )  # fmt: skip
    assert recipe["vocab"]["size"] == 700
    assert recipe["clean"]["pii"] is None
    assert recipe["collect"]["sources"][0]["path"] == ["x", "y"]
    assert recipe["evaluate"]["tasks"][0]["name"] == "u"
    assert recipe["pretrain"]["sampling"]["weights"] == {"s": 2}
    assert recipe["description"] == "a=b"
    assert recipe["export"]["license"] is None
    assert recipe["resources"] == {"workers": 3}
    assert recipe["collect"]["sources"][0]["id_field"] == "i", "an item can be called by its name"
    assert recipe["evaluate"]["temperature"] == 0.001
    assert places["vocab",] == "recipe.yaml:3" and places["vocab", "size"] == "'vocab.size=700'"
    assert places["resources",] == "'resources.workers=3'"
    assert TINY["vocab"]["size"] == 512, "the recipe that was given is left alone"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("vocab", "write key.path=value"),
        ("=3", "write key.path=value"),
        ("vocab.size=[", "the bracket [ that begins here is not closed"),
        ("vocab.size=!!python/object/apply:os.getcwd []", "tags (!name) are not read"),
        ("name=012", "a number does not begin with 0"),
        ("collect.sources.1.path=x", "1 is neither the number nor the name of an item, there are 1 (named s)"),
        ("collect.sources.first.path=x", "first is neither the number nor the name of an item"),
        ("collect.sources.-1.path=x", "-1 is neither the number nor the name of an item"),
        ("collect.sources.².path=x", "² is neither the number nor the name of an item"),
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
    assert line.startswith(f"{override!r}")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\tb: 1", 2, "a tab"),
        ("a: 1\nvocab\n  size: 3", 2, "a colon and a space are missing"),
        ("description: my model: small", 1, "a second colon"),
        ("a: 1\nb: 2\n   c: 3", 3, "indented deeper"),
        ("a:\n    b: 1\n  c: 2", 3, "indented unlike"),
        ("a: [1, 2\nb: 3", 1, "the bracket [ that begins here"),
        ("x: 1\na: {b: 1\nc: 2", 2, "the bracket { that begins here"),
        ("a: 'b\nc: d", 1, "the quote that begins here"),
        ("a: 'it's'", 1, "text follows after a closing quote"),
        ("path: *.jsonl", 1, "must be in quotes"),
        ("name: @me", 1, "cannot begin with @"),
        ("a:\n  - x\n  b: 1", 3, "among the items of a list"),
        ("a: 1\n- b", 2, "among the fields of a section"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("a: 1\nb: \x07", 2, "a control character"),
        ('a: "\\d"', 1, "use single quotes"),
        ("a: 1\nb: {{x}}", 2, "put brackets in quotes"),
        ("vocab:\n  size: 012", 2, "write 12"),
    ],
)
def test_yaml_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"{tmp_path}/recipe.yaml:{line}: ") and words in found, found
    assert not re.search(JARGON, found), found


def test_plain_values_mean_what_they_look_like(tmp_path: Path) -> None:
    recipe = changed(changed(TINY, "name", "NAME"), "pretrain.training.learning_rate", "RATE")
    text = yaml.safe_dump(recipe).replace("NAME", "2024-01-01").replace("RATE", "1e-3")
    (tmp_path / "recipe.yaml").write_text(text + "tracking: {wandb: off}\ndescription: no\n")
    read = load_recipe(tmp_path / "recipe.yaml", ["clean.language.allowed=[no]", "pretrain.training.compile=yes"])
    assert (read.name, read.description, read.tracking.wandb) == ("2024-01-01", "no", "off")
    assert read.pretrain and read.pretrain.training.learning_rate == 0.001 and read.pretrain.training.compile
    assert read.clean.language and read.clean.language.allowed == ("no",)
    (tmp_path / "again.yaml").write_text(to_yaml(read))
    assert load_recipe(tmp_path / "again.yaml") == read


def test_a_mistake_is_told_with_the_line_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text("name: b\n\ncollect:\n  sources:\n  - {name: s, path: x, id_field: 3}\n")
    text = "extends: below.yaml\nvocab:\n\n  size: abc\npretrain:\n  model:\n    n_layers: 1\n    n_heads: 7\n"
    lines = problems(tmp_path, text, "clean.c4.min_sentences=x")
    assert [line.removeprefix(f"{tmp_path}/").partition(" must")[0] for line in lines] == [
        "below.yaml:5: collect.sources.s.id_field:",
        "'clean.c4.min_sentences=x': clean.c4.min_sentences:",
        "recipe.yaml:4: vocab.size:",
        "recipe.yaml:8: pretrain.model: d_model (768)",
    ]


WRONG = [
    "abc",
    -1,
    1.5,
    True,
    None,
    [],
    ["x"],
    [[1]],
    {},
    {"x": 1},
    {"x": {"y": None}},
    float("inf"),
    float("nan"),
    10**30,
    "",
]


@pytest.mark.parametrize("name", [name for name in TABLE if not name.startswith("sweep")])
def test_no_wrong_value_is_told_in_jargon_or_with_another_line(tmp_path: Path, name: str) -> None:
    base = {**TINY, **BESIDE.get(name, {})}
    for value in WRONG:
        text = to_text(changed(base, name, value))
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        try:
            load_recipe(path)
        except RecipeError as error:
            for line in str(error).splitlines():
                assert re.match(re.escape(str(path)) + r":\d+: ", line), line
                assert not re.search(JARGON, line), line
                if f"{name.split('.')[-1]}: must be" in line:
                    number = int(line.removeprefix(f"{path}:").partition(":")[0])
                    assert name.split(".")[-1] in "\n".join(text.splitlines()[max(0, number - 2) : number]), line


def test_each_pattern_of_the_recipe_is_told_in_words() -> None:
    assert _patterns(Recipe) and _patterns(Recipe) <= PATTERNS.keys()


def _patterns(model: Any) -> set[str]:
    schema = str(model.model_json_schema())
    return {ast.literal_eval(found) for found in re.findall(r"'pattern': ('(?:[^'\\]|\\.)*')", schema)}
