"""The counts of a result that its plots are drawn from."""

import json
from pathlib import Path

from annotations.genomics import summary
from tests.annotations.genomics.runs import VIRUS, head, row, run, sites


def test_qualities_and_filters_are_counted_with_what_is_missing(tmp_path: Path) -> None:
    rests = ("5\tPASS\t.", "10\tq10;sb\t.", "9999\tsb\t.", "-1\tPASS\t.", ".\t.\t.")
    text = head() + "".join(row(23403, "A", "G", rest=rest) for rest in rests)
    counted = run(tmp_path, text).summary
    qualities = dict(zip(counted["qualities"]["from"], counted["qualities"]["counts"], strict=True))
    assert {low: n for low, n in qualities.items() if n} == {0: 2, 10: 1, 1000: 1}
    assert counted["qualities"]["none"] == 1
    assert counted["filters"] == {"PASS": 2, "sb": 2, ".": 1, "q10": 1}
    assert counted["schema"] == summary.SCHEMA


def test_substitutions_add_up_to_transitions_and_transversions(tmp_path: Path) -> None:
    counted = run(tmp_path, sites(VIRUS, (23403, "A", "G"), (23403, "A", "C,T"))).summary
    assert counted["substitutions"] == {"A>C": 1, "A>G": 1, "A>T": 1}
    assert (counted["transitions"], counted["transversions"], counted["ti_tv"]) == (1, 2, 0.5)


def test_indels_are_measured_by_allele_at_any_length(tmp_path: Path) -> None:
    long = "A" + "G" * 5_000
    records = ((21764, "ATACATG", "A"), (23403, "A", "AG,AGG"), (23403, "A", long))
    counted = run(tmp_path, sites(VIRUS, *records)).summary
    assert counted["indel_lengths"] == {"-6": 1, "1": 1, "2": 1, "30": 1}


def test_codons_that_vary_at_several_positions_are_told_of(tmp_path: Path) -> None:
    # N R203K and G204R are often written as three records: 28881 and 28882 are both in codon 203.
    records = ((23403, "A", "G"), (28881, "G", "A"), (28882, "G", "A"), (28883, "G", "C"))
    result = run(tmp_path, sites(VIRUS, *records))
    assert result.summary["shared_codons"] == {
        "codons": 1,
        "first": [{"gene": "N", "codon": 203}],
    }
    assert "the first N 203. Each record" in result.files["log.txt"].read_text()


def test_alleles_of_one_position_share_no_codon(tmp_path: Path) -> None:
    records = ((23403, "A", "G"), (23403, "A", "C"), (23404, "TG", "T"))
    result = run(tmp_path, sites(VIRUS, *records))
    assert result.summary["shared_codons"] == {"codons": 0, "first": []}
    assert "Codons" not in result.files["log.txt"].read_text()


def test_every_record_is_in_one_bin_of_the_density(tmp_path: Path) -> None:
    result = run(tmp_path, sites(VIRUS, (1, "A", "G"), (23403, "A", "G"), (29903, "A", "G")))
    (contig,) = result.summary["density"]["contigs"]
    width = result.summary["density"]["width"]
    hit = [place for place, count in enumerate(contig["counts"]) if count]
    assert hit == [0, 23402 // width, 29902 // width]
    assert len(contig["counts"]) == -(-29903 // width) <= summary.BINS
    assert json.loads(result.files["summary.json"].read_text()) == result.summary
