"""One document on its way through a run: where it came from, what each stage made of it, and which words changed."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.inspect.changes import changes
from pipeline.inspect.records import EXCERPT, FILES, Found, facts_grid, origin, scan
from pipeline.inspect.terminal import excerpt, visible, visible_line

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = 5  # documents of a longer list whose ids are shown
CHANGES = 12  # changed places of a text that are shown, unless all are asked for
BEGINNING = 6  # characters of an id that may stand for the whole; fewer would match some document by chance
_PART = re.compile(r"[0-9a-f]{32}/[0-9]+")
PIECE = 300  # characters that are shown of the words taken out or put in at one place
DUPLICATES = Path("dedup/duplicates/all/duplicates.parquet")


def trace(view: Path, name: str, stages: tuple[str, ...]) -> dict[str, Any]:
    """The way of a document through a run, for programs: its origin, an entry for each stage that read it, its last text.

    `name` is its id, its uri, its id in the source or the locator of an unreadable record; when it is none of these, it may be
    the beginning of an id, of BEGINNING characters or more. `stages` are the stages that pass documents on, in order. Raises
    ValueError when no document or more than one has that name.
    """
    first = _find(view, _whole(name), stages[0])
    record = first.record
    if "locator" in record:
        return {**record, "stages": [_step(view, stages[0], "quarantined", first) | {"error": record["error"]}]}
    steps: list[dict[str, Any]] = []
    ids = [record["id"]]
    for stage in stages:
        for found in islice(_with_id(view / stage, record["id"]), 1):
            steps.append(_passage(view, stage, record["text"] if steps else None, found))
            record = found.record
        if stage == "dedup" and (parts := list(_parts(view / stage, record["id"]))):
            named = [part.record["id"] for part in parts]
            ids = [name] if name in named else named
            steps.append(_step(view, stage, "cut", parts[0]) | {"parts": named})
    return {
        **{name: value for name, value in record.items() if name not in ("text", "rule", "detail")},
        "stages": [*steps, *(step for id in ids for step in _tokens(view, id))],
        "duplicates": _dropped_for(view, record["id"]),
        "scores": _scores(view, record["id"]),
        "text": record["text"],
    }


def _find(view: Path, name: str, stage: str) -> Found:
    """The document or unreadable record of the first stage that has this name; raises ValueError as `trace` does."""
    import pyarrow.compute as pc

    def is_name(rows: "pa.Table") -> "pa.Array":
        ids = pc.or_(pc.equal(rows["id"], name.lower()), pc.equal(rows["id"], name))  # Ids of others may have capitals.
        matches = pc.or_(ids, pc.equal(rows["uri"], name))
        for own in (json.dumps(name), f"{name},", f"{name}}}"):  # meta is JSON, in which an id may be a number
            matches = pc.or_(matches, pc.match_substring(rows["meta"], f'"id": {own}'))
        return matches

    def search(columns: list[str], mask: Callable[["pa.Table"], "pa.Array"]) -> list[Found]:
        files = (FILES["documents"], FILES["rejected"])
        return [each for pattern in files for each in islice(scan(view / stage, pattern, columns, mask), NAMED + 1)]

    found = search(["id", "uri", "meta"], is_name) or list(
        islice(scan(view / stage, FILES["quarantine"], ["locator"], lambda rows: pc.equal(rows["locator"], name)), 1)
    )
    if not found and len(name) >= BEGINNING:
        found = search(["id"], lambda rows: pc.starts_with(rows["id"], name.lower()))
    if not found:
        short = f" ({BEGINNING} characters or more)" if len(name) < BEGINNING else ""
        raise ValueError(
            f"--id {name}: run {view.name} has no document of this name; it may be an id or its beginning{short}, "
            "a uri, or the document's own id"
        )
    if len(found) > 1:
        named = ", ".join(each.record["id"] for each in found[:NAMED]) + (", …" if len(found) > NAMED else "")
        raise ValueError(f"--id {name}: more than one document has this name: {named}")
    return found[0]


def _with_id(artifact: Path, document: str, *files: str) -> Iterator[Found]:
    """Yield the rows with this id in the named files of the shards; without a name, in the files that hold documents."""
    import pyarrow.compute as pc

    for pattern in files or (FILES["documents"], FILES["rejected"]):
        yield from scan(artifact, pattern, ["id"], lambda rows: pc.equal(rows["id"], document))


def _parts(artifact: Path, document: str) -> Iterator[Found]:
    """Yield the rows of the parts that a document was cut into, `ID/1` and so on."""
    import pyarrow.compute as pc

    name = rf"^{re.escape(document)}/[0-9]+$"
    for pattern in (FILES["documents"], FILES["rejected"]):
        yield from scan(artifact, pattern, ["id"], lambda rows: pc.match_substring_regex(rows["id"], name))


def _whole(name: str) -> str:
    """The id of the document of which `name` is a part, `ID/7`; any other name as it is."""
    return name.partition("/")[0] if _PART.fullmatch(name) else name


def _step(view: Path, stage: str, outcome: str, found: Found) -> dict[str, Any]:
    where = Path(stage) / found.path.relative_to(view / stage)
    return {"stage": stage, "outcome": outcome, "file": str(where), "row": found.row}


def _passage(view: Path, stage: str, before: str | None, found: Found) -> dict[str, Any]:
    """What a stage made of a document, whose text was `before` (None for the first stage)."""
    record = found.record
    step = _step(view, stage, "rejected" if "rule" in record else "kept", found)
    step["characters"] = len(record["text"])
    if before is not None and record["text"] != before:
        step |= _compared(before, record["text"])
    if "rule" in record:
        step |= {"rule": record["rule"], "detail": record["detail"]}
    if record.get("rule") in ("exact_duplicate", "near_duplicate"):
        kept = next(_with_id(view / stage, record["detail"]), None)
        if kept:
            other = kept.record
            step["kept"] = {"id": other["id"], "uri": other["uri"], **_compared(other["text"], record["text"])}
    return step


def _compared(before: str, after: str) -> dict[str, Any]:
    found, whole = changes(before, after)
    return {
        "changes": [{"line": change.line, "pieces": [list(piece) for piece in change.pieces]} for change in found],
        "compared_whole": whole,
    }


def _tokens(view: Path, document: str) -> Iterator[dict[str, Any]]:
    """Yield the place of a document in the token shards: the file, and its number there. The outcome is its split."""
    for found in _with_id(view / "tokenize", document, "*.parquet"):
        step = _step(view, "tokenize", found.path.stem.rpartition("-")[2], found)
        yield step | {name: found.record[name] for name in ("document", "tokens")}


def _scores(view: Path, document: str) -> dict[str, Any]:
    """The scores that `annotate` has measured in a document; empty when the run does not have that stage."""
    found = next(_with_id(view / "annotate", document, "annotations.parquet"), None)
    return {name: value for name, value in found.record.items() if name != "id"} if found else {}


def _dropped_for(view: Path, document: str) -> list[dict[str, str]]:
    """The duplicates that were dropped because this document is kept, each with its id and the reason."""
    import pyarrow.parquet as pq

    if not (view / DUPLICATES).is_file():
        return []
    rows = pq.read_table(view / DUPLICATES, filters=[("kept", "=", document)]).to_pylist()
    return [{"id": row["id"], "reason": row["reason"]} for row in rows]


def print_trace(document: Mapping[str, Any], full: bool, console: Console) -> None:
    """Print what `trace` gives. Changes and texts are shown in part only, unless `full`."""
    console.print(Text(visible_line(document.get("id", "unreadable")), "bold"))
    console.print(Padding(facts_grid(origin(document)), (1, 0)), highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for column in ("stage", "outcome"):
        table.add_column(column, no_wrap=True)
    table.add_column(overflow="fold")
    for step in document["stages"]:
        style = {"rejected": "red", "quarantined": "red"}.get(step["outcome"], "green")
        where = Text(f"\n{step['file']}, row {step['row']:,}", "dim")
        table.add_row(step["stage"], Text(step["outcome"], style), Text(visible_line(_said(step))) + where)
    console.print(table, highlight=False)
    if duplicates := document.get("duplicates"):
        named = ", ".join(f"{each['id']} ({each['reason']})" for each in duplicates[: None if full else NAMED])
        left = "" if full or len(duplicates) <= NAMED else ", …"
        console.print(Padding(f"Kept in place of {len(duplicates):,}: {named}{left}", (1, 0, 0, 0)), highlight=False)
    for step in document["stages"]:
        if "changes" in step:
            _print_changes(f"Changed by {step['stage']}", step, full, console)
        if "kept" in step:
            _print_changes("Differs from the document that is kept", step["kept"], full, console)
    if scores := {
        name: f"{value:.4g}" for name, value in document.get("scores", {}).items() if isinstance(value, float)
    }:
        console.print(Text("\nScores of annotate", "bold"))
        console.print(facts_grid(iter(scores.items())), highlight=False)
    text = document["text"] if "text" in document else document["excerpt"]
    console.print(Text("\nText" if "text" in document else "\nIts beginning", "bold"))
    console.print(Text(visible(text) if full else excerpt(text, EXCERPT)), highlight=False)


def _said(step: Mapping[str, Any]) -> str:
    """The details of a stage's outcome, in words."""
    if "kept" in step:
        return f"{step['rule']} of {step['detail']} ({step['kept']['uri']})"
    if "rule" in step:
        return f"{step['rule']}: {step['detail']}"
    if "error" in step:
        return str(step["error"])
    if "parts" in step:
        return f"into {len(step['parts']):,} parts, {step['parts'][0]} and so on"
    if "tokens" in step:
        return f"{step['tokens']:,} tokens, document {step['document']:,} of {Path(step['file']).stem}"
    return f"{step['characters']:,} characters"


