"""The exact message of every bad input, by the name of its case."""

from pathlib import Path

_TEXT = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
MESSAGES: dict[str, str] = dict(line.split("\t") for line in _TEXT.splitlines())
