"""Reads a document as Alertmanager and promtool do where they are more lenient than the types of the sections.

Where a text is wanted, what is written without quotes is that text as it is written: `1.10` and `0644` stay so. A key
without a value is a key that is not there; of a mapping from text to text it is an empty text. A `name` stays what it
is: others refer to it.
"""

from dataclasses import replace
from typing import Any, get_args, get_origin

import msgspec

from alerting import documents
from alerting.documents import Document, Place
from alerting.values import Seconds, Selector

_TEXTS = (str, Seconds, Selector)


def fitted(document: Document, kind: type[msgspec.Struct], keys: frozenset[str] | None = None) -> Document:
    """Fit a document to a type; `keys` are those of the top where this is done, all without."""
    if not isinstance(document.value, dict):
        return document
    top = documents.plain(kind)
    names = keys if keys is not None else frozenset(document.value)
    made = {key: value for key, value in document.value.items() if key not in names}
    made |= _struct(document, {key: value for key, value in document.value.items() if key in names}, top, ())
    return replace(document, value={key: made[key] for key in document.value if key in made})


def _fit(document: Document, value: Any, kind: Any, path: Place) -> Any:
    plain = documents.plain(kind)
    if isinstance(value, (int, float)) and plain in _TEXTS:
        return document.texts.get(path, value)
    if isinstance(value, list) and get_origin(plain) is list:
        inner = documents.inner(plain, 0)
        return [_fit(document, item, inner, (*path, at)) for at, item in enumerate(value)]
    if isinstance(value, dict) and get_origin(plain) is dict:
        inner = documents.inner(plain, "")
        texts = get_args(plain) == (str, str)
        return {
            key: "" if item is None and texts else _fit(document, item, inner, (*path, key))
            for key, item in value.items()
        }
    if isinstance(value, dict) and isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return _struct(document, value, plain, path)
    return value


def _struct(document: Document, value: dict[str, Any], kind: Any, path: Place) -> dict[str, Any]:
    fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
    made = {}
    for key, item in value.items():
        field = fields.get(key)
        if field is None or key == "name":
            made[key] = item
        elif item is not None or field.required:
            made[key] = _fit(document, item, field.type, (*path, key))
    return made
