"""The questions that are asked of a distilled set, one a file."""

from ddaudit.checks.registry import Check, SkippedError, all_checks, check

__all__ = ["Check", "SkippedError", "all_checks", "check"]
