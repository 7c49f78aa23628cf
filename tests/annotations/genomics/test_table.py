"""The table of a result: pages and counts, and nothing outside its folder."""

from pathlib import Path

import duckdb
import pytest

from annotations.genomics import table
from annotations.genomics.examples import EXAMPLES
from tests.annotations.genomics.runs import VIRUS, head, row, run, sites


def test_pages_come_in_the_order_of_the_file_with_the_count(tmp_path: Path) -> None:
    result = run(tmp_path, EXAMPLES[0].path.read_bytes())
    parquet = result.files["variants.parquet"]
    first, second = table.page(parquet, size=50), table.page(parquet, after=49, size=50)
    assert first.count == second.count == result.records
    assert len(first.rows) == 50
    assert [r["idx"] for r in first.rows + second.rows] == [*range(result.records)]
    assert table.page(parquet, after=10_000).rows == []
    shown = [name for name in first.rows[0] if name not in ("chrom", "pos", "id", "ref", "alt")]
    assert shown == [
        *("idx", "qual", "filter", "consequence", "impact"),
        *("gene", "transcript", "aa_change", "dna_change", "consequences"),
    ]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's; a\nfolder"
    folder.mkdir()
    result = run(folder, sites(VIRUS, (23403, "A", "G")))
    assert table.page(result.files["variants.parquet"]).count == 1


def test_text_that_looks_like_csv_stays_as_it_is(tmp_path: Path) -> None:
    name = '"a","b" \\N é'
    text = sites(VIRUS, (23403, "A", "G")).replace("\t.\tA\tG", f"\t{name}\tA\tG")
    assert run(tmp_path, text).preview[0]["id"] == name


def test_long_alleles_are_cut_in_the_table_alone(tmp_path: Path) -> None:
    result = run(tmp_path, sites(VIRUS, (23403, "A", "A" + "G" * 5_000)))
    assert result.preview[0]["alt"].endswith("… (5,001 characters)")


def test_rows_too_wide_for_their_share_of_memory_get_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for share in ("80MB", "2MB"):
        monkeypatch.setattr(table, "SHARED", share)
        files = run(tmp_path, sites(VIRUS, (241, "C", "T"), (23403, "A", "G"))).files
        made.append([files[name].read_bytes() for name in (table.VARIANTS, table.CONSEQUENCES)])
    assert made[0] == made[1]


def test_the_connection_reads_its_folder_alone_and_cannot_be_unlocked(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "inside-too"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text("a\n1\n")
    with table.connect(inside) as connection:
        for query in (
            f"SELECT * FROM read_csv('{outside}/secret.csv')",
            f"SELECT * FROM read_csv('{inside}/../inside-too/secret.csv')",
            "SELECT * FROM read_text('/etc/hostname')",
            f"COPY (SELECT 1) TO '{outside}/made.csv'",
            "SET enable_external_access = true",
            "SET memory_limit = '8GB'",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query)


def test_a_quality_is_a_finite_number_or_nothing(tmp_path: Path) -> None:
    written = ["12.50", "3", "1e-3", ".", "nan", "inf", "1e999"]
    text = head() + "".join(row(23403, "A", "G", rest=f"{qual}\t.\t.") for qual in written)
    found = [r["qual"] for r in run(tmp_path, text).preview]
    assert found == [12.5, 3.0, 0.001, None, None, None, None]
