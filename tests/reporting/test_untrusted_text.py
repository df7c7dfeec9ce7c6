"""What a stranger wrote into a file is shown in every format and interpreted in none."""

import io
import json
import re
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from parsed_page import Page
from rich.console import Console
from tricks import TRICKS

from ddaudit.reporting import FORMATS, print_scorecard, render
from ddaudit.reporting.untrusted import brief, code_for_markdown, for_markdown, visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_visible_text_has_no_hidden_character_and_loses_no_shown_one(text):
    shown = visible(text)
    assert not {unicodedata.category(c) for c in shown} & HIDDEN
    assert visible(shown) == shown
    if all(c.isprintable() and unicodedata.category(c) not in {"Mn", "Me"} for c in text):
        assert shown == text


def test_a_text_that_is_cut_says_how_much_is_missing():
    assert visible("x" * 2_500).endswith("x… (500 more characters)")
    assert brief("x" * 50, 10) == "x" * 9 + "…"
    assert brief("short", 10) == "short"


@given(st.text(alphabet=st.sampled_from("ab1 \\`*_{}[]()<>#+-.!|~$&:@/=^\"'\nwhttps"), max_size=40))
@settings(max_examples=500, deadline=None)
def test_escaped_markdown_reads_as_the_text_itself(text):
    """An independent CommonMark parser, with tables, finds one paragraph with this text and nothing else."""
    shown = visible(text).strip()
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks = parser.parse(for_markdown(text))
    if not shown:
        assert blocks == []
        return
    assert [b.type for b in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    children = blocks[1].children
    assert {c.type for c in children} <= {"text", "html_inline", "text_special"}
    assert {c.content for c in children if c.type == "html_inline"} <= {"<!-- -->"}
    assert "".join(c.content for c in children if c.type != "html_inline") == shown


@given(st.text(alphabet=st.sampled_from("ab `|\\<>*"), max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_code_span_holds_its_text_also_in_a_table_cell(text):
    table = f"| a | b |\n|:--|:--|\n| {code_for_markdown(text)} | end |\n"
    blocks = MarkdownIt("commonmark").enable("table").parse(table)
    cells = [b for b in blocks if b.type == "inline"]
    assert [c.content for c in cells[:2]] == ["a", "b"]
    assert cells[3].content == "end"
    (code,) = [c for c in cells[2].children if c.content.strip()] or [None]
    if visible(text).strip():
        assert code.type == "code_inline"
        assert code.content.strip() == visible(text).strip()


@pytest.mark.parametrize("name", ["markdown", "markdown-short", "card"])
def test_no_markdown_report_of_a_hostile_file_has_a_link_an_image_html_or_a_mention(hostile, name):
    text = render(hostile, name)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for token in tokens for child in token.children or []]
    assert not {t.type for t in [*tokens, *inline]} & {"link_open", "image", "html_block", "s_open", "hr"}
    html = {t.content for t in inline if t.type == "html_inline"}
    assert html <= {"<!-- -->", "<sub>", "</sub>"}
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"https?://(?!$)|\bwww\.|@\w|#\d", outside_code)
    # As many headings and table rows as the report has by itself: no trick added one.
    assert "heading" not in [t.content for t in tokens if t.type == "inline"]


def test_no_tag_or_attribute_of_the_page_comes_from_a_hostile_file(hostile, scorecard):
    page, ordinary = Page(render(hostile, "html")), Page(render(scorecard, "html"))
    names = {tag for tag, _ in ordinary.tags} | {"p"}
    assert {tag for tag, _ in page.tags} <= names
    attributes = {name for _, attrs in page.tags for name in attrs}
    assert not {name for name in attributes if name.startswith("on")} | (attributes & {"style", "srcset", "srcdoc"})
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert [tag for tag, _ in page.tags].count("style") == 1
    shown = "".join(page.text)
    assert "<script>alert(1)</script>" in shown
    assert "\\u202edrawkcab" in shown
    assert "{{ 7*7 }}" in shown


@pytest.mark.parametrize("name", FORMATS)
def test_no_report_carries_a_hidden_character(hostile, name):
    hidden = {c for c in render(hostile, name) if unicodedata.category(c) in HIDDEN} - {"\n"}
    assert not hidden


def test_machine_formats_of_a_hostile_file_still_parse(hostile):
    ElementTree.fromstring(render(hostile, "junit").encode())
    for name in ("sarif", "intoto", "json"):
        json.loads(render(hostile, name))
    messages = [r["message"]["text"] for r in json.loads(render(hostile, "sarif"))["runs"][0]["results"]]
    assert not [m for m in messages if re.search(r"(?<!\\)\]\(", m)]


@pytest.mark.parametrize(("terminal", "colour"), [(True, "truecolor"), (False, None)])
def test_a_hostile_file_cannot_act_on_the_terminal(hostile, terminal, colour):
    out = io.StringIO()
    print_scorecard(hostile, Console(file=out, width=80, force_terminal=terminal, color_system=colour))
    text = out.getvalue()
    # Only rich's own colours: no cursor, no title, no link, no other control.
    assert set(re.findall(r"\x1b.?", text)) <= {"\x1b["}
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert not {c for c in plain if unicodedata.category(c) in HIDDEN} - {"\n"}
    assert "[bold red]markup[/bold red]" in plain
    assert ":skull:" in plain
    for trick in TRICKS:
        assert visible(trick).split()[0][:20] in plain.replace("\n", "")
