"""The page in a real browser: no complaint, no request, everything works, also dark, small and on paper."""

import json
import os
from pathlib import Path

import chromium
import pytest

from ddaudit.reporting import write_reports

AXE = Path(os.environ.get("AXE_CORE", Path(__file__).parents[2] / "build/node_modules/axe-core/axe.min.js"))


@pytest.fixture(scope="module")
def browser():
    binary = chromium.find()
    if binary is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium.Chromium(binary) as running:
        yield running


@pytest.fixture(scope="module", params=["scorecard", "hostile"])
def page(request, tmp_path_factory):
    (path,) = write_reports(request.getfixturevalue(request.param), tmp_path_factory.mktemp("report"), ["html"])
    return path


@pytest.fixture(scope="module")
def ordinary(scorecard, tmp_path_factory):
    (path,) = write_reports(scorecard, tmp_path_factory.mktemp("report"), ["html"])
    return path


def events(browser, *methods):
    return [event["params"] for event in browser.events if event["method"] in methods]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
def test_no_complaint_no_request_no_script_of_a_stranger_and_no_sideways_scrolling(browser, page, width, dark):
    browser.screen(width, 860, dark=dark)
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    asked = [event["request"]["url"] for event in events(browser, "Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert not events(browser, "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert not events(browser, "Page.javascriptDialogOpening")
    assert browser.run("document.documentElement.scrollWidth") <= width
    broken = "[...document.images].filter((i) => !i.complete || i.naturalWidth === 0).length"
    assert browser.run(broken) == 0


def test_tables_sort_and_filter_by_keyboard(browser, ordinary):
    browser.screen(1280, 860)
    browser.open(ordinary)
    browser.run("table = document.querySelector('#DD-PRV-TRACE .sortable'); 0")
    column = "[...table.tBodies[0].rows].filter((r) => !r.hidden).map((r) => Number(r.cells[2].dataset.v))"
    before = browser.run(column)
    for direction, expected in (("ascending", sorted(before)), ("descending", sorted(before, reverse=True))):
        browser.run("table.tHead.rows[0].cells[2].querySelector('button').focus()")
        for kind in ("keyDown", "keyUp"):
            browser.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        assert browser.run("table.tHead.rows[0].cells[2].getAttribute('aria-sort')") == direction
        assert browser.run(column) == expected
    browser.run("box = table.closest('.data').querySelector('input'); box.focus()")
    browser.call("Input.insertText", text="no")
    assert browser.run("[...table.tBodies[0].rows].filter((r) => !r.hidden).every((r) => /no/.test(r.textContent))")
    shown = len(browser.run(column))
    assert 0 < shown < len(before)
    assert browser.run("table.closest('.data').querySelector('.count').textContent") == f"{shown} of 100 rows"


def test_dark_follows_the_system_and_the_button(browser, ordinary):
    ground = "getComputedStyle(document.body).backgroundColor"
    text = "getComputedStyle(document.querySelector('.drawing text')).fill"
    browser.screen(1280, 860)
    browser.open(ordinary)
    light = browser.run(ground), browser.run(text)
    browser.screen(1280, 860, dark=True)
    dark = browser.run(ground), browser.run(text)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    browser.run("document.getElementById('theme').click()")
    assert browser.run("document.getElementById('theme').textContent") == "Theme: light"
    assert (browser.run(ground), browser.run(text)) == light
    browser.run("document.getElementById('theme').click()")
    browser.screen(1280, 860)
    assert (browser.run(ground), browser.run(text)) == dark


def test_a_link_to_a_finding_unfolds_its_evidence(browser, ordinary):
    browser.screen(1280, 860)
    browser.open(ordinary)
    folded = "document.querySelector('#DD-FAI-CLASS details').open"
    assert browser.run(folded) is False
    browser.run("document.querySelector('.pillars a[href=\"#DD-FAI-CLASS\"]').click()")
    browser.run("new Promise((done) => setTimeout(done, 50))")
    assert browser.run(folded) is True


def test_the_meaning_of_a_term_shows_on_focus(browser, ordinary):
    browser.screen(1280, 860)
    browser.open(ordinary)
    size = "document.querySelector('#DD-PRV-MIA dfn .meaning').getBoundingClientRect().height"
    assert browser.run(size) <= 1
    browser.run("document.querySelector('#DD-PRV-MIA dfn').focus()")
    assert browser.run(size) > 15


@pytest.mark.parametrize("width", [1280, 900, 400])
def test_a_meaning_that_shows_stays_within_the_window(browser, ordinary, width):
    browser.screen(width, 860)
    browser.open(ordinary)
    browser.run("document.getElementById('unfold').click()")
    assert browser.run("document.querySelectorAll('.pillars dfn').length") > 3
    outside = """[...document.querySelectorAll('dfn')].filter((term) => {
      if (term.getClientRects().length === 0) return false;
      term.focus();
      const box = term.querySelector('.meaning').getBoundingClientRect();
      const fits = box.left >= 0 && box.right <= innerWidth && box.height > 15;
      const cell = term.closest('th, td');
      if (cell && getComputedStyle(cell).overflow === 'hidden') return true;
      return !fits || document.documentElement.scrollWidth > innerWidth;
    }).map((term) => term.textContent)"""
    assert browser.run(outside) == []


def test_paper_shows_all_evidence_on_white_without_controls(browser, ordinary):
    browser.screen(1280, 860, dark=True, media="print")
    browser.open(ordinary)
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert browser.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert browser.run("getComputedStyle(document.documentElement).colorScheme") == "light"
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("[...document.querySelectorAll('details')].every((d) => d.open)")
    assert browser.run("document.querySelector('#DD-FAI-CLASS .range').getBoundingClientRect().height") > 5
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert not browser.run("document.querySelector('#DD-FAI-CLASS details').open")
    browser.screen(1280, 860, media="")
    assert browser.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_accessibility_fault(browser, page, dark):
    if not AXE.is_file():
        pytest.skip(f"axe-core is not at {AXE} (npm install --prefix build axe-core)")
    browser.screen(1280, 860, dark=dark)
    browser.open(page)
    browser.run("document.getElementById('unfold').click()")
    browser.run(AXE.read_text(encoding="utf-8") + "; 0")
    found = "v.id + ': ' + v.nodes.map((n) => n.html).slice(0, 3).join(' ')"
    run = f"axe.run(document).then((r) => JSON.stringify(r.violations.map((v) => {found})))"
    assert json.loads(browser.run(run)) == []
