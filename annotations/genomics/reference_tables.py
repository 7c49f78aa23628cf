"""The genes of the references that ship with GAS: facts, from RefSeq, as plain rows.

SARS-CoV-2: the coding sequences of NC_045512.2 that have a protein accession. ORF1ab reads base
13,468 twice (a -1 ribosomal frameshift), and ORF1a is a protein of its own.
Human mitochondrion: the 37 genes of NC_012920.1 (rCRS). Six messages end in T or TA and become a
stop by polyadenylation, so their last codon is incomplete in the genome.
"""

from typing import NamedTuple


class Gene(NamedTuple):
    """One gene: its name, biotype, strand, parts (first and last base, 1-based) and product."""

    name: str
    biotype: str
    strand: str
    parts: tuple[tuple[int, int], ...]
    transcript: str

    @property
    def coding(self) -> bool:
        """Say whether the gene makes a protein."""
        return self.biotype == "protein_coding"


def _protein(name: str, accession: str, *parts: tuple[int, int], strand: str = "+") -> Gene:
    return Gene(name, "protein_coding", strand, parts, accession)


def _rna(name: str, first: int, last: int, strand: str = "+") -> Gene:
    biotype = "Mt_rRNA" if name.startswith("MT-RNR") else "Mt_tRNA"
    return Gene(name, biotype, strand, ((first, last),), name)


SARS_COV_2 = (
    _protein("ORF1ab", "YP_009724389.1", (266, 13468), (13468, 21555)),
    _protein("ORF1a", "YP_009725295.1", (266, 13483)),
    _protein("S", "YP_009724390.1", (21563, 25384)),
    _protein("ORF3a", "YP_009724391.1", (25393, 26220)),
    _protein("E", "YP_009724392.1", (26245, 26472)),
    _protein("M", "YP_009724393.1", (26523, 27191)),
    _protein("ORF6", "YP_009724394.1", (27202, 27387)),
    _protein("ORF7a", "YP_009724395.1", (27394, 27759)),
    _protein("ORF7b", "YP_009725318.1", (27756, 27887)),
    _protein("ORF8", "YP_009724396.1", (27894, 28259)),
    _protein("N", "YP_009724397.2", (28274, 29533)),
    _protein("ORF10", "YP_009725255.1", (29558, 29674)),
)

HUMAN_MT = (
    _rna("MT-TF", 577, 647),
    _rna("MT-RNR1", 648, 1601),
    _rna("MT-TV", 1602, 1670),
    _rna("MT-RNR2", 1671, 3229),
    _rna("MT-TL1", 3230, 3304),
    _protein("MT-ND1", "YP_003024026.1", (3307, 4262)),
    _rna("MT-TI", 4263, 4331),
    _rna("MT-TQ", 4329, 4400, "-"),
    _rna("MT-TM", 4402, 4469),
    _protein("MT-ND2", "YP_003024027.1", (4470, 5511)),
    _rna("MT-TW", 5512, 5579),
    _rna("MT-TA", 5587, 5655, "-"),
    _rna("MT-TN", 5657, 5729, "-"),
    _rna("MT-TC", 5761, 5826, "-"),
    _rna("MT-TY", 5826, 5891, "-"),
    _protein("MT-CO1", "YP_003024028.1", (5904, 7445)),
    _rna("MT-TS1", 7446, 7514, "-"),
    _rna("MT-TD", 7518, 7585),
    _protein("MT-CO2", "YP_003024029.1", (7586, 8269)),
    _rna("MT-TK", 8295, 8364),
    _protein("MT-ATP8", "YP_003024030.1", (8366, 8572)),
    _protein("MT-ATP6", "YP_003024031.1", (8527, 9207)),
    _protein("MT-CO3", "YP_003024032.1", (9207, 9990)),
    _rna("MT-TG", 9991, 10058),
    _protein("MT-ND3", "YP_003024033.1", (10059, 10404)),
    _rna("MT-TR", 10405, 10469),
    _protein("MT-ND4L", "YP_003024034.1", (10470, 10766)),
    _protein("MT-ND4", "YP_003024035.1", (10760, 12137)),
    _rna("MT-TH", 12138, 12206),
    _rna("MT-TS2", 12207, 12265),
    _rna("MT-TL2", 12266, 12336),
    _protein("MT-ND5", "YP_003024036.1", (12337, 14148)),
    _protein("MT-ND6", "YP_003024037.1", (14149, 14673), strand="-"),
    _rna("MT-TE", 14674, 14742, "-"),
    _protein("MT-CYB", "YP_003024038.1", (14747, 15887)),
    _rna("MT-TT", 15888, 15953),
    _rna("MT-TP", 15956, 16023, "-"),
)
