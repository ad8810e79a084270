"""Alarms of a real run: said while it goes, in the summary and in the report; a strict recipe ends with the first one."""

from pathlib import Path
from typing import Any

import yaml

RECIPE = {
    "name": "brackets",
    "collect": {"sources": [{"name": "code", "path": "texts/*.txt"}, {"name": "prose", "path": "prose.txt"}]},
    "clean": {"preset": "web", "language": None, "sources": {"prose": {"preset": "none"}}},
    "vocab": {"size": 2000},
}
PROSE = "The miller and the people of the town have sold flour to the old inn for a hundred years. "


def test_an_alarm_is_said_and_a_strict_recipe_ends_with_it(line: Any, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(9):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"int f{number}() {{ return {number}; }}\n" * 30)
    sentences = "".join(
        f"{PROSE}In the year {year} it was {year % 7} sacks of rye, and that is what they say. " for year in range(40)
    )
    (tmp_path / "prose.txt").write_text(sentences)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    alarm = "source code lost 100% of its 9 documents"

    strict = line.run("run", tmp_path / "recipe.yaml", "strict=true", "--workdir", tmp_path / "work")
    assert strict.returncode == 1 and alarm in strict.stdout
    assert "clean: the alarm above ends the run, since the recipe says `strict: true`" in strict.stderr
    assert not (tmp_path / "work" / "runs" / "brackets" / "dedup").exists()

    ended = line.run("run", tmp_path / "recipe.yaml", "--workdir", tmp_path / "work")
    assert ended.returncode == 0, ended.stderr
    _, _, summary = ended.stdout.partition("documents out")
    assert alarm in summary and "ids that vocab.size asks for" in summary
    command = "inspect brackets --show rejected --stage clean --source code --rule"
    assert command in summary
    report = (tmp_path / "work" / "runs" / "brackets" / "report.html").read_text()
    assert alarm in report and command in report
