"""The summary of a result: counts over its table, as plain data with a versioned schema."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from annotations.genomics import table

SCHEMA = 4
"""2 added density, QUAL and FILTER histograms, substitutions and indel lengths; 3 added records
skipped, by sequence; 4 added codons that vary at several positions."""
# A transition changes purine to purine or pyrimidine to pyrimidine.
_TRANSITIONS = frozenset({"A>G", "G>A", "C>T", "T>C"})
_SUBSTITUTIONS = """
    SELECT change, count(*) FROM (
        SELECT upper(ref) || '>' || upper(unnest(string_split(alt, ','))) AS change
        FROM variants WHERE kind = 'snv'
    ) WHERE regexp_full_match(change, '[ACGT]>[ACGT]') GROUP BY change ORDER BY change
"""
_KINDS = "SELECT kind, count(*) FROM variants GROUP BY kind"
_CONSEQUENCES = """
    SELECT consequence, count(*) AS n FROM variants
    GROUP BY consequence ORDER BY n DESC, consequence
"""
_IMPACTS = """
    SELECT impact, count(*) AS n FROM variants WHERE impact <> ''
    GROUP BY impact ORDER BY n DESC, impact
"""
_GENES = """
    SELECT gene, count(*) AS n FROM variants WHERE gene <> ''
    GROUP BY gene ORDER BY n DESC, gene LIMIT 20
"""
_CONTIGS = "SELECT chrom, count(*) FROM variants GROUP BY chrom ORDER BY min(idx)"
_FILTERS = """
    SELECT name, count(*) AS n
    FROM (SELECT unnest(string_split(filter, ';')) AS name FROM variants)
    GROUP BY name ORDER BY n DESC, name LIMIT 50
"""
QUALITIES = (0, 10, 20, 30, 40, 60, 100, 200, 500, 1000)
"""Lower ends of the bins of QUAL; the last has no upper end, the first no lower one."""
_QUALITIES = """
    SELECT list_max([0] || list_filter($ends, lambda e: e <= qual)) AS low, count(*)
    FROM variants WHERE qual IS NOT NULL GROUP BY low
"""
_UNRATED = "SELECT count(*) FROM variants WHERE qual IS NULL"
_SHARED = """
    SELECT gene, CAST(regexp_extract(aa_change, '[0-9]+') AS BIGINT) AS codon, count(*) OVER ()
    FROM variants WHERE kind = 'snv' AND regexp_matches(aa_change, '[0-9]')
    GROUP BY chrom, transcript, gene, codon HAVING min(pos) <> max(pos)
    ORDER BY min(idx), codon LIMIT 20
"""
BINS, DRAWN = 120, 30
"""Bins of the density over all contigs, about; contigs that get bins, at most."""
_DENSITY = """
    SELECT (pos - 1) // $width AS bin, count(*) FROM variants WHERE chrom = $chrom GROUP BY bin
"""
LONGEST_INDEL = 30
"""Longer insertions and deletions are counted with those of this length (bases)."""

Rows = Callable[..., list[tuple[Any, ...]]]


def count(
    parquet: Path,
    *,
    lengths: Mapping[str, int],
    indel_lengths: Mapping[int, int],
    opened: table.Opened,
) -> dict[str, Any]:
    """Return the counts of a table, as `summary.json` holds them.

    Consequence, impact and gene are those of each record's most severe consequence, so each of
    these counts adds up to the number of records (impacts and genes: of records that have one).
    Shared codons vary at several positions: each record was annotated as if it were alone.
    `lengths` are the contigs' (bases); `indel_lengths` counts alleles by bases gained or lost;
    `opened` is told of the connection, so that another thread can interrupt it.
    """
    with table.connect(parquet.parent) as connection:
        opened(connection)
        connection.read_parquet(str(parquet)).create_view("variants")

        def rows(query: str, **parameters: Any) -> list[tuple[Any, ...]]:
            return connection.execute(query, parameters).fetchall()

        contigs = dict(rows(_CONTIGS))
        return {
            "kinds": {"snv": 0, "indel": 0, "other": 0} | dict(rows(_KINDS)),
            **_substitutions(dict(rows(_SUBSTITUTIONS))),
            "consequences": dict(rows(_CONSEQUENCES)),
            "impacts": dict(rows(_IMPACTS)),
            "genes": [{"gene": gene, "records": n} for gene, n in rows(_GENES)],
            "contigs": [{"contig": name, "records": n} for name, n in contigs.items()],
            "density": _density(rows, contigs, lengths),
            "filters": dict(rows(_FILTERS)),
            "qualities": _qualities(rows),
            "indel_lengths": _clipped(indel_lengths),
            "shared_codons": _shared(rows(_SHARED)),
        }


def _substitutions(counts: dict[str, int]) -> dict[str, Any]:
    ti = sum(n for change, n in counts.items() if change in _TRANSITIONS)
    tv = sum(counts.values()) - ti
    return {
        "transitions": ti,
        "transversions": tv,
        "ti_tv": round(ti / tv, 3) if tv else None,
        "substitutions": counts,
    }


def _shared(found: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Return how many codons vary at several positions, and the first of them."""
    return {
        "codons": found[0][2] if found else 0,
        "first": [{"gene": gene, "codon": codon} for gene, codon, _ in found],
    }


def _density(rows: Rows, contigs: Mapping[str, int], lengths: Mapping[str, int]) -> dict[str, Any]:
    """Return records by bins of one width along the contigs that have most of them."""
    drawn = sorted(contigs, key=lambda name: -contigs[name])[:DRAWN]
    whole = sum(lengths[name] for name in drawn)
    width = max(1, -(-whole // BINS))
    return {
        "width": width,
        "contigs": [
            {"contig": name, "length": lengths[name], "counts": _bins(rows, name, width, lengths)}
            for name in contigs
            if name in drawn
        ],
    }


def _bins(rows: Rows, chrom: str, width: int, lengths: Mapping[str, int]) -> list[int]:
    found: dict[int, int] = dict(rows(_DENSITY, chrom=chrom, width=width))
    return [found.get(place, 0) for place in range(-(-lengths[chrom] // width))]


def _qualities(rows: Rows) -> dict[str, Any]:
    found: dict[int, int] = dict(rows(_QUALITIES, ends=list(QUALITIES)))
    ((unrated,),) = rows(_UNRATED)
    return {
        "from": list(QUALITIES),
        "counts": [found.get(low, 0) for low in QUALITIES],
        "none": unrated,
    }


def _clipped(lengths: Mapping[int, int]) -> dict[str, int]:
    """Return counts by length, deletions below 0, those beyond the longest put together."""
    counts: dict[int, int] = {}
    for length, n in lengths.items():
        near = max(-LONGEST_INDEL, min(LONGEST_INDEL, length))
        counts[near] = counts.get(near, 0) + n
    return {str(length): counts[length] for length in sorted(counts)}
