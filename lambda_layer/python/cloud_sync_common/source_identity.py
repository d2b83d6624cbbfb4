"""Which file of an item is which: an identity and a number for each file, from what the provider says about it and
never from its place in a list. Pure functions.

The identity is the camera position, the number and the path of the link; what signs the link and the host that serves
it are no part of it, because they change each time the provider is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qsl, unquote, urlsplit

from cloud_sync_common.exceptions import OriginalUnavailableError

# Query parameters that differ between two links to one file: signatures (CloudFront, S3 and services like it) and what
# the answer's headers are to say.
_SIGNATURE = re.compile(
    r"(?i)expires|signature|policy|key-pair-id|hash-algorithm|awsaccesskeyid|[a-z]*accessid|(x-amz|x-goog|response)-.*"
)
MOST_FILES = 9_999  # of one video: each is an object to pay for
_PORTS = {"http": 80, "https": 443}
_IDENTITY = re.compile(r"([0-9a-f]{8})-[0-9a-f]{24}")
_NOWHERE = "0" * 8  # instead of the digest of a place, for files to which the provider gives none
_MOST_STRANGERS = 10  # files of an item that are known and not listed, beyond as many as are listed


@dataclass(frozen=True)
class ListedFile:
    """What a provider says of a file: the position of its camera (empty: the usual one), its number (0: it has none),
    and its link."""

    position: str
    number: int
    url: str = field(repr=False)

    @property
    def place(self) -> tuple[int, str, str]:
        """Everything that identifies the file, in the order in which files are numbered."""
        return self.number, self.position, path(self.url)

    @property
    def unsigned(self) -> tuple[str, list[tuple[str, str]]]:
        """Host and query of the link, without what signs it."""
        try:
            parts = urlsplit(self.url)
            port = parts.port or _PORTS.get(parts.scheme)
            host = f"{parts.hostname.rstrip('.')}:{port}" if parts.hostname else ""
        except ValueError:
            return self.url, []
        query = parse_qsl(parts.query, keep_blank_values=True)
        return host, sorted(pair for pair in query if not _SIGNATURE.fullmatch(pair[0]))


@dataclass(frozen=True)
class NumberedFile:
    """A file of an item, with its number among `file_count` and its identity."""

    file_number: int
    file_count: int
    identity: str
    url: str = field(repr=False)


def path(url: str) -> str:
    """The decoded path of a link; the link itself if it is none."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return url


def numbered(files: list[ListedFile]) -> list[NumberedFile]:
    """Each file once, in order. Where the provider numbers them, a missing file does not shift the numbers of others.

    Raises OriginalUnavailableError for files that cannot be told apart.
    """
    distinct = _distinct(files)
    numbers, most = _numbers(distinct)
    return [
        NumberedFile(number, most, _identity(file), file.url) for number, file in zip(numbers, distinct, strict=True)
    ]


def _distinct(files: list[ListedFile]) -> list[ListedFile]:
    """Each file once, although the provider may list it twice, in the order of what identifies them."""
    found: dict[tuple[int, str, str], ListedFile] = {}
    for file in files:
        if found.setdefault(file.place, file).unsigned != file.unsigned:
            raise OriginalUnavailableError(
                "The provider offers several originals of this video that cannot be told apart: they have the same "
                "position, number and path. None is stored, so that none is taken for another; report this."
            )
    return [found[place] for place in sorted(found)]


def _numbers(files: list[ListedFile]) -> tuple[list[int], int]:
    """The number of each file, and how many files there must be: by the provider's numbers where they differ, by number
    and camera position where those do, and else by counting."""
    given = [file.number for file in files]
    if min(given, default=0) >= 1:
        if len(set(given)) == len(given):
            return given, max(given)
        positions = sorted({file.position for file in files})
        if len({(file.number, file.position) for file in files}) == len(files):
            places = [(file.number - 1) * len(positions) + positions.index(file.position) + 1 for file in files]
            return places, max(given) * len(positions)
    return list(range(1, len(files) + 1)), len(files)


def _identity(file: ListedFile) -> str:
    """A digest of the place that the provider gives the file, and one of its path, which may be part of what signs a
    link."""
    place = _digest(file.position, file.number)[:8] if file.position or file.number else _NOWHERE
    return f"{place}-{_digest(path(file.url))[:24]}"


def _digest(*said: str | int) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def kept_numbers(listed: Sequence[tuple[int, str]], known: Mapping[int, str]) -> list[int]:
    """The number of each listed file, given by its number in this listing and its identity, when files have been known
    by their identities before: a known file keeps its number, and none gets that of another, whatever is listed now.

    A file under another path is the known one if the provider gives it the same position and number, and no other; a
    file with another position or number, if it has the same path, and no other. Raises OriginalUnavailableError when
    files keep coming that are none of those before.
    """
    numbers = {identity: number for number, identity in known.items() if identity}
    numbers |= _by_path(numbers, [identity for _, identity in listed])
    places = Counter(_place(identity) for identity in {*numbers, *(identity for _, identity in listed)})
    kept: list[int | None] = []
    for number, identity in listed:
        before = known.get(number, "")
        moved = _place(identity) == _place(before) != "" and places[_place(before)] == 2
        own = number if moved or not (identity and before) else None
        kept.append(numbers.get(identity, own))
    new = count(max((*known, *filter(None, kept)), default=0) + 1)
    found = [next(new) if number is None else number for number in kept]
    strangers = set(known) - set(found)
    if len(strangers) > len(listed) + _MOST_STRANGERS and not set(found) <= set(known):
        raise OriginalUnavailableError(
            f"The provider lists files of this video that are none of the {len(known)} that are known; "
            "none is stored, so that none is stored without end. Report this."
        )
    return found


def _by_path(numbers: Mapping[str, int], listed: Sequence[str]) -> dict[str, int]:
    """The numbers of listed files that only their paths show to be known, where no two files have the same path."""
    known, now = (Counter(map(_path_digest, files)) for files in (numbers, listed))
    by_path = {_path_digest(identity): number for identity, number in numbers.items()}
    new = {identity: _path_digest(identity) for identity in listed if identity and identity not in numbers}
    return {identity: by_path[digest] for identity, digest in new.items() if known[digest] == now[digest] == 1}


def _path_digest(identity: str) -> str:
    return identity.partition("-")[2]


def _place(identity: str) -> str:
    """The part of an identity that stays the same when only the path changes; empty when there is none."""
    found = _IDENTITY.fullmatch(identity)
    return found[1] if found and found[1] != _NOWHERE else ""
