"""VCF files that ship with GAS, to try it with: one per embedded reference, and a broken one."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """An example: its id, what it shows, the reference it is for, and its file."""

    id: str
    title: str
    reference: str
    path: Path


EXAMPLES = (
    Example(
        id="lineages",
        title="SARS-CoV-2: defining mutations of Alpha, Beta, Gamma, Delta and Omicron",
        reference="sars-cov-2",
        path=_FOLDER / "sars-cov-2-lineages.vcf",
    ),
    Example(
        id="mitochondrion",
        title="Human mitochondrion: well-known disease variants and common polymorphisms",
        reference="human-mt",
        path=_FOLDER / "human-mt-known.vcf",
    ),
)

BROKEN = Example(
    id="broken",
    title="A file with one of each common mistake",
    reference="sars-cov-2",
    path=_FOLDER / "broken.vcf",
)
