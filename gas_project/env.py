"""Typed reads of the environment, for settings.py only."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """Return a variable, or the content of the file that `NAME_FILE` names (for secrets)."""
    file = os.environ.get(f"{name}_FILE")
    return Path(file).read_text().strip() if file else os.environ.get(name, default)


def flag(name: str, default: bool) -> bool:
    """Return a yes/no variable. Raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name, str(default)).strip().lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}")
    return value in TRUE


def number(name: str, default: float) -> float:
    """Return a positive number. Raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name) or str(default)
    try:
        result = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}") from error
    if result <= 0:
        raise ImproperlyConfigured(f"{name} must be more than 0, not {value!r}")
    return result


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def path(name: str, default: Path) -> Path:
    """Return a path variable."""
    return Path(text(name) or default)


def database(name: str, sqlite: Path) -> dict[str, object]:
    """Return Django's database setting from a `postgres://user:password@host:port/name` URL.

    Without the variable it is an SQLite file in WAL mode, whose writers wait 20 s for each other.
    Raises ImproperlyConfigured for another scheme.
    """
    url = text(name)
    if not url:
        options = {
            "init_command": "PRAGMA journal_mode=WAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        }
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(sqlite), "OPTIONS": options}
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"{name} must begin with postgres://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
    }
