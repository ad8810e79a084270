"""The report of a run: one HTML file, made from the run's records, that needs no other file."""

import io
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from orchestration.build_record import read_build
from orchestration.files import read_json, write_text
from pipeline.inspect.funnel import STAGES, funnel_rows
from pipeline.pretrain import METRICS
from pipeline.reporting.summary import summary_rows, view_alarms
from pipeline.runs.view import manifests
from pipeline.stages.score_words import rivals
from pipeline.stages.training_log import EVENTS, event_rows, events, metrics, read_log, speed_rows, validation_rows

LISTED_EVENTS = 30
INK, ACCENT, QUIET = "#1f2430", "#b4532a", "#8a8f98"


def write_report(view: Path) -> Path:
    """Write `report.html` into the view of a run; gives its path. Raises ValueError when a record that it needs is damaged."""
    # matplotlib would otherwise write its font cache into the home folder.
    os.environ.setdefault("MPLCONFIGDIR", str(view.parents[1] / "cache" / "matplotlib"))
    found = manifests(view)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: files("pipeline").joinpath("templates", name).read_text(encoding="utf-8")
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html.j2").render(
        run=view.name,
        summary=summary_rows(view),
        alarms=view_alarms(view),
        funnel=[row for stage in STAGES if stage in found for row in funnel_rows(stage, found[stage]["counts"])],
        manifests=found,
        training=_training(view) if "pretrain" in found else None,
        evaluations={name: _evaluation(view / name) for name, made in found.items() if made["stage"] == "evaluate"},
        vocabulary=_vocabulary(view) if "vocab" in found else None,
        builds={name: read_build(view / name) for name in found},
        recipe=(view / "recipe.yaml").read_text(encoding="utf-8"),
    )
    write_text(view / "report.html", page)
    return view / "report.html"


def _vocabulary(view: Path) -> Any:
    return read_json(view / "vocab" / "tokenizer" / "report.json")


def _evaluation(artifact: Path) -> dict[str, Any]:
    """What the report shows of an evaluation: the scores of the test split, if there is one, their plot, and sample texts."""
    test = read_json(artifact / "scores.json")["test"]
    samples = read_json(artifact / "samples" / "all" / "samples.json")
    return {"test": test, "plot": _bits_plot(test["all"]) if test else None, "samples": samples}


def _training(view: Path) -> dict[str, Any]:
    """What the report shows of a training: a plot of the losses, lines on speed and validation, events, and sample texts."""
    log = view / "pretrain" / METRICS
    written = read_log(log)
    records, happened = metrics(written), event_rows(events(written, EVENTS))
    return {
        "plot": _loss_plot(records),
        "rows": [*speed_rows(records), *validation_rows(records)],
        "events": happened[:LISTED_EVENTS],
        "more_events": max(0, len(happened) - LISTED_EVENTS),
        "samples": events(written, ["sample"]),
    }


def _loss_plot(records: Sequence[Mapping[str, Any]]) -> str:
    training = [(record["tokens"], record["loss"]) for record in records if "loss" in record]
    validation = [(record["tokens"], record["validation_loss"]) for record in records if "validation_loss" in record]
    figure, axes = _figure(6.4, 3.2)
    axes.plot(*_columns(training), color=QUIET, linewidth=0.8, label="training")
    axes.plot(*_columns(validation), color=ACCENT, linewidth=1.8, marker="o", markersize=3.5, label="validation")
    axes.set_xlabel("tokens")
    axes.set_ylabel("loss, nats a token")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g}M")
    axes.legend(frameon=False, fontsize=9)
    return _svg(figure)


def _bits_plot(test: Mapping[str, Any]) -> str:
    """A plot of the bits per byte of the network, with its interval, and of the n-gram models."""
    network = test["bits_per_byte"]
    values = {"network": network["value"]}
    values |= {name: rival["bits_per_byte"] for name, rival in rivals(test).items()}
    figure, axes = _figure(6.4, 1.7)
    axes.barh(list(values), list(values.values()), color=[ACCENT, QUIET, QUIET], height=0.6)
    if network["low"] is not None:
        reach = [[network["value"] - network["low"]], [network["high"] - network["value"]]]
        axes.errorbar([network["value"]], ["network"], xerr=reach, color=INK, capsize=3, linewidth=1.2)
    for name, value in values.items():
        axes.annotate(
            f"{value:.3f}", (0, name), xytext=(5, 0), textcoords="offset points", va="center", color="white", fontsize=9
        )
    axes.invert_yaxis()
    axes.set_xlabel("bits per byte on the test split (less is better)")
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _svg(figure: Any) -> str:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "gristmill", "svg.fonttype": "none", "font.family": "sans-serif"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
