"""Paths as Dropbox keeps them: composed (NFC), and found by their lower-cased form."""

import unicodedata

_OLD_UNICODE = unicodedata.ucd_3_2_0


def stored(path: str) -> str:
    """The path in the form in which it is kept: one slash before each name, and NFC (maestral PR 409)."""
    names = [name for name in unicodedata.normalize("NFC", path).split("/") if name]
    return "".join(f"/{name}" for name in names)


def lowered(path: str) -> str:
    """The form by which a path is found: `//Trips` is `/trips`.

    Lower-cased as by Python 2.5: each character for itself, and only those of its time (maestral PR 409 and issue 410,
    measured). It is not composed: a path in NFD finds nothing (maestral PR 678, measured).
    """
    names = "".join(f"/{name}" for name in path.split("/") if name)
    return names.lower() if names.isascii() else "".join(_lower(character) for character in names)


def _lower(character: str) -> str:
    # Python 2.5 knew Unicode 4.1; 3.2 is what this Python still has, and lacks three scripts that nobody types.
    return character if _OLD_UNICODE.category(character) == "Cn" else character.lower()[0]


def parent(path: str) -> str:
    """The folder that holds it, empty for the root."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Its last name."""
    return path.rpartition("/")[2]


def is_below(path: str, folder: str) -> bool:
    """Whether the lower-cased path is in the lower-cased folder, at any depth."""
    return path.startswith(f"{folder}/")
