"""Audit a distilled dataset before you use it, or publish it."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["AuditConfig", "Scorecard", "__version__", "scan"]

if TYPE_CHECKING:
    from ddaudit.audit import scan
    from ddaudit.config import AuditConfig
    from ddaudit.results import Scorecard

_HOMES = {"scan": "ddaudit.audit", "AuditConfig": "ddaudit.config", "Scorecard": "ddaudit.results"}


def __getattr__(name: str) -> Any:
    # Imported on demand: torch takes seconds, and `ddaudit inspect` answers without it.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ddaudit' has no attribute {name!r}")
