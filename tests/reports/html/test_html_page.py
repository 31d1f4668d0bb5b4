"""The page as bytes: one file, one policy, nothing to load, nothing that escapes its place."""

import base64
import gzip
import hashlib
import json
import re
import sys
from html.parser import HTMLParser

import msgspec
import pytest
from html_hostile import ATTACKS, HUGE, hostile
from html_samples import empty, large, sample

from reports.document import LimitEntry
from reports.html import render
from reports.html.island import island as data
from reports.html.page import SCRIPTS, _folder

REPORTS = {"sample": sample, "hostile": hostile, "empty": empty}


class Page(HTMLParser):
    """Collects elements, attributes and the raw text of script and style elements."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.raw = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        if self.elements[-1:] and self.elements[-1][0] in {"script", "style"}:
            self.raw.append((*self.elements[-1], data))

    def texts(self, tag):
        return [(attrs, data) for name, attrs, data in self.raw if name == tag and data.strip()]

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def policy(page):
    return next(attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv"))


def source(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def island(page):
    attrs, text = next(
        (attrs, data) for attrs, data in page.texts("script") if attrs.get("id") == "report-data"
    )
    if attrs["data-encoding"] == "gzip+base64":
        text = gzip.decompress(base64.b64decode(text)).decode()
    return json.loads(text)


@pytest.fixture(params=REPORTS)
def page(request):
    return Page(render(REPORTS[request.param]()).decode())


def test_policy_names_exactly_the_script_and_the_style_of_the_page(page):
    scripts = [text for attrs, text in page.texts("script") if attrs.get("type") is None]
    styles = [text for _, text in page.texts("style")]
    directives = dict(part.split(" ", 1) for part in policy(page).split("; "))
    assert directives == {
        "default-src": "'none'",
        "script-src": " ".join(map(source, scripts)),
        "style-src": " ".join(map(source, styles)),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert (len(scripts), len(styles)) == (1, 1)


def test_policy_stands_before_everything_it_governs(page):
    tags = [tag for tag, _ in page.elements]
    first = next(i for i, (tag, attrs) in enumerate(page.elements) if tag == "meta" and "http-equiv" in attrs)
    assert first < min(tags.index("style"), tags.index("script"))


def test_no_element_loads_frames_or_carries_code(page):
    loading = {
        "src",
        "srcset",
        "data",
        "poster",
        "action",
        "formaction",
        "background",
        "ping",
        "style",
        "srcdoc",
    }
    found = [
        (tag, key)
        for tag, attrs in page.elements
        for key in attrs
        if key.startswith("on") or key in loading or (key == "href" and not attrs[key].startswith("#"))
    ]
    assert found == []
    assert not {"link", "base", "iframe", "object", "embed", "img", "audio", "video"} & {
        t for t, _ in page.elements
    }


def test_hostile_names_change_no_structure():
    """Elements and attribute names are those of our template, whatever the cloud's names say."""

    def shape(report):
        return {(tag, key) for tag, attrs in Page(render(report).decode()).elements for key in attrs}

    assert shape(hostile()) <= shape(sample()) | {("span", "class"), ("bdi", "dir")}


def test_hidden_characters_are_shown_as_marks_and_never_stand_in_the_page():
    text = render(hostile()).decode()
    assert (
        re.findall("[\u202a-\u202e\u2066-\u2069\u2028\u2029\u200b\ufeff\x00-\x08\x0b-\x1f\x7f]", text) == []
    )
    assert '<span class="mark">U+202E</span>' in text


def test_long_names_are_cut_in_server_rendered_text():
    text = render(hostile()).decode()
    assert "A" * 700 not in text.split('id="report-data"')[0]


def test_data_block_cannot_end_its_element():
    text = render(hostile()).decode()
    block = re.search(r'id="report-data"[^>]*>(.*?)</script>', text, re.DOTALL)[1]
    assert not set("<>&\u2028\u2029") & set(block)


def test_data_block_holds_the_whole_report():
    document = island(Page(render(hostile()).decode()))
    assert HUGE in json.dumps(document)
    names = json.dumps(document, ensure_ascii=False)
    assert all(json.dumps(attack, ensure_ascii=False)[1:-1] in names for attack in ATTACKS)


def test_small_data_is_plain_and_large_data_is_packed():
    small = Page(render(empty()).decode())
    big = Page(render(large(2_000)).decode())
    encodings = [page.all("script")[0]["data-encoding"] for page in (small, big)]
    assert encodings == ["json", "gzip+base64"]
    assert len(island(big)["finding_columns"]["rule"]) == 2_000


def test_ten_thousand_findings_fit_in_a_megabyte():
    assert len(render(large())) < 1_000_000


