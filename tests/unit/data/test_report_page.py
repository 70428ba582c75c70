"""The page is one well-formed file that asks for nothing, hides nothing and runs nothing, whatever the report says."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import data_report, finding, fit_estimate, histogram, stage_report
from tunewright_api.data import CheckName
from tunewright_api.data_report import DataReport, Example, Histogram, SourceObject, Verdict
from tunewright_trainer.prepare.readable import CHECK_TITLES, brief, duration, percent, sentence, size, spelt, visible
from tunewright_trainer.prepare.report_page import page

VOID = {"meta", "br", "hr", "col", "rect", "line", "link", "img", "input"}
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "article", "p", "b", "i", "span", "h1", "h2",
    "h3", "h4", "div", "dl", "dt", "dd", "small", "ul", "li", "table", "caption", "colgroup", "col", "thead", "tbody", "tr", "th", "td",
    "code", "details", "summary", "svg", "desc", "rect", "line", "text", "hr", "br",
}  # fmt: skip
ASKING = {"src", "href", "srcset", "action", "background", "poster", "data", "xlink:href", "formaction", "manifest"}
HOSTILE = "</title></style></svg><script>alert(1)</script><img src=http://evil/x onerror=alert(1)>\"'`{{7*7}}{% x %}&amp;\u202e\u0000\u200b"


class Reader(HTMLParser):
    """Holds the page against what it may be made of, and remembers what it says."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.referred: list[str] = []
        self.text = ""
        self.headings: list[str] = []
        self.pictures: list[set[str]] = []
        self.rows_without_header = 0
        self._row_headed = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, tag
        named = dict(attrs)
        assert not any(name in ASKING or name.startswith("on") for name in named), named
        assert len(named) == len(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.referred += str(named.get("aria-labelledby", "")).split()
        if tag == "svg" and named.get("role") == "img":
            self.pictures.append(set())
        if tag in {"title", "desc"} and "svg" in self.open:
            self.pictures[-1].add(tag)
        if tag == "tr":
            self._row_headed = False
        if tag == "th":
            assert named.get("scope") in {"row", "col"}
            self._row_headed = True
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"rect", "line"}:
            return
        assert self.open, tag
        assert self.open.pop() == tag
        if tag == "tr" and not self._row_headed:
            self.rows_without_header += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(report: DataReport) -> Reader:
    text = page(report)
    assert text.encode().decode() == text
    assert text.startswith("<!doctype html>")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.referred) <= set(reader.ids)
    assert all(picture == {"title", "desc"} for picture in reader.pictures)
    assert reader.rows_without_header == 0
    return reader


def hostile_report(text: str) -> DataReport:
    """A report that says `text` wherever it can."""
    examples = [Example(place=text[:250], field=text[:250], note=text) for _ in range(8)]
    found = [
        finding(check, verdict, message=text or "x", advice=text, kinds={text[:250]: 3, "b": 1}, measures={text[:250]: 0.5}, examples=examples)
        for check, verdict in zip(CheckName, list(Verdict) * 4, strict=True)
    ]  # fmt: skip
    stage = stage_report(
        name=text[:250], method=text[:250], format=text[:250], format_reason=text, categories={text[:250]: 1},
        histograms=[histogram(text[:250], text[:250])],
    )  # fmt: skip
    fit = fit_estimate(gpu=text[:250], fits=False, advice=text, assumptions=[text], currency=text[:250])
    source = SourceObject(
        stage=text[:250], uri=text, version_id=text[:250], etag=text[:250], size=1, sha256=text[:250], held_out=True
    )
    return data_report(message=text, model_type=text[:250], stages=[stage], findings=found, fit=fit, objects=[source])


def test_hostile_texts_are_shown_as_they_are_and_do_nothing() -> None:
    reader = read(hostile_report(HOSTILE))
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\0", "⟨U+0000⟩").replace("\u200b", "⟨U+200B⟩")
    assert reader.text.count(shown) > 50


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_whatever_a_report_says_the_page_is_well_formed(text: str) -> None:
    read(hostile_report(text))


def test_the_page_asks_for_nothing() -> None:
    text = page(data_report(stages=[stage_report(), stage_report("dpo")]))
    assert "http" not in text.replace("http-equiv", "")
    assert not re.search(r"url\(|@import|@font-face|<script|<link|<iframe|javascript:", text)
    assert "default-src 'none'" in text


