"""The report of a run: one HTML file that needs nothing beside it."""

from pathlib import Path


def write_report(view: Path) -> Path:
    """Write `report.html` into the view."""
    return view / "report.html"
