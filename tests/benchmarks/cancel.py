"""`make bench-cancel`: how long a run goes on after it was cancelled, at moments all over the run.

A worker sees a cancel within a second (`annotations.run`); this is what the engine adds.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from annotations.genomics import engine
from annotations.genomics.references import Reference
from tests.benchmarks import genomes


def run(vcf: Path, reference: Reference, out: Path, *, after: float) -> float:
    """Annotate, cancelled after so many seconds; return for how long it went on."""
    cancelled_at = time.monotonic() + after
    try:
        engine.annotate(
            source=vcf,
            reference=reference,
            out=out,
            progress=lambda _: None,
            cancelled=lambda: time.monotonic() > cancelled_at,
        )
    except engine.Stopped:
        return time.monotonic() - cancelled_at
    return 0.0


def compare(reference: Reference, vcf: Path, out: Path, moments: int) -> str:
    """Cancel at moments spread evenly over the time that a whole run takes."""
    began = time.monotonic()
    run(vcf, reference, out, after=float("inf"))
    whole = time.monotonic() - began
    found = sorted(
        run(vcf, reference, out, after=whole * (n + 0.5) / moments) for n in range(moments)
    )
    return (
        f"{reference.id}: a whole run took {whole:.1f} s; cancelled at {moments} moments, it went "
        f"on for {found[moments // 2]:.2f} s in the middle, {found[-1]:.2f} s at most\n"
    )


def main() -> None:
    """Print the time from cancel to end, on both genomes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--moments", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gas-cancel-") as scratch:
        folder = Path(scratch)
        for reference in (genomes.virus(), genomes.synthetic(folder)):
            vcf = folder / "in.vcf"
            genomes.write_vcf(vcf, reference, asked.records)
            sys.stdout.write(compare(reference, vcf, folder / "out", asked.moments))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
