"""Templates of the English Wikipedia that only dress up what they are given: units, languages, dashes, brackets."""

import re

# What stands for the template in the text: of its forms the first whose places all have an argument, {1} being the first
# without a name.
INLINE_TEMPLATES = {
    "lang": ["{2}"],
    "transliteration": ["{3}", "{2}"],
    "nowrap": ["{1}"],
    "nobr": ["{1}"],
    "small": ["{1}"],
    "em": ["{1}"],
    "abbr": ["{1}"],
    "math": ["{1}"],
    "mvar": ["{1}"],
    "circa": ["c. {1} – {2}", "c. {1}", "c."],
    "c.": ["c. {1} – {2}", "c. {1}", "c."],
    "quote": ["{text}", "{1}"],
    "blockquote": ["{text}", "{1}"],
    "ndash": ["–"],
    "snd": [" – "],
    "spaced ndash": [" – "],
    "mdash": ["—"],
    "'": ["'"],
    "!": ["|"],
    "=": ["="],
}
# The same for numbers, where no text is better than a wrong one: a form must have places for all the arguments.
NUMBERS = {
    "frac": ["{1} {2}/{3}", "{1}/{2}", "1/{1}"],
    "val": [
        "{1}" + error + power + unit
        for error in ("", "±{2}")
        for power in ("", "×10^{e}")
        for unit in ("", " {u}", " {ul}")
    ],
}
PLACE = re.compile(r"\{(\w+)\}")

# {{convert|5|-|10|km|mi}}, {{convert|6|ft|2|in|m}}: numbers with words between them, a unit, smaller units; what follows
# is what to convert to.
RANGES = {
    "-": "-",
    "–": "–",
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "by": " by ",
    "x": " x ",
    "×": " × ",
    "+/-": " ± ",
    "±": " ± ",
}
RANGE = re.compile(rf"\|({'|'.join(map(re.escape, RANGES))})\|")
NUMBER, UNIT = r"[-−+]?\.?[0-9][^|]*+", r"[^|0-9.(−+-][^|(]*+(?![^|])"
MEASURE = re.compile(rf"{NUMBER}(?:{RANGE.pattern}{NUMBER})*+\|{UNIT}(?:\|{NUMBER}\|{UNIT})*+")


def template_text(arguments: list[str]) -> str:
    """The text of a template by its name, `arguments[0]`, and its arguments; none of one that is not known here."""
    name = arguments[0].strip().lower().replace("_", " ")
    values: dict[str, str] = {}
    unnamed: list[str] = []
    for argument in arguments[1:]:
        key, equals, value = argument.partition("=")
        if not equals:
            unnamed.append(argument.strip())
        values[key.strip() if equals else str(len(unnamed))] = (value if equals else argument).strip()
    if name in ("convert", "cvt"):
        return _measure("|".join(unnamed))
    given = {key for key, value in values.items() if value}
    for form in ["{1}"] if name.startswith("lang-") else INLINE_TEMPLATES.get(name, []):
        if given.issuperset(PLACE.findall(form)):
            return _filled(form, values)
    for form in NUMBERS.get(name, []):
        if given - {"fmt"} == set(PLACE.findall(form)):
            return _filled(form, values).replace("±(", "(")  # 1.23(4) has its uncertainty in brackets
    return ""


def _filled(form: str, values: dict[str, str]) -> str:
    return PLACE.sub(lambda place: values[place[1]], form)


def _measure(values: str) -> str:
    found = MEASURE.match(values)
    return RANGE.sub(lambda word: RANGES[word[1]], found[0]).replace("|", " ") if found else ""
