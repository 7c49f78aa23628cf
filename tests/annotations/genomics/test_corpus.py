"""A corpus made by hand on the toy genome: an answer for every class, with how it follows.

See `toy` for the message. The answer is that of the leading consequences: terms, gene and change.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotations.genomics import codes
from annotations.genomics.references import Reference
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import annotate_text, answers

COLUMNS = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
P = "|FWD|FWD-1|protein_coding"
M = "|MITO|NP_1.1|protein_coding|+|"

# (contig, position, REF, ALT): the whole value of BCSQ; how it follows stands above each case.
CORPUS: dict[str, tuple[tuple[str, int, str, str], str]] = {
    # Before the first exon (101) there is nothing.
    "intergenic": (("1", 50, "A", "G"), ""),
    # 101-120 is transcribed and comes before the start at 121.
    "5' UTR": (("1", 110, "G", "T"), f"5_prime_utr{P}"),
    # The stop ends at 436, the exon at 460.
    "3' UTR": (("1", 450, "G", "T"), f"3_prime_utr{P}"),
    # 121 is the A of ATG: GTG is V, and no start in code 1.
    "start lost": (("1", 121, "A", "G"), f"start_lost{P}|+|1M>1V|121A>G"),
    "start lost at its third base": (("1", 123, "G", "A"), f"start_lost{P}|+|1M>1I|123G>A"),
    # The A of ATG goes, so that no start is left: no amino acids are told.
    "start deleted": (("1", 120, "TA", "T"), f"start_lost{P}|+"),
    "start cut short": (("1", 121, "ATG", "A"), f"start_lost{P}|+"),
    # Codon 2 is 124-126, GCT: GAT is D.
    "missense": (("1", 125, "C", "A"), f"missense{P}|+|2A>2D|125C>A"),
    # GCC is A as well.
    "synonymous": (("1", 126, "T", "C"), f"synonymous{P}|+|2A|126T>C"),
    # Codon 4 is 130-132, TGG: TGA stops.
    "stop gained": (("1", 132, "G", "A"), f"stop_gained{P}|+|4W>4*|132G>A"),
    # Both bases lie in codon 2: GAA is E, where each change alone would say D or A.
    "two bases in a codon": (("1", 125, "CT", "AA"), f"missense{P}|+|2A>2E|125CT>AA"),
    # The last base of codon 2 (GCA, still A) and the first of codon 3 (CAA, Q).
    "two bases in two codons": (("1", 126, "TG", "AC"), f"missense{P}|+|2AE>2AQ|126TG>AC"),
    # CTG of codon 8 (142-144) loses its T: CGG is R, and all behind it is shifted.
    "frameshift by a deletion": (
        ("1", 142, "CT", "C"),
        f"frameshift{P}|+|8L..42>8R..42|142CT>C",
    ),
    # CAT is H; the new frame stops at codon 21.
    "frameshift by an insertion": (
        ("1", 142, "C", "CA"),
        f"frameshift{P}|+|8L..42>8H..21|142C>CA",
    ),
    # Six bases become one: five are missing, and five is no multiple of three. G, T, G: V.
    "frameshift by both": (
        ("1", 128, "AATGGC", "T"),
        f"frameshift{P}|+|3E..42>3V..19|128AATGGC>T",
    ),
    # T of codon 12 (GAT) becomes GGCA: GAG GCA, so E A for D.
    "inframe insertion": (
        ("1", 256, "T", "GGCA"),
        f"inframe_insertion{P}|+|12DH>12EAH|256T>GGCA",
    ),
    # The three bases of codon 14 (TTC, 260-262) go.
    "inframe deletion": (
        ("1", 259, "TTTC", "T"),
        f"inframe_deletion{P}|+|13HF>13H|259TTTC>T",
    ),
    # TTC ATC, whose TTCAT becomes TC: TCC is S.
    "inframe deletion that joins two codons": (
        ("1", 260, "TTCAT", "TC"),
        f"inframe_deletion{P}|+|14FI>14S|260TTCAT>TC",
    ),
    # GAC TAA: three bases more, and they are a stop.
    "stop by an insertion": (
        ("1", 256, "T", "CTAA"),
        f"stop_gained&inframe_insertion{P}|+|12DH>12D*|256T>CTAA",
    ),
    # The stop is TAA at 434-436: CAA is Q.
    "stop lost": (("1", 434, "T", "C"), f"stop_lost{P}|+|42*>42Q|434T>C"),
    # TGA stops as well.
    "stop retained": (("1", 435, "A", "G"), f"stop_retained{P}|+|42*|435A>G"),
    # TGG TAA becomes TGT GCA TAA: C A and the stop.
    "inframe insertion before the stop": (
        ("1", 433, "G", "TGCA"),
        f"inframe_insertion{P}|+|41W*>41CA*|433G>TGCA",
    ),
    # TAA goes, and what follows is read on.
    "stop deleted": (("1", 433, "GTAA", "G"), f"stop_lost&inframe_deletion{P}|+"),
    # Introns begin with GT (152, 153) and end with AG (250, 251).
    "splice donor, first base": (("1", 152, "G", "A"), f"splice_donor{P}"),
    "splice donor, second base": (("1", 153, "T", "C"), f"splice_donor{P}"),
    "splice donor of the second intron": (("1", 311, "G", "T"), f"splice_donor{P}"),
    "splice acceptor, first base": (("1", 250, "A", "T"), f"splice_acceptor{P}"),
    "splice acceptor, second base": (("1", 251, "G", "A"), f"splice_acceptor{P}"),
    # The border of exon and intron itself goes.
    "splice donor deleted": (("1", 150, "AGGT", "A"), f"splice_donor{P}"),
    # Bases 3 to 8 of an intron, from either end.
    "splice region, donor's side": (("1", 156, "T", "G"), f"splice_region{P}"),
    "splice region, acceptor's side": (("1", 247, "G", "T"), f"splice_region{P}"),
    # Far from both ends.
    "intron": (("1", 200, "A", "C"), "intron|FWD||protein_coding"),
    # Codon 11 is split: G at 151, GC at 252 and 253. AGC is S, GAC is D; both bases are also
    # within three of an exon's end.
    "split codon, first base": (
        ("1", 151, "G", "A"),
        f"splice_region{P},missense{P}|+|11G>11S|151G>A",
    ),
    "split codon, second base": (
        ("1", 252, "G", "A"),
        f"splice_region{P},missense{P}|+|11G>11D|252G>A",
    ),
    # Codon 30 (GAC, 308-310) is the last of the second exon: GGC is G.
    "missense at an exon's end": (
        ("1", 309, "A", "G"),
        f"splice_region{P},missense{P}|+|30D>30G|309A>G",
    ),
    # No protein: csq names the gene, in its exons and in its introns alike.
    "non-coding exon": (("1", 1010, "A", "C"), "non_coding|NC||lncRNA"),
    "non-coding intron": (("1", 1075, "C", "A"), "non_coding|NC||lncRNA"),
    # Code 2: ATA and GTG start too; TGA is W (and so is TGG), ATA is M, AGA and AGG stop.
    "start retained, ATA": (("MT", 23, "G", "A"), f"start_retained{M}1M|23G>A"),
    "start retained, GTG": (("MT", 21, "A", "G"), f"start_retained{M}1M|21A>G"),
    "start lost in code 2": (("MT", 21, "A", "C"), f"start_lost{M}1M>1L|21A>C"),
    "TGA is an amino acid": (("MT", 26, "A", "G"), f"synonymous{M}2W|26A>G"),
    "TGA to CGA": (("MT", 24, "T", "C"), f"missense{M}2W>2R|24T>C"),
    "ATA is methionine": (("MT", 29, "A", "G"), f"synonymous{M}3M|29A>G"),
    "AGG stops": (("MT", 33, "A", "C"), f"stop_lost{M}5*>5R|33A>C"),
    "AGA stops": (("MT", 35, "G", "A"), f"stop_retained{M}5*|35G>A"),
    "AGT does not": (("MT", 35, "G", "T"), f"stop_lost{M}5*>5S|35G>T"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return toy.make(tmp_path_factory.mktemp("toy"))


def ask(folder: Path, reference: Reference, sites: list[tuple[str, int, str, str]]) -> list[str]:
    """Return BCSQ for each site, in the order given."""
    order = sorted(range(len(sites)), key=lambda i: (sites[i][0], sites[i][1], i))
    rows = ("{}\t{}\t.\t{}\t{}\t.\t.\t.\n".format(*sites[i]) for i in order)
    told = answers(annotate_text(folder, COLUMNS + "".join(rows), reference))
    return [answer for _, answer in sorted(zip(order, told, strict=True))]


@pytest.fixture(scope="module")
def told(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    sites = [site for site, _ in CORPUS.values()]
    return dict(zip(CORPUS, ask(tmp_path_factory.mktemp("run"), reference, sites), strict=True))


@pytest.mark.parametrize("name", CORPUS)
def test_each_class_has_the_answer_that_follows_by_hand(told: dict[str, str], name: str) -> None:
    assert told[name] == CORPUS[name][1]


def test_the_same_message_on_the_other_strand_has_the_same_answers(
    tmp_path: Path, reference: Reference
) -> None:
    forward = [
        (site, answer)
        for site, answer in CORPUS.values()
        if site[0] == "1" and len(site[2]) == len(site[3]) and "FWD" in answer
    ]
    mirrored = []
    for (_, pos, ref, alt), answer in forward:
        first = toy.mirror(pos + len(ref) - 1)
        bases = (codes.reverse_complement(ref), codes.reverse_complement(alt))
        dna = answer.rpartition("|")[2].rstrip("+")
        told = answer.replace("FWD", "REV").replace("|+|", "|-|")
        if ">" in dna:
            told = told.replace(dna, f"{first}{bases[0]}>{bases[1]}")
        mirrored.append((("1", first, *bases), told))
    assert len(mirrored) > 20
    assert ask(tmp_path, reference, [site for site, _ in mirrored]) == [a for _, a in mirrored]


# --- every SNV of the messages ------------------------------------------------------------------


def _expect(place: int, base: str) -> tuple[str, str]:
    """Return the term and the amino-acid change of one new base in the message, from 0."""
    changed = toy.MESSAGE[:place] + base + toy.MESSAGE[place + 1 :]
    number, start = place // 3 + 1, place - place % 3
    old, new = (codes.translate(text[start : start + 3], code=1) for text in (toy.MESSAGE, changed))
    aa = f"{number}{old}" if old == new else f"{number}{old}>{number}{new}"
    if start == 0:
        return "start_lost", aa
    if old == "*":
        return ("stop_retained" if new == "*" else "stop_lost"), aa
    if new == "*":
        return "stop_gained", aa
    return ("synonymous" if old == new else "missense"), aa


@pytest.mark.parametrize("strand", ["+", "-"])
def test_every_snv_of_a_spliced_message_agrees_with_its_translation(
    tmp_path: Path, reference: Reference, strand: str
) -> None:
    positions = [pos for first, last in toy.CODING for pos in range(first, last + 1)]
    sites, expected = [], []
    for place, pos in enumerate(positions):
        for base in sorted({*"ACGT"} - {toy.MESSAGE[place]}):
            alleles = (toy.MESSAGE[place], base)
            if strand == "-":
                alleles = (codes.reverse_complement(alleles[0]), codes.reverse_complement(base))
            sites.append(("1", pos if strand == "+" else toy.mirror(pos), *alleles))
            expected.append(_expect(place, base))
    told = [answer.rpartition(",")[2].split("|") for answer in ask(tmp_path, reference, sites)]
    assert len(told) == 3 * len(toy.MESSAGE) == 378
    assert [(fields[0], fields[5]) for fields in told] == expected


def _splice_terms(pos: int) -> set[str]:
    """Return what a change at a position of FWD does to splicing, as Ensembl defines the terms.

    A site is two bases of the intron; its region three of the exon, and the third to eighth.
    """
    terms = set()
    for number, (first, last) in enumerate(toy.EXONS):
        ends = [(last - pos, "splice_donor")] if number < 2 else []
        ends += [(pos - first, "splice_acceptor")] if number > 0 else []
        for inside, site in ends:  # how many bases of the exon are between it and the intron
            if -2 <= inside < 0:
                terms.add(site)
            elif -8 <= inside < 3:
                terms.add("splice_region")
    return terms


@pytest.mark.parametrize("strand", ["+", "-"])
def test_every_snv_has_the_splice_terms_of_its_place(
    tmp_path: Path, reference: Reference, strand: str
) -> None:
    places = {pos if strand == "+" else toy.mirror(pos): pos for pos in range(95, 466)}
    bases = toy.genome()["1"]
    sites = [(p, bases[p - 1], x) for p in sorted(places) for x in "ACGT" if x != bases[p - 1]]
    told = ask(tmp_path, reference, [("1", *site) for site in sites])
    for (place, *_), answer in zip(sites, told, strict=True):
        terms = {term for entry in answer.split(",") for term in entry.split("|")[0].split("&")}
        assert {t for t in terms if "splice" in t} == _splice_terms(places[place]), answer


# --- one indel, written in many ways ----------------------------------------------------------


def _ways(bases: str, pos: int, lost: str, gained: str) -> Iterator[tuple[int, str, str]]:
    """Yield how callers may write that bases at a position are lost, or others gained there.

    In a repeat the same may be written at several places.
    """
    whole = bases[: pos - 1] + gained + bases[pos - 1 + len(lost) :]
    for at in range(pos - 6, pos + 7):
        new = whole[at - 1 : at - 1 + len(gained)]
        if bases[: at - 1] + new + bases[at - 1 + len(lost) :] == whole:
            for before, after in ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2)):
                around = bases[at - 1 - before : at - 1], bases[at - 1 + len(lost) :][:after]
                old = bases[at - 1 : at - 1 + len(lost)]
                yield at - before, around[0] + old + around[1], around[0] + new + around[1]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_an_indel_has_one_answer_however_it_is_written(
    tmp_path: Path, reference: Reference, strand: str, size: int
) -> None:
    bases = toy.genome()["1"]
    sites: dict[tuple[int, str, str], tuple[int, str]] = {}
    for near in range(98, 464):  # all of the gene: its ends, its exons' ends, start and stop
        pos = near if strand == "+" else toy.mirror(near)
        for lost, gained in ((bases[pos - 1 : pos - 1 + size], ""), ("", bases[pos - 1] * size)):
            sites |= dict.fromkeys(_ways(bases, pos, lost, gained), (pos, gained))
    told: dict[tuple[int, str], set[str]] = {}
    for site, answer in zip(
        sorted(sites), ask(tmp_path, reference, [("1", *s) for s in sorted(sites)]), strict=True
    ):
        entries = ("|".join(entry.split("|")[:6]) for entry in answer.split(","))
        told.setdefault(sites[site], set()).add(",".join(entries))
    assert len(sites) > 5 * len(told)
    assert [answers for answers in told.values() if len(answers) > 1] == []


# --- indels by independent arithmetic ---------------------------------------------------------

_CHANGE = re.compile(r"(\d+)([A-Z*]+)>(\d+)([A-Z*]+)")
_SHIFT = re.compile(r"(\d+)([A-Z*])\.\.(\d+)>(\d+)([A-Z*])\.\.(\d+)")


def _indels(chance: random.Random, count: int) -> list[tuple[int, str, str]]:
    """Return indels in the inner part of the second exon: away from splice sites.

    They are written in every way that callers write them: with the base before them, the one
    after them, both or neither, and wherever in a repeat.
    """
    bases, made = toy.genome()["1"], set[tuple[int, str, str]]()
    while len(made) < count:
        pos = chance.randrange(257, 296)
        ref = bases[pos - 1 : pos - 1 + chance.randrange(1, 10)]
        first, last = chance.choice([(ref[0], ""), ("", ref[-1]), (ref[0], ref[-1]), ("", "")])
        alt = first + "".join(chance.choices("ACGT", k=chance.randrange(6))) + last
        if len(alt) != len(ref) and alt:
            made.add((pos, ref, alt))
    return sorted(made)


def _opposite(site: tuple[int, str, str]) -> tuple[int, str, str]:
    """Return the same change on the other strand."""
    pos, ref, alt = site
    there = toy.mirror(pos + len(ref) - 1)
    return there, codes.reverse_complement(ref), codes.reverse_complement(alt)


def _mutate(pos: int, ref: str, alt: str) -> str:
    """Return the message after a change in the second exon, which begins at base 31 of it."""
    place = pos - 252 + 31
    assert toy.MESSAGE[place : place + len(ref)] == ref
    return toy.MESSAGE[:place] + alt + toy.MESSAGE[place + len(ref) :]


def _check(site: tuple[int, str, str], answer: str) -> None:
    terms, _, _, _, _, aa, _ = answer.rpartition(",")[2].split("|")
    old = codes.translate(toy.MESSAGE, code=1)
    new = codes.translate(_mutate(*site), code=1)
    growth = len(site[2]) - len(site[1])
    assert ("frameshift" in terms) == (growth % 3 != 0), answer
    shift, change = _SHIFT.fullmatch(aa), _CHANGE.fullmatch(aa)
    if shift:
        assert old[int(shift[1]) - 1] == shift[2]
        assert new[int(shift[4]) - 1] == shift[5]
        assert "*" not in new or new.index("*") + 1 == int(shift[6])
    if growth % 3 == 0:
        early = new.index("*") < len(old) + growth // 3 - 1
        assert ("stop_gained" in terms) == early, answer
        word = "inframe_insertion" if growth > 0 else "inframe_deletion"
        assert early or word in terms, answer
    if change and growth % 3 == 0:
        start, before, _, after = change.groups()
        at = int(start) - 1
        assert old[at : at + len(before)] == before
        built = (old[:at] + after + old[at + len(before) :]).partition("*")[0]
        assert built == new.partition("*")[0], answer


def test_each_allele_of_a_record_is_told_of_as_if_it_were_alone(
    tmp_path: Path, reference: Reference
) -> None:
    # Codons 13 and 14 are CAT TTC (257-262): each ALT but the third is moved to be asked.
    ref, alts = "CATTTC", ("C", "CATC", "CATTTG", "GTTC")
    together = ask(tmp_path, reference, [("1", 257, ref, ",".join(alts))])
    alone = ask(tmp_path, reference, [("1", 257, ref, alt) for alt in alts])
    assert together == [",".join(alone)]
    assert [answer.rpartition("|")[2] for answer in alone] == [f"257{ref}>{alt}" for alt in alts]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("seed", range(3))
def test_indels_agree_with_arithmetic_on_the_message(
    tmp_path: Path, reference: Reference, seed: int, strand: str
) -> None:
    indels = _indels(random.Random(seed), 500)
    sites = sorted((site if strand == "+" else _opposite(site), site) for site in indels)
    told = ask(tmp_path, reference, [("1", *asked) for asked, _ in sites])
    for (_, site), answer in zip(sites, told, strict=True):
        _check(site, answer)
    assert {answer.partition("|")[0] for answer in told} >= {"frameshift", "inframe_deletion"}


def test_the_corpus_holds_every_class_that_the_engine_is_asked_for() -> None:
    classes = {
        t for _, a in CORPUS.values() for e in a.split(",") for t in e.split("|")[0].split("&")
    }
    assert classes - {""} == {
        *("5_prime_utr", "3_prime_utr", "start_lost", "start_retained", "missense", "synonymous"),
        *("stop_gained", "stop_lost", "stop_retained", "frameshift", "inframe_insertion"),
        *("inframe_deletion", "splice_donor", "splice_acceptor", "splice_region", "intron"),
        "non_coding",
    }
