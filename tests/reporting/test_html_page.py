"""The page: nothing from elsewhere, everything shown, right about uncertainty."""

import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
from parsed_page import Page
from PIL import Image as Pillow

from ddaudit.reporting import html_report, render
from ddaudit.reporting.glossary import TERMS
from ddaudit.reporting.metrics import METRICS
from ddaudit.results import Figure, Image, Metric, Scorecard, Series, Table

MEANING = METRICS["auc"].meaning.split()
VOID = {"meta", "link", "img", "input", "br"}


@pytest.fixture(scope="module")
def page(scorecard):
    return Page(render(scorecard, "html"))


def attributes(page, *names):
    return [(tag, name, value) for tag, attrs in page.tags for name, value in attrs.items() if name in names]


@pytest.mark.parametrize("which", ["scorecard", "hostile"])
def test_nothing_is_loaded_from_anywhere(which, request):
    text = render(request.getfixturevalue(which), "html")
    page = Page(text)
    for tag, name, value in attributes(page, "src", "href", "xlink:href", "action", "poster", "data", "background"):
        if tag == "a":
            assert re.match(r"#|https://(arxiv\.org/abs/|doi\.org/)", value), value
        elif name == "href" and tag in ("use", "textPath"):
            assert value.startswith("#")
        else:
            assert value.startswith("data:"), (tag, name, value)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "@import" not in style
    for target in re.findall(r"url\(([^)]*)\)", style) + [
        v for _, _, v in attributes(page, "clip-path", "mask", "fill")
    ]:
        assert target.startswith(("#", "url(#")) or "url" not in target
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "base", "form", "audio", "video"}


def test_the_content_policy_allows_this_style_and_script_and_nothing_else(scorecard, page):
    text = render(scorecard, "html")
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not attributes(page, "style")


def test_every_picture_decodes_has_words_and_keeps_its_shape(page):
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 10
    for attrs in pictures:
        assert attrs["alt"]
        image = Pillow.open(io.BytesIO(base64.b64decode(attrs["src"].partition(",")[2])))
        image.load()
        assert int(attrs["width"]) / image.width == int(attrs["height"]) / image.height
        assert int(attrs["width"]) % image.width == 0


def test_tags_close_and_ids_are_unique_and_links_have_targets(scorecard, page):
    ids = [value for _, _, value in attributes(page, "id")]
    assert len(ids) == len(set(ids))
    for _, _, value in attributes(page, "href", "aria-labelledby"):
        if value.startswith("#") or (" " not in value and not re.match(r"https?:|data:", value)):
            assert value.removeprefix("#") in ids
    text = render(scorecard, "html")
    for tag in {tag for tag, _ in page.tags} - VOID - {"path", "circle", "rect", "use", "p", "li", "defs", "g"}:
        assert len(re.findall(rf"<{tag}[\s>]", text)) == text.count(f"</{tag}>"), tag


def test_the_first_screen_has_the_verdict_the_pillars_the_findings_and_the_next_steps(scorecard):
    first = render(scorecard, "html").partition('id="findings"')[0]
    assert TERMS["held-out"] in first
    without_meanings = re.sub(r'<span class="meaning">.*?</dfn>', "</dfn>", first)
    shown = " ".join("".join(Page(without_meanings).text).split()).replace("\xa0", " ")
    assert "Fail decided by privacy" in shown
    for pillar, verdict in scorecard.pillars.items():
        words = {"pass": "Pass", "warn": "Warn", "fail": "Fail"}
        assert f"{pillar.capitalize()} {words[verdict]}" in shown
    for check in scorecard.checks:
        if check.verdict != "inconclusive":
            assert check.finding in shown
        assert check.advice in shown
    assert shown.index("Distil again") < shown.index("adversarial training") < shown.index("thorough profile")


def test_every_interval_stands_beside_the_same_metric_on_controls(scorecard):
    text = render(scorecard, "html")
    trace = text[text.index('id="DD-UTL-ACCURACY"') : text.index('id="DD-PRV-TRACE"')]
    rows = [re.sub(r"<[^>]+>", " ", row).replace("\xa0", " ").split() for row in re.findall(r"<tr.*?</tr>", trace)]
    rows = [" ".join(row) for row in rows]
    assert "ConvNet 91.8 % 90.5 to 93.1 % 360" in rows
    assert "random real subset 87.7 % 86.1 to 89.3 %" in rows
    assert any("95 % interval" in row for row in rows)
    every = {(check.id, metric.name) for check in scorecard.checks for metric in check.metrics}
    assert text.count('<tr class="ours">') == len(every)
    assert text.count('<tr class="control">') == sum(len(m.controls) for c in scorecard.checks for m in c.metrics)


def test_range_plots_put_values_in_order_on_one_axis(scorecard):
    text = render(scorecard, "html")
    section = text[text.index('id="DD-UTL-ACCURACY"') : text.index('id="DD-PRV-TRACE"')]
    table = section[section.index("<table") : section.index("</table>")]
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', table)]
    values = [0.918, 0.877, 0.921, 0.92]
    assert np.allclose(np.corrcoef(places, values)[0, 1], 1, atol=1e-4)
    spans = re.findall(r'class="span" d="M([\d.]+) 10H([\d.]+)', table)
    for (low, high), at in zip(spans, places, strict=False):
        assert float(low) < at < float(high)


