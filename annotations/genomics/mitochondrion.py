"""What is particular about a mitochondrion in a new reference: its code, and hg19's sequence."""

from annotations.genomics.fasta import Malformed, Sequence

NAMES = ("MT", "chrM", "M", "chrMT")
RCRS = "c68f52674c9fb33aef52dcf399755519"
"""MD5 of the revised Cambridge Reference Sequence, NC_012920.1."""
VERTEBRATE = 2
"""NCBI, "The Genetic Codes": the vertebrate mitochondrial code."""
_HG19 = 16571
TRAPS = {
    _HG19: "a sequence of 16,571 bases under this name is the one of hg19 (NC_001807): its "
    "positions do not match those of rCRS"
}


def check(one: Sequence, *, md5: str, told: bool) -> None:
    """Refuse a mitochondrion that makes proteins, unless it is rCRS or its code is `told`.

    Raises Malformed, also for hg19's sequence, which people take for rCRS.
    """
    if one.name not in NAMES or md5 == RCRS:
        return
    if len(one.bases) == _HG19:
        raise Malformed(
            f"{one.name}: {TRAPS[_HG19]}. Use a genome with rCRS (NC_012920.1, 16,569 bases), as "
            "Ensembl's GRCh37 and every GRCh38 have it."
        )
    if not told:
        raise Malformed(
            f"The GFF3 file does not tell the genetic code of {one.name}. Say it: "
            f"--code {one.name}=2 for vertebrates, 5 for invertebrates, 3 for yeast, 4 for moulds."
        )
