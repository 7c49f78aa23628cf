"""Every possible SNV of both genomes, against a translation that shares nothing with GAS's."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from annotations.genomics import references
from tests.annotations.genomics.runs import MITO, VIRUS, answers, run, sites

# The standard code by amino acid, and what the vertebrate mitochondrion reads otherwise.
STANDARD = {
    **{"F": "TTT TTC", "L": "TTA TTG CTT CTC CTA CTG", "I": "ATT ATC ATA", "M": "ATG"},
    **{"V": "GTT GTC GTA GTG", "S": "TCT TCC TCA TCG AGT AGC", "P": "CCT CCC CCA CCG"},
    **{"T": "ACT ACC ACA ACG", "A": "GCT GCC GCA GCG", "Y": "TAT TAC", "H": "CAT CAC"},
    **{"Q": "CAA CAG", "N": "AAT AAC", "K": "AAA AAG", "D": "GAT GAC", "E": "GAA GAG"},
    **{"C": "TGT TGC", "W": "TGG", "R": "CGT CGC CGA CGG AGA AGG", "G": "GGT GGC GGA GGG"},
    "*": "TAA TAG TGA",
}
AMINO = {codon: amino for amino, codons in STANDARD.items() for codon in codons.split()}
MITO_AMINO = {**AMINO, "TGA": "W", "ATA": "M", "AGA": "*", "AGG": "*"}
AMINOS = {VIRUS: AMINO, MITO: MITO_AMINO}
FIRSTS = {VIRUS: {"ATG"}, MITO: {"ATG", "ATA", "ATT", "ATC", "GTG"}}
PAIR = {"A": "T", "T": "A", "C": "G", "G": "C", "N": "N"}


def genome(reference: str) -> str:
    text = references.find(reference).sequence.read_text().splitlines()
    return "".join(text[1:])


def gff(reference: str) -> list[list[str]]:
    text = references.find(reference).genes.read_text().splitlines()
    return [line.split("\t") for line in text if not line.startswith("#")]


def messages(reference: str) -> dict[str, tuple[str, list[int]]]:
    """Return each coding transcript's strand and the genome positions it reads, in order."""
    places: dict[str, tuple[str, list[int]]] = {}
    for fields in gff(reference):
        if fields[2] == "CDS":
            name = fields[8].split("Parent=transcript:")[1]
            _, found = places.setdefault(name, (fields[6], []))
            found += range(int(fields[3]), int(fields[4]) + 1)
    return {n: (s, p if s == "+" else p[::-1]) for n, (s, p) in places.items()}


def judge(reference: str, codon: str, new: str, number: int, *, last: bool) -> tuple[str, str]:
    """Return the consequence and the amino-acid change of one codon's change."""
    old_amino, amino = AMINOS[reference][codon], AMINOS[reference][new]
    if number == 1:
        kept = new in FIRSTS[reference]
        return ("start_retained", "1M") if kept else ("start_lost", f"1M>1{amino}")
    change = f"{number}{old_amino}" + ("" if amino == old_amino else f">{number}{amino}")
    if last:
        return ("stop_retained" if amino == "*" else "stop_lost"), change
    if amino == old_amino:
        return "synonymous", change
    return ("stop_gained" if amino == "*" else "missense"), change


def expect(reference: str, bases: str) -> dict[tuple[int, str], Counter[tuple[str, str, str]]]:
    """Return for each position and new base what every transcript and RNA gene must say."""
    expected: dict[tuple[int, str], Counter[tuple[str, str, str]]] = defaultdict(Counter)
    for name, (strand, places) in messages(reference).items():
        read = [bases[p - 1] if strand == "+" else PAIR[bases[p - 1]] for p in places]
        codons = -(-len(read) // 3)
        read += ["A"] * (-len(read) % 3)  # polyadenylation completes the last codon
        for index, place in enumerate(places):
            start = index - index % 3
            for alt in "ACGT":
                new = [*read[start : start + 3]]
                new[index % 3] = alt if strand == "+" else PAIR[alt]
                number = start // 3 + 1
                old = "".join(read[start : start + 3])
                told = judge(reference, old, "".join(new), number, last=number == codons)
                expected[place, alt][name, *told] += 1
    for fields in gff(reference):
        if fields[2] == "transcript":
            name = fields[8].split("Parent=gene:")[1].split(";")[0]
            for place in range(int(fields[3]), int(fields[4]) + 1):
                for alt in "ACGT":
                    expected[place, alt][name, "non_coding", ""] += 1
    return expected


def tell(answer: str) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for entry in answer.split(",") if answer else ():
        fields = entry.split("|")
        name = fields[1] if fields[0] == "non_coding" else fields[2]
        found[name, fields[0], fields[5] if len(fields) > 5 else ""] += 1
    return found


@pytest.mark.parametrize(("reference", "cases"), [(VIRUS, 127_446), (MITO, 34_185)])
def test_every_snv_agrees_with_an_independent_translation(
    tmp_path: Path, reference: str, cases: int
) -> None:
    bases = genome(reference)
    every = [
        (place, base, alt)
        for place, base in enumerate(bases, 1)
        if base != "N"
        for alt in "ACGT"
        if alt != base
    ]
    result = run(tmp_path, sites(reference, *every), reference)
    expected = expect(reference, bases)
    compared, wrong = 0, []
    for (place, base, alt), answer in zip(every, answers(result), strict=True):
        right, said = expected.get((place, alt), Counter()), tell(answer)
        compared += len({name for name, term, _ in right if term != "non_coding"})
        if said != right:
            wrong.append((place, base, alt, answer, right))
    assert wrong == []
    assert compared == cases
