"""Reading a result in a browser: filters, pages, one variant, exports; and who may, and when."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from annotations import results, storage
from annotations.genomics.examples import EXAMPLES
from annotations.states import Job
from deploy.local.run import LocalCloud
from tests.annotations.genomics.runs import run
from tests.core import hot
from tests.people import archived, text

if TYPE_CHECKING:
    from pytest_django import Settings

FEW = {"gene": "S", "impact": "HIGH"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an annotator leaves of the example, by name."""
    folder = tmp_path_factory.mktemp("annotated")
    result = run(folder, EXAMPLES[0].path.read_bytes())
    return {name: path.read_bytes() for name, path in result.files.items()}


@pytest.fixture
def data(settings: "Settings", tmp_path: Path) -> Path:
    """A data folder of this test's own."""
    settings.GAS_DATA = tmp_path / "data"
    return tmp_path / "data"


def browsed(owner: User, files: dict[str, bytes], **facts: Any) -> Job:
    """Return a job with the whole result of the example."""
    job = hot(str(owner.pk), files[storage.RESULT], variants=89, **facts)
    assert job.attempt is not None
    for name, body in files.items():
        storage.put(storage.inside(job.attempt.locator, name), body)
    return job


@pytest.fixture
def job(owner: User, data: Path, files: dict[str, bytes]) -> Job:
    return browsed(owner, files)


def asked(page: Client, job: Job, name: str = "variants", **query: Any) -> Any:
    return page.get(reverse(name, args=[job.job_id]), query)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_codons_that_vary_at_several_positions_are_listed(
    page: Client, job: Job, files: dict[str, bytes]
) -> None:
    html = text(asked(page, job, "job"))
    shared = json.loads(files[storage.SUMMARY])["shared_codons"]
    first = shared["first"][0]
    assert f"{shared['codons']} codons vary at more than one position" in html
    assert f"{first['gene']} {first['codon']}, " in html


def test_skipped_records_are_listed_with_their_sequences(
    owner: User, page: Client, data: Path, files: dict[str, bytes]
) -> None:
    summary = json.loads(files[storage.SUMMARY])
    skipped = {"skipped": 3, "read": 92, "skipped_contigs": {"chr7": 2, "<MT>": 1}}
    summary["records"] |= skipped
    job = browsed(owner, files | {storage.SUMMARY: json.dumps(summary).encode()})
    html = text(asked(page, job, "job"))
    assert "3 of 92 records were skipped" in html
    assert "chr7: 2" in html
    assert "&lt;MT&gt;: 1" in html


# --- the table ---------------------------------------------------------------------------------


def test_all_variants_come_in_pages_with_their_count(page: Client, job: Job) -> None:
    first = asked(page, job)
    assert '<span class="tabular">89</span> variants' in text(first)
    assert len(first.context["page"].rows) == 50
    second = asked(page, job, after=first.context["page"].after)
    assert [row["idx"] for row in second.context["page"].rows] == [*range(50, 89)]
    assert "before=50" in text(second)


def test_a_filter_shows_its_chips_and_how_many_pass(page: Client, job: Job) -> None:
    answer = asked(page, job, gene="s", impact=["MODERATE", "HIGH"], qual_from="")
    html = text(answer)
    assert {row["gene"] for row in answer.context["page"].rows} == {"S"}
    assert f'<span class="tabular">{answer.context["page"].count}</span> of 89' in html
    chips = {chip.label: chip.query for chip in answer.context["chips"]}
    assert chips["impact high"] == "impact=MODERATE&gene=s"
    assert "Remove: </span>gene s" in html


def test_a_gene_is_found_in_every_consequence_unless_only_the_severest_counts(
    page: Client, job: Job
) -> None:
    every = asked(page, job, gene="ORF1ab").context["page"].count
    severe = asked(page, job, gene="ORF1ab", severe="1").context["page"].count
    assert (every, severe) == (14, 6)


def test_the_form_keeps_what_was_asked(page: Client, job: Job) -> None:
    html = text(asked(page, job, region="NC_045512.2:1-23000", impact="LOW", sort="impact"))
    assert 'value="NC_045512.2:1-23000"' in html
    assert 'value="LOW" checked' in html
    assert 'value="impact" selected' in html


def test_htmx_gets_the_table_and_an_address_to_keep(page: Client, job: Job) -> None:
    url = reverse("variants", args=[job.job_id])
    part = page.get(url, {**FEW, "text": ""}, headers={"HX-Request": "true"})
    assert "<html" not in text(part)
    assert part["HX-Push-Url"] == f"{url}?impact=HIGH&gene=S"
    back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in text(page.get(url, FEW, headers=back))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"qual_from": "high"}, "“high” is not a number"),
        ({"region": "chr1:9-1"}, "the end is not before them"),
        ({"impact": "<b>"}, "There is no impact “&lt;b&gt;”"),
    ],
)
def test_a_bad_filter_says_what_is_wrong_and_shows_nothing(
    page: Client, job: Job, query: dict[str, str], says: str
) -> None:
    answer = asked(page, job, **query)
    assert answer.status_code == 400
    assert says in text(answer)
    assert "page" not in answer.context
    sent = page.get(reverse("export", args=[job.job_id]), {**query, "format": "tsv"}, follow=True)
    assert says in text(sent)


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "999999999"}, {"sort": "size"}, {"before": "-1"}]
)
def test_a_place_that_is_none_is_no_fault(page: Client, job: Job, query: dict[str, str]) -> None:
    assert asked(page, job, **query).status_code == 200


