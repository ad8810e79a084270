"""The command line. This module imports only light modules, so that `--help` answers at once; each command loads the rest."""

if __name__ == "__main__":
    # This is how `python -m gristmill` was written first.
    import gristmill_start

    gristmill_start.main()

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipeline import completion
from pipeline.failures import report_failures

app = typer.Typer(
    name="gristmill",
    help="From raw text to a released language model: one recipe, one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

RecipeOrFolder = Annotated[
    Path,
    typer.Argument(help="The recipe, a YAML file, or a folder of texts.", metavar="RECIPE|FOLDER", show_default=False),
]
RecipePath = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to the recipe, each `key.path=value`.", metavar="KEY.PATH=VALUE", show_default=False),
]
Workdir = Annotated[Path, typer.Option("--workdir", "-w", help="Where store/ and runs/ live.")]
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster to join (`auto`, host:port); without it a local one is started and stopped."),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Hash sources and artifacts again instead of trusting size and time.")
]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Run the Python functions that the recipe names. Read them first.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Checkpoint = Annotated[
    str,
    typer.Argument(
        help="A run's name, a checkpoint folder, or an exported folder.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
WORK = Path("work")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"gristmill {version('gristmill')}")
        except PackageNotFoundError:
            print("gristmill, run from its sources without being installed")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _command(example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose help ends with an example of its use."""
    return app.command(epilog=f"Example: `gristmill {example}`")


@_command("run configs/demo.yaml vocab.size=4096 --until tokenize")
@report_failures
def run(
    recipe: RecipeOrFolder,
    overrides: Overrides = None,
    workdir: Workdir = WORK,
    address: Address = None,
    until: Annotated[
        str | None,
        typer.Option(
            help=f"Stop after this stage: {completion.STAGES_IN_WORDS}, or an evaluation or fine-tuning by its name.",
            metavar="STAGE",
            autocompletion=completion.stages,
        ),
    ] = None,
    verify: Verify = False,
    base: Annotated[
        Path | None, typer.Option(help="Where the recipe's relative paths start; default: the recipe's folder.")
    ] = None,
    allow_code: AllowCode = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Of a folder: look at it again and write its recipe anew.")
    ] = False,
    rebuild: Annotated[
        list[str] | None,
        typer.Option(
            "--rebuild",
            help="Build this stage, one of those of --until, once more although what it made is there; repeat it for more.",
            metavar="STAGE",
            autocompletion=completion.stages,
        ),
    ] = None,
) -> None:
    """Run a recipe: build what is missing, go on where one stopped.

    For a folder of texts a recipe is written first, as `new` does, and taken as it stands from then on.
    """
    from pipeline.new.folder import recipe_for
    from pipeline.recipe.reading import check_code, load_recipe
    from pipeline.reporting.report import write_report
    from pipeline.reporting.summary import print_summary
    from pipeline.reporting.sweep_tables import print_sweep
    from pipeline.runs.run import run_recipe
    from pipeline.runs.sweep import run_sweep
    from pipeline.runs.view import runs_folder

    console = Console(stderr=False)
    if recipe.is_dir():
        recipe = recipe_for(recipe, renew, console)
    elif renew:
        raise ValueError(f"--renew: {recipe} is a recipe; name the folder that it was written for")
    read = load_recipe(recipe, overrides or [])
    check_code(read, allow_code)
    if read.sweep:
        for option, given in (("--until", until), ("--rebuild", rebuild)):
            if given:
                raise ValueError(f"{option}: a sweep runs whole; run one of its trials instead")
        results = run_sweep(read, base or recipe.parent, workdir, console, address, verify, allow_code)
        print_sweep(runs_folder(workdir) / read.name, console)
        if any(result["state"] != "finished" for result in results):
            raise typer.Exit(1)
        return
    view = run_recipe(read, base or recipe.parent, workdir, console, address, until, verify, rebuild or [])
    report = write_report(view)
    print_summary(view, report, console)


@_command("new letters --budget 2h --out letters.yaml")
@report_failures
def new(
    folder: Annotated[Path, typer.Argument(help="A folder of texts.", show_default=False)],
    budget: Annotated[
        str, typer.Option(help="The time for the whole run: 30m, 8h, 2d, or hours of one GPU, 24gpuh.")
    ] = "30m",
    out: Annotated[
        Path | None, typer.Option(help="The recipe to write; default: FOLDER's name with .yaml, here.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Choose for this Ray cluster (`auto`, host:port), not for this machine.")
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Write over the recipe that is there.")] = False,
) -> None:
    """Look at a folder of texts and write a recipe that fits it."""
    from pipeline.new.folder import new_recipe

    new_recipe(folder, budget, out, address, renew, Console())


@_command("plan configs/demo.yaml")
@report_failures
def plan(
    recipe: RecipePath,
    overrides: Overrides = None,
    workdir: Workdir = WORK,
    verify: Verify = False,
    as_json: AsJson = False,
) -> None:
    """Say what would be built or reused, why, and what it will cost."""
    from orchestration.store import Store
    from pipeline.recipe.reading import load_recipe
    from pipeline.releases.origin import with_origin
    from pipeline.reporting.summary import print_plan
    from pipeline.reporting.sweep_tables import print_sweep_plan
    from pipeline.runs.cost import estimate
    from pipeline.runs.foresight import check_text
    from pipeline.runs.plan import make_plan
    from pipeline.runs.sweep import plan_sweep
    from pipeline.runs.view import plan_facts, runs_folder

    read, base = load_recipe(recipe, overrides or []), recipe.parent.resolve()
    store = Store(workdir.resolve() / "store")
    if read.sweep:
        planned = plan_sweep(read, base, workdir.resolve(), verify)
        _print_json(planned) if as_json else print_sweep_plan(read.name, planned, Console())
        return
    view = runs_folder(workdir.resolve()) / read.name
    read = with_origin(read, base, view)
    steps = make_plan(read, base, store, view, verify)
    check_text(read, base, steps)
    costs = estimate(read, base, steps, store)
    if as_json:
        _print_json({"run": read.name, "stages": plan_facts(steps), "clean": read.rules_told(), "cost": costs})
    else:
        print_plan(read.name, steps, {"clean": read.rules_told(), **costs}, Console())


@_command("submit mine.yaml --workdir /shared/work")
@report_failures
def submit(
    recipe: RecipePath,
    overrides: Overrides = None,
    address: Annotated[str, typer.Option(help="The cluster's Ray Jobs address.")] = "http://127.0.0.1:8265",
    workdir: Annotated[Path | None, typer.Option("--workdir", "-w", help="A folder that all nodes share.")] = None,
    python: Annotated[
        str, typer.Option(help="The nodes' interpreter that has Gristmill, as their PATH finds it.")
    ] = "python",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    allow_code: AllowCode = False,
) -> None:
    """Run a recipe on a Ray cluster, through Ray Jobs."""
    from pipeline.runs.submit import submit_recipe

    raise typer.Exit(
        submit_recipe(
            recipe, overrides or [], address, (workdir or WORK).resolve(), python, wait, allow_code, Console()
        )
    )


@app.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
    epilog="Example: `gristmill train mine.yaml --tokens shards/ --tokenizer tokenizer.json --out out/`",
)
@report_failures
def train(arguments: Annotated[list[str] | None, typer.Argument(metavar="RECIPE OPTIONS")] = None) -> None:
    """Pretrain on token shards that are there, as a rank of torchrun."""
    from pipeline.torchrun import main as train_as_rank

    train_as_rank(arguments or [])


@_command("fields clean.c4")
@report_failures
def fields(
    asked: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|WORD", help="A section, a field, or a word to look for; all without it.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print a JSON Schema of the recipe, for editors.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a page with all fields, docs/recipe.md.")] = False,
) -> None:
    """Look up the fields of a recipe.

    It shows meaning, values, default, unit, source, and what a change rebuilds.
    """
    from dataclasses import asdict

    from pipeline.reference.page import recipe_page
    from pipeline.reference.rows import field_rows, find_rows
    from pipeline.reference.schema import editor_schema
    from pipeline.reference.terminal import print_fields

    rows = field_rows()
    chosen = rows if asked is None else find_rows(rows, asked)
    if schema:
        _print_json(editor_schema())
    elif markdown:
        print(recipe_page(rows), end="")
    elif as_json:
        _print_json([asdict(row) for row in chosen])
    else:
        print_fields(chosen, Console())


@_command("status demo")
@report_failures
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="The run; all runs without it.", show_default=False, autocompletion=completion.runs
        ),
    ] = None,
    workdir: Workdir = WORK,
    as_json: AsJson = False,
) -> None:
    """Say where runs stand."""
    from pipeline.reporting.summary import print_status
    from pipeline.runs.status import run_status
    from pipeline.runs.view import runs_folder

    views = sorted(path.parent for path in runs_folder(workdir).glob("*/plan.json"))
    if name is not None:
        views = [_known_run(name, workdir)]
    found = [run_status(view) for view in views]
    if as_json:
        _print_json(found[0] if name else found)
    else:
        print_status(found, Console())


@_command("evaluate demo --task data/samples/cloze.jsonl")
@report_failures
def evaluate(
    checkpoint: Checkpoint,
    data: Annotated[Path | None, typer.Option(help="Text to score: JSON Lines with `text`, or a text file.")] = None,
    task: Annotated[Path | None, typer.Option(help="A multiple-choice task: JSON Lines.")] = None,
    workdir: Workdir = WORK,
    as_json: AsJson = False,
) -> None:
    """Score a checkpoint on text or on a task."""
    from pipeline.releases.evaluate_release import evaluate_release
    from pipeline.releases.find import find_release
    from pipeline.runs.view import runs_folder

    if data is None and task is None:
        raise ValueError("say what to score: --data FILE for perplexity, --task FILE for a multiple-choice task")
    result = evaluate_release(find_release(checkpoint, runs_folder(workdir)), data, task, Console(stderr=True))
    _print_json(result) if as_json else _print_facts(result)


@_command("finetune demo --data data/samples/spam.jsonl.gz epochs=2")
@report_failures
def finetune(
    checkpoint: Checkpoint,
    data: Annotated[Path, typer.Option(help="Labelled JSON Lines, plain or gzip.", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of the fine-tuning, such as epochs=5.", metavar="KEY=VALUE", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the classifier goes; default: WORKDIR/finetuned/…")] = None,
    workdir: Workdir = WORK,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a checkpoint to classify texts.

    Its scores stand beside those of a network that begins with random weights, of TF-IDF and of the majority class.
    """
    from pipeline.releases.find import find_release
    from pipeline.releases.finetune_release import finetune_release
    from pipeline.runs.view import runs_folder

    release = find_release(checkpoint, runs_folder(workdir))
    folder = out or workdir / "finetuned" / f"{Path(checkpoint).name}-{data.name.split('.')[0]}"
    result = finetune_release(release, data, overrides or [], folder, Console(stderr=True))
    _print_json(result) if as_json else _print_facts(result)


@_command("predict work/finetuned/demo-spam --text 'Win a prize'")
@report_failures
def predict(
    classifier: Annotated[Path, typer.Argument(help="The folder of a fine-tuned classifier.", show_default=False)],
    text: Annotated[list[str], typer.Option(help="A text to classify; repeat it for more.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say which class a fine-tuned classifier gives to texts."""
    from model.finetuning.classifier_files import predict as predicted_labels

    labels = predicted_labels(classifier, text)
    if as_json:
        _print_json([{"text": each, "label": label} for each, label in zip(text, labels, strict=True)])
    else:
        print("\n".join(labels))


@_command("generate demo --prompt 'We must'")
@report_failures
def generate(
    checkpoint: Checkpoint,
    prompt: Annotated[str, typer.Option(help="The beginning to go on from.")] = "The",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens to add.")] = 100,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token each time.")] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Choose among the likeliest k; 0: all.")] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same text.")] = 0,
    workdir: Workdir = WORK,
) -> None:
    """Let a checkpoint go on from a prompt."""
    from pipeline.releases.find import find_release
    from pipeline.releases.generate_text import generate_text
    from pipeline.runs.view import runs_folder

    release = find_release(checkpoint, runs_folder(workdir))
    print(prompt + generate_text(release, prompt, max_new_tokens, temperature, top_k, seed))


@_command("export demo --to release")
@report_failures
def export(
    checkpoint: Checkpoint,
    to: Annotated[Path, typer.Option(help="The folder to write; must not exist.", show_default=False)],
    workdir: Workdir = WORK,
) -> None:
    """Write a checkpoint as a Hugging Face folder, and check it."""
    from pipeline.releases.export_release import export_release
    from pipeline.releases.find import find_release
    from pipeline.runs.view import runs_folder

    _print_facts(export_release(find_release(checkpoint, runs_folder(workdir)), to))


@_command("inspect demo --show rejected --rule gopher_quality")
@report_failures
def inspect(
    name: Annotated[
        str, typer.Argument(metavar="RUN", help="The run.", show_default=False, autocompletion=completion.runs)
    ],
    what: Annotated[str, typer.Option("--show", help="funnel, documents, rejected or quarantine.")] = "funnel",
    document: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="One document through all stages: its id (or 6 or more characters of its beginning), its uri or its own id.",
        ),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="collect, clean or dedup; default: all, of documents the last.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Only this rule or family; of quarantine, errors with these words.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[
        int | None, typer.Option("-n", min=1, help="How many to show; default: all in a terminal, else 5.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Whole texts and all changes.")] = False,
    workdir: Workdir = WORK,
    as_json: AsJson = False,
) -> None:
    """Look at the documents of a run, and at what was rejected.

    It shows the funnel, samples of documents, what was rejected and why, or one document on its way through all stages.
    """
    from pipeline.inspect.funnel import check_funnel, facts, print_document, print_funnel, print_records

    view = _known_run(name, workdir)
    if what == "funnel" and not document:
        check_funnel(stage, rule, source)
    if as_json:
        for record in facts(view, what, document, stage, rule, source, limit):
            print(json.dumps(record))
    elif document:
        print_document(view, document, full, Console())
    elif what == "funnel":
        print_funnel(view, Console())
    else:
        print_records(view, stage, what, rule, source, limit, full, Console())


