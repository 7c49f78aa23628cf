"""The catalogue of findings: code → severity, what is wrong, what to do. Words for people."""

from typing import Literal

Severity = Literal["error", "warning", "note"]

_RESAVE = "Export the file as VCF text, with tabs between the columns, and upload that."
_AGAIN = "Make or download the file again, and check that it opens before you upload it."

CATALOGUE: dict[str, tuple[Severity, str, str]] = {
    # The file as a whole
    "empty-file": ("error", "The file is empty.", _AGAIN),
    "not-vcf": ("error", "This is not a VCF file: it looks like {kind}.", "{advice}"),
    "encoding": (
        "error",
        "The file is UTF-16 text, and VCF is UTF-8.",
        "Save it again as UTF-8 text.",
    ),
    "binary": (
        "error",
        "Binary data in the text.",
        "The file is damaged, or is not a VCF. " + _AGAIN,
    ),
    "compression": (
        "error",
        "The file is compressed with {kind}, which GAS does not read.",
        "Decompress it, or compress it with gzip or bgzip.",
    ),
    "double-gzip": (
        "error",
        "The file was compressed twice.",
        "Decompress it once and upload the result.",
    ),
    "truncated-gzip": (
        "error",
        "The compressed file ends too early, after {records:,} records.",
        "It was probably cut while being copied. " + _AGAIN,
    ),
    "truncated-bgzf": (
        "error",
        "The bgzip file ends in the middle of a line, after {records:,} records.",
        "It was probably cut while being copied. " + _AGAIN,
    ),
    "no-end-marker": (
        "warning",
        "The bgzip end marker is missing. All that is there was read, and its last line is whole.",
        "Compare the number of records with what you expect: some may have been cut off.",
    ),
    "corrupt-gzip": (
        "error",
        "The compressed data is damaged after {records:,} records.",
        _AGAIN,
    ),
    "trailing-data": (
        "warning",
        "The compressed file has other data after its end, which was not read.",
        "Check that the result holds all your records.",
    ),
    "expansion": (
        "error",
        "The file grows to more than {limit} when decompressed.",
        "Split it by chromosome, or remove columns that you do not need.",
    ),
    "line-length": (
        "error",
        "A line is longer than {limit:,} bytes.",
        "Shorten the record (very long alleles, INFO or many samples), or split the samples.",
    ),
    "old-mac": (
        "error",
        "The lines end in bare carriage returns.",
        "Save it with Unix line ends.",
    ),
    "no-records": (
        "error",
        "The file has a header but not one variant.",
        "Check that your filters left something over.",
    ),
    "truncated-text": (
        "error",
        "The last line stops in the middle: {found} columns instead of {expected}.",
        "The file was probably cut while being copied. " + _AGAIN,
    ),
    "no-final-newline": (
        "warning",
        "The last line has no line end, so the file may have been cut there.",
        "Compare the number of records with what you expect.",
    ),
    # Small things that are mended
    "bom": ("warning", "The file starts with a byte order mark; it was removed.", ""),
    "crlf": ("warning", "The lines end as on Windows; the result has Unix line ends.", ""),
    "latin-1": ("warning", "The line is not UTF-8; it was read as Latin-1.", ""),
    "blank-line": ("warning", "An empty line was left out.", ""),
    "late-header": ("warning", "A header line among the records was left out.", ""),
    "stray-lines": (
        "error",
        "More than {limit:,} lines are empty or are header lines among the records.",
        "Remove them: each VCF file has one header, and then one record a line.",
    ),
    "unsorted": (
        "warning",
        "The records are not in order: {here} comes after {there}. The result is sorted.",
        "",
    ),
    "unsorted-large": (
        "error",
        "The records are not in order, and the file is too large to be sorted here.",
        "Sort it first: bcftools sort file.vcf -Oz -o sorted.vcf.gz",
    ),
    # The header
    "no-fileformat": (
        "warning",
        "The first line is not ##fileformat; VCFv4.2 was assumed and the line added.",
        "",
    ),
    "header-size": (
        "error",
        "The header is larger than {limit:,} bytes.",
        "Remove header lines that the file does not need.",
    ),
    "header-contigs": (
        "error",
        "The header declares more than {limit:,} contigs.",
        "Remove the contig lines that the records do not use.",
    ),
    "no-columns": (
        "error",
        "There is no #CHROM line before the first record.",
        "Add the line #CHROM POS ID REF ALT QUAL FILTER INFO, separated by tabs.",
    ),
    "columns": (
        "error",
        "The #CHROM line does not name the eight columns of VCF.",
        "It must read #CHROM POS ID REF ALT QUAL FILTER INFO, separated by tabs.",
    ),
    "duplicate-samples": (
        "error",
        "The sample name occurs twice.",
        "Give each sample a name of its own.",
    ),
    "contig-length": (
        "error",
        "The header gives {name} {found:,} bases; in {reference} it has {expected:,}.",
        "The file was called against another genome. Choose the reference it was made with.",
    ),
    "contig-trap": (
        "error",
        "The header gives {name} {found:,} bases: {reason}.",
        "Call the variants against rCRS (NC_012920.1), or lift the file over to it first.",
    ),
    "contigs-added": (
        "note",
        "Contig lines were added to the header: {names}.",
        "",
    ),
    "keys-added": (
        "note",
        "{count} {kind} name(s) that the header does not declare were declared: {names}.",
        "",
    ),
    "undeclared-keys": (
        "error",
        "More than {limit} INFO, FILTER or FORMAT names are not declared in the header.",
        "Declare them, or remove them: bcftools annotate -x INFO",
    ),
    "odd-name": (
        "warning",
        "The name is not one that VCF allows, so it was not declared in the header.",
        "",
    ),
    "old-annotation": (
        "note",
        "The file was annotated before: its BCSQ values were replaced.",
        "",
    ),
    # Records
    "spaces": (
        "error",
        "The columns are separated by spaces instead of tabs.",
        _RESAVE,
    ),
    "few-columns": (
        "error",
        "The line has {found} columns; the header says {expected}.",
        "Check that nothing was cut, and that the columns are separated by tabs.",
    ),
    "skipped-contig": (
        "warning",
        "{name} is not a sequence of {reference}: its records were skipped.",
        "{advice}",
    ),
    "unknown-contig": (
        "error",
        "No record is on a sequence of {reference}; they are on {names}.",
        "{advice}",
    ),
    "pos-format": (
        "error",
        "POS is not a whole number of at most ten digits.",
        "Correct the position.",
    ),
    "pos-range": (
        "error",
        "Bases {pos:,} to {last:,} are not all inside {name}, which has {length:,}.",
        "The file was probably called against another genome.",
    ),
    "ref-alphabet": (
        "error",
        "REF holds something else than bases.",
        "Write REF with A, C, G, T and N.",
    ),
    "ref-mismatch": (
        "error",
        "REF differs from {reference}, which has {expected} there.",
        "The file was called against another genome, or its positions are shifted. {advice}",
    ),
    "alt-alphabet": (
        "error",
        "ALT holds something that is no allele.",
        "Write ALT with A, C, G, T and N, or as <NAME>, * or a breakend.",
    ),
    "alt-count": (
        "error",
        "The record has {found:,} ALT alleles; the most is {limit:,}.",
        "Split the record: bcftools norm -m -any",
    ),
    "qual-format": (
        "error",
        "QUAL is not a number.",
        "Write a number, or a dot where there is none.",
    ),
    "crowded-position": (
        "error",
        "More than {limit:,} records at one position.",
        "Remove duplicate records: bcftools norm -d exact",
    ),
    "duplicate-record": (
        "note",
        "The record is the same variant as the one before; both were kept.",
        "",
    ),
    "breakend": ("note", "A breakend was kept but not interpreted.", ""),
    "symbolic": ("note", "A symbolic allele was kept but not interpreted.", ""),
    "star": ("note", "The allele * (deleted upstream) was kept but not interpreted.", ""),
    "ambiguous": ("note", "An allele with ambiguous bases was kept but not interpreted.", ""),
    "no-change": ("note", "The record changes nothing (ALT is missing or equals REF).", ""),
}
