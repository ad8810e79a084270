"""Looking at the documents of a run: the funnel, the corpus before and after cleaning, and records one by one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.inspect.corpus import corpus, print_corpus
from pipeline.inspect.document import print_trace, trace
from pipeline.inspect.records import FILES, check_filters, print_each, records
from pipeline.inspect.terminal import paged, print_wide, size, visible_line
from pipeline.runs.view import manifests

FIRST = ("collect", "documents")  # A run begins with one of them.
STAGES = (*FIRST, "clean", "dedup")
SHOWN = 5  # records that are shown without a limit, where there is no terminal


class Line(NamedTuple):
    """A line of the funnel. Documents or bytes that a stage did not count are None."""

    what: str
    documents: int | None
    bytes: int | None


def print_funnel(view: Path, console: Console) -> None:
    """Print how many documents every stage took, dropped by reason and passed on, and then facts about them after each stage.

    Raises ValueError when a manifest is damaged.
    """
    table = Table(title=Text(f"Documents of run {view.name}"), title_justify="left", box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("documents", "share", "bytes"):
        table.add_column(column, justify="right", no_wrap=True)
    found = manifests(view)
    stages = [stage for stage in STAGES if stage in found]
    for stage in stages:
        _add_stage(table, stage, found[stage]["counts"])
    with paged(console) as page:
        print_wide(table, page)
        for line in left_out_lines(found):
            page.print(Text(line))
        if stages:
            print_corpus(corpus(view, stages), page)


def _add_stage(table: Table, stage: str, counts: Mapping[str, Any]) -> None:
    for what, documents, held in funnel_lines(counts, takes_text=stage not in FIRST):
        name = Text(f"{stage} {what}", "bold") if what in ("in", "out") else Text(f"  {visible_line(what)}")
        shown = "" if documents is None else f"{documents:,}"
        table.add_row(name, shown, _share(documents, counts["documents_in"]), "-" if held is None else size(held))
    table.add_row()


def left_out_lines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each source of whose pages the extraction left something out, the largest kind first."""
    left_out: dict[str, dict[str, int]] = {}
    for stage in FIRST:
        for name, number in found.get(stage, {"counts": {}})["counts"].get("left_out", {}).items():
            source, kind = name.split(": ", 1)
            left_out.setdefault(source, {})[kind] = number
    for source, kinds in left_out.items():
        largest_first = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
        shown = ", ".join(f"{kind} {number:,}" for kind, number in largest_first)
        yield f"characters of {source} that the extraction left out: {shown}"


def funnel_lines(counts: Mapping[str, Any], takes_text: bool) -> Iterator[Line]:
    """Yield the lines of a stage: what it took, dropped by reason, and passed on.

    A stage that `takes_text` also has a line for what it changed within documents: the bytes that no other line accounts for.
    """
    dropped, sizes = counts["dropped"], counts.get("bytes_dropped", {})
    yield Line("in", counts["documents_in"], counts.get("bytes_in"))
    if added := counts.get("documents_added"):
        yield Line(f"{counts['documents_cut']:,} cut into parts", added, None)
    for rule, documents in dropped.items():
        yield Line(rule, documents, sizes.get(rule))
    if counts["quarantined"]:
        yield Line("quarantined", counts["quarantined"], counts.get("bytes_quarantined"))
    if takes_text and sizes.keys() >= dropped.keys():
        changed = counts["bytes_in"] - sum(sizes.values()) - counts["bytes_out"]
        if changed:
            yield Line("cut or masked in what is kept", None, changed)
    yield Line("out", counts["documents_out"], counts.get("bytes_out"))


