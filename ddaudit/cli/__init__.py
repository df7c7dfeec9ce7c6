"""The command line: one module a command, no logic."""

from ddaudit.cli.app import main

__all__ = ["main"]
