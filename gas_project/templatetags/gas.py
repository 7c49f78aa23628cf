"""How pages write what they show: icons, states, times, sizes. Times are epoch seconds, UTC."""

from datetime import UTC, datetime
from typing import Protocol

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gas_project import clock

register = template.Library()

NONE = "–"
"""What an empty cell shows: nothing known is not the same as 0."""
MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = (
    (90, 1, "s"),
    (90 * MINUTE, MINUTE, "min"),
    (36 * HOUR, HOUR, "h"),
    (60 * DAY, DAY, "days"),
)
"""Below the first figure (s), a span is counted in the second, named by the third."""


class Shown(Protocol):
    """What a state says to a person: a word, an icon's name, a hue, and a date (epoch s) or 0."""

    @property
    def word(self) -> str:
        """The word."""

    @property
    def icon(self) -> str:
        """The icon's name in the sprite."""

    @property
    def hue(self) -> str:
        """The hue's name in the stylesheet."""

    @property
    def at(self) -> int:
        """The date that belongs to the word, or 0."""


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Return one symbol of the sprite; it is decoration, the word beside it speaks."""
    href = f"{static('vendor/icons.svg')}#{name}"
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}"></use></svg>', css, href
    )


@register.inclusion_tag("gas/state_badge.html")
def state_badge(shown: Shown) -> dict[str, object]:
    """Show a state as icon, word and hue, with its date when the word needs one."""
    return {"shown": shown, "dated": shown.at if shown.word.endswith(" on") else 0}


def span(seconds: int) -> str:
    """Return a span in words: "45 s", "12 min", "5 h", "7 days"."""
    for below, unit, name in STEPS:
        if seconds < below:
            count = round(seconds / unit)
            return f"{count} {'day' if name == 'days' and count == 1 else name}"
    return f"{round(seconds / DAY):,} days"


def _relative(at: int) -> str:
    away = at - clock.now()
    if abs(away) < 10:
        return "now"
    return f"in {span(away)}" if away > 0 else f"{span(-away)} ago"


def _time(at: int, text: str, css: str) -> SafeString:
    moment = datetime.fromtimestamp(at, UTC)
    return format_html(
        '<time class="{}" datetime="{}" title="{}">{}</time>',
        css,
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%-d %B %Y, %H:%M UTC"),
        text,
    )


@register.filter
def ago(at: int | None) -> SafeString | str:
    """Return a moment as people say it, "3 min ago" or "in 2 h", exact on hover."""
    return _time(at, _relative(at), "tabular") if at else NONE


@register.filter
def stamp(at: int | None) -> SafeString | str:
    """Return a moment as date and time; the page's script turns it into the reader's own zone."""
    if not at:
        return NONE
    text = datetime.fromtimestamp(at, UTC).strftime("%-d %b %Y, %H:%M UTC")
    return _time(at, text, "tabular stamp")


@register.filter
def brief(at: int | None) -> SafeString | str:
    """Return a moment without its year, for badges."""
    if not at:
        return NONE
    text = datetime.fromtimestamp(at, UTC).strftime("%-d %b, %H:%M UTC")
    return _time(at, text, "tabular stamp brief")


@register.filter
def duration(seconds: int | None) -> str:
    """Return a span of seconds in words."""
    return span(seconds) if seconds else NONE


@register.filter
def size(count: int | None) -> str:
    """Return bytes in MB (10^6) with one decimal, small ones in KB, large ones in GB."""
    if not count:
        return NONE
    if count < 1000:
        return f"{count} bytes"
    if count < 100_000:
        return f"{count / 1000:.1f} KB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:,.1f} MB"
    return f"{count / 1_000_000_000:,.1f} GB"


@register.filter
def count(number: int | None) -> str:
    """Return a number with thousands separators; None is a dash."""
    return NONE if number is None else f"{number:,}"


@register.filter
def percent(progress: dict[str, int] | None) -> int:
    """Return how much of {"done", "total"} is done, 0 to 100."""
    if not progress or not progress.get("total"):
        return 0
    return min(100, 100 * progress["done"] // progress["total"])


@register.filter
def words(term: str) -> str:
    """Return terms of an ontology as people read them: `stop_gained&missense` in words."""
    return term.replace("_", " ").replace("&", ", ")
