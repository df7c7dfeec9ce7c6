"""Text from a stranger's file, as it may be printed."""

from __future__ import annotations


def shown(text: object, longest: int = 200) -> str:
    """One line without control characters, which could rewrite the terminal, or characters that no encoding has.

    >>> shown("DC\\x1b[2J" + chr(0xDCFF))
    'DC\\\\x1b[2J\\\\udcff'
    """
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text)[: longest + 1]
    )
    return line if len(line) <= longest else line[: longest - 1] + "…"
