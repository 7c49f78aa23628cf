"""Genetic codes: the tables NCBI numbers 1 and 2, and translation by them."""

from itertools import product

# NCBI, "The Genetic Codes": amino acids in the order of bases T, C, A, G. Table 1 is the standard
# code, table 2 the vertebrate mitochondrial one.
_AMINO_ACIDS = {
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
}
CODONS = {
    number: dict(zip(map("".join, product("TCAG", repeat=3)), letters, strict=True))
    for number, letters in _AMINO_ACIDS.items()
}
# Where translation starts. Coronaviruses use ATG alone; the vertebrate mitochondrion's set is the
# one of NCBI's table 2. Every one of them is read as methionine at the first position.
STARTS = {1: frozenset({"ATG"}), 2: frozenset({"ATT", "ATC", "ATA", "ATG", "GTG"})}
# bcftools numbers its codes as NCBI does, but for the standard one, which is its default, 0.
BCFTOOLS_CODE = {1: 0, 2: 2}

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def translate(bases: str, *, code: int) -> str:
    """Return the amino acids of whole codons; `*` is a stop, `X` holds an unknown base."""
    table = CODONS[code]
    return "".join(table.get(bases[i : i + 3], "X") for i in range(0, len(bases) - 2, 3))


def reverse_complement(bases: str) -> str:
    """Return the opposite strand, read in its own direction."""
    return bases.translate(_COMPLEMENT)[::-1]
