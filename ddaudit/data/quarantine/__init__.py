"""Strangers' files are read here, in a process of their own, and leave as plain arrays."""

from ddaudit.data.quarantine.container import Content, Quarantined, Smuggled
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.sandbox import quarantine

__all__ = ["Content", "Limits", "Quarantined", "Smuggled", "quarantine"]
