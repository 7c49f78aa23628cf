"""The embedded references are what they say, and can be built again to the byte."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from annotations.genomics import reference_build, references

EMBEDDED = sorted(references.embedded())


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_reference_is_sound(name: str) -> None:
    assert references.check(references.find(name)) == []


def test_the_sequences_are_the_published_ones() -> None:
    digests = {}
    for reference in references.embedded().values():
        bases = b"".join(references.read_sequences(reference.sequence).values())
        digest = hashlib.md5(bases, usedforsecurity=False).hexdigest()
        digests[reference.accession] = (len(bases), digest)
    assert digests == {
        "NC_045512.2": (29903, "105c82802b67521950854a851fc6eefd"),
        "NC_012920.1": (16569, "c68f52674c9fb33aef52dcf399755519"),
    }


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_reference_built_from_its_sequence_is_the_same_to_the_byte(
    tmp_path: Path, name: str
) -> None:
    shipped = references.find(name)
    recipe = reference_build.RECIPES[name]
    built = reference_build.build(recipe, fasta=shipped.sequence, folder=tmp_path)
    for path in sorted(shipped.folder.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert built.checksum == shipped.checksum


def test_another_sequence_is_not_built(tmp_path: Path) -> None:
    fasta = tmp_path / "other.fa"
    fasta.write_text(">NC_045512.2\nACGT\n")
    recipe = reference_build.RECIPES["sars-cov-2"]
    with pytest.raises(ValueError, match="MD5"):
        reference_build.build(recipe, fasta=fasta, folder=tmp_path)


def _copy(folder: Path) -> references.Reference:
    shutil.copytree(references.find("sars-cov-2").folder, folder)
    return references.load(folder)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    copy = _copy(tmp_path / "copy")
    copy.genes.write_text(copy.genes.read_text().replace("21563", "21564"))
    assert references.check(copy) == [
        "genes.gff3 is not the file that was built: its SHA-256 differs"
    ]
    copy.genes.unlink()
    assert references.check(copy) == ["genes.gff3 is missing"]


def test_a_gene_that_does_not_translate_is_noticed(tmp_path: Path) -> None:
    copy = _copy(tmp_path / "copy")
    copy.genes.write_text(copy.genes.read_text().replace("21563\t25384", "21564\t25384"))
    digest = hashlib.sha256(copy.genes.read_bytes()).hexdigest()
    edited = dataclasses.replace(copy, files={**copy.files, "genes.gff3": digest})
    problems = references.check(edited)
    assert any(problem.startswith("S (YP_009724390.1) starts with TGT") for problem in problems)


def test_a_card_of_another_schema_is_refused(tmp_path: Path) -> None:
    copy = _copy(tmp_path / "copy")
    card = json.loads((copy.folder / "reference.json").read_text())
    (copy.folder / "reference.json").write_text(json.dumps({**card, "schema": 99}))
    with pytest.raises(ValueError, match="format"):
        references.load(copy.folder)


def test_every_gene_of_the_mitochondrion_is_there() -> None:
    rows = references.find("human-mt").genes.read_text().splitlines()
    biotypes = [row.rsplit("biotype=", 1)[1] for row in rows if "\tgene\t" in row]
    counts = {name: biotypes.count(name) for name in set(biotypes)}
    assert counts == {"protein_coding": 13, "Mt_tRNA": 22, "Mt_rRNA": 2}


def test_names_lead_to_their_contig_and_never_to_two() -> None:
    known = [name for r in references.embedded().values() for name in r.names()]
    assert len(known) == len(set(known))
    assert references.find("human-mt").names()["chrM"].name == "NC_012920.1"
    assert references.find("sars-cov-2").names()["MN908947.3"].length == 29903
