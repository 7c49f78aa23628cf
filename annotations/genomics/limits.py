"""Limits: how much of everything one annotation may use."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds on the input and on the child that runs csq; sizes in bytes, times in seconds.

    The input's bounds are the points where bcftools 1.24 was measured to become slow or large:
    it is quadratic in records at one position and in undeclared names.
    """

    line: int = 4 * MIB
    header: int = 4 * MIB
    contigs: int = 100_000
    alts: int = 1_000
    records_per_position: int = 20_000
    undeclared_names: int = 500
    stray_lines: int = 10_000
    skipped_names: int = 1_000
    text: int = 4096 * MIB
    expansion: int = 100
    expansion_from: int = 64 * MIB
    sortable: int = 128 * MIB
    errors: int = 100
    block_records: int = 20_000
    chunk_text: int = 8 * MIB
    chunk_records: int = 100_000
    chunk_alts: int = 100_000
    child_memory: int = 768 * MIB
    child_seconds: int = 60
    child_answer: int = 256 * MIB
    seconds: int = 3600