@pytest.mark.parametrize("name", REPORTS)
def test_two_renders_give_the_same_bytes(name):
    assert render(REPORTS[name]()) == render(REPORTS[name]())


def test_packed_render_gives_the_same_bytes():
    assert render(large(2_000)) == render(large(2_000))


def test_scripts_never_parse_text_as_markup_or_code():
    """The rule behind the hostile corpus: text enters the page through text nodes and attributes only."""
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b|DOMParser|createContextualFragment"
    assert {
        name: re.findall(sinks, _folder().joinpath("script", name).read_text("utf-8")) for name in SCRIPTS
    } == {name: [] for name in SCRIPTS}


def test_every_script_file_is_part_of_the_page():
    assert sorted(SCRIPTS) == sorted(
        one.name for one in _folder().joinpath("script").iterdir() if one.name.endswith(".js")
    )


def test_assets_cannot_end_their_element():
    for name in SCRIPTS:
        text = _folder().joinpath("script", name).read_text("utf-8")
        assert (name, "</" in text, "<!--" in text) == (name, False, False)
    assert "</" not in _folder().joinpath("report.css").read_text("utf-8")


def test_reader_without_scripts_gets_summary_findings_and_identities():
    report = sample()
    fallback = re.search("<noscript>(.*)</noscript>", render(report).decode(), re.DOTALL)[1]
    assert all(one.title in fallback for one in report.findings[:50])
    assert all(one.name in fallback for one in report.identities)


def test_every_verdict_stands_with_the_window():
    text = render(sample()).decode()
    assert text.count("90 days, 2026-08-24 to 2026-11-22") >= 4


@pytest.mark.parametrize("words", ["not used", "never used", "zombie", "toxic", "risk score"])
def test_page_avoids_words_that_claim_too_much(words):
    text = render(sample()).decode().lower()
    assert words not in text


def test_long_columns_are_written_in_parts_and_read_as_one(monkeypatch):
    report = hostile()
    monkeypatch.setattr("reports.html.island.PACK_ABOVE_BYTES", 10_000_000)
    whole = data(report)
    assert len(report.findings) > 3
    monkeypatch.setattr("reports.html.island._AT_ONCE", 3)
    assert data(report) == whole


def test_page_packs_without_isa_l(monkeypatch):
    report = sample()
    monkeypatch.setattr("reports.html.island.PACK_ABOVE_BYTES", 100)
    before = data(report)
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    after = data(report)
    assert after.text != before.text
    assert gzip.decompress(base64.b64decode(after.text)) == gzip.decompress(base64.b64decode(before.text))


@pytest.mark.parametrize("name", ["plain", "größer", "\ud800", "</script>"])
def test_data_is_the_same_packed_and_plain(name, monkeypatch):
    report = msgspec.structs.replace(
        hostile(), limits_of_analysis=[LimitEntry(what=name, where="", effect="")]
    )
    monkeypatch.setattr("reports.html.island.PACK_ABOVE_BYTES", 10_000_000)
    plain = data(report)
    monkeypatch.setattr("reports.html.island.PACK_ABOVE_BYTES", 100)
    packed = data(report)
    assert (plain.encoding, packed.encoding) == ("json", "gzip+base64")
    assert plain.text == gzip.decompress(base64.b64decode(packed.text)).decode("ascii")
    assert data(report) == packed
    assert base64.b64decode(packed.text)[4:8] == bytes(4), "the header holds a time"
    assert json.loads(plain.text)["limits_of_analysis"][0]["what"] == name


def test_a_broken_source_among_hundreds_is_on_the_first_screen_with_its_reason():
    report = sample()
    fine = [msgspec.structs.replace(report.sources[0], name=f"fine-{n:03}", status="ok") for n in range(200)]
    broken = msgspec.structs.replace(
        report.sources[0], name="zz-broken", status="partial", reason="dump.json: no such file"
    )
    html = render(msgspec.structs.replace(report, sources=[*fine, broken])).decode()
    listed = html.split('<ul class="sources">')[1].split("</ul>")[0]
    assert listed.index("zz-broken") < listed.index("fine-000")
    assert "dump.json: no such file" in listed
    assert "and 189 more under Coverage" in listed


def test_a_review_that_takes_no_permission_does_not_count_permissions():
    report = sample()
    one = next(entry for entry in report.identities if entry.reduction.disposition == "review")
    only_keys = msgspec.structs.replace(one, reduction=msgspec.structs.replace(one.reduction, removes=0))
    html = render(msgspec.structs.replace(report, identities=[only_keys])).decode()
    assert "Review reductions of 1 identity" in html
    assert "Review 0 permissions" not in html
