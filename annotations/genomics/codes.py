"""Genetic codes by NCBI's numbers, and translation by them."""

from itertools import product

# NCBI, "The Genetic Codes": amino acids in the order of bases T, C, A, G. Table 1 is the standard
# code, 2 the vertebrate mitochondrial one, 3 yeast's mitochondria, 4 moulds and Mycoplasma, 5 the
# invertebrate mitochondrial one, 11 bacteria and plastids.
_AMINO_ACIDS = {
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
    3: "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    4: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    5: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
    11: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
}
CODONS = {
    number: dict(zip(map("".join, product("TCAG", repeat=3)), letters, strict=True))
    for number, letters in _AMINO_ACIDS.items()
}
# Where translation starts: NCBI's sets, but for table 1, where ATG alone is taken (as viruses of
# animals and nuclear genomes do). Each of them is read as methionine at the first position.
STARTS = {
    1: frozenset({"ATG"}),
    2: frozenset({"ATT", "ATC", "ATA", "ATG", "GTG"}),
    3: frozenset({"ATA", "ATG", "GTG"}),
    4: frozenset({"TTA", "TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"}),
    5: frozenset({"TTG", "ATT", "ATC", "ATA", "ATG", "GTG"}),
    11: frozenset({"TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"}),
}
# Codes of mitochondria, whose messages may end in a part of a stop codon.
MITOCHONDRIAL = frozenset({2, 3, 5})
# bcftools numbers its codes as NCBI does, but for the standard one, which is its default, 0.
BCFTOOLS_CODE = {number: number if number > 1 else 0 for number in CODONS}

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def translate(bases: str, *, code: int) -> str:
    """Return the amino acids of whole codons; `*` is a stop, `X` holds an unknown base."""
    table = CODONS[code]
    return "".join(table.get(bases[i : i + 3], "X") for i in range(0, len(bases) - 2, 3))


def reverse_complement(bases: str) -> str:
    """Return the opposite strand, read in its own direction."""
    return bases.translate(_COMPLEMENT)[::-1]