def _print_changes(title: str, compared: Mapping[str, Any], full: bool, console: Console) -> None:
    found = compared["changes"]
    if not compared["compared_whole"]:
        title += " (of this long text only the beginning is compared)"
    console.print(Text(f"\n{title}: {len(found) or 'only white space'}{' places' * (len(found) > 1)}", "bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    plain = not console.is_terminal or console.no_color
    for change in found if full else found[:CHANGES]:
        table.add_row(f"line {change['line']:,}", _marked(change["pieces"], plain, full))
    console.print(table, highlight=False)
    if len(found) > CHANGES and not full:
        console.print(f"[dim]and {len(found) - CHANGES:,} more: --full shows them[/dim]", highlight=False)


def _marked(pieces: Sequence[Sequence[str]], plain: bool, full: bool) -> Text:
    """The words taken out and put in: coloured or, where `plain`, in git's notation [-out-] {+in+}."""
    marked = []
    for kind, words in pieces:
        shown = visible_line(words if full else excerpt(words, PIECE))
        if plain:
            marked.append(Text({"=": shown, "-": f"[-{shown}-]", "+": f"{{+{shown}+}}"}[kind]))
        else:
            marked.append(Text(shown, {"=": "", "-": "red strike", "+": "green"}[kind]))
    surrounded = [Text("…") if pieces[end][0] == "=" else Text() for end in (0, -1)]
    return Text(" ").join([surrounded[0], *marked, surrounded[1]])
