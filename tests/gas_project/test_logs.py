"""What a log line looks like, and what never stands in one."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings

from gas_project import logs


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    logs.configure({"level": "INFO", "json": True})
    yield out
    monkeypatch.undo()
    logs.configure(settings.LOGGING)


def last(out: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_a_line_carries_what_is_bound(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(queue="archive"):
        logs.get("gas").info("message.done", job_id="0b9c")
    line = last(lines)
    assert (line["event"], line["queue"], line["job_id"]) == ("message.done", "archive", "0b9c")
    assert (line["level"], line["logger"]) == ("info", "gas")
    assert line["time"].endswith("Z")


def test_the_lines_of_libraries_look_the_same(lines: io.StringIO) -> None:
    logging.getLogger("django").warning("slow by %d", 7)
    assert last(lines)["event"] == "slow by 7"
    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    "secret",
    [
        "alice@example.org",
        "https://b/k?X-Amz-Signature=0badcafe&X-Amz-Expires=3",
        "{'password': '0badcafe'}",
        "token=0badcafe",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_secrets_in_exceptions_are_hidden(lines: io.StringIO, secret: str) -> None:
    try:
        raise ValueError(secret)
    except ValueError:
        logs.get("gas").exception("message.failed")
    told = lines.getvalue()
    assert "ValueError" in told
    assert not any(word in told for word in ("alice", "0badcafe", "AKIAABC"))


def test_debug_lines_and_the_chatter_of_boto_are_left_out(lines: io.StringIO) -> None:
    logs.get("gas").debug("no")
    logging.getLogger("botocore").info("no")
    assert lines.getvalue() == ""


def test_lines_for_people_are_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure({"level": "info", "json": False})
    logs.get("gas").info("message.done", job_id="0b9c")
    told = capsys.readouterr().err
    logs.configure(settings.LOGGING)
    assert "message.done" in told
    assert "job_id=0b9c" in told
    assert "{" not in told


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        logs.configure({"level": "loud"})
    logs.configure(settings.LOGGING)