def funnel(view: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of the funnel by stage, for programs; raises ValueError when a manifest is damaged."""
    found = manifests(view)
    return {
        stage: [line._asdict() for line in funnel_lines(found[stage]["counts"], stage not in FIRST)]
        for stage in STAGES
        if stage in found
    }


def funnel_rows(stage: str, counts: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the lines of a stage as text: stage (in the first only), what, number of documents, share of those that came in."""
    for number, line in enumerate(funnel_lines(counts, takes_text=False)):
        if line.documents is not None:
            share = _share(line.documents, counts["documents_in"])
            yield stage if number == 0 else "", line.what, f"{line.documents:,}", share


def _share(part: int | None, whole: int) -> str:
    return f"{part / whole:.1%}" if part is not None and whole else ""


def check_funnel(stage: str | None, rule: str | None, source: str | None) -> None:
    """Raise ValueError when an option that chooses among records is given, since the funnel counts all of them."""
    given = {"--stage": stage, "--rule": rule, "--source": source}
    if chosen := " ".join(f"{option} {value}" for option, value in given.items() if value):
        raise ValueError(f"{chosen}: the funnel is of all documents; add --show rejected (or documents, quarantine)")


def print_records(
    view: Path,
    stage: str | None,
    what: str,
    rule: str | None,
    source: str | None,
    limit: int | None,
    full: bool,
    console: Console,
) -> None:
    """Print records through the pager. Without a `limit`, all are shown on a terminal, and SHOWN of them elsewhere.

    Raises ValueError as `select` does.
    """
    found = select(view, stage, what, rule, source)
    limit = limit or (None if console.is_terminal else SHOWN)
    with paged(console) as page:
        print_each(found, limit, full, page)


def select(view: Path, stage: str | None, what: str, rule: str | None, source: str | None) -> Iterator[dict[str, Any]]:
    """The records of a stage, for programs, each with its `stage`.

    Without a stage, documents are those of the last stage, and rejected or unreadable records those of all stages. `what` is a
    key of FILES. Raises ValueError when the stage, `what`, the rule or the source is unknown, or the stage is not built yet.
    """
    found = {name: manifest["counts"] for name, manifest in manifests(view).items() if name in STAGES}
    if stage is not None and stage not in STAGES:
        raise ValueError(f"--stage {stage}: documents are in {', '.join(STAGES)}")
    if what not in FILES:
        raise ValueError(f"--show {what}: there are funnel, {', '.join(FILES)}")
    if not found or (stage and stage not in found):
        raise ValueError(f"run {view.name} has no {stage or 'documents'} yet")
    stages = [stage] if stage else list(found)[-1:] if what == "documents" else list(found)
    sources = {name for counts in found.values() for name in counts["documents_by_source"]}
    check_filters(what, rule, source, {name: found[name] for name in stages}, sources)
    return (
        {"stage": name, **record} for name in stages for record in records(view / name, what, rule=rule, source=source)
    )


def facts(
    view: Path,
    what: str,
    document: str | None,
    stage: str | None,
    rule: str | None,
    source: str | None,
    limit: int | None,
) -> Iterator[dict[str, Any]]:
    """The values that the command prints as JSON, one a line: a document's way, the funnel and the corpus, or records.

    Raises ValueError as `select` and `find` do.
    """
    if document:
        return iter([find(view, document)])
    if what == "funnel":
        stages = [name for name in STAGES if name in manifests(view)]
        left_out = list(left_out_lines(manifests(view)))
        return iter([{"funnel": funnel(view), "left_out": left_out, "corpus": corpus(view, stages) if stages else {}}])
    return islice(select(view, stage, what, rule, source), limit)


def find(view: Path, name: str) -> dict[str, Any]:
    """The way of one document through a run, as `trace` gives it.

    Raises ValueError when no document or more than one has that name, or when the run has no documents yet.
    """
    first = next((stage for stage in FIRST if (view / stage).exists()), None)
    if first is None:
        raise ValueError(f"run {view.name} has no documents yet")
    return trace(view, name, (first, *STAGES[len(FIRST) :]))


def print_document(view: Path, name: str, full: bool, console: Console) -> None:
    """Print the way of one document through a run; raises ValueError as `find` does."""
    found = find(view, name)
    with paged(console) as page:
        print_trace(found, full, page)
