"""MediaWiki's parser functions whose value is in the page: `{{formatnum:12345}}`, `{{lc:ABC}}`, `{{#if:x|then|else}}`.

https://www.mediawiki.org/wiki/Help:Magic_words and Help:Extension:ParserFunctions have them. They are the same in every wiki,
while templates are each wiki's own. What would have to be looked up or computed (`#invoke`, `#expr`, `#time`) has no text.
"""

import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

MOST_PADDING = 500  # characters; MediaWiki pads to no more
NUMBER = re.compile(r"[-−–+]?[0-9][0-9.,  ]*+")


def _padded(on_the_left: bool, values: list[str]) -> str:
    text, width, filling = [*values, "", ""][:3]
    missing = (min(int(width[:9]), MOST_PADDING) if width.isdecimal() else 0) - len(text)
    padding = ((filling or "0") * max(0, missing))[: max(0, missing)]
    return padding + text if on_the_left else text + padding


def _encoded(values: list[str]) -> str:
    text, style = [*values, ""][:2]
    match style.lower():
        case "path":
            return quote(text, safe="")
        case "wiki":
            return quote(text.replace(" ", "_"), safe=":/")
    return quote_plus(text)


def _of_two(given: bool, choices: list[str]) -> str:
    return [*choices, "", ""][not given]


def _is_equal(left: str, right: str) -> bool:
    try:
        return left == right or float(left) == float(right)  # as MediaWiki has it: 01 equals 1
    except ValueError:
        return False


def _switch(values: list[str]) -> str:
    """The value of the first case that equals the first value, of which several may share one; else the default."""
    wanted, found, default = values[0], False, ""
    for number, case in enumerate(values[1:], 1):
        key, equals, value = (part.strip() for part in case.partition("="))
        if not equals and number == len(values) - 1:
            default = key
        elif key == "#default" and equals:
            default = value
        found = found or _is_equal(key, wanted)
        if found and equals:
            return value
    return default


# Of each function the value, of its arguments without white space around them, of which there is at least one.
FUNCTIONS: dict[str, Callable[[list[str]], str]] = {
    "formatnum": lambda values: values[0],  # as it is written: how digits are grouped depends on the wiki
    "formatdate": lambda values: values[0],
    "dateformat": lambda values: values[0],
    "lc": lambda values: values[0].lower(),
    "uc": lambda values: values[0].upper(),
    "lcfirst": lambda values: values[0][:1].lower() + values[0][1:],
    "ucfirst": lambda values: values[0][:1].upper() + values[0][1:],
    "urlencode": _encoded,
    "padleft": lambda values: _padded(True, values),
    "padright": lambda values: _padded(False, values),
    "#if": lambda values: _of_two(bool(values[0]), values[1:]),
    "#ifeq": lambda values: _of_two(_is_equal(*[*values, ""][:2]), values[2:]),
    "#switch": _switch,
}
# Wikis know the functions by English names and by names of their own.
NAMES = {
    "#formatdate": "formatdate",
    "#dateformat": "dateformat",
    "zahlenformat": "formatnum",
    "klein": "lc",
    "gross": "uc",
    "initial_klein": "lcfirst",
    "initial_gross": "ucfirst",
    "formattal": "formatnum",
    "formatteernum": "formatnum",
    "numformatteren": "formatnum",
    "форматировать_число": "formatnum",
    "biçimnum": "formatnum",
}
CHOOSING = frozenset({"#if", "#ifeq", "#switch"})


def function_value(arguments: list[str], gone: str) -> str | None:
    """The value of `{{name:first|second}}`, its `arguments` between the bars; None of what is no such function.

    `gone` stands where something was left out: a choice that would depend on that has no value.
    """
    name, colon, first = arguments[0].partition(":")
    name = name.strip().lower()
    name = NAMES.get(name, name)
    if not colon:
        return None
    if name not in FUNCTIONS:
        a_number = len(arguments) == 1 and NUMBER.fullmatch(first.strip()) is not None
        return first.strip() if a_number and name.isidentifier() else None  # formatnum by a name that is not known here
    values = [value.strip() for value in (first, *arguments[1:])]
    if name in CHOOSING and gone in (first if name != "#ifeq" else "".join(values[:2])):
        return None
    return FUNCTIONS[name](values)
