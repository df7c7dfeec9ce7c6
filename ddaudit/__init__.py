"""Audit a distilled dataset before you use it, or publish it."""

from typing import TYPE_CHECKING, Any

from ddaudit.notebook import register as _register_in_notebooks

__version__ = "0.1.0"
__all__ = ["AuditConfig", "Inspection", "Scorecard", "__version__", "convert_set", "inspect_set", "scan", "show"]

if TYPE_CHECKING:
    from ddaudit.audit import scan
    from ddaudit.config import AuditConfig
    from ddaudit.inspected import Inspection
    from ddaudit.inspection import inspect_set
    from ddaudit.inspection.conversion import convert_set
    from ddaudit.notebook import show
    from ddaudit.results import Scorecard

_HOMES = {
    "scan": "ddaudit.audit",
    "inspect_set": "ddaudit.inspection",
    "convert_set": "ddaudit.inspection.conversion",
    "show": "ddaudit.notebook",
    "AuditConfig": "ddaudit.config",
    "Inspection": "ddaudit.inspected",
    "Scorecard": "ddaudit.results",
}


def __getattr__(name: str) -> Any:
    # Imported on demand: torch takes seconds, and `ddaudit inspect` answers without it.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ddaudit' has no attribute {name!r}")


_register_in_notebooks()
