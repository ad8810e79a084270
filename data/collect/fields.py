"""From the fields of a record to a document: which field holds what, and what is wrong with it."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from data.extraction.html import extract
from data.sources.config import FIXED_FIELDS, Format, SourceConfig
from data.sources.record import NOTHING, Record, Unreadable
from data.text.normalise import Normalisation, Utf8, encode, normalise, normalise_utf8

AS_JSON = json.JSONEncoder(sort_keys=True, default=str, allow_nan=False)


class Document(NamedTuple):
    """A document as it is collected."""

    id: str
    text: bytes  # UTF-8
    characters: int  # number of characters in the text
    uri: str
    license: str
    meta: str  # a JSON object
    left_out: Mapping[str, int] = NOTHING  # characters that the extraction left out, by kind


class Fields(NamedTuple):
    """Which of a record's fields holds what."""

    text: str
    id: str | None
    uri: str | None
    license: str | None
    meta: tuple[tuple[str, str], ...]  # pairs of a name in meta and the field that it takes


def fields_of(source: SourceConfig, format: Format | None) -> Fields:
    """The fields that `source` names; in formats without fields of their own those that their readers fill."""
    fixed = format in FIXED_FIELDS
    id, uri, date = ("id", "uri", "date") if fixed else (source.id_field, source.uri_field, source.date_field)
    meta = {name: name for name in (*source.meta_fields, *(("title", "language") if fixed else ()))}
    meta |= {name: field for name, field in (("id", id), ("date", date)) if field}
    return Fields(source.text_field, id, uri, source.license_field, tuple(meta.items()))


def make_document(
    id: str,
    locator: str,
    record: Record | Unreadable,
    fields: Fields,
    source: SourceConfig,
    method: Normalisation | None,
) -> Document | Unreadable:
    """The document that `record` is, without text where it has none; or what is wrong with it.

    Its text is normalised by `method`, or taken as it is where that is None.
    """
    if isinstance(record, Unreadable):
        return record
    try:
        text, left_out = _text(record.fields, fields.text), record.left_out
        if source.html:
            _, content, found = extract(str(text), extractor=source.extractor)
            text, left_out = encode(content), found
        uri = _string(record.fields, fields.uri) or locator
        license = (fields.license and _string(record.fields, fields.license)) or source.license
        meta = _meta(record.fields, fields) if fields.meta else "{}"
    except (TypeError, ValueError) as problem:
        return Unreadable(record.place, str(problem), _beginning(record.fields), record.bytes)
    text = text if method is None else normalise_utf8(text, method)
    return Document(id, text.content, text.characters, normalise(uri, "nfc"), normalise(license, "nfc"), meta, left_out)


def withdrawn_uri(
    withdrawn: frozenset[str], id: str, locator: str, record: Record | Unreadable, fields: Fields
) -> str | None:
    """The uri of a record that was withdrawn by its document's id, its own id or its uri; None when it was not."""
    own = record.fields if isinstance(record, Record) else {}
    uri = str(own.get(fields.uri or "") or locator)
    names = (id, str(own.get(fields.id or "", "")), uri)
    return uri if any(normalise(name, "nfc") in withdrawn for name in names) else None


def _text(fields: Mapping[str, object], name: str) -> Utf8:
    """The field's value, which a reader may have in UTF-8. Raises TypeError when it is missing or no string."""
    value = fields.get(name)
    if value is None:
        raise TypeError(f"field {name!r}, which text_field names, is missing")
    return value if isinstance(value, Utf8) else encode(_checked(name, value))


def _string(fields: Mapping[str, object], name: str | None) -> str | None:
    """The field's value, None when it is absent or null. Raises TypeError for a value that is no string."""
    value = None if name is None else fields.get(name)
    return None if value is None else _checked(name, value)


def _checked(name: str | None, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Utf8):
        return str(value)
    raise TypeError(f"field {name!r} is not a string but {type(value).__name__}")


def _meta(fields: Mapping[str, object], which: Fields) -> str:
    """The fields that are kept, as a JSON object. Raises ValueError for what JSON cannot hold."""
    meta = {name: fields[field] for name, field in which.meta if field in fields}
    if not meta:
        return "{}"
    try:
        return AS_JSON.encode(meta)
    except RecursionError:
        raise ValueError("a field that meta takes is nested too deeply") from None
    except ValueError:  # JSON has no NaN and no infinity: they become null
        plain = json.loads(json.dumps(meta, default=str), parse_constant=lambda name: None)
        return json.dumps(plain, sort_keys=True)


def _beginning(fields: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(fields), default=str)
    except (RecursionError, ValueError):
        return ""
