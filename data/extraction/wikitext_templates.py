"""Templates of Wikipedias that only dress up what they are given: units, languages, names, amounts, dashes, brackets.

There are more of them than anybody has listed, so one that is not known here gives what a reader most likely sees of it, where it
stands in a sentence: a wrong word is rarer than a missing one.
"""

import re

from data.extraction.scripts import END, LOWERED, RAISED

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
    "sup": [RAISED + "{1}" + END],
    "sub": [LOWERED + "{1}" + END],
    "ill": ["{lt}", "{1}"],
    "interlanguage link": ["{lt}", "{1}"],
    "visible anchor": ["{text}", "{1}"],
    "vanchor": ["{text}", "{1}"],
    "ship": ["{1} {2}"],
    "sclass": ["{1}-class {2}"],
    "flag": ["{1}"],
    "nihongo": ["{1}", "{2}"],
    "nts": ["{1}"],
    "number table sorting": ["{1}"],
    "height": ["{ft} ft {in} in", "{ft} ft", "{m} m", "{cm} cm"],
    "usd": ["US${1}"],
    "us$": ["US${1}"],
    "gbp": ["£{1}"],
    "£": ["£{1}"],
    "eur": ["€{1}"],
    "€": ["€{1}"],
    "inr": ["₹{1}"],
    "₹": ["₹{1}"],
    "jpy": ["¥{1}"],
    "¥": ["¥{1}"],
    "chem2": ["{1}"],
    # French
    "unité": ["{1} {2}", "{1}"],
    "nombre": ["{1} {2}", "{1}"],
    "nb": ["{1} {2}", "{1}"],
    "formatnum": ["{1}"],
    "s": ["{1}{2} siècle"],
    "s-": ["{1}{2} siècle"],
    "-s": ["{1}{2} siècle av. J.-C."],
    "s2-": ["{1}{2} et {3}{4} siècles"],
    "date": ["{1} {2} {3}", "{1} {2}", "{1}"],
    "date-": ["{1} {2} {3}", "{1} {2}", "{1}"],
    "1er": ["1er"],
    "citation": ["« {1} »"],
    "langue": ["{2}"],
    "lien": ["{texte}", "{trad}", "{1}", "{fr}"],
    "heure": ["{1} h {2}", "{1} h"],
    # Spanish, Italian, Portuguese
    "unidad": ["{1} {2}", "{1}"],
    "esd": ["{1}"],
    "siglo": ["siglo {1}"],
    "enlace interlingüístico": ["{1}"],
    "fmtn": ["{1}"],
    "fmtnb": ["{1}"],
    # Russian
    "число": ["{1} {2}", "{1}"],
    "нп3": ["{2}", "{1}"],
    "нп5": ["{2}", "{1}"],
}
# The prefixes of ships, which have a template each.
INLINE_TEMPLATES |= {
    name.lower(): [f"{name} {{1}}"]
    for name in ("USS", "HMS", "SS", "MS", "MV", "RMS", "HMAS", "HMCS", "HMNZS", "INS", "USCGC", "USNS", "SMS", "ARA")
}
# Of these all the arguments are one word.
JOINED = frozenset({"gaps", "chem", "unum"})
# The same for numbers, where no text is better than a wrong one: a form must have places for all the arguments.
NUMBERS = {
    **{name: ["{1} {2}/{3}", "{1}/{2}", "1/{1}"] for name in ("frac", "fraction", "sfrac", "bruch")},
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


# Templates that show nothing, a mark of a note, a picture or a sound, by their names' beginnings.
NOT_SHOWN = re.compile(
    r"(?:sfn|efn|refn|rp?$|cn$|fn$|ref|note|citation|cita |cite|citar|cit |harv|web|isbn|issn|doi|oclc"
    r"|fact|clarif|who$|when$|by whom|dubious|better|dead|unreferenced|anchor|ancre|anker|coor|ipa|audio|pron|listen"
    r"|file|image|flag ?icon|drapeau|bandera|icon|color|increase|decrease|steady|short desc|use |see |main|clear|commons|portal"
    r"|sort|dts|b?tlx?$)"
)
# What a reader may see of a template: a few words or a number, no name of a file, no markup.
SHORT = re.compile(r"[^\n<>{}\[\]|=\0\1]{1,60}")
FILE_NAME = re.compile(r"\.[A-Za-z]{3,4}\Z")
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8})?")


def _read(arguments: list[str]) -> tuple[str, list[str], dict[str, str]]:
    """The name of a template, its arguments without a name, and all of them by name or number."""
    name = arguments[0].strip().lower().replace("_", " ")
    values: dict[str, str] = {}
    unnamed: list[str] = []
    for argument in arguments[1:]:
        key, equals, value = argument.partition("=")
        if not equals:
            unnamed.append(argument.strip())
        values[key.strip() if equals else str(len(unnamed))] = (value if equals else argument).strip()
    return name, unnamed, values


def likely_text(arguments: list[str]) -> str | None:
    """What a reader most likely sees of a template that is not known here: empty where that cannot be told, None where it is
    nothing.
    """
    name, unnamed, values = _read(arguments)
    if NOT_SHOWN.match(name) or not values:
        return None
    if ":" in name:
        return ""  # a function of the wiki or a page of another namespace
    if len(unnamed) > 1 and LANGUAGE_CODE.fullmatch(unnamed[0]):
        del unnamed[0]
    text = unnamed[0] if unnamed else values.get("1", "")
    shown = SHORT.fullmatch(text) and any(map(str.isalnum, text)) and not FILE_NAME.search(text)
    return text if shown else ""


def template_text(arguments: list[str]) -> str | None:
    """The text of a template by its name, `arguments[0]`, and its arguments; None of one that is not known here."""
    name, unnamed, values = _read(arguments)
    if name in ("convert", "cvt"):
        return _measure("|".join(unnamed))
    if name == "as of" and unnamed:
        return ("as of " if values.get("lc") else "As of ") + unnamed[0]
    if name in JOINED:
        return "".join(unnamed)
    given = {key for key, value in values.items() if value}
    for form in ["{1}"] if name.startswith("lang-") else INLINE_TEMPLATES.get(name, []):
        if given.issuperset(PLACE.findall(form)):
            return _filled(form, values)
    for form in NUMBERS.get(name, []):
        if given - {"fmt"} == set(PLACE.findall(form)):
            return _filled(form, values).replace("±(", "(")  # 1.23(4) has its uncertainty in brackets
    return "" if name in NUMBERS else None


def _filled(form: str, values: dict[str, str]) -> str:
    return PLACE.sub(lambda place: values[place[1]], form)


def _measure(values: str) -> str:
    found = MEASURE.match(values)
    return RANGE.sub(lambda word: RANGES[word[1]], found[0]).replace("|", " ") if found else ""
