"""Where the values of an environment come from: its file `environments/<environment>.toml`, and the command line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cloud_sync.config_error import ConfigError

EXAMPLE = "example.toml"

# The type of each value by its name, as its annotation: int, bool, str, tuple[str, ...], each of them or None
type Kinds = Mapping[str, str]


class EnvironmentFile:
    """The file in which a person keeps the values of one environment. It need not exist."""

    def __init__(self, folder: Path, environment: str) -> None:
        self.path = folder / f"{environment}.toml"
        self.label = f"{folder.name}/{self.path.name}"

    def values(self, kinds: Kinds) -> dict[str, Any]:
        """The values that the file sets. Raises ConfigError, which names the file."""
        try:
            return {name: self._value(name, value, kinds) for name, value in self._read().items()}
        except ConfigError as error:
            raise self.blamed(error) from None

    def blamed(self, error: ConfigError) -> ConfigError:
        """The same error with the name of this file before its sentence."""
        return ConfigError(f"{self.label}: {error}", *error.fields)

    def _read(self) -> dict[str, Any]:
        try:
            # The last line ends, so that an error in it is reported with its line.
            return tomllib.loads(self.path.read_text(encoding="utf-8-sig") + "\n")
        except FileNotFoundError:
            return {}
        except tomllib.TOMLDecodeError as error:
            reason = str(error)
            raise ConfigError(
                f"this is not TOML, in which text has quotation marks: {reason[0].lower()}{reason[1:]}."
            ) from None
        except UnicodeDecodeError:
            raise ConfigError("this file is not UTF-8 text.") from None
        except OSError as error:
            raise ConfigError(f"this file cannot be read ({error.strerror}).") from None

    def _value(self, name: str, value: Any, kinds: Kinds) -> Any:
        if isinstance(value, dict):
            raise ConfigError(f"{name} is a table, but each value stands by itself, as in max_concurrency = 3.", name)
        if name == "environment":
            raise ConfigError("environment is not set in a file, but chosen with -c environment=prod.", name)
        check_name(name, kinds)
        return _from_toml(name, value, kinds[name])


def check_files(folder: Path, environments: Collection[str]) -> None:
    """Raises ConfigError for a file in the folder that belongs to no environment, and so would never be read."""
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() == ".toml" and path.name != EXAMPLE and path.name not in _file_names(environments):
            similar = difflib.get_close_matches(path.stem.lower(), environments, n=1, cutoff=0.4)
            names = " or ".join(_file_names(similar or environments))
            raise ConfigError(f"{folder.name}/{path.name} belongs to no environment; the name of one is {names}.")


def _file_names(environments: Collection[str]) -> list[str]:
    return [f"{name}.toml" for name in environments]


def check_name(name: str, known: Collection[str]) -> None:
    """Raises ConfigError, with a similar name if there is one, unless the name is known."""
    if name not in known:
        similar = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(
            f"{_shown(name)} is not a value of this stack{f'; {similar[0]} is' if similar else ''}.", name
        )


def from_text(name: str, value: Any, kind: str) -> Any:
    """A context value, which is text when it comes from the command line, as its field's type. Raises ConfigError."""
    text = str(value).strip()
    if kind.startswith("int"):
        if text.lower() in ("", "none") and "None" in kind:
            return None
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else _refuse(name, text, kind)
    if kind == "bool":
        return text.lower() == "true" if text.lower() in ("true", "false") else _refuse(name, text, kind)
    return _listed(text, kind) if kind.startswith("tuple") else _none_in_small_letters(text)


def _listed(text: str, kind: str) -> tuple[str, ...] | None:
    if text.strip().lower() in ("", "none") and "None" in kind:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _from_toml(name: str, value: Any, kind: str) -> Any:
    """A value of a file, which has its field's type already. Raises ConfigError."""
    if kind == "int | None" and isinstance(value, str) and value.strip().lower() == "none":
        return None
    if kind.startswith("tuple"):
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            _refuse(name, value, kind)
        return _listed(",".join(texts), kind)
    expected = {"int": int, "bool": bool, "str": str}[kind.removesuffix(" | None")]
    if type(value) is not expected:
        _refuse(name, value, kind)
    return _none_in_small_letters(value.strip()) if isinstance(value, str) else value


def _none_in_small_letters(text: str) -> str:
    return "none" if text.lower() == "none" else text


def _refuse(name: str, value: Any, kind: str) -> Any:
    wanted = {"int": "a whole number", "int | None": 'a whole number or "none"', "bool": "true or false"}
    raise ConfigError(f"{name} must be {wanted.get(kind, 'text in quotation marks')}, not {value!r}.", name)


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)
