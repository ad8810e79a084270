"""The families of rules, in FineWeb's order. A new one is a file in this folder and an entry here."""

from data.clean.filters import c4, fineweb, gopher_quality, gopher_repetition
from data.clean.filters.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (gopher_repetition.FAMILY, gopher_quality.FAMILY, c4.FAMILY, fineweb.FAMILY)
}