def test_the_verdict_comes_first_and_what_is_good_comes_last() -> None:
    findings = [
        finding(CheckName.BALANCE, Verdict.PASSED, message="All is balanced."),
        finding(CheckName.DUPLICATES, Verdict.FIXED, message="Some stood twice."),
        finding(CheckName.SECRETS, Verdict.FAILED, message="A key was found.", advice="Revoke it."),
        finding(CheckName.SYNTHETIC, Verdict.SKIPPED, message="No column is named."),
        finding(CheckName.PERSONAL_DATA, Verdict.WARNED, message="Names were found."),
    ]
    text = read(data_report(message="The sentence that matters.", passed=False, digest=None, findings=findings)).text
    order = [
        "Refused", "The sentence that matters.", "A key was found.", "Revoke it.", "Names were found.", "Some stood twice.",
        "340 to train on", "Fits one H100", "s3://data/sft.jsonl", "All is balanced.", "No column is named.",
    ]  # fmt: skip
    places = [text.index(sentence) for sentence in order]
    assert places == sorted(places)


WORDS = [
    pytest.param(data_report(findings=[]), ("Passed", "No check has run"), id="nothing was looked at"),
    pytest.param(data_report(findings=[finding(verdict=Verdict.WARNED)]), ("Passed, with warnings",), id="warnings"),
    pytest.param(data_report(findings=[finding(verdict=Verdict.FIXED)]), ("some rows were fixed",), id="fixes"),
    pytest.param(data_report(stages=[], objects=[], fit=None, digest=None, passed=False), ("No stage was read", "Nothing was prepared"), id="nothing could be read"),
    pytest.param(data_report(fit=fit_estimate(gpu="", memory_bytes=None, cost=None)), ("on the CPU",), id="no GPU"),
    pytest.param(data_report(fit=fit_estimate(fits=False, advice="Buy a larger one.")), ("Does not fit one H100", "Buy a larger one."), id="too large"),
]  # fmt: skip


@pytest.mark.parametrize(("report", "words"), WORDS)
def test_each_case_has_its_words(report: DataReport, words: tuple[str, ...]) -> None:
    text = read(report).text
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    "counts", [[0], [5], [0, 0], [1, 2], [0] * 30, [10**9] * 100], ids=lambda counts: f"{len(counts)} bins"
)
def test_histograms_of_any_size_can_be_drawn(counts: list[int]) -> None:
    found = Histogram(
        name="Tokens", unit="tokens", edges=[float(index) for index in range(len(counts) + 1)], counts=counts
    )
    empty = Histogram(name="Tokens", unit="tokens", edges=[], counts=[])
    read(data_report(stages=[stage_report(histograms=[found, empty])]))


def test_a_page_is_a_function_of_its_report() -> None:
    assert page(data_report()) == page(data_report())


def test_every_check_has_a_title() -> None:
    assert set(CHECK_TITLES) == set(CheckName)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_letters_stand_out_from_what_is_behind_them(scheme: int) -> None:
    """WCAG 2.2, level AA: 4.5 for text, 3 for what is drawn."""
    blocks = re.findall(r":root \{([^}]*)\}", page(data_report()))
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme]))
    texts = [(text, behind) for text in ("text", "muted") for behind in ("page", "surface", "raised")]
    texts += [(name, f"{name}-tint") for name in ("failed", "warned", "fixed", "passed", "skipped")]
    texts += [("text", f"{name}-tint") for name in ("failed", "warned", "passed")]
    assert {pair: contrast(colours[pair[0]], colours[pair[1]]) >= 4.5 for pair in texts} == dict.fromkeys(texts, True)
    assert all(contrast(colours[name], colours["surface"]) >= 3 for name in ("bar", "second", "third"))


def test_numbers_are_written_as_people_read_them() -> None:
    assert [brief(number) for number in (0, 950, 9_999, 12_345, 1_234_567, 5e9)] == [
        "0",
        "950",
        "9,999",
        "12.3 k",
        "1.23 M",
        "5 bn",
    ]
    assert [percent(share) for share in (0, 0.00004, 0.0123, 0.5)] == ["0 %", "0.01 %", "1.2 %", "50 %"]
    assert [size(number) for number in (12, 2048, 5 * 2**20, 3 * 2**30)] == ["12 B", "2.0 KiB", "5.0 MiB", "3.0 GiB"]
    assert [duration(seconds) for seconds in (0.2, 80, 600, 9000, 400_000)] == [
        "1 s",
        "80 s",
        "10 min",
        "2.5 h",
        "4.6 days",
    ]
    assert spelt("largestGroupSize") == "largest group size"
    assert visible("naïve 日本 👍") == "naïve 日本 👍"


def test_sentences_stand_on_their_own() -> None:
    said = {
        "no row is longer": "No row is longer.",
        "3 rows are": "3 rows are.",
        "maxLength is 12": "maxLength is 12.",
        "Good.": "Good.",
        "cut…": "Cut…",
        "": "",
        " ": " ",
    }
    assert {text: sentence(text) for text in said} == said
