"""What a training wrote down while it went: its metrics, and the events between them."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EVENTS = ("spike", "overflow", "rewound", "resumed", "checkpoint_passed_over")  # that a report lists


def parse(line: bytes) -> dict[str, Any]:
    """A record; empty for half a line of a rank that was killed, with the next attempt's first line behind it."""
    try:
        return json.loads(line)
    except ValueError:
        return {}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a training's metrics by step; where a step was done again after a crash, the later record counts."""
    records: dict[tuple[int, bool], dict[str, Any]] = {}
    for record in _records(path):
        if "event" not in record:
            records[record["step"], "validation_loss" in record] = record
    return [records[key] for key in sorted(records)]


def read_events(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The events of these names, in the order in which they happened."""
    return [record for record in _records(path) if record.get("event") in names]


def _records(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        return [record for record in map(parse, file) if record]


def speed_rows(records: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Speed, where the time went, and memory: medians over the records of a training."""
    steps = [record for record in records if "tokens_per_second" in record]
    if not steps:
        return []

    def median(values: Sequence[float]) -> float:
        return statistics.median(values)

    rows = [("speed", f"{median([record['tokens_per_second'] for record in steps]):,.0f} tokens/s")]
    used = [record["mfu"] for record in steps if "mfu" in record]
    if used:
        rows.append(("  of the device's peak", f"{median(used):.1%} by 6N + 12LdT"))
    phases = list(dict.fromkeys(name for record in steps for name in record["time"]))
    shares = {name: median([record["time"].get(name, 0.0) for record in steps]) for name in phases}
    shown = [f"{name} {share:.1%}" for name, share in shares.items() if share or name == "data"]
    rows.append(("  time", ", ".join(shown)))
    return [*rows, ("  memory of a rank", f"{max(record['memory_gb'] for record in steps):.1f} GB")]


def validation_rows(records: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """The last validation, source by source."""
    last = next((record for record in reversed(records) if "validation_loss" in record), None)
    if last is None:
        return []
    sizes = last.get("bits_per_byte", {})
    return [
        (
            f"validation, {source}",
            f"{loss:.4f} nats a token" + (f", {sizes[source]:.4f} bits a byte" if source in sizes else ""),
        )
        for source, loss in last["validation"].items()
    ]


def event_rows(events: Sequence[dict[str, Any]]) -> list[tuple[int, str, str]]:
    """Step, name and what there is to say of each event."""
    return [
        (event["step"], event["event"], event.get("message") or _facts(event)) for event in events if "step" in event
    ]


def _facts(event: dict[str, Any]) -> str:
    return f"loss {event['loss']}, gradient norm {event['gradient_norm']}, left out" if "loss" in event else ""
