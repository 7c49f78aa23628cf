"""The control endpoints: what they say and whom they refuse."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local.run import LocalCloud


def call(
    cloud: LocalCloud, path: str, wish: Any = None, *, headers: dict[str, str] | None = None
) -> Any:
    request = urllib.request.Request(
        f"{cloud.url}/_gas/{path}",
        data=None if wish is None else json.dumps(wish).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def test_health_is_told(cloud: LocalCloud) -> None:
    assert call(cloud, "health")["ok"] is True


def test_the_clock_goes_forward_and_forgetting_sets_it_right(cloud: LocalCloud) -> None:
    assert call(cloud, "clock", {"advance": 3600})["offset"] == 3600
    assert call(cloud, "clock")["now"] > time.time() + 3500
    cloud.forget()
    assert call(cloud, "clock")["offset"] == 0


def test_faults_are_set_and_forgotten(cloud: LocalCloud) -> None:
    assert call(cloud, "faults", {"throttle": 2})["throttle"] == 2
    cloud.forget()
    assert call(cloud, "faults")["throttle"] == 0


@pytest.mark.parametrize(
    ("path", "wish", "headers", "status"),
    [
        ("clock", {"advance": -1}, {}, 400),
        ("clock", {"advance": "soon"}, {}, 400),
        ("faults", {"no_such": True}, {}, 400),
        ("faults", [], {}, 400),
        ("clock", {"advance": 1}, {"Content-Type": "text/plain"}, 415),
        ("mail", None, {"Host": "evil.example:80"}, 403),
        ("nothing", None, {}, 404),
    ],
)
def test_what_makes_no_sense_or_comes_from_elsewhere_is_refused(
    cloud: LocalCloud, path: str, wish: Any, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(cloud, path, wish, headers=headers)
    assert caught.value.code == status
    assert json.loads(caught.value.read())["message"]


def test_a_second_cloud_in_one_process_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="already"):
        LocalCloud(data=tmp_path).start()
    assert call(cloud, "health")["ok"] is True
