"""How Gristmill starts. Its four packages have everyday names, and a user may well have a `model.py` or a folder `data` too.

A command takes its own packages, whatever lies in the current folder or on PYTHONPATH. A program that imports Gristmill keeps its
`sys.path` as it is, and is told when something of its own stands in the way.
"""

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

PACKAGES = ("data", "model", "orchestration", "pipeline")
HERE = Path(__file__).resolve().parent


def ours_first() -> None:
    """Import the four packages from the folder of this file, so that no others of their names are found any more."""
    for name in PACKAGES:
        spec = PathFinder.find_spec(name, [str(HERE)])
        assert spec and spec.loader, f"{HERE} has no package {name}"
        if _place(sys.modules.get(name)) != spec.origin:
            sys.modules[name] = module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])


def refuse_others() -> None:
    """Import the four packages as any import does; raises ImportError when something else of their names comes first."""
    for name in PACKAGES:
        found: str | None = None
        if name in sys.modules:
            found = _place(sys.modules[name])
        else:
            spec = find_spec(name)
            if spec:
                found = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        ours = HERE / name / "__init__.py"
        if not found or Path(found).resolve() != ours:
            state = "is imported already" if name in sys.modules else "would be imported"
            raise ImportError(
                f"gristmill: {found or f'no package {name}'} {state} in place of {ours.parent}; rename it, or take its folder "
                "off sys.path"
            )
        importlib.import_module(name)


def _place(module: ModuleType | None) -> str | None:
    """The file of a module, or the folder of a package that has no file; None where there is neither."""
    return getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)


def main() -> None:
    """The command `gristmill`, however it is started."""
    ours_first()
    from pipeline.cli import main as command_line  # only now are the packages ours

    command_line()
