"""`make bench-annotate`: annotation beside bare csq, in one run: wall, CPU, memory, where it goes.

Each measurement is a process of its own, with its start. CPU is its and its children's; memory is
the most that the process and its children held together (resident, sampled ten times a second).
SnpEff runs over the files up to 10^5 records where it is installed; its database is made first.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from annotations.genomics import csq, engine, outputs, records, references, report, table
from annotations.genomics.codes import BCFTOOLS_CODE
from annotations.genomics.filters import ALL, Filter
from annotations.genomics.references import Reference
from tests.benchmarks import genomes

_CHILD = Path(csq.__file__).with_name("csq_child.py")
_ROOT = Path(__file__).resolve().parents[2]
_SNPEFF_MOST = 100_000
_FILTERED = Filter(impacts=("HIGH",), qual_from=50.0)


class Cost(NamedTuple):
    """What a command took: seconds by the clock, seconds of processors, MiB, what it printed."""

    wall: float
    cpu: float
    memory: float
    told: str


def measure(command: list[str], *, stdin: Path | None = None, stdout: Path | None = None) -> Cost:
    """Run a command to its end. Raises CalledProcessError when it fails."""
    source = (stdin or Path(os.devnull)).open("rb")
    target = (stdout or Path(tempfile.mkstemp()[1])).open("wb+")
    before, began, most = os.times(), time.monotonic(), 0
    with source, target:
        child = subprocess.Popen(command, stdin=source, stdout=target, cwd=_ROOT)
        while child.poll() is None:
            most = max(most, _resident(child.pid))
            time.sleep(0.1)
        wall, after = time.monotonic() - began, os.times()
        target.seek(0)
        told = "" if stdout else target.read().decode()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    cpu = after.children_user - before.children_user
    cpu += after.children_system - before.children_system
    return Cost(wall, cpu, most / 1024, told)


def _resident(pid: int) -> int:
    """Return the KiB that a process and its descendants hold."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    own = next((int(r.split()[1]) for r in status.splitlines() if r.startswith("VmRSS")), 0)
    return own + sum(_resident(int(child)) for child in children)


def bare(vcf: Path, reference: Reference) -> Cost:
    """Run csq alone over the whole file: plain VCF in, plain VCF out, which nobody keeps."""
    code = str(BCFTOOLS_CODE[reference.contigs[0].code])
    files = ["-f", str(reference.sequence), "-g", str(reference.genes)]
    limits = [str(4 << 30), "3600", str(4 << 30)]
    command = [sys.executable, "-I", str(_CHILD), *limits, *csq.OPTIONS, "-C", code, *files, "-"]
    return measure(command, stdin=vcf, stdout=Path(os.devnull))


def whole(vcf: Path, reference: Reference, out: Path) -> Cost:
    """Run the engine over the file, from reading to manifest."""
    own = [sys.executable, "-m", "tests.benchmarks.annotate", "--one"]
    return measure([*own, str(vcf), str(reference.folder), str(out)])


def run_one(vcf: Path, folder: Path, out: Path) -> None:
    """Annotate once, and print where the time of the main thread went, and what csq took."""
    spent: dict[str, float] = {}

    def timed(owner: Any, names: str, label: str, clock: Callable[[], float]) -> None:
        for name in names.split():
            setattr(owner, name, _timed(getattr(owner, name), label, clock, spent))

    timed(records.Checker, "look check", "checking", time.monotonic)
    timed(outputs.Writer, "write", "records to VCF and rows", time.monotonic)
    timed(outputs.Writer, "finish", "index and Parquet", time.monotonic)
    timed(report, "write", "summary and manifest", time.monotonic)
    began = time.monotonic()
    # A child's CPU counts when it is waited for, and these are where csq is.
    timed(csq.Child, "has take finish end", "csq's CPU", _children_cpu)
    engine.annotate(
        source=vcf,
        reference=references.load(folder),
        out=out,
        progress=lambda _: None,
        cancelled=lambda: False,
    )
    whole = time.monotonic() - began
    named = sum(seconds for label, seconds in spent.items() if label != "csq's CPU")
    spent["reading, asking csq and waiting for it"] = whole - named
    sys.stdout.write(json.dumps(spent))


