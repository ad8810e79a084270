"""The command line as a user meets it: help, mistakes, and answers for programs."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.completion import STAGE_NAMES
from pipeline.stages.line import STAGES

GRISTMILL = Path(sys.executable).with_name("gristmill")
COMMANDS = [
    "run",
    "new",
    "plan",
    "submit",
    "train",
    "fields",
    "status",
    "evaluate",
    "finetune",
    "predict",
    "generate",
    "export",
    "inspect",
    "prune",
    "verify",
    "adopt",
    "doctor",
]
HEAVY = [
    "torch",
    "ray",
    "transformers",
    "deepspeed",
    "datasets",
    "pyarrow",
    "numpy",
    "scipy",
    "pandas",
    "wandb",
    "tokenizers",
]


def gristmill(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, output and error stream of a command, in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def test_every_command_has_help() -> None:
    code, out, _ = gristmill("--help")
    assert code == 0
    assert all(command in out for command in COMMANDS)
    registered = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(registered) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command(command: str) -> None:
    code, out, _ = gristmill(command, "--help")
    assert code == 0
    assert ("--workdir" in out) == (command not in ("new", "fields", "predict", "train"))  # which need no run


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_ends_with_an_example_that_it_takes(command: str) -> None:
    registered = next(each for each in app.registered_commands if each.callback and each.callback.__name__ == command)
    assert registered.epilog is not None
    example = re.fullmatch(r"Example: `gristmill (.*)`", registered.epilog)
    assert example
    name, *arguments = shlex.split(example[1])
    assert name == command
    typer.main.get_command(app).commands[name].make_context(name, arguments)  # type: ignore[attr-defined]
    assert example[1].split()[-1] in gristmill(command, "--help")[1]


def test_the_list_of_commands_has_a_line_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip("│ ") for line in gristmill("--help")[1].partition("Commands")[2].splitlines()]
    assert [line.split()[0] for line in lines if line and "─" not in line] == COMMANDS


def test_the_version() -> None:
    assert re.fullmatch(r"gristmill \d+\.\d+\.\d+\n", gristmill("--version")[1])


def test_the_help_names_the_stages() -> None:
    assert tuple(stage.name for stage in STAGES) == STAGE_NAMES
    words = gristmill("run", "--help")[1].replace("│", "").split()
    assert {f"{name}," for name in STAGE_NAMES} <= set(words)


def completed(line: str, folder: Path) -> list[str]:
    """What the shell offers at the end of a command line."""
    variables = {"_GRISTMILL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    run = subprocess.run(
        [GRISTMILL], env={**os.environ, **variables}, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout.split()


def test_the_shell_completes_stages_and_runs(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / "work" / "runs" / name).mkdir(parents=True)
        (tmp_path / "work" / "runs" / name / "plan.json").write_text("[]")
    assert completed("gristmill run recipe.yaml --until tok", tmp_path) == ["tokenize", "tokens"]
    assert completed("gristmill status ", tmp_path) == ["first", "second"]
    assert completed("gristmill status --workdir elsewhere ", tmp_path) == []
    assert completed("gristmill verify f", tmp_path) == ["first", "finetune"]


def test_the_command_line_is_light() -> None:
    code = f"import sys, pipeline.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"


def test_reading_a_recipe_is_light() -> None:
    code = f"import sys, pipeline.recipe.recipe; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("text")
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"name": "r", "collect": {"sources": [{"name": "s", "path": "a.txt"}]}}))
    return path


def test_a_plan_is_made_without_what_trains(recipe: Path, tmp_path: Path) -> None:
    heavy = ["torch", "ray", "transformers", "deepspeed", "datasets"]
    arguments = ["plan", str(recipe), "--workdir", str(tmp_path), "--json"]
    code = f"""if True:
        import sys
        from pipeline.cli import app
        app({arguments!r}, standalone_mode=False)
        print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "collect" in run.stdout and run.stderr == "[]\n"


