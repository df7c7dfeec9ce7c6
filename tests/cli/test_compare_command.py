"""What compare prints of real scans."""

import re
from pathlib import Path

from ddaudit.reporting import read_scorecard, render

REPORTS = Path(__file__).parent / "reports"


def words(text):
    return " ".join(text.split())


def test_two_seeds_of_one_file_and_a_backdoored_set_beside_each_other(ddaudit):
    code, out, err = ddaudit("compare", *(REPORTS / f"{n}.json" for n in ("clean-0", "clean-1", "backdoor-0")))
    assert (code, err) == (0, "")
    assert "B against A: No difference beyond noise" in words(out)
    assert "C against A: More than noise changed in DD-BKD-INVERT." in words(out)
    assert "DD-BKD-INVERT: pass in A, fail in C" in words(out)
    assert "Ranking" in out
    places = [line.split() for line in out.splitlines() if line[:1] in "123" and line[1:2] == " "]
    assert [place[2] for place in places] == ["pass", "pass", "fail"]
    assert max(len(line) for line in out.splitlines()) <= 80


def test_verbose_shows_every_metric_and_otherwise_few(ddaudit):
    pair = [REPORTS / "clean-0.json", REPORTS / "leak-0.json"]
    short, long = (ddaudit("compare", *pair, *more)[1] for more in ((), ("--verbose",)))
    assert "Traced images" in short
    assert "moved" in short
    assert len(long.splitlines()) > 2 * len(short.splitlines())
    assert re.search(r"^class, 9 ", long, re.MULTILINE)


def test_names_from_a_report_cannot_act_on_the_terminal(ddaudit, tmp_path):
    card = read_scorecard(REPORTS / "clean-0.json")
    hostile = card.model_copy(update={"subject": card.subject.model_copy(update={"path": "\x1b[2J[bold]x[/] \u202e"})})
    (tmp_path / "a.json").write_text(render(hostile, "json"))
    _, out, _ = ddaudit("compare", tmp_path / "a.json", REPORTS / "clean-1.json")
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]x[/]" in out


def test_one_report_is_too_few_and_no_report_is_none(ddaudit, tmp_path):
    assert ddaudit("compare", REPORTS / "clean-0.json")[0] == 2
    assert ddaudit("compare", REPORTS / "clean-0.json", tmp_path)[0] == 2
