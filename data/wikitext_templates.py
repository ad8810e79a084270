"""Templates of the English Wikipedia that only dress up what they are given: units, languages, dashes, brackets."""

import re

# What stands for the template in the text; {1} is its first argument.
INLINE_TEMPLATES = {
    "lang": "{2}",
    "transliteration": "{2}",
    "nowrap": "{1}",
    "nobr": "{1}",
    "small": "{1}",
    "em": "{1}",
    "abbr": "{1}",
    "math": "{1}",
    "mvar": "{1}",
    "val": "{1}",
    "frac": "{1}/{2}",
    "convert": "{1} {2}",
    "cvt": "{1} {2}",
    "circa": "c. {1}",
    "c.": "c. {1}",
    "quote": "{1}",
    "blockquote": "{1}",
    "ndash": "–",
    "snd": " – ",
    "spaced ndash": " – ",
    "mdash": "—",
    "'": "'",
    "!": "|",
    "=": "=",
}
ARGUMENT = re.compile(r"\{([12])\}")


def template_text(arguments: list[str]) -> str:
    """The text of a template by its name, `arguments[0]`, and its arguments; none of one that is not known here."""
    name = arguments[0].strip().lower().replace("_", " ")
    text = "{1}" if name.startswith("lang-") else INLINE_TEMPLATES.get(name, "")
    if "{" not in text:
        return text
    values: dict[str, str] = {}
    unnamed = 0
    for argument in arguments[1:]:
        key, equals, value = argument.partition("=")
        if not equals:
            unnamed += 1
        values[key.strip() if equals else str(unnamed)] = (value if equals else argument).strip()
    return ARGUMENT.sub(lambda place: values.get(place[1], ""), text)
