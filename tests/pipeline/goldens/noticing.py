"""Whether a golden notices what a test has taken away from the code."""

from pathlib import Path

from pipeline.goldens.content import Golden
from pipeline.goldens.make import GOLDENS, differences, expected, make_golden


def notices(stage: str, name: str, folder: Path, golden: Golden | None = None) -> bool:
    """Whether the golden of that name, or `golden` in its place, now comes out otherwise, or cannot be made."""
    before = {part: value for part, value in expected(stage).items() if part.startswith(f"{name}/")}
    assert before
    try:
        made = make_golden(stage, folder, {name: golden or GOLDENS[stage][name]})
    except RuntimeError:  # export's own check of what it has written
        return True
    return differences(before, made) != []