def test_a_sorted_page_after_nothing_is_the_first(page: Client, job: Job) -> None:
    answer = asked(page, job, sort="impact", after="99999")
    assert answer.context["page"].rows[0]["impact"] == "HIGH"


def test_a_filter_that_nothing_passes_offers_the_way_back(page: Client, job: Job) -> None:
    assert "No variant passes this filter" in text(asked(page, job, gene="none"))


# --- one variant -------------------------------------------------------------------------------


def test_a_variant_has_its_consequences_and_its_neighbours(page: Client, job: Job) -> None:
    listed = asked(page, job, gene="ORF1ab").context["page"].rows
    html = text(asked(page, job, "variant", gene="ORF1ab", idx=listed[1]["idx"]))
    assert "2 of 14" in html
    assert f"?idx={listed[0]['idx']}&amp;gene=ORF1ab" in html
    assert f"?idx={listed[2]['idx']}&amp;gene=ORF1ab" in html
    assert html.count('data-label="Transcript"') == listed[1]["consequences"] == 2


@pytest.mark.parametrize("idx", ["", "x", "-1", "89", "9999999999"])
def test_a_variant_that_is_none_is_not_found(page: Client, job: Job, idx: str) -> None:
    assert asked(page, job, "variant", idx=idx).status_code == 404


# --- exports -----------------------------------------------------------------------------------


def test_exports_hold_exactly_the_rows_of_the_filter(page: Client, job: Job) -> None:
    expected = asked(page, job, gene="ORF1ab").context["page"]
    tsv = asked(page, job, "export", gene="ORF1ab", format="tsv")
    lines = body(tsv).decode().splitlines()
    assert [int(line.split("\t")[0]) for line in lines[1:]] == [r["idx"] for r in expected.rows]
    assert tsv["Content-Disposition"] == 'attachment; filename="patient.filtered.annotated.tsv"'
    vcf = asked(page, job, "export", gene="ORF1ab", format="vcf", sort="impact")
    records = gzip.decompress(body(vcf)).decode().splitlines()
    assert "##GAS_filter=gene=ORF1ab" in records
    found = [int(line.split("\t")[1]) for line in records if line[0] != "#"]
    assert found == [row["pos"] for row in expected.rows]


def test_an_export_without_a_filter_has_all(page: Client, job: Job) -> None:
    answer = asked(page, job, "export", format="tsv")
    assert body(answer).count(b"\n") == 90
    assert answer["Content-Disposition"] == 'attachment; filename="patient.annotated.tsv"'


def test_a_format_that_is_none_is_not_found(page: Client, job: Job) -> None:
    assert asked(page, job, "export", format="xlsx").status_code == 404


# --- who, and when -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["variants", "variant", "export"])
def test_another_persons_result_is_not_found(stranger: Client, job: Job, name: str) -> None:
    assert asked(stranger, job, name, idx=0, format="tsv").status_code == 404


def test_an_archived_result_keeps_its_preview_and_says_why_the_rest_is_off(
    owner: User, page: Client, data: Path, files: dict[str, bytes]
) -> None:
    job = browsed(owner, files, copy=archived("an-archive"), state="COLD")
    html = text(asked(page, job))
    assert "This result is archived" in html
    assert html.count("disabled>") == 4
    assert "D614G" in html
    assert reverse("export", args=[job.job_id]) not in html
    for name in ("variant", "export"):
        url = reverse(name, args=[job.job_id])
        sent = page.get(url, {"idx": "0", "format": "vcf"}, follow=True)
        assert "This result is archived" in text(sent)


def test_a_result_without_a_table_says_so(owner: User, page: Client, data: Path) -> None:
    html = text(asked(page, hot(str(owner.pk), b"null")))
    assert "no table to browse" in html


def test_a_job_shows_plots_with_their_tables_and_how_it_was_done(page: Client, job: Job) -> None:
    html = text(page.get(reverse("job", args=[job.job_id])))
    assert html.count('<svg class="plot"') == 6
    assert html.count("As a table") == 6
    assert "bcftools csq 1.24" in html
    assert "10.1093/bioinformatics/btx100" in html
    assert "style=" not in html


# --- copies on this machine --------------------------------------------------------------------


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files that were downloaded."""
    seen: list[str] = []
    fetch = storage.fetch

    def noted(locator: Any, path: Path, **options: Any) -> None:
        seen.append(path.name)
        fetch(locator, path, **options)

    monkeypatch.setattr(storage, "fetch", noted)
    return iter([seen])


def test_a_table_is_downloaded_once(page: Client, job: Job, fetched: Iterator[list[str]]) -> None:
    for _ in range(3):
        asked(page, job, **FEW)
    assert sorted(next(fetched)) == ["consequences.parquet", "variants.parquet"]


def test_copies_beyond_the_limit_leave_the_oldest_first(
    owner: User, page: Client, data: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(len(files[name]) for name in results.FILES)
    monkeypatch.setattr(results, "MOST_BYTES", int(2.5 * size))
    made = [browsed(owner, files) for _ in range(4)]
    for job in made:
        asked(page, job)
    kept = [*(data / "cache" / "results").iterdir()]
    assert {results.table_of(job).parent for job in made[2:]} == set(kept)


def test_a_copy_that_goes_under_a_query_is_fetched_again(page: Client, job: Job) -> None:
    path = results.table_of(job)
    path.unlink()
    assert asked(page, job).context["page"].count == 89


def test_a_deleted_result_leaves_no_copy(
    page: Client, job: Job, data: Path, site: LocalCloud
) -> None:
    asked(page, job)
    page.post(reverse("delete", args=[job.job_id]))
    assert [*(data / "cache" / "results").iterdir()] == []