def _timed(
    plain: Callable[..., Any], label: str, clock: Callable[[], float], spent: dict[str, float]
) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:
        began = clock()
        try:
            return plain(*args, **more)
        finally:
            spent[label] = spent.get(label, 0.0) + clock() - began

    return call


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def browse(parquet: Path) -> str:
    """Return how long the first page takes, and a filtered one with its count: wall / CPU ms."""
    told = []
    for asked in (ALL, _FILTERED):
        walls, cpus = [], []
        for _ in range(5):
            wall, cpu = time.monotonic(), time.process_time()
            table.page(parquet, asked)
            walls.append(time.monotonic() - wall)
            cpus.append(time.process_time() - cpu)
        told.append(f"{min(walls) * 1e3:.0f} / {min(cpus) * 1e3:.0f}")
    return " | ".join(told)


class SnpEff:
    """SnpEff with a database made of a reference."""

    def __init__(self, reference: Reference, folder: Path) -> None:
        self._config = folder / "snpEff.config"
        own = folder / "data" / "gas"
        own.mkdir(parents=True)
        shutil.copy(reference.sequence, own / "sequences.fa")
        shutil.copy(reference.genes, own / "genes.gff")
        self._config.write_text("data.dir = ./data/\ngas.genome : gas\n")
        unchecked = ("-noCheckCds", "-noCheckProtein")
        measure(["snpEff", "build", "-gff3", *unchecked, "-c", str(self._config), "gas"])

    def run(self, vcf: Path) -> Cost:
        """Annotate a file; what comes out is not kept."""
        options = ("-noLog", "-noStats", "-nodownload", "-c", str(self._config))
        return measure(["snpEff", "ann", *options, "gas", str(vcf)], stdout=Path(os.devnull))


def compare(reference: Reference, count: int, folder: Path, snpeff: SnpEff | None) -> str:
    """Measure one size on one genome; return a row of the table, with where the time went."""
    vcf, out = folder / "in.vcf", folder / f"out-{reference.id}-{count}"
    genomes.write_vcf(vcf, reference, count)
    alone = bare(vcf, reference)
    ours = whole(vcf, reference, out)
    other = snpeff.run(vcf) if snpeff and count <= _SNPEFF_MOST else None
    spent = json.loads(ours.told)
    step = spent.pop("csq's CPU")
    shares = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    pages = browse(out / table.VARIANTS)
    return (
        f"| {reference.id} | {count:,} | {alone.wall:.1f} / {alone.cpu:.1f} "
        f"| {ours.wall:.1f} / {ours.cpu:.1f} | {ours.wall / alone.wall:.2f} "
        f"| {step / alone.cpu:.2f} | {ours.memory:.0f} | {pages} "
        f"| {f'{other.wall:.1f} / {other.cpu:.1f}' if other else '-'} | {shares} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--one", nargs=3, type=Path)
    asked = parser.parse_args()
    if asked.one:
        run_one(*asked.one)
        return
    say = sys.stdout.write
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True,
        check=False,
    ).stdout.strip()  # fmt: skip
    say(f"{time.strftime('%Y-%m-%d')}, commit {commit}, {platform.platform()}, ")
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n")
    say("| genome | records | bare csq, wall / CPU s | GAS, wall / CPU s | wall ratio ")
    say("| csq's step, CPU ratio | MiB | first page, ms | filtered page with count, ms ")
    say("| SnpEff, wall / CPU s | wall s of the main thread |\n")
    say("|---|---|---|---|---|---|---|---|---|---|---|\n")
    installed = shutil.which("snpEff") is not None
    with tempfile.TemporaryDirectory(prefix="gas-bench-") as scratch:
        folder = Path(scratch)
        for reference in (genomes.virus(), genomes.synthetic(folder)):
            snpeff = SnpEff(reference, folder / f"snpeff-{reference.id}") if installed else None
            for count in map(int, asked.sizes.split(",")):
                say(compare(reference, count, folder, snpeff) + "\n")
                sys.stdout.flush()
    if not installed:
        say("\nSnpEff is not installed here: its column is empty.\n")


if __name__ == "__main__":
    main()
