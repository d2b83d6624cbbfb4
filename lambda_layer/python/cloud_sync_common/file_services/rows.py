"""The rows of a listing as a service sends them: each value is checked by itself, and a bad one spoils no other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import requests

from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.safe_text import redact

WORD_LIMIT = 128  # characters of an id, a type, a time or a digest
NAME_LIMIT = 400  # characters of a name that are kept
TOKEN_LIMIT = 6 * 1024  # characters of a page token
UNREADABLE = "_"  # the name of a folder that may not be kept, or that has none
_LARGEST_NAME = 32 * 1024  # characters of a name or path that is cut rather than left out
_DIGITS = {"md5": 32, "sha256": 64}

type Row = Mapping[str, Any]


def word(row: Row, field: str, most: int = WORD_LIMIT, shape: re.Pattern[str] | None = None) -> str:
    """A field as text that may be kept and shown; empty for anything else, and for what has not this shape, such as
    what could not stand in a header."""
    found = loose_json.plain_text(row.get(field), most) or ""
    return found if shape is None or shape.fullmatch(found) else ""


def name_of(row: Row, field: str = "name") -> str:
    """A filename, cut in the middle where it is too long, so that its extension stays. Of one that may not be kept, the
    extension stays: it says what the file is."""
    name, given = word(row, field, _LARGEST_NAME), row.get(field)
    if not name and isinstance(given, str) and given:
        extension = loose_json.extension(given.rpartition(".")[2])
        return f"{UNREADABLE}.{extension}" if extension else UNREADABLE
    return name if len(name) <= NAME_LIMIT else name[: NAME_LIMIT - 20] + name[-20:]


def path_of(row: Row, *fields: str) -> str:
    """The first of several fields that holds a path, with `/` between its parts. A part that may not be kept is a `_`:
    without it, what is above would not be known either, and filters look at that."""
    for field in fields:
        given = row.get(field)
        if isinstance(given, str) and 0 < len(given) <= _LARGEST_NAME:
            parts = given.split("/")
            readable = "/".join(part and (loose_json.plain_text(part, _LARGEST_NAME) or UNREADABLE) for part in parts)
            return readable if redact(readable) == readable else "/".join(part and UNREADABLE for part in parts)
    return ""


def id_of(row: Row, shape: re.Pattern[str]) -> str:
    """The id of a row. One that cannot be an id, or be kept as one, is replaced by a name that the service does not
    know, so that this row fails by itself and is listed with that reason."""
    found = word(row, "id")
    if shape.fullmatch(found):
        return found
    return f"unreadable:{sha256(repr(row.get('id', row)).encode()).hexdigest()[:16]}"


def rows_of(answer: Row, field: str, needed: tuple[str, ...], response: requests.Response, doing: str) -> list[Row]:
    """The rows in a field of an answer, as answers.rows_in. Raises ProviderContractError, which names the field."""
    if not isinstance(answer.get(field), list):
        raise answers.changed(response, doing, f"The answer to {doing} has no list '{field}'")
    return answers.rows_in(answer[field], needed, response, doing)


def check_ids(rows: Sequence[Row], shape: re.Pattern[str], response: requests.Response, doing: str) -> None:
    """Raises ProviderContractError when most of several rows have no usable id."""
    if 1 < len(rows) < 2 * sum(not shape.fullmatch(word(row, "id")) for row in rows):
        raise answers.changed(response, doing, f"The answer to {doing} has no usable 'id' in most of its rows")


def digest_of(row: Row, field: str, digits: int) -> str:
    """A hash in hexadecimal, in small letters; empty for what is none."""
    found = word(row, field).lower()
    return found if re.fullmatch(f"[0-9a-f]{{{digits}}}", found) else ""


def hashes_of(row: Row, fields: Mapping[str, str]) -> tuple[str, ...]:
    """The hashes in these fields, by kind, each as MediaSource.content_hashes has it and in this order."""
    found = {kind: digest_of(row, field, _DIGITS[kind]) for kind, field in fields.items()}
    return tuple(f"{kind}:{digest}" for kind, digest in found.items() if digest)


def token_in(answer: Row, field: str, response: requests.Response, doing: str, *, needed: bool = True) -> str:
    """The page token in an answer. Where it is not needed, it may be absent, which is the end, and empty is returned.

    Raises ProviderContractError for anything else: what cannot be read must not look like the end of a listing. So it
    does for one with a secret of ours, because page tokens travel through the state of a run.
    """
    value = answer.get(field)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= TOKEN_LIMIT or redact(value) != value:
        raise answers.changed(response, doing, f"The answer to {doing} has no usable '{field}'")
    return value
