"""What the upload page's script needs to know, so that it says of the first megabyte what preflight
will say: sequences of the references, words of the findings, first bytes of other files.

The script is `static/annotations/preflight.js`; the tests run it and preflight on the same files.
"""

from typing import Any

from annotations.genomics import header, source
from annotations.genomics.catalogue import CATALOGUE
from annotations.genomics.limits import Limits
from annotations.genomics.references import Reference

FIRST = 1 << 20
"""Bytes of a file, and of its text, that the page looks at."""
MOST_CONTIGS = 2_000
"""Of a reference with more, such as a draft assembly, the page does not know the sequences."""
_SEVERITIES = ("error", "warning")


def contigs(reference: Reference) -> list[dict[str, Any]]:
    """Return a reference's sequences as plain data; none when there are too many for a page."""
    if len(reference.contigs) > MOST_CONTIGS:
        return []
    return [
        {
            "name": contig.name,
            "length": contig.length,
            "aliases": [*contig.aliases],
            "traps": {str(length): why for length, why in contig.traps.items()},
        }
        for contig in reference.contigs
    ]


def rules() -> dict[str, Any]:
    """Return what preflight says and goes by, as plain data: `words` are severity, message, fix.

    `magic` lists files that are no VCF: first bytes in hex, finding, kind, advice.
    """
    limits = Limits()
    return {
        "first": FIRST,
        "words": {code: told for code, told in CATALOGUE.items() if told[0] in _SEVERITIES},
        "magic": [[start.hex(), *told] for start, *told in source.kinds()],
        "marker": source.BGZF_END.hex(),
        "columns": [name.decode() for name in header.COLUMNS],
        "limits": {
            "errors": limits.errors,
            "alts": limits.alts,
            "stray_lines": limits.stray_lines,
            "skipped_names": limits.skipped_names,
            "records_per_position": limits.records_per_position,
        },
    }
