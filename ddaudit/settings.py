"""Where the settings of a run come from: a file, then ``DDAUDIT_*``, then flags; the later ones win."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from ddaudit.config import PROFILES, Level
from ddaudit.errors import AuditError
from ddaudit.policy import POLICIES, Acceptance, CheckOrPillar, Limit, Policy
from ddaudit.results import PILLARS

FILES = ("ddaudit.toml", "pyproject.toml")
#: What one word can say, and so an environment variable.
_IN_ENVIRONMENT = (
    "original",
    "data_root",
    "profile",
    "seed",
    "device",
    "policy",
    "fail_on",
    "required",
    "allow_inconclusive",
)

Key = tuple[str | int, ...]


def _one_of(names: Collection[str]) -> Callable[[str], str]:
    def chosen(name: str) -> str:
        if name not in names:
            raise ValueError(f"there is no {name!r}; choose from {', '.join(names)}")
        return name

    return chosen


def _listed(given: Any) -> Any:
    """Yes and no for everything and nothing; a line from the environment is split at its commas."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(given, str):
        given = words.get(given.lower(), [part.strip() for part in given.split(",") if part.strip()])
    if isinstance(given, bool):
        return list(PILLARS) if given else []
    return given


Names = Annotated[tuple[CheckOrPillar, ...], BeforeValidator(_listed)]


class Settings(BaseModel):
    """Everything that the file may say; see ``docs/verdicts.md``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    original: str | None = None
    data_root: Path | None = None
    profile: Annotated[str, AfterValidator(_one_of(PROFILES))] = "quick"
    seed: int = 0
    device: str = "auto"
    policy: Annotated[str, AfterValidator(_one_of(POLICIES))] = "use"
    fail_on: Level = "fail"
    required: Names = ()
    allow_inconclusive: Names = ()
    limits: dict[str, Limit] = {}
    waivers: tuple[Acceptance, ...] = ()

    @property
    def gate(self) -> Policy:
        """The policy that was named, with what was set besides its name."""
        changeable = ("fail_on", "required", "allow_inconclusive", "limits", "waivers")
        changes = {name: getattr(self, name) for name in changeable if name in self.model_fields_set}
        return replace(POLICIES[self.policy], **changes)


def read_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any], checks: Collection[str]
) -> Settings:
    """The settings of a run.

    Parameters
    ----------
    file : Path or None
        A TOML file; of a ``pyproject.toml``, its table ``tool.ddaudit``. None: none.
    environment : mapping of str to str
        Of which ``DDAUDIT_PROFILE`` and its like are read.
    flags : mapping of str to object
        By the setting's name; None where the flag was not given.
    checks : collection of str
        The ids that rules may name.

    Raises
    ------
    AuditError
        Naming the file and line, the variable, or the flag, and what is wrong with it.
    """
    given: dict[str, Any] = {}
    if file is not None:
        given |= _from_file(file, checks)
    variables = {name: environment.get(f"DDAUDIT_{name.upper()}") for name in _IN_ENVIRONMENT}
    given |= _valid({n: v for n, v in variables.items() if v}, checks, lambda key: f"DDAUDIT_{str(key[0]).upper()}")
    named = {name: value for name, value in flags.items() if value is not None}
    given |= _valid(named, checks, lambda key: f"--{str(key[0]).replace('_', '-')}")
    return Settings.model_construct(**given)


def find_file(folder: Path) -> Path | None:
    """``ddaudit.toml``, else a ``pyproject.toml`` that speaks of ddaudit."""
    own, shared = (folder / name for name in FILES)
    if own.is_file():
        return own
    return shared if shared.is_file() and b"tool.ddaudit" in shared.read_bytes() else None


def _from_file(file: Path, checks: Collection[str]) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise AuditError(f"The settings {file} could not be read: {error.strerror or error}.") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise AuditError(f"{file} is not a TOML file: {error}.") from error
    table: Key = ("tool", "ddaudit") if file.name == "pyproject.toml" else ()
    for part in table:
        document = document.get(str(part), {})
    return _valid(document, checks, lambda key: f"{file}, line {line_of(text, (*table, *key))}")


def _valid(given: dict[str, Any], checks: Collection[str], place: Callable[[Key], str]) -> dict[str, Any]:
    """What was given, in its types; an error names its place."""
    try:
        settings = Settings.model_validate(given, context={"checks": checks})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = first["loc"]
        raise AuditError(
            f"{place(key)}: {_in_words(key)} {_what_is_wrong(first['type'], first['msg'], key)}."
        ) from None
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def _in_words(key: Key) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def _what_is_wrong(kind: str, message: str, key: Key) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a setting" + (f"; these are: {', '.join(Settings.model_fields)}" if len(key) == 1 else "")
    message = message.removeprefix("Value error, ").rstrip(".")
    return f"is not as it should be: {message[:1].lower()}{message[1:]}"


def line_of(text: str, key: Key) -> int:
    """The line, from 1, on which a key of a TOML document is set; where it is missing, that of what should hold it.

    Reads the document line by line until the key is there: the parser that reads it is the one that says where.

    >>> line_of("a = 1\\n[b]\\nc = [\\n  2,\\n]", ("b", "c"))
    3
    """
    lines = text.splitlines()
    for depth in range(len(key), 0, -1):
        statement = 1
        for end in range(1, len(lines) + 1):
            try:
                document = tomllib.loads("\n".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue  # within a statement of several lines
            if _holds(document, key[:depth]):
                return statement
            statement = end + 1
    return 1


def _holds(document: Any, key: Sequence[str | int]) -> bool:
    for part in key:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
