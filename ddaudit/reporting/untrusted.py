"""Text from the audited file, made harmless for the place where it is shown.

A stranger chose the file's name, its keys, class names and notes. Every format first makes all
characters *visible* (no control codes, no reordering of the line, nothing of no width), then escapes
what its own syntax would interpret.
"""

from __future__ import annotations

import re
import unicodedata

from markupsafe import Markup

#: Longer texts are cut in reports made for people; the JSON report has them whole.
LONGEST = 2_000

# A few marks on one letter are ordinary writing; towers of them cover the lines above and below.
_MOST_MARKS = 3

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str, longest: int = LONGEST) -> str:
    r"""One line of text in which every character shows where it stands.

    Control characters (ANSI escapes among them), bidirectional overrides, zero-width, private-use and
    tag characters become their Python escape; line breaks and tabs become a space; towers of combining
    marks and overlong texts are cut, and say so.

    Parameters
    ----------
    text : str
        Any text.
    longest : int
        Characters kept.

    Examples
    --------
    >>> visible("cat\x1b[31m\u202egod")
    'cat\\x1b[31m\\u202egod'
    >>> visible("two\nlines")
    'two lines'
    """
    left_out = len(text) - longest
    shown: list[str] = []
    marks = 0
    for character in text[:longest]:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in "\n\r\t":
            shown.append(" ")
        elif category in _HIDDEN_CATEGORIES or _is_noncharacter(character) or marks > _MOST_MARKS:
            shown.append(character.encode("unicode_escape").decode("ascii"))
        else:
            shown.append(character)
    if left_out > 0:
        shown.append(f"… ({left_out} more characters)")
    return "".join(shown)


def brief(text: str, longest: int) -> str:
    """The beginning of a text, made visible, for places with little room.

    >>> brief("a very long name", 8)
    'a very …'
    """
    shown = visible(text, longest + 1)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _is_noncharacter(character: str) -> bool:
    # U+FFFE, U+FFFF and their likes in other planes: no XML document may contain them.
    return ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF


def for_html(value: object) -> object:
    """What a page does to every value before the usual escaping: strings become visible, "42 %" stays on one line."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _LOOSE_PERCENT.sub("\u00a0%", visible(value))


_LOOSE_PERCENT = re.compile(r"(?<=\d) %")

_MARKDOWN_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~^]")
# What makes a list item, a heading or a rule of the line that it begins.
_AT_THE_START = re.compile(r"^(\d{0,9})([.)](?=\s|$)|[-+=#]+(?=\s|$))")
# Links, mentions and issue references that GitHub makes of plain text, where no backslash stops it.
_LINKS_ITSELF = re.compile(r"(@|://|\bwww\.|\bmailto:|\bxmpp:|#(?=\d)|\bGH-(?=\d))", re.IGNORECASE)


def for_markdown(text: str) -> str:
    r"""One line of Markdown that reads as the text itself, in a paragraph, a list or a table cell.

    Examples
    --------
    >>> for_markdown("a|b [x](javascript:y) <b>")
    'a\\|b \\[x\\](javascript:y) &lt;b&gt;'
    """
    return line_start_for_markdown(piece_for_markdown(visible(text).strip()))


def line_start_for_markdown(escaped: str) -> str:
    """Escaped text whose beginning makes no list item, heading or rule."""
    return _AT_THE_START.sub(r"\1\\\2", escaped)


def piece_for_markdown(text: str) -> str:
    """A piece of a line that does not begin it; its outer spaces stay."""
    text = visible(text).replace("&", "&amp;").replace("$", "&dollar;")
    text = _MARKDOWN_SPECIAL.sub(lambda m: {"<": "&lt;", ">": "&gt;"}.get(m[0], "\\" + m[0]), text)
    # An HTML comment parts the text without showing: the usual guard against mentions.
    return _LINKS_ITSELF.sub(lambda m: m[0][0] + "<!-- -->" + m[0][1:], text)


def code_for_markdown(text: str) -> str:
    """The text as a Markdown code span, in which nothing is interpreted, also inside a table.

    Examples
    --------
    >>> code_for_markdown("a|b")
    '`a\\\\|b`'
    """
    text = visible(text).replace("|", "\\|")
    longest_run = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest_run + 1)
    padding = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) or not text else ""
    return f"{fence}{padding}{text}{padding}{fence}"
