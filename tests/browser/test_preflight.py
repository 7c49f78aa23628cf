"""What the upload page says of a file before a byte is sent: what the annotator says, and why."""

import base64
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Page, expect

from accounts.models import User
from annotations.genomics import references
from annotations.genomics.examples import BROKEN, EXAMPLES
from annotations.genomics.findings import Finding, Rejected
from annotations.genomics.limits import Limits
from annotations.genomics.order import Unsorted
from annotations.genomics.preflight import Preflight
from annotations.genomics.proposal import Proposal, propose
from tests.annotations.genomics import fuzz
from tests.annotations.genomics.runs import MITO, VIRUS, head, row
from tests.annotations.genomics.test_preflight import GOOD, MENDED, NOT_VCF, RECORDS, bgzip
from tests.annotations.genomics.test_proposal import HEADERS
from tests.browser.conftest import PHONE, Opener
from tests.browser.test_journey import drop_file
from tests.browser.test_pages import let_in, sideways
from tests.people import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BEYOND = frozenset({"ref-mismatch", "odd-name", "trailing-data", "undeclared-keys"})
"""What the page does not look for, or can't know."""
LOOK = """
async ([files, chosen, more]) => {
  const { look } = await import("/static/annotations/preflight.js");
  const { references, rules } = JSON.parse(document.getElementById("hints").textContent);
  const told = [];
  for (const data of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const seen = await look(new File([bytes], "any"), { ...rules, ...more }, references);
    told.push({ ...seen.examine(chosen), proposal: seen.proposal });
  }
  return told;
}
"""


@pytest.fixture
def owner(served: str) -> User:
    return sign_up("owner@gas.invalid")


@pytest.fixture
def upload(open_page: Opener, owner: User, served: str) -> Page:
    """The upload page."""
    page = open_page()
    let_in(page.context, owner, served)
    page.goto("/jobs/new/")
    return page


def seen(
    page: Page, files: Iterable[bytes], chosen: str = VIRUS, **rules: int
) -> list[dict[str, Any]]:
    """Return what the page's script says of files."""
    data = [base64.b64encode(file).decode() for file in files]
    told: list[dict[str, Any]] = page.evaluate(LOOK, [data, chosen, rules])
    return told


def found(
    path: Path, unsorted: Unsorted | None = None, *, beyond: frozenset[str] = BEYOND
) -> list[dict[str, Any]]:
    """Return what preflight finds, but for notes and what the page does not look for."""
    reading = Preflight(
        path,
        references.find(VIRUS),
        limits=Limits(),
        told=lambda _: None,
        unsorted=unsorted,
    )
    findings: Iterable[Finding] = reading.findings
    try:
        for _ in reading.blocks():
            pass
    except Unsorted as late:
        return found(path, late, beyond=beyond)
    except Rejected as rejected:
        findings = rejected.findings
    return [f.as_dict() for f in findings if f.severity != "note" and f.code not in beyond]


def corpus(folder: Path) -> dict[str, bytes]:
    """Return every small bad file, and more that is compressed."""
    long = (head() + row(241, "C", "T") * 3_000).encode()
    whole, blocks = gzip.compress(long), bgzip(long, folder)
    packed = {
        "whole gzip": whole,
        "gzip cut": whole[:-20],
        "gzip without its checksum": whole[:-9],
        "whole bgzip": blocks,
        "bgzip without its marker": blocks[:-28],
        "bgzip cut in a block": blocks[:-40],
        "bgzip cut in a line": bgzip(long[:-3], folder)[:-28],
        "bgzip damaged": blocks[:-60] + bytes(8) + blocks[-52:],
        "no gzip": b"\x1f\x8b\x08junk",
        "broken": BROKEN.path.read_bytes(),
        **{example.id: example.path.read_bytes() for example in EXAMPLES},
    }
    odd = {
        "a reversed name": (head() + row(1, "C", "T", chrom="\u202eabc")).encode(),
        "many strangers": head().encode()
        + b"".join(b"c%d\t1\t.\tA\tC\t.\t.\t.\n" % i for i in range(9)),
        "many blank lines": GOOD.encode() + b"\n" * 10_002,
        "a crowd": head().encode() + row(241, "C", "T").encode() * 20_001,
        "a hundred errors": head().encode() + row(0, "C", "T").encode() * 200,
        "hg19's mitochondrion": (head(MITO).replace("16569", "16571") + row(1, "G", "A")).encode(),
        "a contig of an absurd length": GOOD.replace("29903", "9" * 30).encode(),
    }
    bad = {name: (GOOD + text).encode() for name, (text, _) in RECORDS.items()}
    told = {name: data for name, (data, *_) in (NOT_VCF | MENDED).items()}
    return {**told, **bad, **packed, **odd}


def test_the_page_says_what_the_annotator_says(upload: Page, tmp_path: Path) -> None:
    files = corpus(tmp_path)
    told = dict(zip(files, seen(upload, files.values()), strict=True))
    path = tmp_path / "input"
    for name, data in files.items():
        path.write_bytes(data)
        findings = told[name]["findings"]
        if "ref mismatch" in name:  # the page takes REF for right, so the record is out of order
            findings = [one for one in findings if one["code"] != "unsorted"]
        assert findings == found(path), name
    assert len(files) > 90


