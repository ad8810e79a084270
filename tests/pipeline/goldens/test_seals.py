"""Seals: those of today hold, and what changes a seal and what does not."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.goldens.content import Values
from pipeline.stages.line import STAGES
from tests.seals.__main__ import refusals
from tests.seals.definitions import Modules
from tests.seals.seals import ROOT, describe, faults, reached, read_seals, seal_of

FILES = {
    "pipeline/stages/clean.py": """
from data.clean.shard import ShardConfig, clean_shard

def run(config: ShardConfig) -> dict:
    return clean_shard(config)

STAGE = Stage(name="clean", version=1, run=run)
""",
    "data/clean/shard.py": '''
"""Cleans a shard."""
from importlib import import_module
from typing import TYPE_CHECKING
from data.clean import rules
from data.clean.limits import LIMITS, Reader
if TYPE_CHECKING:
    from data.other import unreached
TABLE = {"upper": "data.late.upper:make_upper"}
FAMILIES = {"rules": rules}
PATHS = []
PATHS.append("x")

class ShardConfig:
    """A config."""
    limits: Limits = 5

def clean_shard(text: str, least=3) -> str:
    """The text, cleaned."""
    # A comment.
    from data.clean.limits import late
    family = FAMILIES["rules"]
    return family.check(Reader(text).read(), LIMITS) + rules.named(text) + late() + str(TABLE)
''',
    "data/clean/rules.py": """
def check(text, limits):
    return text[:limits]

def named(text):
    return text
""",
    "data/clean/limits.py": """
BASE = 10
LIMITS = BASE + 1

class Reader:
    def __init__(self, text):
        self.text = text

    def read(self):
        return helper(self.text)

def helper(text):
    return text.strip()

def late():
    return ""

def unreached():
    return 1
""",
    "data/late/upper.py": """
def make_upper(text):
    return text.upper()
""",
}


def seal(folder: Path, files: dict[str, str]) -> str:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return seal_of(reached(Modules(folder), "clean"))


def changed(old: str, new: str) -> dict[str, str]:
    """The files with all that is `old` replaced by `new`."""
    assert any(old in content for content in FILES.values())
    return {path: content.replace(old, new) for path, content in FILES.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BASE = 10", "BASE = 12"),
        ("text.strip()", "text.lstrip()"),
        ("least=3", "least=4"),
        ("return helper(self.text)", "return self.text"),
        ("self.text = text\n", "self.text = text + text\n"),
        ("return text[:limits]", "return text[limits:]"),
        ("return text.upper()", "return text.lower()"),
        ('return ""', 'return "x"'),
        ('PATHS.append("x")', 'PATHS.append("y")'),
        ("limits: Limits = 5", "limits: Limits = 6"),
        ("class ShardConfig:", "class ShardConfig(dict):"),
        ("class Reader:", "@final\nclass Reader:"),
    ],
)
def test_other_code_breaks_a_seal(old: str, new: str, tmp_path: Path) -> None:
    assert seal(tmp_path / "old", FILES) != seal(tmp_path / "new", changed(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A comment.", "# Another comment.\n\n"),
        ('"""The text, cleaned."""', '"""What is left of the text."""'),
        ('    """A config."""\n', ""),
        ('"""Cleans a shard."""', ""),
        ("text: str, least=3) -> str", "text, least: int = 3)"),
        ("BASE = 10", "BASE: int = 10"),
        ("limits: Limits = 5", 'limits: "list[int]" = 5\n    """The limits."""'),
        ("from importlib import import_module\n", "import os\n"),
        ("    from data.clean.limits import late\n", "    import os\n    from data.clean.limits import late\n"),
        ("from data.other import unreached", "from data.other import more"),
        ("def unreached():\n    return 1", "def unreached():\n    return 2"),
        ("return text[:limits]", "return (\n        text[: limits]  # cut\n    )"),
    ],
)
def test_what_does_nothing_leaves_a_seal_whole(old: str, new: str, tmp_path: Path) -> None:
    assert seal(tmp_path / "old", FILES) == seal(tmp_path / "new", changed(old, new))


@pytest.mark.parametrize(
    ("path", "moved", "renamed"),
    [
        ("data/clean/limits.py", "data/bounds/all.py", {"data.clean.limits": "data.bounds.all"}),
        ("data/late/upper.py", "data/case.py", {"data.late.upper": "data.case"}),
        (
            "data/clean/rules.py",
            "data/laws.py",
            {
                "from data.clean import rules": "from data import laws",
                "rules.named": "laws.named",
                ": rules}": ": laws}",
            },
        ),
    ],
)
def test_a_file_that_moves_leaves_a_seal_whole(path: str, moved: str, renamed: dict[str, str], tmp_path: Path) -> None:
    files = dict(FILES)
    files[moved] = files.pop(path)
    for old, new in renamed.items():
        files = {name: content.replace(old, new) for name, content in files.items()}
    assert seal(tmp_path / "old", FILES) == seal(tmp_path / "new", files)


def test_a_look_up_by_a_name_that_is_made_seals_the_whole_module(tmp_path: Path) -> None:
    dynamic = FILES["data/clean/limits.py"].replace('return ""', "return getattr(Reader, BASE)")
    before = FILES | {"data/clean/limits.py": dynamic}
    after = FILES | {"data/clean/limits.py": dynamic.replace("return 1", "return 2")}
    assert seal(tmp_path / "old", before) != seal(tmp_path / "new", after)


def test_a_broken_seal_is_said_with_what_changed_and_what_to_do(tmp_path: Path) -> None:
    seal(tmp_path / "old", FILES)
    seal(tmp_path / "new", changed("text.strip()", "text.lstrip()"))
    before, after = ({"clean": reached(Modules(tmp_path / name), "clean")} for name in ("old", "new"))
    sealed = describe(before, {"clean": 1})
    assert faults(before, {"clean": 1}, sealed) == []
    (line,) = faults(after, {"clean": 1}, sealed)
    assert "clean: the seal of version 1 is broken by helper;" in line
    assert "pipeline/stages/clean.py" in line and "make reseal" in line
    assert faults(after, {"clean": 2}, sealed) == ["clean: no seal of version 2; run `make reseal`"]


@pytest.mark.parametrize(
    ("broken", "raised", "now", "refused"),
    [
        (True, False, {"a/x": "2", "b/x": "1"}, ["a/x"]),
        (True, False, {"b/x": "1"}, ["a/x"]),
        (True, False, {"a/x": "1", "b/x": "1", "new/x": "1"}, []),
        (True, True, {"a/x": "2", "b/x": "1"}, []),
        (False, False, {"a/x": "2", "b/x": "1"}, []),
    ],
)
def test_code_that_gives_other_content_is_not_sealed_under_the_same_version(
    broken: bool, raised: bool, now: Values, refused: list[str]
) -> None:
    before: Any = {"a/x": "1", "b/x": "1"}
    assert refusals("clean", broken, raised, before, now) == refused


def test_the_seals_hold() -> None:
    modules = Modules(ROOT)
    stages = {stage.name: reached(modules, stage.name) for stage in STAGES}
    assert faults(stages, {stage.name: stage.version for stage in STAGES}, read_seals()) == []
