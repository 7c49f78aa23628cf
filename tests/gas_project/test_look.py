"""The look: vendored parts are what they say, pages need no inline code, colours can be read."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from annotations.states import WORDS
from deploy.local.run import LocalCloud
from gas_project import clock
from gas_project.templatetags import gas
from tests.people import site, text

__all__ = ["site"]

VENDOR = settings.BASE_DIR / "gas_project" / "static" / "vendor"
APPS = ("gas_project", "accounts", "annotations", "archival")
TEMPLATES = sorted(
    path for app in APPS for path in (settings.BASE_DIR / app / "templates").rglob("*.html")
)
SCRIPTS = sorted(path for app in APPS for path in (settings.BASE_DIR / app).rglob("static/**/*.js"))
SYMBOLS = set(re.findall(r'<symbol id="([a-z]+)"', (VENDOR / "icons.svg").read_text()))
STYLES = (settings.BASE_DIR / "gas_project" / "static" / "gas.css").read_text()


def versions() -> Iterator[tuple[str, str]]:
    for line in (VENDOR / "VERSIONS").read_text().splitlines():
        if not line.startswith("#"):
            digest, name, _ = line.split("  ", 2)
            yield digest, name


def test_every_vendored_file_is_what_it_was() -> None:
    named = dict(versions())
    files = {path.name for path in VENDOR.iterdir()} - {"VERSIONS"}
    assert files == set(named.values())
    for digest, name in named.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_template_needs_nothing_that_the_policy_forbids(path: Path) -> None:
    html = path.read_text()
    assert not re.search(r'\sstyle="', html)
    assert not re.search(r"<style|\son[a-z]+=\"|javascript:", html)
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert not re.search(r'(src|href)="(https?:)?//', html)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_every_icon_that_a_template_names_is_in_the_sprite(path: Path) -> None:
    assert set(re.findall(r'{% icon "([a-z]+)"', path.read_text())) <= SYMBOLS


def test_every_state_has_an_icon_and_a_hue() -> None:
    for state in WORDS.values():
        assert state.icon in SYMBOLS
        assert f".hue-{state.hue} " in STYLES


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_call_nobody_else(path: Path) -> None:
    if path.parent != VENDOR:
        assert "://" not in path.read_text()


# --- colours -----------------------------------------------------------------------------------

COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLES
    )
}
HUES = ("grey", "blue", "green", "amber", "ice", "violet", "red", "orange")
PAIRS = [
    *((hue, f"{hue}-bg") for hue in HUES),
    *((hue, "panel") for hue in HUES),
    *((text, ground) for text in ("ink", "quiet", "accent") for ground in ("ground", "panel")),
    ("quiet", "sunk"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS, ids=lambda value: value)
def test_text_has_the_contrast_of_wcag_aa(front: str, back: str, mode: int) -> None:
    pair = sorted((luminance(COLOURS[front][mode]), luminance(COLOURS[back][mode])))
    assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


# --- error pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_an_error_page_says_that_nothing_is_lost_and_what_to_do(
    site: LocalCloud, name: str
) -> None:
    html = render_to_string(f"{name}.html")
    assert "Nothing is lost" in html
    assert "<li>" in html
    assert 'class="btn btn-primary"' in html


def test_a_wrong_address_gets_our_page(site: LocalCloud, client: Client) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no such page" in text(answer)


def test_a_form_without_a_token_gets_our_page(site: LocalCloud) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/")
    assert answer.status_code == 403
    assert "This form is too old" in text(answer)


def test_every_page_carries_the_policy(site: LocalCloud, client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "style-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


# --- how things are written --------------------------------------------------------------------

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (NOW, "now"),
        (NOW - 45, "45 s ago"),
        (NOW + 300, "in 5 min"),
        (NOW - 5 * 3600, "5 h ago"),
        (NOW + 7 * 86400, "in 7 days"),
        (NOW - 400 * 86400, "400 days ago"),
    ],
)
def test_moments_are_said_as_people_say_them(
    at: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert f">{said}</time>" in gas.ago(at)


def test_a_moment_carries_its_exact_time() -> None:
    shown = gas.stamp(NOW)
    assert 'datetime="2027-01-15T08:00:00Z"' in shown
    assert ">15 Jan 2027, 08:00 UTC<" in shown


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "–"),
        (999, "999 bytes"),
        (2500, "2.5 KB"),
        (20_000_000, "20.0 MB"),
        (2_000_000_000, "2.0 GB"),
    ],
)
def test_sizes_have_one_decimal(count: int, said: str) -> None:
    assert gas.size(count) == said


def test_nothing_known_is_a_dash_and_zero_is_zero() -> None:
    assert gas.count(None) == "–"
    assert gas.count(0) == "0"
    assert gas.ago(0) == "–"


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (None, 0),
        ({"done": 0, "total": 0}, 0),
        ({"done": 41, "total": 100}, 41),
        ({"done": 9, "total": 5}, 100),
    ],
)
def test_progress_is_a_share_between_0_and_100(progress: dict[str, int] | None, share: int) -> None:
    assert gas.percent(progress) == share


def test_the_frame_needs_no_person(site: LocalCloud) -> None:
    assert "Sign in" in render_to_string("base.html", request=RequestFactory().get("/"))