def test_the_installed_command_ends_a_mistake_with_one_line_and_code_2(recipe: Path) -> None:
    run = subprocess.run(
        [GRISTMILL, "plan", recipe, "vocab.sise=3"], capture_output=True, text=True, timeout=120, cwd=recipe.parent
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "gristmill: 'vocab.sise=3': vocab.sise: there is no such field; did you mean size?\n"


def test_mistakes_end_with_one_line_and_code_2(recipe: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, line in {
        ("plan", recipe, "vocab.size=many"): "vocab.size: ",
        ("plan", recipe, "vocab"): "'vocab' is not an override: write key.path=value",
        ("plan", recipe, "collect.sources.0.path=no.txt"): "no.txt",
        ("plan", tmp_path / "no.yaml"): "no.yaml: cannot be read (No such file or directory)",
        (
            "run",
            recipe,
            "--until",
            "clea",
            "-w",
            work,
        ): "--until clea: this recipe has no such stage; it has collect, clean",
        ("run", recipe, "-w", recipe): f"--workdir {recipe}: cannot be used",
        ("status", "nobody", "-w", work): "has no run called 'nobody'; it has none yet",
        ("inspect", "../r", "-w", work): "has no run called '../r'",
        ("generate", "nobody", "-w", work): "nobody: neither a folder nor the name of a run",
        ("generate", empty, "-w", work): "empty",
        ("evaluate", "nobody", "-w", work): "say what to score",
        ("finetune", "nobody", "--data", "x", "-w", work): "nobody: neither a folder nor the name of a run",
        ("predict", empty, "--text", "x"): "no classifier.json in it; give the folder of a fine-tuned classifier",
        ("export", "nobody", "--to", tmp_path / "x", "-w", work): "nobody: neither a folder nor the name of a run",
    }.items():
        code, out, errors = gristmill(*arguments)
        assert (code, out) == (2, ""), arguments
        assert errors.startswith("gristmill: "), arguments
        assert line in errors, arguments
        assert len(errors.splitlines()) == 1, arguments


def test_a_workdir_whose_name_is_not_utf8_is_refused(recipe: Path, tmp_path: Path) -> None:
    for command in (["run", recipe], ["submit", recipe], ["doctor"]):
        code, out, errors = gristmill(*command, "-w", tmp_path / os.fsdecode(b"\xffodd"))
        assert (code, out) == (2, "")
        assert errors == f"gristmill: --workdir {tmp_path}/\\xffodd: the name is not UTF-8; choose another folder\n"


def test_several_mistakes_are_told_at_once(recipe: Path) -> None:
    code, _, errors = gristmill("plan", recipe, "vocab.size=0", "tokenize.test=2")
    assert code == 2
    assert "vocab.size" in errors
    assert "tokenize.test" in errors


def test_the_plan_for_programs_and_for_people(recipe: Path, tmp_path: Path) -> None:
    code, out, _ = gristmill("plan", recipe, "--json", "-w", tmp_path / "work")
    assert code == 0
    plan = json.loads(out)
    assert plan["run"] == "r"
    assert [stage["stage"] for stage in plan["stages"]] == ["collect", "clean", "dedup", "vocab", "tokenize"]
    assert {stage["action"] for stage in plan["stages"]} == {"build"}
    assert all(stage["reason"] and stage["key"] for stage in plan["stages"])
    assert plan["cost"]["source_bytes"] == 4
    code, out, _ = gristmill("plan", recipe, "-w", tmp_path / "work")
    assert code == 0
    assert "not built yet" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "recipe.yaml"], "a plan changes nothing"


def test_status_for_programs_and_for_people(tmp_path: Path) -> None:
    code, out, _ = gristmill("status", "-w", tmp_path)
    assert (code, out) == (0, "No runs yet.\n")
    assert json.loads(gristmill("status", "--json", "-w", tmp_path)[1]) == []
    view = tmp_path / "runs" / "r"
    view.mkdir(parents=True)
    (view / "plan.json").write_text('[{"stage": "collect", "fingerprint": "a"}]')
    events = [
        {"time": 1, "event": "run_started", "pid": 1, "host": "h"},
        {"time": 2, "event": "stage_failed", "stage": "collect", "error": "no [red] wine"},
        {"time": 3, "event": "run_failed", "error": "collect: no [red] wine"},
    ]
    (view / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    assert json.loads(gristmill("status", "r", "--json", "-w", tmp_path)[1])["stages"]["collect"]["state"] == "failed"
    code, out, _ = gristmill("status", "r", "-w", tmp_path)
    assert code == 0
    assert "collect: no [red] wine" in out, "brackets in a message are no markup"


def test_prune_of_nothing(tmp_path: Path) -> None:
    assert gristmill("prune", "-w", tmp_path)[0] == 0


def test_fields_are_looked_up_by_people_and_programs() -> None:
    code, out, _ = gristmill("fields", "pretrain.training.threads")
    assert code == 0
    assert "CPU threads of each rank" in out and "a change rebuilds nothing (speed)" in out
    code, out, _ = gristmill("fields", "c4", "--json")
    assert code == 0
    assert {"name", "meaning", "type", "default", "unit", "source", "needs", "affects", "rebuilds"} == json.loads(out)[
        0
    ].keys()
    assert json.loads(gristmill("fields", "--schema")[1])["properties"]["extends"]
    code, out, errors = gristmill("fields", "warmup_step")
    assert (code, "pretrain.training.warmup_steps" in out) == (0, True)
    code, out, errors = gristmill("fields", "warmpu")
    assert (code, out) == (2, "") and "did you mean warmup?" in errors
