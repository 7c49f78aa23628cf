"""What the genome tests share: small VCFs as text, and a run of the engine over them."""

import gzip
from collections.abc import Callable
from pathlib import Path

from annotations.genomics import engine, references
from annotations.genomics.references import Reference

VIRUS, MITO = "sars-cov-2", "human-mt"
CONTIGS = {VIRUS: ("NC_045512.2", 29903), MITO: ("NC_012920.1", 16569)}
_REST = ".\t.\t."
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def head(reference: str = VIRUS, *more: str) -> str:
    """Return a header of three lines, and more before the columns: records start at line 4."""
    name, length = CONTIGS[reference]
    contig = f"##contig=<ID={name},length={length}>"
    return "\n".join(["##fileformat=VCFv4.2", contig, *more, COLUMNS, ""])


def row(pos: object, ref: str, alt: str, *, chrom: str = "NC_045512.2", rest: str = _REST) -> str:
    """Return one record; `rest` replaces QUAL, FILTER and INFO."""
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t{rest}\n"


def sites(reference: str, *records: tuple[int, str, str]) -> str:
    """Return a VCF with these records."""
    chrom = CONTIGS[reference][0]
    return head(reference) + "".join(row(*record, chrom=chrom) for record in records)


def run(
    folder: Path,
    data: bytes | str,
    reference: str = VIRUS,
    *,
    limits: engine.Limits | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[engine.Progress], None] = lambda _: None,
) -> engine.Result:
    """Annotate data in a scratch folder; the result is in its `out`."""
    source = folder / "input"
    source.write_bytes(data.encode() if isinstance(data, str) else data)
    return engine.annotate(
        source=source,
        reference=references.find(reference),
        out=folder / "out",
        progress=progress,
        cancelled=cancelled,
        limits=limits,
    )


def annotate_text(folder: Path, text: str, reference: Reference) -> engine.Result:
    """Annotate text against a reference that was made for a test."""
    source = folder / "input"
    source.write_text(text)
    return engine.annotate(
        source=source,
        reference=reference,
        out=folder / "out",
        progress=lambda _: None,
        cancelled=lambda: False,
    )


def lines(result: engine.Result) -> list[list[str]]:
    """Return the records of the annotated VCF, as fields."""
    text = gzip.decompress(result.files["annotated.vcf.gz"].read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def answers(result: engine.Result) -> list[str]:
    """Return each record's BCSQ, empty where there is none."""
    return [_answer(fields[7]) for fields in lines(result)]


def _answer(info: str) -> str:
    return next((part[5:] for part in info.split(";") if part.startswith("BCSQ=")), "")
