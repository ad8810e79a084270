"""What is read back from a training's metrics, and what a report says of it."""

import json
from pathlib import Path
from typing import Any

from pipeline.stages.training_log import EVENTS, event_rows, events, metrics, read_log, speed_rows, validation_rows


def step(number: int, speed: float, data: float, **more: Any) -> dict[str, Any]:
    time = {"data": data, "forward": 0.25, "checkpoint": 0.0}
    facts = {"step": number, "tokens": 8 * number, "loss": 5.0 - number, "tokens_per_second": speed}
    return {**facts, "time": time, "memory_gb": 0.5, **more}


SPIKE = {"event": "spike", "step": 2, "loss": "nan", "gradient_norm": "7", "samples": [8, 16], "decision": "skip"}
RECORDS: list[dict[str, Any]] = [
    step(1, 1000.0, 0.0),
    SPIKE,
    {"event": "rewound", "step": 1, "samples": [8, 24], "message": "8 spikes in a row: back from step 9 to step-1"},
    step(2, 1.0, 0.9),
    {"event": "checkpoint", "step": 2},
    {"event": "checkpoint_passed_over", "step": 1, "message": "step-2: weights: missing"},
    {"event": "resumed", "step": 1, "message": "going on from step-1"},
    step(2, 3000.0, 0.02, memory_gb=0.75),
    {"step": 2, "tokens": 16, "validation": {"a": 3.5, "b": 2.5}, "validation_loss": 3.0, "bits_per_byte": {"a": 1.25}},
    {"event": "sample", "step": 2, "prompt": "The", "text": " end"},
    step(3, 2000.0, 0.01),
]


def write(folder: Path) -> Path:
    path = folder / "metrics.jsonl"
    text = "".join(json.dumps(record) + "\n" for record in RECORDS)
    path.write_text(text + '{"step": 4, "los\n' + json.dumps(step(4, 2500.0, 0.0)) + "\n")
    return path


def test_a_step_that_was_done_again_counts_once_and_half_a_line_not(tmp_path: Path) -> None:
    records = metrics(read_log(write(tmp_path)))
    steps = [record for record in records if "loss" in record]
    assert [record["step"] for record in steps] == [1, 2, 3, 4]
    assert [record["tokens_per_second"] for record in steps] == [1000.0, 3000.0, 2000.0, 2500.0]
    assert sum("validation_loss" in record for record in records) == 1


def test_speed_is_the_median_and_memory_the_most(tmp_path: Path) -> None:
    rows = speed_rows(metrics(read_log(write(tmp_path))))
    assert rows == [
        ("speed", "2,250 tokens/s"),
        ("  time", "data 0.5%, forward 25.0%"),
        ("  memory of a rank", "0.8 GB"),
    ]
    assert speed_rows([step(1, 10.0, 0.0, mfu=0.4)])[1] == ("  of the device's peak", "40.0% by 6N + 12LdT")
    assert speed_rows([]) == []


def test_the_last_validation_by_source(tmp_path: Path) -> None:
    rows = validation_rows(metrics(read_log(write(tmp_path))))
    assert rows == [
        ("validation, a", "3.5000 nats a token, 1.2500 bits a byte"),
        ("validation, b", "2.5000 nats a token"),
    ]
    assert validation_rows([]) == []


def test_events_in_the_order_in_which_they_happened(tmp_path: Path) -> None:
    records = read_log(write(tmp_path))
    assert event_rows(events(records, EVENTS)) == [
        (2, "spike", "loss nan, gradient norm 7, left out"),
        (1, "rewound", "8 spikes in a row: back from step 9 to step-1"),
        (1, "checkpoint_passed_over", "step-2: weights: missing"),
        (1, "resumed", "going on from step-1"),
    ]
    assert [event["text"] for event in events(records, ["sample"])] == [" end"]
