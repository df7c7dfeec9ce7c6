"""A real file whose name, keys and class names are tricks: scanned, and reported in every format."""

import io
import json
import re
import unicodedata
from xml.etree import ElementTree

import chromium
import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from parsed_page import Page
from PIL import Image
from rich.console import Console
from tricks import TRICKS

import ddaudit
from ddaudit.reporting import FORMATS, print_scorecard, write_reports

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
NAME = "<img src=x onerror=alert(1)>|[x](javascript:alert(2)) \x1b[31mPASS\u202e.pt"


def a_file(folder):
    """Tricks for a name, for keys beside the dataset, and in what they hold."""
    images, labels = torch.rand(20, 1, 8, 8), torch.arange(10).repeat_interleave(2)
    tricks = {trick: torch.rand(3, 1, 8, 8) for trick in TRICKS}
    torch.save({"images": images, "labels": labels, **tricks, "note": TRICKS[0]}, folder / NAME)
    return folder / NAME


def a_folder(folder):
    """Tricks for the names of classes and pictures, as far as a file system takes them."""
    rng = np.random.default_rng(0)
    for trick in TRICKS:
        of_class = folder / "set" / trick.replace("/", "∕").replace("\x00", "")[:60]
        of_class.mkdir(parents=True)
        for number in range(2):
            Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(of_class / f"{NAME}{number}.png")
    return folder / "set"


@pytest.fixture(scope="module", params=[a_file, a_folder], ids=["file", "folder"])
def reports(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    card = ddaudit.scan(request.param(folder), checks=["DD-SAF-FILE", "DD-SAF-SCHEMA"])
    assert {check.id for check in card.checks} == {"DD-SAF-FILE", "DD-SAF-SCHEMA"}
    files = dict(zip(FORMATS, write_reports(card, folder / "reports", list(FORMATS)), strict=True))
    return card, files


def test_the_tricks_reach_the_reports(reports):
    text = reports[1]["html"].read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in text or "&lt;img src=x onerror=alert(1)&gt;" in text


def test_no_format_carries_a_hidden_character(reports):
    for file in reports[1].values():
        assert not {c for c in file.read_text(encoding="utf-8") if unicodedata.category(c) in HIDDEN} - {"\n"}, (
            file.name
        )


def test_machines_read_what_was_written(reports):
    ElementTree.parse(reports[1]["junit"])
    for name in ("json", "sarif", "intoto"):
        json.loads(reports[1][name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["markdown", "markdown-short", "card"])
def test_markdown_has_no_link_no_picture_and_no_tag_of_a_stranger(reports, name):
    tokens = MarkdownIt("commonmark").enable("table").parse(reports[1][name].read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or []]
    assert not {t.type for t in [*tokens, *inline]} & {"link_open", "image", "html_block"}
    assert {t.content for t in inline if t.type == "html_inline"} <= {"<!-- -->", "<sub>", "</sub>"}


def test_the_page_runs_nothing_and_asks_for_nothing(reports):
    page = reports[1]["html"]
    assert not [name for _, a in Page(page.read_text(encoding="utf-8")).tags for name in a if name.startswith("on")]
    binary = chromium.find()
    if binary is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium.Chromium(binary) as browser:
        browser.screen(1280, 860)
        browser.open(page)
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
        reported = {event["method"] for event in browser.events}
        assert not reported & {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        assert "Page.javascriptDialogOpening" not in reported


def test_the_terminal_obeys_nothing(reports):
    out = io.StringIO()
    print_scorecard(reports[0], Console(file=out, width=80))
    assert not {c for c in re.sub(r"\n", "", out.getvalue()) if unicodedata.category(c) in HIDDEN}
