"""Plots of a summary as SVG, each with the table that it was drawn from.

Colours are classes of the stylesheet (`mark`, `mark-high`, ...), so that both colour modes and a
strict content policy hold; no SVG has a style attribute.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

from annotations.genomics.consequences import IMPACTS

_WIDTH = 360
_ROW, _NAMES, _NUMBERS, _LETTERS = 20, 128, 64, 19
_HEIGHT, _TOP, _BASE = 120, 18, 100
_MOST_BARS = 10
_TRANSITIONS = frozenset({"A>G", "G>A", "C>T", "T>C"})
_LAST_INDEL = 30


class Bar(NamedTuple):
    """One value of a plot: its name, its count and the class of its mark."""

    name: str
    number: int
    mark: str = "mark"


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: an SVG, empty when there is nothing to draw, and the rows of its table."""

    key: str
    title: str
    what: str
    svg: str
    rows: tuple[Bar, ...]
    note: str = ""


def draw(summary: Mapping[str, Any]) -> list[Plot]:
    """Return the plots of a `summary.json`, without those that its schema has no counts for."""
    drawn = {
        "consequences": _consequences,
        "density": _density,
        "substitutions": _substitutions,
        "qualities": _qualities,
        "indel_lengths": _indels,
        "genes": _genes,
        "filters": _filters,
    }
    return [make(summary) for key, make in drawn.items() if summary.get(key) is not None]


# --- the plots ---------------------------------------------------------------------------------


def _consequences(summary: Mapping[str, Any]) -> Plot:
    bars = [
        Bar(_in_words(term), n, f"mark mark-{(IMPACTS.get(term) or 'none').lower()}")
        for term, n in summary["consequences"].items()
    ]
    note = "Coloured by impact: high, moderate, low, modifier."
    return _across("consequences", "Most severe consequence", "Consequence", bars, note)


def _genes(summary: Mapping[str, Any]) -> Plot:
    bars = [Bar(told["gene"], told["records"]) for told in summary["genes"]]
    return _across("genes", "Genes hit most", "Gene", bars, "Where the leading consequence is.")


def _filters(summary: Mapping[str, Any]) -> Plot:
    bars = [Bar("not given" if name == "." else name, n) for name, n in summary["filters"].items()]
    return _across("filters", "FILTER", "FILTER", bars)


def _substitutions(summary: Mapping[str, Any]) -> Plot:
    bars = [
        Bar(change, n, "mark mark-low" if change in _TRANSITIONS else "mark mark-moderate")
        for change, n in summary["substitutions"].items()
    ]
    ti, tv = summary["transitions"], summary["transversions"]
    ratio = "" if summary["ti_tv"] is None else f", Ti/Tv {summary['ti_tv']:.2f}"
    note = f"{ti:,} transitions (blue), {tv:,} transversions (orange){ratio}." if bars else ""
    labels = {place: bar.name for place, bar in enumerate(bars)}
    return _upright("substitutions", "Substitutions", "Change", bars, labels=labels, note=note)


def _qualities(summary: Mapping[str, Any]) -> Plot:
    ends, counts = summary["qualities"]["from"], summary["qualities"]["counts"]
    names = [f"{low}–{high}" for low, high in pairwise(ends)]
    names = [f"below {ends[1]}", *names[1:], f"from {ends[-1]}"]
    bars = [Bar(name, n) for name, n in zip(names, counts, strict=True)] if any(counts) else []
    none = summary["qualities"]["none"]
    labels = {place: str(end) for place, end in enumerate(ends)}
    note = f"{none:,} records have no QUAL." if none else ""
    return _upright("qualities", "QUAL", "QUAL", bars, labels=labels, note=note)


def _indels(summary: Mapping[str, Any]) -> Plot:
    counts = {int(length): n for length, n in summary["indel_lengths"].items()}
    reach = max((abs(length) for length in counts), default=0)
    bars = [
        Bar(_length(n), counts.get(n, 0), "mark mark-high" if n < 0 else "mark mark-low")
        for n in range(-reach, reach + 1)
        if n
    ]
    labels = {0: f"−{reach}", reach - 1: "−1", reach: "+1", 2 * reach - 1: f"+{reach}"}
    note = "Alleles; deletions to the left, insertions to the right." if bars else ""
    return _upright(
        "indel_lengths", "Indel lengths", "Bases", bars, labels=labels, note=note, gaps=False
    )


def _length(bases: int) -> str:
    sign = "−" if bases < 0 else "+"
    return f"{sign}{abs(bases)}{' or more' if abs(bases) == _LAST_INDEL else ''}"


