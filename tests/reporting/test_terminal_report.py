"""The scorecard in a terminal."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from ddaudit.reporting import print_scorecard
from ddaudit.results import OriginalInfo, Scorecard


def printed(card, **settings):
    out = io.StringIO()
    print_scorecard(card, Console(file=out, **{"width": 80, **settings}))
    return out.getvalue()


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_nothing_is_wider_than_eighty_columns(which, request):
    lines = printed(request.getfixturevalue(which)).splitlines()
    assert max(map(cell_len, lines)) <= 80


def test_piped_output_says_every_verdict_in_words_and_has_no_escape(scorecard):
    text = printed(scorecard)
    assert "\x1b" not in text
    words = " ".join(text.split())
    for check in scorecard.checks:
        assert check.id in words
    for word in ("✗ Fail", "! Warn", "✓ Pass", "? Inconclusive", "✗ Fail: decided by privacy"):
        assert word in words
    assert "DD-PRV-CANARY: needs the publisher's canary key" in words
    assert words.index("Distil again") < words.index("Run the thorough profile")


def test_no_color_is_respected(scorecard, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(scorecard, force_terminal=True)
    assert not [code for code in ("[31m", "[32m", "[33m", "[35m") if code in text]


def test_a_terminal_without_unicode_gets_plain_letters(scorecard):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    print_scorecard(scorecard, Console(file=out, width=80))
    out.flush()
    assert b"Fail: decided by privacy" in raw.getvalue()


def test_a_scan_in_which_nothing_ran_is_not_called_a_pass(scorecard):
    nothing = Scorecard.assemble(scorecard.tool, scorecard.subject, None, [], scorecard.not_run)
    text = printed(nothing)
    assert "Pass" not in text
    assert "No check ran." in text
    assert OriginalInfo.__name__ not in text
