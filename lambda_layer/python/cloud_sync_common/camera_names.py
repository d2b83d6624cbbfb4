"""How action cameras name the files of one recording on their card, and how a name gets its extension. Pure.

A long recording is cut into chapters (its maker's "File naming convention"): GX010051.MP4 goes on in GX020051.MP4, with
`H` in place of `X` for AVC and `S` for 360. In older cameras, GOPR0051.MP4 goes on in GP010051.MP4 and GP020051.MP4.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

CHAPTERS = 99  # of a recording: two digits count them
_FIRST = re.compile(r"(?i)(G[HXS])01([0-9]{4}\.[A-Z0-9]{1,5})")
_FIRST_OF_OLD = re.compile(r"(?i)(G)(O)PR([0-9]{4}\.[A-Z0-9]{1,5})")


def chapter_names(first: str, count: int) -> list[str]:
    """The names of so many chapters, the first one included; none where `first` is not the first name of a recording,
    or where no camera would count so far."""
    if not 1 < count <= CHAPTERS:
        return []
    if found := _FIRST.fullmatch(first):
        return [f"{found[1]}{number:02}{found[2]}" for number in range(1, count + 1)]
    if found := _FIRST_OF_OLD.fullmatch(first):
        letters = "GP" if found[2].isupper() else "gp"
        return [first, *(f"{letters}{number:02}{found[3]}" for number in range(1, count))]
    return []


def with_extension(filename: str, path: str, known: Collection[str], usual: str) -> str:
    """The filename with one of the known extensions, which have no dot: its own, that of the path, or else the usual
    one."""
    if PurePosixPath(filename).suffix.lower().lstrip(".") in known:
        return filename
    suffix = PurePosixPath(path).suffix
    return filename + (suffix if suffix.lower().lstrip(".") in known else f".{usual}")
