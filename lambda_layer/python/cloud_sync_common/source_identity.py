"""Which file of an item is which: an identity and a number for each file, from what the provider says about it and
never from its place in a list. Pure functions.

The identity is the camera position, the number and the path of the link; what signs the link and the host that serves
it are no part of it, because they change each time the provider is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from cloud_sync_common.exceptions import OriginalUnavailableError

# Query parameters that differ between two links to one file: signatures (CloudFront, S3 and services like it) and what
# the answer's headers are to say.
_SIGNATURE = re.compile(
    r"(?i)expires|signature|policy|key-pair-id|hash-algorithm|awsaccesskeyid|[a-z]*accessid|(x-amz|x-goog|response)-.*"
)


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
        except ValueError:
            return self.url, []
        query = parse_qsl(parts.query, keep_blank_values=True)
        return parts.netloc, sorted(pair for pair in query if not _SIGNATURE.fullmatch(pair[0]))


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
    numbers, count = _numbers(distinct)
    return [
        NumberedFile(number, count, _identity(file), file.url) for number, file in zip(numbers, distinct, strict=True)
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
    """A digest, because a path may be part of what signs a link."""
    said = json.dumps([file.position, file.number, path(file.url)])
    return hashlib.sha256(said.encode()).hexdigest()[:32]
