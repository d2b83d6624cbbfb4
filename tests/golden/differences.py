"""How one JSON document differs from another: a list that people can read, and that turns the one into the other.

Each entry says where (`at`: JSON pointers, RFC 6901) and what: a changed value has `from` and `to`, an added value has
only `to`, and a value that is taken out is `removed`. The same change in several places is one entry.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.golden.json_text import one_line

type Entry = dict[str, Any]
type Path = tuple[str, ...]


def differences(base: Any, other: Any) -> list[Entry]:
    """The entries that turn `base` into `other`."""
    entries: dict[str, Entry] = {}
    for path, change in _changes(base, other, ()):
        entry = entries.setdefault(one_line(change), {"at": []} | change)
        entry["at"].append(_pointer(path))
    return list(entries.values())


def applied(base: Any, entries: list[Entry]) -> Any:
    """`base` with these differences."""
    root = {"": copy.deepcopy(base)}
    changes = [(_path(pointer), entry) for entry in entries for pointer in entry["at"]]
    for path, entry in sorted(changes, key=lambda change: [_in_order(name) for name in change[0]]):
        _apply(root, ("", *path), entry)
    return root[""]


def _changes(base: Any, other: Any, path: Path) -> Iterator[tuple[Path, Entry]]:
    match base, other:
        case dict(), dict():
            for name in sorted(base.keys() | other.keys()):
                yield from _changes_of_member(base, other, name, path)
        case list(), list() if len(base) == len(other):
            for index, (old, new) in enumerate(zip(base, other, strict=True)):
                yield from _changes(old, new, (*path, str(index)))
        case list(), list() if (added := _insertions(base, other)) is not None:
            for index in added:
                yield (*path, str(index)), {"to": other[index]}
        case _ if one_line(base) != one_line(other):
            yield path, {"from": base, "to": other}


def _changes_of_member(base: Entry, other: Entry, name: str, path: Path) -> Iterator[tuple[Path, Entry]]:
    if name not in other:
        yield (*path, name), {"removed": True}
    elif name not in base:
        yield (*path, name), {"to": other[name]}
    else:
        yield from _changes(base[name], other[name], (*path, name))


def _insertions(base: list[Any], other: list[Any]) -> list[int] | None:
    """Where `other` has items that `base` has not, or None if it also lacks some or has them in another order."""
    remaining = [one_line(item) for item in base]
    added = []
    for index, item in enumerate(other):
        if remaining and remaining[0] == one_line(item):
            remaining.pop(0)
        else:
            added.append(index)
    return None if remaining else added


def _apply(root: Any, path: Path, entry: Entry) -> None:
    """Changes one value. A new item of a list comes before the one that has its index now."""
    *parents, name = path
    for parent in parents:
        root = root[int(parent) if isinstance(root, list) else parent]
    if "removed" in entry:
        del root[name]
    elif isinstance(root, dict):
        root[name] = copy.deepcopy(entry["to"])
    elif "from" in entry:
        root[int(name)] = copy.deepcopy(entry["to"])
    else:
        root.insert(int(name), copy.deepcopy(entry["to"]))


def _pointer(path: Path) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def _path(pointer: str) -> Path:
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:])


def _in_order(name: str) -> tuple[int, str]:
    """Indexes by their number, so that what is inserted into a list comes in the list's order."""
    return (int(name), "") if name.isascii() and name.isdecimal() else (-1, name)
