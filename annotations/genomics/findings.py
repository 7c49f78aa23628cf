"""Findings: what is wrong or remarkable in an input file, where, and what to do about it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from annotations.genomics.catalogue import CATALOGUE, Severity

_SHOWN_PER_CODE = 5
_TEXT_SHOWN = 120


@dataclass(frozen=True)
class Finding:
    """One finding. `line` is 1-based, 0 for the file as a whole; `text` is escaped and cut."""

    code: str
    severity: Severity
    line: int
    text: str
    message: str
    fix: str

    def as_dict(self) -> dict[str, str | int]:
        """Return plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        place = f"line {self.line:,}: " if self.line else ""
        shown = f"[{self.text}]" if self.text else ""
        parts = (f"{self.severity}: {place}{self.message}", shown, self.fix, f"({self.code})")
        return " ".join(part for part in parts if part)


class Rejected(Exception):
    """The input can't be annotated; `findings` says why (at least one error).

    `counts` tells how often each code occurred up to where reading ended, and `repeated` of which
    codes more occurred than `findings` lists.
    """

    def __init__(self, findings: "Findings") -> None:
        self.findings = tuple(findings)
        self.counts = dict(findings.counts)
        self.repeated = findings.repeated()
        super().__init__("; ".join(str(finding) for finding in self.findings[:3]))

    @property
    def log(self) -> str:
        """The findings as text for people, one a line."""
        return "".join(f"{line}\n" for line in (*self.findings, *self.repeated))


def show(raw: bytes) -> str:
    """Return offending bytes as short printable text."""
    text = raw[:_TEXT_SHOWN].decode("utf-8", "replace")
    return _escape(text) + ("…" if len(raw) > _TEXT_SHOWN else "")


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Findings:
    """Collects findings: the first few of each code, and how often each occurred."""

    def __init__(self, *, most_errors: int = 100) -> None:
        self._most_errors = most_errors
        self._kept: list[Finding] = []
        self._errors = 0
        self.counts: Counter[str] = Counter()

    @property
    def failed(self) -> bool:
        """Say whether an error was found."""
        return self._errors > 0

    def add(self, code: str, *, line: int = 0, raw: bytes = b"", **facts: object) -> None:
        """Note one finding; raise Rejected when the file holds too many errors to go on."""
        self.counts[code] += 1
        severity, message, fix = CATALOGUE[code]
        if self.counts[code] <= _SHOWN_PER_CODE:
            told, advice = (_escape(words.format(**facts)).strip() for words in (message, fix))
            self._kept.append(Finding(code, severity, line, show(raw), told, advice))
        if severity == "error":
            self._errors += 1
            if self._errors >= self._most_errors:
                raise Rejected(self)

    def add_all(self, code: str, lines: Sequence[int]) -> None:
        """Note a finding that is no error on many lines, which ascend."""
        for line in lines[:_SHOWN_PER_CODE]:
            self.add(code, line=line)
        if len(lines) > _SHOWN_PER_CODE:
            self.counts[code] += len(lines) - _SHOWN_PER_CODE

    def refuse(self, code: str, *, line: int = 0, raw: bytes = b"", **facts: object) -> Rejected:
        """Note an error after which nothing more can be read, and return it to be raised."""
        self.add(code, line=line, raw=raw, **facts)
        return Rejected(self)

    def repeated(self) -> list[str]:
        """Say of which codes more occurred than are listed."""
        return [
            f"{code}: {count - _SHOWN_PER_CODE:,} more"
            for code, count in self.counts.items()
            if count > _SHOWN_PER_CODE
        ]

    def __iter__(self) -> Iterator[Finding]:
        order = {"error": 0, "warning": 1, "note": 2}
        return iter(sorted(self._kept, key=lambda f: (order[f.severity], f.line)))
