"""Plots: safe SVG without styles, tables that hold every number, and words for what is missing."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from annotations.genomics import methods, plots
from annotations.genomics.examples import EXAMPLES, Example
from tests.annotations.genomics.runs import MITO, VIRUS, head, row, run

NAMES = [
    "consequences",
    "density",
    "substitutions",
    "qualities",
    "indel_lengths",
    "genes",
    "filters",
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_each_plot_is_drawn_from_the_numbers_of_its_table(tmp_path: Path, example: Example) -> None:
    summary = run(tmp_path, example.path.read_bytes(), example.reference).summary
    drawn = {plot.key: plot for plot in plots.draw(summary)}
    assert [*drawn] == NAMES
    for plot in drawn.values():
        if plot.svg:
            marks = [e for e in ET.fromstring(plot.svg) if "mark" in e.attrib.get("class", "")]
            assert len(marks) == min(sum(bar.number > 0 for bar in plot.rows), len(marks)) > 0
            assert "style" not in plot.svg
    density = sum(bar.number for bar in drawn["density"].rows)
    assert density == sum(bar.number for bar in drawn["consequences"].rows)
    assert density == summary["records"]["written"]


def test_names_are_escaped_and_cut_in_the_drawing_alone() -> None:
    name = "<script>&" + "x" * 40
    (plot,) = plots.draw({"genes": [{"gene": name, "records": 1}]})
    assert "<script>" not in plot.svg
    assert plot.rows[0].name == name
    assert "…" in "".join(ET.fromstring(plot.svg).itertext())


def test_bars_stay_within_the_drawing(tmp_path: Path) -> None:
    text = head() + "".join(row(23403, "A", "G", rest=f"{n}\tq{n}\t.") for n in range(30))
    for plot in plots.draw(run(tmp_path, text).summary):
        for mark in re.finditer(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', plot.svg):
            assert float(mark[1]) + float(mark[2]) <= 360


def test_what_is_not_counted_is_not_drawn() -> None:
    assert plots.draw({"consequences": {}})[0].svg == ""
    assert plots.draw({}) == []


@pytest.mark.parametrize(
    ("example", "code", "cited"),
    [(0, "the standard genetic code", "Wu F"), (1, "vertebrate mitochondrial", "Andrews RM")],
    ids=[VIRUS, MITO],
)
def test_methods_name_versions_reference_code_and_what_to_cite(
    tmp_path: Path, example: int, code: str, cited: str
) -> None:
    chosen = EXAMPLES[example]
    result = run(tmp_path, chosen.path.read_bytes(), chosen.reference)
    manifest = json.loads(result.files["manifest.json"].read_text())
    told = methods.paragraph(manifest, title="this genome")
    for word in ("bcftools csq 1.24", "this genome", code, manifest["reference"]["sha256"][:16]):
        assert word in told
    assert methods.citations(chosen.reference)[-1].startswith(cited)
    assert told.count("[") == 2
