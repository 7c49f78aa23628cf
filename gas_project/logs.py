"""One structured line per event, for our own logs and for those of the libraries alike.

Lines never hold secrets, e-mail addresses, file names or variants. Code sees to that by logging
ids only; `scrub` is the second lock, for the texts of exceptions that others wrote.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRETS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (
        re.compile(
            r"((?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|password|secret|token)"
            r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+",
            re.IGNORECASE,
        ),
        r"\1<hidden>",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "<key>"),
)
QUIET = ("boto3", "botocore", "urllib3", "s3transfer", "asyncio")
"""Libraries that tell too much, and at DEBUG also what they send."""


def configure(config: Mapping[str, Any]) -> None:
    """Set up structlog and the standard library's logging: Django's LOGGING_CONFIG.

    `config` is settings.LOGGING: `level` (a name) and `json` (else lines for people). Raises
    ValueError for an unknown level.
    """
    as_json = bool(config.get("json", True))
    structlog.configure(
        processors=[*_common(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_handler(as_json)]
    root.setLevel(str(config.get("level", "INFO")).upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("django", "django.server"):  # Django has given them handlers of their own
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    return structlog.stdlib.get_logger(name)


def scrub(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hide e-mail addresses, signatures and keys in every text of a log line."""
    return {name: _hide(value) for name, value in event.items()}


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, instead in _SECRETS:
            value = pattern.sub(instead, value)
    return value


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _handler(as_json: bool) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                scrub,
                _renderer(as_json),
            ],
        )
    )
    return handler


def _renderer(as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=24, timestamp_key="time", event_key="event"
    )
