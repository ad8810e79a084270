"""A recipe as it is written: the values of a YAML file, and where each of them stands."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from pipeline.recipe.syntax import explain

MAX_RECIPE_BYTES = 1 << 20
# What leads to a value: the names of sections and fields, and the numbers of items in lists.
Location: TypeAlias = tuple[Any, ...]
Places: TypeAlias = Mapping[Location, str]


class RecipeError(ValueError):
    """A recipe has mistakes; the message has one line for each."""


class Written(NamedTuple):
    """The values of a recipe, and the place of each: `recipe.yaml:12`, or the override that set it."""

    values: Any
    places: dict[Location, str]


class _Loader(yaml.SafeLoader):
    """Plain values as YAML 1.2 has them: `off`, `no` and dates are texts, and `1e-3` is a number."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 (PyYAML's own way to declare it)


class _Dumper(yaml.SafeDumper):
    """What has a meaning in YAML 1.1, in YAML 1.2 or to `_Loader` is put in quotes where a text is meant."""


COLLECTIONS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
INTEGER = r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F]+)"
FLOAT = r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
for _tag, _pattern, _first in (
    ("null", r"|~|null|Null|NULL", ["", "~", "n", "N"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", INTEGER, list("-+0123456789")),
    ("float", FLOAT, list("-+.0123456789")),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read_file(path: Path) -> Written:
    """The recipe file laid over the recipe that it `extends`, if any; raises RecipeError that names file and line."""
    written = _read_one(path)
    if "extends" not in written.values:
        return written
    name, where = written.values.pop("extends"), written.places.pop(("extends",))
    if not isinstance(name, str) or Path(name).name != name:  # Paths in both are relative to one folder.
        raise RecipeError(f"{where}: extends: name a recipe in the same folder, not {name!r}")
    below = _read_one(path.with_name(name))
    if "extends" in below.values:
        raise RecipeError(f"{where}: extends: {name} extends another one itself; extend that")
    return _laid_over(below, written)


def _laid_over(below: Written, above: Written) -> Written:
    """Lay `above` over `below`: sections are merged field by field, any other value is replaced as a whole."""
    places = dict(below.places)

    def merged(lower: Mapping[str, Any], upper: Mapping[str, Any], location: Location) -> dict[str, Any]:
        values = dict(lower)
        for name, value in upper.items():
            if isinstance(value, Mapping) and isinstance(values.get(name), Mapping):
                values[name] = merged(values[name], value, (*location, name))
            else:
                values[name] = value
                forget(places, (*location, name))
        return values

    values = merged(below.values, above.values, ())
    return Written(values, places | above.places)


def forget(places: dict[Location, str], location: Location) -> None:
    """Take out the places of the value at a location and of all below it."""
    for known in [known for known in places if known[: len(location)] == location]:
        del places[known]


def _read_one(path: Path) -> Written:
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_RECIPE_BYTES:,} bytes, which no recipe is")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({os.strerror(error.errno or 0)})") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path}:{line}: the file is not UTF-8 text; save it as UTF-8") from error
    values, places = read_text(text, str(path))
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: a recipe has sections (`collect:` and others), this file has none")
    return Written(values, places)


def read_text(text: str, name: str) -> tuple[Any, dict[Location, str]]:
    """The value of a YAML text and the places in it; raises RecipeError that tells the line in the file `name`."""
    places: dict[Location, str] = {}
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        value = _Walk(loader, name, places).value(root, ()) if root else None
    except yaml.YAMLError as error:
        line, words = explain(error, text)
        raise RecipeError(f"{name}:{line}: {words}") from error
    except RecursionError as error:
        raise RecipeError(f"{name}: brackets or sections are nested too deeply") from error
    return value, places


class _Walk:
    """Goes over the nodes of a text, makes their values and notes their places; raises RecipeError for what is a trap."""

    def __init__(self, loader: _Loader, name: str, places: dict[Location, str]) -> None:
        self._loader, self._name, self._places, self._seen = loader, name, places, set[int]()

    def value(self, node: yaml.Node, location: Location) -> Any:
        """The value of a node; all nodes below it are entered in the places."""
        self._places.setdefault(location, self._place(node))
        if id(node) in self._seen:
            raise self._trap(node, "a copy of another place (*name) is not read; write the value out")
        self._seen.add(id(node))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in COLLECTIONS:
            raise self._trap(node, "tags (!name) are not read; write the plain value")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._section(node, location)
        assert isinstance(node, yaml.ScalarNode)
        return self._plain(node)

    def _section(self, node: yaml.MappingNode, location: Location) -> dict[Any, Any]:
        section: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._trap(key_node, "a field's name is a word; in a text put brackets in quotes")
            key = self._plain(key_node)
            if key in section:
                raise self._trap(key_node, f"{key} stands twice in the same section; keep one")
            self._places[(*location, key)] = self._place(key_node)
            section[key] = self.value(value_node, (*location, key))
        return section

    def _plain(self, node: yaml.ScalarNode) -> Any:
        if node.style is None and re.fullmatch(r"[-+]?0[0-9_]+", node.value):
            plain = node.value.lstrip("-+0_") or "0"
            raise self._trap(
                node, f"{node.value}: a number does not begin with 0; write {plain}, or put a text in quotes"
            )
        try:
            return self._loader.construct_object(node)
        except ValueError:  # Python reads no number of more than 4,300 digits.
            raise self._trap(node, f"{node.value[:20]}...: no number of this length is read") from None

    def _place(self, node: yaml.Node) -> str:
        return f"{self._name}:{node.start_mark.line + 1}"

    def _trap(self, node: yaml.Node, words: str) -> RecipeError:
        return RecipeError(f"{self._place(node)}: {words}")


def to_text(values: Mapping[str, Any]) -> str:
    """The values as YAML text that reads back as the same values."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