def test_power_assumptions_threats_and_what_did_not_run_are_said(scorecard):
    shown = " ".join("".join(Page(render(scorecard, "html")).text).split()).replace("\xa0", " ")
    plain = re.sub(r" \([^()]*\.\)", "", shown)
    assert "with probability 0.42 (0.31 to 0.54)." in shown
    assert "Failed At least 10 non-members" in plain
    assert "Not testable The training recipe" in plain
    assert "needs the publisher's canary key (--canary-key)" in shown
    for check in scorecard.checks:
        assert check.power.defect in plain
        assert check.threat_model in plain
    for exact in (scorecard.tool.command, scorecard.subject.sha256, "0.1.0", "2.14.1", "quick"):
        assert exact in shown


def test_every_term_is_explained_where_it_first_stands_in_a_section(scorecard):
    text = render(scorecard, "html")
    section = text[text.index('id="DD-PRV-MIA"') : text.index('id="DD-ROB-ATTACKS"')]
    for term in ("AUC", "blind baseline", "held-out", "interval"):
        assert section.count(TERMS[term]) == 1
        assert text.count(f"<dt>{term}</dt>") == 1


def test_verdicts_are_never_colour_alone(page, scorecard):
    text = render(scorecard, "html")
    for check in scorecard.checks:
        heading = re.search(rf'<h3 id="{check.id}-title">(.*?)</h3>', text)[1]
        word = {"pass": "Pass", "warn": "Warn", "fail": "Fail", "inconclusive": "Inconclusive"}[check.verdict]
        assert f'href="#icon-{check.verdict}"' in heading
        assert f">{word}<" in heading


def with_evidence(card, *evidence, metrics=()):
    check = card.checks[0].model_copy(update={"evidence": list(evidence), "metrics": list(metrics)})
    return card.model_copy(update={"checks": [check]})


def test_a_page_with_too_many_pictures_stays_under_five_megabytes_and_says_so(scorecard):
    noise = np.random.default_rng(0)
    pictures = [Image.from_pixels(f"p{i}", noise.random((3, 64, 64)), f"picture {i}", "noise") for i in range(400)]
    assert sum(len(p.png) for p in pictures) > 6_000_000
    text = render(with_evidence(scorecard, *pictures), "html")
    assert len(text.encode()) < 5_000_000
    sources = [attrs["src"] for tag, attrs in Page(text).tags if tag == "img"]
    shown = len(sources)
    assert 100 < shown < 400
    assert sources == [f"data:image/png;base64,{p.png}" for p in pictures[:shown]]
    assert text.count("Left out to keep the page small") == 400 - shown


def test_what_is_not_a_picture_is_not_shown_as_one(scorecard):
    svg = base64.b64encode(b"<svg onload=alert(1)>").decode()
    cut = Image.from_pixels("cut", np.zeros((4, 4)), "c", "a").png[:20]
    for png in (svg, cut, "not base64", "", 'x" onerror="alert(1)'):
        text = render(with_evidence(scorecard, Image(name="i", caption="c", alt="what it was", png=png)), "html")
        assert "<img " not in text
        assert "not a PNG" in text
        assert "what it was" in text


def test_long_tables_and_series_are_cut_and_say_so(scorecard):
    table = Table(name="long", columns=["i", "x"], rows=[[i, i / 7] for i in range(3_000)])
    points = [float(i) for i in range(50_000)]
    figure = Figure(
        name="many",
        caption="Many.",
        form="points",
        x_label="x",
        y_label="y",
        series=[Series(name="s", x=points, y=list(points))],
    )
    text = render(with_evidence(scorecard, table, figure), "html")
    assert text.count('<td class="num" data-v=') == 2_000
    assert "The first 1000 of 3000 rows" in text
    assert "Of 50\u202f000 points 600 are drawn" in text
    assert len(text) < 500_000


def test_a_metric_with_no_value_shows_no_number(scorecard):
    bare = [Metric(name="auc[x]", value=None), Metric(name="unheard_of", value=1e-9, low=None, high=2e-9)]
    text = render(with_evidence(scorecard, metrics=bare), "html")
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r'<tr class="ours">.*?</tr>', text)]
    assert rows == [["this", "set", "1e-09", "–", "to", "2e-09"], ["AUC,", "x", "auc", *MEANING, "–"]]
    assert "nan" not in text.lower().replace("finance", "")


def test_the_page_of_a_pass_tells_what_to_do_and_of_no_run_does_not_pass(scorecard):
    passing = [c.model_copy(update={"advice": "", "verdict": "pass"}) for c in scorecard.checks]
    good = Scorecard.assemble(scorecard.tool, scorecard.subject, scorecard.original, passing, [])
    text = render(good, "html")
    assert "Nothing that was looked for stands in the way." in text
    assert "7 checks looked and found nothing." in text
    partial = Scorecard.assemble(scorecard.tool, scorecard.subject, scorecard.original, passing[:2], [])
    text = render(partial, "html")
    assert "Nothing that was looked for stands in the way." not in text
    assert "Scan again with what the other checks need" in text
    nothing = Scorecard.assemble(scorecard.tool, scorecard.subject, None, [], scorecard.not_run)
    text = render(nothing, "html")
    first = text.partition('id="findings"')[0]
    assert ">Pass<" not in first
    assert "No check of this pillar ran: not part of the quick profile; use --profile standard." in first
    assert json.dumps(nothing.overall.verdict) == '"not-run"'
    assert html_report.MOST_ROWS >= 1_000