@_command("prune")
@report_failures
def prune(
    workdir: Workdir = WORK,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Free the artifacts that no run refers to."""
    from pipeline.runs.prune import prune_store

    prune_store(workdir, yes, Console())


@_command("verify demo --repair")
@report_failures
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|STAGE|all",
            help="What to compare with its checksums.",
            autocompletion=completion.runs_or_stages,
        ),
    ] = "all",
    repair: Annotated[
        bool, typer.Option("--repair", help="Set what is damaged aside and build it again, for the runs that need it.")
    ] = False,
    workdir: Workdir = WORK,
) -> None:
    """Compare artifacts with their checksums, and repair them.

    It names each damaged file; the exit code is 1 where something is (still) damaged.
    """
    from pipeline.runs.verify import verify_store

    raise typer.Exit(1 if verify_store(what, workdir, repair, Console()) else 0)


@_command("adopt mine pretrain work/store/pretrain/0123456789abcdef")
@report_failures
def adopt(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The run that is to have the artifact.",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ],
    stage: Annotated[
        str,
        typer.Argument(help="The stage that it is to stand for.", show_default=False, autocompletion=completion.stages),
    ],
    artifact: Annotated[
        Path, typer.Argument(help="Its folder, or its name in the store.", metavar="ARTIFACT", show_default=False)
    ],
    workdir: Workdir = WORK,
) -> None:
    """Take an artifact as what a stage of a run is to give.

    The artifact may have been made of something else; its manifest then says so.
    """
    from orchestration.store import Store
    from pipeline.runs.adopt import adopt as adopt_artifact

    adopted = adopt_artifact(_known_run(name, workdir).resolve(), stage, artifact, Store(workdir.resolve() / "store"))
    facts = adopted.manifest["adopted"]
    print(f"{stage} of run {name} is now {adopted.name}, adopted from {facts['from']}")
    print(f"what differs from the recipe: {'; '.join(facts['differs'])}")


@_command("doctor")
@report_failures
def doctor(workdir: Workdir = WORK, as_json: AsJson = False) -> None:
    """Check that this machine can run Gristmill, part by part."""
    from pipeline.doctor import examine
    from pipeline.reporting.summary import print_findings
    from pipeline.runs.workdir import check_name

    check_name(workdir.resolve())
    findings = examine(workdir)
    if as_json:
        _print_json(findings)
    else:
        print_findings(findings, Console())
    raise typer.Exit(0 if all(finding["ok"] for finding in findings) else 1)


def _known_run(name: str, workdir: Path) -> Path:
    from pipeline.runs.view import runs_folder

    view = runs_folder(workdir) / name
    if Path(name).name != name or not (view / "plan.json").is_file():
        known = sorted(path.parent.name for path in runs_folder(workdir).glob("*/plan.json"))
        raise ValueError(f"{workdir} has no run called {name!r}; it has {', '.join(known) or 'none yet'}")
    return view


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))  # All but ASCII is escaped, so that no control character reaches the terminal.


def _print_facts(facts: dict[str, Any]) -> None:
    from pipeline.reporting.summary import facts_table

    Console().print(facts_table(facts))


def main() -> None:
    """The console script."""
    sys.exit(app())
