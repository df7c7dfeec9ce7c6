"""The threats by name: our own, and those that other packages add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from ddaudit.errors import AuditError
from ddaudit.plugins import named, names
from ddaudit.threats.blended import BlendedTrigger
from ddaudit.threats.dark import Dark
from ddaudit.threats.doorping import DoorPing
from ddaudit.threats.kernel_trigger import KernelTrigger
from ddaudit.threats.label_flip import LabelFlip
from ddaudit.threats.label_swap import LabelSwap
from ddaudit.threats.naive_trigger import NaiveTrigger
from ddaudit.threats.planted import Threat
from ddaudit.threats.replaced import Replaced
from ddaudit.threats.sinusoidal import SinusoidalTrigger
from ddaudit.threats.warped import WarpedTrigger

GROUP = "ddaudit.threats"
"""Entry-point group: an entry's name is the threat's, its object a dataclass whose instances are `Threat`."""

_OWN: dict[str, Callable[..., Threat]] = {
    threat.name: threat
    for threat in (
        NaiveTrigger,
        BlendedTrigger,
        SinusoidalTrigger,
        WarpedTrigger,
        DoorPing,
        KernelTrigger,
        Dark,
        Replaced,
        LabelFlip,
        LabelSwap,
    )
}


def threat_names() -> list[str]:
    """Every threat that can be planted, our own first."""
    return names(GROUP, _OWN)


def threat_settings(name: str) -> dict[str, Any]:
    """The settings of a threat with their defaults.

    Raises
    ------
    AuditError
        Where there is no such threat, or its package cannot be loaded.
    """
    return {setting.name: setting.default for setting in fields(named(name, GROUP, _OWN, "threat"))}


def threat_named(name: str, settings: Mapping[str, Any] | None = None) -> Threat:
    """The threat of that name.

    Parameters
    ----------
    settings : mapping of str to value, optional
        In place of its defaults; a text is read as the kind of number or text that the default is.

    Raises
    ------
    AuditError
        Where there is no such threat, or it has no such setting.

    >>> threat_named("naive-trigger", {"target": "3", "fraction": "0.25"}).target
    3
    """
    known, read = threat_settings(name), {}
    for setting, value in (settings or {}).items():
        if setting not in known:
            raise AuditError(f"{name} has no setting {setting!r}; it has {', '.join(known)}.")
        read[setting] = _read(name, setting, value, known[setting])
    made: Threat = named(name, GROUP, _OWN, "threat")(**read)
    return made


def _read(threat: str, setting: str, value: Any, default: Any) -> Any:
    if not isinstance(value, str) or isinstance(default, str):
        return value
    if isinstance(default, bool):
        kind, wanted = (lambda text: {"true": True, "false": False}[text.lower()]), "true or false"
    else:
        kind, wanted = type(default), "a whole number" if isinstance(default, int) else "a number"
    try:
        return kind(value)
    except (ValueError, KeyError):
        raise AuditError(f"The setting {setting!r} of {threat} is {wanted}, not {value!r}.") from None