def _density(summary: Mapping[str, Any]) -> Plot:
    width = summary["density"]["width"]
    bars: list[Bar] = []
    labels: dict[int, str] = {}
    for turn, told in enumerate(summary["density"]["contigs"]):
        labels[len(bars)] = told["contig"]
        mark = "mark mark-other" if turn % 2 else "mark"
        for place, n in enumerate(told["counts"]):
            start, end = place * width + 1, min((place + 1) * width, told["length"])
            bars.append(Bar(f"{told['contig']}:{start:,}–{end:,}", n, mark))
    if len(summary["density"]["contigs"]) == 1:
        end = summary["density"]["contigs"][0]["length"]
        labels = {0: "1", len(bars) - 1: f"{end:,}"}
    note = f"Variants per {width:,} bases."
    plot = _upright(
        "density", "Along the genome", "Stretch", bars, labels=labels, note=note, gaps=False
    )
    return replace(plot, rows=tuple(bar for bar in bars if bar.number))


# --- how they are drawn ------------------------------------------------------------------------


def _across(key: str, title: str, what: str, bars: Sequence[Bar], note: str = "") -> Plot:
    """Draw bars that lie, with name and number beside each; the table has all of them."""
    shown = bars[:_MOST_BARS]
    most = max((bar.number for bar in shown), default=0)
    room = _WIDTH - _NAMES - _NUMBERS
    parts = []
    for place, bar in enumerate(shown):
        top = place * _ROW
        wide = max(1.0, room * bar.number / most) if bar.number else 0
        parts += [
            _text(_NAMES - 8, top + 14, _short(bar.name), "name end"),
            f'<rect class="{bar.mark}" x="{_NAMES}" y="{top + 4}" width="{wide:.1f}" height="12"/>',
            _text(_NAMES + wide + 6, top + 14, f"{bar.number:,}", "number"),
        ]
    if len(bars) > len(shown):
        note = f"The first {len(shown)} of {len(bars)}. {note}".strip()
    svg = _svg(title, parts, len(shown) * _ROW) if shown else ""
    return Plot(key, title, what, svg, tuple(bars), note)


def _upright(
    key: str,
    title: str,
    what: str,
    bars: Sequence[Bar],
    *,
    labels: Mapping[int, str],
    note: str = "",
    gaps: bool = True,
) -> Plot:
    """Draw columns on one axis; `labels` names some of them, by place. The top is numbered."""
    most = max((bar.number for bar in bars), default=0)
    if not most:
        return Plot(key, title, what, "", tuple(bars), note)
    step = _WIDTH / len(bars)
    wide = step * 0.8 if gaps else max(step - 0.5, 0.6)
    parts = [
        f'<line class="axis" x1="0" y1="{_BASE}.5" x2="{_WIDTH}" y2="{_BASE}.5"/>',
        f'<line class="rule" x1="0" y1="{_TOP}.5" x2="{_WIDTH}" y2="{_TOP}.5"/>',
        _text(0, _TOP - 5, f"{most:,}", "number"),
    ]
    for place, bar in enumerate(bars):
        tall = max(1.0, (_BASE - _TOP) * bar.number / most) if bar.number else 0
        left = place * step + (step - wide) / 2
        if tall:
            parts.append(
                f'<rect class="{bar.mark}" x="{left:.2f}" y="{_BASE - tall:.1f}"'
                f' width="{wide:.2f}" height="{tall:.1f}"/>'
            )
    parts += _ticks(labels, step, len(bars))
    return Plot(key, title, what, _svg(title, parts, _HEIGHT), tuple(bars), note)


def _ticks(labels: Mapping[int, str], step: float, count: int) -> list[str]:
    """Return the labels below an axis, without those that would touch the one before."""
    parts, free = [], -1.0
    for place, label in sorted(labels.items()):
        middle, half = (place + 0.5) * step, 3.4 * len(label)
        ends = place == count - 1 and count > 12
        left = _WIDTH - 2 * half if ends else max(0.0, middle - half)
        if left < free:
            continue
        free = left + 2 * half + 4
        css = "tick end" if ends else "tick" if left == 0.0 else "tick middle"
        at = _WIDTH if ends else 0 if left == 0.0 else middle
        parts.append(_text(at, _BASE + 15, label, css))
    return parts


def _svg(title: str, parts: Iterable[str], height: int) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}: the numbers are in the table below">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _in_words(term: str) -> str:
    return term.replace("_", " ").replace("&", ", ")
