"""The summary of a result: counts over its table, as plain data with a versioned schema."""

from pathlib import Path
from typing import Any

from annotations.genomics import table

SCHEMA = 1
# A transition changes purine to purine or pyrimidine to pyrimidine.
_TI_TV = """
    WITH alleles AS (
        SELECT upper(ref) || '>' || upper(unnest(string_split(alt, ','))) AS change
        FROM variants WHERE kind = 'snv'
    )
    SELECT count(*) FILTER (change IN ('A>G', 'G>A', 'C>T', 'T>C')), count(*) FROM alleles
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


def count(parquet: Path) -> dict[str, Any]:
    """Return the counts of a table: kinds, Ti/Tv, consequences, impacts, genes and contigs.

    Consequence, impact and gene are those of each record's most severe consequence, so each of
    these counts adds up to the number of records (impacts and genes: of records that have one).
    """
    with table.connect(parquet.parent) as connection:
        connection.read_parquet(str(parquet)).create_view("variants")

        def rows(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        ((ti, snvs),) = rows(_TI_TV)
        return {
            "kinds": {"snv": 0, "indel": 0, "other": 0} | dict(rows(_KINDS)),
            "transitions": ti,
            "transversions": snvs - ti,
            "ti_tv": round(ti / (snvs - ti), 3) if snvs > ti else None,
            "consequences": dict(rows(_CONSEQUENCES)),
            "impacts": dict(rows(_IMPACTS)),
            "genes": [{"gene": gene, "records": n} for gene, n in rows(_GENES)],
            "contigs": [{"contig": name, "records": n} for name, n in rows(_CONTIGS)],
        }
