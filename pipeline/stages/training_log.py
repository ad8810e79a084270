"""The log of a training: the metrics that it wrote, and the events between them."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypeAlias

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic accepts the TypedDict of typing only from Python 3.12 on

from orchestration.side_records import read_side_lines

EVENTS = ("slow", "spike", "overflow", "rewound", "resumed", "checkpoint_passed_over")  # the events that a report lists


class StepRecord(TypedDict):
    """The metrics of a training step: loss in nats a token, speed, and the share of the time in each phase."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    step: int
    tokens: int
    loss: float
    tokens_per_second: float
    time: dict[str, float]
    memory_gb: float
    mfu: NotRequired[float]


class ValidationRecord(TypedDict):
    """Losses on the validation split in nats a token, of each source and of all together."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    step: int
    tokens: int
    validation: dict[str, float]
    validation_loss: float
    bits_per_byte: dict[str, float]


class EventRecord(TypedDict):
    """Something that happened at a training step, or a text that the network wrote there."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    event: str
    step: int
    message: NotRequired[str]
    prompt: NotRequired[str]
    text: NotRequired[str]


Record: TypeAlias = dict[str, Any]  # a record of one of these shapes, which may have more fields
RECORD: TypeAdapter[Any] = TypeAdapter(StepRecord | ValidationRecord | EventRecord)


def read_log(path: Path) -> list[Record]:
    """The records of a training in the order in which they were written; a missing file has none.

    Damaged lines are passed over, and a line on the error stream says how many.
    """
    return read_side_lines(path, RECORD)


def metrics(records: Sequence[Record]) -> list[Record]:
    """The metrics among the records, in the order of steps. Of a step that was done again after a crash the later one counts."""
    found = {(record["step"], "validation_loss" in record): record for record in records if "event" not in record}
    return [found[key] for key in sorted(found)]


def events(records: Sequence[Record], names: Sequence[str]) -> list[Record]:
    """The events of these names, in the order in which they happened."""
    return [record for record in records if "event" in record and record["event"] in names]


def speed_rows(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Lines (name, value) on speed, shares of the time, and memory: medians over the records, of memory the largest."""
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


def validation_rows(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Lines (name, value) on the last validation, one for each source."""
    last = next((record for record in reversed(records) if "validation_loss" in record), None)
    if last is None:
        return []
    sizes = last["bits_per_byte"]
    return [
        (
            f"validation, {source}",
            f"{loss:.4f} nats a token" + (f", {sizes[source]:.4f} bits a byte" if source in sizes else ""),
        )
        for source, loss in last["validation"].items()
    ]


def event_rows(events: Sequence[Record]) -> list[tuple[int, str, str]]:
    """Lines (step, name, message) on the events."""
    return [(event["step"], event["event"], event.get("message") or _facts(event)) for event in events]


def _facts(event: Record) -> str:
    known = event.keys() >= {"loss", "gradient_norm"}
    return f"loss {event['loss']}, gradient norm {event['gradient_norm']}, left out" if known else ""
