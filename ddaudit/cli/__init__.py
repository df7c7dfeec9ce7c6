"""The command line: one module a command, no logic."""

import sys

__all__ = ["main"]

#: What shells report of a command that Ctrl-C ended.
INTERRUPTED = 130


def main() -> None:
    """The console script. Loading the commands takes a while, in which Ctrl-C may come already."""
    try:
        from ddaudit.cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