def strange(count: int) -> list[bytes]:
    """Return files that a grammar of VCF made, bent and packed; the same ones each time."""
    made: list[bytes] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzz.files())
    def make(data: bytes) -> None:
        made.append(data)

    make()
    return made


def test_strange_files_are_judged_alike(upload: Page, tmp_path: Path) -> None:
    files = strange(100)
    path, compared = tmp_path / "input", 0
    for data, told in zip(files, seen(upload, files), strict=True):
        path.write_bytes(data)
        expected = found(path, beyond=frozenset())
        if BEYOND.isdisjoint(one["code"] for one in expected):
            compared += 1
            # Not the text: what can be printed is another thing in another version of Unicode.
            assert [(one["code"], one["line"]) for one in told["findings"]] == [
                (one["code"], one["line"]) for one in expected
            ], data
    assert compared > 75


def test_of_a_longer_file_the_page_says_what_its_beginning_shows(
    upload: Page, tmp_path: Path
) -> None:
    lines = (head() + row(241, "C", "T") * 100 + row(0, "C", "T") + row(9, "C", "T") * 900).encode()
    long = head().encode() + row(241, "C", "T").encode() * 900
    for data in (lines, gzip.compress(lines), bgzip(lines, tmp_path)):
        (plain,) = seen(upload, [data], first=4_000)
        assert [(f["code"], f["line"]) for f in plain["findings"]] == [("pos-range", 104)]
        assert not plain["whole"]
    told = seen(upload, [long, gzip.compress(long), bgzip(long, tmp_path)], first=4_000)
    assert [(one["findings"], one["failed"]) for one in told] == [([], False)] * 3


def test_without_a_reference_only_the_form_of_lines_is_judged(upload: Page) -> None:
    bad = [(GOOD + text).encode() for text, _ in RECORDS.values()]
    codes = {f["code"] for one in seen(upload, bad, chosen="") for f in one["findings"]}
    assert codes == {"spaces", "few-columns", "truncated-text"}


def test_both_rules_propose_the_same_reference_for_the_same_reason(upload: Page) -> None:
    told = [one["proposal"] for one in seen(upload, HEADERS)]
    expected = [propose(text, bases=False) for text in HEADERS]
    assert [Proposal(**one) for one in told] == expected
    assert {one.reference for one in expected} == {VIRUS, MITO, None}
    assert len(upload.locator("#hints").inner_text()) < 40_000


def test_the_reference_is_proposed_with_the_reason_and_a_choice_stays(upload: Page) -> None:
    drop_file(upload, "mt.vcf", EXAMPLES[1].path.read_text())
    expect(upload.locator("#proposed")).to_contain_text("The header declares the contig chrM")
    expect(upload.locator("[name=reference]")).to_have_value(MITO)
    expect(upload.locator("#seen-title")).to_have_text("Nothing is wrong so far")
    upload.select_option("[name=reference]", VIRUS)
    expect(upload.locator("#seen-rows")).to_contain_text("No record is on a sequence of SARS-CoV-2")
    expect(upload.get_by_role("button", name="Send it anyway")).to_be_enabled()
    upload.select_option("[name=reference]", MITO)
    expect(upload.get_by_role("button", name="Annotate")).to_be_enabled()


def test_findings_stand_on_the_page_before_a_byte_is_sent(
    open_page: Opener, complaints: list[str], owner: User, served: str
) -> None:
    page = open_page(viewport=PHONE)
    let_in(page.context, owner, served)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    drop_file(page, "broken.vcf", BROKEN.path.read_text())
    expect(page.locator("#seen-title")).to_have_text("This file can’t be annotated")
    expect(page.locator("#seen-rows")).to_contain_text("The line has 5 columns")
    expect(page.get_by_role("button", name="Annotate")).to_be_disabled()
    assert sideways(page) <= 0
    assert "POST" not in sent
    assert complaints == []


def test_a_file_that_another_reference_might_fit_can_be_sent_anyway(upload: Page) -> None:
    drop_file(upload, "far.vcf", head() + row(30_000, "A", "G"))
    expect(upload.locator("#seen-rows")).to_contain_text("not all inside NC_045512.2")
    upload.get_by_role("button", name="Send it anyway").click()
    expect(upload.locator(".banner-title")).to_have_text("Waiting for an annotator")


def test_a_browser_that_cannot_look_sends_the_file(upload: Page) -> None:
    upload.evaluate("delete window.DecompressionStream")
    upload.set_input_files(
        "#file",
        {
            "name": "a.vcf.gz",
            "mimeType": "",
            "buffer": gzip.compress(EXAMPLES[0].path.read_bytes()),
        },
    )
    upload.select_option("[name=reference]", VIRUS)
    expect(upload.locator("#seen")).to_be_hidden()
    upload.get_by_role("button", name="Annotate").click()
    expect(upload.locator(".banner-title")).to_have_text("Waiting for an annotator")
