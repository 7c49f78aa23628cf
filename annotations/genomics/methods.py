"""The paragraph on methods that a paper needs, from a result's manifest, and what it cites."""

from collections.abc import Mapping
from typing import Any

CITATIONS = (
    "Danecek P, McCarthy SA. BCFtools/csq: haplotype-aware variant consequences. Bioinformatics "
    "2017;33(13):2037–2039. doi:10.1093/bioinformatics/btx100",
    "Danecek P, Bonfield JK, Liddle J, et al. Twelve years of SAMtools and BCFtools. GigaScience "
    "2021;10(2):giab008. doi:10.1093/gigascience/giab008",
    "Bonfield JK, Marshall J, Danecek P, et al. HTSlib: C library for reading/writing "
    "high-throughput sequencing data. GigaScience 2021;10(2):giab007. "
    "doi:10.1093/gigascience/giab007",
)
SOURCES = {
    "sars-cov-2": "Wu F, Zhao S, Yu B, et al. A new coronavirus associated with human respiratory "
    "disease in China. Nature 2020;579:265–269. doi:10.1038/s41586-020-2008-3",
    "human-mt": "Andrews RM, Kubacka I, Chinnery PF, et al. Reanalysis and revision of the "
    "Cambridge reference sequence for human mitochondrial DNA. Nature Genetics 1999;23:147. "
    "doi:10.1038/13779",
}
"""What to cite for a reference that ships with GAS, by its id."""


def paragraph(manifest: Mapping[str, Any], *, title: str) -> str:
    """Return how a result was made, in words; `title` names its reference."""
    tools, reference = manifest["tools"], manifest["reference"]
    return (
        f"Variants were annotated with the Genomics Annotation Service (engine {tools['engine']}) "
        f"using bcftools csq {tools['bcftools']} with HTSlib {tools['htslib']} [1–3], called "
        f"through pysam {tools['pysam']} with the options {' '.join(manifest['options'])}, against "
        f"{title}, accession {reference['accession']}{_cited(reference['id'])} "
        f"(SHA-256 {reference['sha256'][:16]}…), {_codes(manifest['genetic_codes'])}. Each "
        "alternate allele was annotated on its own, without regard to genotypes or phase. Impacts "
        "follow Ensembl’s classes; where a variant has several consequences, the most severe one "
        f"leads. The annotated file has SHA-256 {_digest(manifest)}…"
    )


def _cited(reference: str) -> str:
    return " [4]" if reference in SOURCES else ""


def _digest(manifest: Mapping[str, Any]) -> str:
    return str(manifest["outputs"]["annotated.vcf.gz"]["sha256"])[:16]


def _codes(codes: Mapping[str, int]) -> str:
    """Return the genetic codes as bcftools numbers them: 0 is the standard code."""
    named = {0: "the standard genetic code", 2: "the vertebrate mitochondrial genetic code"}
    told = [named.get(code, f"genetic code {code} of bcftools") for code in {*codes.values()}]
    return "with " + " and ".join(sorted(told))


def citations(reference: str) -> list[str]:
    """Return what the paragraph cites, in the order of its numbers."""
    return [*CITATIONS, *([SOURCES[reference]] if reference in SOURCES else [])]
