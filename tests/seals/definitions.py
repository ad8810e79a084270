"""What the modules of the packages define, read from their source: a hash of each definition, and what it refers to.

A hash covers what a definition does, and not how it is written down: comments, docstrings, annotations, import statements, and
the paths and names of modules are left out, so that neither a better comment nor a file that moves changes it.
"""

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PACKAGES = ("data", "model", "pipeline")
SEALED = ("data", "model")  # packages whose definitions are hashed; those of pipeline only lead to them
BODY = "<body>"  # the statements of a module that define nothing; they count with any definition of it
EVERYTHING = "*"  # all definitions of a module
NOT_DONE = {"annotation", "returns", "ctx", "kind", "type_comment", "type_params"}  # fields of a tree that do nothing
MODULE_IN_STRING = re.compile(rf"((?:{'|'.join(PACKAGES)})(?:\.\w+)+)((?::\w+)?)")
DYNAMIC = ("getattr", "import_module")

Reference = tuple[str, str]  # a module, and a name in it, BODY or EVERYTHING


@dataclass(frozen=True)
class Definition:
    """A function, class or constant at the top of a module."""

    hash: str
    references: frozenset[Reference]


class Module:
    """A module's source, and what its names stand for."""

    def __init__(self, name: str, source: str, modules: "Modules") -> None:
        tree = ast.parse(source)
        self.name, self._modules = name, modules
        self.imports = dict(pair for node in ast.walk(tree) for pair in _imported(node))
        self.statements: dict[str, list[ast.stmt]] = {}
        for statement in filter(_does_something, tree.body):
            for defined in _defined(statement):
                self.statements.setdefault(defined, []).append(statement)

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """All definitions by name, and BODY where the module does something else."""
        return {name: self._define(statements) for name, statements in self.statements.items()}

    def _define(self, statements: list[ast.stmt]) -> Definition:
        reading = _Reading(self, self._modules)
        shape = repr([reading.shape(statement) for statement in statements])
        return Definition(hashlib.blake2b(shape.encode(), digest_size=5).hexdigest(), frozenset(reading.references))

    def resolve(self, dotted: list[str]) -> tuple[Reference, int] | None:
        """What a dotted name refers to, and how many of its parts name a module; None for what is no definition of ours."""
        if dotted[0] in self.statements:
            return (self.name, dotted[0]), 0
        if dotted[0] not in self.imports:
            return None
        target = [*self.imports[dotted[0]].split("."), *dotted[1:]]
        found = self._modules.find(target)
        if found is None:
            return None
        module, rest = found
        if not rest:
            return (module.name, EVERYTHING), len(dotted)
        inside = ((module.name, rest[0]), 0) if rest[0] in module.statements else module.resolve(rest[:1])
        return inside and (inside[0], max(0, len(dotted) - len(rest)))


class Modules(dict[str, Module]):
    """All modules of PACKAGES below a folder, by dotted name."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*.py")):
                name = ".".join(path.relative_to(root).with_suffix("").parts)
                self[name] = Module(name, path.read_text(encoding="utf-8"), self)

    def find(self, dotted: list[str]) -> tuple[Module, list[str]] | None:
        """The module with which a dotted name begins, and the rest of the name."""
        for length in range(len(dotted), 0, -1):
            module = self.get(".".join(dotted[:length]))
            if module is not None:
                return module, dotted[length:]
        return None


class _Reading:
    """Reads a tree: its shape, as nested tuples without what does nothing, and what it refers to on the way."""

    def __init__(self, module: Module, modules: Modules) -> None:
        self.references: set[Reference] = set()
        self._module, self._modules = module, modules

    def shape(self, node: Any) -> Any:
        """The shape of a node, of a list of nodes or of a value."""
        if isinstance(node, list):
            return [self.shape(each) for each in node if _does_something(each)]
        if not isinstance(node, ast.AST):
            return node
        if isinstance(node, ast.ClassDef):
            self._refer_to_types_of_fields(node)
        elif isinstance(node, ast.arg):
            self._refer_to_types_of_a_stage(node)
        elif isinstance(node, ast.AnnAssign):
            node = ast.Assign([node.target], node.value) if node.value else ast.Expr(node.target)
        elif isinstance(node, ast.Call):
            self._refer_to_what_is_looked_up(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._string(node.value)
        elif dotted := _dotted(node):
            return self._name(dotted)
        fields = [(name, value) for name, value in ast.iter_fields(node) if name not in NOT_DONE]
        return (type(node).__name__, *((name, self.shape(value)) for name, value in fields if value not in (None, [])))

    def _name(self, dotted: list[str]) -> Any:
        """A name, without the part of it that names a module."""
        found = self._module.resolve(dotted)
        if found is None:
            return dotted
        self.references.add(found[0])
        return dotted[found[1] :]

    def _string(self, value: str) -> Any:
        """A string; one that names a module, as tables of functions that are imported late do, without that name."""
        match = MODULE_IN_STRING.fullmatch(value)
        if match is None or match[1] not in self._modules:
            return repr(value)
        self.references.add((match[1], EVERYTHING))
        return match[2]

    def _refer_to_types_of_fields(self, node: ast.ClassDef) -> None:
        """The type of a config's field decides what comes of it, though an annotation is not hashed."""
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                self._refer_to_types(statement.annotation)

    def _refer_to_types_of_a_stage(self, node: ast.arg) -> None:
        """A stage's config is named by the annotation of the function that gets it, and nowhere else."""
        if node.annotation and not self._module.name.startswith(SEALED):
            self._refer_to_types(node.annotation)

    def _refer_to_types(self, annotation: ast.expr) -> None:
        for name in filter(None, map(_dotted, ast.walk(annotation))):
            self._name(name)

    def _refer_to_what_is_looked_up(self, node: ast.Call) -> None:
        """A name that is made while the program runs may be any of the module's."""
        name = (_dotted(node.func) or [""])[-1]
        constant = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
        if name in DYNAMIC and not (name == "getattr" and constant) and self._module.name.startswith(SEALED):
            self.references.add((self._module.name, EVERYTHING))


def _imported(node: ast.AST) -> list[tuple[str, str]]:
    """The names that an import statement gives, and the dotted names that they stand for."""
    if isinstance(node, ast.ImportFrom):
        return [(each.asname or each.name, f"{node.module}.{each.name}") for each in node.names]
    if isinstance(node, ast.Import):
        return [(each.asname, each.name) if each.asname else (each.name.partition(".")[0],) * 2 for each in node.names]
    return []


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    names = [each.id for target in targets if target for each in ast.walk(target) if isinstance(each, ast.Name)]
    return names if names and isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) else [BODY]


def _does_something(node: Any) -> bool:
    """Whether a statement is none of: import, docstring, `pass`, what only a type checker or a module that is run sees."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return not isinstance(node.value.value, str)
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
        return False
    return not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)


def _dotted(node: ast.AST) -> list[str] | None:
    """The parts of `a.b.c`; None for anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (front := _dotted(node.value)):
        return [*front, node.attr]
    return None
