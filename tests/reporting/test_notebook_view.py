"""A scorecard in a notebook: the page, in a frame that can reach nothing around it."""

import html
import re
import sys
from types import SimpleNamespace

import chromium
import pytest

import ddaudit
from ddaudit import notebook
from ddaudit.reporting import render


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_the_frame_holds_the_page_and_shares_nothing_with_the_notebook(which, request):
    card = request.getfixturevalue(which)
    fragment = ddaudit.show(card)._repr_html_()
    match = re.fullmatch(r'<iframe ([^<>]*) srcdoc="([^"]*)"></iframe>', fragment, re.DOTALL)
    assert html.unescape(match[2]) == render(card, "html")
    assert re.search(r'sandbox="([^"]*)"', match[1])[1] == "allow-scripts"


def test_ipython_shows_a_scorecard_by_itself(monkeypatch, scorecard):
    known = {}
    formatter = SimpleNamespace(for_type_by_name=lambda module, name, show: known.update({(module, name): show}))
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    notebook.register()
    kind = type(scorecard)
    assert known[kind.__module__, kind.__qualname__](scorecard).startswith("<iframe ")


def test_without_ipython_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    notebook.register()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    notebook.register()


def test_a_browser_shows_the_frame_without_complaint_and_without_a_request(scorecard, hostile, tmp_path):
    binary = chromium.find()
    if binary is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    page = tmp_path / "notebook.html"
    frames = "".join(notebook.as_frame(card) for card in (scorecard, hostile))
    page.write_text(f"<!doctype html><html lang=en><title>notebook</title><body>{frames}</body></html>")
    with chromium.Chromium(binary) as browser:
        browser.screen(1000, 1500)
        browser.open(page)
        assert browser.run("frames.length") == 2
        assert browser.run("document.querySelector('iframe').contentDocument") is None
        complaints = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        assert not [event for event in browser.events if event["method"] in complaints]
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith(("data:", "about:"))] == [page.as_uri()]
